/* SPDX-License-Identifier: MIT */
#pragma once

#define LISTEN_FDS_FIRST 3

/* The socket is one that an earlier program of this process has bound: replace.h. */
#define LISTEN_FDS_E_OWN 2

/*
 * Takes over the socket that a service manager listens on for the broker: LISTEN_PID and LISTEN_FDS, as
 * sd_listen_fds(3) defines them. Takes the variables out of the environment. Without such a socket *bus and *ret_fd
 * stay as they are and 0 is returned; with one the path that it is bound to replaces *bus, and 1 is returned; with one
 * of our own *bus is its path already, and LISTEN_FDS_E_OWN is returned. What is no listening stream socket with a
 * path, or more than one, is -EINVAL with a sentence on stderr. -ENOMEM.
 */
int listen_fds_take(char **bus, int *ret_fd);
