/* SPDX-License-Identifier: MIT */
#pragma once

/* IMapView of anything that is here, as it was at the moment it was made, with its iterators and pairs. */

#include "winrt/object.h"

typedef enum MapKind {
        MAP_TASKS,       /* <Guid, IBackgroundTaskRegistration> */
        MAP_GROUP_TASKS, /* <Guid, BackgroundTaskRegistration> */
        MAP_GROUPS,      /* <String, BackgroundTaskRegistrationGroup> */
        MAP_OBJECTS,     /* <String, Object> */
        MAP_SOCKETS,     /* <String, SocketActivityInformation> */
        MAP_CONTAINERS,  /* <String, ApplicationDataContainer> */
        MAP_STRINGS,     /* <String, String>: the values are PropertyValues of texts */
        MAP_X_MAX
} MapKind;

typedef struct MapEntry {
        GUID id;         /* the key of the first two kinds */
        HSTRING name;    /* that of the others */
        IUnknown *value; /* the interface that the kind names; NULL: none */
} MapEntry;

/* Gives back what the entries hold, and the list. */
void map_entries_free(MapEntry *entries, size_t n);
/* Takes the list, which comes from malloc(), in any case. *ret is set to the view. */
HRESULT map_new(MapKind kind, MapEntry *entries, size_t n, void *ret);
/* The iterator of such a view. */
HRESULT map_first(void *view, void *ret_iterator);
/* The tasks of a list of libbgtask, which stays the caller's. */
HRESULT map_new_of_tasks(MapKind kind, bgt_registration *const *tasks, size_t n, void *ret);
