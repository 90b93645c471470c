/* SPDX-License-Identifier: MIT */

/* org.bgtask.TestClock1: clocks and conditions that a test sets. */

#include <string.h>

#include "bus/bus-internal.h"

#define HANDLERS(call) ((call)->peer->bus->config.handlers)

static void on_advance(Call *call, Reader *r)
{
        HANDLERS(call)->clock_advance(call, reader_get_uint64(r), false, HANDLERS(call)->userdata);
}

static void on_suspend(Call *call, Reader *r)
{
        HANDLERS(call)->clock_advance(call, reader_get_uint64(r), true, HANDLERS(call)->userdata);
}

static void on_step(Call *call, Reader *r)
{
        HANDLERS(call)->clock_step(call, reader_get_int64(r), HANDLERS(call)->userdata);
}

static void on_get(Call *call, Reader *r)
{
        HANDLERS(call)->clock_get(call, HANDLERS(call)->userdata);
}

static void on_set_condition(Call *call, Reader *r)
{
        const char *name = reader_get_string(r), *text = reader_get_string(r);
        int condition = term_number(TERM_CONDITION, name);
        int level;

        if (condition < 0)
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "there is no condition \"%.64s\"", name);
        else if (!read_level(text, &level))
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "a level is true, false or unknown, not \"%.64s\"",
                                text);
        else
                HANDLERS(call)->set_condition(call, (uint8_t)condition, level, HANDLERS(call)->userdata);
}

DEFINE_HANDLER(on_advance);
DEFINE_HANDLER(on_suspend);
DEFINE_HANDLER(on_step);
DEFINE_HANDLER(on_get);
DEFINE_HANDLER(on_set_condition);

const DispatchHandler test_clock_handlers[_TEST_CLOCK1_METHOD_MAX] = {
        [TEST_CLOCK1_METHOD_ADVANCE] = on_advance_call,
        [TEST_CLOCK1_METHOD_SUSPEND] = on_suspend_call,
        [TEST_CLOCK1_METHOD_STEP] = on_step_call,
        [TEST_CLOCK1_METHOD_GET] = on_get_call,
        [TEST_CLOCK1_METHOD_SET_CONDITION] = on_set_condition_call,
};
