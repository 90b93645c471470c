/* SPDX-License-Identifier: MIT */

/* conformance PACKAGE CONFINED: the rows run as a program of this machine, which is also the server of its tasks. */

#include <bgtask.h>
#include <bgtask/manage.h>
#include <bgtask/test.h>
#include <string.h>

#include "conformance.h"

static bgt_test_broker *broker;
static const char *package, *confined;

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

/* There is no desktop here: an event that passes on what its run was told. */
void tell_of_toast(const char *event, const char *list, const char *what)
{
        bgt_record *details = bgt_record_new(), *told = bgt_record_new();

        CHECK(bgt_record_set_strings(told, list, (const char *[]){ "other", what }, 2) == 0);
        CHECK(bgt_record_set_uint(details, "winrt.trigger",
                                  strcmp(list, "actions") == 0 ? BGT_TRIGGER_TOAST_ACTION :
                                  BGT_TRIGGER_TOAST_HISTORY_CHANGED) == 0);
        CHECK(bgt_record_set_record(details, "winrt.details", told) == 0);
        CHECK(bgt_raise(NULL, event, details, NULL) == 0);
        bgt_record_unref(details);
        bgt_record_unref(told);
}

int is_local_folder(HSTRING path)
{
        return string_is(path, bgt_local_folder(NULL));
}
