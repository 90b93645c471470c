/* SPDX-License-Identifier: MIT */

#include "dbus/writer-watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/device-watch.h"
#include "base/file-watch.h"
#include "base/macro.h"

void writer_put_file_watch(Writer *w, const char *text)
{
        _cleanup_(freep) char *copy = strdup(text);
        FileWatch watch;

        if (!copy || file_watch_parse(copy, &watch) < 0)
                return;
        writer_put_option_strings(w, "paths", watch.paths, watch.n_paths);
        writer_put_option_bool(w, "recursive", watch.recursive);
        writer_put_option_uint64(w, "delay", watch.delay_usec);
        writer_put_option_uint64(w, "maximum-delay", watch.max_delay_usec);
}

void writer_put_device_watch(Writer *w, const char *text)
{
        _cleanup_(freep) char *copy = strdup(text);
        DeviceWatch watch;

        if (!copy || device_watch_parse(copy, &watch) < 0)
                return;
        if (watch.device)
                writer_put_option_string(w, "device", watch.device);
        else
                writer_put_option_strings(w, "match", watch.matches, watch.n_matches);
        if (watch.changes)
                writer_put_option_bool(w, "changes", true);
}
