/* SPDX-License-Identifier: MIT */

/* CoRegisterClassObject and what is found of it, and classes of another process. */

#include "conformance.h"

#include <stdlib.h>
#include <string.h>

static STDMETHODIMP query_factory(IClassFactory *self, const IID *iid, void **ret_object)
{
        *ret_object = NULL;
        if (memcmp(iid, &IID_IUnknown, sizeof *iid) != 0 && memcmp(iid, &IID_IClassFactory, sizeof *iid) != 0)
                return E_NOINTERFACE;
        *ret_object = self;
        return S_OK;
}

static STDMETHODIMP query_task(IBackgroundTask *self, const IID *iid, void **ret_object)
{
        *ret_object = self;
        return S_OK;
}

static STDMETHODIMP lock_server(IClassFactory *self, BOOL lock)
{
        return S_OK;
}

/* The task of the package's server: it does what its arguments say. */

static int has_argument(IBackgroundTaskInstance *instance, HSTRING name)
{
        IApplicationTriggerDetails *details = NULL;
        IMap_HSTRING_IInspectable *map = NULL;
        IInspectable *object = NULL;
        IPropertySet *set = NULL;
        boolean has = 0;

        if (SUCCEEDED(IBackgroundTaskInstance_get_TriggerDetails(instance, &object)) && object) {
                (void)IInspectable_QueryInterface(object, &IID_IApplicationTriggerDetails, (void **)&details);
                (void)IApplicationTriggerDetails_get_Arguments(details, &set);
                (void)IPropertySet_QueryInterface(set, &IID_IMap_HSTRING_IInspectable, (void **)&map);
                (void)IMap_HSTRING_IInspectable_HasKey(map, name, &has);
                IMap_HSTRING_IInspectable_Release(map);
                IPropertySet_Release(set);
                IApplicationTriggerDetails_Release(details);
                IInspectable_Release(object);
        }
        return has;
}

static Gate told;

static STDMETHODIMP query_delegate(IBackgroundTaskCanceledEventHandler *self, const IID *iid, void **ret_object)
{
        *ret_object = self;
        return S_OK;
}

static STDMETHODIMP on_canceled(IBackgroundTaskCanceledEventHandler *self, IBackgroundTaskInstance *sender,
                                BackgroundTaskCancellationReason reason)
{
        gate_raise(&told);
        return S_OK;
}

static const IBackgroundTaskCanceledEventHandlerVtbl canceled_vtable = {
        query_delegate, (void *)fixed_count, (void *)fixed_count, on_canceled,
};
static IBackgroundTaskCanceledEventHandler canceled_handler = { &canceled_vtable };

static STDMETHODIMP run_in_server(IBackgroundTask *self, IBackgroundTaskInstance *instance)
{
        const Gate fresh = GATE;
        EventRegistrationToken token;

        told = fresh;
        (void)IBackgroundTaskInstance_put_Progress(instance, 33);
        if (has_argument(instance, STRING("fail")))
                return E_OUTOFMEMORY;
        if (has_argument(instance, STRING("wait"))) {
                (void)IBackgroundTaskInstance_add_Canceled(instance, &canceled_handler, &token);
                return gate_wait(&told, 1) ? S_OK : E_FAIL;
        }
        return S_OK;
}

#define TASK_SLOTS                              \
        .QueryInterface = query_task,           \
        .AddRef = (void *)fixed_count,      \
        .Release = (void *)fixed_count

static const IBackgroundTaskVtbl server_task_vtable = { TASK_SLOTS, .Run = run_in_server };
static IBackgroundTask server_task = { &server_task_vtable };

/* The task of this process: it has the other one run in its server, with its own instance. */

static Gate ended;
static HRESULT forwarded;
static UINT32 seen_progress;

static STDMETHODIMP run_here(IBackgroundTask *self, IBackgroundTaskInstance *instance)
{
        IBackgroundTask *task = NULL;

        forwarded = CoCreateInstance(&server_clsid, NULL, CLSCTX_LOCAL_SERVER, &IID_IBackgroundTask, (void **)&task);
        if (SUCCEEDED(forwarded)) {
                gate_raise(&told);
                forwarded = IBackgroundTask_Run(task, instance);
                IBackgroundTask_Release(task);
        }
        (void)IBackgroundTaskInstance_get_Progress(instance, &seen_progress);
        gate_raise(&ended);
        return forwarded;
}

static const IBackgroundTaskVtbl task_vtable = { TASK_SLOTS, .Run = run_here };
static IBackgroundTask the_task = { &task_vtable };

static IBackgroundTask *made;

static STDMETHODIMP create_instance(IClassFactory *self, IUnknown *outer, const IID *iid, void **ret_object)
{
        *ret_object = NULL;
        if (outer)
                return CLASS_E_NOAGGREGATION;
        if (memcmp(iid, &IID_IBackgroundTask, sizeof *iid) != 0)
                return E_NOINTERFACE;
        *ret_object = made;
        return S_OK;
}

static const IClassFactoryVtbl factory_vtable = {
        query_factory, (void *)fixed_count, (void *)fixed_count, create_instance, lock_server,
};
static IClassFactory factory = { &factory_vtable };

int serve(void)
{
        DWORD cookie;

        made = &server_task;
        if (FAILED(CoRegisterClassObject(&server_clsid, (IUnknown *)&factory, CLSCTX_LOCAL_SERVER,
                                         REGCLS_MULTIPLEUSE, &cookie)))
                return EXIT_FAILURE;
        stage_serve();
        return FAILED(CoRevokeClassObject(cookie)) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static HRESULT register_class(DWORD context, DWORD flags, DWORD *ret_cookie)
{
        return CoRegisterClassObject(&test_clsid, (IUnknown *)&factory, context, flags, ret_cookie);
}

/* Whether the class object of this process is what is found. */
static int is_found(DWORD context)
{
        IClassFactory *found = NULL;
        HRESULT hr = CoGetClassObject(&test_clsid, context, NULL, &IID_IClassFactory, (void **)&found);
        int is_ours = SUCCEEDED(hr) && found == &factory;

        CHECK(SUCCEEDED(hr) == (found != NULL));
        if (found)
                IClassFactory_Release(found);
        return is_ours;
}

static void uses_and_contexts_combine_as_documented(void)
{
        const DWORD in = CLSCTX_INPROC_SERVER, local = CLSCTX_LOCAL_SERVER;
        const struct {
                DWORD flags, context;
                int is_allowed, is_in_process, is_local;
        } rows[] = {
                { REGCLS_SINGLEUSE, in, 0, 0, 0 },
                { REGCLS_SINGLEUSE, local, 1, 0, 0 },
                { REGCLS_SINGLEUSE, in | local, 0, 0, 0 },
                { REGCLS_MULTIPLEUSE, in, 1, 1, 0 },
                { REGCLS_MULTIPLEUSE, local, 1, 1, 1 },
                { REGCLS_MULTIPLEUSE, in | local, 1, 1, 1 },
                { REGCLS_MULTI_SEPARATE, in, 1, 1, 0 },
                { REGCLS_MULTI_SEPARATE, local, 1, 0, 1 },
                { REGCLS_MULTI_SEPARATE, in | local, 1, 1, 1 },
                { REGCLS_MULTIPLEUSE | REGCLS_AGILE | REGCLS_SURROGATE, local, 1, 1, 1 },
                { 3, local, 0, 0, 0 },
                { REGCLS_MULTIPLEUSE | 0x20, local, 0, 0, 0 },
                { REGCLS_MULTIPLEUSE, 0, 0, 0, 0 },
                { REGCLS_MULTIPLEUSE, 0x10, 0, 0, 0 },
                { REGCLS_MULTIPLEUSE, 0x10 | local, 0, 0, 0 },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                static const WCHAR numbers[][3] = { u"0", u"1", u"2", u"3", u"4", u"5", u"6", u"7", u"8", u"9", u"10",
                                                    u"11", u"12", u"13", u"14" };
                DWORD cookie = 9;

                row_of_table(numbers[i]);
                CHECK(register_class(rows[i].context, rows[i].flags, &cookie) ==
                      (rows[i].is_allowed ? S_OK : E_INVALIDARG));
                CHECK(!cookie == !rows[i].is_allowed);
                CHECK(is_found(in) == rows[i].is_in_process);
                CHECK(is_found(local) == rows[i].is_local);
                if (cookie)
                        CHECK_OK(CoRevokeClassObject(cookie));
                CHECK(!is_found(in) && !is_found(local));
        }
}

static void a_class_may_be_registered_often(void)
{
        DWORD a = 0, b = 0;

        CHECK_OK(register_class(CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE, &a));
        CHECK_OK(register_class(CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE, &b));
        CHECK(a != b && a != 0 && b != 0);
        CHECK_OK(CoRevokeClassObject(a));
        CHECK(is_found(CLSCTX_LOCAL_SERVER));
        CHECK(CoRevokeClassObject(a) == CO_E_OBJNOTREG);
        CHECK_OK(CoRevokeClassObject(b));
        CHECK(!is_found(CLSCTX_LOCAL_SERVER));
}

static void suspended_class_objects_are_not_found(void)
{
        DWORD cookie = 0;

        CHECK_OK(register_class(CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE | REGCLS_SUSPENDED, &cookie));
        CHECK(!is_found(CLSCTX_LOCAL_SERVER) && !is_found(CLSCTX_INPROC_SERVER));
        CHECK_OK(CoResumeClassObjects());
        CHECK(is_found(CLSCTX_LOCAL_SERVER) && is_found(CLSCTX_INPROC_SERVER));
        CHECK_OK(CoSuspendClassObjects());
        CHECK(!is_found(CLSCTX_LOCAL_SERVER));
        CHECK_OK(CoResumeClassObjects());
        CHECK_OK(CoRevokeClassObject(cookie));
}

static void objects_are_created_by_the_factory(void)
{
        const CLSID other = { 1, 2, 3, { 4 } };
        IBackgroundTask *task = NULL;
        void *none = &none;
        DWORD cookie = 0;

        made = &the_task;
        CHECK_OK(register_class(CLSCTX_INPROC_SERVER, REGCLS_MULTIPLEUSE, &cookie));
        CHECK_OK(CoCreateInstance(&test_clsid, NULL, CLSCTX_INPROC_SERVER, &IID_IBackgroundTask, (void **)&task));
        CHECK(task == &the_task);
        CHECK(CoCreateInstance(&test_clsid, NULL, CLSCTX_INPROC_SERVER, &IID_IInspectable, &none) == E_NOINTERFACE &&
              !none);
        none = &none;
        CHECK(CoCreateInstance(&test_clsid, (IUnknown *)&factory, CLSCTX_INPROC_SERVER, &IID_IBackgroundTask, &none) ==
              CLASS_E_NOAGGREGATION && !none);
        CHECK(CoCreateInstance(&test_clsid, NULL, CLSCTX_INPROC_SERVER, &IID_IBackgroundTask, NULL) == E_POINTER);
        CHECK(CoGetClassObject(&test_clsid, CLSCTX_INPROC_SERVER, NULL, &IID_IClassFactory, NULL) == E_POINTER);
        CHECK(CoGetClassObject(&test_clsid, CLSCTX_INPROC_SERVER, NULL, &IID_IInspectable, &none) == E_NOINTERFACE);
        CHECK(CoCreateInstance(&other, NULL, CLSCTX_INPROC_SERVER, &IID_IBackgroundTask, &none) ==
              REGDB_E_CLASSNOTREG && !none);
        CHECK(CoCreateInstance(&other, NULL, CLSCTX_LOCAL_SERVER, &IID_IBackgroundTask, &none) ==
              REGDB_E_CLASSNOTREG);
        CHECK(CoCreateInstance(&other, NULL, 0x10, &IID_IBackgroundTask, &none) == E_INVALIDARG);
        CHECK_OK(CoRevokeClassObject(cookie));
}

static void a_class_of_another_server_has_a_factory(void)
{
        IClassFactory *found = NULL;
        IBackgroundTask *task = NULL;
        IInspectable *inspectable = NULL;
        void *none = &none;

        CHECK_OK(CoGetClassObject(&server_clsid, CLSCTX_LOCAL_SERVER, NULL, &IID_IClassFactory, (void **)&found));
        CHECK(IClassFactory_QueryInterface(found, &IID_IInspectable, &none) == E_NOINTERFACE && !none);
        CHECK(IClassFactory_CreateInstance(found, NULL, &IID_IBackgroundTask, NULL) == E_POINTER);
        CHECK(IClassFactory_CreateInstance(found, (IUnknown *)found, &IID_IBackgroundTask, (void **)&task) ==
              CLASS_E_NOAGGREGATION && !task);
        CHECK_OK(IClassFactory_LockServer(found, 1));
        CHECK_OK(IClassFactory_LockServer(found, 0));
        CHECK_OK(IClassFactory_CreateInstance(found, NULL, &IID_IBackgroundTask, (void **)&task));
        CHECK_OK(IBackgroundTask_QueryInterface(task, &IID_IInspectable, (void **)&inspectable));
        IInspectable_Release(inspectable);
        CHECK(IBackgroundTask_Run(task, NULL) == E_POINTER);
        CHECK(IBackgroundTask_Release(task) == 0);
        CHECK(IClassFactory_Release(found) == 0);
}

/* A request of a task of this process, with an argument of this name (NULL: none); what its forwarded run returned. */
static HRESULT forward(HSTRING argument, int is_canceled)
{
        const Gate fresh = GATE;
        IBackgroundTaskBuilder *builder = new_builder(STRING("Forwards"), 0, 1);
        IAsyncOperation_ApplicationTriggerResult *operation = NULL;
        IBackgroundTaskRegistration *task = NULL;
        IMap_HSTRING_IInspectable *map = NULL;
        IApplicationTrigger *trigger = NULL;
        IBackgroundTrigger *plain = NULL;
        IPropertySet *arguments = NULL;
        UINT32 n = count_tasks();
        boolean replaced;
        DWORD cookie = 0;

        made = &the_task;
        ended = told = fresh;
        seen_progress = 0;
        CHECK_OK(register_class(CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE, &cookie));
        CHECK_OK(RoActivateInstance(STRING("Windows.ApplicationModel.Background.ApplicationTrigger"),
                                    (IInspectable **)&trigger));
        CHECK_OK(IApplicationTrigger_QueryInterface(trigger, &IID_IBackgroundTrigger, (void **)&plain));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, plain));
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        CHECK_OK(RoActivateInstance(STRING("Windows.Foundation.Collections.ValueSet"), (IInspectable **)&arguments));
        CHECK_OK(IPropertySet_QueryInterface(arguments, &IID_IMap_HSTRING_IInspectable, (void **)&map));
        if (argument)
                CHECK_OK(IMap_HSTRING_IInspectable_Insert(map, argument, NULL, &replaced));
        CHECK_OK(IApplicationTrigger_RequestAsyncWithArguments(trigger, arguments, &operation));
        if (is_canceled) {
                CHECK(gate_wait(&told, 1));
                cancel_task("Forwards", BackgroundTaskCancellationReason_SystemPolicy);
        }
        CHECK(gate_wait(&ended, 1));
        CHECK_OK(CoRevokeClassObject(cookie));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        CHECK(count_tasks() == n);
        IAsyncOperation_ApplicationTriggerResult_Release(operation);
        IMap_HSTRING_IInspectable_Release(map);
        IPropertySet_Release(arguments);
        IBackgroundTaskRegistration_Release(task);
        IBackgroundTrigger_Release(plain);
        IApplicationTrigger_Release(trigger);
        IBackgroundTaskBuilder_Release(builder);
        return forwarded;
}

static void a_task_of_another_server_is_run_there(void)
{
        CHECK_OK(forward(NULL, 0));
        CHECK(seen_progress == 33);
}

static void its_arguments_and_its_failure_are_passed_on(void)
{
        CHECK(forward(STRING("fail"), 0) == E_OUTOFMEMORY);
}

static void its_cancellation_is_passed_on(void)
{
        CHECK(forward(STRING("wait"), 1) == (HRESULT)0x800704c7);
}

static void apartments_have_two_names(void)
{
        CHECK(CoInitializeEx(NULL, COINIT_MULTITHREADED) == S_OK);
        CHECK(RoInitialize(RO_INIT_MULTITHREADED) == S_FALSE);
        CHECK(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED) == RPC_E_CHANGED_MODE);
        CHECK(CoInitialize(NULL) == RPC_E_CHANGED_MODE);
        CHECK(CoInitializeEx(&told, COINIT_MULTITHREADED) == E_INVALIDARG);
        CoUninitialize();
        RoUninitialize();
}

const Row object_rows[] = {
        { "CoRegisterClassObject, REGCLS", "uses and contexts combine as in the table",
          uses_and_contexts_combine_as_documented },
        { "CoRegisterClassObject", "a class may be registered often, each has its cookie",
          a_class_may_be_registered_often },
        { "CoSuspendClassObjects", "suspended class objects are not found", suspended_class_objects_are_not_found },
        { "CoCreateInstance", "objects are created by the factory, and never with an outer one",
          objects_are_created_by_the_factory },
        { "CoGetClassObject", "a class of another server of the package has a factory",
          a_class_of_another_server_has_a_factory },
        { "CoCreateInstance", "a task of another server is run there, and its progress comes back",
          a_task_of_another_server_is_run_there },
        { "CoCreateInstance", "its arguments go there, and its failure comes back",
          its_arguments_and_its_failure_are_passed_on },
        { "CoCreateInstance", "its cancellation goes there", its_cancellation_is_passed_on },
        { "CoInitializeEx", "apartments have COM's names too", apartments_have_two_names },
        { NULL },
};

static void a_class_needs_full_trust(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("T"), 15, 1);
        IBackgroundTaskRegistration *task = NULL;

        CHECK(IBackgroundTaskBuilder_Register(builder, &task) == (HRESULT)0x80070032 && !task);
        IBackgroundTaskBuilder_Release(builder);
        builder = new_builder(STRING("In-process"), 15, 0);
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        IBackgroundTaskRegistration_Release(task);
        IBackgroundTaskBuilder_Release(builder);
}

static void notifications_need_their_capability(void)
{
        IUserNotificationChangedTriggerFactory *made_by =
                factory_of(STRING("Windows.ApplicationModel.Background.UserNotificationChangedTrigger"),
                           &IID_IUserNotificationChangedTriggerFactory);
        IBackgroundTaskBuilder *builder = new_builder(STRING("Listener"), 0, 0);
        IBackgroundTaskRegistration *task = NULL;
        IBackgroundTrigger *trigger = NULL;

        CHECK_OK(IUserNotificationChangedTriggerFactory_Create(made_by, NotificationKinds_Toast, &trigger));
        CHECK_OK(IBackgroundTaskBuilder_SetTrigger(builder, trigger));
        CHECK(IBackgroundTaskBuilder_Register(builder, &task) == E_ACCESSDENIED && !task);
        IBackgroundTrigger_Release(trigger);
        IBackgroundTaskBuilder_Release(builder);
}

const Row confined_rows[] = {
        { "Notification listener, userNotificationListener",
          "a package that does not declare the capability hears of no notifications",
          notifications_need_their_capability },
        { "SetTaskEntryPointClsid", "a class of a package without runFullTrust is ERROR_NOT_SUPPORTED",
          a_class_needs_full_trust },
        { NULL },
};
