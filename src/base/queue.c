/* SPDX-License-Identifier: MIT */

#include "base/queue.h"

#include <assert.h>

/* Melds two trees, either may be NULL; the first wins a tie. The result's siblings are those of nobody. */
static QueueNode *meld(QueueNode *a, QueueNode *b)
{
        if (!a || !b)
                return a ? a : b;
        if (b->key < a->key) {
                QueueNode *swap = a;

                a = b;
                b = swap;
        }
        b->next = a->child;
        if (b->next)
                b->next->link = &b->next;
        b->link = &a->child;
        a->child = b;
        a->next = NULL;
        return a;
}

/* Melds a list of siblings into one tree: pairs from the left, then those from the right. */
static QueueNode *meld_siblings(QueueNode *list)
{
        QueueNode *pairs = NULL, *tree = NULL;

        while (list) {
                QueueNode *a = list, *b = a->next;

                list = b ? b->next : NULL;
                a->next = NULL;
                if (b)
                        b->next = NULL;
                a = meld(a, b);
                a->next = pairs;
                pairs = a;
        }
        while (pairs) {
                QueueNode *a = pairs;

                pairs = a->next;
                a->next = NULL;
                tree = meld(tree, a);
        }
        return tree;
}

static void set_first(Queue *queue, QueueNode *node)
{
        queue->first = node;
        if (node)
                node->link = &queue->first;
}

void queue_insert(Queue *queue, QueueNode *node, uint64_t key)
{
        assert(!node->link);
        *node = (QueueNode){ .key = key };
        set_first(queue, meld(queue->first, node));
}

void queue_remove(Queue *queue, QueueNode *node)
{
        QueueNode *below;

        if (!node->link)
                return;
        *node->link = node->next;
        if (node->next)
                node->next->link = node->link;
        below = meld_siblings(node->child);
        set_first(queue, meld(queue->first, below));
        node->link = NULL;
        node->child = node->next = NULL;
}
