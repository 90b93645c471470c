/* SPDX-License-Identifier: MIT */
#pragma once

/* Servers that are programs of Windows, run by Wine. */

#include "broker/broker.h"

/*
 * Makes a host ready for a server of this package. 1: it is being started, and broker_server_launch_on() is called
 * when it is ready or has failed. 0: it is ready. Negative errno, which was said to the log: -ENOENT (there is no Wine
 * here, or not our part of it, or the package's prefix is gone), and those of launcher_spawn().
 */
int broker_wine_prepare(Server *server, const Package *package);
/* Whether the prefix that the package was installed with is not there any more. */
bool broker_wine_prefix_is_gone(const Package *package);
/*
 * What starts Wine: the loader, and the variables that it needs, two strings to be freed. -ENOMEM, -ENOENT.
 */
int broker_wine_command(const Broker *broker, const Package *package, char **ret_loader,
                        char *ret_variables[static 2]);
/* The server was started: its class objects are to be found. */
void broker_wine_started(Server *server, const Package *package);
/* It has ended, or will never start. */
void broker_wine_ended(Server *server);
/* Asks the server to end as ExitProcess() does. False: nobody can. */
bool broker_wine_end(Server *server);
/* True if the process was a host. */
bool broker_wine_host_ended(Broker *broker, Process *process, const ProcessResult *result);
/* Lets all hosts go. */
void broker_wine_done(Broker *broker);
