/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the broker's socket is. Errors are set. */

#include <stdbool.h>

int path_of_socket(bool system, char **ret_path);

/* Connects, without waiting. Negative errno; nothing is set. */
int path_connect(const char *path, int *ret_fd);
