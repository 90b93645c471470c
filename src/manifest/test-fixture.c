/* SPDX-License-Identifier: MIT */

#include "manifest/test-fixture.h"

#include <ftw.h>

void folder_init(Folder *folder)
{
        strcpy(folder->path, "/tmp/bgtask-manifest-XXXXXX");
        assert_non_null(mkdtemp(folder->path));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

/* A folder that a test has locked must be opened before what is in it can be removed. */
static int unlock_folder(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return type == FTW_D || type == FTW_DNR ? chmod(path, 0700) : 0;
}

void folder_done(Folder *folder)
{
        nftw(folder->path, unlock_folder, 8, FTW_PHYS);
        assert_int_equal(nftw(folder->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const char *folder_path(const Folder *folder, const char *name)
{
        static char path[4096];

        snprintf(path, sizeof path, "%s/%s", folder->path, name);
        return path;
}

static void make_parents(const Folder *folder, const char *name)
{
        for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
                _cleanup_(freep) char *parent = strndup(name, (size_t)(slash - name));

                assert_non_null(parent);
                if (mkdir(folder_path(folder, parent), 0755) < 0)
                        assert_int_equal(errno, EEXIST);
        }
}

void folder_write(const Folder *folder, const char *name, const char *text, mode_t mode)
{
        FILE *f;

        make_parents(folder, name);
        f = fopen(folder_path(folder, name), "w");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(folder_path(folder, name), mode), 0);
}

void folder_mkdir(const Folder *folder, const char *name)
{
        make_parents(folder, name);
        assert_int_equal(mkdir(folder_path(folder, name), 0755), 0);
}

void folder_symlink(const Folder *folder, const char *target, const char *name)
{
        make_parents(folder, name);
        assert_int_equal(symlink(target, folder_path(folder, name)), 0);
}

void read_test_data(const char *name, Buffer *ret_text)
{
        char path[4096], chunk[4096];
        size_t n;
        FILE *f;

        snprintf(path, sizeof path, "%s/%s", TEST_DATA, name);
        f = fopen(path, "r");
        assert_non_null(f);
        while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
                assert_int_equal(buffer_append(ret_text, chunk, n), 0);
        assert_int_equal(fclose(f), 0);
}

Uuid uuid_of(const char *text)
{
        Uuid uuid;

        assert_int_equal(uuid_parse(text, &uuid), 0);
        return uuid;
}

static bool seen[_RULE_MAX];

const char *format_all(const ManifestProblems *problems)
{
        static char all[4096];

        *all = '\0';
        for (size_t i = 0; i < problems->n_items; i++) {
                _cleanup_(freep) char *line = NULL;

                assert_int_equal(manifest_problem_format(problems, &problems->items[i], true, &line), 0);
                snprintf(all + strlen(all), sizeof all - strlen(all), "\n%s", line);
        }
        return all;
}

const ManifestProblem *find_problem(const ManifestProblems *problems, ManifestRule rule)
{
        for (size_t i = 0; i < problems->n_items; i++)
                if (strcmp(problems->items[i].rule, problems_rule_id(rule)) == 0) {
                        seen[rule] = true;
                        return &problems->items[i];
                }
        fail_msg("%s is not reported, but:%s", problems_rule_id(rule), format_all(problems));
        return NULL;
}

void check_problem(const ManifestProblems *problems, ManifestRule rule, int result)
{
        const ManifestProblem *p = find_problem(problems, rule);

        assert_true(*p->sentence && *p->remedy && *p->where);
        assert_int_equal(p->severity == MANIFEST_ERROR, p->error != ERROR_NONE);
        assert_int_equal(p->severity == MANIFEST_ERROR, result < 0);
        if (result < 0)
                assert_int_equal(result, -error_info(problems->first_error)->error);
}

void check_cases(const RuleCase *cases, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                _cleanup_(manifest_problems_done) ManifestProblems problems = { .windows = true };
                _cleanup_(manifest_freep) Manifest *m = NULL;
                const ManifestProblem *p;
                int r;

                r = manifest_parse(cases[i].text, strlen(cases[i].text), NULL, &m, &problems);
                check_problem(&problems, cases[i].rule, r);
                p = find_problem(&problems, cases[i].rule);
                if (p->line != cases[i].line || !p->value != !cases[i].value ||
                    (p->value && strcmp(p->value, cases[i].value) != 0))
                        fail_msg("case %zu: %s", i, format_all(&problems));
        }
}

bool is_rule_seen(ManifestRule rule)
{
        return seen[rule];
}
