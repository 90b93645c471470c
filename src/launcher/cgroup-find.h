/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The cgroup that is delegated to this process: its folder, to be freed, and whether we are in a leaf below it
 * already. told: who started us says that it is, so that no mark of it is needed; systemd's user managers set none.
 * Returns NULL, or a static sentence that says why there is none.
 */
const char *cgroup_find_delegated(bool told, char **ret_path, bool *ret_in_leaf);

/*
 * Exposed for tests. The path behind "0::" of a /proc/PID/cgroup; -ENOENT. And the folder in which path can be seen,
 * according to a /proc/PID/mountinfo: -ENOENT if no mount of cgroup2 shows it. The caller frees both.
 */
int cgroup_parse_membership(const char *text, char **ret_path);
int cgroup_parse_mounts(const char *text, const char *path, char **ret_folder);
