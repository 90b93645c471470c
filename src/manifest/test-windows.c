/* SPDX-License-Identifier: MIT */

/* What only Windows refuses: each rule broken, and packages that it accepts. */

#include "manifest/test-fixture.h"

/* A package whose Application has these attributes and extensions, in lines from 6 on. */
#define WITH_APPLICATION(attributes, visual, extensions)                                                        \
        PACKAGE_START IDENTITY PROPERTIES("") REST "<Applications>\n<Application Id='App' " attributes ">\n"     \
        visual "<Extensions>\n" GOOD_SERVER extensions "</Extensions></Application></Applications>" PACKAGE_END
#define WITH_EXTENSION(extension) WITH_APPLICATION(FULL_TRUST, VISUAL, extension)
#define FULL_TRUST "EntryPoint='Windows.FullTrustApplication'"
#define WITH_DEPENDENCIES(families) PACKAGE_START IDENTITY PROPERTIES("")                       \
        "<Dependencies>\n" families "</Dependencies>"                                           \
        "<Capabilities><rescap:Capability Name='runFullTrust'/></Capabilities>"                 \
        APPLICATION(GOOD_SERVER) PACKAGE_END
#define TASKS(attributes, tasks) \
        "<Extension Category='windows.backgroundTasks' " attributes ">\n<BackgroundTasks>\n" tasks \
        "</BackgroundTasks></Extension>"
#define CLASS_WITH(attributes) "<com:Class Id='33333333-3333-3333-3333-333333333333' " attributes "/>\n"
#define SERVER_B "<com:ExeServer Executable='b.exe'>" CLASS_B "</com:ExeServer>\n"

static void the_rest_of_the_package_is_checked_for_windows(void **state)
{
        static const RuleCase cases[] = {
                { RULE_WINDOWS_PROPERTIES, 1, NULL, PACKAGE_START IDENTITY REST APPLICATION(GOOD_SERVER) PACKAGE_END },
                { RULE_WINDOWS_DEPENDENCIES, 1, NULL, PACKAGE_START IDENTITY APPLICATION(GOOD_SERVER) PACKAGE_END },
                { RULE_WINDOWS_FULL_TRUST, 3, NULL, PACKAGE_START IDENTITY
                  "<Capabilities><Capability Name='runFullTrust'/></Capabilities>" APPLICATION(GOOD_SERVER)
                  PACKAGE_END },
                { RULE_WINDOWS_APPLICATION, 3, "A", PACKAGE_START IDENTITY "<Applications><Application Id='A'>"
                  "<Extensions>" GOOD_SERVER "</Extensions></Application></Applications>" PACKAGE_END },
                { RULE_WINDOWS_ELEMENT_TWICE, 4, "Properties", PACKAGE_START IDENTITY PROPERTIES("") PROPERTIES("")
                  REST APPLICATION(GOOD_SERVER) PACKAGE_END },
                { RULE_WINDOWS_TEXT, 3, "", PACKAGE_START IDENTITY
                  "<Properties><DisplayName/><PublisherDisplayName>P</PublisherDisplayName><Logo>l.png</Logo>"
                  "</Properties>" REST APPLICATION(GOOD_SERVER) PACKAGE_END },
                { RULE_WINDOWS_TEXT, 3, " P", PACKAGE_START IDENTITY
                  "<Properties><DisplayName>D</DisplayName><PublisherDisplayName> P</PublisherDisplayName>"
                  "<Logo>l.png</Logo></Properties>" REST APPLICATION(GOOD_SERVER) PACKAGE_END },
                { RULE_WINDOWS_IMAGE, 3, "l.svg", PACKAGE_START IDENTITY
                  "<Properties><DisplayName>D</DisplayName><PublisherDisplayName>P</PublisherDisplayName>"
                  "<Logo>l.svg</Logo></Properties>" REST APPLICATION(GOOD_SERVER) PACKAGE_END },
                { RULE_WINDOWS_DEVICE_FAMILY, 5, NULL, WITH_DEPENDENCIES("<TargetDeviceFamily/>") },
                { RULE_WINDOWS_DEVICE_FAMILY, 5, "Windows.Desktop",
                  WITH_DEPENDENCIES(DEVICE_FAMILY("10", "10.0.0.1")) },
                { RULE_WINDOWS_DEVICE_FAMILY, 5, "10.0.20000.0",
                  WITH_DEPENDENCIES(DEVICE_FAMILY("10.0.20000.0", "10.0.19041.0")) },
                { RULE_WINDOWS_DEVICE_FAMILY, 5, "10.0.15062.0",
                  WITH_DEPENDENCIES(DEVICE_FAMILY("10.0.10240.0", "10.0.15062.0")) },
                { RULE_WINDOWS_ENTRY_POINT, 7, NULL, WITH_APPLICATION("", VISUAL, "") },
                { RULE_WINDOWS_ENTRY_POINT, 7, "A.App", WITH_APPLICATION("EntryPoint='A.App'", VISUAL, "") },
                { RULE_WINDOWS_ENTRY_POINT, 7, "mediumIL",
                  WITH_APPLICATION("uap10:TrustLevel='mediumIL'", VISUAL, "") },
                { RULE_WINDOWS_APPLICATION, 7, "App", WITH_APPLICATION(FULL_TRUST, "", "") },
                { RULE_WINDOWS_TEXT, 8, "transparent!", WITH_APPLICATION(FULL_TRUST,
                  "<uap:VisualElements DisplayName='d' Description='d' BackgroundColor='transparent!'"
                  " Square150x150Logo='a.png' Square44x44Logo='b.png'/>", "") },
                { RULE_WINDOWS_TEXT, 8, "", WITH_APPLICATION(FULL_TRUST,
                  "<uap:VisualElements DisplayName='d' Description='' BackgroundColor='#00ff00'"
                  " Square150x150Logo='a.png' Square44x44Logo='b.png'/>", "") },
                { RULE_WINDOWS_IMAGE, 8, "../a.png", WITH_APPLICATION(FULL_TRUST,
                  "<uap:VisualElements DisplayName='d' Description='d' BackgroundColor='red'"
                  " Square150x150Logo='../a.png' Square44x44Logo='b.png'/>", "") },
                { RULE_WINDOWS_EXTENSION, 15, NULL, WITH_EXTENSION("<uap:Extension/>") },
                { RULE_WINDOWS_EXTENSION, 15, "windows.protocol",
                  WITH_EXTENSION("<com:Extension Category='windows.protocol'/>") },
                { RULE_WINDOWS_BACKGROUND_TASKS, 15, NULL, WITH_EXTENSION(TASKS("", "<Task Type='timer'/>")) },
                { RULE_WINDOWS_BACKGROUND_TASKS, 15, NULL,
                  WITH_EXTENSION("<Extension Category='windows.backgroundTasks' EntryPoint='A.B'/>") },
                { RULE_WINDOWS_BACKGROUND_TASKS, 16, NULL, WITH_EXTENSION(TASKS("EntryPoint='A.B'", "")) },
                { RULE_WINDOWS_BACKGROUND_TASKS, 17, "tmier",
                  WITH_EXTENSION(TASKS("EntryPoint='A.B'", "<Task Type='tmier'/>")) },
                { RULE_WINDOWS_BACKGROUND_TASKS, 18, "timer",
                  WITH_EXTENSION(TASKS("EntryPoint='A.B'", "<Task Type='timer'/>\n<Task Type='timer'/>")) },
                { RULE_WINDOWS_BACKGROUND_TASKS, 17, "phoneCall",
                  WITH_EXTENSION(TASKS("EntryPoint='A.B'", "<Task Type='phoneCall'/>")) },
                { RULE_WINDOWS_BACKGROUND_TASKS, 15, "a.exe",
                  WITH_EXTENSION(TASKS("EntryPoint='A.B' Executable='a.exe'", "<Task Type='timer'/>")) },
        };

        check_cases(cases, ELEMENTSOF(cases));
}

static void com_servers_are_checked_for_windows(void **state)
{
        static const RuleCase cases[] = {
                { RULE_WINDOWS_COM_SERVER, 16, NULL, WITH_EXTENSION(COM("</com:ComServer><com:ComServer>" SERVER_B)) },
                { RULE_WINDOWS_COM_SERVER, 16, NULL, WITH_EXTENSION(
                  "<com:Extension Category='windows.comServer'><com:ComServer>\n"
                  "<com3:ServiceServer xmlns:com3='" NS "com/windows10/3'/></com:ComServer></com:Extension>") },
                { RULE_WINDOWS_COM_ORDER, 12, "ExeServer",
                  PACKAGE("<com:ProgId Id='A.B'/>\n\n" EXE("Executable='a.exe'", CLASS_A)) },
                { RULE_WINDOWS_COM_CLASS, 12, "{x}", PACKAGE(EXE("Executable='a.exe'",
                  CLASS_A CLASS_WITH("AutoConvertTo='{x}'"))) },
                { RULE_WINDOWS_COM_CLASS, 12, "22222222-2222-2222-2222-222222222222", PACKAGE(EXE("Executable='a.exe'",
                  CLASS_A CLASS_WITH("AutoConvertTo='22222222-2222-2222-2222-222222222222'"))) },
                { RULE_WINDOWS_COM_CLASS, 11, "", PACKAGE(EXE("Executable='a.exe'",
                  CLASS_WITH("ShortDisplayName=''"))) },
                { RULE_WINDOWS_PROG_ID, 11, "1A", PACKAGE(EXE("Executable='a.exe'", CLASS_WITH("ProgId='1A'"))) },
                { RULE_WINDOWS_PROG_ID, 11, "A.B", PACKAGE(EXE("Executable='a.exe'",
                  CLASS_WITH("VersionIndependentProgId='A.B'")) "<com:ProgId Id='A.C'/>") },
                { RULE_WINDOWS_PROG_ID, 13, "A.D", PACKAGE(EXE("Executable='a.exe'", CLASS_A)
                  "<com:ProgId Id='A.C' CurrentVersion='A.D'/>") },
                { RULE_WINDOWS_PROG_ID, 13, NULL, PACKAGE(EXE("Executable='a.exe'", CLASS_A) "<com:ProgId/>") },
                { RULE_WINDOWS_PERMISSION, 10, "O:BAG:BAD:(A;;0xB;;;WD)", PACKAGE(
                  EXE("Executable='a.exe' LaunchAndActivationPermission='O:BAG:BAD:(A;;0xB;;;WD)'", CLASS_A)) },
                { RULE_WINDOWS_PERMISSION, 10, "D:(A;;11;;;WD", PACKAGE(
                  EXE("Executable='a.exe' LaunchAndActivationPermission='D:(A;;11;;;WD'", CLASS_A)) },
                { RULE_WINDOWS_PERMISSION, 10, "S:D:(A;;11;;;WD)", PACKAGE(
                  EXE("Executable='a.exe' LaunchAndActivationPermission='S:D:(A;;11;;;WD)'", CLASS_A)) },
                { RULE_EXECUTABLE_SUFFIX, 10, "a", PACKAGE(EXE("Executable='a'", CLASS_A)) },
        };

        check_cases(cases, ELEMENTSOF(cases));
}

static void a_package_that_windows_accepts_has_no_problem(void **state)
{
        static const char *const texts[] = {
                PACKAGE(EXE("Executable='a.exe'", CLASS_A)),
                PACKAGE(EXE("Executable='a.exe' LaunchAndActivationPermission="
                            "'O:PSG:BUD:(A;;11;;;IU)(A;;11;;;S-1-15-2-1)S:(ML;;NX;;;LW)'", CLASS_A)),
                PACKAGE(EXE("Executable='a.exe'", CLASS_WITH("ProgId='A.B' VersionIndependentProgId='A.C' "
                            "AutoConvertTo='33333333-3333-3333-3333-333333333333'"))
                        "<com:ProgId Id='A.C' CurrentVersion='A.B'/>"
                        "<com:ProgId Id='A.B' Clsid='33333333-3333-3333-3333-333333333333'/>"),
                WITH_EXTENSION(TASKS("EntryPoint='A.B' Executable='a.exe'",
                                     "<Task Type='pushNotification'/><uap:Task Type='phoneCall'/>"
                                     "<Task Type='general'/>")),
                WITH_APPLICATION("uap10:TrustLevel='mediumIL' uap10:RuntimeBehavior='packagedClassicApp'", VISUAL, ""),
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(manifest_problems_done) ManifestProblems problems = { .windows = true };
                _cleanup_(manifest_freep) Manifest *m = NULL;

                assert_int_equal(manifest_parse(texts[i], strlen(texts[i]), NULL, &m, &problems), 0);
                /* A Type that Windows takes may have no trigger here: a warning. */
                if (problems.n_found[MANIFEST_ERROR] + problems.n_found[MANIFEST_WINDOWS] > 0)
                        fail_msg("text %zu: %s", i, format_all(&problems));
        }
}

static void what_only_windows_refuses_is_left_out_unless_asked_for(void **state)
{
        static const char text[] = PACKAGE_START IDENTITY APPLICATION(COM(EXE("Executable='a'", CLASS_A))) PACKAGE_END;
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        _cleanup_(manifest_freep) Manifest *m = NULL;

        assert_int_equal(manifest_parse(text, strlen(text), NULL, &m, &problems), 0);
        assert_int_equal(problems.n_items, 0);
}

static void tokens_of_the_build_are_found_in_a_built_manifest_only(void **state)
{
        static const char text[] = WITH_APPLICATION(
                "Executable='$targetnametoken$.exe' EntryPoint='$targetentrypoint$'", VISUAL, "");
        static const char *const names[] = { "AppxManifest.xml", "Package.appxmanifest" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(manifest_problems_done) ManifestProblems problems = { .windows = true };
                Folder folder;

                folder_init(&folder);
                folder_write(&folder, names[i], text, 0644);
                assert_int_equal(manifest_lint(folder_path(&folder, names[i]), NULL, &problems), 0);
                assert_int_equal(problems.n_items, i == 0 ? 2 : 0);
                if (i == 0) {
                        const ManifestProblem *p = find_problem(&problems, RULE_WINDOWS_TOKEN);

                        assert_int_equal(p->line, 7);
                        assert_string_equal(p->value, "$targetnametoken$.exe");
                }
                folder_done(&folder);
        }
}

static void a_file_is_checked_without_its_executables_and_a_folder_with_them(void **state)
{
        _cleanup_(manifest_problems_done) ManifestProblems of_file = { 0 }, of_folder = { 0 }, of_nothing = { 0 };
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "AppxManifest.xml", PACKAGE(EXE("Executable='a.exe'", CLASS_A)), 0644);
        assert_int_equal(manifest_lint(folder_path(&folder, "AppxManifest.xml"), NULL, &of_file), 0);
        assert_int_equal(of_file.n_items, 0);
        assert_int_equal(manifest_lint(folder.path, NULL, &of_folder), 0);
        find_problem(&of_folder, RULE_EXECUTABLE_MISSING);
        assert_int_equal(manifest_lint(folder_path(&folder, "absent"), NULL, &of_nothing), 0);
        find_problem(&of_nothing, RULE_NO_MANIFEST);
        folder_done(&folder);
}

static void every_rule_of_windows_is_broken_by_some_test_above(void **state)
{
        for (ManifestRule i = 0; i < _RULE_MAX; i++)
                if (!is_rule_seen(i) && strncmp(problems_rule_id(i), "windows-", strlen("windows-")) == 0)
                        fail_msg("nothing breaks %s", problems_rule_id(i));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_rest_of_the_package_is_checked_for_windows),
                cmocka_unit_test(com_servers_are_checked_for_windows),
                cmocka_unit_test(a_package_that_windows_accepts_has_no_problem),
                cmocka_unit_test(what_only_windows_refuses_is_left_out_unless_asked_for),
                cmocka_unit_test(tokens_of_the_build_are_found_in_a_built_manifest_only),
                cmocka_unit_test(a_file_is_checked_without_its_executables_and_a_folder_with_them),
                cmocka_unit_test(every_rule_of_windows_is_broken_by_some_test_above),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
