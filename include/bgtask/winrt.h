/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Windows.ApplicationModel.Background and the COM around it, for programs that were written to that
 * interface: libbgtask-winrt (pkg-config bgtask-winrt). Vtables, IIDs, numbers and HRESULTs are those
 * of Windows; docs/winrt.md says which classes there are, and what differs. WCHAR has 16 bits: write
 * u"text". Objects may be used by any thread; strings and objects that are returned belong to the
 * caller.
 *
 * Out parameters of COM must not be NULL (E_POINTER), except where NULL is said to be allowed.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * How the functions of Windows are called: as C is here. A library that programs of Windows call (under
 * Wine) defines BGTASK_WINRT_MS_ABI for all of its sources: then as C is there.
 */
#ifdef BGTASK_WINRT_MS_ABI
#define STDMETHODCALLTYPE __attribute__((ms_abi))
#else
#define STDMETHODCALLTYPE
#endif
#define WINAPI STDMETHODCALLTYPE
/* The result of a function in a vtable. */
#define STDMETHODIMP HRESULT STDMETHODCALLTYPE
#define STDMETHODIMP_(type) type STDMETHODCALLTYPE

/* The types of Windows. */

typedef int32_t HRESULT;
typedef int32_t BOOL;
#ifndef TRUE
#define FALSE 0
#define TRUE 1
#endif
typedef uint8_t boolean;
typedef uint8_t UINT8;
typedef int16_t INT16;
typedef uint16_t UINT16;
typedef uint64_t UINT64;
typedef float FLOAT;
typedef double DOUBLE;
typedef int32_t INT32;
typedef int64_t INT64;
typedef uint32_t UINT32;
typedef uint32_t ULONG;
typedef uint32_t DWORD;
#ifdef __cplusplus
typedef char16_t WCHAR;
#else
typedef uint_least16_t WCHAR;
#endif

typedef struct GUID {
        uint32_t Data1;
        uint16_t Data2;
        uint16_t Data3;
        uint8_t Data4[8];
} GUID;
typedef GUID IID;
typedef GUID CLSID;
#ifdef __cplusplus
typedef const GUID &REFGUID;
typedef const IID &REFIID;
typedef const CLSID &REFCLSID;
static inline BOOL IsEqualGUID(REFGUID a, REFGUID b)
{
        return memcmp(&a, &b, sizeof(GUID)) == 0;
}
#else
typedef const GUID *REFGUID;
typedef const IID *REFIID;
typedef const CLSID *REFCLSID;
static inline BOOL IsEqualGUID(REFGUID a, REFGUID b)
{
        return memcmp(a, b, sizeof(GUID)) == 0;
}
#endif
#define IsEqualIID(a, b) IsEqualGUID(a, b)
#define IsEqualCLSID(a, b) IsEqualGUID(a, b)

typedef struct EventRegistrationToken {
        INT64 value;
} EventRegistrationToken;

/* 100 ns since 1601. */
typedef struct DateTime {
        INT64 UniversalTime;
} DateTime;
/* 100 ns. */
typedef struct TimeSpan {
        INT64 Duration;
} TimeSpan;

/* Text of COM: counted, in front of its characters, and with a 0 behind them; NULL is the empty one. */
typedef WCHAR *BSTR;

typedef enum TrustLevel { BaseTrust = 0, PartialTrust = 1, FullTrust = 2 } TrustLevel;
typedef enum RO_INIT_TYPE { RO_INIT_SINGLETHREADED = 0, RO_INIT_MULTITHREADED = 1 } RO_INIT_TYPE;

#define SUCCEEDED(hr) ((HRESULT)(hr) >= 0)
#define FAILED(hr) ((HRESULT)(hr) < 0)
#define HRESULT_FROM_WIN32(code) \
        ((HRESULT)(code) > 0 ? (HRESULT)(0x80070000u | ((uint32_t)(code) & 0xffffu)) : (HRESULT)(code))
#define ERROR_NOT_SUPPORTED 50
#define ERROR_ALREADY_EXISTS 183
#define ERROR_NOT_FOUND 1168
#define ERROR_NO_SYSTEM_RESOURCES 1450
#define RPC_S_SERVER_UNAVAILABLE 1722
#define RPC_S_CALL_FAILED 1726
#define ERROR_NOT_ENOUGH_QUOTA 1816
#define TYPE_E_TYPEMISMATCH ((HRESULT)0x80028ca0)
#define DISP_E_OVERFLOW ((HRESULT)0x8002000a)
#define S_OK ((HRESULT)0)
#define S_FALSE ((HRESULT)1)
#define E_BOUNDS ((HRESULT)0x8000000b)
#define E_ILLEGAL_METHOD_CALL ((HRESULT)0x8000000e)
#define E_NOTIMPL ((HRESULT)0x80004001)
#define E_NOINTERFACE ((HRESULT)0x80004002)
#define E_POINTER ((HRESULT)0x80004003)
#define E_ABORT ((HRESULT)0x80004004)
#define E_FAIL ((HRESULT)0x80004005)
#define E_UNEXPECTED ((HRESULT)0x8000ffff)
#define E_ACCESSDENIED ((HRESULT)0x80070005)
#define E_HANDLE ((HRESULT)0x80070006)
#define E_OUTOFMEMORY ((HRESULT)0x8007000e)
#define E_INVALIDARG ((HRESULT)0x80070057)
#define CLASS_E_NOAGGREGATION ((HRESULT)0x80040110)
#define CLASS_E_CLASSNOTAVAILABLE ((HRESULT)0x80040111)
#define REGDB_E_READREGDB ((HRESULT)0x80040150)
#define REGDB_E_CLASSNOTREG ((HRESULT)0x80040154)
#define CO_E_NOTINITIALIZED ((HRESULT)0x800401f0)
#define CO_E_APPNOTFOUND ((HRESULT)0x800401f5)
#define CO_E_OBJNOTREG ((HRESULT)0x800401fb)
#define CO_E_OBJISREG ((HRESULT)0x800401fc)
#define CO_E_OBJNOTCONNECTED ((HRESULT)0x800401fd)
#define CO_E_APPDIDNTREG ((HRESULT)0x800401fe)
#define CO_E_RELEASED ((HRESULT)0x800401ff)
#define CO_E_SERVER_EXEC_FAILURE ((HRESULT)0x80080005)
#define CO_E_SERVER_STOPPING ((HRESULT)0x80080008)
#define CO_E_SERVER_START_TIMEOUT ((HRESULT)0x8000401e)
#define RPC_E_CALL_REJECTED ((HRESULT)0x80010001)
#define RPC_E_CALL_CANCELED ((HRESULT)0x80010002)
#define RPC_E_SERVERFAULT ((HRESULT)0x80010105)
#define RPC_E_CHANGED_MODE ((HRESULT)0x80010106)
#define RPC_E_DISCONNECTED ((HRESULT)0x80010108)
#define RPC_E_SERVERCALL_RETRYLATER ((HRESULT)0x8001010a)
#define RPC_E_WRONG_THREAD ((HRESULT)0x8001010e)
#define RPC_E_TIMEOUT ((HRESULT)0x8001011f)

/* Enumerations of Windows.ApplicationModel.Background. */

typedef enum SystemTriggerType {
        SystemTriggerType_Invalid = 0,
        SystemTriggerType_SmsReceived = 1,
        SystemTriggerType_UserPresent = 2,
        SystemTriggerType_UserAway = 3,
        SystemTriggerType_NetworkStateChange = 4,
        SystemTriggerType_ControlChannelReset = 5,
        SystemTriggerType_InternetAvailable = 6,
        SystemTriggerType_SessionConnected = 7,
        SystemTriggerType_ServicingComplete = 8,
        SystemTriggerType_LockScreenApplicationAdded = 9,
        SystemTriggerType_LockScreenApplicationRemoved = 10,
        SystemTriggerType_TimeZoneChange = 11,
        SystemTriggerType_OnlineIdConnectedStateChange = 12,
        SystemTriggerType_BackgroundWorkCostChange = 13,
        SystemTriggerType_PowerStateChange = 14,
        SystemTriggerType_DefaultSignInAccountChange = 15
} SystemTriggerType;

typedef enum SystemConditionType {
        SystemConditionType_Invalid = 0,
        SystemConditionType_UserPresent = 1,
        SystemConditionType_UserNotPresent = 2,
        SystemConditionType_InternetAvailable = 3,
        SystemConditionType_InternetNotAvailable = 4,
        SystemConditionType_SessionConnected = 5,
        SystemConditionType_SessionDisconnected = 6,
        SystemConditionType_FreeNetworkAvailable = 7,
        SystemConditionType_BackgroundWorkCostNotHigh = 8
} SystemConditionType;

typedef enum BackgroundTaskCancellationReason {
        BackgroundTaskCancellationReason_Abort = 0,
        BackgroundTaskCancellationReason_Terminating = 1,
        BackgroundTaskCancellationReason_LoggingOff = 2,
        BackgroundTaskCancellationReason_ServicingUpdate = 3,
        BackgroundTaskCancellationReason_IdleTask = 4,
        BackgroundTaskCancellationReason_Uninstall = 5,
        BackgroundTaskCancellationReason_ConditionLoss = 6,
        BackgroundTaskCancellationReason_SystemPolicy = 7,
        BackgroundTaskCancellationReason_QuietHoursEntered = 8,
        BackgroundTaskCancellationReason_ExecutionTimeExceeded = 9,
        BackgroundTaskCancellationReason_ResourceRevocation = 10,
        BackgroundTaskCancellationReason_EnergySaver = 11
} BackgroundTaskCancellationReason;

typedef enum BackgroundTaskThrottleCounter {
        BackgroundTaskThrottleCounter_All = 0,
        BackgroundTaskThrottleCounter_Cpu = 1,
        BackgroundTaskThrottleCounter_Network = 2
} BackgroundTaskThrottleCounter;

typedef enum CustomSystemEventTriggerRecurrence {
        CustomSystemEventTriggerRecurrence_Once = 0,
        CustomSystemEventTriggerRecurrence_Always = 1
} CustomSystemEventTriggerRecurrence;

typedef enum BackgroundAccessStatus {
        BackgroundAccessStatus_Unspecified = 0,
        BackgroundAccessStatus_AllowedWithAlwaysOnRealTimeConnectivity = 1,
        BackgroundAccessStatus_AllowedMayUseActiveRealTimeConnectivity = 2,
        BackgroundAccessStatus_Denied = 3,
        BackgroundAccessStatus_AlwaysAllowed = 4,
        BackgroundAccessStatus_AllowedSubjectToSystemPolicy = 5,
        BackgroundAccessStatus_DeniedBySystemPolicy = 6,
        BackgroundAccessStatus_DeniedByUser = 7
} BackgroundAccessStatus;

typedef enum BackgroundAccessRequestKind {
        BackgroundAccessRequestKind_AlwaysAllowed = 0,
        BackgroundAccessRequestKind_AllowedSubjectToSystemPolicy = 1
} BackgroundAccessRequestKind;

typedef enum ApplicationTriggerResult {
        ApplicationTriggerResult_Allowed = 0,
        ApplicationTriggerResult_CurrentlyRunning = 1,
        ApplicationTriggerResult_DisabledByPolicy = 2,
        ApplicationTriggerResult_UnknownError = 3
} ApplicationTriggerResult;

typedef enum MediaProcessingTriggerResult {
        MediaProcessingTriggerResult_Allowed = 0,
        MediaProcessingTriggerResult_CurrentlyRunning = 1,
        MediaProcessingTriggerResult_DisabledByPolicy = 2,
        MediaProcessingTriggerResult_UnknownError = 3
} MediaProcessingTriggerResult;

typedef enum DeviceTriggerResult {
        DeviceTriggerResult_Allowed = 0,
        DeviceTriggerResult_DeniedByUser = 1,
        DeviceTriggerResult_DeniedBySystem = 2,
        DeviceTriggerResult_LowBattery = 3
} DeviceTriggerResult;

typedef enum SocketActivityTriggerReason {
        SocketActivityTriggerReason_None = 0,
        SocketActivityTriggerReason_SocketActivity = 1,
        SocketActivityTriggerReason_ConnectionAccepted = 2,
        SocketActivityTriggerReason_KeepAliveTimerExpired = 3,
        SocketActivityTriggerReason_SocketClosed = 4
} SocketActivityTriggerReason;

typedef enum SocketActivityKind {
        SocketActivityKind_None = 0,
        SocketActivityKind_StreamSocketListener = 1,
        SocketActivityKind_DatagramSocket = 2,
        SocketActivityKind_StreamSocket = 3
} SocketActivityKind;

typedef enum SocketActivityConnectedStandbyAction {
        SocketActivityConnectedStandbyAction_DoNotWake = 0,
        SocketActivityConnectedStandbyAction_Wake = 1
} SocketActivityConnectedStandbyAction;

/* Of a connection: the one that is here. */
typedef enum SocketProtectionLevel { SocketProtectionLevel_PlainSocket = 0 } SocketProtectionLevel;

typedef enum HostNameType {
        HostNameType_DomainName = 0,
        HostNameType_Ipv4 = 1,
        HostNameType_Ipv6 = 2,
        HostNameType_Bluetooth = 3
} HostNameType;

/* Flags. */
typedef enum InputStreamOptions {
        InputStreamOptions_None = 0,
        InputStreamOptions_Partial = 1,
        InputStreamOptions_ReadAhead = 2
} InputStreamOptions;

typedef enum UnicodeEncoding {
        UnicodeEncoding_Utf8 = 0,
        UnicodeEncoding_Utf16LE = 1,
        UnicodeEncoding_Utf16BE = 2
} UnicodeEncoding;

typedef enum ByteOrder { ByteOrder_LittleEndian = 0, ByteOrder_BigEndian = 1 } ByteOrder;

typedef enum ToastHistoryChangedType {
        ToastHistoryChangedType_Cleared = 0,
        ToastHistoryChangedType_Removed = 1,
        ToastHistoryChangedType_Expired = 2,
        ToastHistoryChangedType_Added = 3
} ToastHistoryChangedType;

typedef enum NotificationKinds {
        NotificationKinds_Unknown = 0,
        NotificationKinds_Toast = 1
} NotificationKinds;

typedef enum UserNotificationChangedKind {
        UserNotificationChangedKind_Added = 0,
        UserNotificationChangedKind_Removed = 1
} UserNotificationChangedKind;

typedef enum KnownLibraryId {
        KnownLibraryId_Music = 0,
        KnownLibraryId_Pictures = 1,
        KnownLibraryId_Videos = 2,
        KnownLibraryId_Documents = 3
} KnownLibraryId;

typedef enum StorageLibraryChangeType {
        StorageLibraryChangeType_Created = 0,
        StorageLibraryChangeType_Deleted = 1,
        StorageLibraryChangeType_MovedOrRenamed = 2,
        StorageLibraryChangeType_ContentsChanged = 3,
        StorageLibraryChangeType_MovedOutOfLibrary = 4,
        StorageLibraryChangeType_MovedIntoLibrary = 5,
        StorageLibraryChangeType_ContentsReplaced = 6,
        StorageLibraryChangeType_IndexingStatusChanged = 7,
        StorageLibraryChangeType_EncryptionChanged = 8,
        StorageLibraryChangeType_ChangeTrackingLost = 9
} StorageLibraryChangeType;

typedef enum AlarmAccessStatus {
        AlarmAccessStatus_Unspecified = 0,
        AlarmAccessStatus_AllowedWithWakeupCapability = 1,
        AlarmAccessStatus_AllowedWithoutWakeupCapability = 2,
        AlarmAccessStatus_Denied = 3
} AlarmAccessStatus;

typedef enum EnergyUseLevel {
        EnergyUseLevel_Unknown = 0,
        EnergyUseLevel_UnderHalfOfBudget = 1,
        EnergyUseLevel_OverHalfOfBudget = 2,
        EnergyUseLevel_OverBudget = 3
} EnergyUseLevel;

/* Of a value: those that are here. */
typedef enum PropertyType {
        PropertyType_Empty = 0,
        PropertyType_UInt8 = 1,
        PropertyType_Int16 = 2,
        PropertyType_UInt16 = 3,
        PropertyType_Int32 = 4,
        PropertyType_UInt32 = 5,
        PropertyType_Int64 = 6,
        PropertyType_UInt64 = 7,
        PropertyType_Single = 8,
        PropertyType_Double = 9,
        PropertyType_Char16 = 10,
        PropertyType_Boolean = 11,
        PropertyType_String = 12,
        PropertyType_DateTime = 14,
        PropertyType_TimeSpan = 15,
        PropertyType_Guid = 16,
        PropertyType_UInt8Array = 1025,
        PropertyType_StringArray = 1036
} PropertyType;

typedef enum CollectionChange {
        CollectionChange_Reset = 0,
        CollectionChange_ItemInserted = 1,
        CollectionChange_ItemRemoved = 2,
        CollectionChange_ItemChanged = 3
} CollectionChange;

/* Windows.ApplicationModel, Windows.System. */
typedef struct PackageVersion {
        UINT16 Major;
        UINT16 Minor;
        UINT16 Build;
        UINT16 Revision;
} PackageVersion;

typedef enum ProcessorArchitecture {
        ProcessorArchitecture_X86 = 0,
        ProcessorArchitecture_Arm = 5,
        ProcessorArchitecture_X64 = 9,
        ProcessorArchitecture_Neutral = 11,
        ProcessorArchitecture_Arm64 = 12,
        ProcessorArchitecture_X86OnArm64 = 14,
        ProcessorArchitecture_Unknown = 65535
} ProcessorArchitecture;

typedef enum ApplicationDataLocality {
        ApplicationDataLocality_Local = 0,
        ApplicationDataLocality_Roaming = 1,
        ApplicationDataLocality_Temporary = 2,
        ApplicationDataLocality_LocalCache = 3
} ApplicationDataLocality;

typedef enum ApplicationDataCreateDisposition {
        ApplicationDataCreateDisposition_Always = 0,
        ApplicationDataCreateDisposition_Existing = 1
} ApplicationDataCreateDisposition;

typedef enum AsyncStatus {
        AsyncStatus_Started = 0,
        AsyncStatus_Completed = 1,
        AsyncStatus_Canceled = 2,
        AsyncStatus_Error = 3
} AsyncStatus;

typedef enum BackgroundWorkCostValue {
        BackgroundWorkCostValue_Low = 0,
        BackgroundWorkCostValue_Medium = 1,
        BackgroundWorkCostValue_High = 2
} BackgroundWorkCostValue;

/* Strings: immutable, counted, UTF-16; NULL is the empty string. */

typedef struct HSTRING__ *HSTRING;
/* Room for a string on the stack, which is not counted and lives as long as its text. */
typedef struct HSTRING_HEADER {
        void *reserved[4];
} HSTRING_HEADER;

/* Copies length characters. E_POINTER (text NULL and length not 0), E_OUTOFMEMORY. */
HRESULT WINAPI WindowsCreateString(const WCHAR *text, UINT32 length, HSTRING *ret_string);
/* Refers to text, whose character behind the last is 0. E_INVALIDARG if it is not. */
HRESULT WINAPI WindowsCreateStringReference(const WCHAR *text, UINT32 length, HSTRING_HEADER *header,
                                            HSTRING *ret_string);
/* One more reference; of a string on the stack a copy. */
HRESULT WINAPI WindowsDuplicateString(HSTRING string, HSTRING *ret_string);
/* Takes NULL, and does nothing to a string on the stack. */
HRESULT WINAPI WindowsDeleteString(HSTRING string);
UINT32 WINAPI WindowsGetStringLen(HSTRING string);
BOOL WINAPI WindowsIsStringEmpty(HSTRING string);
/* Never NULL; ends with 0. ret_length may be NULL. */
const WCHAR *WINAPI WindowsGetStringRawBuffer(HSTRING string, UINT32 *ret_length);
/* *ret_result: -1, 0 or 1, by the numbers of the characters. */
HRESULT WINAPI WindowsCompareStringOrdinal(HSTRING a, HSTRING b, INT32 *ret_result);
HRESULT WINAPI WindowsConcatString(HSTRING a, HSTRING b, HSTRING *ret_string);
/* From a character on, or so many from there. E_BOUNDS. */
HRESULT WINAPI WindowsSubstring(HSTRING string, UINT32 start, HSTRING *ret_string);
HRESULT WINAPI WindowsSubstringWithSpecifiedLength(HSTRING string, UINT32 start, UINT32 length, HSTRING *ret_string);
/* Whether a character is 0. */
HRESULT WINAPI WindowsStringHasEmbeddedNull(HSTRING string, BOOL *ret_value);
/* Without the characters at its start, at its end that are in trim. E_INVALIDARG if trim is empty. */
HRESULT WINAPI WindowsTrimStringStart(HSTRING string, HSTRING trim, HSTRING *ret_string);
HRESULT WINAPI WindowsTrimStringEnd(HSTRING string, HSTRING trim, HSTRING *ret_string);
/* Every old one in it by the new one. E_INVALIDARG if the old one is empty. */
HRESULT WINAPI WindowsReplaceString(HSTRING string, HSTRING old, HSTRING by, HSTRING *ret_string);

/* Room for a string that the caller fills, with a 0 behind its last character: it becomes a string or is deleted. */
typedef struct HSTRING_BUFFER__ *HSTRING_BUFFER;
HRESULT WINAPI WindowsPreallocateStringBuffer(UINT32 length, WCHAR **ret_text, HSTRING_BUFFER *ret_buffer);
/* E_INVALIDARG if the 0 is gone; the buffer then stays the caller's. */
HRESULT WINAPI WindowsPromoteStringBuffer(HSTRING_BUFFER buffer, HSTRING *ret_string);
HRESULT WINAPI WindowsDeleteStringBuffer(HSTRING_BUFFER buffer);

/* Length characters and a 0 behind them; text NULL: not set. NULL if there is no memory. */
BSTR WINAPI SysAllocStringLen(const WCHAR *text, UINT32 length);
/* Up to its 0. NULL if text is, or if there is no memory. */
BSTR WINAPI SysAllocString(const WCHAR *text);
/* Both take NULL. */
UINT32 WINAPI SysStringLen(BSTR string);
void WINAPI SysFreeString(BSTR string);

/* Memory that is handed over, as GetIids() does. */
void *WINAPI CoTaskMemAlloc(size_t size);
/* memory NULL: as CoTaskMemAlloc(); size 0: as CoTaskMemFree(). NULL if there is no memory: the old one stays. */
void *WINAPI CoTaskMemRealloc(void *memory, size_t size);
void WINAPI CoTaskMemFree(void *memory);

#ifdef __cplusplus
}
#endif

#include <bgtask/winrt-interfaces.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Windows Runtime. */

/*
 * For programs that call them; nothing here needs it. S_OK the first time in a thread, then S_FALSE;
 * RPC_E_CHANGED_MODE if it was initialised with another type.
 */
HRESULT WINAPI RoInitialize(RO_INIT_TYPE type);
void WINAPI RoUninitialize(void);
/* The factory or the statics of a class by its name. REGDB_E_CLASSNOTREG, E_NOINTERFACE. */
HRESULT WINAPI RoGetActivationFactory(HSTRING class_name, REFIID iid, void **ret_factory);
/* A new object, of a class with a constructor without parameters. REGDB_E_CLASSNOTREG, E_NOTIMPL. */
HRESULT WINAPI RoActivateInstance(HSTRING class_name, IInspectable **ret_instance);

/* COM's names for the same. E_INVALIDARG. */
enum {
        COINIT_MULTITHREADED = 0x0,
        COINIT_APARTMENTTHREADED = 0x2,
        COINIT_DISABLE_OLE1DDE = 0x4,
        COINIT_SPEED_OVER_MEMORY = 0x8
};
HRESULT WINAPI CoInitializeEx(void *reserved, DWORD flags);
/* The same with COINIT_APARTMENTTHREADED. */
HRESULT WINAPI CoInitialize(void *reserved);
void WINAPI CoUninitialize(void);

/*
 * What a thread knows of its last failure. A call of an object that fails leaves the sentence of
 * libbgtask there, as the restricted description of IRestrictedErrorInfo, beside the HRESULT that it
 * returns; who catches a failure takes it and compares the two.
 */

/* reserved is 0 (E_INVALIDARG). NULL takes away what is there. E_OUTOFMEMORY. */
HRESULT WINAPI SetErrorInfo(ULONG reserved, IErrorInfo *info);
/* Hands it over: the thread has none then. S_FALSE and NULL if there is none. E_INVALIDARG. */
HRESULT WINAPI GetErrorInfo(ULONG reserved, IErrorInfo **ret_info);
/* E_INVALIDARG: it was not made by one of these functions. */
HRESULT WINAPI SetRestrictedErrorInfo(IRestrictedErrorInfo *info);
/* S_FALSE also if what is there is none, which is then gone. */
HRESULT WINAPI GetRestrictedErrorInfo(IRestrictedErrorInfo **ret_info);
/* What is there, if it is of this error, else a new one. E_INVALIDARG (it is a success), E_OUTOFMEMORY. */
HRESULT WINAPI RoGetMatchingRestrictedErrorInfo(HRESULT error, IRestrictedErrorInfo **ret_info);
/* No IRestrictedErrorInfo has a reference: E_INVALIDARG. */
HRESULT WINAPI RoResolveRestrictedErrorInfoReference(const WCHAR *reference, IRestrictedErrorInfo **ret_info);
void WINAPI RoClearError(void);

/*
 * Each leaves an error with a message of at most 512 characters, up to the first 0; without one (NULL)
 * with what is generally said of that error. FALSE: the error is a success, or the message is empty,
 * and nothing is left; or there is no memory. n_max 0: up to the 0.
 */
BOOL WINAPI RoOriginateError(HRESULT error, HSTRING message);
BOOL WINAPI RoOriginateErrorW(HRESULT error, UINT32 n_max, const WCHAR *message);
/* ILanguageExceptionErrorInfo gives the exception back. */
BOOL WINAPI RoOriginateLanguageException(HRESULT error, HSTRING message, IUnknown *exception);
/* What is there of the old error becomes what comes before the new one. FALSE also if they are the same. */
BOOL WINAPI RoTransformError(HRESULT old_error, HRESULT new_error, HSTRING message);
BOOL WINAPI RoTransformErrorW(HRESULT old_error, HRESULT new_error, UINT32 n_max, const WCHAR *message);
/* Keeps what is there of this error, or leaves it without a message. E_OUTOFMEMORY. */
HRESULT WINAPI RoCaptureErrorContext(HRESULT error);
/* There is nobody whom they could be reported to: S_OK; E_INVALIDARG for NULL. */
HRESULT WINAPI RoReportUnhandledError(IRestrictedErrorInfo *info);
HRESULT WINAPI RoReportFailedDelegate(IUnknown *delegate, IRestrictedErrorInfo *info);
/* Ends the process as abort() does. */
void WINAPI RoFailFastWithErrorContext(HRESULT error) __attribute__((noreturn));
/* TRUE. */
BOOL WINAPI IsErrorPropagationEnabled(void);

/* Of the process; exceptions are never raised. E_INVALIDARG (other bits). */
enum {
        RO_ERROR_REPORTING_NONE = 0,
        RO_ERROR_REPORTING_SUPPRESSEXCEPTIONS = 1,
        RO_ERROR_REPORTING_FORCEEXCEPTIONS = 2,
        RO_ERROR_REPORTING_USESETERRORINFO = 4, /* as it is at first: errors are left */
        RO_ERROR_REPORTING_SUPPRESSSETERRORINFO = 8
};
HRESULT WINAPI RoSetErrorReportingFlags(UINT32 flags);
HRESULT WINAPI RoGetErrorReportingFlags(UINT32 *ret_flags);

/* Class objects. */

enum {
        CLSCTX_INPROC_SERVER = 0x1,
        CLSCTX_INPROC_HANDLER = 0x2,
        CLSCTX_LOCAL_SERVER = 0x4,
        CLSCTX_REMOTE_SERVER = 0x10,
        CLSCTX_INPROC = 0x3,
        CLSCTX_SERVER = 0x15,
        CLSCTX_ALL = 0x17
};
enum {
        REGCLS_SINGLEUSE = 0,
        REGCLS_MULTIPLEUSE = 1,
        REGCLS_MULTI_SEPARATE = 2,
        REGCLS_SUSPENDED = 4,
        REGCLS_SURROGATE = 8,
        REGCLS_AGILE = 16
};

/*
 * With CLSCTX_LOCAL_SERVER this process runs the tasks of the class from now on: for each run the
 * factory makes one IBackgroundTask, and Run is called on a thread of the library. With
 * CLSCTX_INPROC_SERVER, and with REGCLS_MULTIPLEUSE always, CoGetClassObject() finds the factory in this
 * process. E_INVALIDARG (also REGCLS_SINGLEUSE with CLSCTX_INPROC_SERVER, and other contexts);
 * E_ACCESSDENIED (the package's manifest does not declare the class); else what libbgtask's errors
 * stand for.
 */
HRESULT WINAPI CoRegisterClassObject(REFCLSID clsid, IUnknown *factory, DWORD context, DWORD flags,
                                     DWORD *ret_cookie);
/* Returns when no run of it is left. CO_E_OBJNOTREG (there is no such cookie). */
HRESULT WINAPI CoRevokeClassObject(DWORD cookie);
HRESULT WINAPI CoSuspendClassObjects(void);
HRESULT WINAPI CoResumeClassObjects(void);
ULONG WINAPI CoAddRefServerProcess(void);
ULONG WINAPI CoReleaseServerProcess(void);

/*
 * The factory of a class: what this process has registered; else, with CLSCTX_LOCAL_SERVER, one for a
 * class that the manifest of its package declares: its IBackgroundTask is run in the package's server,
 * which is started if need be, with an instance of its own. Run then returns when that run has ended,
 * with what it ended with, and must not be called from a handler; progress, cancellation and arguments
 * are passed on. server_info must be NULL. E_POINTER, E_INVALIDARG, E_NOINTERFACE, E_ACCESSDENIED (the
 * process is confined), REGDB_E_CLASSNOTREG.
 */
HRESULT WINAPI CoGetClassObject(REFCLSID clsid, DWORD context, void *server_info, REFIID iid, void **ret_object);
/* The same, and one object of it. outer must be NULL (CLASS_E_NOAGGREGATION). */
HRESULT WINAPI CoCreateInstance(REFCLSID clsid, IUnknown *outer, DWORD context, REFIID iid, void **ret_object);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
