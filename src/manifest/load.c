/* SPDX-License-Identifier: MIT */

/* A package folder → its manifest and the files that it names. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "manifest/build.h"
#include "base/folder.h"
#include "manifest/names.h"
#include "manifest/paths.h"

#define EXTERNAL_LOCATION_FILE "external-location"

/* What the search of a folder for a manifest has seen. */
typedef struct Candidates {
        char *exact;   /* AppxManifest.xml */
        char *any_case;
        char *package; /* Package.appxmanifest in any case */
        char *source;  /* any *.appxmanifest */
        unsigned n_any_case, n_package, n_source;
} Candidates;

static void candidates_done(Candidates *c)
{
        free(c->exact);
        free(c->any_case);
        free(c->package);
        free(c->source);
}

/* Remembers the first name of a kind. */
static int remember(char **slot, const char *name)
{
        if (*slot)
                return 0;
        *slot = strdup(name);
        return *slot ? 0 : -ENOMEM;
}

static int candidates_look_at(Candidates *c, const char *name)
{
        static const char suffix[] = ".appxmanifest";
        size_t n = strlen(name), n_suffix = strlen(suffix);

        if (strcmp(name, "AppxManifest.xml") == 0)
                return remember(&c->exact, name);
        if (names_equal_ignoring_case(name, "AppxManifest.xml")) {
                c->n_any_case++;
                return remember(&c->any_case, name);
        }
        if (names_equal_ignoring_case(name, "Package.appxmanifest")) {
                c->n_package++;
                return remember(&c->package, name);
        }
        if (n > n_suffix && names_equal_ignoring_case(name + n - n_suffix, suffix)) {
                c->n_source++;
                return remember(&c->source, name);
        }
        return 0;
}

/* The best name, in the order that manifest_load() promises; NULL after adding a problem. */
static char **candidates_choose(Candidates *c, const char *folder, ManifestProblems *problems)
{
        struct {
                char **name;
                unsigned n;
        } order[] = {
                { &c->exact, c->exact ? 1 : 0 },
                { &c->any_case, c->n_any_case },
                { &c->package, c->n_package },
                { &c->source, c->n_source },
        };

        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                if (order[i].n == 1)
                        return order[i].name;
                if (order[i].n > 1) {
                        problems_add(problems, RULE_MANIFEST_AMBIGUOUS, 0, folder,
                                     "the folder holds %u manifests, among them %s", order[i].n, *order[i].name);
                        return NULL;
                }
        }
        problems_add(problems, RULE_NO_MANIFEST, 0, folder,
                     "the folder holds neither AppxManifest.xml nor a file of the kind *.appxmanifest");
        return NULL;
}

/* Reports a folder that cannot be opened or read, and returns what the caller returns. */
static int add_folder_problem(ManifestProblems *problems, const char *folder, int error)
{
        if (error == ENOENT)
                problems_add(problems, RULE_NO_MANIFEST, 0, folder, "there is no such folder");
        else if (error == ENOTDIR)
                problems_add(problems, RULE_NO_MANIFEST, 0, folder, "this is not a folder");
        else
                problems_add(problems, RULE_FOLDER_UNREADABLE, 0, folder, "the folder cannot be read: %s",
                             strerror(error));
        return problems_to_errno(problems);
}

/* Opens the folder and finds the manifest's name; problems say why not. */
static int find_manifest(const char *folder, DIR **ret_dir, char **ret_name, ManifestProblems *problems)
{
        _cleanup_(closedirp) DIR *dir = opendir(folder);
        _cleanup_(candidates_done) Candidates candidates = { 0 };
        struct dirent *entry;
        char **name;

        if (!dir) {
                if (errno == ENOMEM)
                        return -ENOMEM;
                return add_folder_problem(problems, folder, errno);
        }
        while ((errno = 0, entry = readdir(dir)))
                if (candidates_look_at(&candidates, entry->d_name) < 0)
                        return -ENOMEM;
        if (errno != 0)
                return add_folder_problem(problems, folder, errno);
        name = candidates_choose(&candidates, folder, problems);
        if (!name)
                return problems_to_errno(problems);
        *ret_name = TAKE_PTR(*name);
        *ret_dir = TAKE_PTR(dir);
        return 0;
}

/* Reads at most one byte more than a manifest may have, so that the parser sees that it is too large. */
static int read_all(int fd, Buffer *text)
{
        ssize_t n;
        int r;

        r = buffer_reserve(text, MANIFEST_SIZE_MAX + 1);
        if (r < 0)
                return r;
        while (text->size <= MANIFEST_SIZE_MAX) {
                n = read(fd, text->data + text->size, MANIFEST_SIZE_MAX + 1 - text->size);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        break;
                text->size += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

static int read_manifest(int folder_fd, const char *name, Buffer *text, ManifestProblems *problems)
{
        _cleanup_(closep) int fd = -1;
        struct stat st;
        int r;

        fd = openat(folder_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
        if (r >= 0 && !S_ISREG(st.st_mode)) {
                problems_add(problems, RULE_MANIFEST_NOT_REGULAR, 0, name, "the manifest is not a regular file");
                return problems_to_errno(problems);
        }
        if (r >= 0)
                r = read_all(fd, text);
        if (r == -ENOMEM || r >= 0)
                return r;
        problems_add(problems, RULE_MANIFEST_UNREADABLE, 0, name, "the manifest cannot be read: %s",
                     strerror(-r));
        return problems_to_errno(problems);
}

/* An absolute path without slashes at its end. A relative one loses its links, because only the kernel knows them. */
static char *absolute_path_new(const char *path)
{
        char *copy;
        size_t n;

        if (*path != '/')
                return realpath(path, NULL);
        n = strlen(path);
        while (n > 1 && path[n - 1] == '/')
                n--;
        copy = strndup(path, n);
        if (!copy)
                errno = ENOMEM;
        return copy;
}

/* Reports why the executable of a server is not there. */
static void add_executable_problem(ManifestProblems *problems, const ManifestServer *server, const char *root,
                                   int result)
{
        static const struct {
                ManifestRule rule;
                const char *sentence;
        } table[] = {
                [EXECUTABLE_E_MISSING] = { RULE_EXECUTABLE_MISSING, "there is no such file" },
                [EXECUTABLE_E_AMBIGUOUS] = { RULE_EXECUTABLE_AMBIGUOUS,
                                             "several names differ from this one only in case" },
                [EXECUTABLE_E_OUTSIDE] = { RULE_EXECUTABLE_OUTSIDE, "a link leads out of the folder" },
                [EXECUTABLE_E_UNREACHABLE] = { RULE_EXECUTABLE_UNREACHABLE, "the file cannot be reached" },
                [EXECUTABLE_E_TYPE] = { RULE_EXECUTABLE_TYPE, "this is not a regular file" },
                [EXECUTABLE_E_MODE] = { RULE_EXECUTABLE_MODE, "the file may not be executed" },
        };

        problems_add(problems, table[result].rule, server->line, server->executable, "%s in %s",
                     table[result].sentence, root);
}

static int find_executable(PackageRoot *root, ManifestServer *server, ManifestProblems *problems)
{
        Executable executable;
        int r;

        r = package_root_find(root, server->executable, &executable);
        if (r < 0)
                return r;
        if (r != EXECUTABLE_FOUND) {
                add_executable_problem(problems, server, root->path, r);
                return 0;
        }
        server->path = executable.path;
        server->is_pe = executable.is_pe;
        if (executable.other_case)
                problems_add(problems, RULE_EXECUTABLE_CASE, server->line, server->executable,
                             "the file is spelt in another case: %s", server->path);
        return 0;
}

/* The path that a manifest means, without looking: for manifests whose program is yet to be built. */
static int name_executable(const char *root, ManifestServer *server)
{
        if (asprintf(&server->path, "%s/%s", root, server->executable) < 0) {
                server->path = NULL;
                return -ENOMEM;
        }
        for (char *p = server->path + strlen(root); *p; p++)
                if (*p == '\\')
                        *p = '/';
        return 0;
}

static int find_executables(Manifest *m, bool skip_files, ManifestProblems *problems)
{
        _cleanup_(package_root_done) PackageRoot root = PACKAGE_ROOT_INIT;
        int r = 0;

        if (!m->root)
                return 0;
        if (!skip_files)
                r = package_root_open(m->root, &root);
        if (r < 0 && r != -ENOMEM) {
                problems_add(problems, RULE_EXTERNAL_LOCATION_UNREADABLE, 0, m->root,
                             "the folder cannot be opened: %s", strerror(-r));
                return 0;
        }
        for (size_t i = 0; r >= 0 && i < m->n_servers; i++) {
                ManifestServer *server = &m->servers[i];

                if (!server->executable || names_check_executable(server->executable))
                        continue;
                r = skip_files ? name_executable(m->root, server) : find_executable(&root, server, problems);
        }
        return r;
}

/* True if nobody but root can have written what the descriptor leads to. */
static bool is_roots(int fd)
{
        struct stat st;

        return fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) && st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/*
 * What a distribution says in place of --external-location: one absolute path in a file of root's beside the manifest.
 * The path is the caller's; NULL if there is no such file, or after adding a problem.
 */
static int read_external_location(int folder_fd, char **ret_path, ManifestProblems *problems)
{
        _cleanup_(closep) int fd = openat(folder_fd, EXTERNAL_LOCATION_FILE,
                                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        char text[4096 + 1];
        ssize_t n;

        *ret_path = NULL;
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0 || !is_roots(fd)) {
                problems_add(problems, RULE_EXTERNAL_LOCATION_FILE, 0, EXTERNAL_LOCATION_FILE,
                             "the file is not a regular one that only root can write");
                return 0;
        }
        n = read(fd, text, sizeof text - 1);
        text[MAX(n, 0)] = '\0';
        text[strcspn(text, "\r\n")] = '\0';
        if (text[0] != '/' || n == (ssize_t)sizeof text - 1) {
                problems_add(problems, RULE_EXTERNAL_LOCATION_FILE, 0, text,
                             "the file does not hold one absolute path");
                return 0;
        }
        *ret_path = strdup(text);
        return *ret_path ? 0 : -ENOMEM;
}

/* Decides where executables are. The root stays NULL if problems leave nowhere to look. */
static int set_root(Manifest *m, int folder_fd, const ManifestOptions *options, ManifestProblems *problems)
{
        const char *external = options ? options->external_location : NULL;
        _cleanup_(freep) char *from_file = NULL;
        int r;

        if (!external) {
                r = read_external_location(folder_fd, &from_file, problems);
                if (r < 0)
                        return r;
                external = from_file;
        }

        if (external && *external != '/') {
                problems_add(problems, RULE_EXTERNAL_LOCATION_UNREADABLE, 0, external,
                             "the external location is not an absolute path");
                return 0;
        }
        if (external && !m->allow_external_content) {
                problems_add(problems, RULE_EXTERNAL_LOCATION, 0, external,
                             "the manifest does not allow external content");
                return 0;
        }
        m->root = absolute_path_new(external ? external : m->folder);
        return m->root ? 0 : -ENOMEM;
}

int manifest_load(const char *folder, const ManifestOptions *options, Manifest **ret_manifest,
                  ManifestProblems *problems)
{
        _cleanup_(freep) char *absolute = NULL, *name = NULL;
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_(buffer_done) Buffer text = { 0 };
        int r;

        absolute = absolute_path_new(folder);
        if (!absolute)
                return errno == ENOMEM ? -ENOMEM : add_folder_problem(problems, folder, errno);
        r = find_manifest(absolute, &dir, &name, problems);
        if (r < 0)
                return r;
        if (asprintf(&problems->file, "%s/%s", absolute, name) < 0) {
                problems->file = NULL;
                return -ENOMEM;
        }
        r = read_manifest(dirfd(dir), name, &text, problems);
        if (r >= 0)
                r = build_manifest(text.data, text.size, options, &m, problems);
        if (r < 0)
                return r;
        m->folder = TAKE_PTR(absolute);
        m->file = TAKE_PTR(name);
        r = set_root(m, dirfd(dir), options, problems);
        if (r >= 0)
                r = find_executables(m, options && options->skip_files, problems);
        if (r >= 0)
                r = problems_to_errno(problems);
        if (r < 0)
                return r;
        *ret_manifest = TAKE_PTR(m);
        return 0;
}

static int lint_file(const char *path, const ManifestOptions *options, ManifestProblems *problems)
{
        _cleanup_(manifest_freep) Manifest *m = NULL;
        _cleanup_(buffer_done) Buffer text = { 0 };
        int r;

        problems->file = strdup(path);
        if (!problems->file)
                return -ENOMEM;
        r = read_manifest(AT_FDCWD, path, &text, problems);
        return r < 0 ? r : build_manifest(text.data, text.size, options, &m, problems);
}

int manifest_lint(const char *path, const ManifestOptions *options, ManifestProblems *problems)
{
        _cleanup_(manifest_freep) Manifest *m = NULL;
        struct stat st;
        int r;

        if (stat(path, &st) >= 0 && !S_ISDIR(st.st_mode))
                r = lint_file(path, options, problems);
        else
                r = manifest_load(path, options, &m, problems);
        return r == -ENOMEM ? -ENOMEM : 0;
}
