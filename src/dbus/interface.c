/* SPDX-License-Identifier: MIT */

#include "dbus/interface.h"

#include <string.h>

void interface_start_call(Writer *w, const char *path, const Interface *interface, unsigned method)
{
        writer_start_call(w, NULL, path, interface->name, interface->methods[method].name);
        w->expected = interface->methods[method].in;
        if (interface->methods[method].no_reply)
                writer_set_flags(w, MESSAGE_NO_REPLY_EXPECTED);
}

void interface_start_signal(Writer *w, const char *path, const Interface *interface, unsigned signal)
{
        writer_start_signal(w, path, interface->name, interface->signals[signal].name);
        w->expected = interface->signals[signal].signature;
}

bool interface_is_signal(const Interface *interface, unsigned signal, const Message *m)
{
        return message_is_signal(m, interface->name, interface->signals[signal].name) &&
               strcmp(m->signature, interface->signals[signal].signature) == 0;
}
