/* SPDX-License-Identifier: MIT */

/* Strings, classes, interfaces, triggers, conditions. */

#include "conformance.h"

#define BACKGROUND "Windows.ApplicationModel.Background."

static void the_empty_string_is_null(void)
{
        HSTRING string = (HSTRING)(void *)&string;
        UINT32 length = 9;

        CHECK_OK(WindowsCreateString(u"x", 0, &string));
        CHECK(!string);
        CHECK(WindowsIsStringEmpty(NULL) && WindowsGetStringLen(NULL) == 0);
        CHECK(WindowsGetStringRawBuffer(NULL, &length)[0] == 0 && length == 0);
        CHECK_OK(WindowsDeleteString(NULL));
}

static void strings_are_counted(void)
{
        HSTRING string, copy;

        CHECK_OK(WindowsCreateString(u"abc", 3, &string));
        CHECK_OK(WindowsDuplicateString(string, &copy));
        CHECK(copy == string);
        CHECK_OK(WindowsDeleteString(string));
        CHECK(string_is(copy, "abc"));
        CHECK_OK(WindowsDeleteString(copy));
        CHECK(WindowsCreateString(NULL, 3, &string) == E_POINTER);
}

static void strings_on_the_stack_refer_to_their_text(void)
{
        static const WCHAR text[] = u"abc";
        HSTRING_HEADER header;
        HSTRING string, copy;

        CHECK_OK(WindowsCreateStringReference(text, 3, &header, &string));
        CHECK(WindowsGetStringRawBuffer(string, NULL) == text);
        CHECK_OK(WindowsDuplicateString(string, &copy));
        CHECK(copy != string && string_is(copy, "abc"));
        CHECK_OK(WindowsDeleteString(copy));
        CHECK(WindowsCreateStringReference(text, 2, &header, &string) == E_INVALIDARG);
}

static void strings_compare_by_their_characters(void)
{
        INT32 result;
        HSTRING both;

        CHECK_OK(WindowsCompareStringOrdinal(STRING("a"), STRING("b"), &result));
        CHECK(result == -1);
        CHECK_OK(WindowsCompareStringOrdinal(STRING("ab"), STRING("a"), &result));
        CHECK(result == 1);
        CHECK_OK(WindowsCompareStringOrdinal(NULL, NULL, &result));
        CHECK(result == 0);
        CHECK_OK(WindowsConcatString(STRING("ab"), STRING("c"), &both));
        CHECK(string_is(both, "abc"));
        CHECK_OK(WindowsDeleteString(both));
}

static HRESULT answers[4];

/* In a thread that is fresh. */
static void *initialise(void *userdata)
{
        answers[0] = RoInitialize(RO_INIT_MULTITHREADED);
        answers[1] = RoInitialize(RO_INIT_MULTITHREADED);
        answers[2] = RoInitialize(RO_INIT_SINGLETHREADED);
        RoUninitialize();
        RoUninitialize();
        answers[3] = RoInitialize(RO_INIT_SINGLETHREADED);
        RoUninitialize();
        return NULL;
}

static void apartments_are_counted_by_thread(void)
{
        pthread_t thread;

        CHECK(pthread_create(&thread, NULL, initialise, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(answers[0] == S_OK && answers[1] == S_FALSE);
        CHECK(answers[2] == RPC_E_CHANGED_MODE && answers[3] == S_OK);
}

static void classes_that_are_not_there_are_not_registered(void)
{
        IInspectable *object = NULL;
        void *factory = NULL;

        CHECK(RoActivateInstance(STRING(BACKGROUND "Nothing"), &object) == REGDB_E_CLASSNOTREG);
        CHECK(RoGetActivationFactory(STRING("TimeTrigger"), &IID_IActivationFactory, &factory) == REGDB_E_CLASSNOTREG);
        CHECK(RoActivateInstance(STRING(BACKGROUND "TimeTrigger"), &object) == E_NOTIMPL);
        CHECK(RoGetActivationFactory(STRING(BACKGROUND "TimeTrigger"), &IID_ISystemTriggerFactory, &factory) ==
              E_NOINTERFACE);
        CHECK(!object && !factory);
}

static void constructors_take_any_freshness(void)
{
        ITimeTriggerFactory *factory = factory_of(STRING(BACKGROUND "TimeTrigger"), &IID_ITimeTriggerFactory);
        ITimeTrigger *trigger = NULL;
        boolean one_shot = 9;
        UINT32 minutes = 0;

        CHECK_OK(ITimeTriggerFactory_Create(factory, 1, 1, &trigger));
        CHECK_OK(ITimeTrigger_get_FreshnessTime(trigger, &minutes));
        CHECK_OK(ITimeTrigger_get_OneShot(trigger, &one_shot));
        CHECK(minutes == 1 && one_shot == 1);
        CHECK(ITimeTrigger_get_OneShot(trigger, NULL) == E_POINTER);
        CHECK(ITimeTriggerFactory_Create(factory, 15, 0, NULL) == E_POINTER);
        CHECK(ITimeTrigger_Release(trigger) == 0);
        ITimeTriggerFactory_Release(factory);
}

static void other_triggers_keep_what_they_were_made_with(void)
{
        IMaintenanceTriggerFactory *maintenance_factory =
                factory_of(STRING(BACKGROUND "MaintenanceTrigger"), &IID_IMaintenanceTriggerFactory);
        ISystemTriggerFactory *system_factory =
                factory_of(STRING(BACKGROUND "SystemTrigger"), &IID_ISystemTriggerFactory);
        ICustomSystemEventTriggerFactory *custom_factory =
                factory_of(STRING(BACKGROUND "CustomSystemEventTrigger"), &IID_ICustomSystemEventTriggerFactory);
        CustomSystemEventTriggerRecurrence recurrence = CustomSystemEventTriggerRecurrence_Once;
        ICustomSystemEventTrigger *custom = NULL;
        IMaintenanceTrigger *maintenance = NULL;
        ISystemTrigger *system_trigger = NULL;
        SystemTriggerType type = SystemTriggerType_Invalid;
        HSTRING id = NULL;
        UINT32 minutes = 0;

        CHECK_OK(IMaintenanceTriggerFactory_Create(maintenance_factory, 60, 0, &maintenance));
        CHECK_OK(IMaintenanceTrigger_get_FreshnessTime(maintenance, &minutes));
        CHECK(minutes == 60);
        CHECK_OK(ISystemTriggerFactory_Create(system_factory, SystemTriggerType_TimeZoneChange, 0, &system_trigger));
        CHECK_OK(ISystemTrigger_get_TriggerType(system_trigger, &type));
        CHECK(type == SystemTriggerType_TimeZoneChange);
        CHECK_OK(ICustomSystemEventTriggerFactory_Create(custom_factory, STRING("event"),
                                                         CustomSystemEventTriggerRecurrence_Always, &custom));
        CHECK_OK(ICustomSystemEventTrigger_get_TriggerId(custom, &id));
        CHECK_OK(ICustomSystemEventTrigger_get_Recurrence(custom, &recurrence));
        CHECK(string_is(id, "event") && recurrence == CustomSystemEventTriggerRecurrence_Always);
        CHECK_OK(WindowsDeleteString(id));
        ICustomSystemEventTrigger_Release(custom);
        CHECK_OK(ICustomSystemEventTriggerFactory_Create(custom_factory, STRING("event"),
                                                         CustomSystemEventTriggerRecurrence_Once, &custom));
        CHECK_OK(ICustomSystemEventTrigger_get_Recurrence(custom, &recurrence));
        CHECK(recurrence == CustomSystemEventTriggerRecurrence_Once);
        ICustomSystemEventTrigger_Release(custom);
        ISystemTrigger_Release(system_trigger);
        IMaintenanceTrigger_Release(maintenance);
}

static void a_condition_has_its_type(void)
{
        ISystemConditionFactory *factory = factory_of(STRING(BACKGROUND "SystemCondition"),
                                                      &IID_ISystemConditionFactory);
        SystemConditionType type = SystemConditionType_Invalid;
        ISystemCondition *condition = NULL;

        CHECK_OK(ISystemConditionFactory_Create(factory, SystemConditionType_FreeNetworkAvailable, &condition));
        CHECK_OK(ISystemCondition_get_ConditionType(condition, &type));
        CHECK(type == SystemConditionType_FreeNetworkAvailable);
        ISystemCondition_Release(condition);
}

const Row value_rows[] = {
        { "WindowsCreateString", "the empty string is NULL", the_empty_string_is_null },
        { "WindowsDuplicateString", "strings are counted", strings_are_counted },
        { "WindowsCreateStringReference", "strings on the stack refer to their text, and are copied to be kept",
          strings_on_the_stack_refer_to_their_text },
        { "WindowsCompareStringOrdinal", "strings compare by the numbers of their characters",
          strings_compare_by_their_characters },
        { "RoInitialize", "apartments are counted by thread", apartments_are_counted_by_thread },
        { "RoGetActivationFactory", "classes that are not there are REGDB_E_CLASSNOTREG",
          classes_that_are_not_there_are_not_registered },
        { "TimeTrigger", "the constructor takes a freshness under 15 minutes", constructors_take_any_freshness },
        { "MaintenanceTrigger, SystemTrigger, CustomSystemEventTrigger", "triggers keep what they were made with",
          other_triggers_keep_what_they_were_made_with },
        { "SystemCondition", "a condition has its type", a_condition_has_its_type },
        { NULL },
};
