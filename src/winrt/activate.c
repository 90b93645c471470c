/* SPDX-License-Identifier: MIT */

/* The functions of Windows Runtime for programs of this machine. Wine has its own. */

#include "winrt/factory.h"
#include "winrt/platform.h"

HRESULT WINAPI RoGetActivationFactory(HSTRING class_name, const IID *iid, void **ret_factory)
{
        if (ret_factory)
                *ret_factory = NULL;
        return ret_factory && iid ? factory_get(class_name, iid, ret_factory) : E_POINTER;
}

HRESULT WINAPI RoActivateInstance(HSTRING class_name, IInspectable **ret_instance)
{
        IActivationFactory *factory;
        HRESULT hr;

        if (!ret_instance)
                return E_POINTER;
        *ret_instance = NULL;
        hr = factory_get(class_name, &IID_IActivationFactory, (void **)&factory);
        return SUCCEEDED(hr) ? IActivationFactory_ActivateInstance(factory, ret_instance) : hr;
}

HRESULT platform_path(const char *path, HSTRING *ret)
{
        return string_from_utf8(path, ret);
}

/* What a thread was initialised as, and how often. */
static _Thread_local RO_INIT_TYPE initialised_as;
static _Thread_local unsigned n_initialised;

HRESULT WINAPI RoInitialize(RO_INIT_TYPE type)
{
        if (type != RO_INIT_SINGLETHREADED && type != RO_INIT_MULTITHREADED)
                return E_INVALIDARG;
        if (n_initialised > 0 && initialised_as != type)
                return RPC_E_CHANGED_MODE;
        initialised_as = type;
        return n_initialised++ == 0 ? S_OK : S_FALSE;
}

void WINAPI RoUninitialize(void)
{
        if (n_initialised > 0)
                n_initialised--;
}

void *WINAPI CoTaskMemAlloc(size_t size)
{
        return malloc(size);
}

void WINAPI CoTaskMemFree(void *memory)
{
        free(memory);
}
