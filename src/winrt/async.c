/* SPDX-License-Identifier: MIT */

#include "winrt/async.h"

#include <assert.h>

typedef struct Operation {
        Object object;
        UINT32 id;
        HRESULT hr;
        int result;
        IUnknown *object_result; /* NULL: the result is a number */
        atomic_bool is_closed;
        IUnknown *_Atomic handler, *_Atomic progress;
} Operation;

/* Every handler of an operation looks like this to us. */
typedef IAsyncOperationCompletedHandler_boolean Handler;

static atomic_uint last_id;

static Operation *operation_of(void *self)
{
        return (Operation *)object_of(self);
}

static void operation_done(Object *object)
{
        Operation *operation = (Operation *)object;
        IUnknown *const kept[] = { atomic_load(&operation->handler), atomic_load(&operation->progress),
                                   operation->object_result };

        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                if (kept[i])
                        IUnknown_Release(kept[i]);
}

static AsyncStatus status_of(const Operation *operation)
{
        return FAILED(operation->hr) ? AsyncStatus_Error : AsyncStatus_Completed;
}

/* A handler is set once, and called at once, because the operation is over. */
static STDMETHODIMP put_completed(void *self, void *handler)
{
        Operation *operation = operation_of(self);
        IUnknown *none = NULL;

        if (atomic_load(&operation->is_closed))
                return E_ILLEGAL_METHOD_CALL;
        if (!handler)
                return E_POINTER;
        if (!atomic_compare_exchange_strong(&operation->handler, &none, handler))
                return (HRESULT)0x80000018; /* E_ILLEGAL_DELEGATE_ASSIGNMENT */
        IUnknown_AddRef((IUnknown *)handler);
        (void)((Handler *)handler)->lpVtbl->Invoke(handler, object_face(&operation->object, 0), status_of(operation));
        return S_OK;
}

static HRESULT hand_out(IUnknown *handler, void **ret_handler)
{
        if (!ret_handler)
                return E_POINTER;
        if (handler)
                IUnknown_AddRef(handler);
        *ret_handler = handler;
        return S_OK;
}

static STDMETHODIMP get_completed(void *self, void **ret_handler)
{
        return hand_out(atomic_load(&operation_of(self)->handler), ret_handler);
}

/* It is kept, and never called: there is no progress any more. */
static STDMETHODIMP put_progress(void *self, void *handler)
{
        IUnknown *none = NULL;

        if (!handler)
                return E_POINTER;
        if (!atomic_compare_exchange_strong(&operation_of(self)->progress, &none, handler))
                return (HRESULT)0x80000018; /* E_ILLEGAL_DELEGATE_ASSIGNMENT */
        IUnknown_AddRef((IUnknown *)handler);
        return S_OK;
}

static STDMETHODIMP get_progress(void *self, void **ret_handler)
{
        return hand_out(atomic_load(&operation_of(self)->progress), ret_handler);
}

static HRESULT take_result(void *self, int *ret_result)
{
        Operation *operation = operation_of(self);

        if (atomic_load(&operation->is_closed))
                return E_ILLEGAL_METHOD_CALL;
        *ret_result = operation->result;
        return operation->hr;
}

static STDMETHODIMP get_number(void *self, int *ret_results)
{
        return ret_results ? take_result(self, ret_results) : E_POINTER;
}

static STDMETHODIMP get_object(void *self, IUnknown **ret_results)
{
        Operation *operation = operation_of(self);
        int number;
        HRESULT hr;

        if (!ret_results)
                return E_POINTER;
        *ret_results = NULL;
        hr = take_result(self, &number);
        if (SUCCEEDED(hr)) {
                IUnknown_AddRef(operation->object_result);
                *ret_results = operation->object_result;
        }
        return hr;
}

static STDMETHODIMP get_nothing(IAsyncAction *self)
{
        int number;

        return take_result(self, &number);
}

static STDMETHODIMP get_boolean(IAsyncOperation_boolean *self, boolean *ret_results)
{
        int result = 0;
        HRESULT hr;

        if (!ret_results)
                return E_POINTER;
        hr = take_result(self, &result);
        *ret_results = result != 0;
        return hr;
}

static STDMETHODIMP get_id(IAsyncInfo *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = operation_of(self)->id;
        return S_OK;
}

static STDMETHODIMP get_status(IAsyncInfo *self, AsyncStatus *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = status_of(operation_of(self));
        return S_OK;
}

static STDMETHODIMP get_error_code(IAsyncInfo *self, HRESULT *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = operation_of(self)->hr;
        return S_OK;
}

/* What is over cannot be canceled any more, and that is no error. */
static STDMETHODIMP cancel(IAsyncInfo *self)
{
        return S_OK;
}

static STDMETHODIMP close_it(IAsyncInfo *self)
{
        atomic_store(&operation_of(self)->is_closed, true);
        return S_OK;
}

static const IAsyncInfoVtbl info_vtable = {
        INSPECTABLE_SLOTS, .get_Id = get_id, .get_Status = get_status, .get_ErrorCode = get_error_code,
        .Cancel = cancel, .Close = close_it,
};

#define VTABLE(type, get_results)                                                                               \
        static const IAsyncOperation_##type##Vtbl type##_vtable = {                                             \
                INSPECTABLE_SLOTS, .put_Completed = (void *)put_completed,                                      \
                .get_Completed = (void *)get_completed, .GetResults = (void *)get_results,                      \
        }

VTABLE(ApplicationTriggerResult, get_number);
VTABLE(MediaProcessingTriggerResult, get_number);
VTABLE(DeviceTriggerResult, get_number);
VTABLE(BackgroundAccessStatus, get_number);
VTABLE(AlarmAccessStatus, get_number);
VTABLE(boolean, get_boolean);
VTABLE(DeviceConnectionChangeTrigger, get_object);
VTABLE(GattServiceProviderTriggerResult, get_object);
VTABLE(StorageLibrary, get_object);
VTABLE(IVectorView_StorageLibraryChange, get_object);
VTABLE(UINT32, get_number);

#define PROGRESS_VTABLE(type, get_results)                                                                      \
        static const IAsyncOperationWithProgress_##type##_UINT32Vtbl type##_progress_vtable = {                 \
                INSPECTABLE_SLOTS, .put_Progress = (void *)put_progress, .get_Progress = (void *)get_progress,  \
                .put_Completed = (void *)put_completed, .get_Completed = (void *)get_completed,                 \
                .GetResults = (void *)get_results,                                                              \
        }

PROGRESS_VTABLE(IBuffer, get_object);
PROGRESS_VTABLE(UINT32, get_number);

static const IAsyncActionVtbl action_vtable = {
        INSPECTABLE_SLOTS, .put_Completed = (void *)put_completed, .get_Completed = (void *)get_completed,
        .GetResults = get_nothing,
};

#define BACKGROUND u"Windows.ApplicationModel.Background."
#define CLASS(kind, type, text)                                                                                 \
        [kind] = {                                                                                              \
                .name = u"Windows.Foundation.IAsyncOperation`1<" text u">", .size = sizeof(Operation),          \
                .done = operation_done,                                                                         \
                .faces = { { &IID_IAsyncOperation_##type, &type##_vtable, NULL },                               \
                           { &IID_IAsyncInfo, &info_vtable, NULL } },                                           \
        }
#define PROGRESS_CLASS(kind, type, text)                                                                        \
        [kind] = {                                                                                              \
                .name = u"Windows.Foundation.IAsyncOperationWithProgress`2<" text u", UInt32>",                 \
                .size = sizeof(Operation), .done = operation_done,                                              \
                .faces = { { &IID_IAsyncOperationWithProgress_##type##_UINT32, &type##_progress_vtable, NULL }, \
                           { &IID_IAsyncInfo, &info_vtable, NULL } },                                           \
        }

/* Classes of their own. */
#define STREAM_CLASS(kind, text)                                                                                \
        [kind] = {                                                                                              \
                .name = u"Windows.Storage.Streams." text, .size = sizeof(Operation), .done = operation_done,    \
                .faces = { { &IID_IAsyncOperation_UINT32, &UINT32_vtable, NULL },                               \
                           { &IID_IAsyncInfo, &info_vtable, NULL } },                                           \
        }

static const Class classes[] = {
        CLASS(ASYNC_APPLICATION, ApplicationTriggerResult, BACKGROUND u"ApplicationTriggerResult"),
        CLASS(ASYNC_MEDIA, MediaProcessingTriggerResult, BACKGROUND u"MediaProcessingTriggerResult"),
        CLASS(ASYNC_DEVICE, DeviceTriggerResult, BACKGROUND u"DeviceTriggerResult"),
        CLASS(ASYNC_ACCESS, BackgroundAccessStatus, BACKGROUND u"BackgroundAccessStatus"),
        CLASS(ASYNC_ALARM, AlarmAccessStatus, BACKGROUND u"AlarmAccessStatus"),
        CLASS(ASYNC_BOOLEAN, boolean, u"Boolean"),
        CLASS(ASYNC_CONNECTION, DeviceConnectionChangeTrigger, BACKGROUND u"DeviceConnectionChangeTrigger"),
        CLASS(ASYNC_PROVIDER, GattServiceProviderTriggerResult, BACKGROUND u"GattServiceProviderTriggerResult"),
        CLASS(ASYNC_LIBRARY, StorageLibrary, u"Windows.Storage.StorageLibrary"),
        CLASS(ASYNC_CHANGES, IVectorView_StorageLibraryChange,
              u"Windows.Foundation.Collections.IVectorView`1<Windows.Storage.StorageLibraryChange>"),
        PROGRESS_CLASS(ASYNC_READ, IBuffer, u"Windows.Storage.Streams.IBuffer"),
        PROGRESS_CLASS(ASYNC_WRITE, UINT32, u"UInt32"),
        STREAM_CLASS(ASYNC_LOAD, u"DataReaderLoadOperation"),
        STREAM_CLASS(ASYNC_STORE, u"DataWriterStoreOperation"),
        [ASYNC_ACTION] = { .name = u"Windows.Foundation.IAsyncAction", .size = sizeof(Operation),
                           .done = operation_done,
                           .faces = { { &IID_IAsyncAction, &action_vtable, NULL },
                                      { &IID_IAsyncInfo, &info_vtable, NULL } } },
};
static_assert(ELEMENTSOF(classes) == ASYNC_X_MAX, "every operation has a class");

HRESULT async_new(AsyncKind kind, HRESULT hr, int result, void *ret)
{
        void **ret_operation = ret;
        Operation *operation;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        operation = (Operation *)object_new(&classes[kind]);
        if (!operation)
                return E_OUTOFMEMORY;
        operation->id = atomic_fetch_add(&last_id, 1) + 1;
        operation->hr = hr;
        operation->result = result;
        *ret_operation = object_face(&operation->object, 0);
        return S_OK;
}

HRESULT async_new_object(AsyncKind kind, HRESULT hr, void *result, void *ret)
{
        HRESULT made = async_new(kind, hr, 0, ret);

        if (SUCCEEDED(made))
                operation_of(*(void **)ret)->object_result = result;
        else if (result)
                IUnknown_Release((IUnknown *)result);
        return made;
}

bool async_is_over(void *operation)
{
        AsyncStatus status = AsyncStatus_Started;
        IAsyncInfo *info;

        if (FAILED(IUnknown_QueryInterface((IUnknown *)operation, &IID_IAsyncInfo, (void **)&info)))
                return false;
        (void)IAsyncInfo_get_Status(info, &status);
        IAsyncInfo_Release(info);
        return status != AsyncStatus_Started;
}
