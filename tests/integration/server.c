/* SPDX-License-Identifier: MIT */

/*
 * The server of the integration tests. Its arguments say what the process does, the name of a task says what its run
 * does, and a run whose task is named "control…" does what the test says over a socket in the package's LocalFolder:
 * harness.py has the other end. A packet is a line of text; the run answers each command with "ok N".
 */

#include <bgtask.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PACKET_MAX 4096

typedef struct Object {
        atomic_int control;    /* -1: nobody tells it what to do; set by run(), read by the handler on its thread */
        bgt_deferral *deferral;
        bgt_deferral *others[8]; /* kept beyond their completion, so that one can be completed twice */
        int n_others;
} Object;

typedef struct Options {
        const char *classes[8];
        size_t n_classes;
        unsigned regcls, wait;
        int idle_ms;
        bool hang, app, no_threads;
} Options;

/* With BGT_NO_THREADS: what the loop completes after the run has returned, before it exits at once. */
static bgt_deferral *last_deferral;
static char **arguments;

static int connect_to_test(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *folder = getenv("BGTASK_LOCAL_FOLDER");
        int fd;

        snprintf(address.sun_path, sizeof address.sun_path, "%s/control", folder ? folder : ".");
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
                perror(address.sun_path);
                close(fd);
                return -1;
        }
        return fd;
}

static void say(int fd, const char *format, ...) __attribute__((__format__(printf, 2, 3)));

static void say(int fd, const char *format, ...)
{
        char packet[PACKET_MAX];
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(packet, sizeof packet, format, args);
        va_end(args);
        if (n > 0)
                (void)send(fd, packet, (size_t)n, MSG_NOSIGNAL);
}

/* False at the end: the test has gone. */
static bool hear(int fd, char packet[static PACKET_MAX])
{
        ssize_t n;

        do
                n = recv(fd, packet, PACKET_MAX - 1, 0);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return false;
        packet[n] = '\0';
        return true;
}

/* A child that nobody is the parent of, in a session of its own, that ignores SIGTERM and holds so much memory. */
static pid_t leave_child(size_t mib)
{
        int pipes[2];
        pid_t pid = -1;

        if (pipe2(pipes, O_CLOEXEC) < 0)
                return -1;
        if (fork() == 0) {
                setsid();
                pid = fork();
                if (pid != 0)
                        _exit(0);
                signal(SIGTERM, SIG_IGN);
                if (mib > 0 && mmap(NULL, mib << 20, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED)
                        _exit(1);
                pid = getpid();
                (void)!write(pipes[1], &pid, sizeof pid);
                for (;;)
                        pause();
        }
        if (read(pipes[0], &pid, sizeof pid) != sizeof pid)
                pid = -1;
        close(pipes[0]);
        close(pipes[1]);
        return pid;
}

static void *converse_deferred(void *userdata);

static int defer(bgt_instance *instance, Object *object)
{
        pthread_t thread;

        object->deferral = bgt_instance_get_deferral(instance);
        if (!object->deferral || pthread_create(&thread, NULL, converse_deferred, object) != 0)
                return -1;
        pthread_detach(thread);
        return 0;
}

static int try_open(const char *path, int flags)
{
        int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}

static int try_connect(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd, r = 0;

        if (strlen(path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
                r = -errno;
        if (fd >= 0)
                close(fd);
        return r;
}

/* One more deferral; the answer is its number. */
static int take(bgt_instance *instance, Object *object)
{
        bgt_deferral *deferral = bgt_instance_get_deferral(instance);

        if (!deferral || object->n_others == 8)
                return -1;
        object->others[object->n_others] = deferral;
        return object->n_others++;
}

/* Answers whoever is at the socket of the run, and says how many that were. */
static int serve_socket(bgt_instance *instance)
{
        int fd = bgt_instance_take_socket(instance), type = 0, n = 0;
        socklen_t size = sizeof type;

        if (fd < 0)
                return fd;
        (void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
        while (true) {
                struct sockaddr_storage from;
                socklen_t length = sizeof from;
                char text[64];

                if (type == SOCK_STREAM) {
                        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

                        if (peer < 0)
                                break;
                        (void)send(peer, "hello", 5, MSG_NOSIGNAL);
                        close(peer);
                } else {
                        ssize_t got = recvfrom(fd, text, sizeof text, 0, (struct sockaddr *)&from, &length);

                        if (got < 0)
                                break;
                        (void)sendto(fd, text, (size_t)got, 0, (struct sockaddr *)&from, length);
                }
                n++;
        }
        close(fd);
        return n;
}

/* "ID PATH": connects there, and hands the socket over for the task of this run. */
static int hand_over(bgt_instance *instance, char *argument)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char *path = strchr(argument, ' ');
        int fd, r;

        if (!path)
                return -EINVAL;
        *path++ = '\0';
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
                return -errno;
        r = bgt_registration_transfer_socket(bgt_instance_task(instance), argument, fd, 0);
        /* It is closed here if it was taken over. */
        if (r < 0)
                close(fd);
        else if (fcntl(fd, F_GETFD) >= 0)
                return -EEXIST;
        return r;
}

/* Answers what has come to a socket that was handed over, and hands it over again: how many bytes that were. */
static int answer_socket(bgt_instance *instance, const char *id)
{
        int fd = bgt_instance_take_transferred_socket(instance, id), r;
        char text[64];
        ssize_t n;

        if (fd < 0)
                return fd;
        n = recv(fd, text, sizeof text, 0);
        if (n > 0)
                (void)send(fd, "hello", 5, MSG_NOSIGNAL);
        r = bgt_registration_transfer_socket(bgt_instance_task(instance), id, fd, 0);
        return r < 0 ? r : (int)n;
}

static int count_sockets(bgt_instance *instance)
{
        char **ids;
        size_t n;
        int r = bgt_registration_list_sockets(bgt_instance_task(instance), &ids, &n);

        if (r < 0)
                return r;
        bgt_groups_free(ids, n);
        return (int)n;
}

/* "N RESULT": completes that one, as often as it is told to. */
static int finish(Object *object, const char *argument)
{
        char *end;
        long i = strtol(argument, &end, 10);

        if (i < 0 || i >= object->n_others)
                return -EINVAL;
        bgt_deferral_complete(bgt_deferral_ref(object->others[i]), atoi(end));
        return 0;
}

/* What does not end the run. The answer is its result. */
static int obey(bgt_instance *instance, Object *object, const char *command, char *argument)
{
        if (strcmp(command, "progress") == 0)
                bgt_instance_set_progress(instance, (uint32_t)strtoul(argument, NULL, 10));
        else if (strcmp(command, "flood") == 0)
                for (uint32_t i = 1, n = (uint32_t)strtoul(argument, NULL, 10); i <= n; i++)
                        bgt_instance_set_progress(instance, i);
        else if (strcmp(command, "print") == 0)
                return puts(argument) < 0 || fflush(stdout) != 0 ? -1 : 0;
        else if (strcmp(command, "exit") == 0)
                _exit(atoi(argument));
        else if (strcmp(command, "kill") == 0)
                return kill(getpid(), atoi(argument)); /* this thread of the library blocks all signals */
        else if (strcmp(command, "child") == 0)
                return (int)leave_child(strtoul(argument, NULL, 10));
        else if (strcmp(command, "app") == 0)
                return bgt_server_become_app(NULL);
        else if (strcmp(command, "suspend") == 0)
                return bgt_server_suspend(NULL);
        else if (strcmp(command, "resume") == 0)
                return bgt_server_resume(NULL);
        else if (strcmp(command, "reason") == 0)
                return bgt_instance_cancel_reason(instance);
        else if (strcmp(command, "read") == 0)
                return try_open(argument, O_RDONLY);
        else if (strcmp(command, "write") == 0)
                return try_open(argument, O_WRONLY);
        else if (strcmp(command, "begin-anew") == 0)
                return execv("/proc/self/exe", arguments) < 0 ? -errno : 0;
        else if (strcmp(command, "remove") == 0)
                return unlink(argument) < 0 ? -errno : 0;
        else if (strcmp(command, "connect") == 0)
                return try_connect(argument);
        else if (strcmp(command, "hand-over") == 0)
                return hand_over(instance, argument);
        else if (strcmp(command, "answer") == 0)
                return answer_socket(instance, argument);
        else if (strcmp(command, "sockets") == 0)
                return count_sockets(instance);
        else if (strcmp(command, "serve") == 0)
                return serve_socket(instance);
        else if (strcmp(command, "take") == 0)
                return take(instance, object);
        else if (strcmp(command, "finish") == 0)
                return finish(object, argument);
        else if (strcmp(command, "retry-after") == 0)
                bgt_instance_set_retry_after(instance, strtoull(argument, NULL, 10));
        else
                return -EINVAL;
        return 0;
}

/* Does what the test says until it says "return N". *ret_deferred: it took a deferral, and another thread goes on. */
static int converse(bgt_instance *instance, Object *object, bool *ret_deferred)
{
        char packet[PACKET_MAX], *argument;

        while (hear(object->control, packet)) {
                argument = strchr(packet, ' ');
                if (argument)
                        *argument++ = '\0';
                else
                        argument = packet + strlen(packet);
                if (strcmp(packet, "return") == 0)
                        return atoi(argument);
                if (ret_deferred && strcmp(packet, "defer") == 0) {
                        *ret_deferred = true;
                        say(object->control, "ok 0");
                        return defer(instance, object);
                }
                say(object->control, "ok %d", obey(instance, object, packet, argument));
        }
        return -EPIPE;
}

static void *converse_deferred(void *userdata)
{
        Object *object = userdata;

        bgt_deferral_complete(object->deferral, converse(bgt_deferral_instance(object->deferral), object, NULL));
        return NULL;
}

static void begin(bgt_instance *instance, Object *object)
{
        const bgt_record *firing = bgt_instance_firing(instance);

        object->control = connect_to_test();
        if (object->control >= 0)
                say(object->control, "begin %d %s %u %llu %s %s", (int)getpid(), bgt_instance_id(instance),
                    bgt_instance_attempt(instance), (unsigned long long)bgt_record_uint(firing, "count", 0),
                    bgt_record_string(firing, "fired-by"), bgt_registration_name(bgt_instance_task(instance)));
}

/* Numbered lines behind some word, with a progress value for each, one every millisecond. */
static int print_lines(bgt_instance *instance, const char *word, uint32_t n)
{
        struct pollfd canceled = { .fd = bgt_instance_cancel_fd(instance), .events = POLLIN };

        for (uint32_t i = 1; i <= n; i++) {
                printf("%s %u\n", word, i);
                fflush(stdout);
                bgt_instance_set_progress(instance, i);
                if (poll(&canceled, 1, 1) > 0)
                        return -ECANCELED;
        }
        return 0;
}

static void *create(void *factory)
{
        Object *object = calloc(1, sizeof *object);

        if (object)
                object->control = -1;
        return object;
}

static int run(bgt_instance *instance, void *userdata)
{
        const char *name = bgt_registration_name(bgt_instance_task(instance));
        const char *argument = strchr(name, '-');
        int number = argument ? atoi(argument + 1) : 0;
        Object *object = userdata;
        bool deferred = false;

        if (strncmp(name, "fail-", 5) == 0)
                return -number;
        if (strncmp(name, "lines-", 6) == 0)
                return print_lines(instance, "line", (uint32_t)number);
        if (strncmp(name, "count-", 6) == 0)
                return print_lines(instance, bgt_instance_id(instance), (uint32_t)number);
        if (strncmp(name, "quit", 4) == 0) {
                last_deferral = bgt_instance_get_deferral(instance);
                return 0;
        }
        if (strncmp(name, "control", 7) != 0)
                return 0;
        begin(instance, object);
        number = object->control < 0 ? -ENOTCONN : converse(instance, object, &deferred);
        return deferred ? 0 : number;
}

static void canceled(bgt_instance *instance, int reason, void *userdata)
{
        Object *object = userdata;

        if (object->control >= 0)
                say(object->control, "canceled %d", reason);
}

static void destroy(void *userdata)
{
        Object *object = userdata;

        if (object->control >= 0)
                close(object->control);
        for (int i = 0; i < object->n_others; i++)
                bgt_deferral_unref(object->others[i]);
        free(object);
}

/* What the process does before it registers anything: what the test says, until that is "go". */
static void hang(void)
{
        int fd = connect_to_test();
        char packet[PACKET_MAX];

        say(fd, "process %d", (int)getpid());
        while (hear(fd, packet) && strcmp(packet, "go") != 0) {
                if (strncmp(packet, "exit ", 5) == 0)
                        _exit(atoi(packet + 5));
                if (strncmp(packet, "kill ", 5) == 0)
                        raise(atoi(packet + 5));
        }
        close(fd);
}

static bool parse(int argc, char *argv[], Options *options)
{
        for (int i = 1; i < argc; i++) {
                const char *value = i + 1 < argc ? argv[i + 1] : "";

                if (strcmp(argv[i], "--class") == 0 && options->n_classes < 8)
                        options->classes[options->n_classes++] = value;
                else if (strcmp(argv[i], "--regcls") == 0)
                        options->regcls = (unsigned)atoi(value);
                else if (strcmp(argv[i], "--wait") == 0)
                        options->wait = (unsigned)atoi(value);
                else if (strcmp(argv[i], "--idle") == 0)
                        options->idle_ms = atoi(value);
                else if (strcmp(argv[i], "--print") == 0)
                        fprintf(stderr, "%s\n", value);
                else if (strcmp(argv[i], "--exit") == 0)
                        exit(atoi(value));
                else if (strcmp(argv[i], "--kill") == 0)
                        raise(atoi(value));
                else {
                        options->hang |= strcmp(argv[i], "--hang") == 0;
                        options->app |= strcmp(argv[i], "--app") == 0;
                        options->no_threads |= strcmp(argv[i], "--no-threads") == 0;
                        continue;
                }
                i++;
        }
        return options->n_classes > 0;
}

/* A loop of its own. A run named "quit" is completed here, and the process is gone the moment after. */
static int serve_without_threads(bgt *b)
{
        struct pollfd fd = { .fd = bgt_get_fd(b), .events = POLLIN };

        for (;;) {
                if (poll(&fd, 1, -1) < 0 && errno != EINTR)
                        return -errno;
                if (bgt_dispatch(b) < 0)
                        return -EIO;
                if (!last_deferral)
                        continue;
                bgt_deferral_complete(last_deferral, 0);
                _exit(0);
        }
}

static int complain(void)
{
        fprintf(stderr, "%s: %s\n", bgt_error()->name, bgt_error()->message);
        return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
        static const bgt_class class_ = { sizeof class_, create, run, canceled, destroy };
        Options options = { .regcls = BGT_REGCLS_MULTIPLEUSE, .wait = BGT_WAIT_IDLE, .idle_ms = 30000 };
        bgt_server *servers[8] = { 0 };
        bgt *b = NULL;
        int r;

        arguments = argv;
        if (!parse(argc, argv, &options))
                return EXIT_FAILURE;
        if (options.hang)
                hang();
        if (bgt_open(NULL, options.no_threads ? BGT_NO_THREADS : 0, &b) < 0)
                return complain();
        if (options.app && bgt_server_become_app(NULL) < 0)
                return complain();
        for (size_t i = 0; i < options.n_classes; i++) {
                r = bgt_server_register_class(NULL, options.classes[i], options.regcls, &class_, NULL, &servers[i]);
                if (r < 0)
                        return complain();
        }
        r = options.no_threads ? serve_without_threads(b) : bgt_server_wait(NULL, options.wait, options.idle_ms);
        if (r < 0)
                return complain();
        for (size_t i = 0; i < options.n_classes; i++)
                bgt_server_revoke(servers[i]);
        bgt_close(b);
        return EXIT_SUCCESS;
}
