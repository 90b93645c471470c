/* SPDX-License-Identifier: MIT */
#pragma once

/* The tree of a manifest → the plain data of manifest.h: the package in build.c, its servers in servers.c. */

#include "manifest/xml.h"

typedef struct Builder {
        Manifest *manifest;
        const ManifestOptions *options;
        ManifestProblems *problems;
        bool out_of_memory; /* remembered here and checked once, at the end */
} Builder;

/*
 * Reads a manifest like manifest_parse(), but hands out what was understood even if problems refuse it, so that a
 * linter can go on. Servers may then lack an executable, and strings of the identity may be NULL. -ENOMEM only.
 */
int build_manifest(const void *data, size_t size, const ManifestOptions *options, Manifest **ret_manifest,
                   ManifestProblems *problems);

/* Reads the COM extensions of the package and of its applications. */
void build_servers(Builder *b, const XmlElement *package);

/* A copy of s, NULL for NULL; lack of memory is remembered. */
char *build_strdup(Builder *b, const char *s);

/* A copy of a display name that keeps to its rule; else the problem is added and NULL returned, as for NULL. */
char *build_display_name(Builder *b, const XmlElement *element, const char *value);

/* Room for one more element behind the n of an array, whose memory doubles at powers of two. NULL without memory. */
void *build_grow(Builder *b, void *array, size_t n, size_t size);

/* Grows the array by one zeroed element and points to it; NULL without memory. */
#define BUILD_APPEND(b, array, n)                                                       \
        ({                                                                              \
                __typeof__(array) _grown = build_grow(b, array, n, sizeof *_grown);     \
                if (_grown)                                                             \
                        array = _grown;                                                 \
                _grown ? &array[n++] : NULL;                                            \
        })
