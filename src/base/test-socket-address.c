/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/socket-address.h"

static void addresses_of_each_kind_are_read(void **state)
{
        static const struct {
                const char *text;
                int family, type;
        } rows[] = {
                { "tcp:127.0.0.1:8080", AF_INET, SOCK_STREAM },
                { "tcp:0.0.0.0:1", AF_INET, SOCK_STREAM },
                { "tcp:[::1]:65535", AF_INET6, SOCK_STREAM },
                { "udp:127.0.0.1:53", AF_INET, SOCK_DGRAM },
                { "udp:[::]:53", AF_INET6, SOCK_DGRAM },
                { "unix:/run/x", AF_UNIX, SOCK_STREAM },
        };
        SocketAddress address;

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                assert_null(socket_address_parse(rows[i].text, &address));
                assert_int_equal(address.address.ss_family, rows[i].family);
                assert_int_equal(address.type, rows[i].type);
                assert_int_equal(address.path != NULL, rows[i].family == AF_UNIX);
        }
}

static void what_is_no_address_is_refused(void **state)
{
        static const char *const texts[] = {
                "", "tcp", "tcp:", "tcp:8080", "tcp::8080", "tcp:localhost:80", "tcp:127.0.0.1", "tcp:127.0.0.1:0",
                "tcp:127.0.0.1:65536", "tcp:127.0.0.1:80x", "tcp:::1:80", "tcp:[::1:80", "tcp:[127.0.0.1]:80",
                "tcp:[]:1", "tcp:[:1", "sctp:127.0.0.1:80", "unix:", "unix:x", "unix:/", "unix:/x/", "unix:/a\nb",
        };
        SocketAddress address;
        char longest[200];

        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                assert_non_null(socket_address_parse(texts[i], &address));
        snprintf(longest, sizeof longest, "unix:/%0106d", 0);
        assert_null(socket_address_parse(longest, &address));
        snprintf(longest, sizeof longest, "unix:/%0107d", 0);
        assert_non_null(socket_address_parse(longest, &address));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_of_each_kind_are_read),
                cmocka_unit_test(what_is_no_address_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
