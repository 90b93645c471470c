/* SPDX-License-Identifier: MIT */

/*
 * Each allocation of loading a package fails once. The linker sends the allocations of this program, not those inside
 * expat and libc, through the functions below.
 */

#include "manifest/test-fixture.h"

static size_t n_allocations; /* since the count began */
static size_t fail_at;       /* the allocation that fails; 0: none */

static bool fails(void)
{
        if (++n_allocations != fail_at)
                return false;
        errno = ENOMEM;
        return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_vasprintf(char **p, const char *format, va_list args);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_vasprintf(char **p, const char *format, va_list args);
int __wrap_asprintf(char **p, const char *format, ...);

void *__wrap_malloc(size_t size)
{
        return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
        return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
        return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
        return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
        return fails() ? NULL : __real_strndup(s, n);
}

/* A pointer that nobody may use marks what a failed asprintf() leaves undefined. */
int __wrap_vasprintf(char **p, const char *format, va_list args)
{
        if (fails()) {
                *p = (char *)1;
                return -1;
        }
        return __real_vasprintf(p, format, args);
}

int __wrap_asprintf(char **p, const char *format, ...)
{
        va_list args;
        int n;

        va_start(args, format);
        n = __wrap_vasprintf(p, format, args);
        va_end(args);
        return n;
}

static int load(const char *folder, ManifestProblems *problems)
{
        Manifest *m = NULL;
        int r;

        r = manifest_load(folder, NULL, &m, problems);
        assert_int_equal(r == 0, m != NULL);
        manifest_free(m);
        return r;
}

/* Fails one allocation after the other until loading the folder ends as it does with enough memory. */
static void check_folder(const char *folder, int expected)
{
        size_t n;

        for (n = 1;; n++) {
                ManifestProblems problems = { 0 };
                bool failed;
                int r;

                n_allocations = 0;
                fail_at = n;
                r = load(folder, &problems);
                failed = n_allocations >= n;
                fail_at = 0;
                manifest_problems_done(&problems);
                if (!failed) {
                        assert_int_equal(r, expected);
                        break;
                }
                if (r != -ENOMEM)
                        fail_msg("allocation %zu failed, and the result is %d", n, r);
        }
        assert_true(n > 10);
}

static void loading_a_package_without_memory_says_so_and_leaks_nothing(void **state)
{
        _cleanup_(buffer_done) Buffer seed = { 0 }, all = { 0 };
        Folder folder;

        folder_init(&folder);
        read_test_data("seed-appxmanifest.xml", &seed);
        assert_int_equal(buffer_append(&seed, "", 1), 0);
        folder_write(&folder, "AppxManifest.xml", (char *)seed.data, 0644);
        folder_write(&folder, "SampleBackgroundApp/SAMPLEBackgroundApp", "", 0755);
        check_folder(folder.path, 0);

        read_test_data("../fuzz/corpus-manifest/all-kinds", &all);
        assert_int_equal(buffer_append(&all, "", 1), 0);
        folder_write(&folder, "AppxManifest.xml", (char *)all.data, 0644);
        check_folder(folder.path, -ENOENT);
        folder_done(&folder);
}

static void a_problem_that_cannot_be_written_down_for_lack_of_memory_is_lack_of_memory(void **state)
{
        Folder folder;

        folder_init(&folder);
        folder_write(&folder, "AppxManifest.xml", PACKAGE(EXE("Executable='..'", CLASS_A CLASS_A)), 0644);
        check_folder(folder.path, -EBADMSG);
        folder_done(&folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(loading_a_package_without_memory_says_so_and_leaks_nothing),
                cmocka_unit_test(a_problem_that_cannot_be_written_down_for_lack_of_memory_is_lack_of_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
