/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a trigger hands to its task, an a{sv} of any values but descriptors, as bytes that can be stored: one complete
 * D-Bus message whose body it is. So it carries its byte order, and what comes back from a disk is validated like
 * anything that comes from a peer.
 */

#include "base/buffer.h"
#include "dbus/reader.h"
#include "dbus/writer.h"

#define DETAILS_MAX (64 * 1024)

/* Reads an a{sv} and appends its bytes. -EINVAL for descriptors, -EMSGSIZE over DETAILS_MAX, -ENOMEM. */
int details_marshal(Reader *r, Buffer *buffer);

/* Writes the entries into an open {sv} array. Bytes that are damaged give no entries. */
void details_copy(Writer *w, const void *data, size_t size);
