/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One program of the broker in the place of another, in the same process: the upgrade. Its pid, its children and its
 * socket stay, so that nobody who connects meanwhile is refused, and the exit status of servers is still ours to have.
 * All else is as after a planned end: the next program takes the servers over with their runs.
 */

/* Where this program was started from, for replace_program(): to be asked early. NULL: not known. The caller frees. */
char *replace_find_program(void);

/*
 * Executes the program that is there now, or if that fails the one that is running. listen_fd is handed over as
 * listen_fds_take() expects it. Returns a negative errno, or not at all.
 */
int replace_program(const char *program, char *argv[], int listen_fd);
