/* SPDX-License-Identifier: MIT */

/*
 * Timers of Windows.System.Threading. Each has a thread of its own, which keeps it alive until it is over: canceled,
 * or elapsed for its only time. Then its destroyed handler is told, behind the last call of the elapsed handler.
 */

#include <time.h>

#include "winrt/factory.h"

#define TICKS_PER_SECOND 10000000u
#define TICKS_PER_MILLISECOND 10000u

typedef struct Timer {
        Object object;
        TimeSpan delay, period; /* one of them is 0 */
        ITimerElapsedHandler *elapsed;
        ITimerDestroyedHandler *destroyed; /* NULL: nobody wants to know */
        pthread_mutex_t lock;
        pthread_cond_t canceled;
        bool is_canceled;
} Timer;

static Timer *timer_of(void *self)
{
        return (Timer *)object_of(self);
}

static void timer_done(Object *object)
{
        Timer *timer = (Timer *)object;

        ITimerElapsedHandler_Release(timer->elapsed);
        if (timer->destroyed)
                ITimerDestroyedHandler_Release(timer->destroyed);
        pthread_cond_destroy(&timer->canceled);
        pthread_mutex_destroy(&timer->lock);
}

static uint64_t ticks_now(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * TICKS_PER_SECOND + (uint64_t)now.tv_nsec / 100;
}

/* False: it was canceled before. */
static bool wait_until(Timer *timer, uint64_t due)
{
        const struct timespec at = { .tv_sec = (time_t)(due / TICKS_PER_SECOND),
                                     .tv_nsec = (long)(due % TICKS_PER_SECOND) * 100 };
        bool is_canceled;
        int r = 0;

        pthread_mutex_lock(&timer->lock);
        while (!timer->is_canceled && r == 0)
                r = pthread_cond_timedwait(&timer->canceled, &timer->lock, &at);
        is_canceled = timer->is_canceled;
        pthread_mutex_unlock(&timer->lock);
        return !is_canceled;
}

/* The times that pass while the handler runs are left out. */
static void *timer_main(void *userdata)
{
        Timer *timer = userdata;
        IThreadPoolTimer *self = object_face(&timer->object, 0);
        const uint64_t period = (uint64_t)timer->period.Duration;
        uint64_t due = ticks_now() + period + (uint64_t)timer->delay.Duration;

        while (wait_until(timer, due)) {
                uint64_t now;

                (void)ITimerElapsedHandler_Invoke(timer->elapsed, self);
                if (period < TICKS_PER_MILLISECOND)
                        break;
                now = ticks_now();
                due += period;
                if (due < now)
                        due += (now - due + period - 1) / period * period;
        }
        if (timer->destroyed)
                (void)ITimerDestroyedHandler_Invoke(timer->destroyed, self);
        object_unref(&timer->object);
        return NULL;
}

static STDMETHODIMP get_period(IThreadPoolTimer *self, TimeSpan *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = timer_of(self)->period;
        return S_OK;
}

static STDMETHODIMP get_delay(IThreadPoolTimer *self, TimeSpan *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = timer_of(self)->delay;
        return S_OK;
}

static STDMETHODIMP cancel(IThreadPoolTimer *self)
{
        Timer *timer = timer_of(self);

        pthread_mutex_lock(&timer->lock);
        timer->is_canceled = true;
        pthread_cond_signal(&timer->canceled);
        pthread_mutex_unlock(&timer->lock);
        return S_OK;
}

static const IThreadPoolTimerVtbl timer_vtable = {
        INSPECTABLE_SLOTS, .get_Period = get_period, .get_Delay = get_delay, .Cancel = cancel,
};
static const Class timer_class = {
        .name = u"Windows.System.Threading.ThreadPoolTimer", .size = sizeof(Timer), .done = timer_done,
        .faces = { { &IID_IThreadPoolTimer, &timer_vtable, NULL } },
};

static HRESULT timer_new(ITimerElapsedHandler *elapsed, TimeSpan delay, TimeSpan period,
                         ITimerDestroyedHandler *destroyed, IThreadPoolTimer **ret_timer)
{
        pthread_condattr_t attributes;
        Timer *timer;

        if (!ret_timer)
                return E_POINTER;
        *ret_timer = NULL;
        if (!elapsed || delay.Duration < 0 || period.Duration < 0)
                return E_INVALIDARG;
        timer = (Timer *)object_new(&timer_class);
        if (!timer)
                return E_OUTOFMEMORY;
        timer->delay = delay;
        timer->period = period;
        timer->elapsed = elapsed;
        timer->destroyed = destroyed;
        ITimerElapsedHandler_AddRef(elapsed);
        if (destroyed)
                ITimerDestroyedHandler_AddRef(destroyed);
        pthread_mutex_init(&timer->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&timer->canceled, &attributes);
        pthread_condattr_destroy(&attributes);
        /* The thread's own reference. */
        if (object_start_thread(timer_main, object_ref(&timer->object)) < 0) {
                object_unref(&timer->object);
                object_unref(&timer->object);
                return E_OUTOFMEMORY;
        }
        *ret_timer = object_face(&timer->object, 0);
        return S_OK;
}

static const TimeSpan none = { 0 };

static STDMETHODIMP create_periodic(IThreadPoolTimerStatics *self, ITimerElapsedHandler *handler, TimeSpan period,
                                    IThreadPoolTimer **ret_timer)
{
        return timer_new(handler, none, period, NULL, ret_timer);
}

static STDMETHODIMP create(IThreadPoolTimerStatics *self, ITimerElapsedHandler *handler, TimeSpan delay,
                           IThreadPoolTimer **ret_timer)
{
        return timer_new(handler, delay, none, NULL, ret_timer);
}

static STDMETHODIMP create_periodic_with(IThreadPoolTimerStatics *self, ITimerElapsedHandler *handler,
                                         TimeSpan period, ITimerDestroyedHandler *destroyed,
                                         IThreadPoolTimer **ret_timer)
{
        return timer_new(handler, none, period, destroyed, ret_timer);
}

static STDMETHODIMP create_with(IThreadPoolTimerStatics *self, ITimerElapsedHandler *handler, TimeSpan delay,
                                ITimerDestroyedHandler *destroyed, IThreadPoolTimer **ret_timer)
{
        return timer_new(handler, delay, none, destroyed, ret_timer);
}

static const IThreadPoolTimerStaticsVtbl statics = {
        INSPECTABLE_SLOTS, .CreatePeriodicTimer = create_periodic, .CreateTimer = create,
        .CreatePeriodicTimerWithCompletion = create_periodic_with, .CreateTimerWithCompletion = create_with,
};

const FactoryInfo threadpool_factories[] = {
        { u"Windows.System.Threading.ThreadPoolTimer", { { &IID_IThreadPoolTimerStatics, &statics, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
