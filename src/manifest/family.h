/* SPDX-License-Identifier: MIT */
#pragma once

/* Names that Windows derives from a package's identity; the same identity gives the same names here. */

#include <stddef.h>

#define PUBLISHER_ID_SIZE 14 /* 13 characters and the terminator */

/*
 * The 13 characters that stand for a publisher. The text is hashed exactly as it is written. -EILSEQ if it is not
 * UTF-8, -ENOMEM.
 */
int family_publisher_id(const char *publisher, char ret_id[static PUBLISHER_ID_SIZE]);

/* Name_PublisherId, to be freed with free(). -ENOMEM. */
int family_name_new(const char *name, const char *publisher_id, char **ret_family_name);

/* Name_Version_Architecture_ResourceId_PublisherId; resource_id may be "". As above. */
int family_full_name_new(const char *name, const char *version, const char *architecture, const char *resource_id,
                         const char *publisher_id, char **ret_full_name);
