/* SPDX-License-Identifier: MIT */

/* The functions of Windows Runtime and of COM for programs of this machine. Wine has its own. */

#include "winrt/class-object.h"
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

void *WINAPI CoTaskMemRealloc(void *memory, size_t size)
{
        if (size > 0)
                return realloc(memory, size);
        free(memory);
        return NULL;
}

void WINAPI CoTaskMemFree(void *memory)
{
        free(memory);
}

HRESULT WINAPI CoInitializeEx(void *reserved, DWORD flags)
{
        /* The two types have each other's numbers here. */
        const DWORD known = COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE | COINIT_SPEED_OVER_MEMORY;

        return reserved || (flags & ~known) ? E_INVALIDARG :
                RoInitialize(flags & COINIT_APARTMENTTHREADED ? RO_INIT_SINGLETHREADED : RO_INIT_MULTITHREADED);
}

HRESULT WINAPI CoInitialize(void *reserved)
{
        return CoInitializeEx(reserved, COINIT_APARTMENTTHREADED);
}

void WINAPI CoUninitialize(void)
{
        RoUninitialize();
}

/* An object of this process before one of another. */
HRESULT WINAPI CoGetClassObject(const CLSID *clsid, DWORD context, void *server_info, const IID *iid,
                                void **ret_object)
{
        IUnknown *found;
        HRESULT hr;

        if (!ret_object)
                return E_POINTER;
        *ret_object = NULL;
        if (!clsid || !iid || server_info || !(context & (CLSCTX_INPROC_SERVER | CLSCTX_LOCAL_SERVER)))
                return E_INVALIDARG;
        found = class_object_find(clsid, context);
        if (!found)
                return context & CLSCTX_LOCAL_SERVER ? remote_class_object(clsid, iid, ret_object) :
                        REGDB_E_CLASSNOTREG;
        hr = IUnknown_QueryInterface(found, iid, ret_object);
        IUnknown_Release(found);
        return hr;
}

HRESULT WINAPI CoCreateInstance(const CLSID *clsid, IUnknown *outer, DWORD context, const IID *iid, void **ret_object)
{
        IClassFactory *factory;
        HRESULT hr;

        if (!ret_object)
                return E_POINTER;
        *ret_object = NULL;
        if (!iid)
                return E_INVALIDARG;
        if (outer)
                return CLASS_E_NOAGGREGATION;
        hr = CoGetClassObject(clsid, context, NULL, &IID_IClassFactory, (void **)&factory);
        if (FAILED(hr))
                return hr;
        hr = IClassFactory_CreateInstance(factory, NULL, iid, ret_object);
        IClassFactory_Release(factory);
        if (FAILED(hr))
                *ret_object = NULL;
        return hr;
}
