/* SPDX-License-Identifier: MIT */

/* What is read from good manifests, and what must never be read from damaged ones. */

#include "base/test-scale.h"
#include "manifest/test-fixture.h"

typedef struct Parsed {
        Manifest *manifest;
        ManifestProblems problems;
        int result;
} Parsed;

static void parsed_done(Parsed *p)
{
        manifest_free(p->manifest);
        manifest_problems_done(&p->problems);
}

static Parsed parse(const void *data, size_t size, const ManifestOptions *options)
{
        Parsed p = { 0 };

        p.result = manifest_parse(data, size, options, &p.manifest, &p.problems);
        assert_int_equal(p.result == 0, p.manifest != NULL);
        assert_int_equal(p.result == 0, p.problems.first_error == ERROR_NONE);
        return p;
}

static Parsed parse_text(const char *text)
{
        return parse(text, strlen(text), NULL);
}

static Parsed parse_good(const char *text)
{
        Parsed p = parse_text(text);

        for (size_t i = 0; i < p.problems.n_items; i++) {
                _cleanup_(freep) char *line = NULL;

                assert_int_equal(manifest_problem_format(&p.problems, &p.problems.items[i], true, &line), 0);
                fail_msg("%s", line);
        }
        assert_int_equal(p.result, 0);
        return p;
}

static void the_manifest_of_the_seeds_is_read_byte_for_byte(void **state)
{
        _cleanup_(buffer_done) Buffer text = { 0 };
        const ManifestServer *server = NULL;
        const ManifestClass *class;
        Parsed p;

        read_test_data("seed-appxmanifest.xml", &text);
        assert_memory_equal(text.data, "\xef\xbb\xbf<?xml", 8);
        assert_non_null(memmem(text.data, text.size, "\r\n", 2));
        p = parse(text.data, text.size, NULL);
        assert_int_equal(p.result, 0);
        assert_int_equal(p.problems.n_items, 0);
        assert_string_equal(p.manifest->name, "SamplePackagedWinMainBackgroundApp");
        assert_string_equal(p.manifest->publisher, "CN=Contoso");
        assert_string_equal(p.manifest->version, "1.0.0.0");
        assert_int_equal(p.manifest->version_numbers[0], 1);
        assert_string_equal(p.manifest->architecture, "neutral");
        assert_string_equal(p.manifest->resource_id, "");
        assert_string_equal(p.manifest->publisher_id, "h91ms92gdsmmt");
        assert_string_equal(p.manifest->family_name, "SamplePackagedWinMainBackgroundApp_h91ms92gdsmmt");
        assert_string_equal(p.manifest->full_name,
                            "SamplePackagedWinMainBackgroundApp_1.0.0.0_neutral__h91ms92gdsmmt");
        assert_string_equal(p.manifest->display_name, "SamplePackagedWinMainBackgroundApp");
        assert_int_equal(p.manifest->n_application_ids, 1);
        assert_string_equal(p.manifest->application_ids[0], "App");
        assert_true(p.manifest->run_full_trust);
        assert_false(p.manifest->allow_external_content);
        assert_int_equal(p.manifest->n_capabilities, 1);
        assert_true(p.manifest->capabilities[0].restricted);
        assert_int_equal(p.manifest->n_foreign_classes, 0);
        assert_int_equal(p.manifest->n_servers, 1);

        class = manifest_find_class(p.manifest, uuid_of("14C5882B-35D3-41BE-86B2-5106269B97E6"), &server);
        assert_non_null(class);
        assert_string_equal(class->display_name, "Sample Task");
        assert_int_equal(class->line, 47);
        assert_string_equal(server->executable, "SampleBackgroundApp\\SampleBackgroundApp.exe");
        assert_string_equal(server->arguments, "-StartSampleTaskServer");
        assert_string_equal(server->display_name, "SampleBackgroundApp");
        assert_string_equal(server->application_id, "App");
        assert_null(server->path);
        assert_null(manifest_find_class(p.manifest, uuid_of("14C5882B-35D3-41BE-86B2-5106269B97E7"), NULL));
        parsed_done(&p);
}

static void utf16_in_both_byte_orders_reads_as_utf8_does(void **state)
{
        static const char text[] = PACKAGE(EXE("Executable='a.exe'", CLASS_A));

        for (unsigned big = 0; big <= 1; big++) {
                _cleanup_(buffer_done) Buffer wide = { 0 };
                Parsed p;

                assert_int_equal(buffer_append(&wide, big ? "\xfe\xff" : "\xff\xfe", 2), 0);
                for (const char *s = text; *s; s++)
                        assert_int_equal(buffer_append(&wide, (char[]){ big ? 0 : *s, big ? *s : 0 }, 2), 0);
                p = parse(wide.data, wide.size, NULL);
                assert_int_equal(p.result, 0);
                assert_string_equal(p.manifest->family_name, "Contoso.Test_h91ms92gdsmmt");
                parsed_done(&p);

                /* A character NUL is no more allowed than a byte NUL. */
                wide.data[wide.size - 1] = wide.data[wide.size - 2] = 0;
                p = parse(wide.data, wide.size, NULL);
                assert_int_equal(p.result, -EBADMSG);
                parsed_done(&p);
        }
}

static void the_manifests_of_real_apps_are_read(void **state)
{
        static const struct {
                const char *file, *family, *executable, *arguments, *clsid;
                size_t n_servers;
        } table[] = {
                { "outofproc-cpp-winui.appxmanifest", "6b1ec254-6909-4115-a6f6-1133733eb38e_8wekyb3d8bbwe",
                  "BackgroundTaskBuilder.exe", "-RegisterForBGTaskServer", "12345678-1234-1234-1234-1234567890CD", 1 },
                { "packaged-com-server.xml", "52601TheDesktopBridge.2261331D290CD_qfm5jy7hkm90p", "ACDual.exe", "",
                  "4B115281-32F0-11cf-AC85-444553540000", 1 },
                { "push-cpp-console.appxmanifest", "PushNotificationsSample_ph1m9x8skttmg",
                  "cpp-console\\cpp-console.exe", "----WindowsAppRuntimePushServer:",
                  "ccd2ae3f-764f-4ae3-be45-9804761b28b2", 1 },
                { "two-comservers-one-exe.appxmanifest", "ToastNotificationsWin32App_8wekyb3d8bbwe",
                  "ToastNotificationsDemoApp\\ToastNotificationsDemoApp.exe", "----WindowsAppRuntimePushServer:",
                  "e3815064-8aef-4db3-a682-603f312d0d99", 2 },
                { "winmain-com-sample-cppwinrt.appxmanifest", "SampleBackgroundTaskAppWinMainCppWinRT_h91ms92gdsmmt",
                  "BackgroundTaskWinMainComSample_CppWinRT\\BackgroundTaskWinMainComSample_CppWinRT.exe",
                  "-RegisterProcessAsComServer", "1498AA14-E11E-48C8-912A-BCEBF27E19AC", 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(buffer_done) Buffer text = { 0 };
                _cleanup_(freep) char *name = NULL;
                const ManifestServer *server = NULL;
                Parsed p;

                assert_true(asprintf(&name, "manifests/%s", table[i].file) > 0);
                read_test_data(name, &text);
                p = parse(text.data, text.size, NULL);
                assert_int_equal(p.result, 0);
                assert_int_equal(p.problems.n_items, 0);
                assert_string_equal(p.manifest->family_name, table[i].family);
                assert_int_equal(p.manifest->n_servers, table[i].n_servers);
                assert_non_null(manifest_find_class(p.manifest, uuid_of(table[i].clsid), &server));
                assert_string_equal(server->executable, table[i].executable);
                assert_string_equal(server->arguments, table[i].arguments);
                parsed_done(&p);
        }
}

static void prefixes_are_free_and_unknown_elements_are_ignored_wherever_they_stand(void **state)
{
        Parsed p = parse_good(
                "<f:Package xmlns:f='" NS "foundation/windows10' xmlns:x='urn:x' x:a='1' x:b='2'>"
                "<x:Identity2/><f:Unheard><f:Of a='b'>text</f:Of></f:Unheard>"
                "<f:Identity x:Name='no' Name='Contoso.Test' Publisher='CN=Contoso' Version='1.2.3.4'>"
                "<x:y/></f:Identity>"
                "<f:Properties><x:DisplayName>no</x:DisplayName><f:DisplayName>\n  yes &amp; so <x:z>no</x:z>\n"
                "</f:DisplayName><f:PublisherDisplayName/><f:Logo/></f:Properties>"
                "<f:Dependencies><f:TargetDeviceFamily/></f:Dependencies>"
                "<f:Capabilities xmlns:r='" NS "foundation/windows10/restrictedcapabilities' xml:space='default'>"
                "<r:Capability Name='runFullTrust'/><f:DeviceCapability Name='location'/><x:Capability Name='no'/>"
                "</f:Capabilities>"
                "<f:Extensions xmlns='" NS "com/windows10/3'><Extension Category='windows.comServer'>"
                "<x:Wrapper><ExeServer Executable='no.exe'/></x:Wrapper>"
                "<ComServer><x:Unknown><Class Id='no'/></x:Unknown>"
                "<ExeServer Executable='a.exe' LaunchAndActivationPermission='D:(A;;0xB;;;WD)'>"
                "<x:Class Id='no'/><Class Id='11111111-1111-1111-1111-111111111111'/></ExeServer>"
                "</ComServer></Extension>"
                "<Extension Category='windows.other'><ComServer><ExeServer/></ComServer></Extension></f:Extensions>"
                "</f:Package>");

        assert_string_equal(p.manifest->name, "Contoso.Test");
        assert_string_equal(p.manifest->display_name, "yes & so");
        assert_int_equal(p.manifest->n_capabilities, 2);
        assert_string_equal(p.manifest->capabilities[1].name, "location");
        assert_false(p.manifest->capabilities[1].restricted);
        assert_int_equal(p.manifest->n_servers, 1);
        assert_int_equal(p.manifest->servers[0].n_classes, 1);
        assert_null(p.manifest->servers[0].application_id);
        parsed_done(&p);
}

static void several_extensions_and_servers_are_all_read(void **state)
{
        Parsed p = parse_good(
                PACKAGE_START IDENTITY PROPERTIES("<uap10:AllowExternalContent> true </uap10:AllowExternalContent>")
                REST                 APPLICATION(COM(EXE("Executable='a.exe' Arguments='-a'", CLASS_A CLASS_B)
                                EXE("Executable='b.exe'", "<com:Class Id='33333333-3333-3333-3333-333333333333'/>"))
                            COM(EXE("Executable='a.exe' Arguments='-c'",
                                    "<com:Class Id='44444444-4444-4444-4444-444444444444' DisplayName='Four'/>")))
                "<Extensions>" COM(EXE("Executable='c.exe'", "<com:Class Id='55555555-5555-5555-5555-555555555555'/>"))
                "</Extensions>" PACKAGE_END);
        const ManifestServer *server = NULL;

        assert_int_equal(p.manifest->n_servers, 4);
        assert_int_equal(p.manifest->servers[0].n_classes, 2);
        assert_string_equal(manifest_find_class(p.manifest, uuid_of("44444444-4444-4444-4444-444444444444"),
                                                &server)->display_name, "Four");
        assert_string_equal(server->arguments, "-c");
        assert_non_null(manifest_find_class(p.manifest, uuid_of("55555555-5555-5555-5555-555555555555"), &server));
        assert_string_equal(server->executable, "c.exe");
        assert_true(p.manifest->allow_external_content);
        parsed_done(&p);
}

static void classes_of_other_servers_are_known_by_their_kind(void **state)
{
        static const struct {
                const char *clsid, *kind;
        } expected[] = {
                { "00000000-0000-0000-0000-000000000001", "SurrogateServer" },
                { "00000000-0000-0000-0000-000000000002", "ServiceServer" },
                { "00000000-0000-0000-0000-000000000003", "TreatAsClass" },
                { "00000000-0000-0000-0000-000000000004", "InProcessServer" },
                { "00000000-0000-0000-0000-000000000005", "Class" },
                { "00000000-0000-0000-0000-000000000006", "ProxyStub" },
                { "00000000-0000-0000-0000-000000000007", "InProcessHandler" },
        };
        Parsed p = parse_good(PACKAGE_START IDENTITY PROPERTIES("") REST APPLICATION(COM(
                EXE("Executable='a.exe'", "<com4:ClassReference Id='00000000-0000-0000-0000-000000000008'/>")
                "<com:SurrogateServer><com:Class Id='00000000-0000-0000-0000-000000000001' DisplayName='One'/>"
                "</com:SurrogateServer>"
                "<com4:ServiceServer><com4:Class Id='00000000-0000-0000-0000-000000000002'/></com4:ServiceServer>"
                "<com:TreatAsClass Id='00000000-0000-0000-0000-000000000003'/>"
                "<com4:Class Id='00000000-0000-0000-0000-000000000004'/>"
                "<com4:Class Id='00000000-0000-0000-0000-000000000005'/>"
                "<com4:InProcessServer><com4:ClassReference Id='00000000-0000-0000-0000-000000000004'/>"
                "<com4:ClassReference Id='00000000-0000-0000-0000-000000000001'/>"
                "<com4:ClassReference Id='00000000-0000-0000-0000-000000000008'/></com4:InProcessServer>"
                "<com4:InProcessHandler><com4:Class Id='00000000-0000-0000-0000-000000000007'/>"
                "</com4:InProcessHandler>"
                "<com4:Class Id='00000000-0000-0000-0000-000000000008' DisplayName='Eight'/>")
                "<com:Extension Category='windows.comInterface'><com:ComInterface>"
                "<com:ProxyStub Id='00000000-0000-0000-0000-000000000006'/>"
                "<com:Interface Id='00000000-0000-0000-0000-000000000001'/></com:ComInterface></com:Extension>")
                PACKAGE_END);
        const ManifestServer *server = NULL;

        assert_int_equal(p.manifest->n_foreign_classes, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                const ManifestForeignClass *class =
                        manifest_find_foreign_class(p.manifest, uuid_of(expected[i].clsid));

                assert_non_null(class);
                assert_string_equal(class->kind, expected[i].kind);
                assert_null(manifest_find_class(p.manifest, class->clsid, NULL));
        }
        assert_string_equal(manifest_find_class(p.manifest, uuid_of("00000000-0000-0000-0000-000000000008"),
                                                &server)->display_name, "Eight");
        assert_ptr_equal(server, &p.manifest->servers[0]);
        assert_null(manifest_find_foreign_class(p.manifest, uuid_of("00000000-0000-0000-0000-000000000008")));
        parsed_done(&p);
}

static void the_target_name_comes_from_the_caller_or_from_the_only_other_file_name(void **state)
{
        static const char derived[] = PACKAGE(EXE("Executable='x\\$targetnametoken$.exe'", CLASS_A)
                                              EXE("Executable='y/Server.exe'", CLASS_B));
        Parsed p = parse_good(derived);

        assert_string_equal(p.manifest->servers[0].executable, "x\\Server.exe");
        parsed_done(&p);
        p = parse(derived, strlen(derived), &(ManifestOptions){ .target_name = "Mine" });
        assert_string_equal(p.manifest->servers[0].executable, "x\\Mine.exe");
        parsed_done(&p);
        p = parse(derived, strlen(derived), &(ManifestOptions){ .target_name = "../../bin/sh" });
        assert_int_equal(p.result, -EBADMSG);
        assert_string_equal(p.problems.items[0].rule, "executable-path");
        parsed_done(&p);
}

/* Else a file of 1 MiB could make gigabytes of one long name and many tokens. */
static void tokens_are_not_replaced_in_a_path_that_is_too_long_anyway(void **state)
{
        _cleanup_(buffer_done) Buffer text = { 0 };
        Parsed p;

        assert_int_equal(buffer_printf(&text, "%s%s", PACKAGE_START IDENTITY "<Extensions>"
                                       "<com:Extension Category='windows.comServer'><com:ComServer>",
                                       EXE("Executable='a.exe'", CLASS_A) "<com:ExeServer Executable='"), 0);
        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(buffer_printf(&text, "$targetnametoken$"), 0);
        assert_int_equal(buffer_printf(&text, "'>%s", CLASS_B "</com:ExeServer></com:ComServer></com:Extension>"
                                       "</Extensions>" PACKAGE_END), 0);
        p = parse(text.data, text.size, NULL);
        assert_int_equal(p.result, -EBADMSG);
        for (size_t i = 0; i < p.problems.n_items; i++)
                if (strcmp(p.problems.items[i].rule, "executable-path") == 0)
                        assert_memory_equal(p.problems.items[i].value, "$targetnametoken$", 17);
        parsed_done(&p);
}

static void external_content_is_allowed_in_the_tenth_uap_namespace_only(void **state)
{
        Parsed p = parse_good(PACKAGE_START IDENTITY
                              PROPERTIES("<uap:AllowExternalContent>true</uap:AllowExternalContent>"
                                         "<uap10:AllowExternalContent>false</uap10:AllowExternalContent>")
                              REST APPLICATION(COM(EXE("Executable='a.exe'", CLASS_A))) PACKAGE_END);

        assert_false(p.manifest->allow_external_content);
        parsed_done(&p);
}

static void a_display_name_in_resources_gives_way_to_the_package_name(void **state)
{
        static const char text[] = PACKAGE_START IDENTITY
                "<Properties><DisplayName>ms-resource:App</DisplayName><PublisherDisplayName/><Logo/></Properties>"
                REST APPLICATION(COM(EXE("Executable='a.exe'", CLASS_A))) PACKAGE_END;
        Parsed p = parse_good(text);

        assert_string_equal(p.manifest->display_name, "Contoso.Test");
        parsed_done(&p);
}

static void a_manifest_cut_anywhere_is_refused(void **state)
{
        _cleanup_(buffer_done) Buffer text = { 0 };
        size_t end;

        read_test_data("seed-appxmanifest.xml", &text);
        end = text.size;
        while (text.data[end - 1] != '>')
                end--;
        for (size_t size = 0; size < end; size += test_stride()) {
                /* A copy of its exact size lets a sanitizer see a read behind it. */
                _cleanup_(freep) char *cut = malloc(size + 1);
                Parsed p;

                assert_non_null(cut);
                memcpy(cut, text.data, size);
                p = parse(cut, size, NULL);
                assert_int_equal(p.result, -EBADMSG);
                assert_int_equal(p.problems.first_error, ERROR_INVALID_MANIFEST);
                parsed_done(&p);
        }
}

static void a_manifest_with_any_byte_damaged_never_breaks_the_reader(void **state)
{
        static const uint8_t damage[] = { 0x00, '<', '"', '&', 0xff, '/', ':' };
        _cleanup_(buffer_done) Buffer text = { 0 };

        read_test_data("seed-appxmanifest.xml", &text);
        for (size_t i = 0; i < text.size; i += test_stride())
                for (size_t j = 0; j < sizeof damage; j++) {
                        uint8_t kept = text.data[i];
                        Parsed p;

                        text.data[i] = damage[j];
                        p = parse(text.data, text.size, NULL);
                        /* Zero and 0xff are in no XML text. */
                        if (damage[j] == 0x00 || damage[j] == 0xff)
                                assert_int_equal(p.result, -EBADMSG);
                        parsed_done(&p);
                        text.data[i] = kept;
                }
}

/* A file that tries to make a reader copy one long thing many times. */
static void a_file_that_multiplies_its_own_text_costs_little(void **state)
{
        _cleanup_(buffer_done) Buffer text = { 0 };
        Parsed p;

        assert_int_equal(buffer_printf(&text, "<p:Package xmlns:p='"), 0);
        for (size_t i = 0; i < 500000; i++)
                assert_int_equal(buffer_append(&text, "u", 1), 0);
        assert_int_equal(buffer_printf(&text, "' "), 0);
        for (unsigned i = 0; text.size + 64 < MANIFEST_SIZE_MAX; i++)
                assert_int_equal(buffer_printf(&text, "p:a%u='' ", i), 0);
        assert_int_equal(buffer_printf(&text, "/>"), 0);
        p = parse(text.data, text.size, NULL);
        assert_int_equal(p.result, -EBADMSG);
        assert_string_equal(p.problems.items[1].rule, "root-element");
        parsed_done(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_manifest_of_the_seeds_is_read_byte_for_byte),
                cmocka_unit_test(utf16_in_both_byte_orders_reads_as_utf8_does),
                cmocka_unit_test(the_manifests_of_real_apps_are_read),
                cmocka_unit_test(prefixes_are_free_and_unknown_elements_are_ignored_wherever_they_stand),
                cmocka_unit_test(several_extensions_and_servers_are_all_read),
                cmocka_unit_test(classes_of_other_servers_are_known_by_their_kind),
                cmocka_unit_test(the_target_name_comes_from_the_caller_or_from_the_only_other_file_name),
                cmocka_unit_test(tokens_are_not_replaced_in_a_path_that_is_too_long_anyway),
                cmocka_unit_test(external_content_is_allowed_in_the_tenth_uap_namespace_only),
                cmocka_unit_test(a_display_name_in_resources_gives_way_to_the_package_name),
                cmocka_unit_test(a_manifest_cut_anywhere_is_refused),
                cmocka_unit_test(a_manifest_with_any_byte_damaged_never_breaks_the_reader),
                cmocka_unit_test(a_file_that_multiplies_its_own_text_costs_little),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
