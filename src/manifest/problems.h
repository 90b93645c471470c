/* SPDX-License-Identifier: MIT */
#pragma once

/* How the files of this room report a broken rule. Lack of memory is remembered in the list and checked once. */

#include "manifest/manifest.h"

typedef enum ManifestRule {
#define X(symbol, id, severity, error, where, remedy) RULE_##symbol,
#include "manifest/rules.def"
#undef X
        _RULE_MAX,
} ManifestRule;

/*
 * Adds a broken rule. line 0 means that it concerns the whole file; value is what the manifest says (any bytes, NULL
 * if there is nothing to show); the format gives the sentence, without a full stop.
 */
void problems_add(ManifestProblems *problems, ManifestRule rule, unsigned line, const char *value,
                  const char *format, ...) _printf_(5, 6);

static inline bool problems_has_errors(const ManifestProblems *problems)
{
        return problems->n_found[MANIFEST_ERROR] > 0;
}

/* 0 if nothing refuses the manifest, -ENOMEM, else the errno of the first error. */
int problems_to_errno(const ManifestProblems *problems);

/* The id of a rule; for tests. */
const char *problems_rule_id(ManifestRule rule);
