/* SPDX-License-Identifier: MIT */
#pragma once

/* The list of support.def: what of Windows works here, and what is said of the rest. */

#include <stdbool.h>
#include <stddef.h>

#include "base/terms.h"

/* What a sentence of a refusal takes at most, its NUL included; a test holds that. */
#define SUPPORT_SENTENCE_MAX 256

typedef struct SupportRow {
        TermList list;       /* TERM_TRIGGER, TERM_SYSTEM or TERM_CONDITION */
        int number;          /* of what works; else -1 */
        const char *name;
        const char *source;  /* of what works; else NULL */
        const char *use;     /* of what works: the option of the command line */
        const char *why;     /* of what is refused */
        const char *nearest; /* of what is refused: the name of a trigger that works, */
        const char *how;     /* and how */
} SupportRow;

/* Walks the list: the i-th row, false past the end. */
bool support_at(size_t i, SupportRow *ret_row);

/* The row of a name (ASCII case is ignored); false if neither Windows nor bgtask has such a thing. */
bool support_find(TermList list, const char *name, SupportRow *ret_row);

/* True if this number of the list works. */
bool support_works(TermList list, int number);

/* Says why it is refused and what works instead, as a sentence: "SmartCardTrigger cannot fire here: ...". */
void support_format_refusal(const SupportRow *row, char buf[static SUPPORT_SENTENCE_MAX]);
