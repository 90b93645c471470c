/* SPDX-License-Identifier: MIT */

/* Timers of the thread pool: what is due at once or never comes within a test is what they are made for here. */

#include "conformance.h"

#include <sched.h>

#define HOUR 36000000000
#define MILLISECOND 10000

/* How often each handler was called, and what they saw. */
static Gate elapsed_calls, destroyed_calls;
static IThreadPoolTimer *seen, *destroyed_seen;
static int n_elapsed_when_destroyed;
static int cancels_itself;

static STDMETHODIMP on_elapsed(ITimerElapsedHandler *self, IThreadPoolTimer *timer)
{
        seen = timer;
        if (cancels_itself)
                (void)IThreadPoolTimer_Cancel(timer);
        gate_raise(&elapsed_calls);
        return S_OK;
}

static STDMETHODIMP on_destroyed(ITimerDestroyedHandler *self, IThreadPoolTimer *timer)
{
        destroyed_seen = timer;
        pthread_mutex_lock(&elapsed_calls.lock);
        n_elapsed_when_destroyed = elapsed_calls.count;
        pthread_mutex_unlock(&elapsed_calls.lock);
        gate_raise(&destroyed_calls);
        return S_OK;
}

static const ITimerElapsedHandlerVtbl elapsed_vtable = { FIXED_SLOTS, on_elapsed };
static ITimerElapsedHandler elapsed = { &elapsed_vtable };
static const ITimerDestroyedHandlerVtbl destroyed_vtable = { FIXED_SLOTS, on_destroyed };
static ITimerDestroyedHandler destroyed = { &destroyed_vtable };

static IThreadPoolTimerStatics *begin(void)
{
        const Gate fresh = GATE;

        elapsed_calls = destroyed_calls = fresh;
        seen = destroyed_seen = NULL;
        cancels_itself = 0;
        return factory_of(STRING("Windows.System.Threading.ThreadPoolTimer"), &IID_IThreadPoolTimerStatics);
}

/* When its thread has let it go nothing of it runs any more. */
static void release_alone(IThreadPoolTimer *timer)
{
        ULONG left;

        do {
                (void)sched_yield();
                (void)IThreadPoolTimer_AddRef(timer);
                left = IThreadPoolTimer_Release(timer);
        } while (left > 1);
        CHECK(IThreadPoolTimer_Release(timer) == 0);
}

static void timers_are_exact(void)
{
        static const IID *const iids[] = { &IID_IThreadPoolTimer };
        IThreadPoolTimerStatics *statics = begin();
        const TimeSpan hour = { HOUR };
        IThreadPoolTimer *timer = NULL;
        TimeSpan span = { -1 };

        CHECK_OK(IThreadPoolTimerStatics_CreatePeriodicTimer(statics, &elapsed, hour, &timer));
        check_interfaces(timer, iids, 1);
        check_class_name(timer, u"Windows.System.Threading.ThreadPoolTimer");
        CHECK_OK(IThreadPoolTimer_get_Period(timer, &span));
        CHECK(span.Duration == HOUR);
        CHECK_OK(IThreadPoolTimer_get_Delay(timer, &span));
        CHECK(span.Duration == 0);
        CHECK_OK(IThreadPoolTimer_Cancel(timer));
        CHECK_OK(IThreadPoolTimer_Cancel(timer));
        release_alone(timer);
        CHECK_OK(IThreadPoolTimerStatics_CreateTimer(statics, &elapsed, hour, &timer));
        CHECK_OK(IThreadPoolTimer_get_Period(timer, &span));
        CHECK(span.Duration == 0);
        CHECK_OK(IThreadPoolTimer_get_Delay(timer, &span));
        CHECK(span.Duration == HOUR);
        CHECK_OK(IThreadPoolTimer_Cancel(timer));
        release_alone(timer);
        CHECK(elapsed_calls.count == 0);
}

static void bad_timers_are_refused(void)
{
        IThreadPoolTimerStatics *statics = begin();
        const TimeSpan none = { 0 }, negative = { -1 };
        IThreadPoolTimer *timer = (IThreadPoolTimer *)&elapsed;

        CHECK(IThreadPoolTimerStatics_CreateTimer(statics, &elapsed, none, NULL) == E_POINTER);
        CHECK(IThreadPoolTimerStatics_CreateTimer(statics, NULL, none, &timer) == E_INVALIDARG);
        CHECK(!timer);
        CHECK(IThreadPoolTimerStatics_CreateTimer(statics, &elapsed, negative, &timer) == E_INVALIDARG);
        CHECK(IThreadPoolTimerStatics_CreatePeriodicTimer(statics, &elapsed, negative, &timer) == E_INVALIDARG);
        CHECK(elapsed_calls.count == 0);
}

static void a_timer_elapses_once(void)
{
        IThreadPoolTimerStatics *statics = begin();
        const TimeSpan soon = { MILLISECOND };
        IThreadPoolTimer *timer = NULL;

        CHECK_OK(IThreadPoolTimerStatics_CreateTimerWithCompletion(statics, &elapsed, soon, &destroyed, &timer));
        CHECK(gate_wait(&destroyed_calls, 1));
        CHECK(n_elapsed_when_destroyed == 1);
        CHECK(seen == timer && destroyed_seen == timer);
        CHECK_OK(IThreadPoolTimer_Cancel(timer));
        release_alone(timer);
        CHECK(elapsed_calls.count == 1 && destroyed_calls.count == 1);
}

static void a_short_period_is_none(void)
{
        IThreadPoolTimerStatics *statics = begin();
        const TimeSpan shortest = { MILLISECOND - 1 };
        IThreadPoolTimer *timer = NULL;

        CHECK_OK(IThreadPoolTimerStatics_CreatePeriodicTimerWithCompletion(statics, &elapsed, shortest, &destroyed,
                                                                          &timer));
        CHECK(gate_wait(&destroyed_calls, 1));
        release_alone(timer);
        CHECK(elapsed_calls.count == 1 && destroyed_calls.count == 1);
}

static void a_periodic_timer_goes_on(void)
{
        IThreadPoolTimerStatics *statics = begin();
        const TimeSpan soon = { MILLISECOND };
        IThreadPoolTimer *timer = NULL;
        int n;

        CHECK_OK(IThreadPoolTimerStatics_CreatePeriodicTimerWithCompletion(statics, &elapsed, soon, &destroyed,
                                                                          &timer));
        CHECK(gate_wait(&elapsed_calls, 3));
        CHECK(destroyed_calls.count == 0);
        CHECK_OK(IThreadPoolTimer_Cancel(timer));
        CHECK(gate_wait(&destroyed_calls, 1));
        n = n_elapsed_when_destroyed;
        release_alone(timer);
        CHECK(elapsed_calls.count == n && destroyed_calls.count == 1);
}

static void a_timer_ends_itself(void)
{
        IThreadPoolTimerStatics *statics = begin();
        const TimeSpan soon = { MILLISECOND };
        IThreadPoolTimer *timer = NULL;

        cancels_itself = 1;
        CHECK_OK(IThreadPoolTimerStatics_CreatePeriodicTimerWithCompletion(statics, &elapsed, soon, &destroyed,
                                                                          &timer));
        CHECK(gate_wait(&destroyed_calls, 1));
        release_alone(timer);
        CHECK(elapsed_calls.count == 1);
}

static void a_timer_that_is_canceled_never_elapses(void)
{
        IThreadPoolTimerStatics *statics = begin();
        const TimeSpan longest = { 0x7fffffffffffffff };
        IThreadPoolTimer *timer = NULL;

        CHECK_OK(IThreadPoolTimerStatics_CreateTimerWithCompletion(statics, &elapsed, longest, &destroyed, &timer));
        CHECK_OK(IThreadPoolTimer_Cancel(timer));
        CHECK(gate_wait(&destroyed_calls, 1));
        CHECK(n_elapsed_when_destroyed == 0 && destroyed_seen == timer);
        release_alone(timer);
}

static void a_timer_needs_nobody_to_hold_it(void)
{
        IThreadPoolTimerStatics *statics = begin();
        const TimeSpan at_once = { 0 };
        IThreadPoolTimer *timer = NULL;

        CHECK_OK(IThreadPoolTimerStatics_CreateTimerWithCompletion(statics, &elapsed, at_once, &destroyed, &timer));
        (void)IThreadPoolTimer_Release(timer);
        CHECK(gate_wait(&destroyed_calls, 1));
        CHECK(n_elapsed_when_destroyed == 1);
}

static HRESULT make_timer(void)
{
        IThreadPoolTimerStatics *statics = begin();
        const TimeSpan hour = { HOUR };
        IThreadPoolTimer *timer = NULL;
        HRESULT hr = IThreadPoolTimerStatics_CreatePeriodicTimerWithCompletion(statics, &elapsed, hour, &destroyed,
                                                                               &timer);

        if (SUCCEEDED(hr)) {
                (void)IThreadPoolTimer_Cancel(timer);
                release_alone(timer);
        }
        return hr;
}

static void timers_without_memory(void)
{
        begin_row();
        sweep(make_timer);
}

const Row timer_rows[] = {
        { "ThreadPoolTimer.Period, Delay", "a timer has its interface and its time", timers_are_exact },
        { "ours", "no handler and no time are refused", bad_timers_are_refused },
        { "ThreadPoolTimer.CreateTimer", "a timer elapses once and is over", a_timer_elapses_once },
        { "ThreadPoolTimer, Remarks", "a period below a millisecond is a single time", a_short_period_is_none },
        { "ThreadPoolTimer.CreatePeriodicTimer", "a periodic timer goes on until it is canceled",
          a_periodic_timer_goes_on },
        { "ThreadPoolTimer.Cancel", "a timer that its handler cancels is over", a_timer_ends_itself },
        { "TimerDestroyedHandler", "a timer that is canceled is over and never elapses",
          a_timer_that_is_canceled_never_elapses },
        { "ours", "a timer needs nobody to hold it", a_timer_needs_nobody_to_hold_it },
        { NULL },
};

/* Where there are no others: a sweep counts the tasks. */
const Row timer_memory_rows[] = {
        { "E_OUTOFMEMORY", "timers without memory", timers_without_memory },
        { NULL },
};
