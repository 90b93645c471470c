/* SPDX-License-Identifier: MIT */
#pragma once

/* The processes of a test broker: itself, and everything that was started for it. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Starts the broker in its folder and waits until it serves. fd is that of the log. -ECHILD: it ended instead;
 * -ETIMEDOUT.
 */
int process_start(const char *program, const char *folder, const char *boot_id, int log_fd, pid_t *ret_pid);
/* Ends a child with this signal, and with SIGKILL if it does not end. */
void process_end(pid_t pid, int signal);

/* Calls f for each process that was started with this text in its environment, this one and `except` left out. */
void process_each(const char *mark, pid_t except, void (*f)(pid_t pid, void *userdata), void *userdata);
/* Waits for the end of any process; false if it did not come in that time. */
bool process_wait_gone(pid_t pid, int timeout_msec);
