/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What Windows refuses and bgtask does not mind: the rest of the schema, as far as a package with a COM server meets
 * it. Nothing here changes what is read; problems of severity MANIFEST_WINDOWS are all that comes out.
 */

#include "manifest/xml.h"

/* Checks a whole Package element. file is the manifest's path, NULL if it is not known. */
void windows_check(const XmlElement *package, const char *file, ManifestProblems *problems);

/* windows-com.c: one COM extension, and the rest of what only COM has. */
void windows_check_com(const XmlElement *extension, ManifestProblems *problems);
