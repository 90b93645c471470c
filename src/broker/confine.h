/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a package without runFullTrust may see: its folders, and what its capabilities name. The launcher makes it so;
 * docs/confinement.md is the page.
 */

#include "broker/broker.h"

/* Its folders, an external one, the socket, and at most one path for each capability there is. */
#define CONFINE_PATHS_MAX 24

typedef struct PackageConfinement {
        LaunchPath paths[CONFINE_PATHS_MAX];
        char *owned[CONFINE_PATHS_MAX]; /* strings behind some of them */
        size_t n_owned;
        LaunchConfinement launch;
} PackageConfinement;

/* Where a confined server finds its broker. */
#define CONFINED_BUS "/run/bgtask/bus"

/* False also for NULL: a command, which its user wrote. */
bool broker_package_is_confined(const Package *package);
/* Of its manifest. */
bool broker_package_has_capability(const Package *package, const char *name);

/*
 * Makes what the package may see, and its LocalFolder and its socket if they are not there yet. To be freed with
 * package_confinement_done(). Negative errno, with a sentence in the log.
 */
int broker_confine(Broker *broker, const Package *package, const char *local_folder, PackageConfinement *ret);
void package_confinement_done(PackageConfinement *confinement);

/* The socket on which only this package exists. Nothing happens if it is there, or the package is not confined. */
int broker_confine_listen(Broker *broker, const Package *package);
void broker_confine_unlisten(Broker *broker, const char *family);

void confine_set_handlers(BusHandlers *handlers);
