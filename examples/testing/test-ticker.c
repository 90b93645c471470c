/* SPDX-License-Identifier: MIT */
/*
 * Tests of an app with libbgtask-test: test-ticker PACKAGE. The broker and the app's server are real;
 * time passes and the network comes and goes when the test says so. Each test is a line of TAP.
 */
#include "ticker.h"

#include <bgtask/manage.h>
#include <bgtask/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTES(n) ((n) * UINT64_C(60000000))

static void check(bool good, const char *what)
{
        static int n;

        printf("%s %d - %s\n", good ? "ok" : "not ok", ++n, what);
        fflush(stdout);
        if (!good)
                exit(1);
}

/* What is in the way of the task now: the first reason. */
static bool waits_because_of(const char *code)
{
        const bgt_record *row = NULL;
        bgt_registration *task;
        bgt_list *why;
        bool same;

        if (bgt_find_task(NULL, TICKER_NAME, &task) < 0)
                return false;
        if (bgt_list_why(NULL, bgt_registration_id(task), &why) < 0)
                abort();
        same = bgt_list_next(why, &row) > 0 && strcmp(bgt_record_string(row, "code"), code) == 0;
        bgt_list_free(why);
        bgt_registration_unref(task);
        return same;
}

/* The next run is over, and was a success. */
static bool completes(bgt_test_broker *broker)
{
        bgt_record *row = NULL;
        bool good = bgt_test_broker_wait(broker, TICKER_NAME, &row) == 0 &&
                strcmp(bgt_record_string(row, "outcome"), "completed") == 0;

        bgt_record_unref(row);
        return good;
}

static int count_ticks(void)
{
        char path[4096], line[64];
        FILE *file;
        int n = 0;

        snprintf(path, sizeof(path), "%s/" TICKER_FILE, bgt_local_folder(NULL));
        file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file))
                n++;
        if (file)
                fclose(file);
        return n;
}

int main(int argc, char *argv[])
{
        bgt_test_broker *broker = NULL;

        check(argc == 2 && bgt_test_broker_new(&broker) == 0, "a broker of the test's own starts");
        check(bgt_test_broker_install(broker, argv[1]) == 0, "the package installs");
        check(ticker_register() == 0 && ticker_register() == 1, "it registers once, however often it is asked to");
        check(waits_because_of("waiting-for-time"), "it waits for its time");

        bgt_test_set_condition(NULL, "InternetAvailable", "false");
        bgt_test_clock_advance(NULL, MINUTES(45));
        check(waits_because_of("condition-false"), "without a network it waits for one");
        bgt_test_set_condition(NULL, "InternetAvailable", "true");
        check(completes(broker) && count_ticks() == 1, "it runs as soon as there is one");

        bgt_test_broker_crash(broker);
        bgt_test_set_condition(NULL, "InternetAvailable", "true");
        bgt_test_clock_advance(NULL, MINUTES(30));
        check(completes(broker) && count_ticks() == 2, "it runs again after the broker has crashed");

        bgt_test_broker_reboot(broker, MINUTES(24 * 60));
        check(waits_because_of("condition-unknown"), "what was due while the machine was off waits for the network");
        bgt_test_set_condition(NULL, "InternetAvailable", "true");
        check(completes(broker) && count_ticks() == 3, "and runs once");
        bgt_test_broker_free(broker);
        printf("1..9\n");
        return 0;
}
