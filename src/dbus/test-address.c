/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macro.h"
#include "dbus/address.h"

/* A listener with an abstract name of the kernel's choice, which needs no file. */
static int listen_abstract(char name[static 16])
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        socklen_t size = sizeof(sa_family_t);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
        assert_int_equal(listen(fd, 8), 0);
        size = sizeof address;
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        snprintf(name, 16, "%.*s", (int)(size - offsetof(struct sockaddr_un, sun_path) - 1), address.sun_path + 1);
        return fd;
}

static int try_address(const char *format, const char *name)
{
        char address[256];
        int fd = -1, r;

        snprintf(address, sizeof address, format, name);
        r = address_connect(address, &fd);
        assert_int_equal(r == 0, fd >= 0);
        safe_close(fd);
        return r;
}

static void the_first_entry_that_answers_is_connected(void **state)
{
        char name[16], escaped[32];
        int fd = listen_abstract(name);

        assert_int_equal(try_address("unix:abstract=%s", name), 0);
        assert_int_equal(try_address("unix:abstract=%s,guid=00112233445566778899aabbccddeeff", name), 0);
        assert_int_equal(try_address("unix:guid=0,abstract=%s", name), 0);
        assert_int_equal(try_address("tcp:host=x;unix:path=/nonexistent/bus;unix:abstract=%s;", name), 0);
        snprintf(escaped, sizeof escaped, "%%%02x%s", name[0], name + 1);
        assert_int_equal(try_address("unix:abstract=%s", escaped), 0);
        close(fd);
}

static void what_no_entry_answers_says_why(void **state)
{
        assert_int_equal(try_address("%s", ""), -EINVAL);
        assert_int_equal(try_address("%s", ";"), -EINVAL);
        assert_int_equal(try_address("%s", "unix"), -EINVAL);
        assert_int_equal(try_address("%s", "unix:"), -EINVAL);
        assert_int_equal(try_address("%s", "unix:path="), -EINVAL);
        assert_int_equal(try_address("%s", "unix:pat=/x"), -EINVAL);
        assert_int_equal(try_address("%s", "tcp:path=/x"), -EINVAL);
        assert_int_equal(try_address("%s", "unix:path=/x%"), -EINVAL);
        assert_int_equal(try_address("%s", "unix:path=/x%0g"), -EINVAL);
        assert_int_equal(try_address("%s", "unix:path=/x%00y"), -EINVAL);
        assert_int_equal(try_address("%s", "unix:path=/nonexistent/bus"), -ENOENT);
        assert_int_equal(try_address("%s", "unix:path=/nonexistent/bus;tcp:"), -ENOENT);
        /* Nobody listens at the first yet, whatever is said of the other. */
        assert_int_equal(try_address("%s", "unix:abstract=bgtask-nobody;unix:path=/nonexistent/bus"), -ECONNREFUSED);
        assert_true(address_may_answer_soon(-ECONNREFUSED));
        assert_false(address_may_answer_soon(-ENOENT));
}

static void a_path_that_is_too_long_is_refused(void **state)
{
        char path[160];

        memset(path, 'x', sizeof path - 1);
        path[sizeof path - 1] = '\0';
        assert_int_equal(try_address("unix:path=/%s", path), -EINVAL);
        path[106] = '\0';
        assert_int_equal(try_address("unix:path=/%s", path), -ENOENT);
        path[106] = 'x';
        path[107] = '\0';
        assert_int_equal(try_address("unix:path=/%s", path), -EINVAL);
}

static void what_another_user_listens_on_is_not_ones_own(void **state)
{
        char name[16], address[128];
        const char *entry;
        int theirs, own, fd = -1;

        if (geteuid() != 0)
                skip();
        assert_int_equal(seteuid(65534), 0);
        theirs = listen_abstract(name);
        assert_int_equal(seteuid(0), 0);
        snprintf(address, sizeof address, "unix:abstract=%s", name);
        assert_int_equal(address_connect_own(address, &fd, &entry), -EPERM);
        own = listen_abstract(name);
        snprintf(address + strlen(address), sizeof address - strlen(address), ";unix:abstract=%s;tcp:", name);
        assert_int_equal(address_connect_own(address, &fd, &entry), 0);
        assert_ptr_equal(entry, address_next(address));
        assert_string_equal(address_next(entry), "tcp:");
        assert_string_equal(address_next(address_next(entry)), "");
        close(fd);
        /* Root's is everybody's. */
        assert_int_equal(seteuid(65534), 0);
        assert_int_equal(address_connect_own(address, &fd, &entry), 0);
        assert_ptr_equal(entry, address);
        close(fd);
        assert_int_equal(address_connect_own(entry = address_next(address), &fd, &entry), 0);
        assert_int_equal(seteuid(0), 0);
        close(fd);
        close(own);
        close(theirs);
}

static void the_file_of_an_address_is_that_of_its_first_entry_with_one(void **state)
{
        char path[108];

        assert_int_equal(address_get_path("unix:abstract=x;tcp:host=y;unix:guid=0,path=/run/a%20b;unix:path=/c", path,
                                          sizeof path), 0);
        assert_string_equal(path, "/run/a b");
        assert_int_equal(address_get_path("unix:abstract=x", path, sizeof path), -ENOENT);
        assert_int_equal(address_get_path("", path, sizeof path), -ENOENT);
        assert_int_equal(address_get_path("unix:path=/run/bus", path, 8), -ENAMETOOLONG);
        assert_int_equal(address_get_path("unix:path=/run/bus", path, 9), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_entry_that_answers_is_connected),
                cmocka_unit_test(what_no_entry_answers_says_why),
                cmocka_unit_test(a_path_that_is_too_long_is_refused),
                cmocka_unit_test(what_another_user_listens_on_is_not_ones_own),
                cmocka_unit_test(the_file_of_an_address_is_that_of_its_first_entry_with_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
