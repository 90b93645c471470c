/* SPDX-License-Identifier: MIT */

/* Rows as (id, id, name, properties) of the lists, and as the arguments of signals. */

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/result.h"
#include "bus/bus.h"
#include "bus/registration.h"

static void put_uuid(Writer *w, Uuid uuid)
{
        char text[UUID_STRING_MAX];

        writer_put_string(w, uuid_format(uuid, text));
}

/* What is 0 is not known. */
static void put_known(Writer *w, const char *key, uint64_t value)
{
        if (value > 0)
                writer_put_option_uint64(w, key, value);
}

/* A moment of the boot clock as time of day, as seen from now. */
static uint64_t to_real(const BusTimes *now, uint64_t boot_usec)
{
        return boot_usec >= now->boot_usec ? usec_add(now->real_usec, boot_usec - now->boot_usec)
                                           : usec_sub(now->real_usec, now->boot_usec - boot_usec);
}

static const char *task_state(const TaskInfo *task)
{
        if (task->unregistering)
                return "unregistering";
        if (task->n_live > 0)
                return "live";
        if (task->row.paused || task->package_paused)
                return "paused";
        return task->n_pending > 0 ? "pending" : "waiting";
}

static uint64_t next_earliest(const TriggerInfo *t, const BusTimes *now)
{
        return t->next_earliest_boot_usec != USEC_INFINITY ? to_real(now, t->next_earliest_boot_usec)
                                                           : t->next_real_usec;
}

static uint64_t next_latest(const TriggerInfo *t, const BusTimes *now)
{
        return t->next_latest_boot_usec != USEC_INFINITY ? to_real(now, t->next_latest_boot_usec) : t->next_real_usec;
}

/* That of the trigger which comes first. */
static void put_next(Writer *w, const TaskInfo *task, const BusTimes *now)
{
        const TriggerInfo *first;
        uint32_t place = 0;

        for (uint32_t i = 1; i <= task->row.spec.n_more; i++)
                if (next_earliest(&task->triggers[i], now) < next_earliest(&task->triggers[place], now))
                        place = i;
        first = &task->triggers[place];
        if (next_earliest(first, now) == USEC_INFINITY)
                return;
        if (task->row.spec.n_more > 0)
                writer_put_option_uint32(w, "next-trigger", place);
        writer_put_option_uint64(w, "next-earliest", next_earliest(first, now));
        writer_put_option_uint64(w, "next-latest", next_latest(first, now));
}

void bus_put_task(Writer *w, const TaskInfo *task, const BusTimes *now, const char *endpoint, bool in_list)
{
        if (in_list) {
                writer_open_struct(w, "sssa{sv}");
                put_uuid(w, task->row.id);
        }
        writer_put_string(w, task->row.spec.package);
        writer_put_string(w, task->row.spec.name);
        writer_open_array(w, "{sv}");
        registration_put_properties(w, &task->row.spec);
        writer_put_option_uint64(w, "registered", task->row.registered_real_usec);
        writer_put_option_bool(w, "paused", task->row.paused);
        writer_put_option_bool(w, "skip-next", task->row.skip_next);
        put_known(w, "package-paused-since", task->package_paused_real_usec);
        writer_put_option_string(w, "state", task_state(task));
        writer_put_option_uint32(w, "pending", task->n_pending);
        writer_put_option_uint32(w, "live", task->n_live);
        put_next(w, task, now);
        if (endpoint)
                writer_put_option_string(w, "endpoint", endpoint);
        put_known(w, "last-fired", task->last_fired_real_usec);
        writer_close(w);
        if (in_list)
                writer_close(w);
}

static const char *signal_text(int number)
{
        const char *name = sigabbrev_np(number);

        return name ? name : "unknown";
}

const char *bus_detail_text(const RunRow *row, char *buf, size_t size)
{
        switch (row->detail) {
        case DETAIL_SPAWN:
                snprintf(buf, size, "the server could not be started: %s", strerror(-row->result));
                break;
        case DETAIL_EXITED:
                snprintf(buf, size, "the server exited with %d", row->result);
                break;
        case DETAIL_KILLED:
                snprintf(buf, size, "the server was killed by SIG%s", signal_text(row->result));
                break;
        case DETAIL_NEVER_REGISTERED:
                snprintf(buf, size, "the server did not register its class within 60 s");
                break;
        case DETAIL_LOST:
                snprintf(buf, size, "the server was lost");
                break;
        case DETAIL_UNRESPONSIVE:
                snprintf(buf, size, "the server did not acknowledge Run within 10 s");
                break;
        case DETAIL_REFUSED:
                snprintf(buf, size, "the server refused to run it");
                break;
        case DETAIL_OVERLAP:
                snprintf(buf, size, "the task was still running");
                break;
        case DETAIL_QUOTA:
                snprintf(buf, size, "the task's queue was full");
                break;
        case DETAIL_SKIPPED:
                snprintf(buf, size, "this time was to be skipped");
                break;
        default:
                buf[0] = '\0';
        }
        return buf;
}

const char *bus_outcome_text(const RunRow *row, char *buf, size_t size)
{
        const char *reason = term_name(TERM_REASON, row->reason);
        char detail[160], result[128];

        bus_detail_text(row, detail, sizeof detail);
        switch (row->outcome) {
        case OUTCOME_COMPLETED:
                snprintf(buf, size, "completed");
                break;
        case OUTCOME_FAILED:
                if (row->detail == DETAIL_EXITED)
                        snprintf(buf, size, "failed: exit status %d", row->result);
                else if (row->detail == DETAIL_KILLED)
                        snprintf(buf, size, "failed: killed by SIG%s", signal_text(row->result));
                else if (row->detail == DETAIL_LOST)
                        snprintf(buf, size, "failed: %s", detail);
                else
                        snprintf(buf, size, "failed: %s", result_format(row->result, result, sizeof result));
                break;
        case OUTCOME_CANCELED:
                snprintf(buf, size, "canceled (%s)", reason ? reason : "?");
                break;
        case OUTCOME_TIMED_OUT:
                snprintf(buf, size, "canceled after its time limit");
                break;
        case OUTCOME_EXPIRED:
                snprintf(buf, size, "expired before it could start");
                break;
        default: {
                const char *name = term_name(TERM_OUTCOME, row->outcome);

                snprintf(buf, size, "%s%s%s", name ? name : "?", detail[0] ? ": " : "", detail);
        }
        }
        return buf;
}

/* Which of several triggers fired, and of what kind it was. Records of earlier versions know no kind. */
static void put_fired_trigger(Writer *w, uint8_t place, uint8_t kind)
{
        writer_put_option_uint32(w, "trigger-index", place);
        if (kind > 0)
                writer_put_option_string(w, "trigger-kind", term_name(TERM_TRIGGER, kind));
}

static void put_record_properties(Writer *w, const RunRow *row)
{
        char text[256];

        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "package", row->package);
        writer_put_option_string(w, "name", row->name);
        writer_put_option_string(w, "text", bus_outcome_text(row, text, sizeof text));
        if (row->outcome == OUTCOME_CANCELED || row->outcome == OUTCOME_TIMED_OUT)
                writer_put_option_string(w, "reason", term_name(TERM_REASON, row->reason));
        if (row->detail != DETAIL_NONE)
                writer_put_option_string(w, "detail", term_name(TERM_DETAIL, row->detail));
        writer_put_option_int32(w, "result", row->result);
        put_known(w, "cpu", row->cpu_usec);
        put_known(w, "memory", row->memory_bytes);
        writer_put_option_uint64(w, "accepted", row->accepted_real_usec);
        put_known(w, "scheduled", row->scheduled_real_usec);
        put_known(w, "first-scheduled", row->first_scheduled_real_usec);
        put_known(w, "started", row->started_real_usec);
        writer_put_option_uint64(w, "ended", row->ended_real_usec);
        writer_put_option_uint32(w, "count", row->count);
        writer_put_option_uint32(w, "attempts", row->attempts);
        writer_put_option_uint32(w, "progress", row->progress);
        writer_put_option_string(w, "fired-by", term_name(TERM_FIRED_BY, row->fired_by));
        put_fired_trigger(w, row->trigger, row->trigger_kind);
        writer_put_option_uint64(w, "server", row->server);
        writer_close(w);
}

void bus_put_record(Writer *w, const RunRow *row, bool in_list)
{
        if (in_list) {
                writer_open_struct(w, "sssa{sv}");
                put_uuid(w, row->id);
                put_uuid(w, row->task);
        } else {
                put_uuid(w, row->task);
                writer_put_string(w, row->package);
                put_uuid(w, row->id);
        }
        writer_put_string(w, term_name(TERM_OUTCOME, row->outcome));
        put_record_properties(w, row);
        if (in_list)
                writer_close(w);
}

void bus_put_run(Writer *w, const RunInfo *run, pid_t pid)
{
        writer_open_struct(w, "sssa{sv}");
        put_uuid(w, run->run);
        put_uuid(w, run->task);
        writer_put_string(w, run->unconfirmed ? "unconfirmed" : term_name(TERM_RUN_STATE, run->state));
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "package", run->package);
        writer_put_option_string(w, "name", run->name);
        writer_put_option_uint32(w, "attempt", run->attempt);
        put_known(w, "since", run->since_real_usec);
        writer_put_option_uint32(w, "progress", run->progress);
        writer_put_option_uint64(w, "accepted", run->accepted_real_usec);
        put_known(w, "scheduled", run->scheduled_real_usec);
        writer_put_option_uint32(w, "count", run->count);
        writer_put_option_string(w, "fired-by", term_name(TERM_FIRED_BY, run->fired_by));
        put_fired_trigger(w, run->place, run->trigger.kind);
        writer_put_option_uint64(w, "server", run->server);
        if (pid > 0)
                writer_put_option_uint32(w, "pid", (uint32_t)pid);
        if (run->state == RUN_STOPPING)
                writer_put_option_string(w, "reason", term_name(TERM_REASON, run->reason));
        writer_close(w);
        writer_close(w);
}
