/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The schema's rules for single values, without files. A check returns NULL if the value is valid, else a static
 * sentence that says what is wrong. Values are valid UTF-8.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in UTF-16 units, which is what the schema counts. */
size_t names_length(const char *s);

/* Compares ASCII letters without case and everything else exactly, whatever the locale. */
bool names_equal_ignoring_case(const char *a, const char *b);

/* True if the name ends in ".exe" in any case and has something before it. */
bool names_has_exe_suffix(const char *s);

/* The schema's names of architectures, in any case; NULL for any other text. */
const char *names_architecture(const char *s);

const char *names_check_identity_name(const char *s);
const char *names_check_publisher(const char *s);
const char *names_check_resource_id(const char *s);
const char *names_check_application_id(const char *s);
const char *names_check_display_name(const char *s);
const char *names_check_executable(const char *s);
/* What only Windows minds: names and texts without space around them, colours, paths of images. */
const char *names_check_shown_name(const char *s);
const char *names_check_description(const char *s);
const char *names_check_color(const char *s);
const char *names_check_image(const char *s);

/* Four numbers of at most 65535 without leading zeros; anything else is false. */
bool names_parse_version(const char *s, uint16_t ret_numbers[static 4]);
