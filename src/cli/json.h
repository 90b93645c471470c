/* SPDX-License-Identifier: MIT */
#pragma once

/* Records to JSON and back, for the verbs that write and read whole documents. The rest needs cli.h only. */

#include <jansson.h>

#include "cli/cli.h"

/* The document that export writes and import reads; counts up when older readers would misread it. */
#define EXPORT_FORMAT 1

/* NULL: no memory. */
json_t *json_of_record(const bgt_record *record);
/* Of an object whose values are text, numbers, booleans, lists of text and such objects. -EINVAL, -ENOMEM. */
int json_to_record(json_t *json, bgt_record **ret_record);
/* Sets a value that is given as JSON. -EINVAL, -ENOMEM. */
int json_put_text(bgt_record *record, const char *key, const char *text);
