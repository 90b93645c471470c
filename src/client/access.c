/* SPDX-License-Identifier: MIT */

/* What BackgroundExecutionManager and BackgroundWorkCost are asked for. */

#include <errno.h>
#include <string.h>

#include <bgtask.h>
#include <bgtask/manage.h>

#include "client/error.h"

int bgt_access_status(bgt *b)
{
        const char *package = bgt_package(b);

        if (!package)
                return -bgt_error()->error;
        return *package ? BGT_ACCESS_ALLOWED_SUBJECT_TO_SYSTEM_POLICY : fail(ERROR_NO_IDENTITY, NULL);
}

static bool is_level(const bgt_record *row, const char *condition, const char *level)
{
        const char *name = bgt_record_string(row, "condition"), *is = bgt_record_string(row, "level");

        return name && is && strcmp(name, condition) == 0 && strcmp(is, level) == 0;
}

int bgt_work_cost(bgt *b)
{
        bool on_battery = false, away = false;
        const bgt_record *row;
        bgt_list *list;
        int r;

        r = bgt_list_sensors(b, &list);
        if (r < 0)
                return r;
        while ((r = bgt_list_next(list, &row)) > 0) {
                on_battery = on_battery || is_level(row, "OnACPower", "false");
                away = away || is_level(row, "UserPresent", "false");
        }
        bgt_list_free(list);
        if (r < 0)
                return r;
        return !on_battery ? BGT_WORK_COST_LOW : away ? BGT_WORK_COST_HIGH : BGT_WORK_COST_MEDIUM;
}
