/* SPDX-License-Identifier: MIT */

/* Values of manifests, as facts/windows.md §4.2, 4.3, 4.4 and 4.7 state them from Microsoft's schema. */

#include "manifest/names.h"
#include "manifest/test-fixture.h"

static void publisher_ids_are_those_that_windows_gives(void **state)
{
        static const struct {
                const char *publisher, *id;
        } table[] = {
                { "CN=Microsoft Corporation, O=Microsoft Corporation, L=Redmond, S=Washington, C=US",
                  "8wekyb3d8bbwe" },
                { "CN=Microsoft Windows, O=Microsoft Corporation, L=Redmond, S=Washington, C=US", "cw5n1h2txyewy" },
                { "CN=Contoso", "h91ms92gdsmmt" },
                { "CN=Fabrikam, O=Fabrikam Inc", "m2gva2as7tyqg" },
                { "CN=x", "rdaxgrpynd4zp" },
                /* Computed apart, with Python's hashlib over UTF-16LE. */
                { "CN=Größe €", "fbsq08d1xherr" },
                { "CN=\xf0\x9f\x95\xb0 clock", "xbjbz52sphmqw" },
        };
        char id[PUBLISHER_ID_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                assert_int_equal(family_publisher_id(table[i].publisher, id), 0);
                assert_string_equal(id, table[i].id);
        }
        assert_int_equal(family_publisher_id("CN=\xff", id), -EILSEQ);
}

static void family_and_full_names_are_joined_from_the_identity(void **state)
{
        _cleanup_(freep) char *family = NULL, *full = NULL;

        assert_int_equal(family_name_new("Name", "h91ms92gdsmmt", &family), 0);
        assert_string_equal(family, "Name_h91ms92gdsmmt");
        assert_int_equal(family_full_name_new("Name", "1.0.0.0", "neutral", "", "h91ms92gdsmmt", &full), 0);
        assert_string_equal(full, "Name_1.0.0.0_neutral__h91ms92gdsmmt");
}

typedef const char *(*Check)(const char *);

static void check_list(Check check, const char *const *good, const char *const *bad)
{
        for (; *good; good++)
                if (check(*good))
                        fail_msg("\"%s\" is refused: %s", *good, check(*good));
        for (; *bad; bad++)
                if (!check(*bad))
                        fail_msg("\"%s\" is accepted", *bad);
}

static void identity_names_keep_to_their_characters_length_and_bans(void **state)
{
        static const char *const good[] = {
                "abc", "SamplePackagedWinMainBackgroundApp", "6b1ec254-6909-4115-a6f6-1133733eb38e", "a.b", "com0",
                "com10", "con-", "console", "xn-a", "-.-", "12345678901234567890123456789012345678901234567890", NULL,
        };
        static const char *const bad[] = {
                "", "ab", "a b", "a_b", "abc.", "con", "CON", "Nul.txt", "com1", "LPT9.x", "aux.", "xn--a", "XN--abc",
                "123456789012345678901234567890123456789012345678901", "größe", "abc\n", "a/b", NULL,
        };

        check_list(names_check_identity_name, good, bad);
}

static void publishers_are_distinguished_names(void **state)
{
        static const char *const good[] = {
                "CN=x", "CN=a b, O=c", "OID.2.25.0.1=x, CN=y", "CN=\"a, b\", O=c", "CN=\"say \"\"x\"\"\"",
                "CN=\"\"", "dnQualifier=1", "CN=A22CD806-3E5E-43E5-9086-9F066DA66A9E", "O=ü", "CN= x ", NULL,
        };
        static const char *const bad[] = {
                "", "x", "CN", "CN=", "cn=x", "CN=x,O=y", "CN=x,  O=y", "CN=x, ", "CN=x,", "CN=a+b", "CN=a;b", "XX=a",
                "CN=\"x", "CN=x\"", "CN=\"x\"y", "OID.=x", "OID.01=x", "OID=x", "OID.1.=x", "CN=a\nb", "CN=a<b", NULL,
        };
        char *longest = calloc(1, 8194);

        assert_non_null(longest);
        memset(longest, 'x', 8193);
        memcpy(longest, "CN=", 3);
        assert_non_null(names_check_publisher(longest));
        longest[8192] = '\0';
        assert_null(names_check_publisher(longest));
        free(longest);
        check_list(names_check_publisher, good, bad);
}

static void versions_are_four_numbers_of_16_bits(void **state)
{
        static const char *const bad[] = {
                "", "1", "1.2.3", "1.2.3.", "1.2.3.4.5", "1.2.3.65536", "01.2.3.4", "1.2.3.00", "1.2.3.-4", "1.2.3.4 ",
                " 1.2.3.4", "1..3.4", "a.b.c.d", "99999999999999999999.0.0.0", "+1.0.0.0",
        };
        uint16_t numbers[4];

        assert_true(names_parse_version("0.1.20.65535", numbers));
        assert_int_equal(numbers[0], 0);
        assert_int_equal(numbers[1], 1);
        assert_int_equal(numbers[2], 20);
        assert_int_equal(numbers[3], 65535);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (names_parse_version(bad[i], numbers))
                        fail_msg("\"%s\" is accepted", bad[i]);
}

static void resource_ids_application_ids_and_display_names_keep_to_their_rules(void **state)
{
        static const char *const resource[] = { "a", "en-US", "123456789012345678901234567890", NULL };
        static const char *const no_resource[] = { "", "a b", "1234567890123456789012345678901", "a.", "con", NULL };
        static const char *const app[] = { "App", "a1.b2", "a", NULL };
        static const char *const no_app[] = { "", "1a", "a.", ".a", "a..b", "a.1", "a-b", "a b",
                "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm", NULL };
        static const char *const display[] = { "x", "ä ö", NULL };
        static const char *const no_display[] = { "", "a\nb", "a\x7f", "\xc2\x85", NULL };

        check_list(names_check_resource_id, resource, no_resource);
        check_list(names_check_application_id, app, no_app);
        check_list(names_check_display_name, display, no_display);
}

static void paths_of_executables_stay_below_the_package_and_in_the_charset_of_windows(void **state)
{
        static const char *const good[] = {
                "a.exe", "a\\b.exe", "a/b/c", "a b.exe", "$x$.exe", ".hidden", "a..b", "ä.exe", "a\\b/c.exe", NULL,
        };
        static const char *const bad[] = {
                "", "/a", "\\a",
                "\\\\server\\share\\a.exe", "c:\\a.exe", "c:a.exe", "..", "../a", "a/../b", "a\\..\\b",
                "a\\..", ".", "./a", "a//b", "a\\\\b", "a/", "a\\", "a./b", "a.", "a\tb", "a\x01", "a\xc2\x80", "a:b",
                "a%b", "a|b", "a?", "a*", "a<b", "a>b", "a\"b", " a", "a ", NULL,
        };
        char longest[258];

        memset(longest, 'x', 257);
        longest[257] = '\0';
        assert_non_null(names_check_executable(longest));
        longest[256] = '\0';
        assert_null(names_check_executable(longest));
        check_list(names_check_executable, good, bad);
}

static void lengths_are_counted_in_utf16_units(void **state)
{
        assert_int_equal(names_length(""), 0);
        assert_int_equal(names_length("aä€"), 3);
        assert_int_equal(names_length("\xf0\x9f\x95\xb0"), 2);
}

static void command_lines_are_split_as_windows_splits_them(void **state)
{
        static const struct {
                const char *line;
                const char *argv[6];
        } table[] = {
                { "", { NULL } },
                { " \t ", { NULL } },
                { "-StartSampleTaskServer", { "-StartSampleTaskServer" } },
                { " a  b\tc ", { "a", "b", "c" } },
                { "\"a b\" c", { "a b", "c" } },
                { "\"\" x", { "", "x" } },
                { "a\"b c\"d", { "ab cd" } },
                { "a\\b \\\\x", { "a\\b", "\\\\x" } },
                { "a\\\\\"b c\" d", { "a\\b c", "d" } },
                { "a\\\"b c", { "a\"b", "c" } },
                { "a\\\\\\\"b c", { "a\\\"b", "c" } },
                { "\"a\\\\\" b", { "a\\", "b" } },
                { "\"open to the end", { "open to the end" } },
                { "\"a\"\"b\" c", { "a\"b c" } },
                { "\"a\"\"\" b", { "a\" b" } },
                { "\"\"\"a b", { "\"a", "b" } },
                { "\"a\"\"\"\"b\" c", { "a\"b c" } },
                { "C:\\dir\\ x", { "C:\\dir\\", "x" } },
                { "ä \"ö ü\"", { "ä", "ö ü" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(freep) char **argv = NULL;
                int n = manifest_split_arguments(table[i].line, &argv);

                assert_true(n >= 0);
                for (int j = 0; j < n; j++) {
                        assert_non_null(table[i].argv[j]);
                        assert_string_equal(argv[j], table[i].argv[j]);
                }
                assert_null(table[i].argv[n]);
                assert_null(argv[n]);
        }
}

static void command_lines_that_are_too_long_are_refused(void **state)
{
        _cleanup_(freep) char *line = malloc(MANIFEST_ARGUMENTS_LENGTH_MAX + 2);
        char **argv = NULL;

        assert_non_null(line);
        memset(line, 'x', MANIFEST_ARGUMENTS_LENGTH_MAX + 1);
        line[MANIFEST_ARGUMENTS_LENGTH_MAX + 1] = '\0';
        assert_int_equal(manifest_split_arguments(line, &argv), -E2BIG);
        line[MANIFEST_ARGUMENTS_LENGTH_MAX] = '\0';
        assert_int_equal(manifest_split_arguments(line, &argv), 1);
        free(argv);

        for (size_t i = 0; i < 2 * MANIFEST_ARGUMENTS_MAX; i += 2)
                memcpy(line + i, "x ", 2);
        strcpy(line + 2 * MANIFEST_ARGUMENTS_MAX, " ");
        assert_int_equal(manifest_split_arguments(line, &argv), MANIFEST_ARGUMENTS_MAX);
        free(argv);
        strcpy(line + 2 * MANIFEST_ARGUMENTS_MAX, "x");
        assert_int_equal(manifest_split_arguments(line, &argv), -E2BIG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(publisher_ids_are_those_that_windows_gives),
                cmocka_unit_test(family_and_full_names_are_joined_from_the_identity),
                cmocka_unit_test(identity_names_keep_to_their_characters_length_and_bans),
                cmocka_unit_test(publishers_are_distinguished_names),
                cmocka_unit_test(versions_are_four_numbers_of_16_bits),
                cmocka_unit_test(resource_ids_application_ids_and_display_names_keep_to_their_rules),
                cmocka_unit_test(paths_of_executables_stay_below_the_package_and_in_the_charset_of_windows),
                cmocka_unit_test(lengths_are_counted_in_utf16_units),
                cmocka_unit_test(command_lines_are_split_as_windows_splits_them),
                cmocka_unit_test(command_lines_that_are_too_long_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
