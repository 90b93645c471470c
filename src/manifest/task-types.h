/* SPDX-License-Identifier: MIT */
#pragma once

/* Warns of tasks of Windows' own kind, declared in BackgroundTasks, whose triggers cannot fire here. */

#include "manifest/problems.h"
#include "manifest/xml.h"

void task_types_check(const XmlElement *package, ManifestProblems *problems);
