/* SPDX-License-Identifier: MIT */

/* What somebody may have meant who typed a name that there is not. */

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "cli/nearest.h"

#define WORD_MAX 64

/*
 * How many letters have to be changed, added, dropped or exchanged with their neighbour, whatever their case. Of long
 * words only the first letters count.
 */
static unsigned edit_distance(const char *a, const char *b)
{
        unsigned rows[3][WORD_MAX + 1];
        size_t n_a = strnlen(a, WORD_MAX), n_b = strnlen(b, WORD_MAX);

        for (unsigned j = 0; j <= n_b; j++)
                rows[0][j] = j;
        for (unsigned i = 1; i <= n_a; i++) {
                unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

                row[0] = i;
                for (size_t j = 1; j <= n_b; j++) {
                        int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);

                        row[j] = MIN(above[j], row[j - 1]) + 1;
                        row[j] = MIN(row[j], above[j - 1] + (x != y));
                        if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                            tolower((unsigned char)a[i - 2]) == y)
                                row[j] = MIN(row[j], before[j - 2] + 1);
                }
        }
        return rows[n_a % 3][n_b];
}

void nearest_init(Nearest *nearest, const char *wanted)
{
        *nearest = (Nearest){ .wanted = wanted, .distance = (unsigned)(strnlen(wanted, 20) + 3) / 4 + 1 };
}

void nearest_offer(Nearest *nearest, const char *candidate)
{
        size_t n = strlen(nearest->wanted);
        /* A beginning is a good guess, unless it is so short that it begins everything. */
        bool begins = n >= 3 && strncasecmp(candidate, nearest->wanted, n) == 0;
        unsigned distance = begins ? 1 : edit_distance(nearest->wanted, candidate);

        if (distance >= nearest->distance || strlen(candidate) >= sizeof nearest->found)
                return;
        nearest->distance = distance;
        memcpy(nearest->found, candidate, strlen(candidate) + 1);
}

const char *nearest_found(const Nearest *nearest)
{
        return nearest->found[0] ? nearest->found : NULL;
}
