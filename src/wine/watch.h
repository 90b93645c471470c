/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The servers that the host has to do with. Each has a thread of its own, which finds its class objects, waits for its
 * end, and takes away what it leaves; whoever else calls these functions never waits for a program. Include
 * <windows.h> first.
 */

#include <objbase.h>

#include "wine/background.h"

/* What the library has for the host: the proxy of the call is in there (serve.c). */
typedef HRESULT (WINAPI *Introduce)(IBackgroundTask *task, IClassFactory *factory, const GUID *clsid, ULONG regcls,
                                    ULONG *ret_unix_pid, ULONG *ret_windows_pid);

/* Once, before the others. What there is to tell is written to fd. */
void watch_init(Introduce introduce, int fd);
/* Watches the server that "ID PID CLSID..." describes; the words are cut. */
void watch_new(char *words);
/* Lets it end. It is told if that cannot be tried; if it is of no avail, there is nothing to tell. */
void watch_end(const char *id);
/* It has ended. */
void watch_gone(const char *id);
/* Tells, once for each, which classes do not answer. When this is to be called again, in ms; -1: never. */
int watch_check(void);
