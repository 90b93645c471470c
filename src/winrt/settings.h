/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The file of an app's settings. Who reads or writes it holds a lock on its folder, and a change replaces the file as
 * a whole, so that processes of one app share it.
 */

#include "winrt/map.h"

/* What an errno of the file system is. */
HRESULT settings_hresult(int error);
/*
 * Locks and reads; a file that is not there is empty. *ret_fd holds the lock, and is left alone if there is none; the
 * entries become the caller's.
 */
HRESULT settings_load(const char *path, bool to_write, int *ret_fd, MapEntry **ret_entries, size_t *ret_n);
HRESULT settings_save(const char *path, const MapEntry *entries, size_t n);
void settings_unlock(int *fd);
