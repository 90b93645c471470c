/* SPDX-License-Identifier: MIT */
#pragma once

/* The part of message.c that looks at every byte: one pass over values, bounded by the body and by DBUS_DEPTH_MAX. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Scan {
        const uint8_t *data; /* starts where alignment counts from */
        size_t size;
        size_t position;
        bool swapped;
        unsigned n_fds; /* an 'h' must be smaller */
} Scan;

/* Skips padding; false if it is not zero or runs past the end. */
bool scan_align(Scan *scan, size_t alignment);
/* Length byte, text, NUL. The signature is valid; *ret_signature is terminated. */
bool scan_signature(Scan *scan, const char **ret_signature, size_t *ret_n);
/* Length, text without NUL, NUL. The text is not checked any further. */
bool scan_text(Scan *scan, const char **ret_text, size_t *ret_n);
/* Values of the n characters of a valid signature, depth containers deep. */
bool scan_values(Scan *scan, const char *signature, size_t n, unsigned depth);
