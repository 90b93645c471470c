/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* True if the n bytes are well-formed UTF-8 (Unicode table 3-7: no surrogates, no overlong forms) without NUL. */
bool utf8_is_valid(const char *s, size_t n);

/* True if the valid UTF-8 text holds a C0 or C1 control character or DEL. */
bool utf8_has_control(const char *s, size_t n);
