/* SPDX-License-Identifier: MIT */

/* conformance PACKAGE CONFINED: the rows run as a program of this machine, which is also the server of its tasks. */

#include <bgtask.h>
#include <bgtask/manage.h>
#include <bgtask/test.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conformance.h"

static bgt_test_broker *broker;
static const char *package, *confined;
static char home[2048];

int stage_begin(int argc, char *argv[])
{
        if (argc != 3)
                return 0;
        package = argv[1];
        confined = argv[2];
        return bgt_test_broker_new(&broker) >= 0;
}

/* The connection of the process ends, so that the next one belongs to the package. */
static int install(const char *folder)
{
        bgt_close(NULL);
        return bgt_test_broker_install(broker, folder) >= 0;
}

/* One process does it all. */
int stage_enter(Place place)
{
        if (place == PLACE_CONFINED && !install(confined))
                return -1;
        if (place == PLACE_PACKAGE && !install(package))
                return -1;
        return 1;
}

const char *stage_todo(const Row *row)
{
        return NULL;
}

void stage_serve(void)
{
        (void)bgt_server_wait(NULL, BGT_WAIT_IDLE, 100);
}

void stage_end(void)
{
        bgt_test_broker_free(broker);
}

static void get_id(const char *name, char ret_id[BGT_ID_SIZE])
{
        bgt_registration *found = NULL;

        CHECK(bgt_find_task(NULL, name, &found) == 0);
        snprintf(ret_id, BGT_ID_SIZE, "%s", bgt_registration_id(found));
        bgt_registration_unref(found);
}

void run_task(const char *name)
{
        char id[BGT_ID_SIZE];

        get_id(name, id);
        CHECK(bgt_task_run(NULL, id, false, NULL) == 0);
}

void cancel_task(const char *name, int reason)
{
        char id[BGT_ID_SIZE];

        get_id(name, id);
        CHECK(bgt_task_cancel(NULL, id, reason, NULL) == 0);
}

void pause_task(const char *name)
{
        char id[BGT_ID_SIZE];

        get_id(name, id);
        CHECK(bgt_task_pause(NULL, id, true) == 0);
}

void set_on_ac_power(int on)
{
        CHECK(bgt_test_set_condition(NULL, "OnACPower", on ? "true" : "false") == 0);
}

int has_ended_as(const char *name, const char *text)
{
        const bgt_record *row = NULL;
        char id[BGT_ID_SIZE];
        bgt_list *list = NULL;
        int is;

        get_id(name, id);
        CHECK(bgt_list_history(NULL, NULL, id, &list) == 0);
        CHECK(bgt_list_next(list, &row) > 0);
        is = strcmp(bgt_record_string(row, "text"), text) == 0;
        bgt_list_free(list);
        return is;
}

void register_in_group(const char *task, const char *group, const char *name)
{
        bgt_builder *builder = bgt_builder_new(NULL, task);
        bgt_trigger *trigger = bgt_trigger_application();

        bgt_builder_set_trigger(builder, trigger);
        bgt_builder_set_group(builder, group);
        bgt_builder_set_group_name(builder, name);
        CHECK(bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, NULL) == 0);
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
}

void unregister(const char *task)
{
        char id[BGT_ID_SIZE];

        get_id(task, id);
        CHECK(bgt_task_unregister(NULL, id, true) == 0);
}

int is_group_named(const char *group, const char *name)
{
        char *found = NULL;
        int is;

        CHECK(bgt_group_name(NULL, group, &found) == 0);
        is = strcmp(found, name) == 0;
        free(found);
        return is;
}

static void write_file(const char *folder, const char *name, const char *text)
{
        char path[4096];
        FILE *file;

        snprintf(path, sizeof path, "%s/%s", folder, name);
        file = fopen(path, "we");
        CHECK(file);
        CHECK(fputs(text, file) >= 0);
        CHECK(fclose(file) == 0);
}

void make_home(void)
{
        static const char *const folders[] = { "", "/.config", "/Images", "/Music" };
        char path[2100];

        snprintf(home, sizeof home, "%s/home", bgt_test_broker_folder(broker));
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
                snprintf(path, sizeof path, "%s%s", home, folders[i]);
                CHECK(mkdir(path, 0700) == 0 || errno == EEXIST);
        }
        write_file(home, ".config/user-dirs.dirs",
                   "# of a desktop\nXDG_PICTURES_DIR=\"$HOME/Images\"\nXDG_VIDEOS_DIR=\"nowhere\"\n");
        write_file(home, "Images/picture", "seen");
        CHECK(setenv("HOME", home, 1) == 0 && unsetenv("XDG_CONFIG_HOME") == 0);
}

int is_at_home(HSTRING path, const char *name)
{
        char expected[4096];

        snprintf(expected, sizeof expected, "%s/%s", home, name);
        return string_is(path, expected);
}

/* There is no desktop here, and this broker watches no files. */
void tell_of(const char *event, Told told, const char *what)
{
        bgt_record *details = bgt_record_new(), *record = bgt_record_new();
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", home, what);
        if (told == TOLD_CONTENT || told == TOLD_CHANGE)
                what = path;
        if (told == TOLD_PUSH)
                CHECK(bgt_record_set_bytes(record, told_key(told), what, strlen(what)) == 0);
        else
                CHECK(bgt_record_set_strings(record, told_key(told), (const char *[]){ "/other", what }, 2) == 0);
        if (told == TOLD_SHOWN)
                CHECK(bgt_record_set_strings(record, "notifications", (const char *[]){ "6", "4294967295" }, 2) == 0);
        CHECK(bgt_record_set_uint(details, "winrt.trigger", (uint64_t)told_kind(told)) == 0);
        CHECK(bgt_record_set_record(details, "winrt.details", record) == 0);
        CHECK(bgt_raise(NULL, event, details, NULL) == 0);
        bgt_record_unref(details);
        bgt_record_unref(record);
}

int is_of_package(const char *what, HSTRING text)
{
        return string_is(text, strcmp(what, "family") == 0 ? bgt_package(NULL) :
                         strcmp(what, "place") == 0 ? package : "CN=bgtask tests");
}

int is_local_folder(HSTRING path)
{
        return string_is(path, bgt_local_folder(NULL));
}
