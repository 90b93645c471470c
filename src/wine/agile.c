/* SPDX-License-Identifier: MIT */

/*
 * RoGetAgileReference, which C++/WinRT's agile_ref looks for, and calls.
 */

#define COBJMACROS
#include <windows.h>

#include <objbase.h>
#include <string.h>

#include "wine/agile.h"

IGlobalInterfaceTable *agile_table(void)
{
        static IGlobalInterfaceTable *the_table;
        IGlobalInterfaceTable *made = NULL;

        if (the_table)
                return the_table;
        if (FAILED(CoCreateInstance(&CLSID_StdGlobalInterfaceTable, NULL, CLSCTX_INPROC_SERVER,
                                    &IID_IGlobalInterfaceTable, (void **)&made)))
                return NULL;
        if (InterlockedCompareExchangePointer((void **)&the_table, made, NULL))
                IGlobalInterfaceTable_Release(made);
        return the_table;
}

static const IID iid_reference = { 0xc03f6a43, 0x65a4, 0x9818, { 0x98, 0x7e, 0xe0, 0xb8, 0x10, 0xd2, 0xa6, 0xf2 } };
static const IID iid_no_marshal = { 0xecc8691b, 0xc1db, 0x4dc0, { 0x85, 0x5e, 0x65, 0xf6, 0xc5, 0x51, 0xaf, 0x49 } };

typedef struct Reference Reference;

/* IAgileReference. */
typedef struct ReferenceMethods {
        HRESULT (WINAPI *query_interface)(Reference *self, const IID *iid, void **ret);
        ULONG (WINAPI *add_ref)(Reference *self);
        ULONG (WINAPI *release)(Reference *self);
        HRESULT (WINAPI *resolve)(Reference *self, const IID *iid, void **ret);
} ReferenceMethods;

struct Reference {
        const ReferenceMethods *methods;
        LONG n_ref;
        DWORD cookie;
        IID iid;
};

static ULONG WINAPI add_ref(Reference *self)
{
        return (ULONG)InterlockedIncrement(&self->n_ref);
}

static ULONG WINAPI release(Reference *self)
{
        LONG n = InterlockedDecrement(&self->n_ref);

        if (n == 0) {
                IGlobalInterfaceTable_RevokeInterfaceFromGlobal(agile_table(), self->cookie);
                HeapFree(GetProcessHeap(), 0, self);
        }
        return (ULONG)n;
}

static HRESULT WINAPI query_interface(Reference *self, const IID *iid, void **ret)
{
        if (!ret)
                return E_POINTER;
        *ret = NULL;
        if (!IsEqualGUID(iid, &IID_IUnknown) && !IsEqualGUID(iid, &iid_reference) &&
            !IsEqualGUID(iid, &IID_IAgileObject))
                return E_NOINTERFACE;
        add_ref(self);
        *ret = self;
        return S_OK;
}

static HRESULT WINAPI resolve(Reference *self, const IID *iid, void **ret)
{
        IUnknown *object;
        HRESULT hr;

        if (!ret)
                return E_POINTER;
        *ret = NULL;
        hr = IGlobalInterfaceTable_GetInterfaceFromGlobal(agile_table(), self->cookie, &self->iid, (void **)&object);
        if (FAILED(hr))
                return hr;
        hr = IUnknown_QueryInterface(object, iid, ret);
        IUnknown_Release(object);
        return hr;
}

static const ReferenceMethods methods = { query_interface, add_ref, release, resolve };

/* The options only say when an object is marshalled, which is always at once. */
HRESULT WINAPI agile_get_reference(int options, const IID *iid, IUnknown *object, void **ret)
{
        Reference *reference;
        IUnknown *face;
        HRESULT hr;

        if (!iid || !object || !ret)
                return E_INVALIDARG;
        *ret = NULL;
        if (SUCCEEDED(IUnknown_QueryInterface(object, &iid_no_marshal, (void **)&face))) {
                IUnknown_Release(face);
                return CO_E_NOT_SUPPORTED;
        }
        hr = IUnknown_QueryInterface(object, iid, (void **)&face);
        if (FAILED(hr))
                return hr;
        reference = HeapAlloc(GetProcessHeap(), 0, sizeof *reference);
        hr = reference && agile_table() ? S_OK : E_OUTOFMEMORY;
        if (SUCCEEDED(hr)) {
                *reference = (Reference){ .methods = &methods, .n_ref = 1, .iid = *iid };
                hr = IGlobalInterfaceTable_RegisterInterfaceInGlobal(agile_table(), face, iid, &reference->cookie);
        }
        IUnknown_Release(face);
        if (SUCCEEDED(hr))
                *ret = reference;
        else
                HeapFree(GetProcessHeap(), 0, reference);
        return hr;
}
