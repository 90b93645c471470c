/* SPDX-License-Identifier: MIT */

/* Times, durations and triggers as people write and read them. */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"

char *format_time(uint64_t real_usec, bool fraction, char *buf, size_t size)
{
        time_t seconds = (time_t)(real_usec / USEC_PER_SEC);
        struct tm tm;
        size_t n;

        if (real_usec == 0 || !localtime_r(&seconds, &tm)) {
                snprintf(buf, size, "-");
                return buf;
        }
        n = strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm);
        if (fraction)
                snprintf(buf + n, size - n, ".%03u", (unsigned)(real_usec % USEC_PER_SEC / USEC_PER_MSEC));
        return buf;
}

char *format_relative(uint64_t real_usec, uint64_t now_real_usec, char *buf, size_t size)
{
        bool future = real_usec > now_real_usec;
        uint64_t distance = future ? real_usec - now_real_usec : now_real_usec - real_usec;
        char text[40];

        if (real_usec == 0)
                snprintf(buf, size, "-");
        else if (distance < USEC_PER_SEC)
                snprintf(buf, size, "now");
        else
                snprintf(buf, size, future ? "in %s" : "%s ago", format_duration(distance, text, sizeof text));
        return buf;
}

char *format_trigger(const bgt_record *trigger, char *buf, size_t size)
{
        const char *kind = bgt_record_string(trigger, "kind"), *type = bgt_record_string(trigger, "type");
        const char *const *matches = bgt_record_strings(trigger, "match", NULL);
        const char *const *paths = matches ? matches : bgt_record_strings(trigger, "paths", NULL);
        const char *id = paths && paths[0] ? paths[0] : bgt_record_string(trigger, "id");
        uint64_t period = bgt_record_uint(trigger, "period", 0);
        char text[40] = "";

        if (!id)
                id = bgt_record_string(trigger, "expression");
        if (!id)
                id = bgt_record_string(trigger, "device");
        if (!id)
                id = bgt_record_string(trigger, "listen");
        if (!id)
                id = bgt_record_string(trigger, "action");
        /* Any action. */
        if (id && strcmp(id, "*") == 0)
                id = NULL;
        if (period == 0)
                period = bgt_record_uint(trigger, "freshness-minutes", 0) * USEC_PER_MINUTE;
        if (period > 0)
                format_duration(period, text, sizeof text);
        snprintf(buf, size, "%s%s%s%s%s", kind ? kind : "?", period > 0 || type || id ? " " : "",
                 period > 0 ? text : type ? type : id ? id : "", paths && paths[0] && paths[1] ? " …" : "",
                 bgt_record_bool(trigger, "one-shot", false)        ? ", once"
                 : bgt_record_bool(trigger, "once-per-boot", false) ? ", once per boot"
                                                                    : "");
        return buf;
}

char *format_triggers(const bgt_record *row, char *buf, size_t size)
{
        const bgt_record *const *more = bgt_record_records(row, "triggers", NULL);
        size_t n;

        format_trigger(bgt_record_record(row, "trigger"), buf, size);
        for (size_t i = 0; more && more[i]; i++) {
                n = strlen(buf);
                if (size - n < sizeof " or ?")
                        break;
                memcpy(buf + n, " or ", sizeof " or ");
                format_trigger(more[i], buf + n + 4, size - n - 4);
        }
        return buf;
}
