/* SPDX-License-Identifier: MIT */
#pragma once

/* What the trigger classes have in common. Other files see triggers through value.h. */

#include "winrt/object.h"

#define BACKGROUND u"Windows.ApplicationModel.Background."

typedef struct Trigger {
        Object object;
        bgt_trigger *trigger;
} Trigger;

/* Of an interface without methods. */
extern const IInspectableVtbl trigger_plain_vtable;
void trigger_done(Object *object);
static inline bgt_trigger *trigger_of(const void *face)
{
        return ((Trigger *)object_of(face))->trigger;
}
/*
 * Takes the reference to the trigger, in any case; NULL: its constructor has just failed. *ret is set to the default
 * interface of its class.
 */
HRESULT trigger_wrap(bgt_trigger *trigger, void *ret);

#define TRIGGER_FACE { &IID_IBackgroundTrigger, &trigger_plain_vtable, NULL }
/* A class with an interface of its own, or several. */
#define TRIGGER_CLASS(text, ...)                                                                                \
        { .name = BACKGROUND text, .size = sizeof(Trigger), .done = trigger_done, .faces = { __VA_ARGS__ } }

extern const Class trigger_application, trigger_media_processing, trigger_device_use, trigger_device_servicing,
        trigger_device_connection, trigger_storage_content, trigger_storage_tracker, trigger_socket_activity;
