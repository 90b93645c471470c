/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Checksums and digests that the formats we read and write prescribe: CRC32C (store rows), SHA-1 (UUIDv5), SHA-256
 * (publisher ids) and HMAC-SHA-256 (cookies), and SipHash-2-4 for hash tables whose keys a peer chooses.
 * One call each; a message in pieces is given as an array of parts.
 */

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20
#define SHA256_SIZE 32

typedef struct HashPart {
        const void *data;
        size_t size;
} HashPart;

/* Castagnoli CRC of data, continuing from the CRC of what came before it (0 at the start). */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
/* The same on every processor, slower. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size);

void sha1(const HashPart *parts, size_t n_parts, uint8_t ret_digest[static SHA1_SIZE]);
void sha256(const HashPart *parts, size_t n_parts, uint8_t ret_digest[static SHA256_SIZE]);
void hmac_sha256(const void *key, size_t n_key, const void *data, size_t n_data,
                 uint8_t ret_digest[static SHA256_SIZE]);

uint64_t siphash24(const void *data, size_t size, const uint64_t key[static 2]);
