/* SPDX-License-Identifier: MIT */

/* /sys/class/power_supply in a folder of the test's own. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/macro.h"
#include "sensors/supplies.h"

static char root[64];

static void put(const char *supply, const char *name, const char *value)
{
        char path[256];
        FILE *f;

        snprintf(path, sizeof path, "%s/class/power_supply/%s", root, supply);
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        snprintf(path, sizeof path, "%s/class/power_supply/%s/%s", root, supply, name);
        f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f, "%s\n", value);
        assert_int_equal(fclose(f), 0);
}

static Supplies look(void)
{
        Supplies supplies;

        assert_int_equal(supplies_read(root, &supplies), 0);
        return supplies;
}

static void put_battery(const char *supply, const char *status, const char *now, const char *full,
                        const char *capacity)
{
        put(supply, "type", "Battery");
        put(supply, "status", status);
        if (now)
                put(supply, "energy_now", now);
        if (full)
                put(supply, "energy_full", full);
        if (capacity)
                put(supply, "capacity", capacity);
}

static void a_machine_without_supplies_has_none(void **state)
{
        char path[128];
        Supplies supplies = look();

        assert_false(supplies.has_battery || supplies.has_external || supplies.external || supplies.discharging);
        assert_int_equal(supplies.charge, -1);
        snprintf(path, sizeof path, "%s/class/power_supply", root);
        assert_int_equal(rmdir(path), 0);
        assert_false(look().has_battery);
}

static void batteries_are_weighed_by_what_they_hold(void **state)
{
        put_battery("BAT0", "Discharging", "10000000", "50000000", "20");
        assert_int_equal(look().charge, 20);
        put_battery("BAT1", "Not charging", "10000000", "10000000", "100");
        assert_int_equal(look().charge, 33);
        assert_true(look().discharging);
}

static void where_one_tells_no_energy_percentages_are_averaged(void **state)
{
        put_battery("BAT0", "Charging", "10", "100", "10");
        put_battery("BAT1", "Charging", NULL, NULL, "90");
        assert_int_equal(look().charge, 50);
        assert_false(look().discharging);
}

static void nonsense_is_as_if_it_were_not_there(void **state)
{
        put_battery("BAT0", "Discharging", "-5", "0", "99999999999999999999999");
        assert_int_equal(look().charge, -1);
        put_battery("BAT0", "Discharging", "12abc", "100", "4711");
        assert_int_equal(look().charge, 100);
        put("BAT0", "energy_now", "300");
        assert_int_equal(look().charge, 100);
        put("odd", "status", "Discharging");
        put("AC", "type", "Mains");
        put("AC", "online", "perhaps");
        assert_true(look().has_external);
        assert_false(look().external);
}

static void what_is_not_of_the_machine_does_not_count(void **state)
{
        put_battery("mouse", "Discharging", NULL, NULL, "3");
        put("mouse", "scope", "Device");
        put_battery("bay", "Discharging", NULL, NULL, "0");
        put("bay", "present", "0");
        put("ups", "type", "UPS");
        put("ups", "online", "1");
        assert_false(look().has_battery);
        assert_false(look().has_external);
        put("dock", "type", "USB");
        put("dock", "online", "2");
        assert_true(look().external);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
        return remove(path);
}

static int setup(void **state)
{
        char path[128];

        strcpy(root, "/tmp/bgtask-supplies-XXXXXX");
        if (!mkdtemp(root))
                return -1;
        snprintf(path, sizeof path, "%s/class", root);
        mkdir(path, 0700);
        snprintf(path, sizeof path, "%s/class/power_supply", root);
        return mkdir(path, 0700);
}

static int teardown(void **state)
{
        return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_machine_without_supplies_has_none),
                TEST(batteries_are_weighed_by_what_they_hold),
                TEST(where_one_tells_no_energy_percentages_are_averaged),
                TEST(nonsense_is_as_if_it_were_not_there),
                TEST(what_is_not_of_the_machine_does_not_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
