/* SPDX-License-Identifier: MIT */
/* The app under test: every half an hour, with an Internet connection, it adds a line to a file. */
#include "ticker.h"

#include <errno.h>
#include <stdio.h>

static int run(bgt_instance *instance, void *userdata)
{
        const char *folder = bgt_local_folder(NULL);
        char path[4096];
        FILE *file;

        if (!folder)
                return -bgt_error()->error;
        snprintf(path, sizeof(path), "%s/" TICKER_FILE, folder);
        file = fopen(path, "ae");
        if (!file)
                return -errno;
        fputs("tick\n", file);
        return fclose(file) == 0 ? 0 : -errno;
}

int ticker_register(void)
{
        bgt_builder *builder = bgt_builder_new(NULL, TICKER_NAME);
        bgt_trigger *trigger = bgt_trigger_time(30, false);
        int r;

        bgt_builder_set_entry_point_clsid(builder, TICKER_CLSID);
        bgt_builder_set_trigger(builder, trigger);
        bgt_builder_add_condition(builder, BGT_CONDITION_INTERNET_AVAILABLE);
        r = bgt_builder_register(builder, BGT_IF_EXISTS_KEEP, NULL);
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
        return r;
}

int ticker_serve(void)
{
        return bgt_serve(TICKER_CLSID, BGT_REGCLS_MULTIPLEUSE, run, NULL);
}
