/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * XML text → a tree of the elements that stand in a namespace which a package manifest can use. Only this file's
 * source knows expat. Whatever is unknown is left out together with what is inside it, but must be well-formed.
 */

#include <stddef.h>

#include "base/buffer.h"
#include "manifest/problems.h"

#define XML_DEPTH_MAX 64
#define XML_ELEMENTS_MAX 50000
#define XML_NAMESPACES_MAX 256 /* declarations in force at one place */
#define XML_TEXT_MAX 4096      /* bytes of an element's text that are kept */

typedef enum XmlNamespace {
        XML_NS_NONE,
        XML_NS_OTHER,
        XML_NS_FOUNDATION,
        XML_NS_UAP,
        XML_NS_COM,
        XML_NS_RESCAP,
        XML_NS_IOT,
} XmlNamespace;

typedef struct XmlAttribute {
        XmlNamespace ns; /* XML_NS_NONE without prefix; those of other namespaces are left out */
        const char *name;
        const char *value;
} XmlAttribute;

typedef struct XmlElement XmlElement;

struct XmlElement {
        XmlElement *parent;
        XmlElement *first_child;
        XmlElement *last_child;
        XmlElement *next;      /* sibling */
        XmlElement *next_made; /* in the document, for freeing */
        const char *name;      /* without prefix */
        Buffer text;           /* a C string, or no data at all; only of the elements that have a text we read */
        XmlNamespace ns;
        unsigned ns_version; /* 1, or the number behind the namespace's URI */
        unsigned line;
        size_t n_attributes;
        XmlAttribute attributes[];
};

/* Zero-initialised is empty. */
typedef struct XmlDocument {
        XmlElement *root; /* NULL if the root stands in an unknown namespace or in none */
        XmlElement *made;
} XmlDocument;

/* Reads a whole document; what is wrong with it goes to problems. -ENOMEM only. */
int xml_parse(const void *data, size_t size, XmlDocument *document, ManifestProblems *problems);
void xml_document_done(XmlDocument *document);

/* The value of an attribute without prefix, NULL if it is not there. */
const char *xml_attribute(const XmlElement *element, const char *name);
/* The same for an attribute with a prefix of that namespace. */
const char *xml_attribute_ns(const XmlElement *element, XmlNamespace ns, const char *name);

/* The first child of that name and namespace, and the next one behind it; NULL if there is none. */
XmlElement *xml_child(const XmlElement *parent, XmlNamespace ns, const char *name);
XmlElement *xml_next(const XmlElement *element, XmlNamespace ns, const char *name);

/* True if the element has that name and namespace. */
bool xml_is(const XmlElement *element, XmlNamespace ns, const char *name);
