/* SPDX-License-Identifier: MIT */
/*
 * A program of Windows, built with MinGW: registers its tasks and serves them, as C++ programs do. What a run does is
 * the name of its task, up to a dash:
 *
 *   complete     progress 7, and S_OK
 *   fail         E_INVALIDARG
 *   wait         until it is canceled; then S_OK
 *   stubborn     for ever; says when it is canceled
 *   defer        returns with a deferral, which another thread completes
 *   abandon      exits with status 3, with a deferral open
 *   crash        writes to address 0
 *
 * Arguments, a CLSID behind the first: register CLSID NAME... with an ApplicationTrigger; serve (in the apartment of
 * many threads); sta (in one of a single thread, which pumps messages); once (as serve, and leaves with the object of
 * its first run); find (says what Wine answers to whoever asks for the class).
 */
#define COBJMACROS
#include <bgtask/winrt.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKGROUND u"Windows.ApplicationModel.Background."
#define IMPORT(result) __declspec(dllimport) result

IMPORT(void *) CreateEventW(void *attributes, BOOL manual, BOOL state, const WCHAR *name);
IMPORT(BOOL) SetEvent(void *event);
IMPORT(DWORD) WaitForSingleObject(void *handle, DWORD msec);
IMPORT(void *) CreateThread(void *attributes, size_t size, DWORD (*main)(void *), void *userdata, DWORD flags,
                            DWORD *id);
IMPORT(void) ExitProcess(DWORD status);
IMPORT(void) Sleep(DWORD msec);
IMPORT(BOOL) GetMessageW(void *message, void *window, DWORD first, DWORD last);
IMPORT(intptr_t) DispatchMessageW(const void *message);

IMPORT(HRESULT) CLSIDFromString(const WCHAR *text, CLSID *ret);

static CLSID clsid;
static void *has_run;

typedef struct Task {
        IBackgroundTask task;
        IBackgroundTaskCanceledEventHandler delegate;
        atomic_uint n_ref;
        void *canceled;
        bool ran;
} Task;

#define OF_DELEGATE(self) ((Task *)((char *)(self) - offsetof(Task, delegate)))

static bool is(REFIID iid, const IID *other)
{
        return memcmp(iid, other, sizeof *iid) == 0;
}

static ULONG task_add_ref(IBackgroundTask *self)
{
        return atomic_fetch_add(&((Task *)self)->n_ref, 1) + 1;
}

static ULONG task_release(IBackgroundTask *self)
{
        ULONG n = atomic_fetch_sub(&((Task *)self)->n_ref, 1) - 1;

        if (n > 0)
                return n;
        if (((Task *)self)->ran)
                SetEvent(has_run);
        free(self);
        return 0;
}

static HRESULT task_query_interface(IBackgroundTask *self, REFIID iid, void **ret)
{
        *ret = NULL;
        if (is(iid, &IID_IUnknown) || is(iid, &IID_IInspectable) || is(iid, &IID_IBackgroundTask))
                *ret = self;
        else if (is(iid, &IID_IBackgroundTaskCanceledEventHandler) || is(iid, &IID_IAgileObject))
                *ret = &((Task *)self)->delegate;
        else
                return E_NOINTERFACE;
        task_add_ref(self);
        return S_OK;
}

static HRESULT task_get_iids(IBackgroundTask *self, ULONG *n, IID **iids)
{
        return E_NOTIMPL;
}

static HRESULT task_get_name(IBackgroundTask *self, HSTRING *name)
{
        return E_NOTIMPL;
}

static HRESULT task_get_trust(IBackgroundTask *self, TrustLevel *level)
{
        return E_NOTIMPL;
}

static HRESULT delegate_query_interface(IBackgroundTaskCanceledEventHandler *self, REFIID iid, void **ret)
{
        return task_query_interface(&OF_DELEGATE(self)->task, iid, ret);
}

static ULONG delegate_add_ref(IBackgroundTaskCanceledEventHandler *self)
{
        return task_add_ref(&OF_DELEGATE(self)->task);
}

static ULONG delegate_release(IBackgroundTaskCanceledEventHandler *self)
{
        return task_release(&OF_DELEGATE(self)->task);
}

static HRESULT delegate_invoke(IBackgroundTaskCanceledEventHandler *self, IBackgroundTaskInstance *instance,
                               BackgroundTaskCancellationReason reason)
{
        printf("canceled: %d\n", (int)reason);
        SetEvent(OF_DELEGATE(self)->canceled);
        return S_OK;
}

static DWORD complete_later(void *deferral)
{
        printf("completes\n");
        IBackgroundTaskDeferral_Complete((IBackgroundTaskDeferral *)deferral);
        IBackgroundTaskDeferral_Release((IBackgroundTaskDeferral *)deferral);
        return 0;
}

static HRESULT get_behaviour(IBackgroundTaskInstance *instance, char behaviour[32])
{
        IBackgroundTaskRegistration *registration = NULL;
        HSTRING name = NULL;
        HRESULT hr;

        hr = IBackgroundTaskInstance_get_Task(instance, &registration);
        if (FAILED(hr))
                return hr;
        hr = IBackgroundTaskRegistration_get_Name(registration, &name);
        if (SUCCEEDED(hr)) {
                const WCHAR *text = WindowsGetStringRawBuffer(name, NULL);
                size_t n = 0;

                for (; text[n] && text[n] != '-' && n < 31; n++)
                        behaviour[n] = (char)text[n];
                behaviour[n] = '\0';
        }
        WindowsDeleteString(name);
        IBackgroundTaskRegistration_Release(registration);
        return hr;
}

static HSTRING string(const WCHAR *text, HSTRING_HEADER *header)
{
        HSTRING made = NULL;
        UINT32 n = 0;

        while (text[n])
                n++;
        WindowsCreateStringReference(text, n, header, &made);
        return made;
}

/* Asks the broker for something: when the answer is there, it also knows that the run has begun. */
static void ask_something(void)
{
        IBackgroundTaskRegistrationStatics *statics = NULL;
        IMapView_GUID_IBackgroundTaskRegistration *tasks = NULL;
        HSTRING_HEADER header;

        if (FAILED(RoGetActivationFactory(string(BACKGROUND u"BackgroundTaskRegistration", &header),
                                          &IID_IBackgroundTaskRegistrationStatics, (void **)&statics)))
                return;
        if (SUCCEEDED(IBackgroundTaskRegistrationStatics_get_AllTasks(statics, &tasks)))
                IMapView_GUID_IBackgroundTaskRegistration_Release(tasks);
        IBackgroundTaskRegistrationStatics_Release(statics);
}

static HRESULT behave(Task *task, IBackgroundTaskInstance *instance, const char *behaviour)
{
        IBackgroundTaskDeferral *deferral;
        HRESULT hr;

        if (strcmp(behaviour, "complete") == 0)
                return IBackgroundTaskInstance_put_Progress(instance, 7);
        if (strcmp(behaviour, "fail") == 0)
                return E_INVALIDARG;
        if (strcmp(behaviour, "crash") == 0 || strcmp(behaviour, "abandon") == 0)
                ask_something();
        if (strcmp(behaviour, "crash") == 0)
                *(volatile int *)0 = 1;
        if (strcmp(behaviour, "wait") == 0 || strcmp(behaviour, "stubborn") == 0) {
                IBackgroundTaskInstance_put_Progress(instance, 1);
                WaitForSingleObject(task->canceled, 0xffffffff);
                while (strcmp(behaviour, "stubborn") == 0)
                        Sleep(1000);
                return S_OK;
        }
        hr = IBackgroundTaskInstance_GetDeferral(instance, &deferral);
        if (FAILED(hr))
                return hr;
        if (strcmp(behaviour, "abandon") == 0)
                ExitProcess(3);
        if (strcmp(behaviour, "defer") == 0)
                CreateThread(NULL, 0, complete_later, deferral, 0, NULL);
        return S_OK;
}

static HRESULT task_run(IBackgroundTask *self, IBackgroundTaskInstance *instance)
{
        Task *task = (Task *)self;
        EventRegistrationToken token;
        char behaviour[32];
        HRESULT hr;

        task->canceled = CreateEventW(NULL, 1, 0, NULL);
        hr = IBackgroundTaskInstance_add_Canceled(instance, &task->delegate, &token);
        if (SUCCEEDED(hr))
                hr = get_behaviour(instance, behaviour);
        printf("%s\n", SUCCEEDED(hr) ? behaviour : "?");
        if (SUCCEEDED(hr))
                hr = behave(task, instance, behaviour);
        task->ran = true;
        return hr;
}

static const IBackgroundTaskVtbl task_vtable = {
        task_query_interface, task_add_ref, task_release, task_get_iids, task_get_name, task_get_trust, task_run,
};
static const IBackgroundTaskCanceledEventHandlerVtbl delegate_vtable = {
        delegate_query_interface, delegate_add_ref, delegate_release, delegate_invoke,
};

static HRESULT factory_query_interface(IClassFactory *self, REFIID iid, void **ret)
{
        *ret = is(iid, &IID_IUnknown) || is(iid, &IID_IClassFactory) ? self : NULL;
        return *ret ? S_OK : E_NOINTERFACE;
}

static ULONG factory_count(IClassFactory *self)
{
        return 1;
}

static HRESULT factory_create_instance(IClassFactory *self, IUnknown *outer, REFIID iid, void **ret)
{
        Task *task = calloc(1, sizeof *task);
        HRESULT hr;

        *ret = NULL;
        if (!task)
                return E_OUTOFMEMORY;
        task->task.lpVtbl = &task_vtable;
        task->delegate.lpVtbl = &delegate_vtable;
        atomic_init(&task->n_ref, 1);
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

static HRESULT build(IBackgroundTaskBuilder *builder, const char *name)
{
        IBackgroundTaskRegistration *registration = NULL;
        IBackgroundTaskBuilder5 *builder5 = NULL;
        IBackgroundTrigger *trigger = NULL;
        IInspectable *object = NULL;
        WCHAR wide[64] = { 0 };
        HSTRING_HEADER header;
        HRESULT hr;

        for (size_t i = 0; name[i] && i < 63; i++)
                wide[i] = (unsigned char)name[i];
        hr = IBackgroundTaskBuilder_put_Name(builder, string(wide, &header));
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder5, (void **)&builder5);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskBuilder5_SetTaskEntryPointClsid(builder5, clsid);
        if (SUCCEEDED(hr))
                hr = RoActivateInstance(string(BACKGROUND u"ApplicationTrigger", &header), &object);
        if (SUCCEEDED(hr))
                hr = IInspectable_QueryInterface(object, &IID_IBackgroundTrigger, (void **)&trigger);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskBuilder_SetTrigger(builder, trigger);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskBuilder_Register(builder, &registration);
        if (registration)
                IBackgroundTaskRegistration_Release(registration);
        if (trigger)
                IBackgroundTrigger_Release(trigger);
        if (object)
                IInspectable_Release(object);
        if (builder5)
                IBackgroundTaskBuilder5_Release(builder5);
        return hr;
}

static HRESULT register_task(const char *name)
{
        IBackgroundTaskBuilder *builder = NULL;
        HSTRING_HEADER header;
        HRESULT hr;

        hr = RoActivateInstance(string(BACKGROUND u"BackgroundTaskBuilder", &header), (IInspectable **)&builder);
        if (FAILED(hr))
                return hr;
        hr = build(builder, name);
        IBackgroundTaskBuilder_Release(builder);
        return hr;
}

static HRESULT parse_clsid(const char *text)
{
        WCHAR wide[40] = u"{";
        size_t n = strlen(text);

        if (n != 36)
                return E_INVALIDARG;
        for (size_t i = 0; i < n; i++)
                wide[i + 1] = (unsigned char)text[i];
        wide[n + 1] = '}';
        return CLSIDFromString(wide, &clsid);
}

/* Of another process. */
static HRESULT find(void)
{
        IClassFactory *found = NULL;
        HRESULT hr = CoGetClassObject(&clsid, CLSCTX_LOCAL_SERVER, NULL, &IID_IClassFactory, (void **)&found);

        if (SUCCEEDED(hr))
                IClassFactory_Release(found);
        return hr;
}

int main(int argc, char *argv[])
{
        const char *what = argc > 1 ? argv[1] : "";
        long long message[16];
        DWORD cookie = 0;
        HRESULT hr;

        setvbuf(stdout, NULL, _IONBF, 0);
        hr = RoInitialize(strcmp(what, "sta") == 0 ? RO_INIT_SINGLETHREADED : RO_INIT_MULTITHREADED);
        if (SUCCEEDED(hr))
                hr = parse_clsid(argc > 2 ? argv[2] : "");
        if (strcmp(what, "register") == 0) {
                for (int i = 3; i < argc && SUCCEEDED(hr); i++)
                        hr = register_task(argv[i]);
                printf("%08x\n", (unsigned)hr);
                return FAILED(hr);
        }
        if (strcmp(what, "find") == 0) {
                if (SUCCEEDED(hr))
                        hr = find();
                printf("%08x\n", (unsigned)hr);
                return FAILED(hr);
        }
        has_run = CreateEventW(NULL, 1, 0, NULL);
        if (SUCCEEDED(hr))
                hr = CoRegisterClassObject(&clsid, (IUnknown *)&factory, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE,
                                           &cookie);
        if (FAILED(hr))
                return 1;
        printf("serves\n");
        while (strcmp(what, "sta") == 0 && GetMessageW(message, NULL, 0, 0) > 0)
                DispatchMessageW(message);
        WaitForSingleObject(strcmp(what, "once") == 0 ? has_run : CreateEventW(NULL, 1, 0, NULL), 0xffffffff);
        CoRevokeClassObject(cookie);
        RoUninitialize();
        return 0;
}
