/* SPDX-License-Identifier: MIT */

#include "manifest/build.h"

#include <errno.h>
#include <string.h>

#include "manifest/names.h"
#include "manifest/task-types.h"
#include "manifest/windows.h"

char *build_strdup(Builder *b, const char *s)
{
        char *copy = s ? strdup(s) : NULL;

        if (s && !copy)
                b->out_of_memory = true;
        return copy;
}

void *build_grow(Builder *b, void *array, size_t n, size_t size)
{
        char *grown = array;

        if ((n & (n - 1)) == 0) {
                grown = reallocarray(array, n ? 2 * n : 1, size);
                if (!grown) {
                        b->out_of_memory = true;
                        return NULL;
                }
        }
        memset(grown + n * size, 0, size);
        return grown;
}

char *build_display_name(Builder *b, const XmlElement *element, const char *value)
{
        const char *bad = value ? names_check_display_name(value) : NULL;

        if (bad) {
                problems_add(b->problems, RULE_DISPLAY_NAME, element->line, value, "%s", bad);
                return NULL;
        }
        return build_strdup(b, value);
}

/* The text of an element without the space around it; the copy is the caller's. NULL if there is none. */
static char *trimmed_text(Builder *b, const XmlElement *element)
{
        static const char space[] = " \t\r\n";
        const char *text = element->text.data ? (const char *)element->text.data : "";
        size_t n;
        char *copy;

        text += strspn(text, space);
        n = strlen(text);
        while (n > 0 && strchr(space, text[n - 1]))
                n--;
        if (n == 0)
                return NULL;
        copy = strndup(text, n);
        if (!copy)
                b->out_of_memory = true;
        return copy;
}

static void build_name(Builder *b, const XmlElement *identity)
{
        const char *name = xml_attribute(identity, "Name");
        const char *bad = name ? names_check_identity_name(name) : "Identity has no Name";

        if (bad)
                problems_add(b->problems, RULE_IDENTITY_NAME, identity->line, name, "%s", bad);
        else
                b->manifest->name = build_strdup(b, name);
}

static void build_publisher(Builder *b, const XmlElement *identity)
{
        const char *publisher = xml_attribute(identity, "Publisher");
        const char *bad = publisher ? names_check_publisher(publisher) : "Identity has no Publisher";

        if (bad) {
                problems_add(b->problems, RULE_IDENTITY_PUBLISHER, identity->line, publisher, "%s", bad);
                return;
        }
        b->manifest->publisher = build_strdup(b, publisher);
        if (family_publisher_id(publisher, b->manifest->publisher_id) < 0)
                b->out_of_memory = true;
}

static void build_version(Builder *b, const XmlElement *identity)
{
        const char *version = xml_attribute(identity, "Version");

        if (!version)
                problems_add(b->problems, RULE_IDENTITY_VERSION, identity->line, NULL, "Identity has no Version");
        else if (!names_parse_version(version, b->manifest->version_numbers))
                problems_add(b->problems, RULE_IDENTITY_VERSION, identity->line, version,
                             "a version is Major.Minor.Build.Revision");
        else
                b->manifest->version = build_strdup(b, version);
}

static void build_optional_identity(Builder *b, const XmlElement *identity)
{
        const char *architecture = xml_attribute(identity, "ProcessorArchitecture");
        const char *resource_id = xml_attribute(identity, "ResourceId");
        const char *known = names_architecture(architecture ? architecture : "neutral");
        const char *bad = resource_id ? names_check_resource_id(resource_id) : NULL;

        if (!known)
                problems_add(b->problems, RULE_IDENTITY_ARCHITECTURE, identity->line, architecture,
                             "this is not one of the architectures that the schema knows");
        b->manifest->architecture = build_strdup(b, known);
        if (bad)
                problems_add(b->problems, RULE_IDENTITY_RESOURCE_ID, identity->line, resource_id, "%s", bad);
        else
                b->manifest->resource_id = build_strdup(b, resource_id ? resource_id : "");
}

static void build_identity(Builder *b, const XmlElement *package)
{
        const XmlElement *identity = xml_child(package, XML_NS_FOUNDATION, "Identity"), *second;
        Manifest *m = b->manifest;

        if (!identity) {
                problems_add(b->problems, RULE_IDENTITY_MISSING, package->line, NULL, "the package has no Identity");
                return;
        }
        second = xml_next(identity, XML_NS_FOUNDATION, "Identity");
        if (second)
                problems_add(b->problems, RULE_IDENTITY_DUPLICATE, second->line, xml_attribute(second, "Name"),
                             "the package has an Identity at line %u", identity->line);
        build_name(b, identity);
        build_publisher(b, identity);
        build_version(b, identity);
        build_optional_identity(b, identity);
        if (!m->name || !m->publisher || !m->version || !m->architecture || !m->resource_id)
                return;
        if (family_name_new(m->name, m->publisher_id, &m->family_name) < 0 ||
            family_full_name_new(m->name, m->version, m->architecture, m->resource_id, m->publisher_id,
                                 &m->full_name) < 0)
                b->out_of_memory = true;
}

static void build_external_content(Builder *b, const XmlElement *properties)
{
        const XmlElement *allow = xml_child(properties, XML_NS_UAP, "AllowExternalContent");
        _cleanup_(freep) char *text = NULL;

        while (allow && allow->ns_version != 10)
                allow = xml_next(allow, XML_NS_UAP, "AllowExternalContent");
        if (!allow)
                return;
        text = trimmed_text(b, allow);
        if (text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0))
                b->manifest->allow_external_content = true;
        else if (!text || (strcmp(text, "false") != 0 && strcmp(text, "0") != 0))
                problems_add(b->problems, RULE_EXTERNAL_CONTENT_VALUE, allow->line, text,
                             "this is not a boolean, so external content is not allowed");
}

static void build_properties(Builder *b, const XmlElement *package)
{
        const XmlElement *properties = xml_child(package, XML_NS_FOUNDATION, "Properties"), *display_name = NULL;
        _cleanup_(freep) char *text = NULL;
        Manifest *m = b->manifest;

        if (properties) {
                build_external_content(b, properties);
                display_name = xml_child(properties, XML_NS_FOUNDATION, "DisplayName");
        }
        text = display_name ? trimmed_text(b, display_name) : NULL;
        /* Resource files are not read, and the name of a resource tells nobody anything. */
        if (text && strncmp(text, "ms-resource:", strlen("ms-resource:")) != 0)
                m->display_name = build_display_name(b, display_name, text);
        if (!m->display_name)
                m->display_name = build_strdup(b, m->name);
}

static void build_capabilities(Builder *b, const XmlElement *package)
{
        const XmlElement *capabilities = xml_child(package, XML_NS_FOUNDATION, "Capabilities");
        const XmlElement *e = capabilities ? capabilities->first_child : NULL;
        Manifest *m = b->manifest;

        for (; e; e = e->next) {
                const char *name = xml_attribute(e, "Name");
                ManifestCapability *c;

                if (strcmp(e->name, "Capability") != 0 && strcmp(e->name, "DeviceCapability") != 0)
                        continue;
                if (!name || !*name || names_check_display_name(name)) {
                        problems_add(b->problems, RULE_CAPABILITY_NAME, e->line, name,
                                     "the capability has no usable name, so it is ignored");
                        continue;
                }
                c = BUILD_APPEND(b, m->capabilities, m->n_capabilities);
                if (!c)
                        return;
                c->name = build_strdup(b, name);
                c->restricted = e->ns == XML_NS_RESCAP;
                m->run_full_trust |= c->restricted && strcmp(name, "runFullTrust") == 0;
        }
}

static bool has_application_id(const Manifest *m, const char *id)
{
        for (size_t i = 0; i < m->n_application_ids; i++)
                if (strcmp(m->application_ids[i], id) == 0)
                        return true;
        return false;
}

static void build_application(Builder *b, const XmlElement *application)
{
        const char *id = xml_attribute(application, "Id");
        const char *bad = id ? names_check_application_id(id) : "the Application has no Id";
        Manifest *m = b->manifest;

        if (!bad && m->n_application_ids == MANIFEST_APPLICATIONS_MAX)
                bad = "a package has at most 100 applications; this one is not listed";
        else if (!bad && has_application_id(m, id))
                bad = "another Application has this Id";
        if (bad) {
                problems_add(b->problems, RULE_APPLICATION_ID, application->line, id, "%s", bad);
        } else {
                char **slot = BUILD_APPEND(b, m->application_ids, m->n_application_ids);

                if (slot && !(*slot = build_strdup(b, id)))
                        m->n_application_ids--;
        }
}

static void build_package(Builder *b, const XmlElement *package)
{
        const XmlElement *applications, *e;

        if (!package || !xml_is(package, XML_NS_FOUNDATION, "Package")) {
                problems_add(b->problems, RULE_ROOT_ELEMENT, package ? package->line : 0,
                             package ? package->name : NULL,
                             "the root is not the Package element of the Windows 10 manifest schema");
                return;
        }
        build_identity(b, package);
        build_properties(b, package);
        build_capabilities(b, package);
        applications = xml_child(package, XML_NS_FOUNDATION, "Applications");
        e = applications ? xml_child(applications, XML_NS_FOUNDATION, "Application") : NULL;
        for (; e; e = xml_next(e, XML_NS_FOUNDATION, "Application"))
                build_application(b, e);
        build_servers(b, package);
        task_types_check(package, b->problems);
        if (b->problems->windows)
                windows_check(package, b->problems->file, b->problems);
}

int build_manifest(const void *data, size_t size, const ManifestOptions *options, Manifest **ret_manifest,
                   ManifestProblems *problems)
{
        static const ManifestOptions defaults = { 0 };
        _cleanup_(manifest_freep) Manifest *manifest = calloc(1, sizeof *manifest);
        _cleanup_(xml_document_done) XmlDocument document = { 0 };
        Builder b = { .manifest = manifest, .options = options ? options : &defaults, .problems = problems };
        int r;

        if (!manifest)
                return -ENOMEM;
        r = xml_parse(data, size, &document, problems);
        if (r < 0)
                return r;
        if (!problems_has_errors(problems))
                build_package(&b, document.root);
        if (b.out_of_memory || problems->out_of_memory)
                return -ENOMEM;
        *ret_manifest = TAKE_PTR(manifest);
        return 0;
}
