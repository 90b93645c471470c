/* SPDX-License-Identifier: MIT */
/*
 * The sample of Windows' documentation, "Create and register a winmain COM background task", turned
 * from C++/WinRT into C COM class by class: SampleTask, TaskFactory, SampleTaskServer,
 * SampleTaskRegistrar. It does what examples/primes does. What the sample takes from elsewhere (its
 * folder, and the handle on which it waits) is libbgtask's own.
 */
#define COBJMACROS
#include <bgtask.h>
#include <bgtask/winrt.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BACKGROUND u"Windows.ApplicationModel.Background."
#define MAX_PRIME 1000000000
#define QUEUE_DEPTH 10
#define NAME_MAX_SIZE 256
#define IDLE_MSEC 30000

static const CLSID clsid_SampleTask = {
        0x14c5882b, 0x35d3, 0x41be, {0x86, 0xb2, 0x51, 0x06, 0x26, 0x9b, 0x97, 0xe6}
};

/* A name of this program as a string on the stack. */
static HSTRING hstring(const WCHAR *text, HSTRING_HEADER *header)
{
        HSTRING string = NULL;
        UINT32 length = 0;

        while (text[length])
                length++;
        WindowsCreateStringReference(text, length, header, &string);
        return string;
}

/* Names of tasks are plain characters here. */
static void narrow(HSTRING string, char text[NAME_MAX_SIZE])
{
        const WCHAR *wide = WindowsGetStringRawBuffer(string, NULL);
        size_t n = 0;

        for (; wide[n] && n < NAME_MAX_SIZE - 1; n++)
                text[n] = (char)wide[n];
        text[n] = '\0';
}

/* SampleTask: an IBackgroundTask that is its own Canceled delegate. */

typedef struct SampleTask {
        IBackgroundTask task;
        IBackgroundTaskCanceledEventHandler delegate;
        atomic_uint references;
        atomic_bool is_canceled;
} SampleTask;

#define FROM_DELEGATE(self) ((SampleTask *)((char *)(self) - offsetof(SampleTask, delegate)))

static STDMETHODIMP_(ULONG) SampleTask_AddRef(IBackgroundTask *self)
{
        return atomic_fetch_add(&((SampleTask *)self)->references, 1) + 1;
}

static STDMETHODIMP_(ULONG) SampleTask_Release(IBackgroundTask *self)
{
        ULONG left = atomic_fetch_sub(&((SampleTask *)self)->references, 1) - 1;

        if (left == 0)
                free(self);
        return left;
}

static STDMETHODIMP SampleTask_QueryInterface(IBackgroundTask *self, REFIID iid, void **object)
{
        *object = NULL;
        if (memcmp(iid, &IID_IUnknown, sizeof(*iid)) == 0 || memcmp(iid, &IID_IInspectable, sizeof(*iid)) == 0 ||
            memcmp(iid, &IID_IAgileObject, sizeof(*iid)) == 0 || memcmp(iid, &IID_IBackgroundTask, sizeof(*iid)) == 0)
                *object = self;
        else if (memcmp(iid, &IID_IBackgroundTaskCanceledEventHandler, sizeof(*iid)) == 0)
                *object = &((SampleTask *)self)->delegate;
        else
                return E_NOINTERFACE;
        SampleTask_AddRef(self);
        return S_OK;
}

static STDMETHODIMP SampleTask_GetIids(IBackgroundTask *self, ULONG *n, IID **iids)
{
        *n = 0;
        *iids = NULL;
        return S_OK;
}

static STDMETHODIMP SampleTask_GetRuntimeClassName(IBackgroundTask *self, HSTRING *name)
{
        static const WCHAR text[] = u"PackagedWinMainBackgroundTaskSample.SampleTask";

        return WindowsCreateString(text, sizeof(text) / sizeof(*text) - 1, name);
}

static STDMETHODIMP SampleTask_GetTrustLevel(IBackgroundTask *self, TrustLevel *level)
{
        *level = BaseTrust;
        return S_OK;
}

static STDMETHODIMP Delegate_QueryInterface(IBackgroundTaskCanceledEventHandler *self, REFIID iid, void **object)
{
        return SampleTask_QueryInterface(&FROM_DELEGATE(self)->task, iid, object);
}

static STDMETHODIMP_(ULONG) Delegate_AddRef(IBackgroundTaskCanceledEventHandler *self)
{
        return SampleTask_AddRef(&FROM_DELEGATE(self)->task);
}

static STDMETHODIMP_(ULONG) Delegate_Release(IBackgroundTaskCanceledEventHandler *self)
{
        return SampleTask_Release(&FROM_DELEGATE(self)->task);
}

static STDMETHODIMP SampleTask_OnCanceled(IBackgroundTaskCanceledEventHandler *self,
                                          IBackgroundTaskInstance *instance,
                                          BackgroundTaskCancellationReason reason)
{
        atomic_store(&FROM_DELEGATE(self)->is_canceled, true);
        return S_OK;
}

static int next_prime(int number)
{
        int divisor;

        do {
                number++;
                for (divisor = number - 1; divisor > 1 && number % divisor != 0; divisor--)
                        ;
        } while (divisor > 1);
        return number;
}

/* LocalFolder/<process>/numbersQueue.log for SampleTask, numbersQueue-NAME.log for a task of another name. */
static FILE *open_numbers_queue(const char *task)
{
        bool other = strcmp(task, "SampleTask") != 0;
        const char *folder = bgt_local_folder(NULL);
        char path[4096];

        if (!folder || strchr(task, '/'))
                return NULL;
        snprintf(path, sizeof(path), "%s/%s", folder, program_invocation_short_name);
        mkdir(path, 0700);
        snprintf(path, sizeof(path), "%s/%s/numbersQueue%s%s.log", folder, program_invocation_short_name,
                 other ? "-" : "", other ? task : "");
        return fopen(path, "ae");
}

static HRESULT find_primes(SampleTask *self, IBackgroundTaskInstance *instance, const char *task)
{
        FILE *queue = open_numbers_queue(task);
        int number = 1, found = 0;
        HRESULT hr = S_OK;

        if (!queue)
                return E_FAIL;
        IBackgroundTaskInstance_put_Progress(instance, 10);
        printf("%s: looking for primes\n", task);
        while (SUCCEEDED(hr) && number < MAX_PRIME && !atomic_load(&self->is_canceled)) {
                number = next_prime(number);
                fprintf(queue, "%d, ", number);
                if (++found % QUEUE_DEPTH == 0 && fflush(queue) != 0)
                        hr = E_FAIL;
                IBackgroundTaskInstance_put_Progress(instance, found < 200 * 89 ? 10 + (UINT32)found / 200 : 99);
        }
        /* Writes the numbers that are left. */
        if (fclose(queue) != 0)
                hr = E_FAIL;
        printf("%s: ends with %d primes: %s\n", task, found, FAILED(hr) ? "not all written" : "all written");
        return hr;
}

static STDMETHODIMP SampleTask_Run(IBackgroundTask *self, IBackgroundTaskInstance *instance)
{
        SampleTask *sample = (SampleTask *)self;
        IBackgroundTaskRegistration *registration = NULL;
        IBackgroundTaskDeferral *deferral = NULL;
        EventRegistrationToken token;
        char name[NAME_MAX_SIZE];
        HSTRING task = NULL;
        HRESULT hr;

        hr = IBackgroundTaskInstance_add_Canceled(instance, &sample->delegate, &token);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskInstance_GetDeferral(instance, &deferral);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskInstance_get_Task(instance, &registration);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskRegistration_get_Name(registration, &task);
        if (SUCCEEDED(hr)) {
                narrow(task, name);
                hr = find_primes(sample, instance, name);
        }
        WindowsDeleteString(task);
        if (registration)
                IBackgroundTaskRegistration_Release(registration);
        if (deferral) {
                IBackgroundTaskDeferral_Complete(deferral);
                IBackgroundTaskDeferral_Release(deferral);
        }
        return hr;
}

static const IBackgroundTaskVtbl SampleTask_vtable = {
        SampleTask_QueryInterface, SampleTask_AddRef, SampleTask_Release, SampleTask_GetIids,
        SampleTask_GetRuntimeClassName, SampleTask_GetTrustLevel, SampleTask_Run,
};
static const IBackgroundTaskCanceledEventHandlerVtbl Delegate_vtable = {
        Delegate_QueryInterface, Delegate_AddRef, Delegate_Release, SampleTask_OnCanceled,
};

/* TaskFactory. It has no state, and lives as long as the program. */

static STDMETHODIMP TaskFactory_QueryInterface(IClassFactory *self, REFIID iid, void **object)
{
        *object = NULL;
        if (memcmp(iid, &IID_IUnknown, sizeof(*iid)) != 0 && memcmp(iid, &IID_IClassFactory, sizeof(*iid)) != 0)
                return E_NOINTERFACE;
        *object = self;
        return S_OK;
}

static STDMETHODIMP_(ULONG) TaskFactory_Count(IClassFactory *self)
{
        return 1;
}

static STDMETHODIMP TaskFactory_CreateInstance(IClassFactory *self, IUnknown *aggregate, REFIID iid, void **object)
{
        SampleTask *sample;
        HRESULT hr;

        *object = NULL;
        if (aggregate)
                return CLASS_E_NOAGGREGATION;
        sample = calloc(1, sizeof(*sample));
        if (!sample)
                return E_OUTOFMEMORY;
        sample->task.lpVtbl = &SampleTask_vtable;
        sample->delegate.lpVtbl = &Delegate_vtable;
        atomic_init(&sample->references, 1);
        hr = SampleTask_QueryInterface(&sample->task, iid, object);
        SampleTask_Release(&sample->task);
        return hr;
}

static STDMETHODIMP TaskFactory_LockServer(IClassFactory *self, BOOL lock)
{
        return S_OK;
}

static const IClassFactoryVtbl TaskFactory_vtable = {
        TaskFactory_QueryInterface, TaskFactory_Count, TaskFactory_Count, TaskFactory_CreateInstance,
        TaskFactory_LockServer,
};
static IClassFactory task_factory = {&TaskFactory_vtable};

/* SampleTaskServer. Its wait handle is one that also knows when the process may go. */

static HRESULT SampleTaskServer_Start(void)
{
        DWORD token = 0;
        HRESULT hr;

        hr = CoRegisterClassObject(&clsid_SampleTask, (IUnknown *)&task_factory, CLSCTX_LOCAL_SERVER,
                                   REGCLS_MULTIPLEUSE, &token);
        if (FAILED(hr))
                return hr;
        if (bgt_server_wait(NULL, BGT_WAIT_IDLE, IDLE_MSEC) < 0)
                hr = (HRESULT)bgt_error()->hresult;
        CoRevokeClassObject(token);
        return hr;
}

/* SampleTaskRegistrar. */

static HRESULT is_this_the_name(IKeyValuePair_GUID_IBackgroundTaskRegistration *pair, HSTRING name, INT32 *difference)
{
        IBackgroundTaskRegistration *task = NULL;
        HSTRING its_name = NULL;
        HRESULT hr;

        hr = IKeyValuePair_GUID_IBackgroundTaskRegistration_get_Value(pair, &task);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskRegistration_get_Name(task, &its_name);
        if (SUCCEEDED(hr))
                hr = WindowsCompareStringOrdinal(its_name, name, difference);
        WindowsDeleteString(its_name);
        if (task)
                IBackgroundTaskRegistration_Release(task);
        return hr;
}

/* for (auto const &task : BackgroundTaskRegistration::AllTasks()) */
static HRESULT find_task(HSTRING name, boolean *found)
{
        IIterable_GUID_IBackgroundTaskRegistration *iterable = NULL;
        IIterator_GUID_IBackgroundTaskRegistration *iterator = NULL;
        IMapView_GUID_IBackgroundTaskRegistration *all_tasks = NULL;
        IBackgroundTaskRegistrationStatics *statics = NULL;
        HSTRING_HEADER header;
        boolean more = 0;
        HRESULT hr;

        *found = 0;
        hr = RoGetActivationFactory(hstring(BACKGROUND u"BackgroundTaskRegistration", &header),
                                    &IID_IBackgroundTaskRegistrationStatics, (void **)&statics);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskRegistrationStatics_get_AllTasks(statics, &all_tasks);
        if (SUCCEEDED(hr))
                hr = IMapView_GUID_IBackgroundTaskRegistration_QueryInterface(
                        all_tasks, &IID_IIterable_GUID_IBackgroundTaskRegistration, (void **)&iterable);
        if (SUCCEEDED(hr))
                hr = IIterable_GUID_IBackgroundTaskRegistration_First(iterable, &iterator);
        if (SUCCEEDED(hr))
                hr = IIterator_GUID_IBackgroundTaskRegistration_get_HasCurrent(iterator, &more);
        while (SUCCEEDED(hr) && more && !*found) {
                IKeyValuePair_GUID_IBackgroundTaskRegistration *pair = NULL;
                INT32 difference = 1;

                hr = IIterator_GUID_IBackgroundTaskRegistration_get_Current(iterator, &pair);
                if (SUCCEEDED(hr)) {
                        hr = is_this_the_name(pair, name, &difference);
                        IKeyValuePair_GUID_IBackgroundTaskRegistration_Release(pair);
                }
                *found = difference == 0;
                if (SUCCEEDED(hr))
                        hr = IIterator_GUID_IBackgroundTaskRegistration_MoveNext(iterator, &more);
        }
        if (iterator)
                IIterator_GUID_IBackgroundTaskRegistration_Release(iterator);
        if (iterable)
                IIterable_GUID_IBackgroundTaskRegistration_Release(iterable);
        if (all_tasks)
                IMapView_GUID_IBackgroundTaskRegistration_Release(all_tasks);
        return hr;
}

/* builder.SetTrigger(TimeTrigger(15, false)) */
static HRESULT set_time_trigger(IBackgroundTaskBuilder *builder)
{
        ITimeTriggerFactory *factory = NULL;
        IBackgroundTrigger *trigger = NULL;
        ITimeTrigger *time_trigger = NULL;
        HSTRING_HEADER header;
        HRESULT hr;

        hr = RoGetActivationFactory(hstring(BACKGROUND u"TimeTrigger", &header), &IID_ITimeTriggerFactory,
                                    (void **)&factory);
        if (SUCCEEDED(hr))
                hr = ITimeTriggerFactory_Create(factory, 15, 0, &time_trigger);
        if (SUCCEEDED(hr))
                hr = ITimeTrigger_QueryInterface(time_trigger, &IID_IBackgroundTrigger, (void **)&trigger);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskBuilder_SetTrigger(builder, trigger);
        if (trigger)
                IBackgroundTrigger_Release(trigger);
        if (time_trigger)
                ITimeTrigger_Release(time_trigger);
        return hr;
}

static HRESULT build_and_register(HSTRING name)
{
        IBackgroundTaskRegistration *task = NULL;
        IBackgroundTaskBuilder5 *builder5 = NULL;
        IBackgroundTaskBuilder *builder = NULL;
        HSTRING_HEADER header;
        HRESULT hr;

        hr = RoActivateInstance(hstring(BACKGROUND u"BackgroundTaskBuilder", &header), (IInspectable **)&builder);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskBuilder_put_Name(builder, name);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder5, (void **)&builder5);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskBuilder5_SetTaskEntryPointClsid(builder5, clsid_SampleTask);
        if (SUCCEEDED(hr))
                hr = set_time_trigger(builder);
        if (SUCCEEDED(hr))
                hr = IBackgroundTaskBuilder_Register(builder, &task);
        if (task)
                IBackgroundTaskRegistration_Release(task);
        if (builder5)
                IBackgroundTaskBuilder5_Release(builder5);
        if (builder)
                IBackgroundTaskBuilder_Release(builder);
        return hr;
}

static HRESULT SampleTaskRegistrar_Register(const char *task, bool only_look)
{
        WCHAR wide[NAME_MAX_SIZE] = {0};
        HSTRING_HEADER header;
        boolean found = 0;
        HSTRING name;
        HRESULT hr;

        for (size_t i = 0; task[i] && i < NAME_MAX_SIZE - 1; i++)
                wide[i] = (unsigned char)task[i];
        name = hstring(wide, &header);
        hr = find_task(name, &found);
        if (SUCCEEDED(hr) && !found && !only_look)
                hr = build_and_register(name);
        if (SUCCEEDED(hr) && only_look)
                printf("%s is %sregistered.\n", task, found ? "" : "not ");
        else if (SUCCEEDED(hr))
                printf("%s is registered%s.\n", task, found ? " already" : "");
        return hr;
}

/* The value of -NAME=VALUE, "" for -NAME, NULL for anything else: in any case, with or without dash. */
static const char *option(const char *argument, const char *name)
{
        size_t n = strlen(name);

        argument += strspn(argument, "-");
        if (strncasecmp(argument, name, n) != 0 || (argument[n] && argument[n] != '='))
                return NULL;
        return argument + n + (argument[n] == '=');
}

int main(int argc, char *argv[])
{
        bool serve = false;
        HRESULT hr;

        setlinebuf(stdout);
        hr = RoInitialize(RO_INIT_MULTITHREADED);
        if (SUCCEEDED(hr) && argc <= 1)
                hr = SampleTaskRegistrar_Register("SampleTask", true);
        for (int i = 1; i < argc && SUCCEEDED(hr); i++) {
                const char *name = option(argv[i], "RegisterSampleTask");

                if (name)
                        hr = SampleTaskRegistrar_Register(*name ? name : "SampleTask", false);
                serve |= option(argv[i], "StartSampleTaskServer") != NULL;
        }
        if (SUCCEEDED(hr) && serve)
                hr = SampleTaskServer_Start();
        if (FAILED(hr))
                fprintf(stderr, "%08x: %s %s\n", (unsigned)hr, bgt_error()->message, bgt_error()->remedy);
        RoUninitialize();
        return FAILED(hr) ? EXIT_FAILURE : EXIT_SUCCESS;
}
