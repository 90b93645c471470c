/* SPDX-License-Identifier: MIT */

#include "sensors/push.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/utf8.h"
#include "sensors/distributor.h"

#define CONNECTOR_1 "org.unifiedpush.Connector1"
#define CONNECTOR_2 "org.unifiedpush.Connector2"
#define DISTRIBUTOR_1 "org.unifiedpush.Distributor1"
#define DISTRIBUTOR_2 "org.unifiedpush.Distributor2"
#define SUCCEEDED "REGISTRATION_SUCCEEDED"
#define ENDPOINT_MAX 2048
#define ID_MAX 200
#define REASON_MAX 64
/* Registrations that the distributor is asked for at once, and messages that are on their way to the store. */
#define ASKED_MAX 16
#define ANSWERS_MAX 256

typedef struct Watcher {
        MapNode node;           /* by token */
        ListNode waiting;       /* in push.waiting: to be asked for */
        Push *push;
        Uuid token;
        uint32_t serial;        /* of the call that registers it; 0: none is under way */
        bool asked_old;         /* by the first version of the interfaces */
        bool registered;
        char *endpoint;         /* NULL: it has given none yet */
        char reason[REASON_MAX]; /* why it was refused; "": it was not */
        uint64_t again_boot_usec; /* when it was last registered because the distributor had dropped it */
        char text[];
} Watcher;

/* What the distributor hears when a message is stored. */
typedef struct Answer {
        ListNode node;
        uint64_t token;
        Message *call;
} Answer;

struct Push {
        Distributor distributor;
        const SensorsConfig *config;
        Map watchers;
        ListNode waiting;
        unsigned n_asked;
        bool old;               /* the distributor knows only the first version of the interfaces */
        ListNode answers;
        unsigned n_answers;
        uint64_t last_token;
        char problem[200];
};

static uint64_t hash_of(Uuid token)
{
        uint64_t hash;

        memcpy(&hash, token.bytes, sizeof hash);
        return hash;
}

static Watcher *find(const Push *push, Uuid token)
{
        for (MapNode *i = map_find(&push->watchers, hash_of(token)); i; i = map_next(i))
                if (uuid_equal(CONTAINER_OF(i, Watcher, node)->token, token))
                        return CONTAINER_OF(i, Watcher, node);
        return NULL;
}

static int read_token(const char *text, Uuid *ret_token)
{
        char token[UUID_STRING_MAX];

        if (strnlen(text, UUID_STRING_MAX) < UUID_STRING_MAX || text[UUID_STRING_MAX - 1] != '\t')
                return -EINVAL;
        memcpy(token, text, UUID_STRING_MAX - 1);
        token[UUID_STRING_MAX - 1] = '\0';
        return uuid_parse(token, ret_token);
}

static Watcher *find_text(const Push *push, const char *text)
{
        Uuid token;

        return read_token(text, &token) < 0 ? NULL : find(push, token);
}

static void pump(Push *push);

static void set_waiting(Watcher *watcher)
{
        if (!list_is_linked(&watcher->waiting) && !watcher->serial)
                list_append(&watcher->push->waiting, &watcher->waiting);
}

static void refuse(Watcher *watcher, const char *reason)
{
        snprintf(watcher->reason, sizeof watcher->reason, "%s", reason[0] ? reason : "it gives no reason");
        distributor_retry(&watcher->push->distributor);
}

/* That a distributor does not know the interface, and not that it does not want to. */
static bool is_unknown(const Message *reply)
{
        static const char *const names[] = { "UnknownMethod", "UnknownInterface", "UnknownObject" };
        const char *prefix = "org.freedesktop.DBus.Error.", *name = reply->error_name ?: "";

        if (strncmp(name, prefix, strlen(prefix)) != 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(name + strlen(prefix), names[i]) == 0)
                        return true;
        return false;
}

static void read_result(const Message *reply, const char **ret_success, const char **ret_reason)
{
        const char *key, *type;
        Reader r;

        reader_init(&r, reply);
        *ret_success = *ret_reason = "";
        if (strcmp(reply->signature, "ss") == 0) {
                *ret_success = reader_get_string(&r);
                *ret_reason = reader_get_string(&r);
                return;
        }
        if (strcmp(reply->signature, "a{sv}") != 0)
                return;
        reader_open_array(&r, "{sv}");
        while (reader_next_option(&r, &key, &type))
                if (strcmp(key, "success") == 0 && strcmp(type, "s") == 0)
                        *ret_success = reader_get_string(&r);
                else if (strcmp(key, "reason") == 0 && strcmp(type, "s") == 0)
                        *ret_reason = reader_get_string(&r);
}

static void take_result(Watcher *watcher, const Message *reply)
{
        const char *success, *reason;
        Push *push = watcher->push;

        if (reply->type == MESSAGE_ERROR && is_unknown(reply) && !watcher->asked_old) {
                push->old = true;
                set_waiting(watcher);
                return;
        }
        if (reply->type == MESSAGE_ERROR) {
                refuse(watcher, message_error_text(reply));
                return;
        }
        read_result(reply, &success, &reason);
        /* Distributors of the first version say so, or what will come of it. */
        if (strcmp(success, SUCCEEDED) == 0 || (watcher->asked_old && strcmp(success, "NEW_ENDPOINT") == 0)) {
                watcher->registered = true;
                distributor_praise(&push->distributor);
        } else {
                refuse(watcher, reason[0] ? reason : success);
        }
}

static void on_registered(Connection *c, Message *reply, int error, void *userdata)
{
        Watcher *watcher = userdata;

        watcher->serial = 0;
        watcher->push->n_asked--;
        if (!reply)
                return;
        take_result(watcher, reply);
        pump(watcher->push);
}

static void put_register(Writer *w, const Watcher *watcher, bool old)
{
        const char *name = strrchr(watcher->text, '\t') + 1;
        char token[UUID_STRING_MAX], description[300];

        uuid_format(watcher->token, token);
        snprintf(description, sizeof description, "bgtask: %s", name);
        if (old) {
                writer_put_string(w, CONNECTOR_NAME);
                writer_put_string(w, token);
                writer_put_string(w, description);
                return;
        }
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "service", CONNECTOR_NAME);
        writer_put_option_string(w, "token", token);
        writer_put_option_string(w, "description", description);
        writer_close(w);
}

static Writer *start_call(Push *push, const char *member)
{
        Writer *w = system_bus_writer(push->distributor.bus);

        writer_start_call(w, push->distributor.owner, DISTRIBUTOR_PATH, push->old ? DISTRIBUTOR_1 : DISTRIBUTOR_2,
                          member);
        return w;
}

/* Asks for those whose turn it is. */
static void pump(Push *push)
{
        while (distributor_is_usable(&push->distributor) && push->n_asked < ASKED_MAX &&
               !list_is_empty(&push->waiting)) {
                Watcher *watcher = list_entry(push->waiting.next, Watcher, waiting);
                Writer *w = start_call(push, "Register");

                list_remove(&watcher->waiting);
                watcher->reason[0] = '\0';
                watcher->asked_old = push->old;
                put_register(w, watcher, push->old);
                if (connection_call(system_bus_connection(push->distributor.bus), w, on_registered, watcher,
                                    &watcher->serial) >= 0)
                        push->n_asked++;
                else
                        refuse(watcher, "it cannot be asked");
        }
}

static void tell_unregister(Push *push, Uuid token)
{
        char text[UUID_STRING_MAX];
        Writer *w;

        if (!distributor_is_usable(&push->distributor))
                return;
        w = start_call(push, "Unregister");
        uuid_format(token, text);
        if (push->old) {
                writer_put_string(w, text);
        } else {
                writer_open_array(w, "{sv}");
                writer_put_option_string(w, "token", text);
                writer_close(w);
        }
        writer_set_flags(w, MESSAGE_NO_REPLY_EXPECTED);
        (void)connection_send(system_bus_connection(push->distributor.bus), w);
}

static void drop_call(Watcher *watcher)
{
        if (!watcher->serial)
                return;
        if (connection_cancel_call(system_bus_connection(watcher->push->distributor.bus), watcher->serial))
                watcher->push->n_asked--;
        watcher->serial = 0;
}

static void drop_answers(Push *push)
{
        list_for_each_safe(i, &push->answers) {
                Answer *answer = list_entry(i, Answer, node);

                list_remove(i);
                message_unref(answer->call);
                free(answer);
        }
        push->n_answers = 0;
}

static void for_each(Push *push, void (*what)(Watcher *watcher))
{
        for (size_t i = 0; i < push->watchers.n_buckets; i++)
                for (MapNode *node = push->watchers.buckets[i], *next; node; node = next) {
                        next = node->next;
                        what(CONTAINER_OF(node, Watcher, node));
                }
}

static void begin_anew(Watcher *watcher)
{
        drop_call(watcher);
        watcher->registered = false;
        watcher->reason[0] = '\0';
        set_waiting(watcher);
}

static void try_again(Watcher *watcher)
{
        if (!watcher->registered)
                set_waiting(watcher);
}

static void on_changed(void *userdata)
{
        Push *push = userdata;

        push->old = false;
        if (!push->distributor.has_bus)
                drop_answers(push);
        for_each(push, begin_anew);
        pump(push);
}

static void on_retry(void *userdata)
{
        for_each(userdata, try_again);
        pump(userdata);
}

/* What a call of either version says; what it does not say is NULL. */
typedef struct Said {
        const char *token;
        const char *endpoint;
        const char *id;
        const uint8_t *message;
        size_t n_message;
} Said;

static bool read_options(Reader *r, Said *said)
{
        const char *key, *type;

        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type))
                if (strcmp(key, "token") == 0 && strcmp(type, "s") == 0)
                        said->token = reader_get_string(r);
                else if (strcmp(key, "endpoint") == 0 && strcmp(type, "s") == 0)
                        said->endpoint = reader_get_string(r);
                else if (strcmp(key, "id") == 0 && strcmp(type, "s") == 0)
                        said->id = reader_get_string(r);
                else if (strcmp(key, "message") == 0 && strcmp(type, "ay") == 0)
                        said->message = reader_get_bytes(r, &said->n_message);
        return reader_error(r) >= 0;
}

static bool read_call(const Message *m, Said *said)
{
        Reader r;

        *said = (Said){ 0 };
        reader_init(&r, m);
        if (strcmp(m->interface, CONNECTOR_2) == 0)
                return strcmp(m->signature, "a{sv}") == 0 && read_options(&r, said);
        said->token = reader_get_string(&r);
        if (strcmp(m->member, "Message") == 0) {
                said->message = reader_get_bytes(&r, &said->n_message);
                said->id = reader_get_string(&r);
        } else if (strcmp(m->member, "NewEndpoint") == 0) {
                said->endpoint = reader_get_string(&r);
        }
        return reader_error(&r) >= 0;
}

static void reply_error(Push *push, const Message *m, const char *name, const char *sentence)
{
        Writer *w = system_bus_writer(push->distributor.bus);
        char full[80];

        snprintf(full, sizeof full, "org.freedesktop.DBus.Error.%s", name);
        writer_start_error(w, m, full, sentence);
        (void)connection_reply(system_bus_connection(push->distributor.bus), w, m);
}

static void reply(Push *push, const Message *m, const char *id)
{
        Writer *w = system_bus_writer(push->distributor.bus);

        writer_start_return(w, m);
        if (strcmp(m->interface, CONNECTOR_2) == 0) {
                writer_open_array(w, "{sv}");
                if (id)
                        writer_put_option_string(w, "id", id);
                writer_close(w);
        }
        (void)connection_reply(system_bus_connection(push->distributor.bus), w, m);
}

static bool is_endpoint(const char *url)
{
        size_t n = strlen(url);

        return n <= ENDPOINT_MAX && !utf8_has_control(url, n) && !strchr(url, ' ') &&
               (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0);
}

static void take_endpoint(Watcher *watcher, const char *endpoint)
{
        char *copy;

        if (!is_endpoint(endpoint) || (watcher->endpoint && strcmp(watcher->endpoint, endpoint) == 0))
                return;
        copy = strdup(endpoint);
        if (!copy)
                return;
        free(watcher->endpoint);
        watcher->endpoint = copy;
        watcher->push->config->endpoint(watcher->text, watcher->push->config->userdata);
}

/* At once, if that was not so a short while ago: a distributor that drops everything is not to keep us busy. */
static void take_unregistered(Watcher *watcher)
{
        uint64_t now = clock_now_usec(CLOCK_BOOTTIME);
        Push *push = watcher->push;

        watcher->registered = false;
        if (watcher->again_boot_usec > 0 && now - watcher->again_boot_usec < DISTRIBUTOR_RETRY_MIN) {
                refuse(watcher, "it has dropped the registration");
                return;
        }
        watcher->again_boot_usec = now;
        set_waiting(watcher);
        pump(push);
}

static void take_message(Watcher *watcher, Message *m, const Said *said)
{
        Push *push = watcher->push;
        Answer *answer;

        if (said->n_message > PUSH_MESSAGE_MAX || (said->id && strlen(said->id) > ID_MAX)) {
                reply_error(push, m, "LimitsExceeded", "a message has at most 4096 bytes, its id 200");
                return;
        }
        answer = push->n_answers < ANSWERS_MAX ? calloc(1, sizeof *answer) : NULL;
        if (!answer) {
                reply_error(push, m, "LimitsExceeded", "too many messages are on their way");
                return;
        }
        answer->call = message_ref(m);
        answer->token = ++push->last_token;
        list_append(&push->answers, &answer->node);
        push->n_answers++;
        push->config->pushed(watcher->text, said->message, said->n_message, answer->token, push->config->userdata);
}

static bool is_known(const Message *m)
{
        static const char *const signatures[][2] = {
                { "Message", "says" }, { "NewEndpoint", "ss" }, { "Unregistered", "s" },
        };

        for (size_t i = 0; m->interface && i < ELEMENTSOF(signatures); i++)
                if (message_is_call(m, CONNECTOR_2, signatures[i][0]) ||
                    (message_is_call(m, CONNECTOR_1, signatures[i][0]) &&
                     strcmp(m->signature, signatures[i][1]) == 0))
                        return true;
        return false;
}

static void on_called(Message *m, void *userdata)
{
        Push *push = userdata;
        Watcher *watcher = NULL;
        bool is_message;
        Said said;
        Uuid token;

        if (!is_known(m)) {
                reply_error(push, m, "UnknownMethod", "a connector of UnifiedPush has no such method");
                return;
        }
        if (!read_call(m, &said) || !said.token) {
                reply_error(push, m, "InvalidArgs", "a call of UnifiedPush has other arguments");
                return;
        }
        is_message = strcmp(m->member, "Message") == 0;
        if (uuid_parse(said.token, &token) >= 0) {
                watcher = find(push, token);
                /* Who was not there when it was over is told when a message comes for it. */
                if (!watcher && is_message)
                        tell_unregister(push, token);
        }
        if (is_message && watcher && said.message) {
                take_message(watcher, m, &said);
                return;
        }
        if (is_message) {
                reply_error(push, m, "InvalidArgs", "this token is not registered, or there is no message");
                return;
        }
        reply(push, m, NULL);
        if (watcher && strcmp(m->member, "NewEndpoint") == 0 && said.endpoint)
                take_endpoint(watcher, said.endpoint);
        else if (watcher && strcmp(m->member, "Unregistered") == 0)
                take_unregistered(watcher);
}

void push_answer(Push *push, uint64_t token, bool stored)
{
        list_for_each_safe(i, &push->answers) {
                Answer *answer = list_entry(i, Answer, node);
                Said said;

                if (answer->token != token)
                        continue;
                list_remove(i);
                push->n_answers--;
                if (!stored)
                        reply_error(push, answer->call, "LimitsExceeded", "the message could not be stored");
                else if (read_call(answer->call, &said))
                        reply(push, answer->call, said.id);
                message_unref(answer->call);
                free(answer);
                return;
        }
}

static const DistributorType distributor_type = {
        .changed = on_changed,
        .called = on_called,
        .retry = on_retry,
};

int push_watch(Push *push, const char *text)
{
        size_t n = strlen(text) + 1;
        Watcher *watcher;
        Uuid token;

        if (read_token(text, &token) < 0)
                return -EINVAL;
        if (find(push, token))
                return -EEXIST;
        watcher = calloc(1, sizeof *watcher + n);
        if (!watcher)
                return -ENOMEM;
        watcher->push = push;
        watcher->token = token;
        list_init(&watcher->waiting);
        memcpy(watcher->text, text, n);
        map_insert(&push->watchers, &watcher->node, hash_of(token));
        set_waiting(watcher);
        pump(push);
        return 0;
}

static void watcher_free(Watcher *watcher)
{
        drop_call(watcher);
        map_remove(&watcher->push->watchers, &watcher->node);
        list_remove(&watcher->waiting);
        free(watcher->endpoint);
        free(watcher);
}

void push_unwatch(Push *push, const char *text)
{
        Watcher *watcher = find_text(push, text);

        if (!watcher)
                return;
        tell_unregister(push, watcher->token);
        watcher_free(watcher);
        pump(push);
}

bool push_is_empty(const Push *push)
{
        return push->watchers.n == 0;
}

const char *push_endpoint(const Push *push, const char *text)
{
        const Watcher *watcher = find_text(push, text);

        return watcher ? watcher->endpoint : NULL;
}

SensorReading push_reading(Push *push)
{
        const char *problem = distributor_explain(&push->distributor, push->problem, sizeof push->problem);

        return (SensorReading){
                .level = problem ? 0 : 1,
                .source = push->distributor.chosen,
                .words = problem ?: "messages come from this UnifiedPush distributor",
                .needed = true,
        };
}

const char *push_problem(Push *push, const char *text)
{
        const Watcher *watcher = find_text(push, text);
        const char *chosen = push->distributor.chosen;

        if (!watcher || distributor_explain(&push->distributor, push->problem, sizeof push->problem))
                return watcher ? push->problem : NULL;
        if (watcher->reason[0])
                snprintf(push->problem, sizeof push->problem, "%.80s refuses it: %s", chosen, watcher->reason);
        else if (!watcher->registered)
                snprintf(push->problem, sizeof push->problem, "%.80s has not answered yet", chosen);
        else if (!watcher->endpoint)
                snprintf(push->problem, sizeof push->problem, "%.80s has given no endpoint yet", chosen);
        else
                return NULL;
        return push->problem;
}

int push_new(Loop *loop, const SensorsConfig *config, Push **ret_push)
{
        _cleanup_(push_freep) Push *push = calloc(1, sizeof *push);
        int r;

        if (!push)
                return -ENOMEM;
        push->config = config;
        list_init(&push->waiting);
        list_init(&push->answers);
        r = map_init(&push->watchers);
        if (r >= 0)
                r = distributor_init(&push->distributor, loop, config->session_bus, config->push_distributor,
                                     &distributor_type, push);
        if (r < 0)
                return r;
        *ret_push = TAKE_PTR(push);
        return 0;
}

int push_move(Push *push, const char *address)
{
        return push->distributor.bus ? system_bus_move(push->distributor.bus, address) : 0;
}

Push *push_free(Push *push)
{
        if (!push)
                return NULL;
        if (push->watchers.buckets)
                for_each(push, watcher_free);
        drop_answers(push);
        distributor_done(&push->distributor);
        map_done(&push->watchers);
        free(push);
        return NULL;
}
