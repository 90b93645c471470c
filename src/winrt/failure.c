/* SPDX-License-Identifier: MIT */

#include "winrt/failure.h"

#include <string.h>

#include "winrt/platform.h"

/* Longer messages are cut. */
#define TEXT_MAX 512
#define FLAGS_ALL 15u

typedef struct Failure Failure;

/* One failure: it never changes, but for what it is passed on through. */
struct Failure {
        Object object;
        HRESULT error;
        UINT32 n;
        WCHAR text[TEXT_MAX]; /* the restricted description; none: the same as the other */
        IUnknown *exception;
        Failure *previous; /* which it was made of, or which was passed on before this */
        pthread_mutex_t lock;
        Failure *head; /* under the lock: how it was passed on last */
};

static atomic_uint reporting = RO_ERROR_REPORTING_USESETERRORINFO;

static const Class failure_class;

static Failure *failure_of(void *self)
{
        return (Failure *)object_of(self);
}

static Failure *ref(Failure *failure)
{
        return failure ? (Failure *)object_ref(&failure->object) : NULL;
}

static void unref(Failure *failure)
{
        object_unref(failure ? &failure->object : NULL);
}

static void failure_done(Object *object)
{
        Failure *failure = (Failure *)object;

        if (failure->exception)
                IUnknown_Release(failure->exception);
        unref(failure->previous);
        unref(failure->head);
        pthread_mutex_destroy(&failure->lock);
}

/* The text is copied; NULL: there is none. NULL if there is no memory. */
static Failure *failure_new(HRESULT error, const WCHAR *text, UINT32 n, IUnknown *exception)
{
        Failure *failure = (Failure *)object_new(&failure_class);

        if (!failure)
                return NULL;
        pthread_mutex_init(&failure->lock, NULL);
        failure->error = error;
        failure->n = text ? n : 0;
        if (text)
                memcpy(failure->text, text, n * sizeof *text);
        failure->exception = exception;
        if (exception)
                IUnknown_AddRef(exception);
        return failure;
}

static const char *sentence_of(HRESULT error)
{
        static const struct {
                HRESULT error;
                const char *sentence;
        } sentences[] = {
                { E_INVALIDARG, "an argument is not valid" },
                { E_ACCESSDENIED, "access is denied" },
                { E_OUTOFMEMORY, "not enough memory" },
                { E_NOTIMPL, "not implemented" },
                { E_NOINTERFACE, "no such interface" },
                { E_POINTER, "a pointer is not valid" },
                { E_ABORT, "the operation was aborted" },
                { E_HANDLE, "a handle is not valid" },
                { E_UNEXPECTED, "this should not have happened" },
                { E_BOUNDS, "there is nothing at this index or of this key" },
                { E_ILLEGAL_METHOD_CALL, "the object cannot do this at this moment" },
                { REGDB_E_CLASSNOTREG, "the class is not registered" },
                { CLASS_E_NOAGGREGATION, "the class cannot be aggregated" },
                { HRESULT_FROM_WIN32(ERROR_NOT_FOUND), "not found" },
                { HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED), "not supported" },
                { HRESULT_FROM_WIN32(ERROR_ALREADY_EXISTS), "it exists already" },
        };

        for (size_t i = 0; i < ELEMENTSOF(sentences); i++)
                if (sentences[i].error == error)
                        return sentences[i].sentence;
        return "the operation failed";
}

/* What the platform says of it, or we do. */
static UINT32 say(HRESULT error, WCHAR buf[TEXT_MAX])
{
        size_t n = platform_describe(error, buf, TEXT_MAX);
        const char *text;

        if (n > 0)
                return (UINT32)n;
        for (text = sentence_of(error); text[n]; n++)
                buf[n] = (WCHAR)text[n];
        return (UINT32)n;
}

static HRESULT hand_out(const WCHAR *text, UINT32 n, BSTR *ret)
{
        *ret = SysAllocStringLen(text, n);
        return *ret ? S_OK : E_OUTOFMEMORY;
}

static HRESULT describe(const Failure *failure, BSTR *ret)
{
        WCHAR text[TEXT_MAX];

        return hand_out(text, say(failure->error, text), ret);
}

static STDMETHODIMP get_details(IRestrictedErrorInfo *self, BSTR *ret_description, HRESULT *ret_error,
                                BSTR *ret_restricted, BSTR *ret_sid)
{
        const Failure *failure = failure_of(self);
        HRESULT hr;

        if (!ret_description || !ret_error || !ret_restricted || !ret_sid)
                return E_POINTER;
        *ret_description = *ret_restricted = *ret_sid = NULL;
        *ret_error = failure->error;
        hr = describe(failure, ret_description);
        if (SUCCEEDED(hr))
                hr = failure->n > 0 ? hand_out(failure->text, failure->n, ret_restricted) :
                        describe(failure, ret_restricted);
        if (FAILED(hr)) {
                SysFreeString(*ret_description);
                *ret_description = NULL;
        }
        return hr;
}

static HRESULT hand_out_none(BSTR *ret)
{
        if (!ret)
                return E_POINTER;
        *ret = NULL;
        return S_OK;
}

static STDMETHODIMP get_reference(IRestrictedErrorInfo *self, BSTR *ret_reference)
{
        return hand_out_none(ret_reference);
}

static STDMETHODIMP get_guid(IErrorInfo *self, GUID *ret_guid)
{
        if (!ret_guid)
                return E_POINTER;
        *ret_guid = (GUID){ 0 };
        return S_OK;
}

static STDMETHODIMP get_description(IErrorInfo *self, BSTR *ret_description)
{
        return ret_description ? describe(failure_of(self), ret_description) : E_POINTER;
}

static STDMETHODIMP get_source(IErrorInfo *self, BSTR *ret_source)
{
        return hand_out_none(ret_source);
}

static STDMETHODIMP get_help_context(IErrorInfo *self, DWORD *ret_context)
{
        if (!ret_context)
                return E_POINTER;
        *ret_context = 0;
        return S_OK;
}

static STDMETHODIMP get_exception(ILanguageExceptionErrorInfo2 *self, IUnknown **ret_exception)
{
        IUnknown *exception = failure_of(self)->exception;

        if (!ret_exception)
                return E_POINTER;
        *ret_exception = exception;
        if (exception)
                IUnknown_AddRef(exception);
        return S_OK;
}

static HRESULT hand_out_language(Failure *failure, ILanguageExceptionErrorInfo2 **ret)
{
        *ret = failure ? object_face(&ref(failure)->object, 2) : NULL;
        return S_OK;
}

static STDMETHODIMP get_previous(ILanguageExceptionErrorInfo2 *self, ILanguageExceptionErrorInfo2 **ret_previous)
{
        return ret_previous ? hand_out_language(failure_of(self)->previous, ret_previous) : E_POINTER;
}

static STDMETHODIMP get_head(ILanguageExceptionErrorInfo2 *self, ILanguageExceptionErrorInfo2 **ret_head)
{
        Failure *failure = failure_of(self);

        if (!ret_head)
                return E_POINTER;
        pthread_mutex_lock(&failure->lock);
        (void)hand_out_language(failure->head, ret_head);
        pthread_mutex_unlock(&failure->lock);
        return S_OK;
}

static STDMETHODIMP pass_on(ILanguageExceptionErrorInfo2 *self, IUnknown *exception)
{
        Failure *failure = failure_of(self), *passed;

        passed = failure_new(failure->error, failure->text, failure->n, exception);
        if (!passed)
                return E_OUTOFMEMORY;
        pthread_mutex_lock(&failure->lock);
        passed->previous = failure->head;
        failure->head = passed;
        pthread_mutex_unlock(&failure->lock);
        return S_OK;
}

static const IRestrictedErrorInfoVtbl restricted_vtable = {
        UNKNOWN_SLOTS, .GetErrorDetails = get_details, .GetReference = get_reference,
};
static const IErrorInfoVtbl info_vtable = {
        UNKNOWN_SLOTS, .GetGUID = get_guid, .GetSource = get_source, .GetDescription = get_description,
        .GetHelpFile = get_source, .GetHelpContext = get_help_context,
};
static const ILanguageExceptionErrorInfo2Vtbl language_vtable = {
        UNKNOWN_SLOTS, .GetLanguageException = get_exception, .GetPreviousLanguageExceptionErrorInfo = get_previous,
        .CapturePropagationContext = pass_on, .GetPropagationContextHead = get_head,
};
static const Class failure_class = {
        .is_plain = true, .size = sizeof(Failure), .done = failure_done,
        .faces = { { &IID_IRestrictedErrorInfo, &restricted_vtable, NULL },
                   { &IID_IErrorInfo, &info_vtable, NULL },
                   { &IID_ILanguageExceptionErrorInfo2, &language_vtable, &IID_ILanguageExceptionErrorInfo } },
};

/* What the thread has, which it then has no more; NULL: nothing of this error. */
static Failure *take(HRESULT error)
{
        IRestrictedErrorInfo *info = NULL;
        Failure *failure;

        if (GetRestrictedErrorInfo(&info) != S_OK)
                return NULL;
        failure = (Failure *)object_of_class(info, &failure_class);
        if (failure && failure->error == error)
                return failure;
        IRestrictedErrorInfo_Release(info);
        return NULL;
}

/* Takes the failure. False: it is NULL. */
static BOOL give(Failure *failure)
{
        BOOL given = failure && SUCCEEDED(SetErrorInfo(0, object_face(&failure->object, 1)));

        unref(failure);
        return given;
}

static bool is_asked_for(void)
{
        unsigned flags = atomic_load(&reporting);

        return (flags & RO_ERROR_REPORTING_USESETERRORINFO) && !(flags & RO_ERROR_REPORTING_SUPPRESSSETERRORINFO);
}

/* What is taken of a message. */
static UINT32 measure(const WCHAR *text, UINT32 n_max)
{
        UINT32 n = 0;

        if (n_max == 0 || n_max > TEXT_MAX)
                n_max = TEXT_MAX;
        while (n < n_max && text[n])
                n++;
        return n;
}

static BOOL originate(HRESULT error, const WCHAR *text, UINT32 n_max, IUnknown *exception)
{
        UINT32 n = text ? measure(text, n_max) : 0;

        if (SUCCEEDED(error) || (text && n == 0))
                return FALSE;
        return is_asked_for() ? give(failure_new(error, text, n, exception)) : TRUE;
}

/* NULL: the empty string, which is as good as none. */
static const WCHAR *text_of(HSTRING message, UINT32 *ret_n)
{
        const WCHAR *text = WindowsGetStringRawBuffer(message, ret_n);

        return *ret_n > 0 ? text : NULL;
}

BOOL WINAPI RoOriginateErrorW(HRESULT error, UINT32 n_max, const WCHAR *message)
{
        return originate(error, message, n_max, NULL);
}

BOOL WINAPI RoOriginateLanguageException(HRESULT error, HSTRING message, IUnknown *exception)
{
        UINT32 n;
        const WCHAR *text = text_of(message, &n);

        return originate(error, text, n, exception);
}

BOOL WINAPI RoOriginateError(HRESULT error, HSTRING message)
{
        return RoOriginateLanguageException(error, message, NULL);
}

BOOL WINAPI RoTransformErrorW(HRESULT old_error, HRESULT new_error, UINT32 n_max, const WCHAR *message)
{
        UINT32 n = message ? measure(message, n_max) : 0;
        Failure *failure;

        if (old_error == new_error || (SUCCEEDED(old_error) && SUCCEEDED(new_error)) || (message && n == 0))
                return FALSE;
        if (!is_asked_for())
                return TRUE;
        failure = failure_new(new_error, message, n, NULL);
        if (failure)
                failure->previous = take(old_error);
        return give(failure);
}

BOOL WINAPI RoTransformError(HRESULT old_error, HRESULT new_error, HSTRING message)
{
        UINT32 n;
        const WCHAR *text = text_of(message, &n);

        return RoTransformErrorW(old_error, new_error, n, text);
}

HRESULT WINAPI RoCaptureErrorContext(HRESULT error)
{
        Failure *failure;

        if (SUCCEEDED(error) || !is_asked_for())
                return S_OK;
        failure = take(error);
        return give(failure ? failure : failure_new(error, NULL, 0, NULL)) ? S_OK : E_OUTOFMEMORY;
}

HRESULT WINAPI GetRestrictedErrorInfo(IRestrictedErrorInfo **ret_info)
{
        IErrorInfo *info = NULL;
        HRESULT hr;

        if (!ret_info)
                return E_POINTER;
        *ret_info = NULL;
        if (GetErrorInfo(0, &info) != S_OK || !info)
                return S_FALSE;
        hr = IErrorInfo_QueryInterface(info, &IID_IRestrictedErrorInfo, (void **)ret_info);
        IErrorInfo_Release(info);
        return SUCCEEDED(hr) ? S_OK : S_FALSE;
}

HRESULT WINAPI SetRestrictedErrorInfo(IRestrictedErrorInfo *info)
{
        Object *object = object_of_class(info, &failure_class);

        if (info && !object)
                return E_INVALIDARG;
        return SetErrorInfo(0, object ? object_face(object, 1) : NULL);
}

HRESULT WINAPI RoGetMatchingRestrictedErrorInfo(HRESULT error, IRestrictedErrorInfo **ret_info)
{
        Failure *failure;

        if (!ret_info)
                return E_POINTER;
        *ret_info = NULL;
        if (SUCCEEDED(error))
                return E_INVALIDARG;
        failure = take(error);
        if (!failure)
                failure = failure_new(error, NULL, 0, NULL);
        *ret_info = failure ? object_face(&failure->object, 0) : NULL;
        return failure ? S_OK : E_OUTOFMEMORY;
}

/* No object gives out a reference. */
HRESULT WINAPI RoResolveRestrictedErrorInfoReference(const WCHAR *reference, IRestrictedErrorInfo **ret_info)
{
        if (!ret_info)
                return E_POINTER;
        *ret_info = NULL;
        return E_INVALIDARG;
}

void WINAPI RoClearError(void)
{
        (void)SetErrorInfo(0, NULL);
}

HRESULT WINAPI RoReportUnhandledError(IRestrictedErrorInfo *info)
{
        return info ? S_OK : E_INVALIDARG;
}

HRESULT WINAPI RoReportFailedDelegate(IUnknown *delegate, IRestrictedErrorInfo *info)
{
        return delegate && info ? S_OK : E_INVALIDARG;
}

BOOL WINAPI IsErrorPropagationEnabled(void)
{
        return TRUE;
}

HRESULT WINAPI RoGetErrorReportingFlags(UINT32 *ret_flags)
{
        if (!ret_flags)
                return E_POINTER;
        *ret_flags = atomic_load(&reporting);
        return S_OK;
}

HRESULT WINAPI RoSetErrorReportingFlags(UINT32 flags)
{
        if (flags & ~FLAGS_ALL)
                return E_INVALIDARG;
        atomic_store(&reporting, flags);
        return S_OK;
}

void *failure_function(size_t i, const char **ret_name)
{
        static const struct {
                const char *name;
                void *function;
        } functions[] = {
#define X(name) { #name, (void *)name },
#include "winrt/failure.def"
#undef X
        };

        if (i >= ELEMENTSOF(functions))
                return NULL;
        *ret_name = functions[i].name;
        return functions[i].function;
}

/* With the sentence of libbgtask, which says more than the number; but not where there is no memory for it. */
HRESULT hresult_last(void)
{
        const bgt_error_info *info = bgt_error();
        HRESULT hr = info->hresult ? (HRESULT)info->hresult : E_FAIL;
        HSTRING message = NULL;

        if (hr != E_OUTOFMEMORY && SUCCEEDED(string_from_utf8(info->message, &message))) {
                (void)RoOriginateError(hr, message);
                (void)WindowsDeleteString(message);
        }
        return hr;
}

HRESULT hresult_from(int r)
{
        return r < 0 ? hresult_last() : S_OK;
}
