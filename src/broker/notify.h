/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Tells whoever started the broker that it serves now: the datagram "READY=1" to NOTIFY_SOCKET, as sd_notify(3)
 * defines it. Does nothing where the variable is not set, and takes it out of the environment. Returns 1 if it was
 * sent, 0 if nobody waits, or a negative errno.
 */
int notify_ready(void);
