/* SPDX-License-Identifier: MIT */

/* The history that a person reads: one line for each event, effect and note, with the virtual time. */

#include <stdarg.h>
#include <stdio.h>

#include "model.h"

const char *short_id(Uuid id)
{
        static char buffers[8][12];
        static unsigned next;
        char *buf = buffers[next++ % ELEMENTSOF(buffers)];

        snprintf(buf, sizeof buffers[0], "%02x%02x%02x%02x", id.bytes[0], id.bytes[1], id.bytes[2], id.bytes[3]);
        return buf;
}

static const char *name_of(TermList list, int number)
{
        return term_name(list, number) ?: "?";
}

static const char *error_name(Error error)
{
        return error == ERROR_NONE ? "ok" : error_info(error)->dbus_name + sizeof ERROR_DBUS_PREFIX - 1;
}

static void print_time(World *w, char mark)
{
        printf("%12.6f %c ", (double)w->now.boot_usec / USEC_PER_SEC, mark);
}

void history_note(World *w, const char *format, ...)
{
        va_list args;

        if (!w->verbose)
                return;
        print_time(w, '-');
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
}

static void print_trigger(const Trigger *t, size_t place)
{
        printf("%s%s", place > 0 ? " or " : "", name_of(TERM_TRIGGER, t->kind));
        if (t->system_type)
                printf(" %s", name_of(TERM_SYSTEM, t->system_type));
        if (t->text)
                printf(" '%s'", t->text);
        if (t->period_usec)
                printf(" every %g s window %g s", (double)t->period_usec / USEC_PER_SEC,
                       (double)t->window_usec / USEC_PER_SEC);
        if (t->one_shot)
                printf(" one-shot");
}

static void print_spec(const TaskSpec *s)
{
        printf("%s/%s ", s->package, s->name);
        for (size_t i = 0; i <= s->n_more; i++)
                print_trigger(trigger_of(s, i), i);
        printf(" class %s overlap=%s catch-up=%s rerun=%s retry=%u/%g s limit=%g s expires=%g s deadline=%g s",
               short_id(s->clsid), name_of(TERM_OVERLAP, s->overlap),
               name_of(TERM_CATCH_UP, s->catch_up), name_of(TERM_RERUN, s->rerun), s->retry_max,
               (double)s->retry_backoff_usec / USEC_PER_SEC, (double)s->time_limit_usec / USEC_PER_SEC,
               (double)s->expires_usec / USEC_PER_SEC, (double)s->deadline_usec / USEC_PER_SEC);
        if (s->catch_up == CATCH_UP_ALL)
                printf(" within %g s", (double)s->catch_up_window_usec / USEC_PER_SEC);
        for (int i = 0; i < CONDITION_MAX; i++)
                if (s->conditions & CONDITION_BIT(i))
                        printf(" +%s", name_of(TERM_CONDITION, i));
        if (s->cancel_on_condition_loss)
                printf(" cancel-on-loss");
}

static void print_pending(const PendingRow *p)
{
        printf("task %s #%" PRIu64 " count %u attempts %u by %s%s%s first %.6f", short_id(p->task), p->number,
               p->count, p->attempts, name_of(TERM_FIRED_BY, p->fired_by), p->forced ? " forced" : "",
               p->rerun ? " rerun" : "", (double)p->first_scheduled_real_usec / USEC_PER_SEC);
}

static void print_task_row(const TaskRow *t)
{
        printf("task %s #%" PRIu64 " anchor %s %.6f/%.6f%s%s%s ", short_id(t->id), t->last_number,
               short_id(t->anchor.boot_id), (double)(int64_t)t->anchor.boot_usec / USEC_PER_SEC,
               (double)t->anchor.real_usec / USEC_PER_SEC, t->paused ? " paused" : "",
               t->skip_next ? " skip" : "", t->unregistered ? " unregistered" : "");
}

static void print_ledger(const LedgerRow *l)
{
        printf("run %s attempt %u server %" PRIu64 "%s%s ", short_id(l->run), l->attempt, l->server,
               l->sent ? " sent" : "", l->stopping ? " stopping" : l->acknowledged ? " acknowledged" : "");
        print_pending(&l->firing);
}

static void print_process_event(const Event *e)
{
        printf("server %" PRIu64, e->process.server);
        if (e->type == EVENT_SERVER_GONE && e->process.status_known)
                printf(" %s %d", e->process.by_signal ? "signal" : "status", e->process.status);
        if (e->process.error)
                printf(" error %d", e->process.error);
        if (e->type == EVENT_CLASSES_SUSPENDED)
                printf(e->process.suspended ? " suspended" : " resumed");
        if (e->type == EVENT_TRACED)
                printf(e->process.traced ? " traced" : " not traced");
        for (size_t i = 0; i < e->process.n_runs; i++)
                printf(" run %s.%u", short_id(e->process.runs[i].run), e->process.runs[i].attempt);
}

static void print_restore(const Event *e)
{
        if (e->type == EVENT_RESTORE_TASK) {
                print_task_row(e->task_row);
                print_spec(&e->task_row->spec);
        } else if (e->type == EVENT_RESTORE_PENDING) {
                print_pending(e->pending_row);
        } else if (e->type == EVENT_RESTORE_LEDGER) {
                print_ledger(e->ledger_row);
        } else if (e->type == EVENT_START) {
                printf(e->start.rebooted ? "after a reboot" : "");
        }
}

static void print_task_event(const Event *e)
{
        printf("%s", short_id(e->task.task));
        if (e->type == EVENT_UNREGISTER && e->task.cancel)
                printf(" cancel");
        if (e->type == EVENT_PAUSE)
                printf(e->task.paused ? " on" : " off");
        if (e->type == EVENT_SKIP)
                printf(e->task.skip ? " on" : " off");
        if (e->type == EVENT_RUN_NOW && e->task.forced)
                printf(" forced");
        if (e->type == EVENT_CANCEL)
                printf(" %s", name_of(TERM_REASON, e->task.reason));
}

static void print_event_body(const Event *e)
{
        switch (e->type) {
        case EVENT_RESTORE_TASK:
        case EVENT_RESTORE_PENDING:
        case EVENT_RESTORE_LEDGER:
        case EVENT_START:
                print_restore(e);
                break;
        case EVENT_RESTORE_PACKAGE:
        case EVENT_INSTALL:
        case EVENT_REMOVE:
        case EVENT_PAUSE_PACKAGE:
        case EVENT_RESTORE_PACKAGE_PAUSE:
                printf("%s content %s classes %zu%s", e->package.name, short_id(e->package.content),
                       e->package.n_classes, e->package.paused ? " paused" : "");
                break;
        case EVENT_RESTORE_LEVEL:
        case EVENT_LEVEL:
                printf("%s %d%s", name_of(TERM_CONDITION, e->level.condition), e->level.level,
                       e->level.baseline ? " baseline" : "");
                break;
        case EVENT_RESTORE_SERVER:
        case EVENT_SERVER_ATTACHED:
                printf("server %" PRIu64 " %s exe %u%s", e->server.server, e->server.package, e->server.exe_server,
                       e->server.launched ? " launched" : "");
                break;
        case EVENT_COMMITTED:
                printf("%" PRIu64 " %d", e->committed.commit, e->committed.error);
                break;
        case EVENT_REGISTER:
                printf("%s ", name_of(TERM_IF_EXISTS, e->reg.if_exists));
                print_spec(e->reg.spec);
                break;
        case EVENT_UNREGISTER:
        case EVENT_PAUSE:
        case EVENT_SKIP:
        case EVENT_REQUEST:
        case EVENT_RUN_NOW:
        case EVENT_CANCEL:
                print_task_event(e);
                break;
        case EVENT_RAISE:
                printf("%s %s", name_of(TERM_SYSTEM, e->raise.system_type), e->raise.text ?: "");
                break;
        case EVENT_CLASS_REGISTERED:
        case EVENT_CLASS_REVOKED:
                printf("server %" PRIu64 " class %s flags %u cookie %u", e->class_object.server,
                       short_id(e->class_object.clsid), e->class_object.flags, e->class_object.cookie);
                break;
        case EVENT_CANCEL_RUN:
        case EVENT_RUN_ACKNOWLEDGED ... EVENT_RUN_COMPLETED:
                printf("server %" PRIu64 " run %s.%u progress %u result %d retry %g s", e->run.server,
                       short_id(e->run.run), e->run.attempt, e->run.progress, e->run.result,
                       (double)e->run.retry_after_usec / USEC_PER_SEC);
                break;
        case EVENT_TICK:
        case EVENT_ZONE:
                printf("'%s'", e->zone.name);
                break;
        case EVENT_CLOCK_STEPPED:
        case EVENT_SHUTDOWN:
                break;
        default:
                print_process_event(e);
                break;
        }
}

void history_event(World *w, const Event *e)
{
        print_time(w, '>');
        printf("%s ", event_name(e->type));
        print_event_body(e);
        if (e->token)
                printf(" token %" PRIu64, e->token);
        putchar('\n');
}

static void print_run_row(const RunRow *r)
{
        printf("run %s #%" PRIu64 " of %s/%s: %s reason %s detail %s result %d attempts %u count %u", short_id(r->id),
               r->number, r->package, r->name, name_of(TERM_OUTCOME, r->outcome), name_of(TERM_REASON, r->reason),
               name_of(TERM_DETAIL, r->detail), r->result, r->attempts, r->count);
}

static void print_store(const Act *a)
{
        const Effect *e = &a->effect;

        printf("commit %" PRIu64 ": ", e->store.commit);
        switch (e->type) {
        case EFFECT_STORE_TASK:
                printf("put ");
                print_task_row(&a->task);
                print_spec(&a->task.spec);
                break;
        case EFFECT_STORE_TASK_STATE:
                printf("state of ");
                print_task_row(&a->task);
                break;
        case EFFECT_STORE_TASK_GONE:
                printf("remove task %s", short_id(e->store.task_gone));
                break;
        case EFFECT_STORE_PENDING:
                printf("put firing ");
                print_pending(&a->pending);
                break;
        case EFFECT_STORE_PENDING_GONE:
                printf("remove firing %s #%" PRIu64, short_id(e->store.pending_gone.task),
                       e->store.pending_gone.number);
                break;
        case EFFECT_STORE_RUN:
                printf("record ");
                print_run_row(&a->run);
                break;
        case EFFECT_STORE_LEVEL:
                printf("level %s %d", name_of(TERM_CONDITION, e->store.level.condition), e->store.level.level);
                break;
        case EFFECT_STORE_PACKAGE:
                printf("put package %s", e->store.package.name);
                break;
        case EFFECT_STORE_PACKAGE_PAUSE:
                printf("%s package %s", e->store.package.paused ? "pause" : "resume", e->store.package.name);
                break;
        default:
                printf("remove package %s", e->store.package.name);
                break;
        }
}

static void print_notify(const Act *a)
{
        static const char *const kinds[] = {"registered", "unregistered", "changed", "run state", "progress", "ended"};
        const Effect *e = &a->effect;

        printf("notify %s %s ", kinds[e->notify.kind], short_id(e->notify.task));
        if (e->notify.kind == NOTIFY_RUN_STATE)
                printf("run %s %s", short_id(a->info.run), name_of(TERM_RUN_STATE, a->info.state));
}

static void print_send(const Act *a)
{
        static const char *const names[] = { "send cancel", "send recorded", "send leave" };
        const Effect *e = &a->effect;

        printf("%s server %" PRIu64, names[e->type - EFFECT_SEND_CANCEL], e->send.server);
        if (e->type != EFFECT_SEND_LEAVE)
                printf(" run %s.%u %s", short_id(e->send.run), e->send.attempt, name_of(TERM_REASON, e->send.reason));
}

void history_act(World *w, const Act *a)
{
        const Effect *e = &a->effect;

        print_time(w, '<');
        switch (e->type) {
        case EFFECT_REPLY:
                printf("reply to %" PRIu64 ": %s id %s%s number %u result %u", e->reply.token,
                       error_name(e->reply.error), short_id(e->reply.id), e->reply.existed ? " existed" : "",
                       e->reply.number, e->reply.result);
                break;
        case EFFECT_STORE_TASK ... EFFECT_STORE_PACKAGE_GONE:
                print_store(a);
                break;
        case EFFECT_LEDGER:
                printf("ledger ");
                print_ledger(&a->ledger);
                break;
        case EFFECT_LEDGER_GONE:
                printf("ledger forgets run %s", short_id(e->ledger_gone));
                break;
        case EFFECT_LAUNCH:
                printf("launch server %" PRIu64 " %s exe %u", e->launch.server, e->launch.package,
                       e->launch.exe_server);
                break;
        case EFFECT_SEND_RUN:
                printf("send run %s.%u to server %" PRIu64 " cookie %u", short_id(a->info.run), a->info.attempt,
                       e->send_run.server, e->send_run.cookie);
                break;
        case EFFECT_SEND_CANCEL:
        case EFFECT_SEND_RECORDED:
        case EFFECT_SEND_LEAVE:
                print_send(a);
                break;
        case EFFECT_SIGNAL:
                printf("signal %d to server %" PRIu64, e->signal.number, e->signal.server);
                break;
        case EFFECT_CHECK_TRACED:
                printf("is server %" PRIu64 " traced?", e->send.server);
                break;
        case EFFECT_SERVER_RELEASED:
                printf("server %" PRIu64 " released", e->send.server);
                break;
        case EFFECT_WATCH:
                printf("%s watching \"%s\" for %s", e->watch.on ? "begin" : "end", e->watch.text,
                       name_of(TERM_TRIGGER, e->watch.kind));
                break;
        case EFFECT_NOTIFY:
                print_notify(a);
                break;
        default:
                printf("effect %d", e->type);
                break;
        }
        putchar('\n');
}
