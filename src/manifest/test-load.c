/* SPDX-License-Identifier: MIT */

/* Package folders as they are installed, and how their executables are found. */

#include "manifest/paths.h"
#include "manifest/test-fixture.h"

static const char seed_executable[] = "SampleBackgroundApp/SampleBackgroundApp";

static void copy_test_data(const Folder *folder, const char *data, const char *name)
{
        _cleanup_(buffer_done) Buffer text = { 0 };

        read_test_data(data, &text);
        assert_int_equal(buffer_append(&text, "", 1), 0);
        folder_write(folder, name, (char *)text.data, 0644);
}

static Manifest *load_good(const char *folder, const ManifestOptions *options)
{
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        Manifest *m = NULL;
        int r;

        r = manifest_load(folder, options, &m, &problems);
        if (r < 0 || problems.n_items > 0) {
                _cleanup_(freep) char *line = NULL;

                assert_int_equal(manifest_problem_format(&problems, &problems.items[0], true, &line), 0);
                fail_msg("%d: %s", r, line);
        }
        return m;
}

/* Loads the manifest and expects its first server to be this file of the folder. */
static void expect_path(const Folder *folder, const char *file)
{
        _cleanup_(manifest_freep) Manifest *m = load_good(folder->path, NULL);

        assert_string_equal(m->servers[0].path, folder_path(folder, file));
}

static void the_package_of_the_seeds_is_loaded_with_an_elf_file_without_suffix(void **state)
{
        _cleanup_(manifest_freep) Manifest *m = NULL;
        Folder folder;

        folder_init(&folder);
        copy_test_data(&folder, "seed-appxmanifest.xml", "AppxManifest.xml");
        folder_write(&folder, seed_executable, "\x7f" "ELF", 0755);
        m = load_good(folder.path, NULL);
        assert_string_equal(m->folder, folder.path);
        assert_string_equal(m->root, folder.path);
        assert_string_equal(m->file, "AppxManifest.xml");
        assert_string_equal(m->family_name, "SamplePackagedWinMainBackgroundApp_h91ms92gdsmmt");
        assert_string_equal(m->servers[0].path, folder_path(&folder, seed_executable));
        assert_false(m->servers[0].is_pe);
        folder_done(&folder);
}

static void the_packages_of_real_apps_are_loaded(void **state)
{
        static const struct {
                const char *file, *executable;
        } table[] = {
                { "outofproc-cpp-winui.appxmanifest", "BackgroundTaskBuilder" },
                { "packaged-com-server.xml", "ACDual.exe" },
                { "push-cpp-console.appxmanifest", "cpp-console/cpp-console" },
                { "two-comservers-one-exe.appxmanifest", "ToastNotificationsDemoApp/ToastNotificationsDemoApp" },
                { "winmain-com-sample-cppwinrt.appxmanifest",
                  "BackgroundTaskWinMainComSample_CppWinRT/BackgroundTaskWinMainComSample_CppWinRT.exe" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(freep) char *data = NULL;
                Folder folder;

                assert_true(asprintf(&data, "manifests/%s", table[i].file) > 0);
                folder_init(&folder);
                copy_test_data(&folder, data, strstr(data, ".xml") ? "AppxManifest.xml" : "Package.appxmanifest");
                folder_write(&folder, table[i].executable, "#!/bin/sh\n", 0755);
                expect_path(&folder, table[i].executable);
                folder_done(&folder);
        }
}

#define SERVER(executable) PACKAGE(EXE("Executable='" executable "'", CLASS_A))

static void the_manifest_is_found_by_its_best_name(void **state)
{
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "a", "", 0755);
        folder_write(&folder, "b", "", 0755);
        folder_write(&folder, "c", "", 0755);
        folder_write(&folder, "d", "", 0755);
        folder_write(&folder, "App.AppxManifest", SERVER("a.exe"), 0644);
        expect_path(&folder, "a");
        folder_write(&folder, "package.appxmanifest", SERVER("b.exe"), 0644);
        expect_path(&folder, "b");
        folder_write(&folder, "appxmanifest.xml", SERVER("c.exe"), 0644);
        expect_path(&folder, "c");
        folder_write(&folder, "AppxManifest.xml", SERVER("d.exe"), 0644);
        expect_path(&folder, "d");
        folder_done(&folder);
}

static void a_relative_folder_becomes_absolute_and_an_absolute_link_is_kept(void **state)
{
        _cleanup_(manifest_freep) Manifest *relative = NULL, *link = NULL;
        Folder folder;
        char *cwd = getcwd(NULL, 0);

        assert_non_null(cwd);
        folder_init(&folder);
        folder_write(&folder, "v1/AppxManifest.xml", SERVER("a.exe"), 0644);
        folder_write(&folder, "v1/a", "", 0755);
        folder_symlink(&folder, "v1", "current");
        assert_int_equal(chdir(folder.path), 0);
        relative = load_good("current//", NULL);
        assert_string_equal(relative->folder, folder_path(&folder, "v1"));
        link = load_good(folder_path(&folder, "current/"), NULL);
        assert_string_equal(link->folder, folder_path(&folder, "current"));
        assert_string_equal(link->servers[0].path, folder_path(&folder, "current/a"));
        assert_int_equal(chdir(cwd), 0);
        free(cwd);
        folder_done(&folder);
}

static void executables_of_an_external_location_are_looked_up_there_only(void **state)
{
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        _cleanup_(manifest_freep) Manifest *m = NULL, *refused = NULL;
        Folder package, external;

        folder_init(&package);
        folder_init(&external);
        folder_write(&package, "AppxManifest.xml", PACKAGE_START IDENTITY
                     PROPERTIES("<uap10:AllowExternalContent>true</uap10:AllowExternalContent>") REST
                     APPLICATION(COM(EXE("Executable='a.exe'", CLASS_A))) PACKAGE_END, 0644);
        folder_write(&external, "a", "", 0755);
        m = load_good(package.path, &(ManifestOptions){ .external_location = external.path });
        assert_string_equal(m->root, external.path);
        assert_string_equal(m->folder, package.path);
        assert_string_equal(m->servers[0].path, folder_path(&external, "a"));
        assert_int_equal(manifest_load(package.path, NULL, &refused, &problems), -ENOENT);
        assert_int_equal(problems.first_error, ERROR_NO_EXECUTABLE);
        folder_done(&package);
        folder_done(&external);
}

static void without_looking_at_files_paths_are_as_written(void **state)
{
        _cleanup_(manifest_freep) Manifest *m = NULL;
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "AppxManifest.xml", SERVER("bin\\a.exe"), 0644);
        m = load_good(folder.path, &(ManifestOptions){ .skip_files = true });
        assert_string_equal(m->servers[0].path, folder_path(&folder, "bin/a.exe"));
        folder_done(&folder);
}

static void a_windows_program_needs_no_permission_to_execute(void **state)
{
        _cleanup_(manifest_freep) Manifest *m = NULL;
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "AppxManifest.xml", SERVER("a.exe"), 0644);
        folder_write(&folder, "a.exe", "MZ\x90", 0644);
        m = load_good(folder.path, NULL);
        assert_true(m->servers[0].is_pe);
        folder_done(&folder);
}

static void problems_of_all_kinds_are_reported_together(void **state)
{
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        _cleanup_(freep) char *line = NULL, *expected = NULL;
        Manifest *m = NULL;
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "AppxManifest.xml", PACKAGE(EXE("Executable='..\\a.exe'", CLASS_A)
                     EXE("Executable='b.exe'", "<com:Class Id='1'/>")), 0644);
        assert_int_equal(manifest_load(folder.path, NULL, &m, &problems), -EBADMSG);
        assert_int_equal(problems.n_items, 3);
        assert_string_equal(problems.items[0].rule, "class-id");
        assert_string_equal(problems.items[1].rule, "executable-path");
        assert_string_equal(problems.items[2].rule, "executable-missing");
        assert_int_equal(manifest_problem_format(&problems, &problems.items[2], true, &line), 0);
        assert_true(asprintf(&expected, "%s/AppxManifest.xml:13: error: there is no such file in %s: "
                             "ExeServer/@Executable \"b.exe\" (build or copy the program into the package folder) "
                             "[executable-missing]", folder.path, folder.path) > 0);
        assert_string_equal(line, expected);
        folder_done(&folder);
}

static int find(const Folder *folder, bool no_openat2, const char *relative, const char *expected)
{
        _cleanup_(package_root_done) PackageRoot root = PACKAGE_ROOT_INIT;
        Executable executable = { 0 };
        int r;

        assert_int_equal(package_root_open(folder->path, &root), 0);
        root.no_openat2 = no_openat2;
        r = package_root_find(&root, relative, &executable);
        if (r == EXECUTABLE_FOUND) {
                assert_non_null(expected);
                assert_string_equal(executable.path, folder_path(folder, expected));
        }
        free(executable.path);
        return r;
}

static void names_are_matched_exactly_then_without_suffix_then_without_case(void **state)
{
        static const struct {
                const char *relative, *found;
                ExecutableResult result;
        } table[] = {
                { "exact.exe", "exact.exe", EXECUTABLE_FOUND },
                { "bare.exe", "bare", EXECUTABLE_FOUND },
                { "bare.EXE", "bare", EXECUTABLE_FOUND },
                { "bare", "bare", EXECUTABLE_FOUND },
                { "EXACT.EXE", "exact.exe", EXECUTABLE_FOUND },
                { "BARE.exe", "bare", EXECUTABLE_FOUND },
                { "exact", NULL, EXECUTABLE_E_MISSING },
                { "both.exe", "both.exe", EXECUTABLE_FOUND },
                { "Two.exe", "Two", EXECUTABLE_FOUND },
                { "TWO.exe", NULL, EXECUTABLE_E_AMBIGUOUS },
                { "app.exe", "app.exe", EXECUTABLE_FOUND },
                { "APP\\tool.exe", "app/tool", EXECUTABLE_FOUND },
                { "app/tool.exe", "app/tool", EXECUTABLE_FOUND },
                { "sub/sub.exe", "sub/sub", EXECUTABLE_FOUND },
                { "folder.exe", NULL, EXECUTABLE_E_TYPE },
                { "bare/x.exe", NULL, EXECUTABLE_E_MISSING },
                { "inside.exe", "inside", EXECUTABLE_FOUND },
                { "up/bare.exe", "up/bare", EXECUTABLE_FOUND },
                { "outside.exe", NULL, EXECUTABLE_E_OUTSIDE },
                { "out/sh", NULL, EXECUTABLE_E_OUTSIDE },
                { "loop", NULL, EXECUTABLE_E_UNREACHABLE },
                { "dangling", NULL, EXECUTABLE_E_MISSING },
                { "fifo", NULL, EXECUTABLE_E_TYPE },
                { "plain", NULL, EXECUTABLE_E_MODE },
        };
        static const char *const files[] = {
                "exact.exe", "bare", "both", "both.exe", "Two", "two", "app/tool", "app.exe", "sub/sub",
        };
        Folder folder;

        folder_init(&folder);
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                folder_write(&folder, files[i], "x", 0755);
        folder_write(&folder, "plain", "x", 0644);
        folder_mkdir(&folder, "folder");
        folder_symlink(&folder, "app/../bare", "inside");
        folder_symlink(&folder, "app/..", "up");
        folder_symlink(&folder, "/bin/sh", "outside");
        folder_symlink(&folder, "../../bin", "out");
        folder_symlink(&folder, "loop", "loop");
        folder_symlink(&folder, "nothing", "dangling");
        assert_int_equal(mkfifo(folder_path(&folder, "fifo"), 0700), 0);
        for (unsigned no_openat2 = 0; no_openat2 <= 1; no_openat2++)
                for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                        int r = find(&folder, no_openat2, table[i].relative, table[i].found);

                        if (r != (int)table[i].result)
                                fail_msg("%s: %d instead of %u", table[i].relative, r, table[i].result);
                }
        folder_done(&folder);
}

static void a_file_of_roots_says_where_the_executables_are(void **state)
{
        _cleanup_(manifest_freep) Manifest *m = NULL;
        Folder folder, elsewhere;

        if (geteuid() != 0)
                skip();
        folder_init(&folder);
        folder_init(&elsewhere);
        folder_write(&elsewhere, "a", "#!/bin/sh\n", 0755);
        folder_write(&folder, "AppxManifest.xml", PACKAGE_START IDENTITY
                     PROPERTIES("<uap10:AllowExternalContent>true</uap10:AllowExternalContent>") REST
                     APPLICATION(COM(EXE("Executable='a.exe'", CLASS_A))) PACKAGE_END, 0644);
        folder_write(&folder, "external-location", elsewhere.path, 0644);
        m = load_good(folder.path, NULL);
        assert_string_equal(m->root, elsewhere.path);
        assert_string_equal(m->servers[0].path, folder_path(&elsewhere, "a"));
        folder_done(&folder);
        folder_done(&elsewhere);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_package_of_the_seeds_is_loaded_with_an_elf_file_without_suffix),
                cmocka_unit_test(the_packages_of_real_apps_are_loaded),
                cmocka_unit_test(the_manifest_is_found_by_its_best_name),
                cmocka_unit_test(a_relative_folder_becomes_absolute_and_an_absolute_link_is_kept),
                cmocka_unit_test(executables_of_an_external_location_are_looked_up_there_only),
                cmocka_unit_test(without_looking_at_files_paths_are_as_written),
                cmocka_unit_test(a_windows_program_needs_no_permission_to_execute),
                cmocka_unit_test(a_file_of_roots_says_where_the_executables_are),
                cmocka_unit_test(problems_of_all_kinds_are_reported_together),
                cmocka_unit_test(names_are_matched_exactly_then_without_suffix_then_without_case),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
