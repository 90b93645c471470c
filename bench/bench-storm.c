/* SPDX-License-Identifier: MIT */

/*
 * Storms, each of one kind, while another task is requested: how long its firing takes, beside how long it takes in
 * the same broker before the storm. What listens to the storm is held by a condition, so that the runs that are
 * measured are those that are requested. bench-storm [REQUESTS [STORM]]: of each; or one storm alone, by its name.
 */

#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "broker.h"
#include "desktop.h"
#include "floor.h"

#define BATCH 1000
#define STORM_FILES 100
#define WATCHED_FOLDERS 10000
#define TREE_FOLDERS 100 /* in each of as many */
#define FLAPS_PER_SEC 1000
#define DUE 200000
#define AHEAD_SEC 15

typedef struct Storm Storm;

typedef struct Kind {
        const char *name, *unit;
        void (*prepare)(Storm *storm, bgt *b); /* registers what listens */
        void (*blow)(Storm *storm, unsigned i);
        void (*await)(Storm *storm); /* NULL: it begins when it is blown */
        bool isolated; /* in a network of its own */
        bool desktop;
} Kind;

struct Storm {
        const Kind *kind;
        Bench *bench;
        pthread_t thread;
        atomic_bool over;
        atomic_ulong n;
        int fd;
        bgt *b;
        time_t due;
        Desktop *desktop;
};

static int run(bgt_instance *instance, void *userdata)
{
        shared_note(userdata);
        return 0;
}

static bgt_builder *held(bgt *b, const char *name, bgt_trigger *trigger)
{
        bgt_builder *builder = bgt_builder_new(b, name);

        bgt_builder_set_trigger(builder, trigger);
        bgt_builder_set_entry_point_clsid(builder, BENCH_CLSID_WARM);
        bgt_builder_add_condition(builder, BGT_CONDITION_USER_PRESENT);
        bgt_trigger_unref(trigger);
        return builder;
}

static void add(bgt *b, const char *name, bgt_trigger *trigger, int if_exists)
{
        bgt_builder *builder = held(b, name, trigger);

        if (bgt_builder_register(builder, if_exists, NULL) < 0)
                bench_die_of("register");
        bgt_builder_unref(builder);
}

/* ---- files ---- */

static void path_of(const Storm *storm, unsigned i, char path[static 128])
{
        snprintf(path, 128, "%s/watched/%u", storm->bench->folder, i);
}

static bgt_trigger *watch(const char *path, bool recursive)
{
        const char *const paths[] = { path, NULL };

        return bgt_trigger_files(paths, recursive, 1000, 1000000, false);
}

static void watch_folder(Storm *storm, bgt *b)
{
        char path[128];

        path_of(storm, 0, path);
        mkdir(path, 0700);
        add(b, "storm", watch(path, false), BGT_IF_EXISTS_FAIL);
}

static void change_one_folder(Storm *storm, unsigned i)
{
        char path[128];

        path_of(storm, 0, path);
        bench_touch(path, i % STORM_FILES);
}

static void add_many(Storm *storm, bgt *b, unsigned n, bgt_trigger *(*trigger_of)(Storm *storm, unsigned i))
{
        static bgt_register_result results[BATCH];
        static bgt_builder *builders[BATCH];

        for (unsigned i = 0; i < n; i += BATCH) {
                for (unsigned k = 0; k < BATCH; k++) {
                        char name[32];

                        snprintf(name, sizeof name, "storm-%u", i + k);
                        builders[k] = held(b, name, trigger_of(storm, i + k));
                }
                if (bgt_builder_register_many(builders, BATCH, BGT_IF_EXISTS_FAIL, results) != 0)
                        bench_die_of("register");
                for (unsigned k = 0; k < BATCH; k++)
                        bgt_builder_unref(builders[k]);
        }
}

static bgt_trigger *watch_new_folder(Storm *storm, unsigned i)
{
        char path[128];

        path_of(storm, i, path);
        mkdir(path, 0700);
        return watch(path, false);
}

/* Each change of a file is two events or three: they may be more than the kernel keeps for us. */
static void watch_folders(Storm *storm, bgt *b)
{
        add_many(storm, b, WATCHED_FOLDERS, watch_new_folder);
}

static void change_many_folders(Storm *storm, unsigned i)
{
        char path[128];

        path_of(storm, i % WATCHED_FOLDERS, path);
        bench_touch(path, i / WATCHED_FOLDERS % STORM_FILES);
}

static void make_tree(Storm *storm, bgt *b)
{
        for (unsigned i = 0; i < TREE_FOLDERS; i++) {
                char path[128], below[160];

                path_of(storm, i, path);
                mkdir(path, 0700);
                for (unsigned k = 0; k < TREE_FOLDERS; k++) {
                        snprintf(below, sizeof below, "%s/%u", path, k);
                        mkdir(below, 0700);
                }
        }
        storm->b = bench_open(storm->bench, BGT_NO_THREADS);
}

/* The whole tree is read and watched, and forgotten with the next. */
static void watch_tree(Storm *storm, unsigned i)
{
        char path[128];

        snprintf(path, sizeof path, "%s/watched", storm->bench->folder);
        add(storm->b, "storm", watch(path, true), BGT_IF_EXISTS_REPLACE);
}

/* ---- network and devices ---- */

static void link_up(int fd, bool up)
{
        struct ifreq request = { .ifr_name = "flap" };

        request.ifr_flags = up ? IFF_UP : 0;
        if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
                bench_die("flap", NULL);
}

static void route_default(int fd)
{
        struct rtentry route = { .rt_flags = RTF_UP, .rt_dev = (char *)"flap" };

        ((struct sockaddr_in *)(void *)&route.rt_dst)->sin_family = AF_INET;
        ((struct sockaddr_in *)(void *)&route.rt_genmask)->sin_family = AF_INET;
        (void)ioctl(fd, SIOCADDRT, &route);
}

static void listen_to_network(Storm *storm, bgt *b)
{
        storm->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        add(b, "storm", bgt_trigger_system(BGT_SYSTEM_NETWORK_STATE_CHANGE, false), BGT_IF_EXISTS_FAIL);
        add(b, "internet", bgt_trigger_system(BGT_SYSTEM_INTERNET_AVAILABLE, false), BGT_IF_EXISTS_FAIL);
}

static void flap(Storm *storm, unsigned i)
{
        const struct timespec pause = { .tv_nsec = 1000000000 / FLAPS_PER_SEC };

        link_up(storm->fd, i % 2);
        if (i % 2)
                route_default(storm->fd);
        nanosleep(&pause, NULL);
}

static void listen_to_devices(Storm *storm, bgt *b)
{
        const char *const matches[] = { "SUBSYSTEM=net", NULL };
        char path[128];

        add(b, "storm", bgt_trigger_devices(matches, true, false), BGT_IF_EXISTS_FAIL);
        snprintf(path, sizeof path, "%s/sys", storm->bench->folder);
        if (mkdir(path, 0700) < 0 || mount("none", path, "sysfs", 0, NULL) < 0)
                bench_die(path, NULL);
        snprintf(path, sizeof path, "%s/sys/class/net/flap/uevent", storm->bench->folder);
        storm->fd = open(path, O_WRONLY | O_CLOEXEC);
        if (storm->fd < 0)
                bench_die(path, NULL);
        snprintf(path, sizeof path, "%s/sys", storm->bench->folder);
        (void)umount2(path, MNT_DETACH);
        (void)rmdir(path);
}

static void change_device(Storm *storm, unsigned i)
{
        if (write(storm->fd, "change", 6) != 6)
                bench_die("uevent", NULL);
}

/* ---- sockets ---- */

static void listen_to_socket(Storm *storm, bgt *b)
{
        char address[128];

        snprintf(address, sizeof address, "unix:%s/socket", storm->bench->folder);
        add(b, "storm", bgt_trigger_socket(address, false), BGT_IF_EXISTS_FAIL);
}

static void connect_and_go(Storm *storm, unsigned i)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", storm->bench->folder);
        (void)connect(fd, (struct sockaddr *)&address, sizeof address);
        close(fd);
}

/* ---- notifications ---- */

static void listen_to_notifications(Storm *storm, bgt *b)
{
        add(b, "storm", bgt_trigger_user_notification_changed(false), BGT_IF_EXISTS_FAIL);
        desktop_take(storm->desktop, b);
}

static void show_notification(Storm *storm, unsigned i)
{
        desktop_show(storm->desktop);
}

/* ---- time ---- */

static bgt_trigger *due_trigger(Storm *storm, unsigned i)
{
        char expression[64];
        struct tm tm;

        gmtime_r(&storm->due, &tm);
        strftime(expression, sizeof expression, "%Y-%m-%d %H:%M:%S UTC", &tm);
        return bgt_trigger_calendar(expression, true);
}

static void make_many_due(Storm *storm, bgt *b)
{
        storm->due = (time_t)(bench_real_usec() / 1e6) + AHEAD_SEC;
        add_many(storm, b, DUE, due_trigger);
        if (bench_real_usec() / 1e6 > (double)storm->due)
                bench_die("due", "registering took too long: some were due before others were there");
        storm->b = bench_open(storm->bench, BGT_NO_AUTOSTART);
}

static void await_due(Storm *storm)
{
        bench_sleep_until(storm->due);
}

/* What others ask meanwhile is to be stored, too. */
static void register_again(Storm *storm, unsigned i)
{
        add(storm->b, "again", bgt_trigger_application(), BGT_IF_EXISTS_REPLACE);
}

/* ---- the measurement ---- */

static void *storm_main(void *userdata)
{
        Storm *storm = userdata;

        for (unsigned i = 0; !atomic_load(&storm->over); i++) {
                storm->kind->blow(storm, i);
                atomic_fetch_add(&storm->n, 1);
        }
        return NULL;
}

static void measure_requests(BenchTask *task, int n, Samples *samples)
{
        Shared *shared = shared_map();

        for (int i = 0; i < n; i++) {
                double begin = bench_task_run(task);

                samples_add(samples, shared->first_line_usec - begin);
                bench_rest();
        }
}

static void print(const Storm *storm, double usec, Samples *quiet, Samples *stormy)
{
        char what[96];

        snprintf(what, sizeof what, "%s: %s", storm->kind->name, storm->kind->unit);
        bench_row(what, (double)atomic_load(&storm->n) / usec * 1e6, 0, "/s", "");
        bench_floor("floor: request to first line of run, 99 % of them", samples_percentile(quiet, 99), "us");
        bench_row("the same in the storm", samples_percentile(stormy, 99), samples_percentile(quiet, 99), "us",
                  "+ 50 000 us");
        bench_row("the slowest in the storm", samples_percentile(stormy, 100), samples_percentile(quiet, 100), "us",
                  "");
}

static void measure(const Kind *kind, int n)
{
        Samples quiet = { 0 }, stormy = { 0 };
        Bench bench = { 0 };
        Storm storm = { .kind = kind, .bench = &bench, .fd = -1 };
        char path[128];
        BenchTask task;
        double begin;
        bgt *b;

        bench_start(&bench);
        storm.desktop = kind->desktop ? desktop_new(bench.folder) : NULL;
        if (kind->desktop && !storm.desktop) {
                bench_skip(kind->name, "dbus-daemon is not installed");
                bench_stop(&bench);
                return;
        }
        snprintf(path, sizeof path, "%s/watched", bench.folder);
        mkdir(path, 0700);
        snprintf(path, sizeof path, "%s/package", bench.folder);
        if (chdir(path) < 0)
                bench_die(path, NULL);
        shared_map()->cpu = -1;
        b = bench_open(&bench, BGT_NO_THREADS);
        kind->prepare(&storm, b);
        bench_task_init(&task, &bench, "requested", BENCH_CLSID_WARM);
        measure_requests(&task, n, &quiet);
        if (kind->await)
                kind->await(&storm);
        if (pthread_create(&storm.thread, NULL, storm_main, &storm) != 0)
                bench_die("pthread_create", NULL);
        begin = bench_now_usec();
        measure_requests(&task, n, &stormy);
        atomic_store(&storm.over, true);
        pthread_join(storm.thread, NULL);
        print(&storm, bench_now_usec() - begin, &quiet, &stormy);
        samples_free(&quiet);
        samples_free(&stormy);
        bench_task_done(&task);
        bgt_close(storm.b);
        bgt_close(b);
        if (storm.fd >= 0)
                close(storm.fd);
        desktop_free(storm.desktop);
        bench_stop(&bench);
}

static bool isolate(void)
{
        static bool done;

        if (!done && (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
                      mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                      system("ip link add flap type veth peer name peer && ip link set peer up && "
                             "ip link set lo up && ip addr add 192.0.2.1/24 dev flap && ip link set flap up") != 0))
                return false;
        /* Not the machine's NetworkManager, which is of another network. */
        setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1);
        return done = true;
}

int main(int argc, char *argv[])
{
        static const Kind kinds[] = {
                { "files", "changed, in one folder", watch_folder, change_one_folder, NULL, false },
                { "folders", "changed, in 10 000 folders", watch_folders, change_many_folders, NULL, false },
                { "tree", "10 000 folders watched anew", make_tree, watch_tree, NULL, false },
                { "sockets", "connections", listen_to_socket, connect_and_go, NULL, false },
                { "notifications", "shown", listen_to_notifications, show_notification, NULL, .desktop = true },
                { "due", "registered while 200 000 are due", make_many_due, register_again, await_due, false },
                { "network", "link up or down", listen_to_network, flap, NULL, true },
                { "devices", "events of a device", listen_to_devices, change_device, NULL, true },
        };
        int n = bench_count(argc, argv, 300);

        if (argc > 1 && strcmp(argv[1], "--serve") == 0)
                return bgt_serve(BENCH_CLSID_WARM, BGT_REGCLS_MULTIPLEUSE, run, shared_map()) < 0;
        bench_title("Storms, and the firing of another task");
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                if (argc > 2 && strcmp(argv[2], kinds[i].name) != 0)
                        continue;
                if (kinds[i].isolated && !isolate())
                        bench_skip(kinds[i].name, "only root may have a network of its own here");
                else
                        measure(&kinds[i], n);
        }
        return EXIT_SUCCESS;
}
