/* SPDX-License-Identifier: MIT */

/* Looks at everything that has to be right for tasks to run, with what to do about each thing that is not. */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cli/json.h"

static const char help[] =
        "Usage: bgtask doctor\n"
        "Check what has to be right for tasks to run: folders, socket, broker, what\n"
        "starts it after a reboot, control of processes, sources of conditions, packages\n"
        "and tasks. Each finding comes with what to do. No broker is started for it.\n"
        "\n"
        "Exit status: 0 if nothing is broken (hints do not count), 1 if something is, 4\n"
        "if no broker answers.\n"
        "\n"
        "Example:\n"
        "  bgtask doctor\n";

/* So little space is soon used up. */
#define SPACE_MIN ((uint64_t)64 * 1024 * 1024)
/* The reasons of so many tasks are looked at. */
#define TASKS_MAX 200

typedef enum Level {
        LEVEL_OK,
        LEVEL_HINT,
        LEVEL_BROKEN,
} Level;

typedef struct Doctor {
        Cli *cli;
        json_t *findings;
        bool broken;
} Doctor;

static void find(Doctor *doctor, Level level, const char *what, const char *remedy, const char *format, ...)
        _printf_(5, 6);

/* remedy is "" where nothing is to be done. */
static void find(Doctor *doctor, Level level, const char *what, const char *remedy, const char *format, ...)
{
        static const char *const names[] = { "ok", "hint", "broken" };
        static const Color colors[] = { COLOR_GOOD, COLOR_WARN, COLOR_BAD };
        char text[1200];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        doctor->broken |= level == LEVEL_BROKEN;
        if (doctor->cli->json) {
                json_array_append_new(doctor->findings, json_pack("{s:s, s:s, s:s, s:s}", "level", names[level],
                                                                  "check", what, "text", text, "remedy", remedy));
                return;
        }
        fputs(color_begin(colors[level]), stdout);
        printf("%-6s", names[level]);
        fputs(color_end(colors[level]), stdout);
        printf("  %-15s ", what);
        print_untrusted(text);
        putchar('\n');
        if (remedy[0])
                printf("        %-15s -> %s\n", "", remedy);
}

static void check_folder(Doctor *doctor, const char *what, const char *path, bool on_disk)
{
        struct statvfs fs;
        struct stat st;

        if (stat(path, &st) < 0)
                find(doctor, LEVEL_BROKEN, what, "create it, or set the variable that names it", "%s: %s", path,
                     strerror(errno));
        else if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
                find(doctor, LEVEL_BROKEN, what, "remove it, or name another one", "%s is no folder of yours", path);
        else if (st.st_mode & 0077)
                find(doctor, LEVEL_BROKEN, what, "chmod 700", "%s can be entered by others", path);
        else if (access(path, W_OK) < 0)
                find(doctor, LEVEL_BROKEN, what, "make it writable, and start the broker again", "%s: %s", path,
                     strerror(errno));
        else if (on_disk && statvfs(path, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < SPACE_MIN)
                find(doctor, LEVEL_BROKEN, what, "free some space", "%s has %" PRIu64 " MiB left", path,
                     (uint64_t)fs.f_bavail * fs.f_frsize >> 20);
        else
                find(doctor, LEVEL_OK, what, "", "%s", path);
}

static void check_broker(Doctor *doctor, const bgt_record *status)
{
        const char *version = bgt_record_string(status, "version");

        if (!version || strcmp(version, BGTASK_VERSION) != 0)
                find(doctor, LEVEL_HINT, "broker", "restart the broker; servers and their runs go on",
                     "runs as version %s, this program is %s", version ? version : "?", BGTASK_VERSION);
        else if (bgt_record_bool(status, "test-clock", false))
                find(doctor, LEVEL_HINT, "broker", "unset BGTASK_BUS to reach the real one",
                     "stands on the test clock: time passes with 'bgtask simulate'");
        else
                find(doctor, LEVEL_OK, "broker", "", "version %s, process %" PRIu64, version,
                     bgt_record_uint(status, "pid", 0));
}

static void check_start(Doctor *doctor, const bgt_record *status)
{
        const char *start = bgt_record_string(status, "start"), *remedy = bgt_record_string(status, "start-remedy");

        find(doctor, remedy ? LEVEL_HINT : LEVEL_OK, "start", remedy ? remedy : "", "%s", start ? start : "not known");
}

static void check_processes(Doctor *doctor, const bgt_record *status)
{
        const char *control = bgt_record_string(status, "process-control");
        bool cgroups = control && strncmp(control, "cgroups", strlen("cgroups")) == 0;

        find(doctor, cgroups ? LEVEL_OK : LEVEL_HINT, "processes",
             cgroups ? "" : "where systemd runs, let its unit bgtaskd.service start the broker: Delegate=yes", "%s",
             control ? control : "not known");
}

static void check_problems(Doctor *doctor, const bgt_record *status)
{
        const char *const *problems = bgt_record_strings(status, "problems", NULL);

        for (size_t i = 0; problems && problems[i]; i++)
                find(doctor, LEVEL_BROKEN, "broker", "see its log", "%s", problems[i]);
}

static void check_sensors(Doctor *doctor)
{
        const bgt_record *row;
        bgt_list *list = NULL;
        unsigned n = 0, n_broken = 0;

        if (bgt_list_sensors(doctor->cli->bgt, &list) < 0) {
                find(doctor, LEVEL_BROKEN, "conditions", bgt_error()->remedy, "%s", bgt_error()->message);
                return;
        }
        while (bgt_list_next(list, &row) > 0) {
                const char *source = bgt_record_string(row, "source"), *words = bgt_record_string(row, "words");
                const char *condition = bgt_record_string(row, "condition"), *level = bgt_record_string(row, "level");
                bool needed = bgt_record_bool(row, "needed", false);

                n++;
                if (!needed || !level || strcmp(level, "unknown") != 0)
                        continue;
                n_broken++;
                find(doctor, LEVEL_BROKEN, "conditions",
                     "install or start what tells it, or register the tasks without it",
                     "tasks wait for %s, and it is not known: %s", condition,
                     words && words[0] ? words : source && source[0] ? source : "nothing here says so");
        }
        bgt_list_free(list);
        if (n_broken == 0)
                find(doctor, LEVEL_OK, "conditions", "", "each one that a task waits for is known; 'bgtask sensors' "
                                                         "lists all %u", n);
}

static void check_packages(Doctor *doctor)
{
        const bgt_record *row;
        bgt_list *list = NULL;
        unsigned n = 0, n_broken = 0;

        if (bgt_list_packages(doctor->cli->bgt, &list) < 0)
                return;
        while (bgt_list_next(list, &row) > 0) {
                const char *problem = bgt_record_string(row, "problem");

                n++;
                if (!problem)
                        continue;
                n_broken++;
                find(doctor, LEVEL_BROKEN, "packages", "correct it and install it again, or 'bgtask remove' it",
                     "%s: %s", bgt_record_string(row, "package"), problem);
        }
        bgt_list_free(list);
        if (n_broken == 0)
                find(doctor, LEVEL_OK, "packages", "", "%u installed", n);
}

/* Reasons that do not pass by themselves. */
static bool is_stuck(const char *code)
{
        static const char *const codes[] = { "quarantined", "class-missing", "capability-missing", "condition-unknown",
                                               "backing-off" };

        for (size_t i = 0; code && i < ELEMENTSOF(codes); i++)
                if (strcmp(code, codes[i]) == 0)
                        return true;
        return false;
}

static unsigned check_task(Doctor *doctor, const bgt_record *task)
{
        const bgt_record *reason;
        bgt_list *list = NULL;
        unsigned n = 0;

        if (bgt_list_why(doctor->cli->bgt, bgt_record_string(task, "task"), &list) < 0)
                return 0;
        while (bgt_list_next(list, &reason) > 0)
                if (is_stuck(bgt_record_string(reason, "code"))) {
                        n++;
                        find(doctor, LEVEL_HINT, "tasks", bgt_record_string(reason, "remedy"), "%s: %s",
                             bgt_record_string(task, "name"), bgt_record_string(reason, "text"));
                }
        bgt_list_free(list);
        return n;
}

static void check_tasks(Doctor *doctor, const bgt_record *status)
{
        uint64_t n_tasks = bgt_record_uint(status, "tasks", 0);
        unsigned n_stuck = 0;
        const bgt_record *row;
        bgt_list *list = NULL;

        if (bgt_list_tasks(doctor->cli->bgt, "*", NULL, NULL, &list) < 0)
                return;
        for (int i = 0; i < TASKS_MAX && bgt_list_next(list, &row) > 0; i++)
                n_stuck += check_task(doctor, row);
        bgt_list_free(list);
        if (n_stuck == 0)
                find(doctor, LEVEL_OK, "tasks", "", "%" PRIu64 " registered%s", n_tasks,
                     n_tasks > TASKS_MAX ? ", of which the first 200 were looked at" : "");
}

/* Without a broker: what keeps one from being started and found. */
static void check_without(Doctor *doctor)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR"), *bus = getenv("BGTASK_BUS");
        const char *autostart = getenv("BGTASK_AUTOSTART");
        char message[1024], remedy[1024];

        snprintf(message, sizeof message, "%s", bgt_error()->message);
        snprintf(remedy, sizeof remedy, "%s", bgt_error()->remedy);
        find(doctor, LEVEL_BROKEN, "broker", remedy, "%s", message);
        if (bus)
                find(doctor, LEVEL_HINT, "socket", "unset it unless you mean that broker", "BGTASK_BUS is %s", bus);
        if (autostart && strcmp(autostart, "0") == 0)
                find(doctor, LEVEL_HINT, "start", "unset it, or start bgtaskd yourself",
                     "BGTASK_AUTOSTART=0 forbids to start one");
        if (runtime)
                check_folder(doctor, "runtime folder", runtime, false);
        else if (!doctor->cli->system)
                find(doctor, LEVEL_HINT, "runtime folder", "log in through PAM (pam_systemd, elogind), or set it",
                     "XDG_RUNTIME_DIR is not set; /run/user/%u or a folder in /tmp is used", (unsigned)geteuid());
}

static int examine(Doctor *doctor)
{
        bgt_record *status = NULL;

        if (bgt_open(NULL, BGT_NO_AUTOSTART | (doctor->cli->system ? BGT_SYSTEM : 0u), &doctor->cli->bgt) < 0 ||
            bgt_status(doctor->cli->bgt, &status) < 0) {
                check_without(doctor);
                return EXIT_NO_BROKER;
        }
        check_broker(doctor, status);
        check_problems(doctor, status);
        find(doctor, LEVEL_OK, "socket", "", "%s", bgt_record_string(status, "bus"));
        check_folder(doctor, "runtime folder", bgt_record_string(status, "runtime-folder"), false);
        check_folder(doctor, "state folder", bgt_record_string(status, "state-folder"), true);
        check_start(doctor, status);
        check_processes(doctor, status);
        check_sensors(doctor);
        check_packages(doctor);
        check_tasks(doctor, status);
        bgt_record_unref(status);
        return doctor->broken ? EXIT_ERROR : EXIT_OK;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        Doctor doctor = { .cli = cli };
        int r = cli_parse_alone(cli, verb, argc, argv, NULL, 0), status;

        if (r < 0)
                return CLI_RETURN(r);
        doctor.findings = json_array();
        status = examine(&doctor);
        if (cli->json) {
                json_dumpf(doctor.findings, stdout, JSON_INDENT(2));
                putchar('\n');
        }
        json_decref(doctor.findings);
        return status;
}

const Verb verb_doctor = { "doctor", "check what has to be right for tasks to run", help, run };
