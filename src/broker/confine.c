/* SPDX-License-Identifier: MIT */

#include "broker/confine.h"

#include <errno.h>
#include <string.h>

#include "base/uuid.h"

#define LINE_MAX_BYTES 4096

typedef enum CapabilityKind {
        NETWORK,
        USER_FOLDER,
        HOME,
        MEDIA,
} CapabilityKind;

static const struct {
        const char *name;
        CapabilityKind kind;
        const char *argument;
        const char *fallback;
} capabilities[] = {
#define X(name, kind, argument, fallback) { name, kind, argument, fallback },
#include "broker/capabilities.def"
#undef X
};
_Static_assert(ELEMENTSOF(capabilities) + 4 <= CONFINE_PATHS_MAX, "a package may have all of them");

bool broker_package_is_confined(const Package *package)
{
        return package && package->manifest && !package->manifest->run_full_trust;
}

static void add_path(PackageConfinement *c, const char *path, const char *seen_as, bool writable, bool optional)
{
        c->paths[c->launch.n_paths++] = (LaunchPath){ path, seen_as, writable, optional };
}

static int add_owned(PackageConfinement *c, char *path, const char *seen_as, bool writable, bool optional)
{
        if (!path)
                return -ENOMEM;
        c->owned[c->n_owned++] = path;
        add_path(c, path, seen_as, writable, optional);
        return 0;
}

/* The value of a line NAME="value", in which $HOME may stand at the beginning; NULL if it is another line. */
static char *parse_user_folder(char *line, const char *name, const char *home)
{
        size_t n = strlen(name);
        char *value = line + n + 2, *end, *path;

        if (strncmp(line, name, n) != 0 || strncmp(line + n, "=\"", 2) != 0)
                return NULL;
        end = strchr(value, '"');
        if (!end)
                return NULL;
        *end = '\0';
        if (value[0] == '/')
                return strdup(value);
        if (strncmp(value, "$HOME/", strlen("$HOME/")) != 0 || !value[strlen("$HOME/")])
                return NULL;
        return asprintf(&path, "%s/%s", home, value + strlen("$HOME/")) < 0 ? NULL : path;
}

/* As xdg-user-dirs writes it down; users move these folders, and in every language they have another name. */
static int user_folder(const Broker *broker, const char *name, const char *fallback, char **ret_path)
{
        const char *home = launcher_get_environment(broker->launcher, "HOME");
        const char *config = launcher_get_environment(broker->launcher, "XDG_CONFIG_HOME");
        _cleanup_(fclosep) FILE *file = NULL;
        _cleanup_(freep) char *list = NULL;
        char line[LINE_MAX_BYTES], *path = NULL;

        if (!home)
                return -ENOMEM;
        if ((config ? asprintf(&list, "%s/user-dirs.dirs", config)
                    : asprintf(&list, "%s/.config/user-dirs.dirs", home)) < 0)
                return -ENOMEM;
        file = fopen(list, "re");
        /* What cannot be read for want of something may name another folder than the fallback. */
        if (!file && (errno == ENFILE || errno == EMFILE || errno == ENOMEM))
                return -errno;
        while (file && !path && fgets(line, sizeof line, file))
                path = parse_user_folder(line, name, home);
        if (!path && asprintf(&path, "%s/%s", home, fallback) < 0)
                return -ENOMEM;
        *ret_path = path;
        return 0;
}

static int add_capability(const Broker *broker, PackageConfinement *c, size_t i)
{
        const char *home = launcher_get_environment(broker->launcher, "HOME");
        const char *user = launcher_get_environment(broker->launcher, "USER");
        char *path = NULL;
        int r;

        switch (capabilities[i].kind) {
        case NETWORK:
                c->launch.network = true;
                return 0;
        case USER_FOLDER:
                r = user_folder(broker, capabilities[i].argument, capabilities[i].fallback, &path);
                return r < 0 ? r : add_owned(c, path, NULL, true, true);
        case HOME:
                if (home)
                        add_path(c, home, NULL, true, true);
                return 0;
        case MEDIA:
                if (!user || !user[0] || strchr(user, '/'))
                        return 0;
                if (asprintf(&path, "%s%s", capabilities[i].argument, user) < 0)
                        path = NULL;
                return add_owned(c, path, NULL, true, true);
        }
        return 0;
}

static bool has_capability(const Manifest *manifest, const char *name)
{
        for (size_t i = 0; i < manifest->n_capabilities; i++)
                if (strcmp(manifest->capabilities[i].name, name) == 0)
                        return true;
        return false;
}

bool broker_package_has_capability(const Package *package, const char *name)
{
        return package->manifest && has_capability(package->manifest, name);
}

/* Named by a digest of the family name: an address has room for 107 bytes. */
static char *socket_folder(const Broker *broker, const char *family)
{
        char *path, id[UUID_STRING_MAX];

        uuid_format(uuid_v5(UUID_NULL, family, strlen(family)), id);
        return asprintf(&path, "%s/packages/%s", broker->paths.runtime, id) < 0 ? NULL : path;
}

int broker_confine_listen(Broker *broker, const Package *package)
{
        _cleanup_(freep) char *folder = NULL, *path = NULL;
        int r;

        if (!broker_package_is_confined(package))
                return 0;
        folder = socket_folder(broker, package->family);
        if (!folder || asprintf(&path, "%s/bus", folder) < 0)
                return -ENOMEM;
        r = paths_make_folder(folder);
        if (r >= 0)
                r = bus_listen_for(broker->bus, path, package->family);
        if (r < 0 && r != -EEXIST)
                broker_log("%s: cannot listen on %s: %s", package->family, path, strerror(-r));
        return r == -EEXIST ? 0 : r;
}

void broker_confine_unlisten(Broker *broker, const char *family)
{
        _cleanup_(freep) char *folder = socket_folder(broker, family);

        bus_unlisten_for(broker->bus, family);
        if (folder)
                (void)rmdir(folder);
}

int broker_confine(Broker *broker, const Package *package, const char *local_folder, PackageConfinement *c)
{
        const Manifest *manifest = package->manifest;
        int r;

        *c = (PackageConfinement){ 0 };
        c->launch.paths = c->paths;
        /* The package may open its own folder to others; the one around it keeps them out. */
        r = paths_make_folder(broker->paths.data);
        if (r >= 0)
                r = paths_make_folder(local_folder);
        if (r >= 0)
                r = broker_confine_listen(broker, package);
        /* What is given first may contain what is given later. */
        for (size_t i = 0; i < ELEMENTSOF(capabilities) && r >= 0; i++)
                if (has_capability(manifest, capabilities[i].name))
                        r = add_capability(broker, c, i);
        if (r < 0)
                return r;
        if (manifest->root && strcmp(manifest->root, package->folder) != 0)
                add_path(c, manifest->root, NULL, false, false);
        add_path(c, package->folder, NULL, false, false);
        add_path(c, local_folder, NULL, true, false);
        return add_owned(c, socket_folder(broker, package->family), "/run/bgtask", false, false);
}

void package_confinement_done(PackageConfinement *c)
{
        for (size_t i = 0; i < c->n_owned; i++)
                free(c->owned[i]);
        *c = (PackageConfinement){ 0 };
}

static bool owns_task(const char *package, Uuid task, void *userdata)
{
        const Broker *broker = userdata;
        TaskInfo info;

        return engine_get_task(broker->engine, task, &info) && strcmp(info.row.spec.package, package) == 0;
}

static bool owns_run(const char *package, Uuid run, void *userdata)
{
        const Broker *broker = userdata;
        RunInfo info;

        return engine_get_run(broker->engine, run, &info) && strcmp(info.package, package) == 0;
}

void confine_set_handlers(BusHandlers *handlers)
{
        handlers->owns_task = owns_task;
        handlers->owns_run = owns_run;
}
