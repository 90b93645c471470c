/* SPDX-License-Identifier: MIT */
#pragma once

/* xoshiro256** seeded by splitmix64 (Blackman, Vigna; public domain): the only source of chance in the simulator. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Rng {
        uint64_t s[4];
} Rng;

static inline uint64_t splitmix64(uint64_t *state)
{
        uint64_t z = (*state += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
}

static inline void rng_seed(Rng *r, uint64_t seed, uint64_t stream)
{
        uint64_t state = seed * 0xd1342543de82ef95 + stream;

        for (int i = 0; i < 4; i++)
                r->s[i] = splitmix64(&state);
}

static inline uint64_t rng_next(Rng *r)
{
        uint64_t x = r->s[1] * 5, t = r->s[1] << 17;
        uint64_t result = ((x << 7) | (x >> 57)) * 9;

        r->s[2] ^= r->s[0];
        r->s[3] ^= r->s[1];
        r->s[1] ^= r->s[2];
        r->s[0] ^= r->s[3];
        r->s[2] ^= t;
        r->s[3] = (r->s[3] << 45) | (r->s[3] >> 19);
        return result;
}

/* 0 … n - 1; n may be 0, then 0. */
static inline uint64_t rng_below(Rng *r, uint64_t n)
{
        return n ? rng_next(r) % n : 0;
}

static inline uint64_t rng_between(Rng *r, uint64_t low, uint64_t high)
{
        return low + rng_below(r, high - low + 1);
}

static inline bool rng_percent(Rng *r, unsigned percent)
{
        return rng_below(r, 100) < percent;
}
