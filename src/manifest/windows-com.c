/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "manifest/names.h"
#include "manifest/windows.h"

/* Where an element may stand in a ComServer of the first schema, which enforces an order; 0: anywhere. */
static unsigned place_of(const XmlElement *e)
{
        static const struct {
                const char *name;
                unsigned version, place;
        } places[] = {
                { "ExeServer", 1, 1 },       { "SurrogateServer", 1, 2 }, { "TreatAsClass", 1, 3 },
                { "ProgId", 1, 4 },          { "ServiceServer", 3, 5 },   { "ExeServer", 3, 6 },
                { "SurrogateServer", 3, 7 }, { "TreatAsClass", 3, 8 },    { "ProgId", 3, 9 },
        };

        for (size_t i = 0; e->ns == XML_NS_COM && i < ELEMENTSOF(places); i++)
                if (e->ns_version == places[i].version && strcmp(e->name, places[i].name) == 0)
                        return places[i].place;
        return 0;
}

static void check_order(const XmlElement *server, ManifestProblems *problems)
{
        const XmlElement *last = NULL;

        for (const XmlElement *e = server->first_child; e && server->ns_version == 1; e = e->next) {
                unsigned place = place_of(e);

                if (place == 0)
                        continue;
                if (last && place < place_of(last)) {
                        problems_add(problems, RULE_WINDOWS_COM_ORDER, e->line, e->name,
                                     "in a ComServer it stands before the %s of line %u", last->name, last->line);
                        return;
                }
                last = e;
        }
}

static bool is_prog_id(const char *id)
{
        size_t n = strlen(id);

        return n >= 1 && n <= 255 && ((*id >= 'A' && *id <= 'Z') || (*id >= 'a' && *id <= 'z')) &&
               strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.") == n;
}

static bool declares_prog_id(const XmlElement *server, const char *id)
{
        const XmlElement *e = xml_child(server, XML_NS_COM, "ProgId");

        for (; e; e = xml_next(e, XML_NS_COM, "ProgId")) {
                const char *other = xml_attribute(e, "Id");

                if (other && strcmp(other, id) == 0)
                        return true;
        }
        return false;
}

static bool has_id(const XmlElement *e, const char *id)
{
        const char *other = xml_attribute(e, "Id");

        return other && names_equal_ignoring_case(other, id);
}

static bool declares_class(const XmlElement *server, const char *id)
{
        for (const XmlElement *e = server->first_child; e; e = e->next) {
                const XmlElement *class = xml_child(e, XML_NS_COM, "Class");

                if ((xml_is(e, XML_NS_COM, "TreatAsClass") || xml_is(e, XML_NS_COM, "Class")) && has_id(e, id))
                        return true;
                for (; class; class = xml_next(class, XML_NS_COM, "Class"))
                        if (has_id(class, id))
                                return true;
        }
        return false;
}

/* An attribute that names a ProgId of the same ComServer. */
static void check_prog_id_reference(const XmlElement *server, const XmlElement *e, const char *name,
                                    ManifestProblems *problems)
{
        const char *value = xml_attribute(e, name);

        if (!value)
                return;
        if (!is_prog_id(value))
                problems_add(problems, RULE_WINDOWS_PROG_ID, e->line, value,
                             "%s is 1 to 255 letters, digits and dots that start with a letter", name);
        else if (!declares_prog_id(server, value))
                problems_add(problems, RULE_WINDOWS_PROG_ID, e->line, value,
                             "%s names no ProgId of this ComServer", name);
}

/* An attribute that names a class of the same ComServer. */
static void check_class_reference(const XmlElement *server, const XmlElement *e, const char *name,
                                  ManifestProblems *problems)
{
        const char *value = xml_attribute(e, name);
        Uuid clsid;

        if (value && (uuid_parse(value, &clsid) < 0 || !declares_class(server, value)))
                problems_add(problems, RULE_WINDOWS_COM_CLASS, e->line, value,
                             "%s names no class of this ComServer", name);
}

static void check_class(const XmlElement *server, const XmlElement *class, ManifestProblems *problems)
{
        const char *name = xml_attribute(class, "ShortDisplayName");

        if (name && (!*name || names_length(name) > 40))
                problems_add(problems, RULE_WINDOWS_COM_CLASS, class->line, name,
                             "ShortDisplayName has 1 to 40 characters");
        check_prog_id_reference(server, class, "ProgId", problems);
        check_prog_id_reference(server, class, "VersionIndependentProgId", problems);
        check_class_reference(server, class, "AutoConvertTo", problems);
}

static void check_prog_id(const XmlElement *server, const XmlElement *e, ManifestProblems *problems)
{
        const char *id = xml_attribute(e, "Id");

        if (!id || !is_prog_id(id))
                problems_add(problems, RULE_WINDOWS_PROG_ID, e->line, id,
                             "the Id of a ProgId is 1 to 255 letters, digits and dots that start with a letter");
        check_class_reference(server, e, "Clsid", problems);
        check_prog_id_reference(server, e, "CurrentVersion", problems);
}

/*
 * The schema's pattern of security descriptors: O:, G:, D: and S: in this order, each at most once, with entries in
 * parentheses behind the last two. It knows no lowercase letter, so that a right is written in decimal, not as 0xB.
 */
static bool is_permission(const char *s)
{
        static const char sid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
        static const char parts[] = "OGDS";

        if (!*s || strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-;:()") != strlen(s))
                return false;
        for (size_t i = 0; parts[i]; i++) {
                size_t n;

                if (s[0] != parts[i] || s[1] != ':')
                        continue;
                s += 2;
                n = strspn(s, i < 2 ? sid : "PARI");
                /* The next part's letter is one of the alphabet, too. */
                if (s[n] == ':' && n > 0)
                        n--;
                s += n;
                for (; i >= 2 && *s == '('; s++) {
                        s += 1 + strcspn(s + 1, "()");
                        if (*s != ')')
                                return false;
                }
        }
        return !*s;
}

static void check_server(const XmlElement *com_server, const XmlElement *e, ManifestProblems *problems)
{
        const char *permission = xml_attribute(e, "LaunchAndActivationPermission");
        const XmlElement *class = xml_child(e, XML_NS_COM, "Class");

        if (permission && !is_permission(permission))
                problems_add(problems, RULE_WINDOWS_PERMISSION, e->line, permission,
                             "the schema's pattern of a security descriptor refuses this");
        if (strcmp(e->name, "ServiceServer") == 0 && !xml_attribute(e, "ServiceName"))
                problems_add(problems, RULE_WINDOWS_COM_SERVER, e->line, NULL, "the ServiceServer has no ServiceName");
        if (strcmp(e->name, "TreatAsClass") == 0)
                check_class_reference(com_server, e, "TreatAs", problems);
        if (strcmp(e->name, "ProgId") == 0)
                check_prog_id(com_server, e, problems);
        for (; class; class = xml_next(class, XML_NS_COM, "Class"))
                check_class(com_server, class, problems);
}

void windows_check_com(const XmlElement *extension, ManifestProblems *problems)
{
        const char *category = xml_attribute(extension, "Category");
        const XmlElement *server = xml_child(extension, XML_NS_COM, "ComServer"), *second;

        if (strcmp(category, "windows.comServer") != 0 && strcmp(category, "windows.comInterface") != 0) {
                problems_add(problems, RULE_WINDOWS_EXTENSION, extension->line, category,
                             "a com:Extension has the Category windows.comServer or windows.comInterface");
                return;
        }
        if (!server)
                return;
        second = xml_next(server, XML_NS_COM, "ComServer");
        if (second)
                problems_add(problems, RULE_WINDOWS_COM_SERVER, second->line, NULL,
                             "the Extension has a ComServer at line %u already", server->line);
        for (; server; server = xml_next(server, XML_NS_COM, "ComServer")) {
                check_order(server, problems);
                for (const XmlElement *e = server->first_child; e; e = e->next)
                        check_server(server, e, problems);
        }
}
