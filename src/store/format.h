/* SPDX-License-Identifier: MIT */
#pragma once

/* What the store knows of SQLite's file format (https://www.sqlite.org/fileformat2.html). Of this room only. */

#include <stdint.h>

/* The header of the file, which the first page begins with. */
#define FORMAT_HEADER 100
#define FORMAT_PAGE_SIZE_AT 16
#define FORMAT_CHANGES_AT 24
#define FORMAT_N_PAGES_AT 28
#define FORMAT_FREE_PAGES_AT 32 /* the first one, and their number */
#define FORMAT_VALID_FOR_AT 92
#define FORMAT_VERSION_AT 96

/* A page of a tree; in the first page it begins behind the header. */
#define FORMAT_TABLE_INTERIOR 5
#define FORMAT_TABLE_LEAF 13
#define FORMAT_N_CELLS_AT 3
#define FORMAT_LEAF_CELLS_AT 8
#define FORMAT_RIGHT_AT 8 /* of an interior page */
#define FORMAT_INTERIOR_CELLS_AT 12

/* The log. */
#define LOG_HEADER 32
#define LOG_FRAME_HEADER 24
#define LOG_PAGE_SIZE_AT 8
#define LOG_SALTS_AT 16 /* of the log's header; of a frame's header it is LOG_FRAME_SALTS_AT */
#define LOG_SUM_AT 24
#define LOG_FRAME_SALTS_AT 8
#define LOG_FRAME_SUM_AT 16

static inline uint32_t read_be16(const uint8_t *p)
{
        return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t read_be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void write_be32(uint8_t *p, uint32_t x)
{
        p[0] = (uint8_t)(x >> 24);
        p[1] = (uint8_t)(x >> 16);
        p[2] = (uint8_t)(x >> 8);
        p[3] = (uint8_t)x;
}

/* From its two bytes in the header, where 1 stands for 65536. 0: there is no such size. */
static inline uint32_t format_page_size(const uint8_t *p)
{
        uint32_t size = read_be16(p) == 1 ? 65536 : read_be16(p);

        return size >= 512 && (size & (size - 1)) == 0 ? size : 0;
}
