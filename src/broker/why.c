/* SPDX-License-Identifier: MIT */

/* The reasons of the engine as sentences, each with what would change it. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/duration.h"
#include "broker/broker.h"
#include "broker/wine.h"

typedef struct Reason {
        char sentence[WHY_SENTENCE_MAX];
        char remedy[WHY_SENTENCE_MAX];
} Reason;

static char *format_time(uint64_t real_usec, char *buf, size_t size)
{
        time_t seconds = (time_t)(real_usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                snprintf(buf, size, "?");
        return buf;
}

static uint64_t to_real(const EngineTime *now, uint64_t boot_usec)
{
        return boot_usec >= now->boot_usec ? usec_add(now->real_usec, boot_usec - now->boot_usec)
                                           : usec_sub(now->real_usec, now->boot_usec - boot_usec);
}

/* What a trigger waits for, as the first of several where it names more. */
static void describe_trigger(const Trigger *trigger, char *buf, size_t size)
{
        const char *kind = term_name(TERM_TRIGGER, trigger->kind), *text = trigger->text ? trigger->text : "", *rest;
        char period[40];

        /* The text of files and devices begins with a line of options. */
        if (trigger_is_files(trigger->kind) || trigger_is_of_devices(trigger->kind))
                text += strcspn(text, "\n") + (strchr(text, '\n') != NULL);
        /* The token of push messages is nobody's business; any notification goes without saying. */
        if (trigger->kind == TRIGGER_PUSH_NOTIFICATION || strcmp(text, "*") == 0)
                text = "";
        rest = strchr(text, '\n');
        if (trigger->period_usec > 0)
                snprintf(buf, size, "%s %s", kind, format_duration(trigger->period_usec, period, sizeof period));
        else if (trigger->kind == TRIGGER_SYSTEM)
                snprintf(buf, size, "%s (%s)", kind, term_name(TERM_SYSTEM, trigger->system_type));
        else
                snprintf(buf, size, "%s%s%.*s%s", kind, *text ? " " : "", MIN((int)strcspn(text, "\n"), 120), text,
                         rest && rest[1] ? " …" : "");
}

const char *broker_name_trigger(const TaskSpec *spec, uint32_t place, char buf[static TRIGGER_NAME_MAX])
{
        char described[TRIGGER_NAME_MAX - 32];

        describe_trigger(spec_trigger(spec, place <= spec->n_more ? place : 0), described, sizeof described);
        snprintf(buf, TRIGGER_NAME_MAX, "trigger %u, %s", (unsigned)place, described);
        return spec->n_more > 0 ? buf : NULL;
}

/* That of several triggers which a reason speaks of. */
static const char *trigger_name(const TaskInfo *task, const Why *why, char buf[static TRIGGER_NAME_MAX])
{
        return why->of_trigger ? broker_name_trigger(&task->row.spec, why->trigger, buf) : NULL;
}

static void say_time(const TaskInfo *task, const Why *why, const EngineTime *now, Reason *reason)
{
        char from[32], to[32], buf[TRIGGER_NAME_MAX], what[TRIGGER_NAME_MAX + 32] = "its time";
        const char *name = trigger_name(task, why, buf);

        if (name)
                snprintf(what, sizeof what, "the time of its %s", name);

        snprintf(reason->remedy, WHY_SENTENCE_MAX, "wait, or start it with 'bgtask run'");
        if (why->until_real_usec != USEC_INFINITY) {
                format_time(why->until_real_usec, from, sizeof from);
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "it waits for %s: %s", what, from);
                return;
        }
        if (why->until_boot_usec == USEC_INFINITY) {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "its %s does not come again, or its time zone is not "
                         "known", name ? name : "calendar expression");
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "install the package tzdata, or give it another "
                         "expression with --if-exists update");
                return;
        }
        format_time(to_real(now, why->until_boot_usec), from, sizeof from);
        format_time(to_real(now, why->latest_boot_usec), to, sizeof to);
        if (why->latest_boot_usec > why->until_boot_usec)
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "it waits for %s: between %s and %s", what, from, to);
        else
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "it waits for %s: %s", what, from);
}

/* What a sensor tells of: not levels, which are set, nor what others raise. */
static bool is_of_sensors(const Trigger *trigger)
{
        return trigger_is_watched(trigger->kind) || trigger->kind == TRIGGER_RESUME;
}

static void say_trigger(Broker *broker, const TaskInfo *task, const Why *why, Reason *reason)
{
        const Trigger *trigger = spec_trigger(&task->row.spec, why->trigger);
        const char *problem = NULL;
        char described[TRIGGER_NAME_MAX], number[16] = "";

        if (!broker->sensors && is_of_sensors(trigger))
                problem = "on the test clock nobody looks, and a test fires it";
        else if (broker->sensors && trigger->text)
                problem = sensors_get_problem(broker->sensors, trigger->kind, trigger->text);
        describe_trigger(trigger, described, sizeof described);
        if (task->row.spec.n_more > 0)
                snprintf(number, sizeof number, " %u", why->trigger);
        snprintf(reason->sentence, WHY_SENTENCE_MAX, "its trigger%s has not fired: %s%s%s", number, described,
                 problem ? "; " : "", problem ? problem : "");
        snprintf(reason->remedy, WHY_SENTENCE_MAX, "%s",
                 trigger_is_requested(trigger->kind)           ? "the app requests it; 'bgtask run' starts it by hand"
                 : !broker->sensors && is_of_sensors(trigger) ? "fire it with bgt_test_fire(), or 'bgtask run'"
                                                               : "wait for the event, or start it with 'bgtask run'");
}

static void say_condition(Broker *broker, const TaskInfo *task, const Why *why, const EngineTime *now, Reason *reason)
{
        char buf[TRIGGER_NAME_MAX], what[TRIGGER_NAME_MAX + 8] = "it";
        const char *trigger = trigger_name(task, why, buf);
        const char *name = term_name(TERM_CONDITION, why->condition);
        SensorReading reading;
        const char *words = broker_sensors_get(broker, why->condition, &reading) ? reading.words : "";

        if (trigger)
                snprintf(what, sizeof what, "its %s,", trigger);
        if (why->code == WHY_CONDITION_FALSE) {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "%s has fired and is held: the condition %s is false%s%s",
                         what, name, words[0] ? ": " : "", words);
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "it runs as soon as %s is true; 'bgtask run' does not wait",
                         name);
        } else {
                snprintf(reason->sentence, WHY_SENTENCE_MAX,
                         "%s has fired and is held: whether %s is true is not known: %s", what, name,
                         words[0] ? words : "nothing on this machine says so");
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "register it without %s, or start it with 'bgtask run'",
                         name);
        }
        if (why->until_boot_usec != USEC_INFINITY) {
                size_t n = strlen(reason->sentence);
                char until[32];

                snprintf(reason->sentence + n, WHY_SENTENCE_MAX - n, "; it runs all the same at %s",
                         format_time(to_real(now, why->until_boot_usec), until, sizeof until));
        }
}

static void say_failure(Broker *broker, const TaskInfo *task, const Why *why, const EngineTime *now, Reason *reason)
{
        const Package *package = broker_package_find(broker, task->row.spec.package);
        const RunRow row = { .detail = why->detail, .result = why->status };
        char until[32], failure[160], often[64] = "";

        if (package && broker_wine_prefix_is_gone(package)) {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "its server cannot start: the prefix of Wine %.256s, "
                         "with which its package was installed, is gone", package->wine_prefix);
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "make it again with 'bgtask wine setup %.256s', or "
                         "install the package with another WINEPREFIX", package->wine_prefix);
                return;
        }
        bus_detail_text(&row, failure, sizeof failure);
        format_time(to_real(now, why->until_boot_usec), until, sizeof until);
        if (why->count > 1)
                snprintf(often, sizeof often, " %u times in a row, last", why->count);
        if (why->code == WHY_QUARANTINED)
                snprintf(reason->sentence, WHY_SENTENCE_MAX,
                         "its server failed to start%s: %s; it is left alone until %s", often, failure, until);
        else
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "its server failed to start%s: %s; the next try is at %s",
                         often, failure, until);
        snprintf(reason->remedy, WHY_SENTENCE_MAX, "see 'bgtask log'; 'bgtask run' tries at once");
}

static void say_live(const TaskInfo *task, const Why *why, Reason *reason)
{
        static const char *const verbs[] = {
                [WHY_STARTING] = "it is being started",
                [WHY_RUNNING] = "it is running",
                [WHY_STOPPING] = "it was canceled and is being stopped",
                [WHY_UNCONFIRMED] = "it ran when the broker was started again, and its server is not heard of yet",
        };

        char buf[TRIGGER_NAME_MAX];
        const char *name = trigger_name(task, why, buf);

        snprintf(reason->sentence, WHY_SENTENCE_MAX, "%s%s%s", verbs[why->code], name ? ", fired by its " : "",
                 name ? name : "");
        snprintf(reason->remedy, WHY_SENTENCE_MAX, "%s",
                 why->code == WHY_RUNNING ? "see 'bgtask watch'; 'bgtask cancel' ends it"
                                          : "wait a moment; it always ends within its limits");
}

static void say(Broker *broker, const TaskInfo *task, const Why *why, const EngineTime *now, Reason *reason)
{
        char until[32];

        switch (why->code) {
        case WHY_WAITING_FOR_TIME:
                say_time(task, why, now, reason);
                return;
        case WHY_WAITING_FOR_TRIGGER:
                say_trigger(broker, task, why, reason);
                return;
        case WHY_CONDITION_FALSE:
        case WHY_CONDITION_UNKNOWN:
                say_condition(broker, task, why, now, reason);
                return;
        case WHY_QUARANTINED:
        case WHY_BACKING_OFF:
                say_failure(broker, task, why, now, reason);
                return;
        case WHY_STARTING:
        case WHY_RUNNING:
        case WHY_STOPPING:
        case WHY_UNCONFIRMED:
                say_live(task, why, reason);
                return;
        case WHY_CLASS_MISSING:
                broker_package_explain_class(broker, task->row.spec.package, task->row.spec.clsid, reason->sentence,
                                      sizeof reason->sentence);
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "install a version of the package that declares the class");
                return;
        case WHY_STORE_BEHIND:
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "it is due, and waits for the disk, which is behind with "
                         "what is to be written");
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "wait a moment; if it stays so, look at the disk");
                return;
        case WHY_CAPABILITY_MISSING:
                broker_package_explain_capability(broker, &task->row.spec, reason->sentence, reason->remedy,
                                                  sizeof reason->sentence);
                return;
        default:
                break;
        }
        format_time(to_real(now, why->until_boot_usec), until, sizeof until);
        if (why->code == WHY_PAUSED) {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "it is paused");
                snprintf(reason->remedy, WHY_SENTENCE_MAX,
                         "resume it with 'bgtask resume', or run it once with 'bgtask run'");
        } else if (why->code == WHY_PACKAGE_PAUSED) {
                char since[32];

                snprintf(reason->sentence, WHY_SENTENCE_MAX, "its package %s is paused since %s",
                         task->row.spec.package, format_time(why->since_real_usec, since, sizeof since));
                snprintf(reason->remedy, WHY_SENTENCE_MAX,
                         "resume it with 'bgtask resume --package %s', or run it once with 'bgtask run'",
                         task->row.spec.package);
        } else if (why->code == WHY_SKIP_NEXT) {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "the next time that %s fires is skipped",
                         task->row.spec.n_more > 0 ? "one of its triggers" : "its trigger");
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "'bgtask skip --undo' has it run all the same");
        } else if (why->code == WHY_WAITING_FOR_RETRY) {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "its last attempt failed; the next is at %s", until);
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "wait, or start it with 'bgtask run'");
        } else if (why->code == WHY_RUN_LIMIT) {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "%u of %u runs are alive, and it waits for one to end",
                         why->used, why->count);
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "see 'bgtask status'; cancel one with 'bgtask cancel'");
        } else if (why->code == WHY_START_LIMIT) {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "its package has used %u of %u starts; the next is at %s",
                         why->used, why->count, until);
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "wait, or start it with 'bgtask run'");
        } else if (why->code == WHY_NO_HOST) {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "it runs inside its app, and the app is not running");
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "start the app");
        } else {
                snprintf(reason->sentence, WHY_SENTENCE_MAX, "it is %s", term_name(TERM_WHY, why->code));
                snprintf(reason->remedy, WHY_SENTENCE_MAX, "wait a moment");
        }
}

void broker_why_sentence(Broker *broker, const TaskInfo *task, const Why *why, const EngineTime *now,
                         char sentence[static WHY_SENTENCE_MAX])
{
        Reason reason;

        say(broker, task, why, now, &reason);
        memcpy(sentence, reason.sentence, WHY_SENTENCE_MAX);
}

static void put_details(Writer *w, const TaskInfo *task, const Why *why, const EngineTime *now)
{
        const Trigger *trigger = spec_trigger(&task->row.spec, MIN(why->trigger, task->row.spec.n_more));
        char text[UUID_STRING_MAX];

        writer_open_array(w, "{sv}");
        if (why->code == WHY_CONDITION_FALSE || why->code == WHY_CONDITION_UNKNOWN)
                writer_put_option_string(w, "condition", term_name(TERM_CONDITION, why->condition));
        if (why->until_boot_usec != USEC_INFINITY && why->until_boot_usec != 0)
                writer_put_option_uint64(w, "until", to_real(now, why->until_boot_usec));
        if (why->until_real_usec != USEC_INFINITY)
                writer_put_option_uint64(w, "until", why->until_real_usec);
        if (why->code == WHY_WAITING_FOR_TIME && why->latest_boot_usec != USEC_INFINITY)
                writer_put_option_uint64(w, "latest", to_real(now, why->latest_boot_usec));
        if (why->count > 0)
                writer_put_option_uint32(w, "count", why->count);
        if (why->of_trigger) {
                writer_put_option_uint32(w, "trigger-index", why->trigger);
                writer_put_option_string(w, "trigger-kind", term_name(TERM_TRIGGER, trigger->kind));
        }
        if (!uuid_is_null(why->run))
                writer_put_option_string(w, "run", uuid_format(why->run, text));
        writer_close(w);
}

/* No reason why it is not running now, but one why it may not run when it is due. */
static void put_startup(Broker *broker, Writer *w)
{
        Startup startup;

        broker_look_at_startup(broker, &startup);
        if (startup.problem == STARTUP_FINE)
                return;
        writer_open_struct(w, "sstsa{sv}");
        writer_put_string(w, startup_code(startup.problem));
        writer_put_string(w, startup.sentence);
        writer_put_uint64(w, broker->started_real_usec);
        writer_put_string(w, startup.remedy);
        writer_open_array(w, "{sv}");
        writer_close(w);
        writer_close(w);
}

void on_why(Call *call, Uuid id, void *userdata)
{
        Broker *broker = userdata;
        EngineTime now = clock_now(broker->clock);
        Why reasons[ENGINE_WHY_MAX];
        TaskInfo task;
        Writer *w;
        size_t n;

        if (!engine_get_task(broker->engine, id, &task)) {
                bus_reply_error(call, ERROR_NO_SUCH_TASK, NULL);
                return;
        }
        n = engine_get_why(broker->engine, id, reasons);
        w = bus_begin_reply(call);
        writer_open_array(w, "(sstsa{sv})");
        for (size_t i = 0; i < n; i++) {
                Reason reason;

                say(broker, &task, &reasons[i], &now, &reason);
                writer_open_struct(w, "sstsa{sv}");
                writer_put_string(w, term_name(TERM_WHY, reasons[i].code));
                writer_put_string(w, reason.sentence);
                writer_put_uint64(w, reasons[i].since_real_usec);
                writer_put_string(w, reason.remedy);
                put_details(w, &task, &reasons[i], &now);
                writer_close(w);
        }
        put_startup(broker, w);
        writer_close(w);
        bus_send_reply(call);
}
