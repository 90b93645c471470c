/* SPDX-License-Identifier: MIT */

#include "base/hash.h"

#include <stdbool.h>
#include <string.h>

#include "base/macro.h"

/* SHA-1 and SHA-256 share their blocks of 64 bytes and their padding (FIPS 180-4); only the rounds differ. */
typedef struct Sha Sha;

struct Sha {
        uint32_t state[8];
        void (*compress)(Sha *sha, const uint8_t block[static 64]);
        uint64_t length;
        uint8_t block[64];
};

static uint32_t rotate_left(uint32_t x, unsigned n)
{
        return x << n | x >> (32 - n);
}

static uint32_t read_be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_be32(uint8_t *p, uint32_t x)
{
        p[0] = (uint8_t)(x >> 24);
        p[1] = (uint8_t)(x >> 16);
        p[2] = (uint8_t)(x >> 8);
        p[3] = (uint8_t)x;
}

static void sha1_compress(Sha *sha, const uint8_t block[static 64])
{
        uint32_t w[80], a = sha->state[0], b = sha->state[1], c = sha->state[2], d = sha->state[3], e = sha->state[4];

        for (size_t i = 0; i < 16; i++)
                w[i] = read_be32(block + 4 * i);
        for (size_t i = 16; i < 80; i++)
                w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (size_t i = 0; i < 80; i++) {
                uint32_t f, k, t;

                if (i < 20) {
                        f = (b & c) | (~b & d);
                        k = 0x5a827999;
                } else if (i < 40) {
                        f = b ^ c ^ d;
                        k = 0x6ed9eba1;
                } else if (i < 60) {
                        f = (b & c) | (b & d) | (c & d);
                        k = 0x8f1bbcdc;
                } else {
                        f = b ^ c ^ d;
                        k = 0xca62c1d6;
                }
                t = rotate_left(a, 5) + f + e + k + w[i];
                e = d;
                d = c;
                c = rotate_left(b, 30);
                b = a;
                a = t;
        }
        sha->state[0] += a;
        sha->state[1] += b;
        sha->state[2] += c;
        sha->state[3] += d;
        sha->state[4] += e;
}

static uint32_t rotate_right(uint32_t x, unsigned n)
{
        return x >> n | x << (32 - n);
}

static void sha256_compress(Sha *sha, const uint8_t block[static 64])
{
        static const uint32_t k[64] = {
                0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
                0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
                0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
                0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
                0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
                0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
                0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
                0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
        };
        uint32_t w[64], s[8];

        for (size_t i = 0; i < 16; i++)
                w[i] = read_be32(block + 4 * i);
        for (size_t i = 16; i < 64; i++) {
                uint32_t s0 = rotate_right(w[i - 15], 7) ^ rotate_right(w[i - 15], 18) ^ w[i - 15] >> 3;
                uint32_t s1 = rotate_right(w[i - 2], 17) ^ rotate_right(w[i - 2], 19) ^ w[i - 2] >> 10;

                w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        memcpy(s, sha->state, sizeof s);
        for (size_t i = 0; i < 64; i++) {
                uint32_t s1 = rotate_right(s[4], 6) ^ rotate_right(s[4], 11) ^ rotate_right(s[4], 25);
                uint32_t t1 = s[7] + s1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
                uint32_t s0 = rotate_right(s[0], 2) ^ rotate_right(s[0], 13) ^ rotate_right(s[0], 22);
                uint32_t t2 = s0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

                memmove(s + 1, s, 7 * sizeof s[0]);
                s[4] += t1;
                s[0] = t1 + t2;
        }
        for (size_t i = 0; i < 8; i++)
                sha->state[i] += s[i];
}

static void sha_update(Sha *sha, const void *data, size_t size)
{
        const uint8_t *p = data;

        while (size > 0) {
                size_t used = sha->length % sizeof sha->block;
                size_t n = MIN(size, sizeof sha->block - used);

                memcpy(sha->block + used, p, n);
                sha->length += n;
                p += n;
                size -= n;
                if (used + n == sizeof sha->block)
                        sha->compress(sha, sha->block);
        }
}

static void sha_finish(Sha *sha, uint8_t *ret_digest, size_t n_words)
{
        uint64_t bits = sha->length * 8;
        uint8_t length[8];

        write_be32(length, (uint32_t)(bits >> 32));
        write_be32(length + 4, (uint32_t)bits);
        sha_update(sha, "\x80", 1);
        while (sha->length % sizeof sha->block != sizeof sha->block - sizeof length)
                sha_update(sha, "", 1);
        sha_update(sha, length, sizeof length);
        for (size_t i = 0; i < n_words; i++)
                write_be32(ret_digest + 4 * i, sha->state[i]);
}

void sha1(const HashPart *parts, size_t n_parts, uint8_t ret_digest[static SHA1_SIZE])
{
        Sha sha = {
                .state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 },
                .compress = sha1_compress,
        };

        for (size_t i = 0; i < n_parts; i++)
                sha_update(&sha, parts[i].data, parts[i].size);
        sha_finish(&sha, ret_digest, SHA1_SIZE / 4);
}

void sha256(const HashPart *parts, size_t n_parts, uint8_t ret_digest[static SHA256_SIZE])
{
        Sha sha = {
                .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
                           0x5be0cd19 },
                .compress = sha256_compress,
        };

        for (size_t i = 0; i < n_parts; i++)
                sha_update(&sha, parts[i].data, parts[i].size);
        sha_finish(&sha, ret_digest, SHA256_SIZE / 4);
}

void hmac_sha256(const void *key, size_t n_key, const void *data, size_t n_data,
                 uint8_t ret_digest[static SHA256_SIZE])
{
        uint8_t padded[64] = { 0 }, inner[64], outer[64], digest[SHA256_SIZE];

        if (n_key > sizeof padded)
                sha256(&(HashPart){ key, n_key }, 1, padded);
        else
                memcpy(padded, key, n_key);
        for (size_t i = 0; i < sizeof padded; i++) {
                inner[i] = padded[i] ^ 0x36;
                outer[i] = padded[i] ^ 0x5c;
        }
        sha256((const HashPart[]){ { inner, sizeof inner }, { data, n_data } }, 2, digest);
        sha256((const HashPart[]){ { outer, sizeof outer }, { digest, sizeof digest } }, 2, ret_digest);
}

static uint64_t read_le64(const uint8_t *p, size_t n)
{
        uint64_t x = 0;

        for (size_t i = 0; i < n; i++)
                x |= (uint64_t)p[i] << (8 * i);
        return x;
}

static uint64_t rotate_left64(uint64_t x, unsigned n)
{
        return x << n | x >> (64 - n);
}

static void sip_rounds(uint64_t v[static 4], unsigned n)
{
        while (n--) {
                v[0] += v[1];
                v[2] += v[3];
                v[1] = rotate_left64(v[1], 13) ^ v[0];
                v[3] = rotate_left64(v[3], 16) ^ v[2];
                v[0] = rotate_left64(v[0], 32);
                v[2] += v[1];
                v[0] += v[3];
                v[1] = rotate_left64(v[1], 17) ^ v[2];
                v[3] = rotate_left64(v[3], 21) ^ v[0];
                v[2] = rotate_left64(v[2], 32);
        }
}

uint64_t siphash24(const void *data, size_t size, const uint64_t key[static 2])
{
        uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                          key[1] ^ 0x7465646279746573 };
        const uint8_t *p = data;
        bool last;

        for (size_t left = size;; left -= 8, p += 8) {
                uint64_t m;

                last = left < 8;
                m = read_le64(p, last ? left : 8) | (last ? (uint64_t)size << 56 : 0);
                v[3] ^= m;
                sip_rounds(v, 2);
                v[0] ^= m;
                if (last)
                        break;
        }
        v[2] ^= 0xff;
        sip_rounds(v, 4);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}
