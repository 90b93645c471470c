/* SPDX-License-Identifier: MIT */

/*
 * expat without its namespace processing: it copies the whole URI for each attribute with a prefix, so that a file of
 * 1 MiB (one long URI, many short attributes) would cost gigabytes. Here a prefix is bound to a small number instead.
 * A document type stops the parser at its first byte, therefore no entity but the five of XML itself exists.
 */

#include "manifest/xml.h"

#include <errno.h>
#include <expat.h>
#include <string.h>

typedef struct Binding {
        char *prefix; /* "" for the default namespace */
        XmlNamespace ns;
        unsigned version;
        unsigned depth; /* of the element that declares it */
} Binding;

typedef struct Reader {
        XML_Parser parser;
        XmlDocument *document;
        ManifestProblems *problems;
        XmlElement *current;
        Binding bindings[XML_NAMESPACES_MAX];
        size_t n_bindings;
        size_t n_elements;
        unsigned depth;      /* of open elements */
        unsigned skip_depth; /* depth of the unknown element that we are in; 0 in none */
        bool stopped;        /* a problem or lack of memory ended it */
        bool out_of_memory;
} Reader;

static void reader_stop(Reader *r)
{
        /* expat may still deliver the end of an empty element. */
        r->stopped = true;
        XML_StopParser(r->parser, XML_FALSE);
}

static void reader_stop_without_memory(Reader *r)
{
        r->out_of_memory = true;
        reader_stop(r);
}

static unsigned reader_line(Reader *r)
{
        return (unsigned)XML_GetCurrentLineNumber(r->parser);
}

/* The number behind a known URI: nothing is 1, "/N" is N. 0 if something else stands there. */
static unsigned parse_version(const char *s)
{
        unsigned version = 0;

        if (!*s)
                return 1;
        if (*s++ != '/' || !*s || *s == '0')
                return 0;
        for (; *s; s++) {
                if (*s < '0' || *s > '9' || version > 99)
                        return 0;
                version = version * 10 + (unsigned)(*s - '0');
        }
        return version;
}

static XmlNamespace parse_namespace(const char *uri, unsigned *ret_version)
{
        static const struct {
                XmlNamespace ns;
                const char *uri;
        } known[] = {
                { XML_NS_FOUNDATION, "http://schemas.microsoft.com/appx/manifest/foundation/windows10" },
                { XML_NS_UAP, "http://schemas.microsoft.com/appx/manifest/uap/windows10" },
                { XML_NS_COM, "http://schemas.microsoft.com/appx/manifest/com/windows10" },
                { XML_NS_IOT, "http://schemas.microsoft.com/appx/manifest/iot/windows10" },
                { XML_NS_RESCAP,
                  "http://schemas.microsoft.com/appx/manifest/foundation/windows10/restrictedcapabilities" },
        };

        *ret_version = 1;
        if (!*uri)
                return XML_NS_NONE;
        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                size_t n = strlen(known[i].uri);
                unsigned version = strncmp(uri, known[i].uri, n) == 0 ? parse_version(uri + n) : 0;

                if (version > 0) {
                        *ret_version = version;
                        return known[i].ns;
                }
        }
        return XML_NS_OTHER;
}

static void reader_bind(Reader *r, const char *prefix, const char *uri)
{
        Binding *b;

        if (r->n_bindings == XML_NAMESPACES_MAX) {
                problems_add(r->problems, RULE_XML_NAMESPACES, reader_line(r), prefix,
                             "more than %d namespace declarations are in force at one place", XML_NAMESPACES_MAX);
                reader_stop(r);
                return;
        }
        b = &r->bindings[r->n_bindings];
        b->prefix = strdup(prefix);
        if (!b->prefix) {
                reader_stop_without_memory(r);
                return;
        }
        b->ns = parse_namespace(uri, &b->version);
        b->depth = r->depth;
        r->n_bindings++;
}

static void reader_unbind(Reader *r, unsigned depth)
{
        while (r->n_bindings > 0 && r->bindings[r->n_bindings - 1].depth >= depth)
                free(r->bindings[--r->n_bindings].prefix);
}

/* The binding of a prefix of n bytes, the innermost one; NULL if there is none. */
static const Binding *reader_find_binding(const Reader *r, const char *prefix, size_t n)
{
        static const Binding none = { .ns = XML_NS_NONE, .version = 1 }, other = { .ns = XML_NS_OTHER, .version = 1 };

        for (size_t i = r->n_bindings; i > 0; i--)
                if (strncmp(r->bindings[i - 1].prefix, prefix, n) == 0 && !r->bindings[i - 1].prefix[n])
                        return &r->bindings[i - 1];
        if (n == 0)
                return &none;
        return n == 3 && memcmp(prefix, "xml", 3) == 0 ? &other : NULL;
}

/* Finds the namespace of PREFIX:NAME and its local name; an undeclared prefix ends the reading. NULL then. */
static const Binding *reader_resolve(Reader *r, const char *qname, const char **ret_local)
{
        const char *colon = strchr(qname, ':');
        const Binding *binding = reader_find_binding(r, qname, colon ? (size_t)(colon - qname) : 0);

        if (!binding) {
                problems_add(r->problems, RULE_XML_PREFIX, reader_line(r), qname,
                             "the namespace prefix is not declared");
                reader_stop(r);
                return NULL;
        }
        *ret_local = colon ? colon + 1 : qname;
        return binding;
}

static bool is_declaration(const char *name)
{
        return strncmp(name, "xmlns", 5) == 0 && (name[5] == '\0' || name[5] == ':');
}

/* Binds the declarations of an element, then checks the prefixes of its other attributes. */
static void reader_read_prefixes(Reader *r, const char **attributes)
{
        const char *local;

        for (const char **a = attributes; *a && !r->stopped; a += 2)
                if (is_declaration(a[0]))
                        reader_bind(r, a[0][5] ? a[0] + 6 : "", a[1]);
        for (const char **a = attributes; *a && !r->stopped; a += 2)
                if (!is_declaration(a[0]) && strchr(a[0], ':'))
                        reader_resolve(r, a[0], &local);
}

/* True if an attribute is kept; then its namespace and its name without prefix. All prefixes are declared. */
static bool is_kept_attribute(const Reader *r, const char *qname, XmlNamespace *ret_ns, const char **ret_local)
{
        const char *colon = strchr(qname, ':');
        const Binding *binding;

        *ret_ns = XML_NS_NONE;
        *ret_local = qname;
        if (is_declaration(qname))
                return false;
        if (!colon)
                return true;
        binding = reader_find_binding(r, qname, (size_t)(colon - qname));
        *ret_ns = binding ? binding->ns : XML_NS_OTHER;
        *ret_local = colon + 1;
        return *ret_ns != XML_NS_OTHER && *ret_ns != XML_NS_NONE;
}

/* An element and its strings in one block. */
static XmlElement *element_new(const Reader *r, const char *name, const char **attributes)
{
        size_t n = 0, size = strlen(name) + 1;
        const char *local;
        XmlNamespace ns;
        XmlElement *e;
        char *p;

        for (const char **a = attributes; *a; a += 2)
                if (is_kept_attribute(r, a[0], &ns, &local)) {
                        n++;
                        size += strlen(local) + strlen(a[1]) + 2;
                }
        e = calloc(1, sizeof *e + n * sizeof e->attributes[0] + size);
        if (!e)
                return NULL;
        p = (char *)&e->attributes[n];
        e->name = p;
        p = stpcpy(p, name) + 1;
        for (const char **a = attributes; *a; a += 2)
                if (is_kept_attribute(r, a[0], &ns, &local)) {
                        XmlAttribute *attribute = &e->attributes[e->n_attributes++];

                        attribute->ns = ns;
                        attribute->name = p;
                        p = stpcpy(p, local) + 1;
                        attribute->value = p;
                        p = stpcpy(p, a[1]) + 1;
                }
        return e;
}

static void reader_add(Reader *r, XmlElement *e)
{
        XmlElement *parent = r->current;

        e->next_made = r->document->made;
        r->document->made = e;
        e->parent = parent;
        if (!parent)
                r->document->root = e;
        else if (parent->last_child)
                parent->last_child->next = e;
        else
                parent->first_child = e;
        if (parent)
                parent->last_child = e;
        r->current = e;
}

/* A server or an identity in a namespace that is not read is mostly a misspelt namespace. */
static void reader_note_unknown(Reader *r, const char *local)
{
        static const char *const names[] = { "Package", "Identity", "Applications", "ComServer", "ExeServer" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(local, names[i]) == 0)
                        problems_add(r->problems, RULE_ELEMENT_NAMESPACE, reader_line(r), local,
                                     "the element stands in a namespace that is not read, so it is ignored");
}

/* Counts an element in. False if that ended the reading. */
static bool reader_enter(Reader *r, const char *name)
{
        r->depth++;
        if (r->depth > XML_DEPTH_MAX) {
                problems_add(r->problems, RULE_XML_DEPTH, reader_line(r), name,
                             "elements are nested more than %d deep", XML_DEPTH_MAX);
                reader_stop(r);
        } else if (++r->n_elements > XML_ELEMENTS_MAX) {
                problems_add(r->problems, RULE_XML_ELEMENTS, reader_line(r), name,
                             "the file has more than %d elements", XML_ELEMENTS_MAX);
                reader_stop(r);
        }
        return !r->stopped;
}

static void XMLCALL on_start(void *userdata, const char *name, const char **attributes)
{
        Reader *r = userdata;
        const Binding *binding;
        const char *local;
        XmlElement *e;

        if (r->stopped || !reader_enter(r, name))
                return;
        reader_read_prefixes(r, attributes);
        binding = r->stopped ? NULL : reader_resolve(r, name, &local);
        if (!binding || r->skip_depth > 0)
                return;
        if (binding->ns == XML_NS_OTHER || binding->ns == XML_NS_NONE) {
                reader_note_unknown(r, local);
                r->skip_depth = r->depth;
                return;
        }
        e = element_new(r, local, attributes);
        if (!e) {
                reader_stop_without_memory(r);
                return;
        }
        e->ns = binding->ns;
        e->ns_version = binding->version;
        e->line = reader_line(r);
        reader_add(r, e);
}

static void XMLCALL on_end(void *userdata, const char *name)
{
        Reader *r = userdata;

        if (r->stopped)
                return;
        if (r->skip_depth == r->depth)
                r->skip_depth = 0;
        else if (r->skip_depth == 0)
                r->current = r->current->parent;
        reader_unbind(r, r->depth);
        r->depth--;
}

static bool has_text(const XmlElement *e)
{
        static const char *const names[] = {
                "DisplayName", "PublisherDisplayName", "Description", "Logo", "AllowExternalContent",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(e->name, names[i]) == 0)
                        return true;
        return false;
}

static void XMLCALL on_text(void *userdata, const char *text, int n)
{
        Reader *r = userdata;
        XmlElement *e = r->current;

        if (r->stopped || r->skip_depth > 0 || !e || !has_text(e))
                return;
        if (e->text.size + (size_t)n > XML_TEXT_MAX)
                return;
        if (buffer_printf(&e->text, "%.*s", n, text) < 0)
                reader_stop_without_memory(r);
}

static void XMLCALL on_doctype(void *userdata, const char *name, const char *system_id, const char *public_id,
                               int has_internal_subset)
{
        Reader *r = userdata;

        problems_add(r->problems, RULE_XML_DOCTYPE, reader_line(r), name,
                     "a manifest has no document type, and none is read");
        reader_stop(r);
}

static int reader_run(Reader *r, const void *data, size_t size)
{
        XML_SetUserData(r->parser, r);
        XML_SetElementHandler(r->parser, on_start, on_end);
        XML_SetCharacterDataHandler(r->parser, on_text);
        XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
        if (XML_Parse(r->parser, data, (int)size, XML_TRUE) == XML_STATUS_OK)
                return 0;
        if (r->out_of_memory || XML_GetErrorCode(r->parser) == XML_ERROR_NO_MEMORY)
                return -ENOMEM;
        if (!r->stopped)
                problems_add(r->problems, RULE_XML_SYNTAX, reader_line(r), NULL, "not well-formed XML: %s",
                             XML_ErrorString(XML_GetErrorCode(r->parser)));
        return 0;
}

int xml_parse(const void *data, size_t size, XmlDocument *document, ManifestProblems *problems)
{
        Reader *r;
        int result = -ENOMEM;

        if (size > MANIFEST_SIZE_MAX) {
                problems_add(problems, RULE_FILE_TOO_LARGE, 0, NULL, "the file is larger than %d bytes",
                             MANIFEST_SIZE_MAX);
                return 0;
        }
        if (size == 0) {
                problems_add(problems, RULE_FILE_EMPTY, 0, NULL, "the file is empty");
                return 0;
        }
        r = calloc(1, sizeof *r);
        if (!r)
                return -ENOMEM;
        r->document = document;
        r->problems = problems;
        r->parser = XML_ParserCreate(NULL);
        if (r->parser) {
                result = reader_run(r, data, size);
                XML_ParserFree(r->parser);
        }
        reader_unbind(r, 0);
        free(r);
        return result;
}

void xml_document_done(XmlDocument *document)
{
        XmlElement *e = document->made, *next;

        for (; e; e = next) {
                next = e->next_made;
                buffer_done(&e->text);
                free(e);
        }
        *document = (XmlDocument){ 0 };
}

const char *xml_attribute_ns(const XmlElement *element, XmlNamespace ns, const char *name)
{
        for (size_t i = 0; i < element->n_attributes; i++)
                if (element->attributes[i].ns == ns && strcmp(element->attributes[i].name, name) == 0)
                        return element->attributes[i].value;
        return NULL;
}

const char *xml_attribute(const XmlElement *element, const char *name)
{
        return xml_attribute_ns(element, XML_NS_NONE, name);
}

bool xml_is(const XmlElement *element, XmlNamespace ns, const char *name)
{
        return element->ns == ns && strcmp(element->name, name) == 0;
}

static XmlElement *first_match(XmlElement *e, XmlNamespace ns, const char *name)
{
        while (e && !xml_is(e, ns, name))
                e = e->next;
        return e;
}

XmlElement *xml_child(const XmlElement *parent, XmlNamespace ns, const char *name)
{
        return first_match(parent->first_child, ns, name);
}

XmlElement *xml_next(const XmlElement *element, XmlNamespace ns, const char *name)
{
        return first_match(element->next, ns, name);
}
