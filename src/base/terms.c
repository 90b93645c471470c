/* SPDX-License-Identifier: MIT */

#include "base/terms.h"

#include <stdint.h>
#include <strings.h>

#include "base/macro.h"

typedef struct Term {
        uint8_t list;
        uint8_t number;
        const char *name;
} Term;

static const Term terms[] = {
#define X_TRIGGER(symbol, number, name) { TERM_TRIGGER, number, name },
#define X_SYSTEM(symbol, number, name) { TERM_SYSTEM, number, name },
#define X_CONDITION(symbol, number, name) { TERM_CONDITION, number, name },
#define X_REASON(symbol, number, name) { TERM_REASON, number, name },
#define X_OUTCOME(symbol, number, name) { TERM_OUTCOME, number, name },
#define X_DETAIL(symbol, number, name) { TERM_DETAIL, number, name },
#define X_OVERLAP(symbol, number, name) { TERM_OVERLAP, number, name },
#define X_CATCH_UP(symbol, number, name) { TERM_CATCH_UP, number, name },
#define X_RERUN(symbol, number, name) { TERM_RERUN, number, name },
#define X_IF_EXISTS(symbol, number, name) { TERM_IF_EXISTS, number, name },
#define X_WHY(symbol, number, name) { TERM_WHY, number, name },
#define X_RUN_STATE(symbol, number, name) { TERM_RUN_STATE, number, name },
#define X_FIRED_BY(symbol, number, name) { TERM_FIRED_BY, number, name },
#define X_CAPABILITY(symbol, number, name) { TERM_CAPABILITY, number, name },
#include "base/terms.def"
};

const char *term_name(TermList list, int number)
{
        for (size_t i = 0; i < ELEMENTSOF(terms); i++)
                if (terms[i].list == list && terms[i].number == number)
                        return terms[i].name;
        return NULL;
}

int term_number(TermList list, const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(terms); i++)
                if (terms[i].list == list && strcasecmp(terms[i].name, name) == 0)
                        return terms[i].number;
        return -1;
}

int term_at(TermList list, size_t i)
{
        for (size_t j = 0; j < ELEMENTSOF(terms); j++)
                if (terms[j].list == list && i-- == 0)
                        return terms[j].number;
        return -1;
}
