/* SPDX-License-Identifier: MIT */

/* What a failure leaves besides its HRESULT: IRestrictedErrorInfo, and the functions of roerrorapi.h. */

#include "conformance.h"

#include <string.h>

#define OTHER_ERROR ((HRESULT)0xdeffbeef)

/* Ends the row unless it is that text; NULL: unless it says something. It is freed. */
static void check_text(BSTR text, const WCHAR *expected)
{
        UINT32 n = 0;

        CHECK(text && SysStringLen(text) > 0 && text[SysStringLen(text)] == 0);
        while (expected && expected[n])
                n++;
        CHECK(!expected || (SysStringLen(text) == n && memcmp(text, expected, n * sizeof *text) == 0));
        SysFreeString(text);
}

static void check_details(IRestrictedErrorInfo *info, HRESULT expected, const WCHAR *text)
{
        BSTR description = NULL, restricted = NULL, sid = (BSTR)&sid;
        HRESULT error = S_OK;

        CHECK_OK(IRestrictedErrorInfo_GetErrorDetails(info, &description, &error, &restricted, &sid));
        CHECK(error == expected && !sid);
        check_text(description, NULL);
        check_text(restricted, text);
}

/* What this thread has; it is released. */
static void check_left(HRESULT error, const WCHAR *text)
{
        IRestrictedErrorInfo *info = NULL;

        CHECK_OK(GetRestrictedErrorInfo(&info));
        check_details(info, error, text);
        CHECK(IRestrictedErrorInfo_Release(info) == 0);
}

static void check_nothing_left(void)
{
        IRestrictedErrorInfo *info = (void *)&info;

        CHECK(GetRestrictedErrorInfo(&info) == S_FALSE && !info);
}

static IRestrictedErrorInfo *leave(HRESULT error, HSTRING message)
{
        IRestrictedErrorInfo *info = NULL;

        CHECK(RoOriginateError(error, message));
        CHECK_OK(GetRestrictedErrorInfo(&info));
        return info;
}

/* Under Wine the first class that a program asks for brings what these rows are about. */
static void load(void)
{
        IUnknown *values = factory_of(STRING("Windows.Foundation.PropertyValue"), &IID_IPropertyValueStatics);

        IUnknown_Release(values);
        RoClearError();
}

static void an_error_has_its_message(void)
{
        load();
        CHECK(RoOriginateError(E_ACCESSDENIED, STRING("not for you")));
        check_left(E_ACCESSDENIED, u"not for you");
        CHECK(RoOriginateErrorW(E_FAIL, 3, u"too long"));
        check_left(E_FAIL, u"too");
        CHECK(RoOriginateErrorW(E_FAIL, 0, u"to its end"));
        check_left(E_FAIL, u"to its end");
        CHECK(RoOriginateErrorW(E_FAIL, 9, u"cut\0off"));
        check_left(E_FAIL, u"cut");
        check_nothing_left();
}

static void an_error_without_a_message_has_the_general_one(void)
{
        BSTR description = NULL, restricted = NULL, sid;
        IRestrictedErrorInfo *info;
        HRESULT error;

        load();
        info = leave(E_INVALIDARG, NULL);
        CHECK_OK(IRestrictedErrorInfo_GetErrorDetails(info, &description, &error, &restricted, &sid));
        check_text(description, restricted);
        check_text(restricted, NULL);
        IRestrictedErrorInfo_Release(info);
        CHECK(RoOriginateErrorW(OTHER_ERROR, 0, NULL));
        check_left(OTHER_ERROR, NULL);
}

static void a_long_message_is_cut(void)
{
        WCHAR text[600], cut[513];

        load();
        for (size_t i = 0; i < 599; i++)
                text[i] = u'a';
        text[599] = 0;
        memcpy(cut, text, sizeof cut);
        cut[512] = 0;
        CHECK(RoOriginateErrorW(E_FAIL, 0, text));
        check_left(E_FAIL, cut);
        CHECK(RoOriginateErrorW(E_FAIL, 599, text));
        check_left(E_FAIL, cut);
}

static void a_success_leaves_nothing(void)
{
        load();
        CHECK(!RoOriginateError(S_OK, STRING("well")));
        CHECK(!RoOriginateErrorW(S_FALSE, 0, u"well"));
        CHECK(!RoOriginateLanguageException(S_OK, STRING("well"), NULL));
        CHECK(!RoTransformError(S_OK, S_FALSE, STRING("well")));
        CHECK(!RoTransformError(E_FAIL, E_FAIL, STRING("the same")));
        CHECK(!RoOriginateErrorW(E_FAIL, 0, u""));
        check_nothing_left();
}

static void an_error_is_handed_over_and_set_again(void)
{
        IRestrictedErrorInfo *info, *again = NULL;

        load();
        info = leave(E_FAIL, STRING("once"));
        check_nothing_left();
        CHECK_OK(SetRestrictedErrorInfo(info));
        IRestrictedErrorInfo_Release(info);
        CHECK_OK(GetRestrictedErrorInfo(&again));
        CHECK(again == info);
        CHECK_OK(SetRestrictedErrorInfo(again));
        CHECK_OK(SetRestrictedErrorInfo(NULL));
        CHECK(IRestrictedErrorInfo_Release(again) == 0);
        check_nothing_left();
        CHECK(GetRestrictedErrorInfo(NULL) == E_POINTER);
}

static void it_is_an_error_of_com_as_well(void)
{
        BSTR text = NULL, source = (BSTR)&source, file = (BSTR)&file;
        IRestrictedErrorInfo *info = NULL;
        IErrorInfo *found = NULL;
        DWORD context = 7;
        GUID guid = test_clsid;

        load();
        CHECK(RoOriginateError(E_FAIL, STRING("as before")));
        CHECK_OK(GetErrorInfo(0, &found));
        CHECK_OK(IErrorInfo_GetGUID(found, &guid));
        CHECK(memcmp(&guid, &(GUID){ 0 }, sizeof guid) == 0);
        CHECK_OK(IErrorInfo_GetDescription(found, &text));
        check_text(text, NULL);
        CHECK(IErrorInfo_GetSource(found, &source) == S_OK && !source);
        CHECK(IErrorInfo_GetHelpFile(found, &file) == S_OK && !file);
        CHECK(IErrorInfo_GetHelpContext(found, &context) == S_OK && context == 0);
        CHECK_OK(SetErrorInfo(0, found));
        CHECK_OK(GetRestrictedErrorInfo(&info));
        check_details(info, E_FAIL, u"as before");
        IErrorInfo_Release(found);
        CHECK(IRestrictedErrorInfo_Release(info) == 0);
        CHECK(GetErrorInfo(0, &found) == S_FALSE && !found);
}

static void its_interfaces_are_exact(void)
{
        static const IID *const iids[] = { &IID_IUnknown, &IID_IRestrictedErrorInfo, &IID_IErrorInfo,
                                           &IID_ILanguageExceptionErrorInfo, &IID_ILanguageExceptionErrorInfo2,
                                           &IID_IAgileObject };
        IRestrictedErrorInfo *info;
        BSTR text = NULL;
        HRESULT error;

        load();
        info = leave(E_FAIL, NULL);
        for (size_t i = 0; i < sizeof iids / sizeof *iids; i++) {
                IUnknown *face = NULL, *unknown = NULL, *own = NULL;

                CHECK_OK(IRestrictedErrorInfo_QueryInterface(info, iids[i], (void **)&face));
                CHECK_OK(IUnknown_QueryInterface(face, &IID_IUnknown, (void **)&unknown));
                CHECK_OK(IRestrictedErrorInfo_QueryInterface(info, &IID_IUnknown, (void **)&own));
                CHECK(unknown == own);
                IUnknown_Release(own);
                IUnknown_Release(unknown);
                IUnknown_Release(face);
        }
        CHECK(IRestrictedErrorInfo_QueryInterface(info, &IID_IInspectable, (void **)&text) == E_NOINTERFACE);
        CHECK(IRestrictedErrorInfo_QueryInterface(info, &IID_IErrorInfo, NULL) == E_POINTER);
        CHECK(IRestrictedErrorInfo_GetErrorDetails(info, NULL, &error, &text, &text) == E_POINTER);
        CHECK(IRestrictedErrorInfo_GetReference(info, NULL) == E_POINTER);
        CHECK(IRestrictedErrorInfo_GetReference(info, &text) == S_OK && !text);
        CHECK(IRestrictedErrorInfo_Release(info) == 0);
}

static ILanguageExceptionErrorInfo2 *language_of(IRestrictedErrorInfo *info)
{
        ILanguageExceptionErrorInfo2 *language = NULL;

        CHECK_OK(IRestrictedErrorInfo_QueryInterface(info, &IID_ILanguageExceptionErrorInfo2, (void **)&language));
        return language;
}

static void check_of(ILanguageExceptionErrorInfo2 *language, HRESULT error, const WCHAR *text)
{
        IRestrictedErrorInfo *info = NULL;

        CHECK(language);
        CHECK_OK(ILanguageExceptionErrorInfo2_QueryInterface(language, &IID_IRestrictedErrorInfo, (void **)&info));
        check_details(info, error, text);
        IRestrictedErrorInfo_Release(info);
}

static void a_language_keeps_its_exception_with_an_error(void)
{
        static const struct {
                void *slots[3];
        } vtable = { { (void *)fixed_query, (void *)fixed_count, (void *)fixed_count } };
        static const void *exception = &vtable;
        IUnknown *given = (IUnknown *)&exception, *found = NULL;
        ILanguageExceptionErrorInfo2 *language, *head = (void *)&head;
        IRestrictedErrorInfo *info = NULL;

        load();
        CHECK(RoOriginateLanguageException(E_FAIL, STRING("thrown"), given));
        CHECK_OK(GetRestrictedErrorInfo(&info));
        check_details(info, E_FAIL, u"thrown");
        language = language_of(info);
        CHECK_OK(ILanguageExceptionErrorInfo2_GetLanguageException(language, &found));
        CHECK(found == given);
        CHECK(ILanguageExceptionErrorInfo2_GetPropagationContextHead(language, &head) == S_OK && !head);
        CHECK_OK(ILanguageExceptionErrorInfo2_CapturePropagationContext(language, NULL));
        CHECK_OK(ILanguageExceptionErrorInfo2_GetPropagationContextHead(language, &head));
        check_of(head, E_FAIL, u"thrown");
        ILanguageExceptionErrorInfo2_Release(head);
        ILanguageExceptionErrorInfo2_Release(language);
        CHECK(IRestrictedErrorInfo_Release(info) == 0);
}

static void a_transformed_error_knows_the_one_before(void)
{
        ILanguageExceptionErrorInfo2 *language, *previous = NULL;
        IRestrictedErrorInfo *info = NULL;

        load();
        CHECK(RoOriginateError(E_FAIL, STRING("at first")));
        CHECK(RoTransformError(E_FAIL, E_ACCESSDENIED, STRING("then")));
        CHECK_OK(GetRestrictedErrorInfo(&info));
        check_details(info, E_ACCESSDENIED, u"then");
        language = language_of(info);
        CHECK_OK(ILanguageExceptionErrorInfo2_GetPreviousLanguageExceptionErrorInfo(language, &previous));
        check_of(previous, E_FAIL, u"at first");
        ILanguageExceptionErrorInfo2_Release(previous);
        ILanguageExceptionErrorInfo2_Release(language);
        CHECK(IRestrictedErrorInfo_Release(info) == 0);
        CHECK(RoTransformErrorW(E_FAIL, E_BOUNDS, 0, NULL));
        check_left(E_BOUNDS, NULL);
}

static void an_error_is_captured(void)
{
        IRestrictedErrorInfo *info = NULL;

        load();
        CHECK(RoOriginateError(E_FAIL, STRING("known")));
        CHECK_OK(RoCaptureErrorContext(E_FAIL));
        check_left(E_FAIL, u"known");
        CHECK(RoOriginateError(E_FAIL, STRING("stale")));
        CHECK_OK(RoCaptureErrorContext(E_BOUNDS));
        check_left(E_BOUNDS, NULL);
        CHECK(RoOriginateError(E_FAIL, STRING("matching")));
        CHECK_OK(RoGetMatchingRestrictedErrorInfo(E_FAIL, &info));
        check_details(info, E_FAIL, u"matching");
        CHECK_OK(RoReportUnhandledError(info));
        CHECK(IRestrictedErrorInfo_Release(info) == 0);
        CHECK_OK(RoGetMatchingRestrictedErrorInfo(E_BOUNDS, &info));
        check_details(info, E_BOUNDS, NULL);
        CHECK(IRestrictedErrorInfo_Release(info) == 0);
        CHECK(RoGetMatchingRestrictedErrorInfo(E_FAIL, NULL) == E_POINTER);
        CHECK(RoResolveRestrictedErrorInfoReference(u"none", &info) == E_INVALIDARG && !info);
        CHECK(IsErrorPropagationEnabled());
}

static void flags_say_whether_errors_are_left(void)
{
        UINT32 flags = 0;

        load();
        CHECK(RoGetErrorReportingFlags(NULL) == E_POINTER);
        CHECK(RoSetErrorReportingFlags(16) == E_INVALIDARG);
        CHECK_OK(RoGetErrorReportingFlags(&flags));
        CHECK(flags == RO_ERROR_REPORTING_USESETERRORINFO);
        CHECK_OK(RoSetErrorReportingFlags(RO_ERROR_REPORTING_USESETERRORINFO |
                                          RO_ERROR_REPORTING_SUPPRESSSETERRORINFO));
        CHECK(RoOriginateError(E_FAIL, NULL));
        CHECK(RoTransformError(E_FAIL, E_BOUNDS, NULL));
        CHECK_OK(RoSetErrorReportingFlags(RO_ERROR_REPORTING_NONE));
        CHECK(RoOriginateLanguageException(E_FAIL, NULL, NULL));
        CHECK_OK(RoSetErrorReportingFlags(RO_ERROR_REPORTING_USESETERRORINFO));
        check_nothing_left();
}

static void *see_nothing(void *userdata)
{
        IRestrictedErrorInfo *info = NULL;

        /* And leaves one when it ends. */
        *(int *)userdata = GetRestrictedErrorInfo(&info) == S_FALSE && !info && RoOriginateError(E_ABORT, NULL);
        return NULL;
}

static void each_thread_has_its_own(void)
{
        pthread_t thread;
        int good = 0;

        load();
        CHECK(RoOriginateError(E_FAIL, STRING("mine")));
        CHECK(pthread_create(&thread, NULL, see_nothing, &good) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(good);
        check_left(E_FAIL, u"mine");
}

static void a_call_that_fails_says_why(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Nowhere"), 15, 0);
        BSTR description = NULL, restricted = NULL, sid;
        IBackgroundTaskRegistration *task = NULL;
        IRestrictedErrorInfo *info = NULL;
        HRESULT error, hr;

        RoClearError();
        hr = IBackgroundTaskBuilder_Register(builder, &task);
        CHECK(FAILED(hr));
        CHECK_OK(GetRestrictedErrorInfo(&info));
        CHECK_OK(IRestrictedErrorInfo_GetErrorDetails(info, &description, &error, &restricted, &sid));
        CHECK(error == hr);
        check_text(description, NULL);
        check_text(restricted, u"this program belongs to no installed package");
        CHECK(IRestrictedErrorInfo_Release(info) == 0);
        CHECK(IBackgroundTaskBuilder_Release(builder) == 0);
}

const Row error_rows[] = {
        { "RoOriginateError", "an error has its message", an_error_has_its_message },
        { "RoOriginateError", "without a message it has the general one",
          an_error_without_a_message_has_the_general_one },
        { "RoOriginateError", "a message longer than 512 characters is cut", a_long_message_is_cut },
        { "RoOriginateError", "a success, or an empty message, leaves nothing", a_success_leaves_nothing },
        { "SetRestrictedErrorInfo", "an error is handed over, and set again", an_error_is_handed_over_and_set_again },
        { "RoOriginateError", "it is what GetErrorInfo gives", it_is_an_error_of_com_as_well },
        { "IRestrictedErrorInfo", "its interfaces are exact, and it is agile", its_interfaces_are_exact },
        { "RoOriginateLanguageException", "a language keeps its exception with it, and passes it on",
          a_language_keeps_its_exception_with_an_error },
        { "RoTransformError", "a transformed error knows the one before", a_transformed_error_knows_the_one_before },
        { "RoCaptureErrorContext", "an error is captured, or matched, if it is the same", an_error_is_captured },
        { "RoSetErrorReportingFlags", "flags say whether errors are left", flags_say_whether_errors_are_left },
        { "SetRestrictedErrorInfo", "each thread has its own", each_thread_has_its_own },
        { "ours", "a call of an object that fails says why", a_call_that_fails_says_why },
        { NULL },
};
