/* SPDX-License-Identifier: MIT */

#include "base/support.h"

#include <stdio.h>
#include <strings.h>

#include "base/macro.h"

static const SupportRow rows[] = {
#define X_WORKS(list_, symbol, source_, use_) \
        { .list = TERM_##list_, .number = list_##_##symbol, .source = (source_), .use = (use_) },
#define X_REFUSED(list_, name_, why_, nearest_, how_) \
        { .list = TERM_##list_, .number = -1, .name = (name_), .why = (why_), .nearest = (nearest_), .how = (how_) },
#include "base/support.def"
};

bool support_at(size_t i, SupportRow *ret_row)
{
        if (i >= ELEMENTSOF(rows))
                return false;
        *ret_row = rows[i];
        if (!ret_row->name)
                ret_row->name = term_name(ret_row->list, ret_row->number);
        return true;
}

bool support_find(TermList list, const char *name, SupportRow *ret_row)
{
        SupportRow row;

        for (size_t i = 0; support_at(i, &row); i++)
                if (row.list == list && strcasecmp(row.name, name) == 0) {
                        *ret_row = row;
                        return true;
                }
        return false;
}

bool support_works(TermList list, int number)
{
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (rows[i].source && rows[i].list == list && rows[i].number == number)
                        return true;
        return false;
}

void support_format_refusal(const SupportRow *row, char buf[static SUPPORT_SENTENCE_MAX])
{
        bool is_type = row->list == TERM_SYSTEM;

        snprintf(buf, SUPPORT_SENTENCE_MAX, "%s%s%s cannot fire here: %s; the nearest that works is %s, %s",
                 is_type ? "SystemTrigger(" : "", row->name, is_type ? ")" : "", row->why, row->nearest, row->how);
}
