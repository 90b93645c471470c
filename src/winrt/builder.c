/* SPDX-License-Identifier: MIT */

/* BackgroundTaskBuilder. It collects, and makes a builder of libbgtask anew for each Register(). */

#include <stdlib.h>

#include "winrt/factory.h"
#include "winrt/group.h"
#include "winrt/package.h"
#include "winrt/refused.h"
#include "winrt/registration.h"
#include "winrt/value.h"

#define CONDITIONS_MAX 32

typedef struct Builder {
        Object object;
        pthread_mutex_t lock;
        HSTRING name;
        HSTRING entry_point;
        IBackgroundTrigger *trigger;
        int conditions[CONDITIONS_MAX];
        size_t n_conditions;
        bool has_clsid;
        GUID clsid;
        IBackgroundTaskRegistrationGroup *group;
        boolean cancel_on_condition_loss, network_requested, in_standby;
} Builder;

static Builder *lock(void *self)
{
        Builder *builder = (Builder *)object_of(self);

        pthread_mutex_lock(&builder->lock);
        return builder;
}

static void unlock(Builder **builder)
{
        pthread_mutex_unlock(&(*builder)->lock);
}

static void builder_done(Object *object)
{
        Builder *builder = (Builder *)object;

        (void)WindowsDeleteString(builder->name);
        (void)WindowsDeleteString(builder->entry_point);
        if (builder->trigger)
                IBackgroundTrigger_Release(builder->trigger);
        if (builder->group)
                IBackgroundTaskRegistrationGroup_Release(builder->group);
        pthread_mutex_destroy(&builder->lock);
}

static HRESULT set_string(HSTRING *slot, HSTRING value)
{
        HSTRING copy;
        HRESULT hr = WindowsDuplicateString(value, &copy);

        if (FAILED(hr))
                return hr;
        (void)WindowsDeleteString(*slot);
        *slot = copy;
        return S_OK;
}

static STDMETHODIMP put_entry_point(IBackgroundTaskBuilder *self, HSTRING value)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        return set_string(&builder->entry_point, value);
}

static STDMETHODIMP get_entry_point(IBackgroundTaskBuilder *self, HSTRING *ret_value)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        return ret_value ? WindowsDuplicateString(builder->entry_point, ret_value) : E_POINTER;
}

static STDMETHODIMP put_name(IBackgroundTaskBuilder *self, HSTRING value)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        return set_string(&builder->name, value);
}

static STDMETHODIMP get_name(IBackgroundTaskBuilder *self, HSTRING *ret_value)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        return ret_value ? WindowsDuplicateString(builder->name, ret_value) : E_POINTER;
}

static STDMETHODIMP set_trigger(IBackgroundTaskBuilder *self, IBackgroundTrigger *trigger)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        if (!trigger)
                return E_POINTER;
        if (!value_trigger(trigger) && !refused_is(trigger))
                return E_INVALIDARG;
        IBackgroundTrigger_AddRef(trigger);
        if (builder->trigger)
                IBackgroundTrigger_Release(builder->trigger);
        builder->trigger = trigger;
        return S_OK;
}

static STDMETHODIMP add_condition(IBackgroundTaskBuilder *self, IBackgroundCondition *condition)
{
        _cleanup_(unlock) Builder *builder = lock(self);
        int number;

        if (!condition)
                return E_POINTER;
        number = value_condition(condition);
        if (number < 0 || builder->n_conditions == CONDITIONS_MAX)
                return E_INVALIDARG;
        builder->conditions[builder->n_conditions++] = number;
        return S_OK;
}

/* Everything that was set; name may be NULL: the builder's own. */
static HRESULT make(const Builder *builder, HSTRING name, bgt_builder **ret)
{
        _cleanup_(freep) char *text = NULL, *entry_point = NULL;
        HRESULT hr = string_to_utf8(name ? name : builder->name, &text);
        char clsid[BGT_ID_SIZE];
        bgt_builder *made;

        if (SUCCEEDED(hr))
                hr = string_to_utf8(builder->entry_point, &entry_point);
        if (SUCCEEDED(hr) && builder->trigger && refused_is(builder->trigger))
                hr = HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED);
        if (FAILED(hr))
                return hr;
        made = bgt_builder_new(NULL, text);
        if (!made)
                return E_OUTOFMEMORY;
        guid_format(builder->clsid, clsid);
        if (builder->has_clsid)
                bgt_builder_set_entry_point_clsid(made, clsid);
        if (*entry_point)
                bgt_builder_set_entry_point(made, entry_point);
        if (builder->trigger)
                bgt_builder_set_trigger(made, value_trigger(builder->trigger));
        for (size_t i = 0; i < builder->n_conditions; i++)
                bgt_builder_add_condition(made, builder->conditions[i]);
        bgt_builder_set_cancel_on_condition_loss(made, builder->cancel_on_condition_loss);
        bgt_builder_set_network_requested(made, builder->network_requested);
        if (builder->group)
                bgt_builder_set_group(made, group_id(builder->group));
        *ret = made;
        return S_OK;
}

/* The task keeps the name of its group for other processes. Takes the reference to the group, which may be NULL. */
static HRESULT name_group(bgt_builder *made, IBackgroundTaskRegistrationGroup *group)
{
        _cleanup_(freep) char *name = NULL;
        HRESULT hr;

        if (!group)
                return S_OK;
        hr = group_name(group, &name);
        IBackgroundTaskRegistrationGroup_Release(group);
        if (SUCCEEDED(hr))
                bgt_builder_set_group_name(made, name);
        return hr;
}

static HRESULT register_as(void *self, HSTRING name, int if_exists, IBackgroundTaskRegistration **ret_task)
{
        IBackgroundTaskRegistrationGroup *group = NULL;
        IBackgroundTaskRegistration *prepared = NULL;
        bgt_registration *task = NULL;
        bgt_builder *made = NULL;
        Builder *builder;
        bool has_clsid;
        HRESULT hr;

        if (!ret_task)
                return E_POINTER;
        *ret_task = NULL;
        builder = lock(self);
        hr = make(builder, name, &made);
        has_clsid = builder->has_clsid;
        if (SUCCEEDED(hr) && builder->group) {
                group = builder->group;
                IBackgroundTaskRegistrationGroup_AddRef(group);
        }
        unlock(&builder);
        if (SUCCEEDED(hr))
                hr = name_group(made, group);
        if (SUCCEEDED(hr) && has_clsid && bgt_builder_validate(made) >= 0)
                hr = package_may_have_classes();
        if (SUCCEEDED(hr))
                hr = registration_prepare(&prepared);
        if (SUCCEEDED(hr))
                hr = hresult_from(bgt_builder_register(made, if_exists, &task));
        if (SUCCEEDED(hr)) {
                registration_fill(prepared, task);
                *ret_task = TAKE_PTR(prepared);
        }
        if (prepared)
                IBackgroundTaskRegistration_Release(prepared);
        bgt_registration_unref(task);
        bgt_builder_unref(made);
        return hr;
}

static STDMETHODIMP register_it(IBackgroundTaskBuilder *self, IBackgroundTaskRegistration **ret_task)
{
        return register_as(self, NULL, BGT_IF_EXISTS_DUPLICATE, ret_task);
}

static STDMETHODIMP register_by_name(IBackgroundTaskBuilder6 *self, HSTRING name,
                                     IBackgroundTaskRegistration **ret_task)
{
        return register_as(self, name, BGT_IF_EXISTS_REPLACE, ret_task);
}

static STDMETHODIMP validate(IBackgroundTaskBuilder6 *self, boolean *ret_value)
{
        bgt_builder *made = NULL;
        Builder *builder;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        builder = lock(self);
        hr = make(builder, NULL, &made);
        unlock(&builder);
        *ret_value = SUCCEEDED(hr) && bgt_builder_validate(made) >= 0;
        bgt_builder_unref(made);
        return hr == E_OUTOFMEMORY ? hr : S_OK;
}

static HRESULT put_flag(void *self, size_t offset, boolean value)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        *((boolean *)builder + offset) = value != 0;
        return S_OK;
}

static HRESULT get_flag(void *self, size_t offset, boolean *ret_value)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        if (!ret_value)
                return E_POINTER;
        *ret_value = *((boolean *)builder + offset);
        return S_OK;
}

#define FLAG(name, interface, field)                                            \
        static STDMETHODIMP put_##name(interface *self, boolean value)          \
        {                                                                       \
                return put_flag(self, offsetof(Builder, field), value);         \
        }                                                                       \
        static STDMETHODIMP get_##name(interface *self, boolean *ret_value)     \
        {                                                                       \
                return get_flag(self, offsetof(Builder, field), ret_value);     \
        }

FLAG(cancel_on_loss, IBackgroundTaskBuilder2, cancel_on_condition_loss)
FLAG(network_requested, IBackgroundTaskBuilder3, network_requested)
FLAG(in_standby, IBackgroundTaskBuilder6, in_standby)

static STDMETHODIMP set_clsid(IBackgroundTaskBuilder5 *self, GUID clsid)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        builder->has_clsid = true;
        builder->clsid = clsid;
        return S_OK;
}

static STDMETHODIMP get_group(IBackgroundTaskBuilder4 *self, IBackgroundTaskRegistrationGroup **ret_value)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        if (!ret_value)
                return E_POINTER;
        *ret_value = builder->group;
        if (builder->group)
                IBackgroundTaskRegistrationGroup_AddRef(builder->group);
        return S_OK;
}

/* NULL: the task is in no group. */
static STDMETHODIMP put_group(IBackgroundTaskBuilder4 *self, IBackgroundTaskRegistrationGroup *value)
{
        _cleanup_(unlock) Builder *builder = lock(self);

        if (value && !group_id(value))
                return E_INVALIDARG;
        if (value)
                IBackgroundTaskRegistrationGroup_AddRef(value);
        if (builder->group)
                IBackgroundTaskRegistrationGroup_Release(builder->group);
        builder->group = value;
        return S_OK;
}

static const IBackgroundTaskBuilderVtbl vtable = {
        INSPECTABLE_SLOTS, .put_TaskEntryPoint = put_entry_point, .get_TaskEntryPoint = get_entry_point,
        .SetTrigger = set_trigger, .AddCondition = add_condition, .put_Name = put_name, .get_Name = get_name,
        .Register = register_it,
};
static const IBackgroundTaskBuilder2Vtbl vtable2 = {
        INSPECTABLE_SLOTS, .put_CancelOnConditionLoss = put_cancel_on_loss,
        .get_CancelOnConditionLoss = get_cancel_on_loss,
};
static const IBackgroundTaskBuilder3Vtbl vtable3 = {
        INSPECTABLE_SLOTS, .put_IsNetworkRequested = put_network_requested,
        .get_IsNetworkRequested = get_network_requested,
};
static const IBackgroundTaskBuilder4Vtbl vtable4 = {
        INSPECTABLE_SLOTS, .get_TaskGroup = get_group, .put_TaskGroup = put_group,
};
static const IBackgroundTaskBuilder5Vtbl vtable5 = { INSPECTABLE_SLOTS, .SetTaskEntryPointClsid = set_clsid };
static const IBackgroundTaskBuilder6Vtbl vtable6 = {
        INSPECTABLE_SLOTS, .get_AllowRunningTaskInStandby = get_in_standby,
        .put_AllowRunningTaskInStandby = put_in_standby, .Validate = validate, .Register = register_by_name,
};

static const Class builder_class = {
        .name = u"Windows.ApplicationModel.Background.BackgroundTaskBuilder", .size = sizeof(Builder),
        .done = builder_done,
        .faces = {
                { &IID_IBackgroundTaskBuilder, &vtable, NULL },
                { &IID_IBackgroundTaskBuilder2, &vtable2, NULL },
                { &IID_IBackgroundTaskBuilder3, &vtable3, NULL },
                { &IID_IBackgroundTaskBuilder4, &vtable4, NULL },
                { &IID_IBackgroundTaskBuilder5, &vtable5, NULL },
                { &IID_IBackgroundTaskBuilder6, &vtable6, NULL },
        },
};

static HRESULT activate(const FactoryInfo *info, IInspectable **ret_instance)
{
        Builder *builder = (Builder *)object_new(&builder_class);

        if (!builder)
                return E_OUTOFMEMORY;
        pthread_mutex_init(&builder->lock, NULL);
        *ret_instance = object_face(&builder->object, 0);
        return S_OK;
}

/* Tasks run whether the machine is in standby or not: there is nothing of its own to be supported. */
static STDMETHODIMP get_standby_supported(IBackgroundTaskBuilderStatics *self, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return S_OK;
}

static const IBackgroundTaskBuilderStaticsVtbl statics = {
        INSPECTABLE_SLOTS, .get_IsRunningTaskInStandbySupported = get_standby_supported,
};

const FactoryInfo builder_factories[] = {
        { u"Windows.ApplicationModel.Background.BackgroundTaskBuilder",
          { { &IID_IBackgroundTaskBuilderStatics, &statics, NULL } }, activate },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
