/* SPDX-License-Identifier: MIT */

/* What request and raise hand to a task: KEY=TEXT and KEY:=JSON. */

#include <errno.h>
#include <string.h>

#include "cli/json.h"

int cli_read_argument(const Verb *verb, const char *text, bgt_record *arguments)
{
        const char *equals = strchr(text, '=');
        bool is_json = equals && equals > text && equals[-1] == ':';
        _cleanup_(freep) char *key = NULL;
        int r;

        if (!equals || equals - is_json == text)
                return cli_usage(verb, "'%s' is not of the form KEY=TEXT or KEY:=JSON", text);
        key = strndup(text, (size_t)(equals - text) - is_json);
        if (!key)
                return cli_out_of_memory();
        if (is_json)
                r = json_put_text(arguments, key, equals + 1);
        else
                r = bgt_record_set_string(arguments, key, equals + 1);
        if (r == -EINVAL && is_json)
                return cli_usage(verb, "'%s' has no value that can be handed over; write for example %s:=3 or %s=text",
                                 text, key, key);
        return r < 0 ? cli_complain() : EXIT_OK;
}
