/* SPDX-License-Identifier: MIT */

/*
 * A program of Windows that is measured by bench-wine: it serves a class whose Run says at once that it has begun.
 *
 *   exit            does nothing
 *   serve CLSID     for ever
 *   once CLSID      until its first object is gone
 *   create CLSID N  lets Wine make an object of the class, N times, and writes how many microseconds that took each
 *                   time; Wine is told to start "once" for it (N is 1) or "serve"
 */

#define COBJMACROS
#include <bgtask/winrt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT(result) __declspec(dllimport) result
#define LOCAL_MACHINE ((void *)(intptr_t)(int)0x80000002)
#define TEXT_TYPE 1

IMPORT(void *) CreateEventW(void *attributes, BOOL manual, BOOL state, const WCHAR *name);
IMPORT(BOOL) SetEvent(void *event);
IMPORT(DWORD) WaitForSingleObject(void *handle, DWORD msec);
IMPORT(BOOL) QueryPerformanceCounter(INT64 *ret_value);
IMPORT(BOOL) QueryPerformanceFrequency(INT64 *ret_value);
IMPORT(DWORD) GetModuleFileNameA(void *module, char *ret_path, DWORD size);
IMPORT(int) RegSetKeyValueA(void *key, const char *path, const char *name, DWORD type, const void *data, DWORD size);
IMPORT(HRESULT) CLSIDFromString(const WCHAR *text, CLSID *ret);

static void *is_over;
static BOOL leaves;

static HRESULT query(void *self, const IID *iid, const IID *own, void **ret)
{
        BOOL known = memcmp(iid, own, sizeof *iid) == 0 || memcmp(iid, &IID_IUnknown, sizeof *iid) == 0;

        *ret = known ? self : NULL;
        return known ? S_OK : E_NOINTERFACE;
}

typedef struct Task {
        IBackgroundTask task;
        INT32 n_ref;
} Task;

static ULONG task_add_ref(IBackgroundTask *self)
{
        return (ULONG)__atomic_add_fetch(&((Task *)self)->n_ref, 1, __ATOMIC_SEQ_CST);
}

static ULONG task_release(IBackgroundTask *self)
{
        INT32 n = __atomic_sub_fetch(&((Task *)self)->n_ref, 1, __ATOMIC_SEQ_CST);

        if (n == 0) {
                free(self);
                if (leaves)
                        SetEvent(is_over);
        }
        return (ULONG)n;
}

static HRESULT task_query_interface(IBackgroundTask *self, const IID *iid, void **ret)
{
        HRESULT hr = query(self, iid, &IID_IBackgroundTask, ret);

        if (SUCCEEDED(hr))
                task_add_ref(self);
        return hr;
}

static HRESULT task_run(IBackgroundTask *self, IBackgroundTaskInstance *instance)
{
        return IBackgroundTaskInstance_put_Progress(instance, 1);
}

static const IBackgroundTaskVtbl task_vtable = {
        .QueryInterface = task_query_interface, .AddRef = task_add_ref, .Release = task_release, .Run = task_run,
};

static HRESULT factory_query_interface(IClassFactory *self, const IID *iid, void **ret)
{
        return query(self, iid, &IID_IClassFactory, ret);
}

static ULONG factory_count(IClassFactory *self)
{
        return 1;
}

static HRESULT factory_create_instance(IClassFactory *self, IUnknown *outer, const IID *iid, void **ret)
{
        Task *task = malloc(sizeof *task);
        HRESULT hr;

        *ret = NULL;
        if (!task)
                return E_OUTOFMEMORY;
        *task = (Task){ { &task_vtable }, 1 };
        hr = task_query_interface(&task->task, iid, ret);
        task_release(&task->task);
        return hr;
}

static HRESULT factory_lock_server(IClassFactory *self, BOOL lock)
{
        return S_OK;
}

static const IClassFactoryVtbl factory_vtable = {
        factory_query_interface, factory_count, factory_count, factory_create_instance, factory_lock_server,
};
static IClassFactory factory = { &factory_vtable };

static int serve(const CLSID *clsid)
{
        DWORD cookie;

        is_over = CreateEventW(NULL, 1, 0, NULL);
        if (FAILED(CoRegisterClassObject(clsid, (IUnknown *)&factory, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE,
                                         &cookie)))
                return EXIT_FAILURE;
        WaitForSingleObject(is_over, 0xffffffff);
        CoRevokeClassObject(cookie);
        RoUninitialize();
        return EXIT_SUCCESS;
}

/* Which server of the class Wine starts. */
static int declare(const char *clsid, const char *what)
{
        char key[128], path[1024], line[1200];

        snprintf(key, sizeof key, "Software\\Classes\\CLSID\\%s\\LocalServer32", clsid);
        if (GetModuleFileNameA(NULL, path, sizeof path) >= sizeof path)
                return 0;
        snprintf(line, sizeof line, "%s %s %s", path, what, clsid);
        return RegSetKeyValueA(LOCAL_MACHINE, key, NULL, TEXT_TYPE, line, (DWORD)strlen(line) + 1) == 0;
}

static int create(const CLSID *clsid, int n)
{
        INT64 frequency, begin, end;

        QueryPerformanceFrequency(&frequency);
        for (int i = 0; i < n; i++) {
                IUnknown *made = NULL;
                HRESULT hr;

                QueryPerformanceCounter(&begin);
                hr = CoCreateInstance(clsid, NULL, CLSCTX_LOCAL_SERVER, &IID_IUnknown, (void **)&made);
                QueryPerformanceCounter(&end);
                if (FAILED(hr)) {
                        printf("failed %08x\n", (unsigned)hr);
                        return EXIT_FAILURE;
                }
                IUnknown_Release(made);
                printf("%.1f\n", (double)(end - begin) * 1e6 / (double)frequency);
                fflush(stdout);
        }
        return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
        WCHAR wide[64] = { 0 };
        CLSID clsid;
        int n;

        if (argc < 3)
                return EXIT_SUCCESS;
        for (size_t i = 0; argv[2][i] && i < 63; i++)
                wide[i] = (unsigned char)argv[2][i];
        if (FAILED(RoInitialize(RO_INIT_MULTITHREADED)) || FAILED(CLSIDFromString(wide, &clsid)))
                return EXIT_FAILURE;
        leaves = strcmp(argv[1], "once") == 0;
        if (strcmp(argv[1], "create") != 0)
                return serve(&clsid);
        n = argc > 3 ? atoi(argv[3]) : 1;
        return declare(argv[2], n == 1 ? "once" : "serve") ? create(&clsid, n) : EXIT_FAILURE;
}
