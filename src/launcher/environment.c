/* SPDX-License-Identifier: MIT */

#include "launcher/environment.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "base/settings.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define DEFAULT_ROOT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Taken from the source if they are absolute paths, or lists of such. */
static const char *const path_variables[] = {
        "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_DIRS",
};

static size_t name_length(const char *variable)
{
        return strcspn(variable, "=");
}

static size_t find(const Environment *environment, const char *name, size_t n_name)
{
        size_t i;

        for (i = 0; i < environment->n_variables; i++)
                if (name_length(environment->variables[i]) == n_name &&
                    memcmp(environment->variables[i], name, n_name) == 0)
                        break;
        return i;
}

static void forget(Environment *environment, size_t i)
{
        environment->n_bytes -= strlen(environment->variables[i]) + 1;
        free(environment->variables[i]);
        environment->variables[i] = environment->variables[--environment->n_variables];
}

int environment_set(Environment *environment, const char *name, const char *value)
{
        size_t i, n_old = 0, n_new, n_name = strlen(name);
        char *variable;

        if (!variable_name_is_valid(name, n_name))
                return -EINVAL;
        i = find(environment, name, n_name);
        if (!value) {
                if (i < environment->n_variables)
                        forget(environment, i);
                return 0;
        }
        if (strlen(value) > ENVIRONMENT_VALUE_MAX)
                return -E2BIG;
        n_new = n_name + strlen(value) + 2;
        if (i < environment->n_variables)
                n_old = strlen(environment->variables[i]) + 1;
        else if (i >= ENVIRONMENT_VARIABLES_MAX)
                return -E2BIG;
        if (environment->n_bytes - n_old + n_new > ENVIRONMENT_BYTES_MAX)
                return -E2BIG;
        variable = malloc(n_new);
        if (!variable)
                return -ENOMEM;
        snprintf(variable, n_new, "%s=%s", name, value);
        if (i < environment->n_variables)
                free(environment->variables[i]);
        else
                environment->n_variables++;
        environment->variables[i] = variable;
        environment->n_bytes += n_new - n_old;
        return 0;
}

const char *environment_get(const Environment *environment, const char *name)
{
        size_t n_name = strlen(name), i = find(environment, name, n_name);

        return i < environment->n_variables ? environment->variables[i] + n_name + 1 : NULL;
}

static const char *source_get(char *const *source, const char *name)
{
        size_t n_name = strlen(name);

        for (; source && *source; source++)
                if (strncmp(*source, name, n_name) == 0 && (*source)[n_name] == '=')
                        return *source + n_name + 1;
        return NULL;
}

static bool is_own_directory(const char *path)
{
        struct stat st;

        return path && path[0] == '/' && stat(path, &st) >= 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static bool are_absolute_paths(const char *list)
{
        while (list) {
                if (*list != '/')
                        return false;
                list = strchr(list, ':');
                if (list)
                        list++;
        }
        return true;
}

static bool is_locale(const char *name)
{
        static const char allowed[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.@";

        return *name && strlen(name) < 64 && strspn(name, allowed) == strlen(name);
}

/* Users that the database does not know (containers) get their number for a name and / for a home. */
static int set_user(Environment *environment, char *const *source)
{
        const char *home = source_get(source, "HOME"), *name, *shell;
        struct passwd *user;
        char number[16];
        int r;

        errno = 0;
        user = getpwuid(geteuid());
        snprintf(number, sizeof number, "%u", (unsigned)geteuid());
        name = user && user->pw_name ? user->pw_name : number;
        shell = user && user->pw_shell && user->pw_shell[0] == '/' ? user->pw_shell : "/bin/sh";
        if (!is_own_directory(home))
                home = user && user->pw_dir && user->pw_dir[0] == '/' ? user->pw_dir : "/";
        r = environment_set(environment, "HOME", home);
        if (r >= 0)
                r = environment_set(environment, "USER", name);
        if (r >= 0)
                r = environment_set(environment, "LOGNAME", name);
        if (r >= 0)
                r = environment_set(environment, "SHELL", shell);
        return r;
}

static int set_runtime_directory(Environment *environment, char *const *source)
{
        const char *path = source_get(source, "XDG_RUNTIME_DIR");
        char standard[48];

        if (!is_own_directory(path)) {
                snprintf(standard, sizeof standard, "/run/user/%u", (unsigned)geteuid());
                path = standard;
        }
        return is_own_directory(path) ? environment_set(environment, "XDG_RUNTIME_DIR", path) : 0;
}

int environment_init(Environment *environment, char *const *source)
{
        const char *value;
        int r;

        *environment = (Environment){ 0 };
        environment->variables = calloc(ENVIRONMENT_VARIABLES_MAX, sizeof(char *));
        if (!environment->variables)
                return -ENOMEM;
        r = set_user(environment, source);
        if (r >= 0)
                r = environment_set(environment, "PATH", geteuid() == 0 ? DEFAULT_ROOT_PATH : DEFAULT_PATH);
        if (r >= 0) {
                value = source_get(source, "LANG");
                r = environment_set(environment, "LANG", value && is_locale(value) ? value : "C.UTF-8");
        }
        if (r >= 0)
                r = set_runtime_directory(environment, source);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(path_variables); i++) {
                value = source_get(source, path_variables[i]);
                if (value && are_absolute_paths(value) && strlen(value) <= ENVIRONMENT_VALUE_MAX)
                        r = environment_set(environment, path_variables[i], value);
        }
        if (r < 0)
                environment_done(environment);
        return r;
}

void environment_done(Environment *environment)
{
        for (size_t i = 0; i < environment->n_variables; i++)
                free(environment->variables[i]);
        free(environment->variables);
        *environment = (Environment){ 0 };
}

static bool is_overridden(const char *variable, const char *const *extra)
{
        size_t n = name_length(variable) + 1;

        for (; extra && *extra; extra++)
                if (strncmp(variable, *extra, n) == 0)
                        return true;
        return false;
}

int environment_build(const Environment *environment, const char *const *extra, char ***ret_environment)
{
        size_t n = 0, n_extra = 0;
        char **list;

        for (; extra && extra[n_extra]; n_extra++)
                if (!strchr(extra[n_extra], '=') ||
                    !variable_name_is_valid(extra[n_extra], name_length(extra[n_extra])))
                        return -EINVAL;
        list = calloc(environment->n_variables + n_extra + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < environment->n_variables; i++)
                if (!is_overridden(environment->variables[i], extra))
                        list[n++] = environment->variables[i];
        for (size_t i = 0; i < n_extra; i++)
                if (!is_overridden(extra[i], extra + i + 1))
                        list[n++] = (char *)extra[i];
        *ret_environment = list;
        return 0;
}

static int check_executable(const char *path)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EACCES;
        return access(path, X_OK) < 0 ? -errno : 0;
}

int environment_find_executable(const Environment *environment, const char *name, const char *cwd, char **ret_path)
{
        const char *folders = environment_get(environment, "PATH"), *base = "";
        bool in_path = !strchr(name, '/');
        int r, error = -ENOENT;

        if (!name[0])
                return -ENOENT;
        if (!in_path) {
                if (name[0] != '/')
                        base = cwd ? cwd : environment_get(environment, "HOME");
                folders = base;
        }
        for (const char *p = folders; p; p = in_path ? strchr(p, ':') : NULL) {
                _cleanup_(freep) char *path = NULL;
                int n;

                p += in_path && *p == ':';
                n = (int)(in_path ? strcspn(p, ":") : strlen(p));
                /* An empty or relative entry of PATH would mean our own working directory. */
                if (in_path && *p != '/')
                        continue;
                if (asprintf(&path, "%.*s%s%s", n, p, n > 0 ? "/" : "", name) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                r = check_executable(path);
                if (r >= 0) {
                        *ret_path = TAKE_PTR(path);
                        return 0;
                }
                if (r == -EACCES || !in_path)
                        error = r;
        }
        return error;
}
