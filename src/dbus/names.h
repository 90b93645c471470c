/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The grammars of D-Bus: names, object paths and type signatures. Every check takes a length, because what a peer
 * sends may hold a NUL anywhere; none reads past it.
 */

#include <stdbool.h>
#include <stddef.h>

#define DBUS_NAME_MAX 255
#define DBUS_SIGNATURE_MAX 255
/* Limits of one signature: 32 arrays and 32 structs inside each other. */
#define DBUS_ARRAY_DEPTH_MAX 32
#define DBUS_STRUCT_DEPTH_MAX 32
/* Containers inside each other in one message, the variants' contents included. */
#define DBUS_DEPTH_MAX 64

bool object_path_is_valid(const char *s, size_t n);
/* Also the grammar of error names. */
bool interface_name_is_valid(const char *s, size_t n);
bool member_name_is_valid(const char *s, size_t n);
/* Unique (":1.5") and well-known ("org.bgtask.Broker") names. */
bool bus_name_is_valid(const char *s, size_t n);

/* Any number of complete types, none included. */
bool signature_is_valid(const char *s, size_t n);
bool signature_is_single(const char *s, size_t n);
/* Length of the first complete type of a valid signature, 0 at its end. */
size_t signature_next(const char *s, size_t n);

/* Alignment of a type by its first character: 1, 2, 4 or 8. */
size_t type_alignment(char type);
/* Size on the wire of a type that always has the same one, 0 for the others. */
size_t type_fixed_size(char type);
