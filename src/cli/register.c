/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "base/clock.h"
#include "base/device-watch.h"
#include "base/rows.h"
#include "base/terms.h"
#include "cli/combine.h"
#include "cli/task-row.h"

static const char help[] =
        "Usage: bgtask register [OPTION]... NAME\n"
        "Register a task of a package. Returns when it is stored on disk.\n"
        "\n"
        "Trigger; of several, up to 8, any fires the task:\n"
        "  --time MINUTES        TimeTrigger: every so many minutes, 15 or more\n"
        "  --every DURATION      interval: 1s or more\n"
        "  --window DURATION     how late it may be (default: a tenth, 1m at most)\n"
        "  --at CALENDAR         as systemd.time(7): daily, Mon..Fri 09:30 (see next)\n"
        "  --maintenance MINUTES MaintenanceTrigger: as --time, on AC power only\n"
        "  --on EVENT            SystemTrigger: InternetAvailable, UserPresent...; or:\n"
        "                        boot, login, resume; push: a push message (also\n"
        "                        PushNotificationTrigger); of notifications:\n"
        "                        ToastNotificationActionTrigger,\n"
        "                        ToastNotificationHistoryChangedTrigger,\n"
        "                        UserNotificationChangedTrigger;\n"
        "                        or on request of the app:\n"
        "                        MediaProcessingTrigger, DeviceUseTrigger,\n"
        "                        DeviceServicingTrigger\n"
        "  --action PATTERN      ... of a notification, when its key is like this\n"
        "  --files PATH[:PATH]...\n"
        "                        when one of these files has changed, or anything in or\n"
        "                        below one of these folders\n"
        "  --flat                ... but not below the folders\n"
        "  --tracker             ... as a StorageLibraryChangeTrackerTrigger\n"
        "  --delay DURATION      ... and nothing has changed since for so long (1s)\n"
        "  --maximum-delay DURATION\n"
        "                        ... or so long after the first change (30s)\n"
        "  --device PATH         when this device comes or goes: /dev/ttyUSB0, /sys/...\n"
        "  --devices MATCH,...   when a device comes or goes that fits all of these:\n"
        "                        usb (its subsystem), ID_VENDOR_ID=1d6b, DEVTYPE=disk...\n"
        "  --changes             ... or changes\n"
        "  --socket ADDRESS      when a connection or datagram comes: tcp:127.0.0.1:8080,\n"
        "                        udp:[::1]:5353, unix:/path; the broker holds the socket;\n"
        "                        --on SocketActivityTrigger: one that the app hands over\n"
        "  --application         ApplicationTrigger: when the app asks\n"
        "  --custom ID           CustomSystemEventTrigger: 'bgtask raise ID'\n"
        "  --once-per-boot       ... but not again in the same boot\n"
        "  --once                fire once, then the registration is gone\n"
        "\n"
        "  --clsid CLSID         the class that runs it (default: the package's only one)\n"
        "  --in-process          no class: it runs inside the app\n"
        "  --when CONDITION,...  InternetAvailable, OnACPower, UserNotPresent, ...\n"
        "  --cancel-on-condition-loss\n"
        "  --if-exists POLICY    fail (default), keep, update, replace, duplicate\n"
        "  --group ID            registration group\n"
        "  --overlap POLICY      skip, buffer-one, buffer-all, cancel-other, parallel\n"
        "  --catch-up POLICY     after downtime: one (default), none, all\n"
        "  --catch-up-window DURATION  how old a missed firing may be\n"
        "  --rerun POLICY        after a power loss: never, once\n"
        "  --retry N             further attempts after a failure\n"
        "  --retry-backoff DURATION  how long to wait before the first\n"
        "  --limit DURATION      cancel a run that takes longer\n"
        "  --expires DURATION    drop a firing that could not start for so long\n"
        "  --deadline DURATION   then start it although conditions do not hold\n"
        "\n"
        "Examples:\n"
        "  bgtask register --time 15 SampleTask\n"
        "  bgtask register --every 1h --when InternetAvailable,OnACPower Sync\n";

typedef struct Arguments {
        const char *time, *maintenance, *on, *custom, *at, *files, *device, *devices, *socket, *action, *clsid, *when,
                *if_exists, *group, *overlap, *catch_up, *rerun, *retry;
        uint64_t every, window, catch_up_window, retry_backoff, limit, expires, deadline, delay, maximum_delay;
        CliList triggers;
        bool application, once, once_per_boot, in_process, flat, tracker, changes, cancel_on_condition_loss;
} Arguments;

static int make_event(const Verb *verb, const Arguments *a, bgt_trigger **ret)
{
        int kind, type, status = cli_parse_event(verb, a->on, &kind, &type);

        if (status == EXIT_OK)
                *ret = type > 0                           ? bgt_trigger_system(type, a->once)
                       : kind == TRIGGER_APPLICATION      ? bgt_trigger_application()
                       : kind == TRIGGER_MEDIA_PROCESSING ? bgt_trigger_media_processing()
                       : kind == TRIGGER_DEVICE_USE       ? bgt_trigger_device_use()
                       : kind == TRIGGER_DEVICE_SERVICING ? bgt_trigger_device_servicing()
                       : kind == TRIGGER_SOCKET_ACTIVITY  ? bgt_trigger_socket(NULL, a->once)
                       : kind == TRIGGER_TOAST_ACTION     ? bgt_trigger_toast_action(a->action, a->once)
                       : kind == TRIGGER_PUSH_NOTIFICATION ? bgt_trigger_push_notification(a->once)
                       : kind == TRIGGER_TOAST_HISTORY_CHANGED
                               ? bgt_trigger_toast_history_changed(a->once)
                       : kind == TRIGGER_USER_NOTIFICATION_CHANGED
                               ? bgt_trigger_user_notification_changed(a->once)
                               : bgt_trigger_event(kind, a->once);
        return status;
}

/* What none could be made of was a wrong argument. */
static int check_made(const bgt_trigger *trigger)
{
        if (trigger)
                return EXIT_OK;
        (void)cli_complain();
        return EXIT_USAGE;
}

static int make_files(const Arguments *a, bgt_trigger **ret)
{
        char *paths[FILE_WATCH_PATHS_MAX + 2];
        int status = cli_split_paths(a->files, paths);

        if (status != EXIT_OK)
                return status;
        *ret = (a->tracker ? bgt_trigger_change_tracker : bgt_trigger_files)(
                (const char *const *)paths, !a->flat, a->delay, a->maximum_delay, a->once);
        cli_free_texts(paths);
        return check_made(*ret);
}

static int make_devices(const Arguments *a, bgt_trigger **ret)
{
        char *matches[DEVICE_WATCH_MATCHES_MAX + 2];

        if (cli_split_matches(a->devices, matches) < 0)
                return cli_out_of_memory();
        *ret = bgt_trigger_devices((const char *const *)matches, a->changes, a->once);
        cli_free_texts(matches);
        return check_made(*ret);
}

static int make_trigger(const Verb *verb, const Arguments *a, bgt_trigger **ret)
{
        uint32_t minutes = 0;

        if (a->time && cli_parse_number(verb, "--time", "minutes, as 15", a->time, &minutes))
                return EXIT_USAGE;
        if (a->maintenance && cli_parse_number(verb, "--maintenance", "minutes, as 15", a->maintenance, &minutes))
                return EXIT_USAGE;
        if (a->time) {
                *ret = bgt_trigger_time(minutes, a->once);
        } else if (a->maintenance) {
                *ret = bgt_trigger_maintenance(minutes, a->once);
        } else if (a->on) {
                int r = make_event(verb, a, ret);

                if (r != EXIT_OK)
                        return r;
        } else if (a->custom) {
                *ret = a->once_per_boot ? bgt_trigger_custom_system_event_per_boot(a->custom)
                                        : bgt_trigger_custom_system_event(a->custom, a->once);
        } else if (a->at) {
                *ret = bgt_trigger_calendar(a->at, a->once);
        } else if (a->application) {
                *ret = bgt_trigger_application();
        } else if (a->files) {
                return make_files(a, ret);
        } else if (a->device) {
                *ret = bgt_trigger_device(a->device, a->once);
                return check_made(*ret);
        } else if (a->socket) {
                *ret = bgt_trigger_socket(a->socket, a->once);
                return check_made(*ret);
        } else if (a->devices) {
                return make_devices(a, ret);
        } else {
                uint64_t window = a->window != UINT64_MAX ? a->window : MIN(a->every / 10, USEC_PER_MINUTE);

                *ret = bgt_trigger_interval(a->every, window, a->once);
        }
        return *ret ? EXIT_OK : cli_out_of_memory();
}

/* The arguments as if this were the only trigger. */
static int choose_trigger(const Verb *verb, Arguments *a, const char *option, const char *text)
{
        const struct {
                const char *name;
                const char **place;
        } options[] = {
                { "time", &a->time },     { "maintenance", &a->maintenance }, { "on", &a->on },
                { "custom", &a->custom }, { "at", &a->at },                   { "files", &a->files },
                { "device", &a->device }, { "devices", &a->devices },         { "socket", &a->socket },
        };

        a->application = strcmp(option, "application") == 0;
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (strcmp(option, options[i].name) == 0)
                        *options[i].place = text;
        return strcmp(option, "every") == 0 ? cli_parse_duration(verb, option, text, &a->every) : EXIT_OK;
}

static int add_triggers(const Verb *verb, const Arguments *a, bgt_builder *builder)
{
        int status = EXIT_OK;

        for (size_t i = 0; i < a->triggers.n && status == EXIT_OK; i++) {
                bgt_trigger *trigger = NULL;
                Arguments one = *a;

                status = choose_trigger(verb, &one, a->triggers.names[i], a->triggers.items[i]);
                if (status == EXIT_OK)
                        status = make_trigger(verb, &one, &trigger);
                if (status == EXIT_OK)
                        bgt_builder_add_trigger(builder, trigger);
                bgt_trigger_unref(trigger);
        }
        return status;
}

static int kind_of(const Verb *verb, const char *option, const char *text, int *ret_kind)
{
        static const struct {
                const char *option;
                int kind;
        } kinds[] = {
                { "every", TRIGGER_INTERVAL },     { "at", TRIGGER_CALENDAR },
                { "time", TRIGGER_TIME },          { "maintenance", TRIGGER_MAINTENANCE },
                { "application", TRIGGER_APPLICATION },
        };
        int type;

        *ret_kind = 0;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strcmp(option, kinds[i].option) == 0)
                        *ret_kind = kinds[i].kind;
        return strcmp(option, "on") == 0 ? cli_parse_event(verb, text, ret_kind, &type) : EXIT_OK;
}

static int fill_shape(const Verb *verb, const Arguments *a, TaskShape *ret_shape)
{
        int kind, status = EXIT_OK;

        *ret_shape = (TaskShape){
                .conditions = a->when && a->when[0],
                .catch_up_all = a->catch_up && term_number(TERM_CATCH_UP, a->catch_up) == CATCH_UP_ALL,
                .retries = a->retry && strcmp(a->retry, "0") != 0,
        };

        for (size_t i = 0; i < a->triggers.n && status == EXIT_OK; i++) {
                status = kind_of(verb, a->triggers.names[i], a->triggers.items[i], &kind);
                shape_add_trigger(ret_shape, kind);
        }
        return status;
}

static int check_triggers(const Cli *cli, const Verb *verb, Arguments *a)
{
        TaskShape shape;
        int status;

        if (a->triggers.n == 0)
                return cli_usage(verb, "the task has no trigger: give --time, --every, --on or another one");
        if (a->triggers.n > TRIGGERS_MAX)
                return cli_usage(verb, "a task has at most %d triggers, and %zu are given", TRIGGERS_MAX,
                                 a->triggers.n);
        status = cli_check_delays(cli, verb, a->delay, &a->maximum_delay);
        if (status == EXIT_OK)
                status = fill_shape(verb, a, &shape);
        return status == EXIT_OK ? cli_check_combination(cli, verb, &shape) : status;
}

static int add_conditions(const Verb *verb, bgt_builder *builder, const char *list)
{
        _cleanup_(freep) char *copy = strdup(list);
        char *state = NULL;

        if (!copy)
                return cli_out_of_memory();
        for (char *name = strtok_r(copy, ",", &state); name; name = strtok_r(NULL, ",", &state)) {
                int condition = term_number(TERM_CONDITION, name);

                if (condition < 0)
                        return cli_unknown_term(verb, "--when", TERM_CONDITION, name);
                bgt_builder_add_condition(builder, condition);
        }
        return EXIT_OK;
}

static int set_options(const Verb *verb, const Arguments *a, bgt_builder *builder)
{
        int overlap, catch_up, rerun;
        uint32_t retry = 0;

        if (cli_parse_term(verb, "--overlap", TERM_OVERLAP, a->overlap, OVERLAP_DEFAULT, &overlap) ||
            cli_parse_term(verb, "--catch-up", TERM_CATCH_UP, a->catch_up, CATCH_UP_ONE, &catch_up) ||
            cli_parse_term(verb, "--rerun", TERM_RERUN, a->rerun, RERUN_DEFAULT, &rerun) ||
            (a->retry && cli_parse_number(verb, "--retry", "attempts, as 3", a->retry, &retry)))
                return EXIT_USAGE;
        if (a->when && add_conditions(verb, builder, a->when))
                return EXIT_USAGE;
        bgt_builder_set_overlap(builder, overlap);
        bgt_builder_set_catch_up(builder, catch_up, a->catch_up_window);
        bgt_builder_set_rerun(builder, rerun);
        bgt_builder_set_retry(builder, retry, a->retry_backoff);
        bgt_builder_set_time_limit(builder, a->limit);
        bgt_builder_set_expiry(builder, a->expires);
        bgt_builder_set_deadline(builder, a->deadline);
        bgt_builder_set_cancel_on_condition_loss(builder, a->cancel_on_condition_loss);
        if (a->group)
                bgt_builder_set_group(builder, a->group);
        return EXIT_OK;
}

/* The class of a package that has only one; the text belongs to the package. */
static const char *only_class(const Verb *verb, const bgt_record *package)
{
        const bgt_record *const *classes;
        size_t n;

        classes = bgt_record_records(package, "classes", &n);
        if (n == 1)
                return bgt_record_string(classes[0], "clsid");
        cli_usage(verb, "the package %s declares %zu classes: give --clsid", bgt_record_string(package, "package"), n);
        for (size_t i = 0; i < n && i < 20; i++)
                fprintf(stderr, "  %s\n", bgt_record_string(classes[i], "clsid"));
        return NULL;
}

static const char *what_happened(bool existed, int if_exists)
{
        if (!existed)
                return "registered";
        return if_exists == IF_EXISTS_UPDATE ? "updated" : "kept";
}

static int report(Cli *cli, const char *name, bgt_registration *task, const char *what)
{
        bgt_record *record = NULL;

        if (!cli->json)
                printf("%s %s, id %s\n", what, name, bgt_registration_id(task));
        if (bgt_task_get(cli->bgt, bgt_registration_id(task), &record) < 0)
                return cli_complain();
        if (cli->json)
                json_print_record(record);
        cli_warn_about_pause(record);
        bgt_record_unref(record);
        return EXIT_OK;
}

static int register_task(Cli *cli, const Verb *verb, Arguments *a, const char *name, const bgt_record *package)
{
        const char *clsid = a->clsid;
        bgt_registration *task = NULL;
        bgt_builder *builder;
        bgt *owner = NULL;
        int if_exists, r;

        if (!clsid && !a->in_process)
                clsid = only_class(verb, package);
        if (!clsid && !a->in_process)
                return EXIT_USAGE;
        if (cli_parse_term(verb, "--if-exists", TERM_IF_EXISTS, a->if_exists, IF_EXISTS_FAIL, &if_exists) ||
            check_triggers(cli, verb, a))
                return EXIT_USAGE;
        if (bgt_open(bgt_record_string(package, "package"), cli->system ? BGT_SYSTEM : 0, &owner) < 0)
                return cli_complain();
        builder = bgt_builder_new(owner, name);
        if (clsid)
                bgt_builder_set_entry_point_clsid(builder, clsid);
        r = add_triggers(verb, a, builder);
        if (r == EXIT_OK)
                r = set_options(verb, a, builder);
        if (r == EXIT_OK) {
                int existed = bgt_builder_register(builder, if_exists, &task);

                r = existed < 0 ? cli_complain() : report(cli, name, task, what_happened(existed > 0, if_exists));
                if (existed >= 0)
                        cli_warn_about_start(cli);
        }
        bgt_registration_unref(task);
        bgt_builder_unref(builder);
        bgt_close(owner);
        return r;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        Arguments a = { .every = UINT64_MAX, .window = UINT64_MAX, .delay = FILE_WATCH_DELAY_USEC,
                        .maximum_delay = FILE_WATCH_MAX_DELAY_USEC };
        const CliOption options[] = {
                { "time", .list = &a.triggers },
                { "maintenance", .list = &a.triggers },
                { "every", .list = &a.triggers },
                { "window", .duration_usec = &a.window },
                { "on", .list = &a.triggers },
                { "files", .list = &a.triggers },
                { "flat", .flag = &a.flat },
                { "tracker", .flag = &a.tracker },
                { "device", .list = &a.triggers },
                { "devices", .list = &a.triggers },
                { "socket", .list = &a.triggers },
                { "action", .value = &a.action },
                { "changes", .flag = &a.changes },
                { "delay", .duration_usec = &a.delay },
                { "maximum-delay", .duration_usec = &a.maximum_delay },
                { "application", .flag = &a.application, .list = &a.triggers },
                { "custom", .list = &a.triggers },
                { "at", .list = &a.triggers },
                { "once", .flag = &a.once },
                { "once-per-boot", .flag = &a.once_per_boot },
                { "clsid", .value = &a.clsid },
                { "in-process", .flag = &a.in_process },
                { "when", .value = &a.when },
                { "cancel-on-condition-loss", .flag = &a.cancel_on_condition_loss },
                { "if-exists", .value = &a.if_exists },
                { "group", .value = &a.group },
                { "overlap", .value = &a.overlap },
                { "catch-up", .value = &a.catch_up },
                { "catch-up-window", .duration_usec = &a.catch_up_window },
                { "rerun", .value = &a.rerun },
                { "retry", .value = &a.retry },
                { "retry-backoff", .duration_usec = &a.retry_backoff },
                { "limit", .duration_usec = &a.limit },
                { "expires", .duration_usec = &a.expires },
                { "deadline", .duration_usec = &a.deadline },
        };
        bgt_record *package = NULL;
        int r, status;

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r != 1)
                return cli_usage(verb, "name one task");
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        status = cli_find_package(cli, &package);
        if (status == EXIT_OK)
                status = register_task(cli, verb, &a, argv[r], package);
        bgt_record_unref(package);
        return status;
}

const Verb verb_register = { "register", "register a task", help, run };
