/* SPDX-License-Identifier: MIT */

#include "broker/startup.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>


static const char unit[] = "bgtaskd.service";

const char *startup_code(StartupProblem problem)
{
        static const char *const codes[] = {
                [STARTUP_FINE] = NULL,
                [STARTUP_NOTHING] = "no-start",
                [STARTUP_NO_LINGER] = "no-linger",
        };
        _Static_assert(ELEMENTSOF(codes) == _STARTUP_MAX, "every problem has a code");

        return codes[problem];
}

static bool exists(const char *format, ...) _printf_(1, 2);

/* Looks at a link, not at what it leads to. */
static bool exists(const char *format, ...)
{
        char path[4096];
        struct stat st;
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(path, sizeof path, format, args);
        va_end(args);
        return n >= 0 && n < (int)sizeof path && lstat(path, &st) == 0;
}

static bool is_masked(const char *folder)
{
        char path[4096], target[16];
        ssize_t n;

        if (snprintf(path, sizeof path, "%s/%s", folder, unit) >= (int)sizeof path)
                return false;
        n = readlink(path, target, sizeof target);
        return n == (ssize_t)strlen("/dev/null") && memcmp(target, "/dev/null", (size_t)n) == 0;
}

/* Calls back for each folder of a colon-separated variable, with what is behind it. True as soon as one is true. */
static bool any_folder(const char *list, const char *behind, bool (*wanted)(const char *folder, void *userdata),
                       void *userdata)
{
        char folder[4096];

        for (size_t n; *list; list += n + (list[n] == ':')) {
                n = strcspn(list, ":");
                if (*list == '/' &&
                    snprintf(folder, sizeof folder, "%.*s/%s", (int)n, list, behind) < (int)sizeof folder &&
                    wanted(folder, userdata))
                        return true;
        }
        return false;
}

typedef struct Enabled {
        const char *target;
        bool wanted, masked;
} Enabled;

static bool look_for_unit(const char *folder, void *userdata)
{
        Enabled *e = userdata;

        e->masked |= is_masked(folder);
        e->wanted |= exists("%s/%s.wants/%s", folder, e->target, unit);
        return false;
}

static const char *variable(const char *name, const char *fallback)
{
        const char *value = getenv(name);

        return value && value[0] ? value : fallback;
}

/* $HOME/BELOW, or the folder that the variable names. */
static void home_folder(const char *name, const char *below, char *buf, size_t size)
{
        const char *value = getenv(name);

        if (value && value[0] == '/')
                (void)snprintf(buf, size, "%s", value);
        else
                (void)snprintf(buf, size, "%s/%s", variable("HOME", ""), below);
}

static bool systemd_starts_user_broker(void)
{
        Enabled e = { .target = "default.target" };
        char folder[4096];

        home_folder("XDG_CONFIG_HOME", ".config", folder, sizeof folder);
        any_folder(folder, "systemd/user", look_for_unit, &e);
        home_folder("XDG_DATA_HOME", ".local/share", folder, sizeof folder);
        any_folder(folder, "systemd/user", look_for_unit, &e);
        any_folder(variable("XDG_DATA_DIRS", "/usr/local/share:/usr/share"), "systemd/user", look_for_unit, &e);
        any_folder("/etc:/run:/usr/local/lib:/usr/lib", "systemd/user", look_for_unit, &e);
        return e.wanted && !e.masked;
}

static bool systemd_starts_system_broker(void)
{
        Enabled e = { .target = "multi-user.target" };

        any_folder("/etc:/run:/usr/local/lib:/usr/lib", "systemd/system", look_for_unit, &e);
        return e.wanted && !e.masked;
}

typedef struct Entry {
        bool found, hidden;
} Entry;

/* The first one counts; a hidden one takes those behind it out of force. */
static bool look_for_entry(const char *folder, void *userdata)
{
        char path[4096], line[256];
        _cleanup_(fclosep) FILE *f = NULL;
        Entry *entry = userdata;

        if (snprintf(path, sizeof path, "%s/bgtaskd.desktop", folder) < (int)sizeof path)
                f = fopen(path, "re");
        if (!f)
                return false;
        entry->found = true;
        while (fgets(line, sizeof line, f))
                entry->hidden |= strncmp(line, "Hidden=true", strlen("Hidden=true")) == 0;
        return true;
}

static bool desktop_starts_broker(void)
{
        Entry entry = { 0 };
        char folder[4096];

        home_folder("XDG_CONFIG_HOME", ".config", folder, sizeof folder);
        if (!any_folder(folder, "autostart", look_for_entry, &entry))
                any_folder(variable("XDG_CONFIG_DIRS", "/etc/xdg"), "autostart", look_for_entry, &entry);
        return entry.found && !entry.hidden;
}

static bool has_user_manager(void)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        return runtime && runtime[0] == '/' ? exists("%s/systemd/private", runtime)
                                            : exists("/run/user/%u/systemd/private", (unsigned)getuid());
}

static bool user_lingers(void)
{
        const struct passwd *user = getpwuid(getuid());

        return user && exists("/var/lib/systemd/linger/%s", user->pw_name);
}

static void say(Startup *s, StartupProblem problem, const char *sentence, const char *remedy)
{
        s->problem = problem;
        s->remedy = remedy;
        (void)snprintf(s->sentence, sizeof s->sentence, "%s", sentence);
}

static void look_at_system(Startup *s)
{
        if (!exists("/run/systemd/system"))
                say(s, STARTUP_NOTHING, "nothing that bgtask knows of starts the machine's broker after a reboot",
                    "let the init system run 'bgtaskd --system' at boot");
        else if (systemd_starts_system_broker())
                say(s, STARTUP_FINE, "systemd starts the broker at boot", NULL);
        else
                say(s, STARTUP_NOTHING, "nothing starts the machine's broker after a reboot",
                    "systemctl enable --now bgtaskd.service");
}

static void look_at_user(Startup *s)
{
        if (has_user_manager() && systemd_starts_user_broker() && user_lingers())
                say(s, STARTUP_FINE, "systemd starts the broker at boot, because the user lingers", NULL);
        else if (has_user_manager() && systemd_starts_user_broker())
                say(s, STARTUP_NO_LINGER, "the broker starts at log-in and ends at log-off: tasks wait in between",
                    "'loginctl enable-linger' lets it run from boot on");
        else if (desktop_starts_broker())
                say(s, STARTUP_FINE, "the desktop starts the broker at log-in", NULL);
        else if (has_user_manager())
                say(s, STARTUP_NOTHING, "nothing starts the broker after a reboot, until somebody uses it",
                    "systemctl --user enable --now bgtaskd.service");
        else
                say(s, STARTUP_NOTHING, "nothing starts the broker after a reboot, until somebody uses it",
                    "install its autostart entry, or let what starts the session run bgtaskd");
}

void startup_look(bool system, bool by_hand, Startup *ret)
{
        *ret = (Startup){ 0 };
        if (by_hand)
                say(ret, STARTUP_NOTHING, "the broker has folders of its own, and nothing else starts one with them",
                    "start it the same way after a reboot, or use the broker without --state and --runtime");
        else if (system)
                look_at_system(ret);
        else
                look_at_user(ret);
}
