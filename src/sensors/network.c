/* SPDX-License-Identifier: MIT */

/*
 * InternetAvailable, FreeNetworkAvailable and NetworkStateChange. The kernel knows whether there is a way out,
 * NetworkManager what is at its end: a captive portal, or somebody who counts the bytes.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sensors/internal.h"
#include "sensors/routes.h"
#include "sensors/service.h"

/* NMConnectivityState, NMState and NMMetered, of NetworkManager's D-Bus interface. */
enum {
        NM_CONNECTIVITY_UNKNOWN = 0,
        NM_CONNECTIVITY_NONE = 1,
        NM_CONNECTIVITY_PORTAL = 2,
        NM_CONNECTIVITY_LIMITED = 3,
        NM_CONNECTIVITY_FULL = 4,
};
enum { NM_STATE_CONNECTING = 40 };
enum {
        NM_METERED_YES = 1,
        NM_METERED_NO = 2,
        NM_METERED_GUESS_YES = 3,
        NM_METERED_GUESS_NO = 4,
};

static const char manager_title[] = "NetworkManager";
static const char kernel_title[] = "rtnetlink";

typedef struct Network {
        Sensor sensor;
        Service manager;
        Routes *routes;
        bool started;
        bool judged;
        bool answered;         /* the manager has told its connectivity */
        uint32_t connectivity;
        uint32_t state;
        uint32_t metered;
        unsigned last_index;   /* what NetworkStateChange compares */
        int last_internet;
        int last_free;
} Network;

static void report_internet(Network *network, int level, const char *source, const char *words)
{
        sensor_report(&network->sensor, CONDITION_INTERNET_AVAILABLE, level, source, "%s", words);
}

static const char *connectivity_words(const Network *network)
{
        switch (network->connectivity) {
        case NM_CONNECTIVITY_PORTAL:
                return "NetworkManager says that a portal wants a sign-in first";
        case NM_CONNECTIVITY_LIMITED:
                return "NetworkManager says limited connectivity";
        default:
                return "NetworkManager says full connectivity";
        }
}

/* The manager's word counts unless it has none, or something else manages the network. */
static bool manager_decides(const Network *network)
{
        return network->manager.state == SERVICE_KNOWN && network->answered &&
               network->connectivity >= NM_CONNECTIVITY_PORTAL && network->connectivity <= NM_CONNECTIVITY_FULL;
}

static const char *explain_manager(const Network *network, char *buf, size_t size)
{
        if (network->manager.state != SERVICE_KNOWN)
                return service_explain(&network->manager, buf, size);
        if (!network->answered)
                snprintf(buf, size, "NetworkManager does not tell its connectivity");
        else if (network->connectivity == NM_CONNECTIVITY_NONE)
                snprintf(buf, size, "NetworkManager does not manage it");
        else
                snprintf(buf, size, "NetworkManager does not know its connectivity");
        return buf;
}

static int judge_internet(Network *network, const RouteState *route)
{
        char words[WORDS_MAX], why[WORDS_MAX / 2];

        if (!route->usable) {
                if (route->index == 0)
                        snprintf(words, sizeof words, "there is no default route");
                else
                        snprintf(words, sizeof words, "the default route is over %s, which is down", route->name);
                report_internet(network, 0, kernel_title, words);
                return 0;
        }
        if (manager_decides(network)) {
                report_internet(network, network->connectivity == NM_CONNECTIVITY_FULL, manager_title,
                                connectivity_words(network));
                return network->connectivity == NM_CONNECTIVITY_FULL;
        }
        snprintf(words, sizeof words, "there is a default route over %s (%s)", route->name,
                 explain_manager(network, why, sizeof why));
        report_internet(network, 1, kernel_title, words);
        return 1;
}

static int report_free(Network *network, int level, const char *source, const char *words)
{
        sensor_report(&network->sensor, CONDITION_FREE_NETWORK_AVAILABLE, level, source, "%s", words);
        return level;
}

static int judge_link(Network *network, const RouteState *route)
{
        char words[WORDS_MAX];

        switch (route->link) {
        case ROUTE_LINK_WIRED:
                snprintf(words, sizeof words, "%s is wired, which is taken as not metered", route->name);
                return report_free(network, 1, kernel_title, words);
        case ROUTE_LINK_MOBILE:
                snprintf(words, sizeof words, "%s is a mobile connection, which is taken as metered", route->name);
                return report_free(network, 0, kernel_title, words);
        default:
                snprintf(words, sizeof words, "only NetworkManager could tell whether %s is metered", route->name);
                return report_free(network, -1, "", words);
        }
}

static int judge_free(Network *network, const RouteState *route, int internet)
{
        if (internet == 0)
                return report_free(network, 0, route->usable ? manager_title : kernel_title,
                                   "there is no connection to the Internet");
        if (!manager_decides(network))
                return judge_link(network, route);
        switch (network->metered) {
        case NM_METERED_YES:
                return report_free(network, 0, manager_title, "NetworkManager says that the connection is metered");
        case NM_METERED_GUESS_YES:
                return report_free(network, 0, manager_title,
                                   "NetworkManager guesses that the connection is metered");
        case NM_METERED_NO:
        case NM_METERED_GUESS_NO:
                return report_free(network, 1, manager_title,
                                   "NetworkManager says that the connection is not metered");
        default:
                return judge_link(network, route);
        }
}

/* While a connection is being made neither side has the whole truth: what was so stays so. */
static bool is_in_between(const Network *network, const RouteState *route)
{
        if (network->manager.state == SERVICE_ASKED)
                return route->usable;
        return network->judged && network->manager.state == SERVICE_KNOWN && network->answered && route->usable &&
               network->connectivity == NM_CONNECTIVITY_NONE && network->state == NM_STATE_CONNECTING;
}

static void judge(Network *network)
{
        const RouteState *route = routes_get(network->routes);
        int internet, free_network;
        bool differs;

        if (!network->started || !route->known || is_in_between(network, route))
                return;
        internet = judge_internet(network, route);
        free_network = judge_free(network, route, internet);
        differs = network->last_index != (route->usable ? route->index : 0) || network->last_internet != internet ||
                  network->last_free != free_network;
        network->last_index = route->usable ? route->index : 0;
        network->last_internet = internet;
        network->last_free = free_network;
        if (differs && network->judged)
                sensor_raise(&network->sensor, SYSTEM_NETWORK_STATE_CHANGE, "%s",
                             internet ? "connected" : "not connected");
        network->judged = true;
}

/* The manager sees the same change, or does not see anything any more: its answer, or the lack of it, tells. */
static void on_routes(void *userdata)
{
        Network *network = userdata;

        service_refresh(&network->manager);
        if (network->manager.state != SERVICE_KNOWN || !routes_get(network->routes)->usable)
                judge(network);
}

static void on_properties(Service *service, const Message *m, void *userdata)
{
        Network *network = userdata;
        const char *key, *type;
        Reader r;

        network->answered = false;
        network->state = network->metered = 0;
        if (m->type != MESSAGE_RETURN)
                return;
        reader_init(&r, m);
        reader_open_array(&r, "{sv}");
        while (reader_next_option(&r, &key, &type)) {
                if (service_property_is(key, type, "Connectivity", "u")) {
                        network->connectivity = reader_get_uint32(&r);
                        network->answered = true;
                } else if (service_property_is(key, type, "State", "u")) {
                        network->state = reader_get_uint32(&r);
                } else if (service_property_is(key, type, "Metered", "u")) {
                        network->metered = reader_get_uint32(&r);
                }
        }
}

static void on_ask(Service *service, void *userdata)
{
        service_get_all(service, "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager", on_properties);
}

static void on_manager(Service *service, void *userdata)
{
        judge(userdata);
}

static const ServiceType manager_type = {
        .name = "org.freedesktop.NetworkManager",
        .title = manager_title,
        .match = "path='/org/freedesktop/NetworkManager'",
        .ask = on_ask,
        .changed = on_manager,
};

static void stop(Sensor *sensor)
{
        Network *network = CONTAINER_OF(sensor, Network, sensor);

        network->started = false;
        service_done(&network->manager);
        routes_free(network->routes);
}

static int start(Sensor *sensor)
{
        Network *network = CONTAINER_OF(sensor, Network, sensor);
        int r;

        r = routes_new(sensor_loop(sensor), sensor_config(sensor)->sysfs, on_routes, network, &network->routes);
        if (r >= 0)
                r = service_init(&network->manager, sensor_loop(sensor), sensor_bus(sensor), &manager_type, network);
        if (r < 0)
                return r;
        network->started = true;
        judge(network);
        return 0;
}

const SensorType sensor_network = {
        .name = "network",
        .conditions = CONDITION_BIT(CONDITION_INTERNET_AVAILABLE) | CONDITION_BIT(CONDITION_FREE_NETWORK_AVAILABLE),
        .events = 1u << SYSTEM_NETWORK_STATE_CHANGE,
        .size = sizeof(Network),
        .start = start,
        .stop = stop,
};
