/* SPDX-License-Identifier: MIT */

/*
 * BackgroundTaskRegistrationGroup. The broker knows a group by its tasks, which keep its id and the name that it was
 * given; what this process knows besides, a name that no task has yet and its handlers, is shared by all objects of
 * one id and kept as long as the process lives.
 */

#include "winrt/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "winrt/events.h"
#include "winrt/factory.h"
#include "winrt/instance.h"
#include "winrt/map.h"

typedef struct Known {
        ListNode node;
        char *id;
        HSTRING name;
        Events activated;
} Known;

typedef struct Group {
        Object object;
        Known *known;
} Group;

typedef struct Args {
        Object object;
        IBackgroundTaskInstance *instance;
} Args;

/* One run of a group: its instance lives until that has ended. */
typedef struct Run {
        IBackgroundTaskInstance *instance;
} Run;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ListNode all = { &all, &all };
/* While there are handlers, this process runs the in-process tasks of its package. */
static pthread_mutex_t server_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t n_handlers;
static bgt_server *server;

static Known *find(const char *id)
{
        list_for_each(i, &all)
                if (strcmp(list_entry(i, Known, node)->id, id) == 0)
                        return list_entry(i, Known, node);
        return NULL;
}

/* What is known of this id; a name that is given replaces the one before. NULL if there is no memory. */
static Known *know(const char *id, HSTRING name)
{
        HSTRING copy = NULL;
        Known *known;

        if (FAILED(WindowsDuplicateString(name, &copy)))
                return NULL;
        pthread_mutex_lock(&lock);
        known = find(id);
        if (!known) {
                known = calloc(1, sizeof *known);
                if (known)
                        known->id = strdup(id);
                if (known && known->id) {
                        events_init(&known->activated);
                        list_append(&all, &known->node);
                } else {
                        free(TAKE_PTR(known));
                }
        }
        if (known && copy) {
                HSTRING old = known->name;

                known->name = copy;
                copy = old;
        }
        pthread_mutex_unlock(&lock);
        (void)WindowsDeleteString(copy);
        return known;
}

static Group *group_of(void *self)
{
        return (Group *)object_of(self);
}

static STDMETHODIMP get_id(IBackgroundTaskRegistrationGroup *self, HSTRING *ret_value)
{
        return ret_value ? string_from_utf8(group_of(self)->known->id, ret_value) : E_POINTER;
}

/* The one that this process has given it, else that of its tasks. Where nobody answers it has none. */
static STDMETHODIMP get_name(IBackgroundTaskRegistrationGroup *self, HSTRING *ret_value)
{
        _cleanup_(freep) char *text = NULL;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        pthread_mutex_lock(&lock);
        hr = WindowsDuplicateString(group_of(self)->known->name, ret_value);
        pthread_mutex_unlock(&lock);
        if (FAILED(hr) || *ret_value)
                return hr;
        if (bgt_group_name(NULL, group_of(self)->known->id, &text) >= 0)
                return string_from_utf8(text, ret_value);
        return hresult_last() == E_OUTOFMEMORY ? E_OUTOFMEMORY : S_OK;
}

static STDMETHODIMP get_all_tasks(IBackgroundTaskRegistrationGroup *self,
                                  IMapView_GUID_BackgroundTaskRegistration **ret_tasks)
{
        bgt_registration **list;
        HRESULT hr;
        size_t n;

        if (!ret_tasks)
                return E_POINTER;
        *ret_tasks = NULL;
        hr = hresult_from(bgt_group_all_tasks(NULL, group_of(self)->known->id, &list, &n));
        if (FAILED(hr))
                return hr;
        hr = map_new_of_tasks(MAP_GROUP_TASKS, list, n, ret_tasks);
        bgt_registrations_free(list, n);
        return hr;
}

/* BackgroundActivated. */

static void args_done(Object *object)
{
        IBackgroundTaskInstance_Release(((Args *)object)->instance);
}

static STDMETHODIMP get_task_instance(IBackgroundActivatedEventArgs *self, IBackgroundTaskInstance **ret_value)
{
        Args *args = (Args *)object_of(self);

        if (!ret_value)
                return E_POINTER;
        IBackgroundTaskInstance_AddRef(args->instance);
        *ret_value = args->instance;
        return S_OK;
}

static const IBackgroundActivatedEventArgsVtbl args_vtable = {
        INSPECTABLE_SLOTS, .get_TaskInstance = get_task_instance,
};
static const Class args_class = {
        .name = u"Windows.ApplicationModel.Activation.BackgroundActivatedEventArgs", .size = sizeof(Args),
        .done = args_done, .faces = { { &IID_IBackgroundActivatedEventArgs, &args_vtable, NULL } },
};

typedef struct Activation {
        IBackgroundTaskRegistrationGroup *group;
        IBackgroundActivatedEventArgs *args;
        HRESULT result;
} Activation;

/* The run fails as the first handler that fails; none is removed for it, because each counts for the server. */
static HRESULT call_activated(IUnknown *handler, void *userdata)
{
        Activation *activation = userdata;
        HRESULT hr = IBackgroundActivatedEventHandler_Invoke((IBackgroundActivatedEventHandler *)handler,
                                                             activation->group, activation->args);

        if (FAILED(hr) && SUCCEEDED(activation->result))
                activation->result = hr;
        return S_OK;
}

static HRESULT tell(Known *known, IBackgroundTaskInstance *instance)
{
        Activation activation = { .result = S_OK };
        HRESULT hr = group_wrap(known->id, &activation.group);
        Args *args;

        if (FAILED(hr))
                return hr;
        args = (Args *)object_new(&args_class);
        if (!args) {
                IBackgroundTaskRegistrationGroup_Release(activation.group);
                return E_OUTOFMEMORY;
        }
        IBackgroundTaskInstance_AddRef(instance);
        args->instance = instance;
        activation.args = object_face(&args->object, 0);
        (void)events_raise(&known->activated, 0, call_activated, &activation);
        object_unref(&args->object);
        IBackgroundTaskRegistrationGroup_Release(activation.group);
        return activation.result;
}

static void *create(void *factory)
{
        return calloc(1, sizeof(Run));
}

static void destroy(void *object)
{
        Run *run = object;

        if (run->instance)
                IBackgroundTaskInstance_Release(run->instance);
        free(run);
}

/* A group without handlers here has nobody to run its tasks, and neither has a task without a group. */
static int run_it(bgt_instance *instance, void *object)
{
        Run *run = object;
        Known *known;
        HRESULT hr;

        pthread_mutex_lock(&lock);
        known = find(bgt_registration_group(bgt_instance_task(instance)));
        pthread_mutex_unlock(&lock);
        if (!known || !events_any(&known->activated))
                return -ENOSYS;
        hr = instance_new(instance, &run->instance);
        return hresult_to_result(SUCCEEDED(hr) ? tell(known, run->instance) : hr);
}

static const bgt_class class_ = { .size = sizeof class_, .create = create, .run = run_it, .destroy = destroy };

/* Keeps the server as long as there are handlers. */
static HRESULT count_handlers(int change)
{
        bgt_server *old = NULL;
        HRESULT hr = S_OK;

        pthread_mutex_lock(&server_lock);
        if (change > 0 && n_handlers == 0)
                hr = hresult_from(bgt_server_register_in_process(NULL, &class_, NULL, &server));
        if (SUCCEEDED(hr))
                n_handlers += (size_t)change;
        if (change < 0 && n_handlers == 0)
                old = TAKE_PTR(server);
        pthread_mutex_unlock(&server_lock);
        if (old)
                bgt_server_revoke(old);
        return hr;
}

static STDMETHODIMP add_activated(IBackgroundTaskRegistrationGroup *self, IBackgroundActivatedEventHandler *handler,
                                  EventRegistrationToken *ret_token)
{
        Known *known = group_of(self)->known;
        HRESULT hr = events_add(&known->activated, (IUnknown *)handler, ret_token);

        if (FAILED(hr))
                return hr;
        hr = count_handlers(1);
        if (FAILED(hr))
                (void)events_remove(&known->activated, *ret_token);
        return hr;
}

static STDMETHODIMP remove_activated(IBackgroundTaskRegistrationGroup *self, EventRegistrationToken token)
{
        if (events_remove(&group_of(self)->known->activated, token))
                (void)count_handlers(-1);
        return S_OK;
}

static const IBackgroundTaskRegistrationGroupVtbl vtable = {
        INSPECTABLE_SLOTS, .get_Id = get_id, .get_Name = get_name, .add_BackgroundActivated = add_activated,
        .remove_BackgroundActivated = remove_activated, .get_AllTasks = get_all_tasks,
};
static const Class group_class = {
        .name = u"Windows.ApplicationModel.Background.BackgroundTaskRegistrationGroup", .size = sizeof(Group),
        .faces = { { &IID_IBackgroundTaskRegistrationGroup, &vtable, NULL } },
};

static HRESULT new_group(const char *id, HSTRING name, IBackgroundTaskRegistrationGroup **ret_group)
{
        Known *known = know(id, name);
        Group *group = known ? (Group *)object_new(&group_class) : NULL;

        *ret_group = NULL;
        if (!group)
                return E_OUTOFMEMORY;
        group->known = known;
        *ret_group = object_face(&group->object, 0);
        return S_OK;
}

HRESULT group_wrap(const char *id, IBackgroundTaskRegistrationGroup **ret)
{
        return new_group(id, NULL, ret);
}

const char *group_id(IBackgroundTaskRegistrationGroup *group)
{
        Object *object = object_of_class(group, &group_class);

        return object ? ((Group *)object)->known->id : NULL;
}

HRESULT group_name(IBackgroundTaskRegistrationGroup *group, char **ret_name)
{
        HSTRING name = NULL;
        HRESULT hr = get_name(group, &name);

        if (SUCCEEDED(hr))
                hr = string_to_utf8(name, ret_name);
        (void)WindowsDeleteString(name);
        return hr;
}

HRESULT group_list(IMapView_HSTRING_BackgroundTaskRegistrationGroup **ret_groups)
{
        MapEntry *entries;
        char **ids;
        HRESULT hr;
        size_t n;

        hr = hresult_from(bgt_all_groups(NULL, &ids, &n));
        if (FAILED(hr))
                return hr;
        entries = calloc(MAX(n, (size_t)1), sizeof *entries);
        if (!entries)
                hr = E_OUTOFMEMORY;
        for (size_t i = 0; i < n && SUCCEEDED(hr); i++) {
                hr = string_from_utf8(ids[i], &entries[i].name);
                if (SUCCEEDED(hr))
                        hr = group_wrap(ids[i], (IBackgroundTaskRegistrationGroup **)&entries[i].value);
        }
        bgt_groups_free(ids, n);
        if (SUCCEEDED(hr))
                return map_new(MAP_GROUPS, entries, n, ret_groups);
        map_entries_free(entries, entries ? n : 0);
        return hr;
}

HRESULT group_find(HSTRING id, IBackgroundTaskRegistrationGroup **ret_group)
{
        _cleanup_(freep) char *text = NULL;
        bool found = false;
        HRESULT hr = string_to_utf8(id, &text);
        char **ids;
        size_t n;

        if (SUCCEEDED(hr))
                hr = hresult_from(bgt_all_groups(NULL, &ids, &n));
        if (FAILED(hr))
                return hr;
        for (size_t i = 0; i < n; i++)
                found = found || strcmp(ids[i], text) == 0;
        bgt_groups_free(ids, n);
        return found ? group_wrap(text, ret_group) : S_OK;
}

static STDMETHODIMP create_with_name(IBackgroundTaskRegistrationGroupFactory *self, HSTRING id, HSTRING name,
                                     IBackgroundTaskRegistrationGroup **ret_group)
{
        _cleanup_(freep) char *text = NULL;
        HRESULT hr;

        if (!ret_group)
                return E_POINTER;
        *ret_group = NULL;
        hr = string_to_utf8(id, &text);
        if (FAILED(hr))
                return hr;
        return *text ? new_group(text, name, ret_group) : E_INVALIDARG;
}

static STDMETHODIMP create_group(IBackgroundTaskRegistrationGroupFactory *self, HSTRING id,
                                 IBackgroundTaskRegistrationGroup **ret_group)
{
        return create_with_name(self, id, NULL, ret_group);
}

static const IBackgroundTaskRegistrationGroupFactoryVtbl factory = {
        INSPECTABLE_SLOTS, .Create = create_group, .CreateWithName = create_with_name,
};

const FactoryInfo group_factories[] = {
        { u"Windows.ApplicationModel.Background.BackgroundTaskRegistrationGroup",
          { { &IID_IBackgroundTaskRegistrationGroupFactory, &factory, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
