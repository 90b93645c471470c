/* SPDX-License-Identifier: MIT */

#include "launcher/log-format.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"

#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

void log_format_time(uint64_t real_usec, char ret_text[static LOG_TIME_SIZE + 1])
{
        int64_t seconds = (int64_t)MIN(real_usec / USEC_PER_SEC, (uint64_t)LAST_SECOND);
        char text[80];
        time_t t = (time_t)seconds;
        struct tm tm;

        gmtime_r(&t, &tm);
        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(real_usec % USEC_PER_SEC));
        memcpy(ret_text, text, LOG_TIME_SIZE);
        ret_text[LOG_TIME_SIZE] = '\0';
}

static int number(const char *text, int n)
{
        int value = 0;

        for (int i = 0; i < n; i++)
                value = 10 * value + (text[i] - '0');
        return value;
}

bool log_parse_time(const char *text, uint64_t *ret_real_usec)
{
        static const char shape[] = "0000-00-00T00:00:00.000000Z";
        struct tm tm = { 0 };
        int64_t seconds;

        for (int i = 0; i < LOG_TIME_SIZE; i++)
                if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
                        return false;
        tm.tm_year = number(text, 4) - 1900;
        tm.tm_mon = number(text + 5, 2) - 1;
        tm.tm_mday = number(text + 8, 2);
        tm.tm_hour = number(text + 11, 2);
        tm.tm_min = number(text + 14, 2);
        tm.tm_sec = number(text + 17, 2);
        seconds = timegm(&tm);
        if (seconds < 0)
                return false;
        *ret_real_usec = (uint64_t)seconds * USEC_PER_SEC + (uint64_t)number(text + 20, 6);
        return true;
}
