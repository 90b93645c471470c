/* SPDX-License-Identifier: MIT */
#pragma once

/* Intrusive doubly linked list. A ListNode that points to itself is in no list; an empty list is such a node. */

#include <stdbool.h>

#include "base/macro.h"

typedef struct ListNode ListNode;

struct ListNode {
        ListNode *next;
        ListNode *prev;
};

#define LIST_INIT(node) { &(node), &(node) }

static inline void list_init(ListNode *node)
{
        node->next = node->prev = node;
}

static inline bool list_is_empty(const ListNode *list)
{
        return list->next == list;
}

/* True if the node is a member of some list. */
static inline bool list_is_linked(const ListNode *node)
{
        return node->next && node->next != node;
}

static inline void list_insert_before(ListNode *where, ListNode *node)
{
        node->prev = where->prev;
        node->next = where;
        where->prev->next = node;
        where->prev = node;
}

static inline void list_append(ListNode *list, ListNode *node)
{
        list_insert_before(list, node);
}

static inline void list_prepend(ListNode *list, ListNode *node)
{
        list_insert_before(list->next, node);
}

/* Takes the node out of its list; harmless for a node that is in none. */
static inline void list_remove(ListNode *node)
{
        if (!node->next)
                return;
        node->prev->next = node->next;
        node->next->prev = node->prev;
        list_init(node);
}

#define list_entry(node, type, member) CONTAINER_OF(node, type, member)
#define list_for_each(i, list) for (ListNode *i = (list)->next; i != (list); i = i->next)
/* The current node may be removed, or freed, in the body; no other. */
#define list_for_each_safe(i, list)                                                     \
        for (ListNode *i = (list)->next, *i##_next = i->next; i != (list); i = i##_next, i##_next = i->next)
