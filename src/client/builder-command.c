/* SPDX-License-Identifier: MIT */

/* What a builder says of command tasks, and of what is told when a run fails. */

#include <string.h>

#include "client/builder.h"
#include "client/error.h"

void builder_free_command(bgt_builder *builder)
{
        free(builder->label);
        free(builder->directory);
        free(builder->command);
        free(builder->environment);
        free(builder->on_failure);
}

/* A copy in one piece of memory, with room for one more; NULL if there is no memory. */
static char **copy_words(const char *const *words, const char *more)
{
        size_t n = 0, size = more ? strlen(more) + 1 : 0;
        char **copy, *p;

        for (; words && words[n]; n++)
                size += strlen(words[n]) + 1;
        copy = malloc((n + 2) * sizeof *copy + size);
        if (!copy)
                return NULL;
        p = (char *)(copy + n + 2);
        for (size_t i = 0; i < n; i++) {
                copy[i] = p;
                p = stpcpy(p, words[i]) + 1;
        }
        copy[n] = more ? strcpy(p, more) : NULL;
        copy[n + 1] = NULL;
        return copy;
}

static void set_words(bgt_builder *builder, char ***p, const char *const *words, const char *more)
{
        char **copy = words || more ? copy_words(words, more) : NULL;

        if ((words || more) && !copy) {
                builder_remember(builder, ERROR_NO_MEMORY, "%s", error_info(ERROR_NO_MEMORY)->sentence);
                return;
        }
        free(*p);
        *p = copy;
}

void bgt_builder_set_command(bgt_builder *builder, const char *const *argv)
{
        if (!builder)
                return;
        if (argv && (!argv[0] || !argv[0][0]))
                builder_remember(builder, ERROR_INVALID_ARGUMENT, "a command needs a program");
        set_words(builder, &builder->command, argv, NULL);
}

void bgt_builder_add_environment(bgt_builder *builder, const char *variable)
{
        if (!builder)
                return;
        if (!variable || !strchr(variable, '='))
                builder_remember(builder, ERROR_INVALID_ARGUMENT, "'%.100s' is not NAME=value",
                                 variable ? variable : "");
        else
                set_words(builder, &builder->environment, (const char *const *)builder->environment, variable);
}

void bgt_builder_set_directory(bgt_builder *builder, const char *path)
{
        if (builder)
                builder_set_text(builder, &builder->directory, path);
}

void bgt_builder_set_label(bgt_builder *builder, const char *label)
{
        if (builder)
                builder_set_text(builder, &builder->label, label);
}

void bgt_builder_set_resource_limits(bgt_builder *builder, uint64_t memory_bytes, uint32_t cpu_percent,
                                     uint64_t tasks)
{
        if (!builder)
                return;
        builder->memory_bytes = memory_bytes;
        builder->cpu_percent = cpu_percent;
        builder->tasks = tasks;
}

void bgt_builder_set_notify_failure(bgt_builder *builder, bool value)
{
        if (builder)
                builder->notify_failure = value;
}

void bgt_builder_set_on_failure(bgt_builder *builder, const char *const *argv)
{
        if (!builder)
                return;
        if (argv && (!argv[0] || !argv[0][0]))
                builder_remember(builder, ERROR_INVALID_ARGUMENT, "a command needs a program");
        set_words(builder, &builder->on_failure, argv, NULL);
}

static void put_words(Writer *w, const char *key, char *const *words)
{
        if (!words)
                return;
        writer_open_option(w, key, "as");
        writer_open_array(w, NULL);
        for (; *words; words++)
                writer_put_string(w, *words);
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

void builder_put_command(const bgt_builder *builder, Writer *w)
{
        put_words(w, "command", builder->command);
        put_words(w, "environment", builder->environment);
        builder_put_text(w, "directory", builder->directory);
        builder_put_number(w, "memory-limit", builder->memory_bytes);
        builder_put_number(w, "cpu-limit", builder->cpu_percent);
        builder_put_number(w, "tasks-limit", builder->tasks);
        if (builder->notify_failure)
                writer_put_option_bool(w, "notify-failure", true);
        put_words(w, "on-failure", builder->on_failure);
}
