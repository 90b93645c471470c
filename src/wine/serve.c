/* SPDX-License-Identifier: MIT */

/*
 * How a program of Windows becomes a server of bgtask. It registers its class object with Wine and knows nothing of
 * us. The host of its prefix finds the class object, makes one IBackgroundTask with it, and calls Run with no instance
 * but with the factory. The stub of that call is ours: it has brought this library into the program, and instead of
 * calling Run it registers the class with the broker, as any native server does. From then on the host is not needed:
 * the broker sends runs to the program itself, and this library calls the factory and Run in it, in the apartment that
 * they belong to.
 */

#define COBJMACROS
#include <windows.h>

#include <objbase.h>
#include <unistd.h>

#include "wine/agile.h"
#include "wine/background.h"
#include "wine/bridge.h"

/* The program's factory, and the task that was made to find it: the first run's. Cookies of the global table. */
typedef struct Factory {
        IClassFactory face;
        LONG n_ref;
        DWORD factory;
        LONG first; /* 0: it is used */
} Factory;

static HRESULT WINAPI factory_query_interface(IClassFactory *self, REFIID iid, void **ret)
{
        *ret = NULL;
        if (!IsEqualGUID(iid, &IID_IUnknown) && !IsEqualGUID(iid, &IID_IClassFactory))
                return E_NOINTERFACE;
        *ret = self;
        IClassFactory_AddRef(self);
        return S_OK;
}

static ULONG WINAPI factory_add_ref(IClassFactory *self)
{
        return (ULONG)InterlockedIncrement(&((Factory *)self)->n_ref);
}

static ULONG WINAPI factory_release(IClassFactory *self)
{
        Factory *factory = (Factory *)self;
        LONG n = InterlockedDecrement(&factory->n_ref);

        if (n > 0)
                return (ULONG)n;
        if (factory->factory)
                IGlobalInterfaceTable_RevokeInterfaceFromGlobal(agile_table(), factory->factory);
        if (factory->first)
                IGlobalInterfaceTable_RevokeInterfaceFromGlobal(agile_table(), (DWORD)factory->first);
        HeapFree(GetProcessHeap(), 0, factory);
        return 0;
}

static HRESULT WINAPI factory_create_instance(IClassFactory *self, IUnknown *outer, REFIID iid, void **ret)
{
        Factory *factory = (Factory *)self;
        LONG first = InterlockedExchange(&factory->first, 0);
        IClassFactory *real;
        HRESULT hr;

        *ret = NULL;
        if (first) {
                hr = IGlobalInterfaceTable_GetInterfaceFromGlobal(agile_table(), (DWORD)first, iid, ret);
                IGlobalInterfaceTable_RevokeInterfaceFromGlobal(agile_table(), (DWORD)first);
                return hr;
        }
        hr = IGlobalInterfaceTable_GetInterfaceFromGlobal(agile_table(), factory->factory, &IID_IClassFactory,
                                                          (void **)&real);
        if (FAILED(hr))
                return hr;
        hr = IClassFactory_CreateInstance(real, outer, iid, ret);
        IClassFactory_Release(real);
        return hr;
}

static HRESULT WINAPI factory_lock_server(IClassFactory *self, BOOL lock)
{
        return S_OK;
}

static const IClassFactoryVtbl factory_vtable = {
        factory_query_interface, factory_add_ref, factory_release, factory_create_instance, factory_lock_server,
};

static HRESULT factory_new(IClassFactory *real, IBackgroundTask *first, IClassFactory **ret)
{
        Factory *factory = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *factory);
        DWORD cookie = 0;
        HRESULT hr;

        if (!factory || !agile_table()) {
                HeapFree(GetProcessHeap(), 0, factory);
                return E_OUTOFMEMORY;
        }
        factory->face.lpVtbl = (IClassFactoryVtbl *)&factory_vtable;
        factory->n_ref = 1;
        hr = IGlobalInterfaceTable_RegisterInterfaceInGlobal(agile_table(), (IUnknown *)real, &IID_IClassFactory,
                                                             &factory->factory);
        if (SUCCEEDED(hr))
                hr = IGlobalInterfaceTable_RegisterInterfaceInGlobal(agile_table(), (IUnknown *)first,
                                                                     &IID_IBackgroundTask, &cookie);
        factory->first = (LONG)cookie;
        if (SUCCEEDED(hr))
                *ret = &factory->face;
        else
                IClassFactory_Release(&factory->face);
        return hr;
}

/* A call of Run on its way to another apartment of this process. */
typedef struct Call {
        struct Call *next;
        ULONG number;
        IUnknown *instance;
} Call;

static SRWLOCK calls_lock = SRWLOCK_INIT;
static Call *calls;
static ULONG last_call;

static void add_call(Call *call)
{
        AcquireSRWLockExclusive(&calls_lock);
        call->number = ++last_call;
        call->next = calls;
        calls = call;
        ReleaseSRWLockExclusive(&calls_lock);
}

static void remove_call(Call *call)
{
        AcquireSRWLockExclusive(&calls_lock);
        for (Call **p = &calls; *p; p = &(*p)->next)
                if (*p == call) {
                        *p = call->next;
                        break;
                }
        ReleaseSRWLockExclusive(&calls_lock);
}

static IUnknown *find_instance(ULONG number)
{
        IUnknown *instance = NULL;

        AcquireSRWLockShared(&calls_lock);
        for (Call *call = calls; call && !instance; call = call->next)
                if (call->number == number)
                        instance = call->instance;
        ReleaseSRWLockShared(&calls_lock);
        return instance;
}

/* Objects of ours may be called from any apartment: the pointer goes along as it is. */
HRESULT CALLBACK IBackgroundTask_Run_Proxy(IBackgroundTask *self, IUnknown *instance)
{
        Call call = { .instance = instance };
        ULONG unix_pid, windows_pid;
        HRESULT hr;

        add_call(&call);
        hr = IBackgroundTask_RemoteRun_Proxy(self, NULL, &GUID_NULL, call.number, &unix_pid, &windows_pid);
        remove_call(&call);
        return hr;
}

static HRESULT take_factory(IBackgroundTask *self, IClassFactory *real, const GUID *clsid, ULONG regcls)
{
        IClassFactory *factory;
        HRESULT hr;

        hr = factory_new(real, self, &factory);
        if (FAILED(hr))
                return hr;
        hr = bridge_register_class(clsid, factory, regcls);
        IClassFactory_Release(factory);
        return hr;
}

HRESULT __RPC_STUB IBackgroundTask_Run_Stub(IBackgroundTask *self, IClassFactory *real, const GUID *clsid, ULONG value,
                                            ULONG *ret_unix_pid, ULONG *ret_windows_pid)
{
        IUnknown *instance;

        *ret_unix_pid = (ULONG)getpid();
        *ret_windows_pid = GetCurrentProcessId();
        if (real)
                return take_factory(self, real, clsid, value);
        instance = find_instance(value);
        return instance ? IBackgroundTask_Run(self, instance) : E_INVALIDARG;
}

HRESULT WINAPI IntroduceFactory(IBackgroundTask *task, IClassFactory *factory, const GUID *clsid, ULONG regcls,
                                ULONG *ret_unix_pid, ULONG *ret_windows_pid)
{
        return IBackgroundTask_RemoteRun_Proxy(task, factory, clsid, regcls, ret_unix_pid, ret_windows_pid);
}
