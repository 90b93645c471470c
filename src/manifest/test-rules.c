/* SPDX-License-Identifier: MIT */

/* Every rule of rules.def: what breaks it, at which line and with which value it is reported. */

#include "manifest/test-fixture.h"
#include "manifest/xml.h"

static void a_file_that_is_not_a_well_formed_package_is_refused(void **state)
{
        static const RuleCase cases[] = {
                { RULE_FILE_EMPTY, 0, NULL, "" },
                { RULE_XML_SYNTAX, 1, NULL, " " },
                { RULE_XML_SYNTAX, 1, NULL, "hello" },
                { RULE_XML_SYNTAX, 2, NULL, "<a>\n</b>" },
                { RULE_XML_SYNTAX, 2, NULL, "<a>\n&lol;</a>" },
                { RULE_XML_SYNTAX, 1, NULL, "<?xml version='1.0' encoding='klingon'?><a/>" },
                { RULE_XML_SYNTAX, 1, NULL, "<a b='1' b='2'/>" },
                { RULE_XML_SYNTAX, 1, NULL, "<a/><b/>" },
                { RULE_XML_SYNTAX, 1, NULL, "<a>\xff</a>" },
                { RULE_XML_SYNTAX, 1, NULL, "<a b='&#0;'/>" },
                { RULE_XML_SYNTAX, 1, NULL, "<a b='&#27;'/>" },
                { RULE_XML_DOCTYPE, 1, "Package", "<!DOCTYPE Package><Package/>" },
                { RULE_XML_DOCTYPE, 2, "Package",
                  "<?xml version='1.0'?>\n<!DOCTYPE Package SYSTEM '/etc/passwd'><P/>" },
                { RULE_XML_DOCTYPE, 1, "lolz",
                  "<!DOCTYPE lolz [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
                  "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]><lolz>&c;</lolz>" },
                { RULE_XML_PREFIX, 2, "b:c", "<a>\n<b:c/></a>" },
                { RULE_XML_PREFIX, 2, "b:c", "<a>\n<d b:c=''/></a>" },
                { RULE_XML_PREFIX, 1, "b:d", "<a><b:c xmlns:b='urn:b'/><b:d/></a>" },
                { RULE_ROOT_ELEMENT, 0, NULL, "<Package/>" },
                { RULE_ROOT_ELEMENT, 0, NULL, "<Package xmlns='http://schemas.microsoft.com/appx/2010/manifest'/>" },
                { RULE_ROOT_ELEMENT, 1, "Bundle", "<Bundle xmlns='" NS "foundation/windows10'/>" },
                { RULE_ELEMENT_NAMESPACE, 13, "ExeServer", PACKAGE(EXE("Executable='a.exe'", CLASS_A)
                  "<ExeServer xmlns='http://schemas.microsoft.com/appx/manifest/com/windows11'/>") },
        };

        check_cases(cases, ELEMENTSOF(cases));
}

static void an_identity_that_windows_would_refuse_is_refused(void **state)
{
        static const RuleCase cases[] = {
                { RULE_IDENTITY_MISSING, 1, NULL, PACKAGE_OF("") },
                { RULE_IDENTITY_DUPLICATE, 3, "Contoso.Test", PACKAGE_OF(IDENTITY IDENTITY) },
                { RULE_IDENTITY_NAME, 2, NULL, PACKAGE_OF("<Identity Publisher='CN=a' Version='1.0.0.0'/>") },
                { RULE_IDENTITY_NAME, 2, "a b",
                  PACKAGE_OF("<Identity Name='a b' Publisher='CN=a' Version='1.0.0.0'/>") },
                { RULE_IDENTITY_NAME, 2, "CON",
                  PACKAGE_OF("<Identity Name='CON' Publisher='CN=a' Version='1.0.0.0'/>") },
                { RULE_IDENTITY_PUBLISHER, 2, NULL, PACKAGE_OF("<Identity Name='abc' Version='1.0.0.0'/>") },
                { RULE_IDENTITY_PUBLISHER, 2, "Contoso",
                  PACKAGE_OF("<Identity Name='abc' Publisher='Contoso' Version='1.0.0.0'/>") },
                { RULE_IDENTITY_VERSION, 2, NULL, PACKAGE_OF("<Identity Name='abc' Publisher='CN=a'/>") },
                { RULE_IDENTITY_VERSION, 2, "1.0",
                  PACKAGE_OF("<Identity Name='abc' Publisher='CN=a' Version='1.0'/>") },
                { RULE_IDENTITY_ARCHITECTURE, 2, "mips", PACKAGE_OF(
                  "<Identity Name='abc' Publisher='CN=a' Version='1.0.0.0' ProcessorArchitecture='mips'/>") },
                { RULE_IDENTITY_RESOURCE_ID, 2, "a_b", PACKAGE_OF(
                  "<Identity Name='abc' Publisher='CN=a' Version='1.0.0.0' ResourceId='a_b'/>") },
        };

        check_cases(cases, ELEMENTSOF(cases));
}

static void mistakes_in_the_rest_of_the_package_are_warnings(void **state)
{
        static const RuleCase cases[] = {
                { RULE_DISPLAY_NAME, 10, "a?b", PACKAGE(EXE("Executable='a.exe' DisplayName='a&#10;b'", CLASS_A)) },
                { RULE_DISPLAY_NAME, 11, "", PACKAGE(EXE("Executable='a.exe'",
                  "<com:Class Id='11111111-1111-1111-1111-111111111111' DisplayName=''/>")) },
                { RULE_EXTERNAL_CONTENT_VALUE, 3, "maybe", PACKAGE_START IDENTITY
                  PROPERTIES("<uap10:AllowExternalContent>maybe</uap10:AllowExternalContent>") REST
                  APPLICATION(GOOD_SERVER) PACKAGE_END },
                { RULE_APPLICATION_ID, 3, NULL, PACKAGE_START IDENTITY "<Applications><Application><Extensions>"
                  GOOD_SERVER "</Extensions></Application></Applications>" PACKAGE_END },
                { RULE_APPLICATION_ID, 3, "1", PACKAGE_START IDENTITY "<Applications><Application Id='1'><Extensions>"
                  GOOD_SERVER "</Extensions></Application></Applications>" PACKAGE_END },
                { RULE_APPLICATION_ID, 4, "A", PACKAGE_START IDENTITY "<Applications><Application Id='A'/>\n"
                  "<Application Id='A'><Extensions>" GOOD_SERVER "</Extensions></Application></Applications>"
                  PACKAGE_END },
                { RULE_CAPABILITY_NAME, 3, NULL, PACKAGE_START IDENTITY
                  "<Capabilities><Capability/></Capabilities>" APPLICATION(GOOD_SERVER) PACKAGE_END },
                { RULE_TASK_TYPE, 5, "location", PACKAGE_START IDENTITY
                  "<Applications><Application Id='A'><Extensions>\n"
                  "<Extension Category='windows.backgroundTasks' EntryPoint='A.B'><BackgroundTasks>\n"
                  "<Task Type='timer'/><Task Type='location'/></BackgroundTasks></Extension>"
                  GOOD_SERVER "</Extensions></Application></Applications>" PACKAGE_END },
        };

        check_cases(cases, ELEMENTSOF(cases));
}

static void servers_need_an_executable_below_the_package(void **state)
{
        static const RuleCase cases[] = {
                { RULE_EXECUTABLE_ATTRIBUTE, 10, NULL, PACKAGE(EXE("", CLASS_A)) },
                { RULE_EXECUTABLE_PATH, 10, "..\\a.exe", PACKAGE(EXE("Executable='..\\a.exe'", CLASS_A)) },
                { RULE_EXECUTABLE_PATH, 10, "a/../../b.exe", PACKAGE(EXE("Executable='a/../../b.exe'", CLASS_A)) },
                { RULE_EXECUTABLE_PATH, 10, "/bin/sh", PACKAGE(EXE("Executable='/bin/sh'", CLASS_A)) },
                { RULE_EXECUTABLE_PATH, 10, "C:\\a.exe", PACKAGE(EXE("Executable='C:\\a.exe'", CLASS_A)) },
                { RULE_EXECUTABLE_PATH, 10, "a\\\\b.exe", PACKAGE(EXE("Executable='a\\\\b.exe'", CLASS_A)) },
                { RULE_EXECUTABLE_PATH, 10, "a?b", PACKAGE(EXE("Executable='a&#9;b'", CLASS_A)) },
                { RULE_EXECUTABLE_SUFFIX, 10, "a", PACKAGE(EXE("Executable='a'", CLASS_A)) },
                { RULE_EXECUTABLE_SEPARATORS, 10, "a/b\\c.exe", PACKAGE(EXE("Executable='a/b\\c.exe'", CLASS_A)) },
                { RULE_TARGET_NAME, 10, "$targetnametoken$.exe",
                  PACKAGE(EXE("Executable='$targetnametoken$.exe'", CLASS_A)) },
                { RULE_TARGET_NAME, 10, "$targetnametoken$.exe",
                  PACKAGE(EXE("Executable='$targetnametoken$.exe'", CLASS_A) EXE("Executable='b.exe'", CLASS_B)
                          EXE("Executable='c.exe'", "")) },
                { RULE_ARGUMENTS, 10, "a?b", PACKAGE(EXE("Executable='a.exe' Arguments='a&#10;b'", CLASS_A)) },
                { RULE_ARGUMENTS_SPACE, 10, " a", PACKAGE(EXE("Executable='a.exe' Arguments=' a'", CLASS_A)) },
                { RULE_ARGUMENTS_SPACE, 10, "", PACKAGE(EXE("Executable='a.exe' Arguments=''", CLASS_A)) },
                { RULE_SERVER_NO_CLASS, 13, "b.exe",
                  PACKAGE(EXE("Executable='a.exe'", CLASS_A) EXE("Executable='b.exe'", "")) },
        };

        check_cases(cases, ELEMENTSOF(cases));
}

#define A "11111111-1111-1111-1111-111111111111"
#define DUPLICATE(second) PACKAGE(EXE("Executable='a.exe'", CLASS_A) second)

static void class_ids_are_valid_unique_and_served(void **state)
{
        static const RuleCase cases[] = {
                { RULE_NO_CLASS, 1, NULL, PACKAGE("") },
                { RULE_NO_CLASS, 1, NULL, PACKAGE(EXE("Executable='a.exe'", "")) },
                { RULE_NO_CLASS, 1, NULL, PACKAGE("<com:SurrogateServer>" CLASS_A "</com:SurrogateServer>") },
                { RULE_NO_CLASS, 1, NULL, PACKAGE_START IDENTITY PACKAGE_END },
                { RULE_CLASS_ID_MISSING, 11, NULL, PACKAGE(EXE("Executable='a.exe'", "<com:Class/>")) },
                { RULE_CLASS_ID, 11, "1234", PACKAGE(EXE("Executable='a.exe'", "<com:Class Id='1234'/>")) },
                { RULE_CLASS_ID, 11, "f4ed7720-9b3a-44a4-xxxx-xxxxxxxxxxxx",
                  PACKAGE(EXE("Executable='a.exe'", "<com:Class Id='f4ed7720-9b3a-44a4-xxxx-xxxxxxxxxxxx'/>")) },
                { RULE_CLASS_ID, 11, "00000000-0000-0000-0000-000000000000",
                  PACKAGE(EXE("Executable='a.exe'", "<com:Class Id='00000000-0000-0000-0000-000000000000'/>")) },
                { RULE_CLASS_ID_BRACES, 11, "{" A "}",
                  PACKAGE(EXE("Executable='a.exe'", "<com:Class Id='{" A "}'/>")) },
                { RULE_CLASS_DUPLICATE, 12, A, PACKAGE(EXE("Executable='a.exe'", CLASS_A CLASS_A)) },
                { RULE_CLASS_DUPLICATE, 14, A, DUPLICATE(EXE("Executable='b.exe'", CLASS_A)) },
                { RULE_CLASS_DUPLICATE, 13, A,
                  DUPLICATE("<com:SurrogateServer>" CLASS_A "</com:SurrogateServer>") },
                { RULE_CLASS_DUPLICATE, 13, A, DUPLICATE("<com:TreatAsClass Id='" A "'/>") },
                { RULE_CLASS_DUPLICATE, 13, A, DUPLICATE("<com4:InProcessServer><com4:Class Id='" A "'/>"
                                                        "</com4:InProcessServer>") },
                { RULE_CLASS_DUPLICATE, 14, A,
                  DUPLICATE(EXE("Executable='b.exe'", "<com4:ClassReference Id='" A "'/>")) },
                { RULE_CLASS_REFERENCE, 11, A,
                  PACKAGE(EXE("Executable='b.exe'", "<com4:ClassReference Id='" A "'/>")) },
        };

        check_cases(cases, ELEMENTSOF(cases));
}

static void a_duplicate_class_names_both_lines(void **state)
{
        static const char text[] = PACKAGE(EXE("Executable='a.exe'", CLASS_A "\n\n"
                                               "<com:Class Id='11111111-1111-1111-1111-111111111111'/>"));
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        _cleanup_(freep) char *line = NULL;
        Manifest *m = NULL;

        assert_int_equal(manifest_parse(text, strlen(text), NULL, &m, &problems), -EBADMSG);
        assert_int_equal(manifest_problem_format(&problems, &problems.items[0], true, &line), 0);
        assert_string_equal(line, "AppxManifest.xml:14: error: the package declares this class at line 11 and again "
                            "at line 14: Class/@Id \"" A "\" (give each class a GUID of its own) [class-duplicate]");
}

static void check_one(const Buffer *text, ManifestRule rule)
{
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        Manifest *m = NULL;
        int r;

        r = manifest_parse(text->data, text->size, NULL, &m, &problems);
        check_problem(&problems, rule, r);
        manifest_free(m);
}

static void append(Buffer *text, const char *s)
{
        assert_int_equal(buffer_printf(text, "%s", s), 0);
}

static void files_beyond_the_limits_are_refused(void **state)
{
        _cleanup_(buffer_done) Buffer deep = { 0 }, many = { 0 }, spaces = { 0 }, namespaces = { 0 };

        for (unsigned i = 0; i < XML_DEPTH_MAX + 1; i++)
                append(&deep, "<a>");
        check_one(&deep, RULE_XML_DEPTH);

        append(&many, "<a>");
        for (unsigned i = 0; i < XML_ELEMENTS_MAX; i++)
                append(&many, "<b/>");
        append(&many, "</a>");
        check_one(&many, RULE_XML_ELEMENTS);

        append(&namespaces, "<a");
        for (unsigned i = 0; i <= XML_NAMESPACES_MAX; i++)
                assert_int_equal(buffer_printf(&namespaces, " xmlns:p%u='urn:%u'", i, i), 0);
        append(&namespaces, "/>");
        check_one(&namespaces, RULE_XML_NAMESPACES);

        append(&spaces, PACKAGE(EXE("Executable='a.exe'", CLASS_A)));
        assert_int_equal(buffer_reserve(&spaces, MANIFEST_SIZE_MAX), 0);
        memset(spaces.data + spaces.size, '\n', MANIFEST_SIZE_MAX);
        spaces.size = MANIFEST_SIZE_MAX + 1;
        check_one(&spaces, RULE_FILE_TOO_LARGE);
}

static void packages_beyond_the_limits_are_refused(void **state)
{
        _cleanup_(buffer_done) Buffer servers = { 0 }, class_ids = { 0 }, arguments = { 0 };

        append(&servers, PACKAGE_START IDENTITY "<Extensions>");
        for (unsigned i = 0; i <= MANIFEST_SERVERS_MAX; i++)
                assert_int_equal(buffer_printf(&servers, COM(EXE("Executable='a.exe'", "<com:Class "
                                               "Id='00000000-0000-0000-0000-0000%08x'/>")), i + 1), 0);
        append(&servers, "</Extensions>" PACKAGE_END);
        check_one(&servers, RULE_SERVER_LIMIT);

        append(&class_ids, PACKAGE_START IDENTITY "<Extensions><com:Extension Category='windows.comServer'>"
                           "<com:ComServer><com:ExeServer Executable='a.exe'>");
        for (unsigned i = 0; i <= MANIFEST_CLASSES_MAX; i++)
                assert_int_equal(buffer_printf(&class_ids, "<com:Class Id='00000000-0000-0000-0000-0000%08x'/>",
                                               i + 1), 0);
        append(&class_ids, "</com:ExeServer></com:ComServer></com:Extension></Extensions>" PACKAGE_END);
        check_one(&class_ids, RULE_CLASS_LIMIT);

        append(&arguments, PACKAGE_START IDENTITY "<Extensions><com:Extension Category='windows.comServer'>"
                           "<com:ComServer><com:ExeServer Executable='a.exe' Arguments='");
        for (unsigned i = 0; i <= MANIFEST_ARGUMENTS_MAX; i++)
                append(&arguments, "a ");
        append(&arguments, "'/></com:ComServer></com:Extension></Extensions>" PACKAGE_END);
        check_one(&arguments, RULE_ARGUMENTS);
}

static void many_problems_are_counted_but_not_all_kept_and_errors_outlive_warnings(void **state)
{
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        _cleanup_(buffer_done) Buffer text = { 0 };
        Manifest *m = NULL;

        append(&text, PACKAGE_START IDENTITY "<Capabilities>");
        for (unsigned i = 0; i < 10 * MANIFEST_PROBLEMS_MAX; i++)
                append(&text, "<Capability/>");
        append(&text, "</Capabilities>" PACKAGE_END);
        assert_int_equal(manifest_parse(text.data, text.size, NULL, &m, &problems), -EBADMSG);
        assert_int_equal(problems.n_found[MANIFEST_WARNING], 10 * MANIFEST_PROBLEMS_MAX);
        assert_true(problems.n_items < 2 * MANIFEST_PROBLEMS_MAX);
        find_problem(&problems, RULE_NO_CLASS);
}

static void values_are_shown_short_and_printable(void **state)
{
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        char value[1000];

        memset(value, 'x', sizeof value);
        /* The cut falls into a character of two bytes. */
        memcpy(value + 199, "ä", 2);
        value[999] = '\0';
        problems_add(&problems, RULE_CLASS_ID, 1, value, "long");
        problems_add(&problems, RULE_CLASS_ID, 1, "a\x1b[31m\x7f\xc2\x9b" "b", "controls");
        problems_add(&problems, RULE_CLASS_ID, 1, "a\xff", "not UTF-8");
        assert_int_equal(strlen(problems.items[0].value), 199 + strlen("…"));
        assert_string_equal(problems.items[0].value + 199, "…");
        assert_string_equal(problems.items[1].value, "a?[31m???b");
        assert_string_equal(problems.items[2].value, "a?");
}

/* What a package folder may look like: the rule that refuses it and what stands in it. */
static void check_folder(const Folder *folder, const ManifestOptions *options, ManifestRule rule)
{
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        _cleanup_(manifest_freep) Manifest *m = NULL;
        int r;

        r = manifest_load(folder->path, options, &m, &problems);
        check_problem(&problems, rule, r);
        assert_int_equal(r == 0, m != NULL);
}

static void folders_without_a_usable_manifest_are_refused(void **state)
{
        static const char good[] = PACKAGE(EXE("Executable='a.exe'", CLASS_A));
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        Manifest *m = NULL;
        Folder folder;

        folder_init(&folder);
        check_folder(&folder, NULL, RULE_NO_MANIFEST);
        assert_int_equal(manifest_load(folder_path(&folder, "absent"), NULL, &m, &problems), -ENOENT);
        assert_int_equal(problems.first_error, ERROR_NO_MANIFEST);
        manifest_problems_done(&problems);
        assert_int_equal(manifest_load("absent/relative", NULL, &m, &problems), -ENOENT);
        assert_int_equal(problems.first_error, ERROR_NO_MANIFEST);
        manifest_problems_done(&problems);
        assert_int_equal(manifest_load("", NULL, &m, &problems), -ENOENT);
        manifest_problems_done(&problems);
        folder_write(&folder, "file", good, 0644);
        assert_int_equal(manifest_load(folder_path(&folder, "file"), NULL, &m, &problems), -ENOENT);

        folder_mkdir(&folder, "appxmanifest.XML");
        check_folder(&folder, NULL, RULE_MANIFEST_NOT_REGULAR);
        assert_int_equal(mkfifo(folder_path(&folder, "AppxManifest.xml"), 0600), 0);
        check_folder(&folder, NULL, RULE_MANIFEST_NOT_REGULAR);
        assert_int_equal(unlink(folder_path(&folder, "AppxManifest.xml")), 0);
        folder_write(&folder, "APPXMANIFEST.xml", good, 0644);
        check_folder(&folder, NULL, RULE_MANIFEST_AMBIGUOUS);
        folder_done(&folder);

        folder_init(&folder);
        folder_write(&folder, "a.appxmanifest", good, 0644);
        folder_write(&folder, "b.appxmanifest", good, 0644);
        check_folder(&folder, NULL, RULE_MANIFEST_AMBIGUOUS);
        folder_symlink(&folder, "nowhere", "AppxManifest.xml");
        check_folder(&folder, NULL, RULE_MANIFEST_UNREADABLE);
        folder_done(&folder);
}

static void a_manifest_of_more_than_a_mebibyte_is_not_read(void **state)
{
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "AppxManifest.xml", "", 0644);
        check_folder(&folder, NULL, RULE_FILE_EMPTY);
        assert_int_equal(truncate(folder_path(&folder, "AppxManifest.xml"), (off_t)1 << 40), 0);
        check_folder(&folder, NULL, RULE_FILE_TOO_LARGE);
        folder_done(&folder);
}

static void executables_that_are_not_there_or_not_executable_are_refused(void **state)
{
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "AppxManifest.xml", PACKAGE(EXE("Executable='bin\\a.exe'", CLASS_A)), 0644);
        check_folder(&folder, NULL, RULE_EXECUTABLE_MISSING);
        folder_write(&folder, "bin/A", "#!/bin/sh\n", 0644);
        check_folder(&folder, NULL, RULE_EXECUTABLE_MODE);
        assert_int_equal(chmod(folder_path(&folder, "bin/A"), 0755), 0);
        check_folder(&folder, NULL, RULE_EXECUTABLE_CASE);
        folder_write(&folder, "bin/A.exe", "", 0755);
        folder_write(&folder, "bin/A.EXE", "", 0755);
        check_folder(&folder, NULL, RULE_EXECUTABLE_AMBIGUOUS);
        folder_mkdir(&folder, "bin/a.exe");
        check_folder(&folder, NULL, RULE_EXECUTABLE_AMBIGUOUS);
        assert_int_equal(unlink(folder_path(&folder, "bin/A.exe")), 0);
        assert_int_equal(unlink(folder_path(&folder, "bin/A.EXE")), 0);
        assert_int_equal(unlink(folder_path(&folder, "bin/A")), 0);
        check_folder(&folder, NULL, RULE_EXECUTABLE_TYPE);
        assert_int_equal(rmdir(folder_path(&folder, "bin/a.exe")), 0);
        folder_symlink(&folder, "../../../bin/sh", "bin/a.exe");
        check_folder(&folder, NULL, RULE_EXECUTABLE_OUTSIDE);
        assert_int_equal(unlink(folder_path(&folder, "bin/a.exe")), 0);
        folder_symlink(&folder, "a.exe", "bin/a.exe");
        check_folder(&folder, NULL, RULE_EXECUTABLE_UNREACHABLE);
        folder_done(&folder);
}

static void external_locations_that_cannot_be_used_are_refused(void **state)
{
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "AppxManifest.xml", PACKAGE(EXE("Executable='a.exe'", CLASS_A)), 0644);
        check_folder(&folder, &(ManifestOptions){ .external_location = "/bin" }, RULE_EXTERNAL_LOCATION);
        folder_write(&folder, "AppxManifest.xml", PACKAGE_START IDENTITY
                     PROPERTIES("<uap10:AllowExternalContent>true</uap10:AllowExternalContent>") REST
                     APPLICATION(GOOD_SERVER) PACKAGE_END, 0644);
        check_folder(&folder, &(ManifestOptions){ .external_location = "bin" }, RULE_EXTERNAL_LOCATION_UNREADABLE);
        check_folder(&folder, &(ManifestOptions){ .external_location = folder_path(&folder, "absent") },
                     RULE_EXTERNAL_LOCATION_UNREADABLE);
        folder_write(&folder, "external-location", "bin\n", 0644);
        check_folder(&folder, NULL, RULE_EXTERNAL_LOCATION_FILE);
        folder_write(&folder, "external-location", "/bin\n", 0666);
        assert_int_equal(chmod(folder_path(&folder, "external-location"), 0666), 0);
        check_folder(&folder, NULL, RULE_EXTERNAL_LOCATION_FILE);
        folder_done(&folder);
}

static void folders_and_manifests_that_the_user_may_not_read_are_refused(void **state)
{
        bool root = geteuid() == 0;
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "AppxManifest.xml", PACKAGE(EXE("Executable='a.exe'", CLASS_A)), 0000);
        assert_int_equal(chmod(folder.path, 0755), 0);
        /* Root may read everything, so it becomes somebody who may not. */
        if (root)
                assert_int_equal(seteuid(65534), 0);
        check_folder(&folder, NULL, RULE_MANIFEST_UNREADABLE);
        if (root)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(chmod(folder.path, 0000), 0);
        if (root)
                assert_int_equal(seteuid(65534), 0);
        check_folder(&folder, NULL, RULE_FOLDER_UNREADABLE);
        if (root)
                assert_int_equal(seteuid(0), 0);
        folder_done(&folder);
}

static void every_rule_is_broken_by_some_test_above(void **state)
{
        for (ManifestRule i = 0; i < _RULE_MAX; i++)
                if (!is_rule_seen(i) && strncmp(problems_rule_id(i), "windows-", strlen("windows-")) != 0)
                        fail_msg("nothing breaks %s", problems_rule_id(i));
}

static void the_manual_explains_every_rule(void **state)
{
        _cleanup_(buffer_done) Buffer manual = { 0 };

        read_test_data("../../docs/manifest.md", &manual);
        append(&manual, "");
        for (ManifestRule i = 0; i < _RULE_MAX; i++) {
                _cleanup_(freep) char *heading = NULL;

                assert_true(asprintf(&heading, "\n| `%s` |", problems_rule_id(i)) > 0);
                if (!strstr((char *)manual.data, heading))
                        fail_msg("docs/manifest.md does not explain %s", problems_rule_id(i));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_that_is_not_a_well_formed_package_is_refused),
                cmocka_unit_test(an_identity_that_windows_would_refuse_is_refused),
                cmocka_unit_test(mistakes_in_the_rest_of_the_package_are_warnings),
                cmocka_unit_test(servers_need_an_executable_below_the_package),
                cmocka_unit_test(class_ids_are_valid_unique_and_served),
                cmocka_unit_test(a_duplicate_class_names_both_lines),
                cmocka_unit_test(files_beyond_the_limits_are_refused),
                cmocka_unit_test(packages_beyond_the_limits_are_refused),
                cmocka_unit_test(many_problems_are_counted_but_not_all_kept_and_errors_outlive_warnings),
                cmocka_unit_test(values_are_shown_short_and_printable),
                cmocka_unit_test(folders_without_a_usable_manifest_are_refused),
                cmocka_unit_test(a_manifest_of_more_than_a_mebibyte_is_not_read),
                cmocka_unit_test(executables_that_are_not_there_or_not_executable_are_refused),
                cmocka_unit_test(external_locations_that_cannot_be_used_are_refused),
                cmocka_unit_test(folders_and_manifests_that_the_user_may_not_read_are_refused),
                cmocka_unit_test(every_rule_is_broken_by_some_test_above),
                cmocka_unit_test(the_manual_explains_every_rule),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
