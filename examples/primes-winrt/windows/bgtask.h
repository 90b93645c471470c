/* SPDX-License-Identifier: MIT */
/*
 * What primes-winrt.c takes from this machine, for its build as a program of Windows: found before the header of that
 * name. The sample waits for a handle that nobody signals; so does this.
 */
#pragma once

#include <direct.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define program_invocation_short_name "SampleBackgroundApp"
#define mkdir(path, mode) _mkdir(path)
#define setlinebuf(stream) setvbuf(stream, NULL, _IONBF, 0)
#define fopen(path, mode) fopen(path, "a")

#define BGT_WAIT_IDLE 2

__declspec(dllimport) __attribute__((ms_abi)) void Sleep(unsigned long msec);

typedef struct bgt_error_info {
        const char *message;
        const char *remedy;
        uint32_t hresult;
} bgt_error_info;

static inline const bgt_error_info *bgt_error(void)
{
        static const bgt_error_info nothing = {"the call failed", "", 0};

        return &nothing;
}

static inline int bgt_server_wait(void *b, unsigned mode, int64_t idle_ms)
{
        Sleep(0xffffffff);
        return 0;
}

static inline const char *bgt_local_folder(void *b)
{
        return getenv("BGTASK_LOCAL_FOLDER");
}
