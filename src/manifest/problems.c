/* SPDX-License-Identifier: MIT */

/*
 * The list of broken rules. It is bounded per severity, so that a file made of mistakes costs little memory and its
 * warnings cannot push its errors out. Values come from the file and end on terminals and in logs: they are shortened
 * and made printable here, once.
 */

#include "manifest/problems.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"

#define VALUE_MAX 200 /* bytes shown */

typedef struct Rule {
        const char *id;
        ManifestSeverity severity;
        Error error;
        const char *where;
        const char *remedy;
} Rule;

static const Rule rules[] = {
#define X(symbol, id, severity, error, where, remedy) \
        [RULE_##symbol] = { id, MANIFEST_##severity, ERROR_##error, where, remedy },
#include "manifest/rules.def"
#undef X
};
_Static_assert(ELEMENTSOF(rules) == _RULE_MAX, "every rule has an entry");

const char *problems_rule_id(ManifestRule rule)
{
        assert(rule < _RULE_MAX);
        return rules[rule].id;
}

static bool is_continuation(char c)
{
        return ((uint8_t)c & 0xc0) == 0x80;
}

/* A copy that is valid UTF-8 without control characters and not much longer than VALUE_MAX. */
static char *printable_new(const char *value)
{
        static const char ellipsis[] = "…";
        size_t n = strlen(value);
        bool shortened = n > VALUE_MAX, valid;
        char *text;

        if (shortened) {
                n = VALUE_MAX;
                while (n > VALUE_MAX - 4 && is_continuation(value[n]))
                        n--;
        }
        valid = utf8_is_valid(value, n);
        text = malloc(n + sizeof ellipsis);
        if (!text)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                bool c1 = (uint8_t)value[i] == 0xc2 && i + 1 < n && (uint8_t)value[i + 1] < 0xa0;

                text[i] = value[i];
                if ((uint8_t)value[i] < 0x20 || value[i] == 0x7f || (!valid && (uint8_t)value[i] >= 0x80))
                        text[i] = '?';
                else if (c1) {
                        text[i] = '?';
                        text[++i] = '?';
                }
        }
        memcpy(text + n, ellipsis, sizeof ellipsis);
        if (!shortened)
                text[n] = '\0';
        return text;
}

static ManifestProblem *problems_grow(ManifestProblems *problems)
{
        ManifestProblem *items;

        /* Doubles whenever the count is a power of two. */
        if ((problems->n_items & (problems->n_items - 1)) == 0) {
                size_t n = problems->n_items ? 2 * problems->n_items : 1;

                items = realloc(problems->items, n * sizeof *items);
                if (!items)
                        return NULL;
                problems->items = items;
        }
        return problems->items + problems->n_items;
}

void problems_add(ManifestProblems *problems, ManifestRule rule, unsigned line, const char *value,
                  const char *format, ...)
{
        const Rule *entry;
        _cleanup_(freep) char *shown = NULL, *sentence = NULL;
        ManifestProblem *p;
        va_list args;
        int n;

        assert(rule < _RULE_MAX);
        entry = &rules[rule];
        if (entry->severity == MANIFEST_WINDOWS && !problems->windows)
                return;
        if (entry->severity == MANIFEST_ERROR && problems->first_error == ERROR_NONE)
                problems->first_error = entry->error;
        if (problems->n_found[entry->severity]++ >= MANIFEST_PROBLEMS_MAX)
                return;

        va_start(args, format);
        n = vasprintf(&sentence, format, args);
        va_end(args);
        if (n < 0)
                sentence = NULL;
        shown = value ? printable_new(value) : NULL;
        p = problems_grow(problems);
        if (!sentence || (value && !shown) || !p) {
                problems->out_of_memory = true;
                return;
        }
        *p = (ManifestProblem){
                .severity = entry->severity, .error = entry->error, .rule = entry->id, .where = entry->where,
                .remedy = entry->remedy, .value = TAKE_PTR(shown), .sentence = TAKE_PTR(sentence), .line = line,
        };
        problems->n_items++;
}

int problems_to_errno(const ManifestProblems *problems)
{
        if (problems->out_of_memory)
                return -ENOMEM;
        if (problems_has_errors(problems))
                return -error_info(problems->first_error)->error;
        return 0;
}

void manifest_problems_done(ManifestProblems *problems)
{
        for (size_t i = 0; i < problems->n_items; i++) {
                free(problems->items[i].value);
                free(problems->items[i].sentence);
        }
        free(problems->items);
        free(problems->file);
        *problems = (ManifestProblems){ 0 };
}

const char *manifest_severity_to_string(ManifestSeverity severity)
{
        static const char *const names[] = {
                [MANIFEST_ERROR] = "error",
                [MANIFEST_WARNING] = "warning",
                [MANIFEST_WINDOWS] = "windows",
        };
        _Static_assert(ELEMENTSOF(names) == _MANIFEST_SEVERITY_MAX, "every severity has a name");

        assert(severity < _MANIFEST_SEVERITY_MAX);
        return names[severity];
}

int manifest_problem_format(const ManifestProblems *problems, const ManifestProblem *problem, bool with_remedy,
                            char **ret_text)
{
        Buffer text = { 0 };
        int r;

        r = buffer_printf(&text, "%s:", problems->file ? problems->file : "AppxManifest.xml");
        if (r >= 0 && problem->line)
                r = buffer_printf(&text, "%u:", problem->line);
        if (r >= 0)
                r = buffer_printf(&text, " %s: %s: %s", manifest_severity_to_string(problem->severity),
                                  problem->sentence, problem->where);
        if (r >= 0 && problem->value)
                r = buffer_printf(&text, " \"%s\"", problem->value);
        if (r >= 0 && with_remedy)
                r = buffer_printf(&text, " (%s)", problem->remedy);
        if (r >= 0)
                r = buffer_printf(&text, " [%s]", problem->rule);
        if (r < 0) {
                buffer_done(&text);
                return r;
        }
        *ret_text = (char *)text.data;
        return 0;
}
