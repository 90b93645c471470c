/* SPDX-License-Identifier: MIT */
#pragma once

/* What the launcher's tests share: a launcher in folders of its own, and ways to wait for what it says. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "launcher/launcher.h"
#include "launcher/log.h"

typedef struct Fixture {
        Loop loop;
        Launcher *launcher;
        LauncherConfig config;
        char folder[64];
        char runtime[128];
        char logs[128];
        int n_ended;
        ProcessResult last; /* of the process that ended last */
        char last_id[LAUNCHER_ID_MAX + 1];
        bool measures_log; /* at the end of a process */
        size_t n_logged;
} Fixture;

/* Whether the launchers of the fixtures that follow ask for cgroups. */
extern bool use_cgroups;

/* Every test gets its own; the teardown fails the test if a descriptor or a file was left behind. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, fixture_set_up, fixture_tear_down)

/* The launcher goes, its processes stay. */
void fixture_stop(Fixture *f);
void fixture_start(Fixture *f);

/* The path of the program that tests start. */
const char *child_path(void);

/* Starts test-child with up to 4 arguments; with a socket. */
#define fixture_spawn(f, id, ...) fixture_spawn_argv(f, id, (const char *const[]){ "child", __VA_ARGS__, NULL })
Process *fixture_spawn_argv(Fixture *f, const char *id, const char *const *argv);
int try_spawn(Fixture *f, const LaunchSpec *spec, Process **ret_process, LaunchStep *ret_step);

/* Runs the loop until so many have ended since the start. */
void fixture_wait_ended(Fixture *f, int n);
/* Starts test-child with one argument, waits for its end, frees it. */
void fixture_run(Fixture *f, const char *id, const char *argument);

/* Sends a line to "serve" and returns its answer in a static buffer. */
const char *ask(int fd, const char *line);

/* All the text of a log, a piece joined to the next; notes in [brackets]. Static. */
const char *log_text(Fixture *f, const char *id);
/* Runs the loop until the log contains text. */
void fixture_wait_log(Fixture *f, const char *id, const char *text);

/* Waits until the process is dead; it need not be our child. */
void wait_gone(pid_t pid);
int count_descriptors(void);
int count_entries(const char *folder);
