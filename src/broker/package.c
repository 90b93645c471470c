/* SPDX-License-Identifier: MIT */

/* Installed packages: manifest, folder and what they declare. The engine decides when one is in force. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/broker.h"
#include "broker/confine.h"
#include "broker/trust.h"

/* Name space of content ids: anything that makes a package another one changes its id. */
static const Uuid content_name_space = {
        { 0x5b, 0x1f, 0x8c, 0x2a, 0x61, 0x0d, 0x4f, 0x3e, 0x9a, 0x77, 0x2c, 0x41, 0x0e, 0x93, 0xd5, 0x68 },
};

void broker_package_free(Package *package)
{
        if (!package)
                return;
        list_remove(&package->node);
        manifest_free(package->manifest);
        free(package->family);
        free(package->folder);
        free(package->target_name);
        free(package->external_location);
        free(package->wine_prefix);
        free(package->problem);
        free(package);
}

static Package *find(Broker *broker, const char *family, uint64_t token)
{
        list_for_each(i, &broker->packages) {
                Package *package = list_entry(i, Package, node);

                if (package->token == token && strcmp(package->family, family) == 0)
                        return package;
        }
        return NULL;
}

Package *broker_package_find(Broker *broker, const char *family)
{
        return find(broker, family, 0);
}

Package *broker_package_of_executable(Broker *broker, const char *path)
{
        list_for_each(i, &broker->packages) {
                Package *package = list_entry(i, Package, node);

                for (size_t j = 0; package->token == 0 && package->manifest && j < package->manifest->n_servers; j++) {
                        const char *server = package->manifest->servers[j].path;
                        struct stat a, b;

                        if (server && (strcmp(server, path) == 0 ||
                                       (stat(server, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
                                        a.st_ino == b.st_ino)))
                                return package;
                }
        }
        list_for_each(i, &broker->packages) {
                Package *package = list_entry(i, Package, node);
                size_t n = strlen(package->folder);

                if (package->token == 0 && strncmp(path, package->folder, n) == 0 && path[n] == '/')
                        return package;
        }
        return NULL;
}

char *broker_package_local_folder(const Broker *broker, const char *family)
{
        char *path;

        return asprintf(&path, "%s/%s", broker->paths.data, family) < 0 ? NULL : path;
}

static int dup_string(const char *s, char **ret)
{
        *ret = s && s[0] ? strdup(s) : NULL;
        return s && s[0] && !*ret ? -ENOMEM : 0;
}

static Uuid content_of(const Package *package, const void *text, size_t n_text)
{
        Buffer b = { 0 };
        Uuid id;

        if (buffer_printf(&b, "%s\n%s\n%s\n", package->folder, package->target_name ?: "",
                          package->manifest->root) < 0 ||
            (package->wine_prefix && buffer_printf(&b, "%s\n", package->wine_prefix) < 0) ||
            buffer_append(&b, text, n_text) < 0) {
                buffer_done(&b);
                return uuid_random();
        }
        id = uuid_v5(content_name_space, b.data, b.size);
        buffer_done(&b);
        return id;
}

static Package *package_new(Broker *broker, const char *folder, const char *target_name, const char *external)
{
        Package *package = calloc(1, sizeof *package);

        if (!package)
                return NULL;
        package->folder = strdup(folder);
        if (!package->folder || dup_string(target_name, &package->target_name) < 0 ||
            dup_string(external, &package->external_location) < 0) {
                broker_package_free(package);
                return NULL;
        }
        list_append(&broker->packages, &package->node);
        return package;
}

/* All errors of a manifest as lines; what is more than buf holds is counted. */
static void describe_problems(const ManifestProblems *problems, char *buf, size_t size, const char **ret_remedy)
{
        size_t used = 0, n_errors = problems->n_found[MANIFEST_ERROR], n_left = n_errors;

        *ret_remedy = NULL;
        buf[0] = '\0';
        for (size_t i = 0; i < problems->n_items && used + 1 < size; i++) {
                const ManifestProblem *p = &problems->items[i];
                _cleanup_(freep) char *text = NULL;
                int n;

                if (p->severity != MANIFEST_ERROR)
                        continue;
                /* The remedy of a single error is the call's; each of several has its own. */
                *ret_remedy = n_errors == 1 ? p->remedy : "correct each of them; 'bgtask lint' shows them all";
                if (manifest_problem_format(problems, p, n_errors > 1, &text) < 0)
                        continue;
                n = snprintf(buf + used, size - used, "%s%s", used > 0 ? "\n" : "", text);
                if (n < 0 || (size_t)n >= size - used)
                        break;
                used += (size_t)n;
                n_left--;
        }
        if (n_left > 0 && used < size)
                snprintf(buf + used, size - used, "%s%zu more", used > 0 ? "\nand " : "", n_left);
}

static int read_manifest_text(const Manifest *manifest, Buffer *ret)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closep) int fd = -1;
        ssize_t n;

        if (asprintf(&path, "%s/%s", manifest->folder, manifest->file) < 0)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        do {
                if (buffer_reserve(ret, 64 * 1024) < 0)
                        return -ENOMEM;
                n = read(fd, ret->data + ret->size, 64 * 1024);
                if (n > 0)
                        ret->size += (size_t)n;
        } while (n > 0 && ret->size <= MANIFEST_SIZE_MAX);
        return n < 0 ? -errno : 0;
}

int broker_package_fill_event(const Package *package, Event *event, PackageClass **ret_classes)
{
        PackageClass *classes;
        size_t n = 0;

        for (size_t i = 0; package->manifest && i < package->manifest->n_servers; i++)
                n += package->manifest->servers[i].n_classes;
        /* What is declared is not known while its folder is gone: it is what its classes are, not there. */
        event->package.capabilities = package->manifest ? 0 : UINT32_MAX;
        for (size_t i = 0; package->manifest && term_at(TERM_CAPABILITY, i) >= 0; i++)
                if (broker_package_has_capability(package, term_name(TERM_CAPABILITY, term_at(TERM_CAPABILITY, i))))
                        event->package.capabilities |= CAPABILITY_BIT(term_at(TERM_CAPABILITY, i));
        classes = calloc(n + 1, sizeof *classes);
        if (!classes)
                return -ENOMEM;
        n = 0;
        for (size_t i = 0; package->manifest && i < package->manifest->n_servers; i++)
                for (size_t j = 0; j < package->manifest->servers[i].n_classes; j++)
                        classes[n++] = (PackageClass){ package->manifest->servers[i].classes[j].clsid, (uint32_t)i };
        event->package.name = package->family;
        event->package.content = package->content;
        event->package.classes = classes;
        event->package.n_classes = n;
        *ret_classes = classes;
        return 0;
}

static int feed_package(Broker *broker, const Package *package, EventType type)
{
        _cleanup_(freep) PackageClass *classes = NULL;
        Event event = broker_event(broker, type, package->token);
        int r;

        r = broker_package_fill_event(package, &event, &classes);
        if (r >= 0)
                broker_feed(broker, &event);
        return r;
}

#define TRUST_REMEDY "let it belong to you or root and be writable by nobody else ('chmod go-w'), then install again"

/* What is wrong with a package. */
typedef struct PackageProblems {
        ManifestProblems manifest;
        char trust[1024]; /* a sentence; "": only those change it who may */
} PackageProblems;

/* Whoever can change a program that we start is us. */
static int check_trust(const Manifest *manifest, char *sentence, size_t size)
{
        TrustProblem problem;
        int r;

        r = trust_path(manifest->folder, &problem);
        for (size_t i = 0; i < manifest->n_servers && r >= 0; i++)
                r = trust_path(manifest->servers[i].path, &problem);
        if (r == -EPERM)
                snprintf(sentence, size, "others than its user may change %.512s: it belongs to uid %u, mode %04o",
                         problem.path, (unsigned)problem.owner, (unsigned)problem.mode);
        else if (r < 0)
                snprintf(sentence, size, "the package cannot be looked at: %s", strerror(-r));
        return r;
}

static bool manifest_has_pe(const Manifest *manifest)
{
        for (size_t i = 0; i < manifest->n_servers; i++)
                if (manifest->servers[i].is_pe)
                        return true;
        return false;
}

/* Reads and stages; the caller describes the problems. */
static int stage(Broker *broker, const char *folder, const ManifestOptions *options, const char *wine_prefix,
                 uint64_t token, PackageProblems *problems, Package **ret)
{
        Package *package = package_new(broker, folder, options->target_name, options->external_location);
        Buffer text = { 0 };
        int r;

        if (!package)
                return -ENOMEM;
        package->token = token;
        package->installed_real_usec = clock_now(broker->clock).real_usec;
        r = manifest_load(folder, options, &package->manifest, &problems->manifest);
        if (r >= 0)
                r = check_trust(package->manifest, problems->trust, sizeof problems->trust);
        if (r >= 0)
                r = read_manifest_text(package->manifest, &text);
        if (r >= 0 && manifest_has_pe(package->manifest))
                r = dup_string(wine_prefix, &package->wine_prefix);
        if (r >= 0) {
                package->family = strdup(package->manifest->family_name);
                package->content = content_of(package, text.data, text.size);
                r = package->family ? 0 : -ENOMEM;
        }
        buffer_done(&text);
        if (r < 0)
                broker_package_free(package);
        else
                *ret = package;
        return r;
}

/* What refuses a package: the error, and its sentence in buf. */
static Error describe_refusal(const PackageProblems *problems, int r, char *buf, size_t size, const char **ret_remedy)
{
        const ManifestProblems *manifest = &problems->manifest;
        Error error = manifest->first_error == ERROR_NONE ? error_from_errno(r) : manifest->first_error;

        if (problems->trust[0]) {
                snprintf(buf, size, "%s", problems->trust);
                *ret_remedy = TRUST_REMEDY;
                return ERROR_ACCESS_DENIED;
        }
        describe_problems(manifest, buf, size, ret_remedy);
        if (!buf[0])
                snprintf(buf, size, "%s", error_info(error)->sentence);
        if (!*ret_remedy)
                *ret_remedy = error_info(error)->remedy;
        return error;
}

void broker_package_install(Broker *broker, Call *call, const BusInstall *install)
{
        const ManifestOptions options = { .target_name = install->target_name,
                                          .external_location = install->external_location };
        PackageProblems problems = { 0 };
        Package *package = NULL;
        char sentence[4096];
        const char *remedy;
        Error error;
        int r;

        r = stage(broker, install->folder, &options, install->wine_prefix, call_token(call), &problems, &package);
        if (r >= 0) {
                r = feed_package(broker, package, EVENT_INSTALL);
                if (r < 0)
                        broker_package_free(package);
        }
        if (r < 0) {
                error = describe_refusal(&problems, r, sentence, sizeof sentence, &remedy);
                bus_reply_error_with(call, error, sentence, remedy);
        }
        manifest_problems_done(&problems.manifest);
}

int broker_package_stage(Broker *broker, const char *folder, uint64_t token, Package **ret_package, char *sentence,
                         size_t size)
{
        const ManifestOptions options = { 0 };
        PackageProblems problems = { 0 };
        const char *remedy;
        int r;

        r = stage(broker, folder, &options, NULL, token, &problems, ret_package);
        if (r < 0)
                (void)describe_refusal(&problems, r, sentence, size, &remedy);
        manifest_problems_done(&problems.manifest);
        return r;
}

void broker_package_begin(Broker *broker, Package *package)
{
        if (feed_package(broker, package, EVENT_INSTALL) < 0)
                broker_package_free(package);
}

void broker_package_begin_gone(Broker *broker, const Package *package, uint64_t token)
{
        Package *gone = package_new(broker, package->folder, package->target_name, package->external_location);

        if (!gone)
                return;
        gone->token = token;
        gone->installed_real_usec = package->installed_real_usec;
        gone->family = strdup(package->family);
        if (!gone->family || asprintf(&gone->problem, "its folder %s is gone", package->folder) < 0) {
                gone->problem = NULL;
                broker_package_free(gone);
                return;
        }
        broker_package_begin(broker, gone);
}

void broker_package_stored(Broker *broker, const char *family, uint64_t token)
{
        Package *package = find(broker, family, token);
        Buffer text = { 0 };
        StorePackage row;

        if (!package || !package->manifest)
                return;
        /* The text is kept so that a person can see what was in force; an unreadable one does not keep it out. */
        (void)read_manifest_text(package->manifest, &text);
        row = (StorePackage){
                .name = package->family,
                .folder = package->folder,
                .external_location = package->external_location,
                .target_name = package->target_name,
                .wine_prefix = package->wine_prefix,
                .version = package->manifest->version,
                .content = package->content,
                .installed_real_usec = package->installed_real_usec,
                .manifest = text.data,
                .n_manifest = MIN(text.size, (size_t)STORE_MANIFEST_MAX),
        };
        (void)store_put_package(broker->store, &row);
        buffer_done(&text);
}

/* The one that waited takes the place of the one that was, or is forgotten. */
Package *broker_package_commit(Broker *broker, uint64_t token, Error error)
{
        Package *staged = NULL, *old;

        list_for_each(i, &broker->packages) {
                Package *package = list_entry(i, Package, node);

                if (package->token == token)
                        staged = package;
        }
        if (!staged)
                return NULL;
        if (error != ERROR_NONE) {
                broker_package_free(staged);
                return NULL;
        }
        old = broker_package_find(broker, staged->family);
        /* Who removes it waits for this commit, and means whatever is in force then. */
        staged->removing = old ? old->removing : 0;
        broker_package_free(old);
        staged->token = 0;
        if (!broker_package_is_confined(staged))
                broker_confine_unlisten(broker, staged->family);
        return staged;
}

void broker_package_mark_removing(Broker *broker, const char *family, uint64_t token)
{
        Package *package = broker_package_find(broker, family);

        if (package)
                package->removing = token;
}

void broker_package_end_removing(Broker *broker, uint64_t token, Error error)
{
        list_for_each_safe(i, &broker->packages) {
                Package *package = list_entry(i, Package, node);

                if (token == 0 || package->removing != token)
                        continue;
                package->removing = 0;
                if (error != ERROR_NONE)
                        continue;
                broker_confine_unlisten(broker, package->family);
                broker_package_free(package);
        }
}

int broker_package_restore(Broker *broker, const StorePackage *row)
{
        const ManifestOptions options = {
                .target_name = row->target_name && row->target_name[0] ? row->target_name : NULL,
                .external_location =
                        row->external_location && row->external_location[0] ? row->external_location : NULL,
        };
        ManifestProblems problems = { 0 };
        char sentence[1024];
        const char *remedy;
        Package *package;
        int r;

        package = package_new(broker, row->folder, options.target_name, options.external_location);
        if (!package)
                return -ENOMEM;
        package->family = strdup(row->name);
        package->content = row->content;
        package->installed_real_usec = row->installed_real_usec;
        if (!package->family)
                return -ENOMEM;
        r = manifest_load(row->folder, &options, &package->manifest, &problems);
        if (r >= 0 && strcmp(package->manifest->family_name, row->name) != 0) {
                package->manifest = manifest_free(package->manifest);
                r = asprintf(&package->problem, "the folder %s holds another package now", row->folder);
        } else if (r < 0) {
                describe_problems(&problems, sentence, sizeof sentence, &remedy);
                package->problem = strdup(sentence);
        } else if (check_trust(package->manifest, sentence, sizeof sentence) < 0) {
                package->manifest = manifest_free(package->manifest);
                package->problem = strdup(sentence);
        }
        if (package->problem) {
                /* Once it is mended, installing it again is not installing the same again. */
                package->content = UUID_NULL;
                broker_add_problem(broker, "the package %s cannot serve: %s", row->name, package->problem);
        }
        manifest_problems_done(&problems);
        return feed_package(broker, package, EVENT_RESTORE_PACKAGE);
}

int broker_package_restore_wine_prefix(Broker *broker, const char *family, const char *prefix)
{
        Package *package = broker_package_find(broker, family);

        return package && !package->wine_prefix ? dup_string(prefix, &package->wine_prefix) : 0;
}

/* Which packages declare what: an unknown CLSID is mostly a typing error or a package that is not installed. */
/* The first capability that the task needs and its package does not declare; NULL: it has all. Commands need none. */
static const char *find_missing(const Package *package, const TaskSpec *spec, uint8_t *ret_kind)
{
        if (!package || !package->manifest || spec->command)
                return NULL;
        for (uint32_t i = 0; i <= spec->n_more; i++)
                for (uint32_t left = trigger_capabilities(spec_trigger(spec, i)->kind); left; left &= left - 1) {
                        const char *name = term_name(TERM_CAPABILITY, __builtin_ctz(left));

                        if (broker_package_has_capability(package, name))
                                continue;
                        *ret_kind = spec_trigger(spec, i)->kind;
                        return name;
                }
        return NULL;
}

static void explain_missing(const char *family, const char *name, uint8_t kind, char *sentence, char *remedy,
                            size_t size)
{
        snprintf(sentence, size, "the package %s may not have a %s: its manifest does not declare the capability %s",
                 family, term_name(TERM_TRIGGER, kind), name);
        snprintf(remedy, size, "declare <uap3:Capability Name=\"%s\"/> in its manifest and install it anew", name);
}

bool broker_package_refuse_trigger(Broker *broker, Call *call, const char *family, const TaskSpec *spec)
{
        char sentence[400], remedy[sizeof sentence];
        uint8_t kind;
        const char *missing = find_missing(broker_package_find(broker, family), spec, &kind);

        if (!missing)
                return false;
        explain_missing(family, missing, kind, sentence, remedy, sizeof sentence);
        bus_reply_error_with(call, ERROR_ACCESS_DENIED, sentence, remedy);
        return true;
}

void broker_package_explain_capability(Broker *broker, const TaskSpec *spec, char *sentence, char *remedy, size_t size)
{
        uint8_t kind;
        const char *missing = find_missing(broker_package_find(broker, spec->package), spec, &kind);

        if (missing)
                explain_missing(spec->package, missing, kind, sentence, remedy, size);
}

void broker_package_explain_class(Broker *broker, const char *family, Uuid clsid, char *buf, size_t size)
{
        const Package *package = broker_package_find(broker, family);
        const ManifestForeignClass *foreign = NULL;
        char text[UUID_STRING_MAX];
        size_t used;

        uuid_format(clsid, text);
        if (package && package->manifest)
                foreign = manifest_find_foreign_class(package->manifest, clsid);
        if (foreign) {
                snprintf(buf, size, "the class %s is declared by a %s of %s, and only an ExeServer can be started",
                         text, foreign->kind, family);
                return;
        }
        used = (size_t)snprintf(buf, size, "the package %s declares no class %s", family, text);
        list_for_each(i, &broker->packages) {
                const Package *other = list_entry(i, Package, node);

                for (size_t j = 0; other->manifest && other->token == 0 && j < other->manifest->n_servers; j++) {
                        const ManifestServer *server = &other->manifest->servers[j];

                        for (size_t k = 0; k < server->n_classes && used < size; k++)
                                used += (size_t)snprintf(buf + used, size - used, "; %s declares %s", other->family,
                                                         uuid_format(server->classes[k].clsid, text));
                }
        }
}
