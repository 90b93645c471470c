/* SPDX-License-Identifier: MIT */

/* The groups that the tasks of a package are in. */

#include <errno.h>
#include <string.h>

#include <bgtask.h>
#include <bgtask/manage.h>

#include "client/error.h"

typedef struct Ids {
        char **items;
        size_t n;
} Ids;

static void ids_done(Ids *ids)
{
        bgt_groups_free(ids->items, ids->n);
}

void bgt_groups_free(char **ids, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(ids[i]);
        free(ids);
}

/* Where the id is, or belongs. */
static size_t find(const Ids *ids, const char *id, bool *ret_found)
{
        size_t low = 0, high = ids->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(ids->items[middle], id) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_found = low < ids->n && strcmp(ids->items[low], id) == 0;
        return low;
}

static int add(Ids *ids, const char *id)
{
        char **grown, *copy;
        bool found;
        size_t at;

        at = find(ids, id, &found);
        if (found)
                return 0;
        copy = strdup(id);
        if (!copy)
                return -ENOMEM;
        grown = realloc(ids->items, (ids->n + 1) * sizeof *grown);
        if (!grown) {
                free(copy);
                return -ENOMEM;
        }
        memmove(grown + at + 1, grown + at, (ids->n - at) * sizeof *grown);
        grown[at] = copy;
        ids->items = grown;
        ids->n++;
        return 0;
}

int bgt_group_name(bgt *b, const char *group, char **ret_name)
{
        uint64_t newest = 0, registered;
        char *name = NULL;
        const bgt_record *row;
        bgt_list *list;
        int r, n = 0;

        if (!group || !*group)
                return fail(ERROR_INVALID_ARGUMENT, "a group has an id");
        r = bgt_list_tasks(b, "", NULL, group, &list);
        if (r < 0)
                return r;
        for (; (r = bgt_list_next(list, &row)) > 0; n++) {
                const char *told = bgt_record_string(row, "group-name");

                registered = bgt_record_uint(row, "registered", 0);
                if (!told || registered < newest)
                        continue;
                newest = registered;
                free(name);
                name = strdup(told);
                if (!name) {
                        r = fail(ERROR_NO_MEMORY, NULL);
                        break;
                }
        }
        bgt_list_free(list);
        if (r >= 0 && n == 0)
                r = fail(ERROR_NO_SUCH_TASK, "no task is in the group '%s'", group);
        if (r >= 0 && !name)
                name = strdup("");
        if (r >= 0 && !name)
                r = fail(ERROR_NO_MEMORY, NULL);
        if (r < 0) {
                free(name);
                return r;
        }
        *ret_name = name;
        return 0;
}

int bgt_all_groups(bgt *b, char ***ret_ids, size_t *ret_n)
{
        _cleanup_(ids_done) Ids ids = { 0 };
        const bgt_record *row;
        bgt_list *list;
        int r;

        r = bgt_list_tasks(b, "", NULL, NULL, &list);
        if (r < 0)
                return r;
        while ((r = bgt_list_next(list, &row)) > 0) {
                const char *id = bgt_record_string(row, "group");

                if (id && *id && add(&ids, id) < 0) {
                        r = fail(ERROR_NO_MEMORY, NULL);
                        break;
                }
        }
        bgt_list_free(list);
        if (r < 0)
                return r;
        if (ret_n)
                *ret_n = ids.n;
        if (ret_ids) {
                *ret_ids = TAKE_PTR(ids.items);
                ids.n = 0;
        }
        return 0;
}
