/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Wine's rpcss.exe, which finds class objects: it keeps those of a process that was killed, and gives them to whoever
 * asks, for ever. They are taken away here. It gives each a cookie, one more than the last. Include <windows.h> first.
 */

/* The cookie of the last class object that was registered by anybody; 0 if rpcss does not answer. */
unsigned scm_last_cookie(void);
/* The process (as Windows counts) that owns the class object which rpcss gives; 0: there is none. */
DWORD scm_owner(const GUID *clsid);
/* Takes away the class object with this cookie, whosever it is. */
void scm_revoke(unsigned cookie);
