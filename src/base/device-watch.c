/* SPDX-License-Identifier: MIT */

#include "base/device-watch.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

#define LENGTH_MAX 1024

static bool is_text(const char *text)
{
        size_t n = strlen(text);

        return n <= LENGTH_MAX && utf8_is_valid(text, n) && !utf8_has_control(text, n);
}

const char *device_watch_add_match(DeviceWatch *watch, const char *match)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
        size_t n_key = strspn(match, letters);

        if (watch->n_matches == DEVICE_WATCH_MATCHES_MAX)
                return "is one more than the 16 that a trigger has";
        if (n_key == 0 || match[n_key] != '=' || !is_text(match))
                return "is not of the form KEY=PATTERN, as SUBSYSTEM=usb";
        watch->matches[watch->n_matches++] = match;
        return NULL;
}

const char *device_watch_set_device(DeviceWatch *watch, const char *path)
{
        if ((strncmp(path, "/dev/", 5) != 0 && strncmp(path, "/sys/", 5) != 0) || !path[5])
                return "is no path of a device below /dev or /sys";
        if (!is_text(path))
                return "has characters that no path here may have";
        watch->device = path;
        return NULL;
}

int device_watch_format(const DeviceWatch *watch, Buffer *buffer)
{
        int r = buffer_printf(buffer, "%s", watch->changes ? "ARC" : "AR");

        if (watch->device)
                return r < 0 ? r : buffer_printf(buffer, "\n%s", watch->device);
        for (size_t i = 0; r >= 0 && i < watch->n_matches; i++)
                r = buffer_printf(buffer, "\n%s", watch->matches[i]);
        return r;
}

int device_watch_parse(char *text, DeviceWatch *ret_watch)
{
        DeviceWatch watch = { .changes = strncmp(text, "ARC\n", 4) == 0 };
        char *line = text + (watch.changes ? 3 : 2), *next;

        if (!watch.changes && strncmp(text, "AR\n", 3) != 0)
                return -EINVAL;
        for (; line; line = next) {
                *line++ = '\0';
                next = strchr(line, '\n');
                if (next)
                        *next = '\0';
                if (line[0] == '/' ? watch.device || watch.n_matches || device_watch_set_device(&watch, line)
                                   : watch.device || device_watch_add_match(&watch, line))
                        return -EINVAL;
        }
        *ret_watch = watch;
        return 0;
}
