// SPDX-License-Identifier: MIT

// A program of Windows as samples for background tasks are, with a projection of Windows Runtime: it registers its
// tasks, asks for a run and hears of it, keeps settings, and serves two classes in one process. What it finds out it
// prints.
//
// Arguments: access; settings; group; refuse; request TEXT, which registers a task for an ApplicationTrigger, asks for
// a run, and waits for its completion; single TEXT, the same from a single-threaded apartment; both TEXT, the same
// while it serves; register CLASS NAME...; serve.

#include "projection-objects.h"

#include <functional>
#include <map>
#include <memory>
#include <vector>

using namespace projection;

IMPORT(ULONG) CoAddRefServerProcess();
IMPORT(ULONG) CoReleaseServerProcess();
IMPORT(HRESULT) CoResumeClassObjects();

HAS_IID(IActivationFactory);
HAS_IID(IApplicationDataStatics);
HAS_IID(IApplicationTrigger);
HAS_IID(IApplicationTriggerDetails);
HAS_IID(IAsyncOperation_ApplicationTriggerResult);
HAS_IID(IAsyncOperation_BackgroundAccessStatus);
HAS_IID(IAsyncOperationCompletedHandler_ApplicationTriggerResult);
HAS_IID(IAsyncOperationCompletedHandler_BackgroundAccessStatus);
HAS_IID(IBackgroundCondition);
HAS_IID(IBackgroundExecutionManagerStatics);
HAS_IID(IBackgroundTask);
HAS_IID(IBackgroundTaskBuilder);
HAS_IID(IBackgroundTaskBuilder2);
HAS_IID(IBackgroundTaskBuilder3);
HAS_IID(IBackgroundTaskBuilder4);
HAS_IID(IBackgroundTaskBuilder5);
HAS_IID(IBackgroundTaskCanceledEventHandler);
HAS_IID(IBackgroundTaskCompletedEventHandler);
HAS_IID(IBackgroundTaskInstance);
HAS_IID(IBackgroundTaskProgressEventHandler);
HAS_IID(IBackgroundTaskRegistration);
HAS_IID(IBackgroundTaskRegistration2);
HAS_IID(IBackgroundTaskRegistration3);
HAS_IID(IBackgroundTaskRegistrationGroup);
HAS_IID(IBackgroundTaskRegistrationGroupFactory);
HAS_IID(IBackgroundTaskRegistrationStatics);
HAS_IID(IBackgroundTaskRegistrationStatics2);
HAS_IID(IBackgroundTrigger);
HAS_IID(IBackgroundWorkCostStatics);
HAS_IID(IClassFactory);
HAS_IID(IIterable_GUID_BackgroundTaskRegistration);
HAS_IID(IIterable_GUID_IBackgroundTaskRegistration);
HAS_IID(IIterable_HSTRING_BackgroundTaskRegistrationGroup);
HAS_IID(IIterable_HSTRING_IInspectable);
HAS_IID(IMap_HSTRING_IInspectable);
HAS_IID(IPropertySet);
HAS_IID(IPropertyValue);
HAS_IID(IPropertyValueStatics);
HAS_IID(IReference_HSTRING);
HAS_IID(IReference_INT32);
HAS_IID(ISystemConditionFactory);
HAS_IID(ISystemTrigger);
HAS_IID(ISystemTriggerFactory);

namespace {

const CLSID clsid_ask = { 0x5c0a9d31, 0x77e2, 0x4b6f, { 0x9d, 0x10, 0x3e, 0x8b, 0x52, 0xa4, 0xc6, 0x01 } };
const CLSID clsid_wait = { 0x5c0a9d31, 0x77e2, 0x4b6f, { 0x9d, 0x10, 0x3e, 0x8b, 0x52, 0xa4, 0xc6, 0x02 } };

typedef Ref<IMap_HSTRING_IInspectable> Map;

// A getter that returns an object.
template <typename Value, typename Interface, typename... Args, typename... Given>
Ref<Value> get(const Ref<Interface> &object, HRESULT (STDMETHODCALLTYPE Interface::*getter)(Args...), Given &&...given)
{
        Ref<Value> value;

        check((object.get()->*getter)(std::forward<Given>(given)..., value.put()));
        return value;
}
template <typename Interface>
std::string text(const Ref<Interface> &object, HRESULT (STDMETHODCALLTYPE Interface::*getter)(HSTRING *))
{
        String value;

        check((object.get()->*getter)(value.put()));
        return value.narrow();
}
std::u16string wide(std::string_view text)
{
        return { text.begin(), text.end() };
}

// Values in boxes.

Ref<IPropertyValueStatics> values()
{
        return FOREIGN_FACTORY(IPropertyValueStatics, u"Windows.Foundation.PropertyValue");
}
Ref<IInspectable> box(std::u16string_view value)
{
        return get<IInspectable>(values(), &IPropertyValueStatics::CreateString, HSTRING(Text(value)));
}
Ref<IInspectable> box(INT32 value)
{
        return get<IInspectable>(values(), &IPropertyValueStatics::CreateInt32, value);
}
INT32 unbox_or(const Ref<IInspectable> &boxed, INT32 otherwise)
{
        if (auto reference = boxed.try_as<IReference_INT32>())
                check(reference->get_Value(&otherwise));
        return otherwise;
}
std::string unbox_or(const Ref<IInspectable> &boxed, const char *otherwise)
{
        auto reference = boxed.try_as<IReference_HSTRING>();

        return reference ? text(reference, &IReference_HSTRING::get_Value) : otherwise;
}
bool insert(const Map &map, std::u16string_view key, const Ref<IInspectable> &value)
{
        boolean replaced = 0;

        check(map->Insert(Text(key), value.get(), &replaced));
        return replaced;
}
// What a missing key is taken for.
Ref<IInspectable> try_lookup(const Map &map, std::u16string_view key)
{
        Ref<IInspectable> value;

        map->Lookup(Text(key), value.put());
        return value;
}
void print_map(const Map &map)
{
        std::map<std::string, std::string> lines;

        for_each<IIterable_HSTRING_IInspectable, IIterator_HSTRING_IInspectable, IKeyValuePair_HSTRING_IInspectable>(
                map, [&](auto pair) {
                        auto value = get<IInspectable>(pair, &IKeyValuePair_HSTRING_IInspectable::get_Value);

                        lines[text(pair, &IKeyValuePair_HSTRING_IInspectable::get_Key)] =
                                unbox_or(value, std::to_string(unbox_or(value, -1)).c_str());
                });
        for (auto &[key, value] : lines)
                std::printf("%s=%s\n", key.c_str(), value.c_str());
}

Map settings()
{
        auto data = get<IApplicationData>(FOREIGN_FACTORY(IApplicationDataStatics, u"Windows.Storage.ApplicationData"),
                                          &IApplicationDataStatics::get_Current);
        auto container = get<IApplicationDataContainer>(data, &IApplicationData::get_LocalSettings);

        return get<IPropertySet>(container, &IApplicationDataContainer::get_Values).as<IMap_HSTRING_IInspectable>();
}

// The server's side.

void *left; // set when no run needs the process any more

// What keeps the process.
class Needed {
public:
        Needed()
        {
                CoAddRefServerProcess();
        }
        Needed(const Needed &) = delete;
        Needed &operator=(const Needed &) = delete;
        ~Needed()
        {
                if (CoReleaseServerProcess() == 0)
                        SetEvent(left);
        }
};

class Ask final : public projection::Task {
        void run(Ref<IBackgroundTaskInstance> instance) override
        {
                work(Ref<Ask>::share(this), instance);
        }
        // The parameters live as long as the coroutine.
        static Forgotten work(Ref<Ask>, Ref<IBackgroundTaskInstance> instance)
        {
                auto needed = std::make_unique<Needed>();
                auto deferral = get<IBackgroundTaskDeferral>(instance, &IBackgroundTaskInstance::GetDeferral);
                auto task = get<IBackgroundTaskRegistration>(instance, &IBackgroundTaskInstance::get_Task);
                auto details = get<IInspectable>(instance, &IBackgroundTaskInstance::get_TriggerDetails)
                                       .try_as<IApplicationTriggerDetails>();
                UINT32 n_suspended = 0;
                BackgroundWorkCostValue cost = BackgroundWorkCostValue_High;

                co_await ResumeBackground();
                check(instance->get_SuspendedCount(&n_suspended));
                check(FACTORY(IBackgroundWorkCostStatics, u"BackgroundWorkCost")
                              ->get_CurrentBackgroundWorkCost(&cost));
                std::printf("%s suspended %u cost %d\n", text(task, &IBackgroundTaskRegistration::get_Name).c_str(),
                            static_cast<unsigned>(n_suspended), static_cast<int>(cost));
                Map arguments;
                if (details)
                        arguments = get<IPropertySet>(details, &IApplicationTriggerDetails::get_Arguments)
                                            .as<IMap_HSTRING_IInspectable>();
                if (arguments) {
                        print_map(arguments);
                        insert(settings(), u"asked", try_lookup(arguments, u"text"));
                }
                check(instance->put_Progress(50));
                co_await ResumeBackground();
                check(instance->put_Progress(100));
                check(deferral->Complete());
        }
};

class Wait final : public projection::Task {
        void run(Ref<IBackgroundTaskInstance> instance) override
        {
                EventRegistrationToken token{};

                needed = std::make_unique<Needed>();
                deferral = get<IBackgroundTaskDeferral>(instance, &IBackgroundTaskInstance::GetDeferral);
                check(instance->add_Canceled(
                        delegate<IBackgroundTaskCanceledEventHandler>(this, &Wait::on_canceled).get(), &token));
                // One more, which is gone again before anything happens.
                check(instance->add_Canceled(delegate<IBackgroundTaskCanceledEventHandler>([](auto, auto) {
                        std::printf("never\n");
                }).get(), &token));
                Revoker<IBackgroundTaskInstance>(instance, &IBackgroundTaskInstance::remove_Canceled, token);
                check(instance->put_Progress(1));
        }
        void on_canceled(IBackgroundTaskInstance *sender, BackgroundTaskCancellationReason reason)
        {
                auto task = get<IBackgroundTaskRegistration>(Ref<IBackgroundTaskInstance>::share(sender),
                                                             &IBackgroundTaskInstance::get_Task);

                std::printf("%s canceled %d\n", text(task, &IBackgroundTaskRegistration::get_Name).c_str(),
                            static_cast<int>(reason));
                check(deferral->Complete());
                needed.reset();
        }

        std::unique_ptr<Needed> needed;
        Ref<IBackgroundTaskDeferral> deferral;
};

// Both classes are there before the first can be called.
class Serving {
public:
        Serving()
        {
                left = CreateEventW(nullptr, 1, 0, nullptr);
                add(clsid_ask, Ref<IClassFactory>::take(new ClassFactory<Ask>));
                add(clsid_wait, Ref<IClassFactory>::take(new ClassFactory<Wait>));
                check(CoResumeClassObjects());
        }
        ~Serving()
        {
                for (DWORD cookie : cookies)
                        CoRevokeClassObject(cookie);
        }

private:
        void add(const CLSID &clsid, const Ref<IClassFactory> &factory)
        {
                DWORD cookie = 0;

                check(CoRegisterClassObject(clsid, factory.get(), CLSCTX_LOCAL_SERVER,
                                            REGCLS_MULTIPLEUSE | REGCLS_SUSPENDED, &cookie));
                cookies.push_back(cookie);
        }

        std::vector<DWORD> cookies;
};

// The side that registers.

Ref<IBackgroundTaskBuilder> new_builder(const CLSID &clsid, std::u16string_view name)
{
        auto builder = ACTIVATE(IBackgroundTaskBuilder, u"BackgroundTaskBuilder");

        check(builder->put_Name(Text(name)));
        check(builder.as<IBackgroundTaskBuilder5>()->SetTaskEntryPointClsid(clsid));
        return builder;
}
Ref<ISystemTrigger> system_trigger(SystemTriggerType type)
{
        return get<ISystemTrigger>(FACTORY(ISystemTriggerFactory, u"SystemTrigger"), &ISystemTriggerFactory::Create,
                                   type, boolean(0));
}
void print_task(const Ref<IBackgroundTaskRegistration> &task)
{
        auto trigger = get<IBackgroundTrigger>(task.as<IBackgroundTaskRegistration2>(),
                                               &IBackgroundTaskRegistration2::get_Trigger);
        SystemTriggerType type = SystemTriggerType_Invalid;

        if (auto system = trigger.try_as<ISystemTrigger>())
                check(system->get_TriggerType(&type));
        std::printf("%s %d\n", text(task, &IBackgroundTaskRegistration::get_Name).c_str(), static_cast<int>(type));
}

Ref<IBackgroundTaskRegistration> find_task(std::string_view name)
{
        auto all = get<IMapView_GUID_IBackgroundTaskRegistration>(
                FACTORY(IBackgroundTaskRegistrationStatics, u"BackgroundTaskRegistration"),
                &IBackgroundTaskRegistrationStatics::get_AllTasks);
        Ref<IBackgroundTaskRegistration> found;

        typedef IKeyValuePair_GUID_IBackgroundTaskRegistration Pair;
        for_each<IIterable_GUID_IBackgroundTaskRegistration, IIterator_GUID_IBackgroundTaskRegistration, Pair>(
                all, [&](auto pair) {
                auto task = get<IBackgroundTaskRegistration>(pair, &Pair::get_Value);

                if (text(task, &IBackgroundTaskRegistration::get_Name) == name)
                        found = task;
        });
        return found;
}

void register_tasks(const CLSID &clsid, char *names[])
{
        for (; *names; names++) {
                auto builder = new_builder(clsid, wide(*names));

                check(builder->SetTrigger(system_trigger(SystemTriggerType_TimeZoneChange)
                                                  .as<IBackgroundTrigger>().get()));
                print_task(get<IBackgroundTaskRegistration>(builder, &IBackgroundTaskBuilder::Register));
        }
}

Forgotten ask_for_access(void *event)
{
        typedef IAsyncOperation_BackgroundAccessStatus Operation;
        auto statics = FACTORY(IBackgroundExecutionManagerStatics, u"BackgroundExecutionManager");
        typedef IAsyncOperationCompletedHandler_BackgroundAccessStatus Handler;
        BackgroundAccessStatus status = co_await Awaited<Operation, Handler, BackgroundAccessStatus>(
                get<Operation>(statics, &IBackgroundExecutionManagerStatics::RequestAccessAsync));

        std::printf("access %d\n", static_cast<int>(status));
        check(statics->GetAccessStatus(&status));
        std::printf("access %d\n", static_cast<int>(status));
        SetEvent(event);
}

void keep_settings()
{
        Map map = settings();
        boolean has = 0;

        std::printf("runs %d\n", static_cast<int>(unbox_or(try_lookup(map, u"runs"), 0)));
        insert(map, u"runs", box(unbox_or(try_lookup(map, u"runs"), 0) + 1));
        insert(map, u"name", box(u"Anna"));
        // Another type is no value of this one.
        std::printf("name %s %d\n", unbox_or(try_lookup(map, u"name"), "?").c_str(),
                    static_cast<int>(unbox_or(try_lookup(map, u"name"), -1)));
        check(map->HasKey(Text(u"nobody"), &has));
        std::printf("nobody %d\n", has);
        print_map(map);
        get<IInspectable>(map, &IMap_HSTRING_IInspectable::Lookup, HSTRING(Text(u"nobody")));
}

void use_group()
{
        auto statics = FACTORY(IBackgroundTaskRegistrationStatics2, u"BackgroundTaskRegistration");
        auto group = get<IBackgroundTaskRegistrationGroup>(
                FACTORY(IBackgroundTaskRegistrationGroupFactory, u"BackgroundTaskRegistrationGroup"),
                &IBackgroundTaskRegistrationGroupFactory::CreateWithName, HSTRING(Text(u"id-1")),
                HSTRING(Text(u"One")));

        for (auto type : { SystemTriggerType_TimeZoneChange, SystemTriggerType_UserAway }) {
                auto builder = new_builder(clsid_wait, u"in group");

                check(builder->SetTrigger(system_trigger(type).as<IBackgroundTrigger>().get()));
                check(builder->AddCondition(get<ISystemCondition>(
                        FACTORY(ISystemConditionFactory, u"SystemCondition"), &ISystemConditionFactory::Create,
                        SystemConditionType_SessionConnected).try_as<IBackgroundCondition>(
                                IID_IBackgroundCondition).get()));
                check(builder.as<IBackgroundTaskBuilder2>()->put_CancelOnConditionLoss(1));
                check(builder.as<IBackgroundTaskBuilder3>()->put_IsNetworkRequested(1));
                check(builder.as<IBackgroundTaskBuilder4>()->put_TaskGroup(group.get()));
                auto task = get<IBackgroundTaskRegistration>(builder, &IBackgroundTaskBuilder::Register);
                auto of = get<IBackgroundTaskRegistrationGroup>(task.as<IBackgroundTaskRegistration3>(),
                                                                &IBackgroundTaskRegistration3::get_TaskGroup);
                std::printf("of %s\n", text(of, &IBackgroundTaskRegistrationGroup::get_Id).c_str());
        }
        auto all = get<IMapView_HSTRING_BackgroundTaskRegistrationGroup>(
                statics, &IBackgroundTaskRegistrationStatics2::get_AllTaskGroups);
        for_each<IIterable_HSTRING_BackgroundTaskRegistrationGroup, IIterator_HSTRING_BackgroundTaskRegistrationGroup,
                 IKeyValuePair_HSTRING_BackgroundTaskRegistrationGroup>(all, [&](auto pair) {
                auto each = get<IBackgroundTaskRegistrationGroup>(
                        pair, &IKeyValuePair_HSTRING_BackgroundTaskRegistrationGroup::get_Value);
                UINT32 n = 0;

                check(get<IMapView_GUID_BackgroundTaskRegistration>(
                        each, &IBackgroundTaskRegistrationGroup::get_AllTasks)->get_Size(&n));
                std::printf("group %s %s %u\n",
                            text(pair, &IKeyValuePair_HSTRING_BackgroundTaskRegistrationGroup::get_Key).c_str(),
                            text(each, &IBackgroundTaskRegistrationGroup::get_Name).c_str(), static_cast<unsigned>(n));
        });
        group = get<IBackgroundTaskRegistrationGroup>(statics, &IBackgroundTaskRegistrationStatics2::GetTaskGroup,
                                                      HSTRING(Text(u"id-1")));
        for_each<IIterable_GUID_BackgroundTaskRegistration, IIterator_GUID_BackgroundTaskRegistration,
                 IKeyValuePair_GUID_BackgroundTaskRegistration>(
                get<IMapView_GUID_BackgroundTaskRegistration>(group, &IBackgroundTaskRegistrationGroup::get_AllTasks),
                [](auto pair) {
                        print_task(get<IBackgroundTaskRegistration>(
                                pair, &IKeyValuePair_GUID_BackgroundTaskRegistration::get_Value));
                });
}

void refuse(const char *what, const std::function<void()> &call)
{
        try {
                call();
                std::printf("%s: nothing\n", what);
        } catch (const Failure &failure) {
                std::printf("%s: %08x %s\n", what, static_cast<unsigned>(failure.result), failure.message().c_str());
        }
}

void be_refused()
{
        auto trigger = system_trigger(SystemTriggerType_TimeZoneChange).as<IBackgroundTrigger>();

        refuse("unknown class", [] { ACTIVATE(IBackgroundTaskBuilder, u"Nothing"); });
        refuse("no trigger", [] { get<IBackgroundTaskRegistration>(new_builder(clsid_ask, u"x"),
                                                                   &IBackgroundTaskBuilder::Register); });
        refuse("unknown clsid", [&] {
                auto builder = new_builder(CLSID{ 1, 2, 3, {} }, u"x");

                check(builder->SetTrigger(trigger.get()));
                get<IBackgroundTaskRegistration>(builder, &IBackgroundTaskBuilder::Register);
        });
        refuse("other interface", [&] { trigger.as<IBackgroundTaskBuilder>(); });
        refuse("own", [] { throw Failure(E_FAIL, u"of my own"); });
}

class Asker {
public:
        explicit Asker(std::string_view text) : value(wide(text))
        {
                auto trigger = ACTIVATE(IApplicationTrigger, u"ApplicationTrigger");
                auto builder = new_builder(clsid_ask, u"ask");
                EventRegistrationToken token{};

                if (auto old = find_task("ask"))
                        check(old->Unregister(1));
                check(builder->SetTrigger(trigger.as<IBackgroundTrigger>().get()));
                task = get<IBackgroundTaskRegistration>(builder, &IBackgroundTaskBuilder::Register);
                check(task->add_Completed(
                        delegate<IBackgroundTaskCompletedEventHandler>(this, &Asker::on_completed).get(), &token));
                completed = { task, &IBackgroundTaskRegistration::remove_Completed, token };
                check(task->add_Progress(
                        delegate<IBackgroundTaskProgressEventHandler>(this, &Asker::on_progress).get(), &token));
                progress = { task, &IBackgroundTaskRegistration::remove_Progress, token };
                ask(trigger);
        }
        void wait()
        {
                WaitForSingleObject(over, 0xffffffff);
        }

private:
        Forgotten ask(Ref<IApplicationTrigger> trigger)
        {
                typedef IAsyncOperation_ApplicationTriggerResult Operation;
                auto set = activate<IPropertySet>(
                        FOREIGN_FACTORY(IActivationFactory, u"Windows.Foundation.Collections.ValueSet"));
                DWORD thread = GetCurrentThreadId();

                insert(set.as<IMap_HSTRING_IInspectable>(), u"text", box(value));
                insert(set.as<IMap_HSTRING_IInspectable>(), u"number", box(3));
                ApplicationTriggerResult result = co_await Awaited<
                        Operation, IAsyncOperationCompletedHandler_ApplicationTriggerResult, ApplicationTriggerResult>(
                        get<Operation>(trigger, &IApplicationTrigger::RequestAsyncWithArguments, set.get()));
                std::printf("requested %d here %d\n", static_cast<int>(result), thread == GetCurrentThreadId());
        }
        void on_progress(IBackgroundTaskRegistration *, IBackgroundTaskProgressEventArgs *args)
        {
                UINT32 now = 0;

                check(args->get_Progress(&now));
                last = now;
        }
        void on_completed(IBackgroundTaskRegistration *sender, IBackgroundTaskCompletedEventArgs *args)
        {
                check(args->CheckResult());
                std::printf("completed %s at %u\n",
                            text(Ref<IBackgroundTaskRegistration>::share(sender),
                                 &IBackgroundTaskRegistration::get_Name).c_str(), last.load());
                SetEvent(over);
        }

        std::u16string value;
        void *over = CreateEventW(nullptr, 1, 0, nullptr);
        std::atomic<unsigned> last = 0;
        Ref<IBackgroundTaskRegistration> task;
        Revoker<IBackgroundTaskRegistration> completed, progress;
};

void request(std::string_view text)
{
        auto asker = std::make_unique<Asker>(text);

        asker->wait();
        asker.reset();
        std::printf("kept %s\n", unbox_or(try_lookup(settings(), u"asked"), "?").c_str());
}

void run(int argc, char *argv[])
{
        std::string_view verb = argc > 1 ? argv[1] : "";
        void *event = CreateEventW(nullptr, 1, 0, nullptr);

        if (verb == "access") {
                ask_for_access(event);
                WaitForSingleObject(event, 0xffffffff);
        } else if (verb == "settings") {
                keep_settings();
        } else if (verb == "group") {
                use_group();
        } else if (verb == "refuse") {
                be_refused();
        } else if ((verb == "request" || verb == "single") && argc == 3) {
                request(argv[2]);
        } else if (verb == "register" && argc > 3) {
                register_tasks(std::string_view(argv[2]) == "ask" ? clsid_ask : clsid_wait, argv + 3);
        } else if (verb == "both" && argc == 3) {
                Serving serving;

                request(argv[2]);
        } else if (verb == "serve") {
                Serving serving;

                WaitForSingleObject(left, 0xffffffff);
        }
}

}

int main(int argc, char *argv[])
{
        std::setvbuf(stdout, nullptr, _IONBF, 0);
        try {
                check(RoInitialize(argc > 1 && std::string_view(argv[1]) == "single" ? RO_INIT_SINGLETHREADED :
                                                                                       RO_INIT_MULTITHREADED));
                run(argc, argv);
        } catch (const Failure &failure) {
                std::printf("failed %08x %s\n", static_cast<unsigned>(failure.result), failure.message().c_str());
                return 1;
        }
        RoUninitialize();
        return 0;
}
