/* SPDX-License-Identifier: MIT */
/*
 * A task server in GLib's main loop. The library makes no thread; the loop watches its descriptor
 * and calls bgt_dispatch(). A run takes a deferral and returns; the loop does its work: to wait for
 * twenty ticks of a timer.
 */
#include <bgtask.h>
#include <errno.h>
#include <glib-unix.h>
#include <stdio.h>

#define CLSID "BF38D59B-FE03-4FCA-85B8-30C39377C350"
#define TICKS 20
#define TICK_MSEC 100
#define IDLE_MSEC 10000

struct job {
        bgt_deferral *deferral;
        guint timer;
        unsigned ticks;
};

static GMainLoop *loop;
static GSList *jobs;
static guint idle_timer;
static bool leaving;

static void finish(struct job *job, int result)
{
        printf("%s after %u ticks\n", result < 0 ? "canceled" : "done", job->ticks);
        jobs = g_slist_remove(jobs, job);
        if (job->timer)
                g_source_remove(job->timer);
        bgt_deferral_complete(job->deferral, result);
        g_free(job);
}

static gboolean tick(gpointer userdata)
{
        struct job *job = userdata;

        bgt_instance_set_progress(bgt_deferral_instance(job->deferral), ++job->ticks * 100 / TICKS);
        if (job->ticks < TICKS)
                return G_SOURCE_CONTINUE;
        job->timer = 0;
        finish(job, 0);
        return G_SOURCE_REMOVE;
}

/* bgt_dispatch() calls this and the next one. */
static void canceled(bgt_instance *instance, int reason, void *userdata)
{
        finish(userdata, -ECANCELED);
}

static int run(bgt_instance *instance, void *object)
{
        struct job *job = g_new0(struct job, 1);

        printf("%s begins\n", bgt_registration_name(bgt_instance_task(instance)));
        job->deferral = bgt_instance_get_deferral(instance);
        job->timer = g_timeout_add(TICK_MSEC, tick, job);
        jobs = g_slist_prepend(jobs, job);
        bgt_instance_on_canceled(instance, canceled, job);
        return 0;
}

/* The broker decides: if a run is on its way, it is served first, and idle() is called after it. */
static gboolean leave(gpointer b)
{
        idle_timer = 0;
        if (bgt_server_leave(b) != 0)
                g_main_loop_quit(loop);
        return G_SOURCE_REMOVE;
}

/* bgt_dispatch() calls this when nothing runs any more, or when the broker wants this process to leave. */
static void idle(bgt *b, bool wanted, void *userdata)
{
        leaving |= wanted;
        if (idle_timer)
                g_source_remove(idle_timer);
        idle_timer = g_timeout_add(leaving ? 0 : IDLE_MSEC, leave, b);
}

static gboolean readable(gint fd, GIOCondition condition, gpointer b)
{
        bgt_dispatch(b);
        return G_SOURCE_CONTINUE;
}

static gboolean terminate(gpointer b)
{
        while (jobs)
                finish(jobs->data, -ECANCELED);
        idle(b, true, NULL);
        return G_SOURCE_CONTINUE;
}

int main(void)
{
        const bgt_class class = {.size = sizeof(class), .run = run};
        bgt_server *server = NULL;
        bgt *b = NULL;
        int r;

        setlinebuf(stdout);
        r = bgt_open(NULL, BGT_NO_THREADS, &b);
        if (r >= 0)
                r = bgt_server_on_idle(b, idle, NULL);
        if (r >= 0)
                r = bgt_server_register_class(b, CLSID, BGT_REGCLS_MULTIPLEUSE, &class, NULL, &server);
        if (r >= 0) {
                loop = g_main_loop_new(NULL, FALSE);
                g_unix_fd_add(bgt_get_fd(b), G_IO_IN, readable, b);
                g_unix_signal_add(SIGTERM, terminate, b);
                idle(b, false, NULL);
                g_main_loop_run(loop);
                g_main_loop_unref(loop);
        } else {
                fprintf(stderr, "%s %s\n", bgt_error()->message, bgt_error()->remedy);
        }
        bgt_server_revoke(server);
        bgt_close(b);
        return r < 0 ? 1 : 0;
}
