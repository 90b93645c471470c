/* SPDX-License-Identifier: MIT */

/*
 * The library that Wine loads into programs: for the classes of Windows.ApplicationModel.Background, and as the proxy
 * and stub of IBackgroundTask. It stays once it is there, because its threads do.
 */

#define COBJMACROS
#include <windows.h>

#include <errno.h>
#include <objbase.h>
#include <stdlib.h>

#include <activation.h>

#include "wine/bridge.h"
#include "wine/provide.h"
#include "wine/registry.h"

HRESULT WINAPI Proxy_DllGetClassObject(REFCLSID clsid, REFIID iid, void **ret);

char *CDECL wine_get_unix_file_name(const WCHAR *path);
WCHAR *CDECL wine_get_dos_file_name(const char *path);

#define STACK_SIZE (1024 * 1024)

typedef struct Start {
        void *(*main)(void *);
        void *userdata;
} Start;

static HMODULE this_module;

static DWORD WINAPI thread_main(void *parameter)
{
        Start start = *(Start *)parameter;

        free(parameter);
        /* Once for the thread: it calls factories and delegates. */
        CoInitializeEx(NULL, COINIT_MULTITHREADED);
        (void)start.main(start.userdata);
        CoUninitialize();
        return 0;
}

/* A delegate that is called on a thread which Wine has not made dies of it. */
static int start_thread(void *(*main)(void *), void *userdata)
{
        Start *start = malloc(sizeof *start);
        HANDLE thread;

        if (!start)
                return -ENOMEM;
        *start = (Start){ main, userdata };
        thread = CreateThread(NULL, STACK_SIZE, thread_main, start, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
        if (!thread) {
                free(start);
                return -EAGAIN;
        }
        CloseHandle(thread);
        return 0;
}

/* One is enough for all: it only copies pointers. */
static int32_t get_marshaler(void **ret_marshaler)
{
        static IUnknown *the_marshaler;
        IUnknown *made;
        HRESULT hr;

        if (!the_marshaler) {
                hr = CoCreateFreeThreadedMarshaler(NULL, &made);
                if (FAILED(hr))
                        return hr;
                if (InterlockedCompareExchangePointer((void **)&the_marshaler, made, NULL))
                        IUnknown_Release(made);
        }
        return IUnknown_QueryInterface(the_marshaler, &IID_IMarshal, ret_marshaler);
}

/* Kept as long as the process lives. */
static char *find_program(void)
{
        WCHAR path[4096];
        DWORD n = GetModuleFileNameW(NULL, path, 4096);

        return n > 0 && n < 4096 ? wine_get_unix_file_name(path) : NULL;
}

static size_t name_path(const char *path, uint16_t *buf, size_t n_buf)
{
        WCHAR *name = wine_get_dos_file_name(path);
        size_t n = 0;

        while (name && name[n] && n < n_buf) {
                buf[n] = name[n];
                n++;
        }
        if (n == n_buf)
                n = 0;
        HeapFree(GetProcessHeap(), 0, name);
        return n;
}

static size_t describe(int32_t error, uint16_t *buf, size_t n_buf)
{
        return FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, (DWORD)error, 0, buf,
                              (DWORD)n_buf, NULL);
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
        static Bridge bridge = { .start_thread = start_thread, .get_marshaler = get_marshaler,
                                 .name_path = name_path, .describe = describe };
        HMODULE pinned;

        if (reason != DLL_PROCESS_ATTACH)
                return TRUE;
        this_module = instance;
        DisableThreadLibraryCalls(instance);
        GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (WCHAR *)&DllMain,
                           &pinned);
        bridge.program = find_program();
        bridge_init(&bridge);
        provide_functions();
        return TRUE;
}

HRESULT WINAPI DllGetActivationFactory(HSTRING class_name, IActivationFactory **ret_factory)
{
        if (!ret_factory)
                return E_POINTER;
        return bridge_get_factory(class_name, (void **)ret_factory);
}

HRESULT WINAPI DllGetClassObject(REFCLSID clsid, REFIID iid, void **ret)
{
        return Proxy_DllGetClassObject(clsid, iid, ret);
}

HRESULT WINAPI DllCanUnloadNow(void)
{
        return S_FALSE;
}

HRESULT WINAPI DllRegisterServer(void)
{
        return registry_add(this_module);
}

HRESULT WINAPI DllUnregisterServer(void)
{
        return registry_remove();
}
