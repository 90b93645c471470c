/* SPDX-License-Identifier: MIT */

/* What is read from /proc: other processes choose a part of it. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macro.h"
#include "launcher/cgroup-find.h"
#include "launcher/environment.h"
#include "launcher/launcher.h"
#include "launcher/procfs.h"

static void a_process_cannot_lie_by_its_name(void **state)
{
        ProcStat stat;

        assert_int_equal(proc_parse_stat("77 (x) R 99 99 99) S 12 34 56 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 2",
                                         &stat), 0);
        assert_int_equal(stat.pid, 77);
        assert_int_equal(stat.state, 'S');
        assert_int_equal(stat.parent, 12);
        assert_int_equal(stat.session, 56);
        assert_int_equal(stat.start_time, 4711);
        assert_int_equal(proc_parse_stat("77 (a\n) (b) Z 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 1 2", &stat), 0);
        assert_int_equal(stat.state, 'Z');
        assert_int_equal(stat.start_time, 5);
}

static void half_a_stat_is_refused(void **state)
{
        static const char *const bad[] = { "", "77", "77 (x)", "77 (x) S 1 2 3", "x (x) S 1 2 3 4 5 6", ") (" };
        ProcStat stat;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(proc_parse_stat(bad[i], &stat), -EINVAL);
}

static void we_find_ourselves_in_proc(void **state)
{
        ProcStat stat, *all = NULL;
        size_t n = 0, n_found = 0;

        assert_int_equal(proc_read_stat(getpid(), &stat), 0);
        assert_int_equal(stat.pid, getpid());
        assert_int_equal(stat.parent, getppid());
        assert_int_equal(stat.session, getsid(0));
        assert_int_equal(proc_list(&all, &n), 0);
        for (size_t i = 0; i < n; i++)
                n_found += all[i].pid == getpid() && all[i].start_time == stat.start_time;
        free(all);
        assert_int_equal(n_found, 1);
        assert_int_equal(proc_read_stat(INT32_MAX, &stat), -ESRCH);
}

static void membership_is_the_line_of_version_2(void **state)
{
        char *path = NULL;

        assert_int_equal(cgroup_parse_membership("9:cpu:/x\n0::/user.slice/a b\n", &path), 0);
        assert_string_equal(path, "/user.slice/a b");
        free(path);
        assert_int_equal(cgroup_parse_membership("0::/\n", &path), 0);
        assert_string_equal(path, "/");
        free(path);
        assert_int_equal(cgroup_parse_membership("9:cpu:/x\n", &path), -ENOENT);
        assert_int_equal(cgroup_parse_membership("", &path), -ENOENT);
        assert_int_equal(cgroup_parse_membership("0::", &path), -ENOENT);
}

static void a_cgroup_is_found_where_it_is_mounted(void **state)
{
        static const char plain[] = "31 23 0:28 / /sys rw - sysfs sysfs rw\n"
                                    "38 31 0:41 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";
        static const char below[] = "38 31 0:41 /a /x\\040y rw - cgroup2 none rw\n";
        static const char outside[] = "38 31 0:41 /.. /outside rw - cgroup2 none rw\n"
                                      "39 31 0:41 / /inside rw - cgroup2 none rw";
        char *folder = NULL;

        assert_int_equal(cgroup_parse_mounts(plain, "/a/b", &folder), 0);
        assert_string_equal(folder, "/sys/fs/cgroup/a/b");
        free(folder);
        assert_int_equal(cgroup_parse_mounts(plain, "/", &folder), 0);
        assert_string_equal(folder, "/sys/fs/cgroup");
        free(folder);
        assert_int_equal(cgroup_parse_mounts(below, "/a/b", &folder), 0);
        assert_string_equal(folder, "/x y/b");
        free(folder);
        assert_int_equal(cgroup_parse_mounts(below, "/ab", &folder), -ENOENT);
        assert_int_equal(cgroup_parse_mounts(outside, "/", &folder), 0);
        assert_string_equal(folder, "/inside");
        free(folder);
        assert_int_equal(cgroup_parse_mounts("", "/", &folder), -ENOENT);
        assert_int_equal(cgroup_parse_mounts("a b\n - cgroup2 \nx", "/", &folder), -ENOENT);
}

static void only_checked_values_enter_the_environment(void **state)
{
        char *source[] = { (char *)"HOME=relative",          (char *)"LANG=x;y",   (char *)"XDG_DATA_HOME=a",
                           (char *)"XDG_CONFIG_HOME=/c",     (char *)"PATH=/evil", (char *)"LD_PRELOAD=/evil.so",
                           (char *)"XDG_DATA_DIRS=/a:b",     (char *)"XDG_RUNTIME_DIR=/proc/1",
                           (char *)"XDG_CONFIG_DIRS=/a:/b",  NULL };
        Environment environment;

        assert_int_equal(environment_init(&environment, source), 0);
        assert_int_equal(environment_get(&environment, "HOME")[0], '/');
        assert_string_equal(environment_get(&environment, "LANG"), "C.UTF-8");
        assert_string_equal(environment_get(&environment, "XDG_CONFIG_HOME"), "/c");
        assert_string_equal(environment_get(&environment, "XDG_CONFIG_DIRS"), "/a:/b");
        assert_null(environment_get(&environment, "XDG_DATA_HOME"));
        assert_null(environment_get(&environment, "XDG_DATA_DIRS"));
        assert_null(environment_get(&environment, "LD_PRELOAD"));
        assert_null(strstr(environment_get(&environment, "PATH"), "evil"));
        environment_done(&environment);
}

static void variables_are_bounded(void **state)
{
        static char huge[ENVIRONMENT_VALUE_MAX + 2];
        Environment environment;
        char name[32];
        int r = 0;

        assert_int_equal(environment_init(&environment, NULL), 0);
        memset(huge, 'x', sizeof huge - 1);
        assert_int_equal(environment_set(&environment, "X", huge), -E2BIG);
        assert_null(environment_get(&environment, "X"));
        huge[ENVIRONMENT_VALUE_MAX] = '\0';
        assert_int_equal(environment_set(&environment, "X", huge), 0);
        assert_int_equal(environment_set(&environment, "X", NULL), 0);
        assert_null(environment_get(&environment, "X"));
        for (int i = 0; i < 1000 && r >= 0; i++) {
                snprintf(name, sizeof name, "X%d", i);
                r = environment_set(&environment, name, "1");
        }
        assert_int_equal(r, -E2BIG);
        assert_int_equal(environment.n_variables, ENVIRONMENT_VARIABLES_MAX);
        assert_int_equal(environment_set(&environment, "X0", "2"), 0);
        assert_string_equal(environment_get(&environment, "X0"), "2");
        assert_int_equal(environment_set(&environment, "", "2"), -EINVAL);
        assert_int_equal(environment_set(&environment, "A=B", "2"), -EINVAL);
        assert_int_equal(environment_set(&environment, "1A", "2"), -EINVAL);
        assert_int_equal(environment_set(&environment, "A B", "2"), -EINVAL);
        environment_done(&environment);
}

static void what_a_launch_adds_wins(void **state)
{
        static const char *const extra[] = { "A=2", "C=1", "C=3", NULL };
        static const char *const bad[] = { "no value", NULL };
        _cleanup_(freep) char **list = NULL;
        Environment environment;
        size_t n_a = 0, n_c = 0;

        assert_int_equal(environment_init(&environment, NULL), 0);
        assert_int_equal(environment_set(&environment, "A", "1"), 0);
        assert_int_equal(environment_build(&environment, extra, &list), 0);
        for (char **i = list; *i; i++) {
                n_a += strcmp(*i, "A=2") == 0;
                n_c += strcmp(*i, "C=3") == 0;
                assert_true(strcmp(*i, "A=1") != 0 && strcmp(*i, "C=1") != 0);
        }
        assert_int_equal(n_a, 1);
        assert_int_equal(n_c, 1);
        free(TAKE_PTR(list));
        assert_int_equal(environment_build(&environment, bad, &list), -EINVAL);
        environment_done(&environment);
}

static void ids_name_files_and_nothing_else(void **state)
{
        char id[LAUNCHER_ID_MAX + 2];

        memset(id, 'a', sizeof id);
        id[LAUNCHER_ID_MAX + 1] = '\0';
        assert_false(launcher_id_is_valid(id));
        id[LAUNCHER_ID_MAX] = '\0';
        assert_true(launcher_id_is_valid(id));
        assert_true(launcher_id_is_valid("SamplePackage_h91ms92gdsmmt-4.2@x+y"));
        assert_false(launcher_id_is_valid("a/b"));
        assert_false(launcher_id_is_valid("."));
        assert_false(launcher_id_is_valid("a b"));
        assert_false(launcher_id_is_valid("a\n"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_process_cannot_lie_by_its_name),
                cmocka_unit_test(half_a_stat_is_refused),
                cmocka_unit_test(we_find_ourselves_in_proc),
                cmocka_unit_test(membership_is_the_line_of_version_2),
                cmocka_unit_test(a_cgroup_is_found_where_it_is_mounted),
                cmocka_unit_test(only_checked_values_enter_the_environment),
                cmocka_unit_test(variables_are_bounded),
                cmocka_unit_test(what_a_launch_adds_wins),
                cmocka_unit_test(ids_name_files_and_nothing_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
