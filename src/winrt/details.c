/* SPDX-License-Identifier: MIT */

#include "winrt/details.h"

#include <string.h>

#include "winrt/valueset.h"

typedef struct Details {
        Object object;
        IPropertySet *arguments;
} Details;

static void details_done(Object *object)
{
        if (((Details *)object)->arguments)
                IPropertySet_Release(((Details *)object)->arguments);
}

static STDMETHODIMP get_arguments(IApplicationTriggerDetails *self, IPropertySet **ret_value)
{
        Details *details = (Details *)object_of(self);

        if (!ret_value)
                return E_POINTER;
        IPropertySet_AddRef(details->arguments);
        *ret_value = details->arguments;
        return S_OK;
}

static const IApplicationTriggerDetailsVtbl vtable = { INSPECTABLE_SLOTS, .get_Arguments = get_arguments };
static const Class details_class = {
        .name = u"Windows.ApplicationModel.Background.ApplicationTriggerDetails", .size = sizeof(Details),
        .done = details_done, .faces = { { &IID_IApplicationTriggerDetails, &vtable, NULL } },
};

/* System and time triggers tell nothing on Windows either. */
HRESULT details_new(bgt_instance *instance, IInspectable **ret)
{
        const char *by = bgt_record_string(bgt_instance_firing(instance), "fired-by");
        const bgt_record *arguments = bgt_record_record(bgt_instance_details(instance), DETAILS_ARGUMENTS);
        Details *details;
        HRESULT hr;

        *ret = NULL;
        if (!arguments && by && strcmp(by, "request") == 0)
                arguments = bgt_instance_details(instance);
        if (!arguments)
                return S_OK;
        details = (Details *)object_new(&details_class);
        if (!details)
                return E_OUTOFMEMORY;
        hr = valueset_from_record(arguments, &details->arguments);
        if (FAILED(hr))
                object_unref(&details->object);
        else
                *ret = object_face(&details->object, 0);
        return hr;
}
