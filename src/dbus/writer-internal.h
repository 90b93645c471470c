/* SPDX-License-Identifier: MIT */
#pragma once

/* What writer.c (the message and its header) and writer-values.c (its body) share. */

#include "dbus/writer.h"

/* Remembers the first mistake. */
void writer_fail(Writer *w, int error);
/* Room for n bytes at the next multiple of alignment, the padding zeroed; NULL if there is none. */
uint8_t *writer_grow(Writer *w, Buffer *b, size_t alignment, size_t n);
/* Text and signature as they stand on the wire; neither is checked. */
void writer_append_text(Writer *w, Buffer *b, const char *text, size_t n);
void writer_append_signature(Writer *w, Buffer *b, const char *signature, size_t n);
