/* SPDX-License-Identifier: MIT */
#pragma once

/* What the two files of the builder share. */

#include "base/error.h"
#include "base/rows.h"
#include "client/client.h"
#include "dbus/writer.h"

struct bgt_builder {
        atomic_uint n_ref;
        bgt *b; /* as it was given: NULL is the process's own, counted otherwise */
        char *name;
        bgt_trigger *triggers[TRIGGERS_MAX]; /* as many as there are, in front */
        char clsid[UUID_STRING_MAX];
        char *entry_point;
        char *group;
        char *group_name;
        uint32_t conditions;
        bool cancel_on_condition_loss;
        bool network_requested;
        int overlap;
        int catch_up;
        int rerun;
        uint32_t retry_max;
        uint64_t retry_backoff_usec;
        uint64_t catch_up_window_usec;
        uint64_t time_limit_usec;
        uint64_t expires_usec;
        uint64_t deadline_usec;
        char *label;
        char *directory;
        char **command;
        char **environment;
        char **on_failure;
        bool notify_failure;
        uint64_t memory_bytes;
        uint64_t cpu_percent;
        uint64_t tasks;
        Error error; /* the first mistake */
        char mistake[256];
};

/* Keeps the first mistake, for register. */
void builder_remember(bgt_builder *builder, Error error, const char *format, ...) _printf_(3, 4);
void builder_set_text(bgt_builder *builder, char **p, const char *text);
/* Options that are left out if they are empty or 0. */
void builder_put_text(Writer *w, const char *key, const char *text);
void builder_put_number(Writer *w, const char *key, uint64_t number);

/* builder-command.c */
void builder_free_command(bgt_builder *builder);
void builder_put_command(const bgt_builder *builder, Writer *w);
