/* SPDX-License-Identifier: MIT */

/*
 * Questions about the history. Who was told that a run has ended finds it there: the outcome of a run may wait for the
 * commit of its acceptance, so that a question waits for the commits that are on their way when it is asked, and for
 * those that their answers begin.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"

typedef struct Question {
        ListNode node;
        StoreHistoryQuery query;
        char *package, *name;
        uint64_t token;
        uint64_t commit; /* the last one that it waits for */
} Question;

static Question *question_free(Question *question)
{
        if (!question)
                return NULL;
        list_remove(&question->node);
        free(question->package);
        free(question->name);
        free(question);
        return NULL;
}
DEFINE_CLEANUP(Question *, question_free);

static int copy(const char *text, char **ret_copy, const char **ret_text)
{
        if (!text)
                return 0;
        *ret_text = *ret_copy = strdup(text);
        return *ret_copy ? 0 : -ENOMEM;
}

int broker_history_ask(Broker *broker, const StoreHistoryQuery *query, uint64_t token)
{
        _cleanup_(question_freep) Question *question = NULL;

        if (broker->last_answered >= broker->last_begun)
                return store_history(broker->store, query, token);
        question = calloc(1, sizeof *question);
        if (!question)
                return -ENOMEM;
        question->query = *query;
        if (copy(query->package, &question->package, &question->query.package) < 0 ||
            copy(query->name, &question->name, &question->query.name) < 0)
                return -ENOMEM;
        question->token = token;
        question->commit = broker->last_begun;
        list_append(&broker->questions, &TAKE_PTR(question)->node);
        return 0;
}

void broker_history_committed(Broker *broker, uint64_t commit)
{
        broker->last_answered = MAX(broker->last_answered, commit);
        list_for_each_safe(i, &broker->questions) {
                Question *question = list_entry(i, Question, node);
                Call *call;
                int r;

                if (question->commit > broker->last_answered)
                        break;
                /* What the answer has begun comes before the question. */
                broker_write_now(broker);
                r = store_history(broker->store, &question->query, question->token);
                call = r < 0 ? bus_find_call(broker->bus, question->token) : NULL;
                if (call)
                        bus_reply_error(call, store_error(r), "the history cannot be read: %s", strerror(-r));
                question_free(question);
        }
}

void broker_history_done(Broker *broker)
{
        list_for_each_safe(i, &broker->questions)
                question_free(list_entry(i, Question, node));
}
