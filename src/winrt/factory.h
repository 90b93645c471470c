/* SPDX-License-Identifier: MIT */
#pragma once

/* The classes by their names. */

#include "winrt/object.h"

typedef struct FactoryInfo FactoryInfo;

struct FactoryInfo {
        const WCHAR *name; /* NULL at the end of a list */
        FaceInfo faces[3]; /* of its factory or statics; ends with one without IID */
        /* NULL: it has no constructor without parameters. */
        HRESULT (*activate)(const FactoryInfo *info, IInspectable **ret_instance);
};

extern const FactoryInfo value_factories[], request_factories[], builder_factories[], registration_factories[],
        group_factories[], refused_factories[], access_factories[], property_factories[], valueset_factories[],
        appdata_factories[], library_factories[], device_factories[], buffer_factories[], hostname_factories[],
        socket_factories[], socket_context_factories[], socket_activity_factories[],
        identity_factories[], reader_factories[], writer_factories[], threadpool_factories[];

/* RoGetActivationFactory(), to be given to programs by whatever carries that. The pointers are not NULL. */
HRESULT factory_get(HSTRING class_name, const IID *iid, void **ret_factory);
/* The full name of the i-th class, with a 0 behind it. False behind the last, or if there is no room. */
bool factory_name(size_t i, WCHAR *buf, size_t n_buf);
