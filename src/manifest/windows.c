/* SPDX-License-Identifier: MIT */

#include "manifest/windows.h"

#include <string.h>

#include "manifest/names.h"

#define DEVICE_FAMILIES_MAX 128
#define EXTENSIONS_MAX 10000
#define TASKS_MAX 17
#define COM_SERVER_BUILD 15063 /* the first build of Windows 10 that reads com:ComServer */

/* Names the attribute in the sentence; value NULL means that it is not there. */
static void add(ManifestProblems *problems, ManifestRule rule, const XmlElement *e, const char *name,
                const char *value, const char *bad)
{
        if (bad)
                problems_add(problems, rule, e->line, value, "%s of %s: %s", name, e->name, bad);
}

static void check_text(ManifestProblems *problems, const XmlElement *e, const char *name, const char *value,
                       const char *(*check)(const char *))
{
        add(problems, RULE_WINDOWS_TEXT, e, name, value, value ? check(value) : NULL);
}

static void check_image(ManifestProblems *problems, const XmlElement *e, const char *name, const char *value)
{
        add(problems, RULE_WINDOWS_IMAGE, e, name, value, value ? names_check_image(value) : NULL);
}

static void check_properties(const XmlElement *package, ManifestProblems *problems)
{
        static const char *const required[] = { "DisplayName", "PublisherDisplayName", "Logo" };
        const XmlElement *properties = xml_child(package, XML_NS_FOUNDATION, "Properties");

        for (size_t i = 0; i < ELEMENTSOF(required); i++) {
                const XmlElement *e = properties ? xml_child(properties, XML_NS_FOUNDATION, required[i]) : NULL;
                const char *text = e && e->text.data ? (const char *)e->text.data : "";

                if (!e)
                        problems_add(problems, RULE_WINDOWS_PROPERTIES, properties ? properties->line : package->line,
                                     NULL, "Windows requires %s in Properties", required[i]);
                else if (strcmp(required[i], "Logo") == 0)
                        check_image(problems, e, "the text", text);
                else
                        check_text(problems, e, "the text", text, names_check_shown_name);
        }
}

static void check_device_family(const XmlElement *e, ManifestProblems *problems)
{
        const char *name = xml_attribute(e, "Name"), *min = xml_attribute(e, "MinVersion");
        const char *max = xml_attribute(e, "MaxVersionTested");
        uint16_t low[4], high[4];
        int order = 0;

        if (!name || !name[0]) {
                problems_add(problems, RULE_WINDOWS_DEVICE_FAMILY, e->line, name,
                             "the TargetDeviceFamily has no Name");
                return;
        }
        if (!min || !max || !names_parse_version(min, low) || !names_parse_version(max, high)) {
                problems_add(problems, RULE_WINDOWS_DEVICE_FAMILY, e->line, name,
                             "MinVersion and MaxVersionTested are two versions, Major.Minor.Build.Revision");
                return;
        }
        for (size_t i = 0; order == 0 && i < ELEMENTSOF(low); i++)
                order = (low[i] > high[i]) - (low[i] < high[i]);
        if (order > 0)
                problems_add(problems, RULE_WINDOWS_DEVICE_FAMILY, e->line, min,
                             "MinVersion is later than MaxVersionTested, %s", max);
        if (high[0] == 10 && high[1] == 0 && high[2] < COM_SERVER_BUILD)
                problems_add(problems, RULE_WINDOWS_DEVICE_FAMILY, e->line, max,
                             "Windows reads a ComServer from build %d on", COM_SERVER_BUILD);
}

static void check_dependencies(const XmlElement *package, ManifestProblems *problems)
{
        const XmlElement *dependencies = xml_child(package, XML_NS_FOUNDATION, "Dependencies");
        const XmlElement *e = dependencies ? xml_child(dependencies, XML_NS_FOUNDATION, "TargetDeviceFamily") : NULL;
        size_t n = 0;

        if (!e)
                problems_add(problems, RULE_WINDOWS_DEPENDENCIES, dependencies ? dependencies->line : package->line,
                             NULL, "Windows requires a TargetDeviceFamily in Dependencies");
        for (; e; e = xml_next(e, XML_NS_FOUNDATION, "TargetDeviceFamily")) {
                if (++n == DEVICE_FAMILIES_MAX + 1)
                        problems_add(problems, RULE_WINDOWS_DEVICE_FAMILY, e->line, NULL,
                                     "a package names at most %d device families", DEVICE_FAMILIES_MAX);
                check_device_family(e, problems);
        }
}

static void check_capabilities(const XmlElement *package, ManifestProblems *problems)
{
        const XmlElement *capabilities = xml_child(package, XML_NS_FOUNDATION, "Capabilities");
        const XmlElement *e = capabilities ? xml_child(capabilities, XML_NS_RESCAP, "Capability") : NULL;

        for (; e; e = xml_next(e, XML_NS_RESCAP, "Capability")) {
                const char *name = xml_attribute(e, "Name");

                if (name && strcmp(name, "runFullTrust") == 0)
                        return;
        }
        problems_add(problems, RULE_WINDOWS_FULL_TRUST, capabilities ? capabilities->line : package->line, NULL,
                     "Windows starts a COM server of a package only with the capability runFullTrust");
}

static void check_once(const XmlElement *package, ManifestProblems *problems)
{
        for (const XmlElement *e = package->first_child; e; e = e->next) {
                const XmlElement *second = xml_next(e, e->ns, e->name);

                /* A second Identity is refused here too, by a rule of its own. */
                if (e->ns == XML_NS_FOUNDATION && second && strcmp(e->name, "Identity") != 0)
                        problems_add(problems, RULE_WINDOWS_ELEMENT_TWICE, second->line, e->name,
                                     "the package has this element at line %u and again", e->line);
        }
}

static void check_visual_elements(const XmlElement *application, ManifestProblems *problems)
{
        static const struct {
                const char *name;
                const char *(*check)(const char *); /* NULL: an image */
        } required[] = {
                { "DisplayName", names_check_shown_name },
                { "Description", names_check_description },
                { "BackgroundColor", names_check_color },
                { "Square150x150Logo", NULL },
                { "Square44x44Logo", NULL },
        };
        const XmlElement *visual = xml_child(application, XML_NS_UAP, "VisualElements");

        for (size_t i = 0; i < ELEMENTSOF(required); i++) {
                const char *value = visual ? xml_attribute(visual, required[i].name) : NULL;

                if (!value)
                        problems_add(problems, RULE_WINDOWS_APPLICATION, visual ? visual->line : application->line,
                                     xml_attribute(application, "Id"),
                                     "Windows requires uap:VisualElements with %s", required[i].name);
                else if (required[i].check)
                        check_text(problems, visual, required[i].name, value, required[i].check);
                else
                        check_image(problems, visual, required[i].name, value);
        }
}

/* A full-trust application says so by its entry point, or by trust level and behaviour. */
static void check_entry_point(const XmlElement *application, ManifestProblems *problems)
{
        const char *entry_point = xml_attribute(application, "EntryPoint");
        const char *trust = xml_attribute_ns(application, XML_NS_UAP, "TrustLevel");
        const char *behavior = xml_attribute_ns(application, XML_NS_UAP, "RuntimeBehavior");

        if (entry_point && names_length(entry_point) > 256)
                problems_add(problems, RULE_WINDOWS_ENTRY_POINT, application->line, entry_point,
                             "an entry point has at most 256 characters");
        else if (entry_point && strcmp(entry_point, "Windows.FullTrustApplication") != 0 &&
                 strcmp(entry_point, "$targetentrypoint$") != 0)
                problems_add(problems, RULE_WINDOWS_ENTRY_POINT, application->line, entry_point,
                             "an application with a COM server is a full-trust one");
        else if (!entry_point && (!trust || strcmp(trust, "mediumIL") != 0 || !behavior ||
                                  (strcmp(behavior, "packagedClassicApp") != 0 && strcmp(behavior, "win32App") != 0)))
                problems_add(problems, RULE_WINDOWS_ENTRY_POINT, application->line, trust,
                             "the application says neither its EntryPoint nor its TrustLevel and RuntimeBehavior");
}

/* The types of task that need their own Executable or may have one. */
static bool is_known_type(const XmlElement *task, const char *type, bool *ret_may_have_executable)
{
        static const struct {
                const char *name;
                XmlNamespace ns;
                bool executable;
        } types[] = {
                { "general", XML_NS_FOUNDATION, false },
                { "audio", XML_NS_FOUNDATION, false },
                { "controlChannel", XML_NS_FOUNDATION, true },
                { "systemEvent", XML_NS_FOUNDATION, false },
                { "timer", XML_NS_FOUNDATION, false },
                { "pushNotification", XML_NS_FOUNDATION, true },
                { "location", XML_NS_FOUNDATION, false },
                { "deviceUse", XML_NS_FOUNDATION, false },
                { "deviceServicing", XML_NS_FOUNDATION, false },
                { "deviceConnectionChange", XML_NS_FOUNDATION, false },
                { "bluetooth", XML_NS_FOUNDATION, false },
                { "chatMessageNotification", XML_NS_UAP, false },
                { "vpnClient", XML_NS_UAP, false },
                { "phoneCall", XML_NS_UAP, false },
                { "mediaProcessing", XML_NS_UAP, false },
                { "startup", XML_NS_IOT, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (task->ns == types[i].ns && strcmp(type, types[i].name) == 0) {
                        *ret_may_have_executable |= types[i].executable;
                        return true;
                }
        return false;
}

/* The earlier sibling with the same type, NULL if there is none. */
static const XmlElement *find_same_type(const XmlElement *tasks, const XmlElement *task, const char *type)
{
        for (const XmlElement *e = tasks->first_child; e != task; e = e->next) {
                const char *other = strcmp(e->name, "Task") == 0 ? xml_attribute(e, "Type") : NULL;

                if (other && strcmp(other, type) == 0)
                        return e;
        }
        return NULL;
}

static void check_tasks(const XmlElement *extension, const XmlElement *tasks, ManifestProblems *problems)
{
        const char *executable = xml_attribute(extension, "Executable");
        bool may_have_executable = false;
        size_t n = 0;

        for (const XmlElement *e = tasks->first_child; e; e = e->next) {
                const char *type = xml_attribute(e, "Type");
                const XmlElement *same;

                if (strcmp(e->name, "Task") != 0)
                        continue;
                if (++n == TASKS_MAX + 1)
                        problems_add(problems, RULE_WINDOWS_BACKGROUND_TASKS, e->line, type,
                                     "BackgroundTasks has more than %d tasks", TASKS_MAX);
                if (n > TASKS_MAX)
                        return;
                if (!type || !is_known_type(e, type, &may_have_executable))
                        problems_add(problems, RULE_WINDOWS_BACKGROUND_TASKS, e->line, type,
                                     "this is no Type of a Task in this namespace");
                else if ((same = find_same_type(tasks, e, type)))
                        problems_add(problems, RULE_WINDOWS_BACKGROUND_TASKS, e->line, type,
                                     "the Type stands at line %u already", same->line);
        }
        if (n == 0)
                problems_add(problems, RULE_WINDOWS_BACKGROUND_TASKS, tasks->line, NULL,
                             "BackgroundTasks has no Task");
        if (executable && !may_have_executable)
                problems_add(problems, RULE_WINDOWS_BACKGROUND_TASKS, extension->line, executable,
                             "only tasks of the types controlChannel and pushNotification have an Executable");
}

static void check_background_tasks(const XmlElement *extension, ManifestProblems *problems)
{
        const XmlElement *tasks = xml_child(extension, XML_NS_FOUNDATION, "BackgroundTasks");

        if (!xml_attribute(extension, "EntryPoint"))
                problems_add(problems, RULE_WINDOWS_BACKGROUND_TASKS, extension->line, NULL,
                             "the extension has no EntryPoint");
        if (tasks)
                check_tasks(extension, tasks, problems);
        else
                problems_add(problems, RULE_WINDOWS_BACKGROUND_TASKS, extension->line, NULL,
                             "the extension has no BackgroundTasks");
}

static void check_extensions(const XmlElement *owner, ManifestProblems *problems)
{
        const XmlElement *extensions = xml_child(owner, XML_NS_FOUNDATION, "Extensions");
        size_t n = 0;

        for (const XmlElement *e = extensions ? extensions->first_child : NULL; e; e = e->next) {
                const char *category = xml_attribute(e, "Category");

                if (strcmp(e->name, "Extension") != 0)
                        continue;
                if (++n == EXTENSIONS_MAX + 1)
                        problems_add(problems, RULE_WINDOWS_EXTENSION, e->line, category,
                                     "an Application or Package has at most %d extensions", EXTENSIONS_MAX);
                if (!category)
                        problems_add(problems, RULE_WINDOWS_EXTENSION, e->line, NULL, "the Extension has no Category");
                else if (e->ns == XML_NS_COM)
                        windows_check_com(e, problems);
                else if (e->ns == XML_NS_FOUNDATION && strcmp(category, "windows.backgroundTasks") == 0)
                        check_background_tasks(e, problems);
        }
}

/* Visual Studio replaces these when it builds; a manifest that Windows gets has none. */
static void check_tokens(const XmlElement *e, ManifestProblems *problems)
{
        static const char *const tokens[] = { "$targetnametoken$", "$targetentrypoint$" };

        for (; e; e = e->next) {
                for (size_t i = 0; i < e->n_attributes; i++) {
                        const XmlAttribute *a = &e->attributes[i];
                        bool found = strcmp(a->name, "Language") == 0 && strcmp(a->value, "x-generate") == 0;

                        for (size_t j = 0; j < ELEMENTSOF(tokens); j++)
                                found |= strstr(a->value, tokens[j]) != NULL;
                        if (found)
                                problems_add(problems, RULE_WINDOWS_TOKEN, e->line, a->value,
                                             "%s of %s is to be replaced when the package is built", a->name, e->name);
                }
                check_tokens(e->first_child, problems); /* at most XML_DEPTH_MAX deep */
        }
}

static bool is_built_manifest(const char *file)
{
        const char *slash = file ? strrchr(file, '/') : NULL;

        return file && names_equal_ignoring_case(slash ? slash + 1 : file, "AppxManifest.xml");
}

void windows_check(const XmlElement *package, const char *file, ManifestProblems *problems)
{
        const XmlElement *applications = xml_child(package, XML_NS_FOUNDATION, "Applications");
        const XmlElement *e = applications ? xml_child(applications, XML_NS_FOUNDATION, "Application") : NULL;

        check_once(package, problems);
        check_properties(package, problems);
        check_dependencies(package, problems);
        check_capabilities(package, problems);
        for (; e; e = xml_next(e, XML_NS_FOUNDATION, "Application")) {
                check_visual_elements(e, problems);
                check_entry_point(e, problems);
                check_extensions(e, problems);
        }
        check_extensions(package, problems);
        if (is_built_manifest(file))
                check_tokens(package, problems);
}
