/* SPDX-License-Identifier: MIT */

/*
 * The COM part of a manifest. Classes are collected from everywhere first, because a class may be declared in one
 * place and served in another (com4:ClassReference), and because their ids must differ over the whole package. Then
 * each goes to the ExeServer that serves it, or to the list of those that bgtask cannot activate.
 */

#include <errno.h>
#include <string.h>

#include "manifest/build.h"
#include "manifest/names.h"

#define NO_SERVER SIZE_MAX
#define EXECUTABLE_TEXT_MAX 4096 /* bytes, before tokens are replaced */

/* A Class, TreatAsClass or ProxyStub; or, in the list of references, a ClassReference. */
typedef struct Declaration {
        Uuid clsid;
        const char *kind;
        const XmlElement *element;
        size_t server; /* index of the ExeServer */
} Declaration;

typedef struct Declarations {
        Declaration *items;
        size_t n_items;
} Declarations;

typedef struct Collector {
        Builder *b;
        Declarations declared;
        Declarations references;
        bool full; /* a limit was reported; nothing more is collected */
        bool has_class[MANIFEST_SERVERS_MAX]; /* the server has a class, be it a wrong one that was reported */
} Collector;

static void collector_done(Collector *c)
{
        free(c->declared.items);
        free(c->references.items);
}

/* Reads the Id of a class. */
static bool read_class_id(Builder *b, const XmlElement *e, Uuid *ret_clsid)
{
        const char *id = xml_attribute(e, "Id");

        if (!id) {
                problems_add(b->problems, RULE_CLASS_ID_MISSING, e->line, NULL, "the %s has no Id", e->name);
                return false;
        }
        if (uuid_parse(id, ret_clsid) < 0) {
                problems_add(b->problems, RULE_CLASS_ID, e->line, id, "the Id of the %s is not a GUID", e->name);
                return false;
        }
        if (uuid_is_null(*ret_clsid)) {
                problems_add(b->problems, RULE_CLASS_ID, e->line, id, "the Id of the %s is the null GUID", e->name);
                return false;
        }
        if (*id == '{')
                problems_add(b->problems, RULE_CLASS_ID_BRACES, e->line, id, "the Id of the %s is in braces", e->name);
        return true;
}

static void collect(Collector *c, Declarations *list, const XmlElement *e, const char *kind, size_t server)
{
        Declaration *d;
        Uuid clsid;

        if (c->full || !read_class_id(c->b, e, &clsid))
                return;
        if (list->n_items == MANIFEST_CLASSES_MAX) {
                problems_add(c->b->problems, RULE_CLASS_LIMIT, e->line, NULL,
                             "the package has more than %d classes", MANIFEST_CLASSES_MAX);
                c->full = true;
                return;
        }
        d = BUILD_APPEND(c->b, list->items, list->n_items);
        if (d)
                *d = (Declaration){ .clsid = clsid, .kind = kind, .element = e, .server = server };
}

/* The classes and references inside a server of any kind. */
static void collect_server_classes(Collector *c, const XmlElement *e, const char *kind, size_t server)
{
        for (const XmlElement *child = e->first_child; child; child = child->next) {
                bool is_class = xml_is(child, XML_NS_COM, "Class");

                if (!is_class && !xml_is(child, XML_NS_COM, "ClassReference") &&
                    !xml_is(child, XML_NS_COM, "InProcessServerClassReference"))
                        continue;
                if (server != NO_SERVER)
                        c->has_class[server] = true;
                collect(c, is_class ? &c->declared : &c->references, child, kind, server);
        }
}

static void read_arguments(Builder *b, const XmlElement *e, ManifestServer *server)
{
        const char *arguments = xml_attribute(e, "Arguments");
        _cleanup_(freep) char **argv = NULL;
        int n;

        server->arguments = build_strdup(b, arguments ? arguments : "");
        if (!arguments)
                return;
        for (const char *p = arguments; *p; p++)
                if ((uint8_t)*p < 0x20 || *p == 0x7f) {
                        problems_add(b->problems, RULE_ARGUMENTS, e->line, arguments,
                                     "the arguments hold a control character");
                        return;
                }
        n = manifest_split_arguments(arguments, &argv);
        if (n == -E2BIG)
                problems_add(b->problems, RULE_ARGUMENTS, e->line, arguments, "the command line is too long");
        else if (n < 0)
                b->out_of_memory = true;
        if (!*arguments || *arguments == ' ' || arguments[strlen(arguments) - 1] == ' ')
                problems_add(b->problems, RULE_ARGUMENTS_SPACE, e->line, arguments,
                             "Windows refuses arguments that are empty, or that start or end with a space");
}

static void collect_exe_server(Collector *c, const XmlElement *e, const char *application_id)
{
        Manifest *m = c->b->manifest;
        ManifestServer *server;

        if (c->full)
                return;
        if (m->n_servers == MANIFEST_SERVERS_MAX) {
                problems_add(c->b->problems, RULE_SERVER_LIMIT, e->line, NULL,
                             "the package has more than %d servers", MANIFEST_SERVERS_MAX);
                c->full = true;
                return;
        }
        server = BUILD_APPEND(c->b, m->servers, m->n_servers);
        if (!server)
                return;
        server->line = e->line;
        server->executable = build_strdup(c->b, xml_attribute(e, "Executable"));
        server->display_name = build_display_name(c->b, e, xml_attribute(e, "DisplayName"));
        server->application_id = build_strdup(c->b, application_id);
        read_arguments(c->b, e, server);
        collect_server_classes(c, e, "ExeServer", m->n_servers - 1);
}

static void collect_com_server(Collector *c, const XmlElement *com_server, const char *application_id)
{
        static const char *const kinds[] = {
                "SurrogateServer", "ServiceServer", "InProcessServer", "InProcessHandler", "ManagedInProcessServer",
        };

        for (const XmlElement *e = com_server->first_child; e; e = e->next) {
                if (xml_is(e, XML_NS_COM, "ExeServer"))
                        collect_exe_server(c, e, application_id);
                else if (xml_is(e, XML_NS_COM, "Class"))
                        collect(c, &c->declared, e, "Class", NO_SERVER);
                else if (xml_is(e, XML_NS_COM, "TreatAsClass"))
                        collect(c, &c->declared, e, "TreatAsClass", NO_SERVER);
                for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                        if (xml_is(e, XML_NS_COM, kinds[i]))
                                collect_server_classes(c, e, kinds[i], NO_SERVER);
        }
}

static void collect_proxy_stubs(Collector *c, const XmlElement *com_interface)
{
        const XmlElement *e = xml_child(com_interface, XML_NS_COM, "ProxyStub");

        for (; e; e = xml_next(e, XML_NS_COM, "ProxyStub"))
                collect(c, &c->declared, e, "ProxyStub", NO_SERVER);
}

/* The COM extensions below a Package or an Application. */
static void collect_extensions(Collector *c, const XmlElement *owner, const char *application_id)
{
        const XmlElement *extensions = xml_child(owner, XML_NS_FOUNDATION, "Extensions");
        const XmlElement *extension = extensions ? xml_child(extensions, XML_NS_COM, "Extension") : NULL;

        for (; extension; extension = xml_next(extension, XML_NS_COM, "Extension")) {
                const char *category = xml_attribute(extension, "Category");
                const XmlElement *e = extension->first_child;

                for (; category && e; e = e->next) {
                        if (strcmp(category, "windows.comServer") == 0 && xml_is(e, XML_NS_COM, "ComServer"))
                                collect_com_server(c, e, application_id);
                        else if (strcmp(category, "windows.comInterface") == 0 &&
                                 xml_is(e, XML_NS_COM, "ComInterface"))
                                collect_proxy_stubs(c, e);
                }
        }
}

/* By id, and in the order of the file for equal ids. */
static int compare_declarations(const void *a, const void *b)
{
        const Declaration *x = a, *y = b;
        int order = uuid_compare(x->clsid, y->clsid);

        return order ? order : (x->element->line > y->element->line) - (x->element->line < y->element->line);
}

static void check_duplicates(Builder *b, const Declarations *declared)
{
        for (size_t i = 1; i < declared->n_items; i++) {
                const Declaration *first = &declared->items[i - 1], *second = first + 1;

                if (uuid_equal(first->clsid, second->clsid))
                        problems_add(b->problems, RULE_CLASS_DUPLICATE, second->element->line,
                                     xml_attribute(second->element, "Id"),
                                     "the package declares this class at line %u and again at line %u",
                                     first->element->line, second->element->line);
        }
}

/* The declaration of a class in the sorted list. */
static Declaration *find_declaration(const Declarations *declared, Uuid clsid)
{
        size_t low = 0, high = declared->n_items;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (uuid_compare(declared->items[middle].clsid, clsid) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < declared->n_items && uuid_equal(declared->items[low].clsid, clsid) ? &declared->items[low] : NULL;
}

/*
 * Gives referred classes to the server that refers to them. A class may have an in-process server as well; only two
 * ExeServers for one class contradict each other.
 */
static void resolve_references(Builder *b, Declarations *declared, const Declarations *references)
{
        for (size_t i = 0; i < references->n_items; i++) {
                const Declaration *reference = &references->items[i];
                Declaration *d = find_declaration(declared, reference->clsid);
                const char *id = xml_attribute(reference->element, "Id");

                if (!d && reference->server != NO_SERVER) {
                        problems_add(b->problems, RULE_CLASS_REFERENCE, reference->element->line, id,
                                     "the package does not declare the class that the ExeServer refers to");
                } else if (d && reference->server == NO_SERVER) {
                        if (strcmp(d->kind, "Class") == 0)
                                d->kind = reference->kind;
                } else if (d && d->server != NO_SERVER) {
                        problems_add(b->problems, RULE_CLASS_DUPLICATE, reference->element->line, id,
                                     "the class of line %u has two ExeServers, at line %u and at line %u",
                                     d->element->line, b->manifest->servers[d->server].line,
                                     b->manifest->servers[reference->server].line);
                } else if (d) {
                        d->server = reference->server;
                }
        }
}

static void place_class(Builder *b, const Declaration *d)
{
        Manifest *m = b->manifest;
        const char *name = xml_attribute(d->element, "DisplayName");
        ManifestForeignClass *foreign;
        ManifestServer *server;
        ManifestClass *class;

        if (d->server == NO_SERVER) {
                foreign = BUILD_APPEND(b, m->foreign_classes, m->n_foreign_classes);
                if (foreign)
                        *foreign = (ManifestForeignClass){
                                .clsid = d->clsid, .kind = d->kind, .line = d->element->line,
                                .display_name = build_display_name(b, d->element, name),
                        };
                return;
        }
        server = &m->servers[d->server];
        class = BUILD_APPEND(b, server->classes, server->n_classes);
        if (class)
                *class = (ManifestClass){
                        .clsid = d->clsid, .line = d->element->line,
                        .display_name = build_display_name(b, d->element, name),
                };
}

/* File name without folder and ".exe"; the copy is the caller's. */
static char *base_name(Builder *b, const char *executable)
{
        const char *p = executable + strlen(executable);
        char *name;

        while (p > executable && p[-1] != '/' && p[-1] != '\\')
                p--;
        name = build_strdup(b, p);
        if (name && names_has_exe_suffix(name))
                name[strlen(name) - 4] = '\0';
        return name;
}

static const char target_token[] = "$targetnametoken$";

/* What the token stands for: what the caller says, or the one file name of all servers that do without the token. */
static char *find_target_name(Builder *b)
{
        const Manifest *m = b->manifest;
        _cleanup_(freep) char *target = NULL;

        if (b->options->target_name)
                return build_strdup(b, b->options->target_name);
        for (size_t i = 0; i < m->n_servers; i++) {
                _cleanup_(freep) char *name = NULL;

                if (!m->servers[i].executable || strstr(m->servers[i].executable, target_token) ||
                    names_check_executable(m->servers[i].executable))
                        continue;
                name = base_name(b, m->servers[i].executable);
                if (!name || (target && !names_equal_ignoring_case(name, target)))
                        return NULL;
                if (!target)
                        target = TAKE_PTR(name);
        }
        return TAKE_PTR(target);
}

/* Replaces every token in the executable of a server. */
static void replace_token(Builder *b, ManifestServer *server, const char *target)
{
        _cleanup_(buffer_done) Buffer text = { 0 };
        const char *s = server->executable, *token;
        int r = 0;

        /* A text that long stays too long, and is refused for that; many tokens would make it gigabytes. */
        if (!strstr(s, target_token) || strlen(s) > EXECUTABLE_TEXT_MAX)
                return;
        if (!target) {
                problems_add(b->problems, RULE_TARGET_NAME, server->line, s,
                             "the manifest does not say what $targetnametoken$ stands for");
                free(server->executable);
                server->executable = NULL;
                return;
        }
        for (; r >= 0 && (token = strstr(s, target_token)); s = token + strlen(target_token))
                r = buffer_printf(&text, "%.*s%s", (int)(token - s), s, target);
        if (r >= 0)
                r = buffer_printf(&text, "%s", s);
        if (r < 0) {
                b->out_of_memory = true;
                return;
        }
        free(server->executable);
        server->executable = (char *)TAKE_PTR(text.data);
}

static void check_executable(Builder *b, const ManifestServer *server)
{
        const char *bad = server->executable ? names_check_executable(server->executable) : NULL;

        if (!server->executable)
                return;
        if (bad) {
                problems_add(b->problems, RULE_EXECUTABLE_PATH, server->line, server->executable, "%s", bad);
                return;
        }
        if (!names_has_exe_suffix(server->executable))
                problems_add(b->problems, RULE_EXECUTABLE_SUFFIX, server->line, server->executable,
                             "Windows accepts only executables whose name ends in .exe");
        if (strchr(server->executable, '/') && strchr(server->executable, '\\'))
                problems_add(b->problems, RULE_EXECUTABLE_SEPARATORS, server->line, server->executable,
                             "Windows refuses a path with both kinds of separators");
}

static void finish_servers(Collector *c, const XmlElement *package)
{
        Builder *b = c->b;
        Manifest *m = b->manifest;
        _cleanup_(freep) char *target = find_target_name(b);
        bool has_class = false;

        for (size_t i = 0; i < m->n_servers; i++) {
                ManifestServer *server = &m->servers[i];

                has_class |= c->has_class[i];
                if (!c->has_class[i])
                        problems_add(b->problems, RULE_SERVER_NO_CLASS, server->line, server->executable,
                                     "the ExeServer has no Class, so nothing ever starts it");
                if (!server->executable)
                        problems_add(b->problems, RULE_EXECUTABLE_ATTRIBUTE, server->line, NULL,
                                     "the ExeServer has no Executable");
                else
                        replace_token(b, server, target);
                check_executable(b, server);
        }
        if (!has_class)
                problems_add(b->problems, RULE_NO_CLASS, package->line, NULL,
                             "the package declares no class of an ExeServer, so no task can start it");
}

void build_servers(Builder *b, const XmlElement *package)
{
        _cleanup_(collector_done) Collector c = { .b = b };
        const XmlElement *applications = xml_child(package, XML_NS_FOUNDATION, "Applications");
        const XmlElement *e = applications ? xml_child(applications, XML_NS_FOUNDATION, "Application") : NULL;

        for (; e; e = xml_next(e, XML_NS_FOUNDATION, "Application")) {
                const char *id = xml_attribute(e, "Id");

                collect_extensions(&c, e, id && !names_check_application_id(id) ? id : NULL);
        }
        collect_extensions(&c, package, NULL);
        if (b->out_of_memory)
                return;
        if (c.declared.n_items > 0)
                qsort(c.declared.items, c.declared.n_items, sizeof *c.declared.items, compare_declarations);
        check_duplicates(b, &c.declared);
        resolve_references(b, &c.declared, &c.references);
        for (size_t i = 0; i < c.declared.n_items; i++)
                place_class(b, &c.declared.items[i]);
        finish_servers(&c, package);
}
