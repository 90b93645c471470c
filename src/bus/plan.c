/* SPDX-License-Identifier: MIT */

/* Requests with lists of their own: a plan, and variables of an environment. */

#include <string.h>

#include "base/clock.h"
#include "bus/bus-internal.h"

#define HORIZON_MAX (100 * USEC_PER_DAY)
#define STEPS_MAX 1000

bool read_level(const char *text, int *ret_level)
{
        if (strcmp(text, "true") == 0)
                *ret_level = 1;
        else if (strcmp(text, "false") == 0)
                *ret_level = 0;
        else if (strcmp(text, "unknown") == 0)
                *ret_level = -1;
        else
                return false;
        return true;
}

static void read_assumptions(Reader *r, BusPlan *plan, Refusal *refusal)
{
        reader_open_array(r, "{ss}");
        while (reader_more(r)) {
                const char *name, *text;
                int condition, level;

                reader_open_entry(r);
                name = reader_get_string(r);
                text = reader_get_string(r);
                reader_close(r);
                condition = term_number(TERM_CONDITION, name);
                if (condition < 0) {
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "there is no condition \"%.64s\"", name);
                } else if (!read_level(text, &level)) {
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "a level is true, false or unknown, not \"%.64s\"",
                               text);
                } else {
                        plan->assumed[condition] = true;
                        plan->levels[condition] = (int8_t)level;
                }
        }
        reader_close(r);
}

#define VARIABLES_MAX 1000

void manager_import_environment(Call *call, Reader *r)
{
        const BusHandlers *handlers = call->peer->bus->config.handlers;
        BusVariable variables[VARIABLES_MAX];
        bool too_many;
        size_t n = 0;

        reader_open_array(r, "{ss}");
        for (; reader_more(r) && n < VARIABLES_MAX; n++) {
                reader_open_entry(r);
                variables[n].name = reader_get_string(r);
                variables[n].value = reader_get_string(r);
                reader_close(r);
        }
        too_many = reader_more(r);
        if (!too_many) {
                reader_close(r);
                reader_open_array(r, "s");
                for (; reader_more(r) && n < VARIABLES_MAX; n++)
                        variables[n] = (BusVariable){ reader_get_string(r), NULL };
                too_many = reader_more(r);
        }
        if (too_many)
                bus_reply_error(call, ERROR_QUOTA_EXCEEDED, "a call names %u variables at most", VARIABLES_MAX);
        else
                handlers->import_environment(call, variables, n, handlers->userdata);
}

void manager_plan(Call *call, Reader *r)
{
        const BusHandlers *handlers = call->peer->bus->config.handlers;
        BusPlan plan = { .horizon_usec = reader_get_uint64(r), .limit = STEPS_MAX };
        Refusal refusal = { 0 };
        const char *key, *type;

        if (plan.horizon_usec == 0 || plan.horizon_usec > HORIZON_MAX)
                refuse(&refusal, ERROR_INVALID_ARGUMENT, "a plan reaches 100 days ahead at most");
        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type)) {
                if (strcmp(key, "package") == 0 && strcmp(type, "s") == 0)
                        plan.package = reader_get_string(r);
                else if (strcmp(key, "task") == 0 && strcmp(type, "s") == 0)
                        plan.task = read_uuid(r, ERROR_NO_SUCH_TASK, &refusal);
                else if (strcmp(key, "limit") == 0 && strcmp(type, "u") == 0)
                        plan.limit = reader_get_uint32(r);
                else if (strcmp(key, "assume") == 0 && strcmp(type, "a{ss}") == 0)
                        read_assumptions(r, &plan, &refusal);
                else
                        refuse(&refusal, ERROR_INVALID_ARGUMENT, "there is no option \"%.64s\" of the type '%.16s'",
                               key, type);
        }
        if (plan.limit < 1 || plan.limit > STEPS_MAX)
                refuse(&refusal, ERROR_INVALID_ARGUMENT, "a plan has 1 to %u steps, not %u", STEPS_MAX, plan.limit);
        if (plan.package && strcmp(plan.package, "*") == 0)
                plan.package = NULL;
        if (refusal.error != ERROR_NONE)
                bus_reply_error(call, refusal.error, "%s", refusal.sentence);
        else
                handlers->plan(call, &plan, handlers->userdata);
}
