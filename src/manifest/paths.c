/* SPDX-License-Identifier: MIT */

#include "manifest/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/buffer.h"
#include "base/folder.h"
#include "base/macro.h"
#include "manifest/names.h"

int package_root_open(const char *path, PackageRoot *ret_root)
{
        _cleanup_(closep) int fd = -1;
        char *copy;

        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        *ret_root = (PackageRoot){ .fd = TAKE_FD(fd), .path = copy };
        return 0;
}

void package_root_done(PackageRoot *root)
{
        root->fd = safe_close(root->fd);
        free(root->path);
        root->path = NULL;
}

/* Where the kernel has no openat2(): the real path must lie below the root's real path. */
static int open_beneath_by_name(const PackageRoot *root, const char *relative, int flags)
{
        _cleanup_(freep) char *joined = NULL, *real = NULL, *real_root = NULL;
        size_t n;
        int fd;

        if (asprintf(&joined, "%s/%s", root->path, relative) < 0) {
                joined = NULL;
                return -ENOMEM;
        }
        real_root = realpath(root->path, NULL);
        real = real_root ? realpath(joined, NULL) : NULL;
        if (!real)
                return -errno;
        n = strcmp(real_root, "/") == 0 ? 0 : strlen(real_root);
        if (strncmp(real, real_root, n) != 0 || (real[n] != '/' && real[n] != '\0'))
                return -EXDEV;
        fd = open(real, flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Opens a path below the root, "" being the root; -EXDEV if a link leads out of it. */
static int open_beneath(PackageRoot *root, const char *relative, int flags)
{
        struct open_how how = {
                .flags = (uint64_t)(flags | O_CLOEXEC),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
        };
        long fd;

        if (!*relative)
                relative = ".";
        if (root->no_openat2)
                return open_beneath_by_name(root, relative, flags);
        /* EAGAIN: something was renamed meanwhile, so that the kernel could not be sure. */
        for (unsigned i = 0; i < 16; i++) {
                fd = syscall(SYS_openat2, root->fd, relative, &how, sizeof how);
                if (fd >= 0)
                        return (int)fd;
                if (errno != EAGAIN && errno != EINTR)
                        break;
        }
        /* EPERM is what a seccomp filter that does not know the call says. */
        if (errno != ENOSYS && errno != EPERM)
                return -errno;
        root->no_openat2 = true;
        return open_beneath_by_name(root, relative, flags);
}

static int result_from_errno(int error)
{
        switch (-error) {
        case ENOENT:
        case ENOTDIR:
        case ENAMETOOLONG:
        case EINVAL:
                return EXECUTABLE_E_MISSING;
        case EXDEV:
                return EXECUTABLE_E_OUTSIDE;
        case EACCES:
        case EPERM:
        case ELOOP:
                return EXECUTABLE_E_UNREACHABLE;
        default:
                return error;
        }
}

/*
 * Looks in the folder for the only name that differs from name in nothing but case. A folder that may be entered but
 * not read has no such name, as far as we can tell.
 */
static int find_ignoring_case(PackageRoot *root, const char *folder, const char *name, char **ret_name)
{
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_(freep) char *found = NULL;
        struct dirent *entry;
        int fd, r;

        fd = open_beneath(root, folder, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return fd == -EACCES ? EXECUTABLE_E_MISSING : result_from_errno(fd);
        r = folder_take(fd, &dir);
        if (r < 0)
                return r;
        while ((errno = 0, entry = readdir(dir))) {
                if (!names_equal_ignoring_case(entry->d_name, name))
                        continue;
                if (found)
                        return EXECUTABLE_E_AMBIGUOUS;
                found = strdup(entry->d_name);
                if (!found)
                        return -ENOMEM;
        }
        if (errno != 0)
                return -errno;
        if (!found)
                return EXECUTABLE_E_MISSING;
        *ret_name = TAKE_PTR(found);
        return EXECUTABLE_FOUND;
}

/* Appends a segment to a path below the root. */
static int append_segment(Buffer *path, const char *name)
{
        return buffer_printf(path, path->size > 0 ? "/%s" : "%s", name);
}

static void cut_path(Buffer *path, size_t size)
{
        path->size = size;
        if (path->data)
                path->data[size] = '\0';
}

static const char *path_text(const Buffer *path)
{
        return path->data ? (const char *)path->data : "";
}

/* Appends the folder of that name to the path, as the file system spells it. */
static int enter_folder(PackageRoot *root, Buffer *path, const char *name, bool *other_case)
{
        _cleanup_(closep) int fd = -1;
        _cleanup_(freep) char *found = NULL;
        size_t size = path->size;
        int r;

        r = append_segment(path, name);
        if (r < 0)
                return r;
        fd = open_beneath(root, path_text(path), O_PATH | O_DIRECTORY);
        if (fd >= 0)
                return EXECUTABLE_FOUND;
        if (fd != -ENOENT)
                return result_from_errno(fd);
        cut_path(path, size);
        r = find_ignoring_case(root, path_text(path), name, &found);
        if (r != EXECUTABLE_FOUND)
                return r;
        *other_case = true;
        return append_segment(path, found);
}

/* Returns whether it does; a file that we may not read does not. -ENOMEM. */
static int begins_with_mz(PackageRoot *root, const char *relative)
{
        _cleanup_(closep) int fd = -1;
        char magic[2];

        fd = open_beneath(root, relative, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd == -ENOMEM)
                return fd;
        return fd >= 0 && read(fd, magic, 2) == 2 && magic[0] == 'M' && magic[1] == 'Z';
}

/* Looks at the file of that name in the folder path, and appends the name if it will do. */
static int try_file(PackageRoot *root, Buffer *path, const char *name, bool *ret_is_pe)
{
        _cleanup_(closep) int fd = -1;
        size_t size = path->size;
        struct stat st;
        int is_pe, r;

        r = append_segment(path, name);
        if (r < 0)
                return r;
        fd = open_beneath(root, path_text(path), O_PATH);
        if (fd < 0)
                r = result_from_errno(fd);
        else if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = EXECUTABLE_E_TYPE;
        else
                r = EXECUTABLE_FOUND;
        if (r == EXECUTABLE_FOUND) {
                is_pe = begins_with_mz(root, path_text(path));
                if (is_pe < 0)
                        return is_pe;
                if (is_pe || faccessat(root->fd, path_text(path), X_OK, AT_EACCESS) >= 0) {
                        *ret_is_pe = is_pe;
                        return r;
                }
                r = EXECUTABLE_E_MODE;
        }
        cut_path(path, size);
        return r;
}

/* Tries one spelling of the last segment, exactly or ignoring case. */
static int try_spelling(PackageRoot *root, Buffer *path, const char *name, bool ignore_case, Executable *executable)
{
        _cleanup_(freep) char *found = NULL;
        int r;

        if (!ignore_case)
                return try_file(root, path, name, &executable->is_pe);
        r = find_ignoring_case(root, path_text(path), name, &found);
        if (r != EXECUTABLE_FOUND)
                return r;
        r = try_file(root, path, found, &executable->is_pe);
        if (r == EXECUTABLE_FOUND)
                executable->other_case = true;
        return r;
}

/* Appends the file of the last segment, in the order that the header gives. */
static int find_file(PackageRoot *root, Buffer *path, const char *name, Executable *executable)
{
        size_t n = strlen(name), n_spellings = names_has_exe_suffix(name) ? 2 : 1;
        _cleanup_(freep) char *without_suffix = strndup(name, n_spellings == 2 ? n - 4 : n);
        int result = EXECUTABLE_E_MISSING;

        if (!without_suffix)
                return -ENOMEM;
        for (unsigned ignore_case = 0; ignore_case <= 1; ignore_case++)
                for (size_t i = 0; i < n_spellings; i++) {
                        int r = try_spelling(root, path, i == 0 ? name : without_suffix, ignore_case, executable);

                        /* X.exe often stands beside a folder X, or in one of that name: keep looking. */
                        if (r != EXECUTABLE_E_MISSING && r != EXECUTABLE_E_TYPE)
                                return r;
                        result = MAX(result, r);
                }
        return result;
}

int package_root_find(PackageRoot *root, const char *relative, Executable *ret_executable)
{
        _cleanup_(freep) char *copy = strdup(relative);
        _cleanup_(buffer_done) Buffer path = { 0 };
        Executable executable = { 0 };
        char *segment = copy, *end;
        int r;

        if (!copy)
                return -ENOMEM;
        while ((end = strpbrk(segment, "/\\"))) {
                *end = '\0';
                r = enter_folder(root, &path, segment, &executable.other_case);
                if (r != EXECUTABLE_FOUND)
                        return r;
                segment = end + 1;
        }
        r = find_file(root, &path, segment, &executable);
        if (r != EXECUTABLE_FOUND)
                return r;
        if (asprintf(&executable.path, "%s%s%s", root->path, strcmp(root->path, "/") == 0 ? "" : "/",
                     path_text(&path)) < 0)
                return -ENOMEM;
        *ret_executable = executable;
        return EXECUTABLE_FOUND;
}
