/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An intrusive priority queue (pairing heap), smallest key first: its nodes are members of what is queued, so that
 * nothing here allocates or fails. Insert is O(1), taking out O(log n) amortised. A zero-initialised node is in no
 * queue.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct QueueNode QueueNode;

struct QueueNode {
        uint64_t key;
        QueueNode *child;
        QueueNode *next;  /* sibling */
        QueueNode **link; /* what points to this node; NULL: in no queue */
};

typedef struct Queue {
        QueueNode *first; /* the smallest, NULL: empty */
} Queue;

static inline bool queue_is_empty(const Queue *queue)
{
        return !queue->first;
}

static inline bool queue_node_is_linked(const QueueNode *node)
{
        return node->link;
}

/* The node must be in no queue. */
void queue_insert(Queue *queue, QueueNode *node, uint64_t key);
/* Harmless for a node that is in no queue. */
void queue_remove(Queue *queue, QueueNode *node);
