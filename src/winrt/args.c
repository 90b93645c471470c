/* SPDX-License-Identifier: MIT */

#include "winrt/args.h"

#include <errno.h>

#include "base/result.h"

typedef struct Args {
        Object object;
        GUID run;
        uint32_t progress;
        int result;
} Args;

static STDMETHODIMP get_instance_id(void *self, GUID *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = ((Args *)object_of(self))->run;
        return S_OK;
}

static STDMETHODIMP get_progress(IBackgroundTaskProgressEventArgs *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = ((Args *)object_of(self))->progress;
        return S_OK;
}

HRESULT args_hresult(int result)
{
        if (result_is_hresult(result))
                return (HRESULT)result;
        switch (-result) {
        case ECANCELED:
                return (HRESULT)0x800704c7; /* ERROR_CANCELLED */
        case ETIMEDOUT:
        case ESTALE:
                return (HRESULT)0x800705b4; /* ERROR_TIMEOUT */
        case ECONNRESET:
                return (HRESULT)0x800706be; /* RPC_S_CALL_FAILED */
        case ENOEXEC:
                return (HRESULT)0x80080005; /* CO_E_SERVER_EXEC_FAILURE */
        case ENOMEM:
                return E_OUTOFMEMORY;
        case EINVAL:
                return E_INVALIDARG;
        case EACCES:
        case EPERM:
                return E_ACCESSDENIED;
        case ENOSYS:
                return E_NOTIMPL;
        default:
                return result < 0 ? E_FAIL : S_OK;
        }
}

static STDMETHODIMP check_result(IBackgroundTaskCompletedEventArgs *self)
{
        return args_hresult(((Args *)object_of(self))->result);
}

static const IBackgroundTaskProgressEventArgsVtbl progress_vtable = {
        INSPECTABLE_SLOTS, .get_InstanceId = (void *)get_instance_id, .get_Progress = get_progress,
};
static const IBackgroundTaskCompletedEventArgsVtbl completed_vtable = {
        INSPECTABLE_SLOTS, .get_InstanceId = (void *)get_instance_id, .CheckResult = check_result,
};
static const Class progress_class = {
        .name = u"Windows.ApplicationModel.Background.BackgroundTaskProgressEventArgs", .size = sizeof(Args),
        .faces = { { &IID_IBackgroundTaskProgressEventArgs, &progress_vtable, NULL } },
};
static const Class completed_class = {
        .name = u"Windows.ApplicationModel.Background.BackgroundTaskCompletedEventArgs", .size = sizeof(Args),
        .faces = { { &IID_IBackgroundTaskCompletedEventArgs, &completed_vtable, NULL } },
};

static Args *args_new(const Class *class_, const char *run)
{
        Args *args = (Args *)object_new(class_);

        if (args && !guid_parse(run, &args->run)) {
                object_unref(&args->object);
                return NULL;
        }
        return args;
}

HRESULT args_new_progress(const char *run, uint32_t progress, IBackgroundTaskProgressEventArgs **ret)
{
        Args *args = args_new(&progress_class, run);

        if (!args)
                return E_OUTOFMEMORY;
        args->progress = progress;
        *ret = object_face(&args->object, 0);
        return S_OK;
}

HRESULT args_new_completed(const char *run, int result, IBackgroundTaskCompletedEventArgs **ret)
{
        Args *args = args_new(&completed_class, run);

        if (!args)
                return E_OUTOFMEMORY;
        args->result = result;
        *ret = object_face(&args->object, 0);
        return S_OK;
}
