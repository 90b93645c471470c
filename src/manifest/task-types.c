/* SPDX-License-Identifier: MIT */

/*
 * The types of Task in Extension/BackgroundTasks. They are for Windows, and only say which triggers an entry point may
 * have; whoever brings such a package here should know early which of them will be refused.
 */

#include "manifest/task-types.h"

#include <string.h>

#include "base/macro.h"
#include "base/support.h"

/* Types that are not listed belong to several triggers, or to what is no background task here or there. */
static const struct {
        const char *type;
        const char *trigger;
} triggers[] = {
        { "bluetooth", "RfcommConnectionTrigger" },
        { "chatMessageNotification", "ChatMessageNotificationTrigger" },
        { "controlChannel", "ControlChannelTrigger" },
        { "deviceConnectionChange", "DeviceConnectionChangeTrigger" },
        { "deviceServicing", "DeviceServicingTrigger" },
        { "deviceUse", "DeviceUseTrigger" },
        { "location", "LocationTrigger" },
        { "mediaProcessing", "MediaProcessingTrigger" },
        { "phoneCall", "PhoneTrigger" },
        { "pushNotification", "PushNotificationTrigger" },
};

static void check_type(const XmlElement *task, ManifestProblems *problems)
{
        const char *type = xml_attribute(task, "Type");
        char sentence[SUPPORT_SENTENCE_MAX];
        SupportRow row;

        for (size_t i = 0; type && i < ELEMENTSOF(triggers); i++) {
                if (strcmp(type, triggers[i].type) != 0 ||
                    !support_find(TERM_TRIGGER, triggers[i].trigger, &row) || row.source)
                        continue;
                support_format_refusal(&row, sentence);
                problems_add(problems, RULE_TASK_TYPE, task->line, type, "%s", sentence);
        }
}

static void check_extensions(const XmlElement *owner, ManifestProblems *problems)
{
        const XmlElement *extensions = xml_child(owner, XML_NS_FOUNDATION, "Extensions");
        const XmlElement *e = extensions ? xml_child(extensions, XML_NS_FOUNDATION, "Extension") : NULL;

        for (; e; e = xml_next(e, XML_NS_FOUNDATION, "Extension")) {
                const char *category = xml_attribute(e, "Category");
                const XmlElement *tasks = xml_child(e, XML_NS_FOUNDATION, "BackgroundTasks");

                if (!category || strcmp(category, "windows.backgroundTasks") != 0 || !tasks)
                        continue;
                for (const XmlElement *task = tasks->first_child; task; task = task->next)
                        if (strcmp(task->name, "Task") == 0)
                                check_type(task, problems);
        }
}

void task_types_check(const XmlElement *package, ManifestProblems *problems)
{
        const XmlElement *applications = xml_child(package, XML_NS_FOUNDATION, "Applications");
        const XmlElement *e = applications ? xml_child(applications, XML_NS_FOUNDATION, "Application") : NULL;

        check_extensions(package, problems);
        for (; e; e = xml_next(e, XML_NS_FOUNDATION, "Application"))
                check_extensions(e, problems);
}
