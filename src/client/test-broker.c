/* SPDX-License-Identifier: MIT */

#include "client/test-broker.h"

#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "client/test-broker-internal.h"
#include "client/test-text.h"

#define WAIT_SECONDS 60

static void note(FakeBroker *f, const char *text)
{
        if (f->n_calls == CALLS_MAX)
                abort();
        f->calls[f->n_calls++] = strdup(text);
        (void)eventfd_write(f->event_fd, 1);
        pthread_cond_broadcast(&f->changed);
}

/* True if the test wants another answer to this call, which was then given. */
static bool answer_otherwise(FakeBroker *f, Connection *c, Message *m)
{
        for (unsigned i = 0; i < f->n_refusals; i++) {
                Refusal refusal = f->refusals[i];

                if (strcmp(refusal.member, m->member) != 0)
                        continue;
                memmove(&f->refusals[i], &f->refusals[i + 1], (--f->n_refusals - i) * sizeof refusal);
                if (refusal.silent)
                        return true;
                if (strcmp(refusal.name, FAKE_NONSENSE) == 0) {
                        writer_start_return(&f->writer, m);
                        writer_put_double(&f->writer, 0.5);
                } else {
                        writer_start_error(&f->writer, m, refusal.name, refusal.sentence);
                        writer_put_string(&f->writer, "do what the test says");
                }
                fake_send(f, c);
                return true;
        }
        return false;
}

static void on_message(Connection *c, Message *m, void *userdata)
{
        FakeBroker *f = ((Peer *)userdata)->f;
        char text[4096];

        if (m->type != MESSAGE_CALL)
                return;
        if (!answer_otherwise(f, c, m))
                (void)dispatch_call(&f->dispatch, c, m, f);
        /* After the answer: who waits for this call may stop the broker. */
        text_of_call(m, text, sizeof text);
        note(f, text);
}

static void drop_peer(Peer *peer)
{
        connection_free(peer->connection);
        list_remove(&peer->node);
        free(peer);
}

static void on_disconnected(Connection *c, int reason, void *userdata)
{
        FakeBroker *f = ((Peer *)userdata)->f;

        drop_peer(userdata);
        note(f, "Disconnected");
}

static void enter(void *userdata)
{
        pthread_mutex_lock(&((Peer *)userdata)->f->lock);
}

/* The peer may be gone by now, the broker is not. */
static FakeBroker *only_one;

static void leave(void *userdata)
{
        pthread_mutex_unlock(&only_one->lock);
}

static void add_peer(FakeBroker *f, int fd, ConnectionRole role)
{
        Peer *peer = calloc(1, sizeof *peer);
        const ConnectionOptions options = {
                .role = role, .on_message = on_message, .on_disconnected = on_disconnected, .userdata = peer,
                .enter = enter, .leave = leave, .id = 1,
        };

        peer->f = f;
        list_append(&f->peers, &peer->node);
        if (connection_new(&f->loop, fd, &options, &peer->connection) < 0)
                abort();
}

static void on_listener(LoopSource *source, uint32_t events, void *userdata)
{
        FakeBroker *f = userdata;
        int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        pthread_mutex_lock(&f->lock);
        if (fd >= 0)
                add_peer(f, fd, CONNECTION_SERVER);
        pthread_mutex_unlock(&f->lock);
}

static void close_listener(FakeBroker *f)
{
        int fd = f->listener.fd;

        loop_remove(&f->loop, &f->listener);
        if (fd >= 0)
                close(fd);
        (void)unlink(f->path);
}

static void on_wake(LoopSource *source, uint32_t events, void *userdata)
{
        FakeBroker *f = userdata;
        uint64_t count;

        (void)!read(source->fd, &count, sizeof count);
        pthread_mutex_lock(&f->lock);
        if (f->add_fd >= 0) {
                add_peer(f, f->add_fd, CONNECTION_BARE);
                f->add_fd = -1;
        }
        if (f->listen_fd >= 0) {
                if (loop_add(&f->loop, &f->listener, f->listen_fd, EPOLLIN, on_listener, f) < 0)
                        abort();
                f->listen_fd = -1;
        }
        if (f->stop_wanted) {
                close_listener(f);
                list_for_each_safe(i, &f->peers)
                        drop_peer(list_entry(i, Peer, node));
                f->stop_wanted = false;
        }
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
}

static void wake(FakeBroker *f)
{
        const uint64_t one = 1;

        (void)!write(f->wake.fd, &one, sizeof one);
}

static void *fake_main(void *userdata)
{
        FakeBroker *f = userdata;

        pthread_mutex_lock(&f->lock);
        while (!f->quit) {
                pthread_mutex_unlock(&f->lock);
                (void)loop_dispatch(&f->loop, -1);
                pthread_mutex_lock(&f->lock);
        }
        pthread_mutex_unlock(&f->lock);
        return NULL;
}

void fake_start(FakeBroker *f)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char other[sizeof address.sun_path];
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        snprintf(other, sizeof other, "%s.new", f->path);
        memcpy(address.sun_path, other, sizeof other);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(listen(fd, 64), 0);
        pthread_mutex_lock(&f->lock);
        f->listen_fd = fd;
        wake(f);
        while (f->listen_fd >= 0)
                pthread_cond_wait(&f->changed, &f->lock);
        pthread_mutex_unlock(&f->lock);
        assert_int_equal(rename(other, f->path), 0);
}

void fake_stop(FakeBroker *f)
{
        pthread_mutex_lock(&f->lock);
        f->stop_wanted = true;
        wake(f);
        while (f->stop_wanted)
                pthread_cond_wait(&f->changed, &f->lock);
        pthread_mutex_unlock(&f->lock);
}

int fake_socketpair(FakeBroker *f)
{
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        pthread_mutex_lock(&f->lock);
        f->add_fd = fds[1];
        wake(f);
        while (f->add_fd >= 0)
                pthread_cond_wait(&f->changed, &f->lock);
        pthread_mutex_unlock(&f->lock);
        return fds[0];
}

FakeBroker *fake_new(void)
{
        FakeBroker *f = calloc(1, sizeof *f);
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        only_one = f;
        pthread_mutex_init(&f->lock, NULL);
        pthread_cond_init(&f->changed, NULL);
        list_init(&f->peers);
        writer_init(&f->writer);
        dispatch_init(&f->dispatch, fake_objects, fake_n_objects, NULL);
        f->wake = f->listener = LOOP_SOURCE_INIT;
        f->add_fd = f->listen_fd = -1;
        f->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        strcpy(f->folder, "/tmp/bgtask-client-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->path, sizeof f->path, "%s/bus", f->folder);
        snprintf(f->task_name, sizeof f->task_name, "SampleTask");
        snprintf(f->task_id, sizeof f->task_id, TASK_1);
        assert_int_equal(loop_init(&f->loop), 0);
        assert_int_equal(loop_add(&f->loop, &f->wake, fd, EPOLLIN, on_wake, f), 0);
        assert_int_equal(pthread_create(&f->thread, NULL, fake_main, f), 0);
        fake_start(f);
        setenv("BGTASK_BUS", f->path, 1);
        setenv("BGTASK_AUTOSTART", "0", 1);
        unsetenv("BGTASK_FD");
        unsetenv("BGTASK_PACKAGE");
        unsetenv("BGTASK_LOCAL_FOLDER");
        return f;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

void fake_free(FakeBroker *f)
{
        int fd = f->wake.fd;

        fake_stop(f);
        pthread_mutex_lock(&f->lock);
        f->quit = true;
        pthread_mutex_unlock(&f->lock);
        wake(f);
        pthread_join(f->thread, NULL);
        loop_remove(&f->loop, &f->wake);
        close(fd);
        loop_done(&f->loop);
        close(f->event_fd);
        for (unsigned i = 0; i < f->n_calls; i++)
                free(f->calls[i]);
        writer_done(&f->writer);
        dispatch_done(&f->dispatch);
        (void)nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        pthread_cond_destroy(&f->changed);
        pthread_mutex_destroy(&f->lock);
        free(f);
}

const char *fake_folder(const FakeBroker *f)
{
        return f->folder;
}

void fake_turn(FakeBroker *f, bgt *b)
{
        struct pollfd p[] = { { .fd = bgt_get_fd(b), .events = POLLIN }, { .fd = f->event_fd, .events = POLLIN } };
        eventfd_t count;

        assert_true(poll(p, 2, WAIT_SECONDS * 1000) > 0);
        (void)eventfd_read(f->event_fd, &count);
        assert_true(bgt_dispatch(b) >= 0);
}

static bool find(FakeBroker *f, const char *beginning, unsigned *ret_i)
{
        for (unsigned i = f->cursor; i < f->n_calls; i++)
                if (strncmp(f->calls[i], beginning, strlen(beginning)) == 0) {
                        *ret_i = i;
                        return true;
                }
        return false;
}

static struct timespec deadline(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        ts.tv_sec += WAIT_SECONDS;
        return ts;
}

const char *fake_wait(FakeBroker *f, const char *beginning)
{
        struct timespec ts = deadline();
        unsigned i = 0;
        bool found;
        int r = 0;

        pthread_mutex_lock(&f->lock);
        while (!(found = find(f, beginning, &i)) && r == 0)
                r = pthread_cond_timedwait(&f->changed, &f->lock, &ts);
        if (found)
                f->cursor = i + 1;
        else
                for (i = 0; i < f->n_calls; i++)
                        print_error("%c %s\n", i < f->cursor ? ' ' : '>', f->calls[i]);
        pthread_mutex_unlock(&f->lock);
        if (!found)
                fail_msg("'%s' was not called", beginning);
        return f->calls[i];
}

bool fake_has(FakeBroker *f, const char *beginning)
{
        unsigned i;
        bool found;

        pthread_mutex_lock(&f->lock);
        found = find(f, beginning, &i);
        pthread_mutex_unlock(&f->lock);
        return found;
}

unsigned fake_count(FakeBroker *f, const char *beginning)
{
        unsigned n = 0;

        pthread_mutex_lock(&f->lock);
        for (unsigned i = 0; i < f->n_calls; i++)
                n += strncmp(f->calls[i], beginning, strlen(beginning)) == 0;
        pthread_mutex_unlock(&f->lock);
        return n;
}

void fake_refuse(FakeBroker *f, const char *member, const char *name, const char *sentence)
{
        Refusal *refusal;

        pthread_mutex_lock(&f->lock);
        refusal = &f->refusals[f->n_refusals++];
        *refusal = (Refusal){ .silent = !name };
        snprintf(refusal->member, sizeof refusal->member, "%s", member);
        snprintf(refusal->name, sizeof refusal->name, "%s", name ? name : "");
        snprintf(refusal->sentence, sizeof refusal->sentence, "%s", sentence ? sentence : "");
        pthread_mutex_unlock(&f->lock);
}

void fake_go(FakeBroker *f, bool go)
{
        pthread_mutex_lock(&f->lock);
        f->goes[f->n_goes++] = go;
        pthread_mutex_unlock(&f->lock);
}

void fake_forget(FakeBroker *f, const char *run, unsigned attempt)
{
        pthread_mutex_lock(&f->lock);
        snprintf(f->forget, sizeof f->forget, "%s", run ? run : "");
        f->forget_attempt = attempt;
        pthread_mutex_unlock(&f->lock);
}

void fake_set_tasks(FakeBroker *f, unsigned n, const char *name)
{
        pthread_mutex_lock(&f->lock);
        f->n_tasks = n;
        snprintf(f->task_name, sizeof f->task_name, "%s", name);
        pthread_mutex_unlock(&f->lock);
}

void fake_set_more_triggers(FakeBroker *f, unsigned n)
{
        pthread_mutex_lock(&f->lock);
        f->n_more_triggers = n;
        pthread_mutex_unlock(&f->lock);
}

void fake_set_task_id(FakeBroker *f, const char *id)
{
        pthread_mutex_lock(&f->lock);
        snprintf(f->task_id, sizeof f->task_id, "%s", id);
        pthread_mutex_unlock(&f->lock);
}

void fake_record_all(FakeBroker *f, bool value)
{
        pthread_mutex_lock(&f->lock);
        f->record_all = value;
        pthread_mutex_unlock(&f->lock);
}

/* The newest connection of the kind; waits for it. With the lock. */
static Connection *find_peer(FakeBroker *f, bool server)
{
        struct timespec ts = deadline();

        for (;;) {
                for (ListNode *i = f->peers.prev; i != &f->peers; i = i->prev) {
                        const Peer *peer = list_entry(i, Peer, node);

                        if (server ? peer->is_server : peer->watches)
                                return peer->connection;
                }
                if (pthread_cond_timedwait(&f->changed, &f->lock, &ts) != 0)
                        abort();
        }
}

static void on_run_answer(Connection *c, Message *reply, int error, void *userdata)
{
        FakeBroker *f = userdata;

        snprintf(f->answer, sizeof f->answer, "Run answered %s",
                 !reply ? "nothing" : reply->type == MESSAGE_ERROR ? reply->error_name : "");
        note(f, f->answer);
}

void fake_send_run(FakeBroker *f, const char *run, unsigned attempt, const char *task_name)
{
        Writer *w = &f->writer;
        Connection *c;

        pthread_mutex_lock(&f->lock);
        c = find_peer(f, true);
        interface_start_call(w, "/org/bgtask", &activation1_interface, ACTIVATION1_METHOD_RUN);
        writer_put_string(w, run);
        writer_put_uint32(w, attempt);
        writer_put_string(w, f->clsid);
        writer_put_uint32(w, f->cookie);
        writer_put_string(w, TASK_1);
        writer_put_string(w, task_name);
        writer_open_struct(w, NULL);
        writer_put_string(w, "ApplicationTrigger");
        writer_open_array(w, NULL);
        writer_close(w);
        writer_close(w);
        writer_open_array(w, NULL);
        writer_put_option_string(w, "colour", "green");
        writer_close(w);
        writer_open_array(w, NULL);
        writer_put_option_string(w, "package", PACKAGE_1);
        writer_put_option_uint64(w, "number", 5);
        writer_put_option_string(w, "fired-by", "request");
        writer_close(w);
        assert_int_equal(connection_call(c, w, on_run_answer, f, NULL), 0);
        pthread_mutex_unlock(&f->lock);
}

const char *fake_run(FakeBroker *f, const char *run, unsigned attempt, const char *task_name)
{
        fake_send_run(f, run, attempt, task_name);
        return fake_wait(f, "Run answered") + strlen("Run answered ");
}

static void send_to(FakeBroker *f, bool server)
{
        assert_int_equal(connection_send(find_peer(f, server), &f->writer), 0);
        pthread_mutex_unlock(&f->lock);
}

void fake_cancel(FakeBroker *f, const char *run, unsigned attempt, unsigned reason)
{
        pthread_mutex_lock(&f->lock);
        interface_start_call(&f->writer, "/org/bgtask", &activation1_interface, ACTIVATION1_METHOD_CANCEL);
        writer_put_string(&f->writer, run);
        writer_put_uint32(&f->writer, attempt);
        writer_put_uint32(&f->writer, reason);
        send_to(f, true);
}

void fake_recorded(FakeBroker *f, const char *run, unsigned attempt)
{
        pthread_mutex_lock(&f->lock);
        fake_put_recorded(f, run, attempt);
        send_to(f, true);
}

void fake_leave(FakeBroker *f)
{
        pthread_mutex_lock(&f->lock);
        interface_start_call(&f->writer, "/org/bgtask", &activation1_interface, ACTIVATION1_METHOD_LEAVE);
        send_to(f, true);
}

static void start_signal(FakeBroker *f, unsigned signal, const char *task, const char *run)
{
        pthread_mutex_lock(&f->lock);
        interface_start_signal(&f->writer, "/org/bgtask", &manager1_interface, signal);
        writer_put_string(&f->writer, task);
        writer_put_string(&f->writer, PACKAGE_1);
        writer_put_string(&f->writer, run);
}

void fake_progress(FakeBroker *f, const char *task, const char *run, unsigned progress)
{
        start_signal(f, MANAGER1_SIGNAL_PROGRESS, task, run);
        writer_put_uint32(&f->writer, progress);
        send_to(f, false);
}

void fake_completed(FakeBroker *f, const char *task, const char *run, const char *outcome, int result)
{
        start_signal(f, MANAGER1_SIGNAL_COMPLETED, task, run);
        writer_put_string(&f->writer, outcome);
        writer_open_array(&f->writer, NULL);
        writer_put_option_int32(&f->writer, "result", result);
        writer_close(&f->writer);
        send_to(f, false);
}

void fake_garble(FakeBroker *f)
{
        pthread_mutex_lock(&f->lock);
        list_for_each(i, &f->peers)
                (void)!write(connection_fd(list_entry(i, Peer, node)->connection), "this is no message at all", 25);
        pthread_mutex_unlock(&f->lock);
}

void gate_raise(Gate *gate)
{
        pthread_mutex_lock(&gate->lock);
        gate->count++;
        pthread_cond_broadcast(&gate->cond);
        pthread_mutex_unlock(&gate->lock);
}

void gate_wait(Gate *gate, unsigned count)
{
        struct timespec ts = deadline();
        int r = 0;

        pthread_mutex_lock(&gate->lock);
        while (gate->count < count && r == 0)
                r = pthread_cond_timedwait(&gate->cond, &gate->lock, &ts);
        r = gate->count < count;
        pthread_mutex_unlock(&gate->lock);
        assert_int_equal(r, 0);
}
