/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The output of one server: a FIFO with a name, of which both sides hold an end that reads and writes. So the server
 * sees neither SIGPIPE nor an end when the broker dies, and the next broker finds it by name. While nobody reads, a
 * server that writes much waits.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/loop.h"
#include "launcher/log-writer.h"

typedef struct Output {
        Loop *loop;
        int folder_fd; /* borrowed */
        char *name;
        int fifo_fd; /* -1: there is none */
        dev_t device;
        ino_t inode;
        LoopSource source;
        LogWriter log;
} Output;

#define OUTPUT_INIT ((Output){ .folder_fd = -1, .fifo_fd = -1, .source = LOOP_SOURCE_INIT })

/* Descriptors for the next server, made while there is time: making them is half of what a start costs us. */
typedef struct OutputSpares {
        int folder_fd; /* borrowed */
        int ours;      /* of the FIFO for output, still nameless */
        int theirs;
        int silent;    /* a FIFO without a name that nobody ever writes to and that never reaches its end */
} OutputSpares;

#define OUTPUT_SPARES_INIT ((OutputSpares){ -1, -1, -1, -1 })

/* Makes what is missing. All of it is at or above SPAWN_FD_FLOOR. */
int output_fill_spares(OutputSpares *spares);
void output_spares_done(OutputSpares *spares);

/* Gives a new FIFO the name of the server, whatever had it before, and returns the server's end of it. */
int output_create(Output *output, Loop *loop, OutputSpares *spares, LogFolder *logs, const char *id,
                  int *ret_server_fd);

/* Opens the FIFO that is there. -ENOENT: there is none; -EEXIST: something else of that name, or not ours. */
int output_open(Output *output, Loop *loop, int folder_fd, LogFolder *logs, const char *id);

/* Starts to read whenever there is something to read. */
int output_watch(Output *output);

/* Reads what is there at this moment; bounded, since the writer may go on. */
void output_drain(Output *output);

/* True if the file is the FIFO. */
bool output_is_same_file(const Output *output, dev_t device, ino_t inode);

/* With remove the name goes too. Harmless for one that was never created. */
void output_close(Output *output, bool remove);

/* Removes all FIFOs of the folder that keep() does not want. */
void output_collect(int folder_fd, bool (*keep)(const char *id, void *userdata), void *userdata);
