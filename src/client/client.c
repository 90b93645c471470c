/* SPDX-License-Identifier: MIT */

#include "client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "client/activation.h"
#include "client/driver.h"
#include "client/error.h"
#include "client/instance.h"
#include "client/link.h"
#include "client/listen.h"
#include "client/path.h"
#include "client/record.h"
#include "client/server.h"

#define OPEN_FLAGS (BGT_NO_THREADS | BGT_SYSTEM | BGT_NO_AUTOSTART)

const char *client_program;

/* The process's own connection. */
static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;
static bgt *own;
static _Atomic(pid_t) own_pid; /* whose it is; 0: nobody's */
static bool own_is_implied; /* by a call with NULL, which gives no reference back */

int client_set_text(char **p, const char *text)
{
        char *copy = strdup(text ? text : "");

        if (!copy)
                return -ENOMEM;
        free(*p);
        *p = copy;
        return 0;
}

bgt *client_ref(bgt *b)
{
        atomic_fetch_add_explicit(&b->n_ref, 1, memory_order_relaxed);
        return b;
}

void client_unref(bgt *b)
{
        if (atomic_fetch_sub_explicit(&b->n_ref, 1, memory_order_acq_rel) > 1)
                return;
        dispatch_done(&b->dispatch);
        writer_done(&b->writer);
        bgt_record_unref(b->info);
        message_unref(b->refusal);
        free(b->package);
        free(b->socket_path);
        free(b->local_folder);
        free(b->shown_package);
        free(b->cookie);
        pthread_cond_destroy(&b->changed);
        pthread_cond_destroy(&b->parked);
        pthread_mutex_destroy(&b->lock);
        free(b);
}

bool client_is_ours(const bgt *b)
{
        return b->pid == getpid();
}

/* The connection that a launched process inherits, taken once. */
static int inherited_fd = -1;
static pthread_once_t inherited_once = PTHREAD_ONCE_INIT;

static bool is_stream_socket(int fd)
{
        int domain = 0, type = 0;
        socklen_t n_domain = sizeof domain, n_type = sizeof type;

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n_domain) == 0 && domain == AF_UNIX &&
                getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n_type) == 0 && type == SOCK_STREAM;
}

static void take_inherited(void)
{
        const char *text = getenv("BGTASK_FD");
        char *end;
        long fd;

        if (!text)
                return;
        errno = 0;
        fd = strtol(text, &end, 10);
        if (errno == 0 && end != text && *end == '\0' && fd > STDERR_FILENO && fd <= INT_MAX &&
            is_stream_socket((int)fd) && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
                inherited_fd = (int)fd;
        (void)unsetenv("BGTASK_FD");
}

static bgt *allocate(const char *package, unsigned flags)
{
        bgt *b = calloc(1, sizeof *b);

        if (!b)
                return NULL;
        atomic_init(&b->n_ref, 1);
        b->n_open = 1;
        b->pid = getpid();
        b->flags = flags;
        pthread_mutex_init(&b->lock, NULL);
        list_init(&b->jobs);
        list_init(&b->runs);
        list_init(&b->calls);
        list_init(&b->servers);
        list_init(&b->instances);
        list_init(&b->listeners);
        writer_init(&b->writer);
        activation_init(&b->dispatch);
        if (driver_init(b) < 0 || client_set_text(&b->package, package) < 0) {
                driver_done(b);
                client_unref(b);
                return NULL;
        }
        return b;
}

/* Starts the connection; fd is inherited or -1. */
static int start(bgt *b, int fd)
{
        int r;

        if (fd >= 0) {
                client_lock(b);
                r = link_adopt(b, fd);
                client_unlock(b);
                if (r < 0)
                        return fail_errno(r, "the inherited connection cannot be used");
        }
        /* A cold start does not wait, and has no thread until something is waited for. */
        if (fd >= 0)
                return 0;
        client_lock(b);
        r = link_wait_info(b);
        driver_end_wait(b);
        client_unlock(b);
        return r;
}

/* Ends a connection that nobody has open any more. Takes the lock over. */
static void shut(bgt *b)
{
        b->state = LINK_CLOSED;
        driver_stop(b);
        link_close(b);
        listen_drop_queued(b);
        server_close_all(b);
        instance_close_all(b);
        driver_done(b);
        client_unlock(b);
        client_unref(b);
}

static int open_new(const char *package, unsigned flags, int fd, bgt **ret)
{
        bgt *b;
        int r;

        b = allocate(package, flags);
        if (!b)
                return fail(ERROR_NO_MEMORY, NULL);
        r = path_of_socket(flags & BGT_SYSTEM, &b->socket_path);
        if (r >= 0)
                r = start(b, fd);
        if (r < 0) {
                client_lock(b);
                shut(b);
                return r;
        }
        *ret = b;
        return 0;
}

/*
 * The lock of the own connection. Not in the child of a fork: another thread of the parent may have held it, and what
 * it guards is the parent's.
 */
static int lock_own(void)
{
        pid_t pid = atomic_load(&own_pid);

        if (pid != 0 && pid != getpid())
                return fail_errno(-ECHILD, "the process's own connection belongs to its parent");
        pthread_mutex_lock(&own_lock);
        return 0;
}

static int open_own(unsigned flags)
{
        int r;

        (void)pthread_once(&inherited_once, take_inherited);
        r = open_new(getenv("BGTASK_PACKAGE"), flags, inherited_fd, &own);
        if (r < 0)
                return r;
        inherited_fd = -1;
        own->own = true;
        atomic_store(&own_pid, getpid());
        return 0;
}

/* One more reference to it, made if it is not there. */
static int ref_own(unsigned flags, bgt **ret)
{
        int r = 0;

        if (own && own->flags != flags)
                return fail_errno(-EBUSY, "the process's own connection is open with other flags");
        if (own)
                own->n_open++;
        else
                r = open_own(flags);
        if (r >= 0)
                *ret = own;
        return r;
}

int bgt_open(const char *package, unsigned flags, bgt **ret)
{
        int r;

        if ((flags & ~(unsigned)OPEN_FLAGS) != 0 || !ret)
                return fail(ERROR_INVALID_ARGUMENT, "bgt_open() does not know the flags %#x", flags);
        if (package)
                return open_new(package, flags, -1, ret);
        r = lock_own();
        if (r < 0)
                return r;
        r = ref_own(flags, ret);
        pthread_mutex_unlock(&own_lock);
        return r;
}

static bgt *use_own(void)
{
        bgt *b;

        if (lock_own() < 0)
                return NULL;
        if (!own && open_own(0) >= 0)
                own_is_implied = true;
        b = own;
        pthread_mutex_unlock(&own_lock);
        return b;
}

bgt *client_use(bgt *b)
{
        if (!b)
                return use_own();
        if (!client_is_ours(b)) {
                fail_errno(-ECHILD, "the connection belongs to the parent process");
                return NULL;
        }
        return b;
}

/* Takes a reference to the own connection away, the implied one for NULL. Returns it if that was the last. */
static bgt *close_own(bgt *b)
{
        bool last = false;

        if (lock_own() < 0)
                return NULL;
        if (!b && own_is_implied) {
                own_is_implied = false;
                b = own;
        }
        if (b && --b->n_open == 0) {
                own = NULL;
                atomic_store(&own_pid, 0);
                last = true;
        }
        pthread_mutex_unlock(&own_lock);
        return last ? b : NULL;
}

void bgt_close(bgt *b)
{
        if (b && !client_is_ours(b))
                return;
        if (!b || b->own)
                b = close_own(b);
        if (!b)
                return;
        client_lock(b);
        shut(b);
}

const char *bgt_package(bgt *b)
{
        const char *package = NULL;

        b = client_use(b);
        if (!b)
                return NULL;
        client_lock(b);
        if (b->shown_package || link_wait_info(b) >= 0) {
                if (!b->shown_package &&
                    client_set_text(&b->shown_package, bgt_record_string(b->info, "package")) < 0)
                        fail(ERROR_NO_MEMORY, NULL);
                package = b->shown_package;
        }
        driver_end_wait(b);
        client_unlock(b);
        return package;
}
