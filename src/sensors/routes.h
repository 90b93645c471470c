/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Usable default routes as the kernel has them: of IPv4 or IPv6, in any table, over an interface that is up and has a
 * carrier. Notifications only say that something may have changed; what counts is read anew, because the kernel drops
 * the routes of an interface that goes down without a word.
 */

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/macro.h"

typedef struct Routes Routes;

/* What is known of the network that the default routes lead to. */
typedef enum RouteLink {
        ROUTE_LINK_WIRED,    /* Ethernet and what is made of it */
        ROUTE_LINK_WIRELESS,
        ROUTE_LINK_MOBILE,   /* mobile broadband, Bluetooth */
        ROUTE_LINK_OTHER,    /* tunnels and dialled connections: what they go over is not known */
} RouteLink;

typedef struct RouteState {
        bool known;               /* the kernel has answered */
        bool usable;              /* name and link are those of a usable default route */
        unsigned index;           /* of its interface, 0: there is no default route at all */
        char name[IF_NAMESIZE];
        RouteLink link;
} RouteState;

/* changed is called from the loop when the state differs, and once when it is first known. sysfs is copied. */
int routes_new(Loop *loop, const char *sysfs, void (*changed)(void *userdata), void *userdata, Routes **ret_routes);
Routes *routes_free(Routes *routes);
DEFINE_CLEANUP(Routes *, routes_free);
const RouteState *routes_get(const Routes *routes);
