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

/* What a function has made, given back. */
static int is_made(HSTRING string, const char *expected)
{
        int is = string_is(string, expected);

        CHECK_OK(WindowsDeleteString(string));
        return is;
}

/* The functions of strings are the library's here; a program of Windows has those of Wine. */
static void must_be_ours(const char *otherwise)
{
#ifdef _WIN32
        skip_row(otherwise);
#endif
}

static void a_part_of_a_string_is_a_string(void)
{
        HSTRING text = STRING("abc"), made = NULL;

        CHECK_OK(WindowsSubstring(text, 1, &made));
        CHECK(is_made(made, "bc"));
        CHECK_OK(WindowsSubstring(text, 3, &made));
        CHECK(!made);
        CHECK(WindowsSubstring(text, 4, &made) == E_BOUNDS && !made);
        CHECK(WindowsSubstring(text, 0, NULL) == E_INVALIDARG);
}

static void a_part_of_a_string_may_have_a_length(void)
{
        HSTRING text = STRING("abc"), made = NULL;

        CHECK_OK(WindowsSubstringWithSpecifiedLength(text, 1, 1, &made));
        CHECK(is_made(made, "b"));
        CHECK_OK(WindowsSubstringWithSpecifiedLength(text, 0, 3, &made));
        CHECK(is_made(made, "abc"));
        made = NULL;
        CHECK(WindowsSubstringWithSpecifiedLength(text, 2, 2, &made) == E_BOUNDS && !made);
        CHECK(WindowsSubstringWithSpecifiedLength(text, 2, 0xffffffff, &made) == E_BOUNDS && !made);
        CHECK_OK(WindowsSubstringWithSpecifiedLength(NULL, 0, 0, &made));
        CHECK(!made);
}

static void characters_at_the_ends_are_trimmed(void)
{
        HSTRING made = NULL;

        CHECK_OK(WindowsTrimStringStart(STRING(" -ab- "), STRING("- "), &made));
        CHECK(is_made(made, "ab- "));
        CHECK_OK(WindowsTrimStringEnd(STRING(" -ab- "), STRING("- "), &made));
        CHECK(is_made(made, " -ab"));
        CHECK_OK(WindowsTrimStringEnd(STRING("--"), STRING("-"), &made));
        CHECK(!made);
        CHECK_OK(WindowsTrimStringStart(NULL, STRING("-"), &made));
        CHECK(!made);
        CHECK(WindowsTrimStringStart(STRING("a"), NULL, &made) == E_INVALIDARG);
        CHECK(WindowsTrimStringEnd(STRING("a"), STRING("a"), NULL) == E_INVALIDARG);
}

static void parts_of_a_string_are_replaced(void)
{
        HSTRING made = NULL;

        must_be_ours("Wine 8.0 has no WindowsReplaceString");
        CHECK_OK(WindowsReplaceString(STRING("abcabc"), STRING("bc"), STRING("-"), &made));
        CHECK(is_made(made, "a-a-"));
        CHECK_OK(WindowsReplaceString(STRING("aaa"), STRING("aa"), STRING("xyz"), &made));
        CHECK(is_made(made, "xyza"));
        CHECK_OK(WindowsReplaceString(STRING("ab"), STRING("b"), NULL, &made));
        CHECK(is_made(made, "a"));
        CHECK_OK(WindowsReplaceString(STRING("bb"), STRING("b"), NULL, &made));
        CHECK(!made);
        CHECK(WindowsReplaceString(STRING("ab"), NULL, STRING("x"), &made) == E_INVALIDARG);
}

static void a_string_may_hold_any_number(void)
{
        static const WCHAR halves[] = { 0xd800, 0, 0xdfff, 0xffff, 0 };
        HSTRING_HEADER header;
        HSTRING string = string_of(halves, 4, &header), copy = NULL;
        BOOL has = 9;
        INT32 order = 9;

        CHECK_OK(WindowsStringHasEmbeddedNull(string, &has));
        CHECK(has == 1);
        CHECK_OK(WindowsStringHasEmbeddedNull(STRING("ab"), &has));
        CHECK(has == 0);
        CHECK_OK(WindowsStringHasEmbeddedNull(NULL, &has));
        CHECK(has == 0 && WindowsStringHasEmbeddedNull(string, NULL) == E_INVALIDARG);
        CHECK_OK(WindowsDuplicateString(string, &copy));
        CHECK(copy != string && WindowsGetStringLen(copy) == 4);
        CHECK_OK(WindowsCompareStringOrdinal(string, copy, &order));
        CHECK(order == 0);
        CHECK_OK(WindowsDeleteString(copy));
        /* One on the stack may be deleted, and is still there. */
        CHECK_OK(WindowsDeleteString(string));
        CHECK(WindowsGetStringRawBuffer(string, NULL)[2] == 0xdfff);
}

static void a_buffer_becomes_a_string(void)
{
        HSTRING_BUFFER buffer = NULL;
        HSTRING string = NULL;
        WCHAR *text = NULL;

        CHECK_OK(WindowsPreallocateStringBuffer(2, &text, &buffer));
        text[0] = 'a';
        text[1] = 'b';
        text[2] = 'c';
        CHECK(WindowsPromoteStringBuffer(buffer, &string) == E_INVALIDARG && !string);
        text[2] = 0;
        CHECK_OK(WindowsPromoteStringBuffer(buffer, &string));
        CHECK(is_made(string, "ab"));
        CHECK_OK(WindowsPreallocateStringBuffer(2, &text, &buffer));
        CHECK_OK(WindowsDeleteStringBuffer(buffer));
        CHECK_OK(WindowsPreallocateStringBuffer(0, &text, &buffer));
        CHECK(text && !buffer);
        CHECK_OK(WindowsPromoteStringBuffer(NULL, &string));
        CHECK(!string);
        CHECK(WindowsPreallocateStringBuffer(2, NULL, &buffer) == E_POINTER);
        CHECK(WindowsPreallocateStringBuffer(2, &text, NULL) == E_POINTER);
        CHECK(WindowsPromoteStringBuffer(buffer, NULL) == E_POINTER);
}

static void weak_references_do_not_keep(void)
{
        ITimeTriggerFactory *factory = factory_of(STRING(BACKGROUND "TimeTrigger"), &IID_ITimeTriggerFactory);
        IWeakReference *weak = NULL, *again = NULL;
        IWeakReferenceSource *source = NULL;
        ITimeTrigger *trigger = NULL;
        IInspectable *found = NULL;
        void *none = &none;

        CHECK_OK(ITimeTriggerFactory_Create(factory, 15, 0, &trigger));
        CHECK_OK(ITimeTrigger_QueryInterface(trigger, &IID_IWeakReferenceSource, (void **)&source));
        CHECK(IWeakReferenceSource_GetWeakReference(source, NULL) == E_POINTER);
        CHECK_OK(IWeakReferenceSource_GetWeakReference(source, &weak));
        CHECK_OK(IWeakReferenceSource_GetWeakReference(source, &again));
        CHECK(weak == again);
        IWeakReference_Release(again);
        IWeakReferenceSource_Release(source);
        CHECK(IWeakReference_QueryInterface(weak, &IID_IInspectable, &none) == E_NOINTERFACE && !none);
        CHECK(IWeakReference_Resolve(weak, &IID_IBackgroundTrigger, NULL) == E_POINTER);
        CHECK_OK(IWeakReference_Resolve(weak, &IID_ITimeTrigger, &found));
        CHECK((void *)found == (void *)trigger);
        CHECK(IInspectable_Release(found) == 1);
        CHECK(IWeakReference_Resolve(weak, &IID_ISystemTrigger, &found) == E_NOINTERFACE && !found);
        CHECK(ITimeTrigger_Release(trigger) == 0);
        CHECK_OK(IWeakReference_Resolve(weak, &IID_ITimeTrigger, &found));
        CHECK(!found);
        CHECK(IWeakReference_Release(weak) == 0);
}

static void factories_outlive_their_weak_references(void)
{
        ITimeTriggerFactory *factory = factory_of(STRING(BACKGROUND "TimeTrigger"), &IID_ITimeTriggerFactory);
        IWeakReferenceSource *source = NULL;
        IWeakReference *weak = NULL;
        IInspectable *found = NULL;

        CHECK_OK(ITimeTriggerFactory_QueryInterface(factory, &IID_IWeakReferenceSource, (void **)&source));
        CHECK_OK(IWeakReferenceSource_GetWeakReference(source, &weak));
        IWeakReferenceSource_Release(source);
        ITimeTriggerFactory_Release(factory);
        CHECK_OK(IWeakReference_Resolve(weak, &IID_ITimeTriggerFactory, &found));
        CHECK((void *)found == (void *)factory);
        IInspectable_Release(found);
        IWeakReference_Release(weak);
}

/* One thread takes the last reference away while the other resolves. */
static IWeakReference *raced;

static void *resolve_it(void *userdata)
{
        IInspectable *found = NULL;

        for (int i = 0; i < 1000; i++) {
                if (FAILED(IWeakReference_Resolve(raced, &IID_ITimeTrigger, &found)))
                        return userdata;
                if (found)
                        IInspectable_Release(found);
        }
        return NULL;
}

static void the_last_reference_may_go_meanwhile(void)
{
        ITimeTriggerFactory *factory = factory_of(STRING(BACKGROUND "TimeTrigger"), &IID_ITimeTriggerFactory);

        for (int i = 0; i < 20; i++) {
                IWeakReferenceSource *source = NULL;
                ITimeTrigger *trigger = NULL;
                void *failed = NULL;
                pthread_t thread;

                CHECK_OK(ITimeTriggerFactory_Create(factory, 15, 0, &trigger));
                CHECK_OK(ITimeTrigger_QueryInterface(trigger, &IID_IWeakReferenceSource, (void **)&source));
                CHECK_OK(IWeakReferenceSource_GetWeakReference(source, &raced));
                IWeakReferenceSource_Release(source);
                CHECK(pthread_create(&thread, NULL, resolve_it, &failed) == 0);
                ITimeTrigger_Release(trigger);
                CHECK(pthread_join(thread, &failed) == 0 && !failed);
                CHECK(IWeakReference_Release(raced) == 0);
        }
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

static void memory_that_is_handed_over_may_grow(void)
{
        char *memory = CoTaskMemRealloc(NULL, 2);

        CHECK(memory);
        memory[0] = 'a';
        memory = CoTaskMemRealloc(memory, 20000);
        CHECK(memory && memory[0] == 'a');
        CHECK(!CoTaskMemRealloc(memory, 0));
        CoTaskMemFree(NULL);
}

const Row value_rows[] = {
        { "WindowsCreateString", "the empty string is NULL", the_empty_string_is_null },
        { "WindowsDuplicateString", "strings are counted", strings_are_counted },
        { "WindowsCreateStringReference", "strings on the stack refer to their text, and are copied to be kept",
          strings_on_the_stack_refer_to_their_text },
        { "WindowsCompareStringOrdinal", "strings compare by the numbers of their characters",
          strings_compare_by_their_characters },
        { "WindowsSubstring", "a part of a string is a string, and E_BOUNDS behind its end",
          a_part_of_a_string_is_a_string },
        { "WindowsSubstringWithSpecifiedLength", "a part of a string may have a length, and E_BOUNDS behind its end",
          a_part_of_a_string_may_have_a_length },
        { "WindowsTrimStringStart, WindowsTrimStringEnd", "characters at the ends of a string are trimmed",
          characters_at_the_ends_are_trimmed },
        { "WindowsReplaceString", "parts of a string are replaced from its start on", parts_of_a_string_are_replaced },
        { "HSTRING", "a string may hold any number: 0, and halves of a character", a_string_may_hold_any_number },
        { "WindowsPromoteStringBuffer", "a buffer becomes a string if its 0 is still there",
          a_buffer_becomes_a_string },
        { "IWeakReference", "a weak reference resolves as long as its object is there", weak_references_do_not_keep },
        { "IWeakReference", "that of a factory always does", factories_outlive_their_weak_references },
        { "IWeakReference", "the last reference may go while it resolves", the_last_reference_may_go_meanwhile },
        { "CoTaskMemRealloc", "memory that is handed over may grow", memory_that_is_handed_over_may_grow },
        { "RoInitialize", "apartments are counted by thread", apartments_are_counted_by_thread },
        { "RoGetActivationFactory", "classes that are not there are REGDB_E_CLASSNOTREG",
          classes_that_are_not_there_are_not_registered },
        { "TimeTrigger", "the constructor takes a freshness under 15 minutes", constructors_take_any_freshness },
        { "MaintenanceTrigger, SystemTrigger, CustomSystemEventTrigger", "triggers keep what they were made with",
          other_triggers_keep_what_they_were_made_with },
        { "SystemCondition", "a condition has its type", a_condition_has_its_type },
        { NULL },
};
