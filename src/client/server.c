/* SPDX-License-Identifier: MIT */

#include "client/server.h"

#include <errno.h>
#include <string.h>

#include <bgtask/manage.h>

#include "base/uuid.h"
#include "client/call.h"
#include "client/driver.h"
#include "client/error.h"
#include "client/instance.h"
#include "client/link.h"
#include "client/report.h"

/* How long a class waits for a broker that was lost while it was being registered. */
#define REGISTER_USEC (15 * USEC_PER_SEC)
#define REGCLS_ALL 0x1fu
/* Of those before BGT_REGCLS_SUSPENDED there is one. */
#define REGCLS_KIND 0x3u

bgt_server *server_ref(bgt_server *server)
{
        atomic_fetch_add_explicit(&server->n_ref, 1, memory_order_relaxed);
        return server;
}

void server_unref(bgt_server *server)
{
        if (!server || atomic_fetch_sub_explicit(&server->n_ref, 1, memory_order_acq_rel) > 1)
                return;
        message_unref(server->refusal);
        client_unref(server->b);
        free(server);
}
DEFINE_CLEANUP(bgt_server *, server_unref);

bgt_server *server_find(bgt *b, const char *clsid, uint32_t cookie)
{
        char text[UUID_STRING_MAX] = "";
        Uuid uuid;

        /* Without one: the in-process tasks. */
        if (*clsid && uuid_parse(clsid, &uuid) < 0)
                return NULL;
        if (*clsid)
                (void)uuid_format(uuid, text);
        list_for_each(i, &b->servers) {
                bgt_server *server = list_entry(i, bgt_server, node);

                if (server->state == SERVER_REGISTERED && server->cookie == cookie &&
                    strcmp(server->clsid, text) == 0)
                        return server;
        }
        return NULL;
}

static void revoke_cookie(bgt *b, uint32_t cookie)
{
        interface_start_call(&b->writer, CLIENT_PATH, &server1_interface, SERVER1_METHOD_REVOKE_CLASS);
        writer_put_uint32(&b->writer, cookie);
        writer_set_flags(&b->writer, MESSAGE_NO_REPLY_EXPECTED);
        (void)connection_send(b->connection, &b->writer);
}

static void on_registered(Connection *c, Message *reply, int error, void *userdata)
{
        _cleanup_(server_unrefp) bgt_server *server = userdata;
        bgt *b = server->b;
        Reader r;

        /* Without an answer it is asked for again on the next connection. */
        if (error != 0)
                return;
        if (reply->type == MESSAGE_ERROR) {
                if (server->state == SERVER_REVOKED)
                        return;
                server->state = SERVER_REFUSED;
                server->refusal = message_ref(reply);
                driver_changed(b);
                return;
        }
        reader_init(&r, reply);
        server->cookie = reader_get_uint32(&r);
        if (server->state == SERVER_REVOKED)
                revoke_cookie(b, server->cookie);
        else
                server->state = SERVER_REGISTERED;
        driver_changed(b);
}

static int send_register(bgt_server *server)
{
        bgt *b = server->b;
        unsigned regcls = server->regcls | (b->suspended ? (unsigned)BGT_REGCLS_SUSPENDED : 0);
        int r;

        interface_start_call(&b->writer, CLIENT_PATH, &server1_interface, SERVER1_METHOD_REGISTER_CLASS);
        writer_put_string(&b->writer, server->clsid);
        writer_put_uint32(&b->writer, regcls);
        r = connection_call(b->connection, &b->writer, on_registered, server, NULL);
        if (r >= 0)
                (void)server_ref(server);
        return r;
}

int server_register_all(bgt *b)
{
        int r = 0;

        for (ListNode *i = b->servers.next; i != &b->servers && r >= 0; i = i->next) {
                bgt_server *server = list_entry(i, bgt_server, node);

                if (server->state == SERVER_REGISTERING)
                        r = send_register(server);
        }
        return r;
}

void server_on_disconnected(bgt *b)
{
        list_for_each(i, &b->servers) {
                bgt_server *server = list_entry(i, bgt_server, node);

                if (server->state == SERVER_REGISTERED)
                        server->state = SERVER_REGISTERING;
        }
}

static int check_class(const bgt_class *class_)
{
        /* What the first version had: a caller that was compiled against it passes no more. */
        const size_t least = offsetof(bgt_class, destroy) + sizeof class_->destroy;

        return class_ && class_->size >= least && class_->run ? 0 :
                fail(ERROR_INVALID_ARGUMENT, "a class needs its size and a run function");
}

static int check_clsid(const char *clsid, unsigned regcls, Uuid *ret_clsid)
{
        if (!clsid || uuid_parse(clsid, ret_clsid) < 0)
                return fail(ERROR_INVALID_ARGUMENT, "'%.100s' is no CLSID: it has the form "
                            "14C5882B-35D3-41BE-86B2-5106269B97E6", clsid ? clsid : "");
        if ((regcls & ~REGCLS_ALL) != 0 || (regcls & REGCLS_KIND) > BGT_REGCLS_MULTI_SEPARATE)
                return fail(ERROR_INVALID_ARGUMENT, "REGCLS %#x is not possible", regcls);
        return 0;
}

/* clsid: its text in lower case, or "". */
static int server_new(bgt *b, const char *clsid, unsigned regcls, const bgt_class *class_, void *factory,
                      bgt_server **ret)
{
        bgt_server *server = calloc(1, sizeof *server);

        if (!server)
                return fail(ERROR_NO_MEMORY, NULL);
        atomic_init(&server->n_ref, 1);
        server->b = client_ref(b);
        server->regcls = regcls;
        server->factory = factory;
        memcpy(&server->class_, class_, MIN(class_->size, sizeof *class_));
        (void)snprintf(server->clsid, sizeof server->clsid, "%s", clsid);
        *ret = server;
        return 0;
}

/* Asks, and waits for the answer of whichever broker gives it. */
static int register_and_wait(bgt_server *server)
{
        bgt *b = server->b;
        uint64_t until = usec_add(clock_now_usec(CLOCK_MONOTONIC), REGISTER_USEC);
        int r;

        if (b->gone)
                return fail(ERROR_SHUTTING_DOWN, "the broker was told that this process leaves");
        r = greet_as_server(b);
        if (r < 0)
                return r;
        list_append(&b->servers, &server->node);
        (void)server_ref(server);
        b->idle_mono_usec = clock_now_usec(CLOCK_MONOTONIC);
        /* On a connection that is ending this does nothing, and the next one is asked. */
        if (b->state == LINK_UP && b->attached && send_register(server) == -ENOMEM)
                return fail(ERROR_NO_MEMORY, NULL);
        /* While the broker thinks: a thread for the first run. */
        r = driver_need_threads(b, 2);
        if (r < 0)
                return fail_errno(r, "no thread for runs");
        while (server->state == SERVER_REGISTERING) {
                if (driver_wait(b, &b->changed, until) < 0)
                        return fail(ERROR_SHUTTING_DOWN, "the connection was closed");
                if (server->state == SERVER_REGISTERING && clock_now_usec(CLOCK_MONOTONIC) >= until)
                        return fail(b->state == LINK_UP ? ERROR_TIMED_OUT : ERROR_NO_BROKER, NULL);
        }
        /* Who may not be a server at all is told so, and not that it is none. */
        return server->state != SERVER_REFUSED ? 0 : fail_reply(b->refusal ? b->refusal : server->refusal);
}

/* Withdraws it; the list's reference goes. */
static void withdraw(bgt_server *server)
{
        bgt *b = server->b;

        if (!list_is_linked(&server->node))
                return;
        /* A run that revokes its class has begun. */
        report_acknowledge_all(b);
        if (server->state == SERVER_REGISTERED && b->state == LINK_UP && b->attached && !b->gone)
                revoke_cookie(b, server->cookie);
        server->state = SERVER_REVOKED;
        list_remove(&server->node);
        driver_changed(b);
        server_unref(server);
}

static int register_server(bgt *b, const char *clsid, unsigned regcls, const bgt_class *class_, void *factory,
                           bgt_server **ret)
{
        _cleanup_(server_unrefp) bgt_server *server = NULL;
        int r;

        b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        r = server_new(b, clsid, regcls, class_, factory, &server);
        if (r < 0)
                return r;
        client_lock(b);
        r = register_and_wait(server);
        if (r < 0)
                withdraw(server);
        driver_end_wait(b);
        client_unlock(b);
        if (r < 0)
                return r;
        if (ret)
                *ret = server_ref(server);
        return 0;
}

/* "CLSID TASK": what `bgtask run --here` wants to be run as soon as this process offers the class. */
static int run_wanted(bgt *b, const char *clsid)
{
        const char *wanted = getenv("BGTASK_RUN");
        size_t n = strlen(clsid);
        char task[BGT_ID_SIZE];

        if (!wanted || strncasecmp(wanted, clsid, n) != 0 || wanted[n] != ' ')
                return 0;
        (void)snprintf(task, sizeof task, "%s", wanted + n + 1);
        (void)unsetenv("BGTASK_RUN");
        return bgt_task_run(b, task, false, NULL);
}

int bgt_server_register_class(bgt *b, const char *clsid, unsigned regcls, const bgt_class *class_, void *factory,
                              bgt_server **ret)
{
        char text[UUID_STRING_MAX];
        bgt_server *server;
        Uuid uuid;
        int r;

        r = check_class(class_);
        if (r >= 0)
                r = check_clsid(clsid, regcls, &uuid);
        if (r >= 0)
                r = register_server(b, uuid_format(uuid, text), regcls, class_, factory, &server);
        if (r < 0)
                return r;
        r = run_wanted(b, text);
        if (r < 0)
                bgt_server_revoke(server);
        else if (ret)
                *ret = server;
        else
                server_unref(server);
        return r;
}

int bgt_server_register_in_process(bgt *b, const bgt_class *class_, void *factory, bgt_server **ret)
{
        int r = check_class(class_);

        return r < 0 ? r : register_server(b, "", BGT_REGCLS_MULTIPLEUSE, class_, factory, ret);
}

void bgt_server_revoke(bgt_server *server)
{
        const bgt_instance *current = instance_current();
        bgt *b;

        if (!server || !client_is_ours(server->b))
                return;
        b = client_ref(server->b);
        client_lock(b);
        withdraw(server);
        b->n_end_waiters++;
        while (server->n_live > 0 && !(b->flags & BGT_NO_THREADS) && !driver_is_me(b) &&
               !(current && current->server == server))
                pthread_cond_wait(&b->changed, &b->lock);
        b->n_end_waiters--;
        client_unlock(b);
        server_unref(server);
        client_unref(b);
}

void server_close_all(bgt *b)
{
        list_for_each_safe(i, &b->servers)
                withdraw(list_entry(i, bgt_server, node));
}

static int call_simple(bgt *b, unsigned method)
{
        _cleanup_(call_done) Call call;

        (void)call_init(&call, b, &server1_interface, method);
        return call_run(&call);
}

/* Suspended class objects are registered as such again after a restart of the broker. */
static int set_suspended(bgt *b, bool suspended)
{
        int r;

        b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        client_lock(b);
        r = greet_as_server(b);
        if (r >= 0) {
                b->suspended = suspended;
                list_for_each(i, &b->servers)
                        if (!suspended)
                                list_entry(i, bgt_server, node)->regcls &= ~(unsigned)BGT_REGCLS_SUSPENDED;
        }
        client_unlock(b);
        if (r < 0)
                return r;
        return call_simple(b, suspended ? SERVER1_METHOD_SUSPEND_CLASSES : SERVER1_METHOD_RESUME_CLASSES);
}

int bgt_server_suspend(bgt *b)
{
        return set_suspended(b, true);
}

int bgt_server_resume(bgt *b)
{
        return set_suspended(b, false);
}

int bgt_server_become_app(bgt *b)
{
        int r;

        b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        client_lock(b);
        r = greet_as_server(b);
        client_unlock(b);
        return r < 0 ? r : call_simple(b, SERVER1_METHOD_BECOME_APP);
}
