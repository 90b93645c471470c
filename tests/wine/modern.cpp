// SPDX-License-Identifier: MIT

// A program of Windows as programs in C++ are that use a projection of Windows Runtime (projection.h).
//
// Arguments: register NAME..., which registers those that AllTasks does not have; serve. A run whose task is called
// "count" counts to 3 and completes its deferral on another thread, "wait" is completed by its Canceled, "throw"
// throws.

#include "projection-objects.h"

using namespace projection;

IMPORT(void *) CreateThread(void *attributes, size_t size, DWORD (*main)(void *), void *userdata, DWORD flags,
                            DWORD *id);

HAS_IID(IActivationFactory);
HAS_IID(IBackgroundCondition);
HAS_IID(IBackgroundTask);
HAS_IID(IBackgroundTaskBuilder);
HAS_IID(IBackgroundTaskBuilder5);
HAS_IID(IBackgroundTaskCanceledEventHandler);
HAS_IID(IBackgroundTaskInstance);
HAS_IID(IBackgroundTaskRegistrationStatics);
HAS_IID(IBackgroundTrigger);
HAS_IID(IClassFactory);
HAS_IID(IIterable_GUID_IBackgroundTaskRegistration);
HAS_IID(ISystemConditionFactory);
HAS_IID(ITimeTriggerFactory);

namespace {

const CLSID clsid = { 0x8e1f6c34, 0x2b7d, 0x4f0a, { 0xa5, 0x93, 0x61, 0x0d, 0x7b, 0xc2, 0x48, 0xe9 } };

std::string name_of(const Ref<IBackgroundTaskRegistration> &task)
{
        String name;

        check(task->get_Name(name.put()));
        return name.narrow();
}

class Work final : public projection::Task {
        void run(Ref<IBackgroundTaskInstance> instance) override
        {
                Ref<IBackgroundTaskRegistration> task;
                EventRegistrationToken token{};

                check(instance->get_Task(task.put()));
                std::string name = name_of(task);
                if (name == "throw") {
                        std::printf("throws %08x\n", static_cast<unsigned>(E_ACCESSDENIED));
                        throw Failure(E_ACCESSDENIED);
                }
                check(instance->add_Canceled(
                        delegate<IBackgroundTaskCanceledEventHandler>(this, &Work::on_canceled).get(), &token));
                check(instance->GetDeferral(deferral.put()));
                check(instance->put_Progress(1));
                if (name == "count") {
                        AddRef();
                        kept = make_agile(instance.get());
                        CreateThread(nullptr, 0, count, this, 0, nullptr);
                }
        }
        void on_canceled(IBackgroundTaskInstance *sender, BackgroundTaskCancellationReason reason)
        {
                UINT32 progress = 0;

                check(sender->get_Progress(&progress));
                std::printf("canceled %d at %u\n", static_cast<int>(reason), static_cast<unsigned>(progress));
                check(deferral->Complete());
        }
        static DWORD count(void *userdata)
        {
                auto self = Ref<Work>::take(static_cast<Work *>(userdata));

                for (UINT32 i = 2; i <= 3; i++)
                        check(resolve<IBackgroundTaskInstance>(self->kept)->put_Progress(i));
                self->kept = {};
                check(self->deferral->Complete());
                return 0;
        }

        Ref<IBackgroundTaskDeferral> deferral;
        Ref<IAgileReference> kept;
};

bool is_registered(const std::string &name)
{
        Ref<IMapView_GUID_IBackgroundTaskRegistration> all;
        bool found = false;

        check(FACTORY(IBackgroundTaskRegistrationStatics, u"BackgroundTaskRegistration")->get_AllTasks(all.put()));
        for_each<IIterable_GUID_IBackgroundTaskRegistration, IIterator_GUID_IBackgroundTaskRegistration,
                 IKeyValuePair_GUID_IBackgroundTaskRegistration>(all, [&](auto pair) {
                Ref<IBackgroundTaskRegistration> task;

                check(pair->get_Value(task.put()));
                found = found || name_of(task) == name;
        });
        return found;
}

void register_task(const std::string &name)
{
        auto builder = ACTIVATE(IBackgroundTaskBuilder, u"BackgroundTaskBuilder");
        Ref<ISystemCondition> condition;
        Ref<IBackgroundTaskRegistration> task;
        Ref<ITimeTrigger> time;

        check(builder->put_Name(Text(std::u16string(name.begin(), name.end()))));
        check(builder.as<IBackgroundTaskBuilder5>()->SetTaskEntryPointClsid(clsid));
        check(FACTORY(ITimeTriggerFactory, u"TimeTrigger")->Create(15, 0, time.put()));
        check(builder->SetTrigger(time.as<IBackgroundTrigger>().get()));
        check(FACTORY(ISystemConditionFactory, u"SystemCondition")
                      ->Create(SystemConditionType_InternetAvailable, condition.put()));
        check(builder->AddCondition(condition.as<IBackgroundCondition>().get()));
        check(builder->Register(task.put()));
        std::printf("registered %s\n", name_of(task).c_str());
}

void serve()
{
        auto factory = Ref<IClassFactory>::take(new ClassFactory<Work>);
        DWORD cookie = 0;

        check(CoRegisterClassObject(clsid, factory.get(), CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE, &cookie));
        WaitForSingleObject(CreateEventW(nullptr, 1, 0, nullptr), 0xffffffff);
        check(CoRevokeClassObject(cookie));
}

}

int main(int argc, char *argv[])
{
        std::setvbuf(stdout, nullptr, _IONBF, 0);
        try {
                check(RoInitialize(RO_INIT_MULTITHREADED));
                for (int i = 2; i < argc && std::strcmp(argv[1], "register") == 0; i++)
                        if (is_registered(argv[i]))
                                std::printf("has %s\n", argv[i]);
                        else
                                register_task(argv[i]);
                if (argc == 2 && std::strcmp(argv[1], "serve") == 0)
                        serve();
        } catch (const Failure &failure) {
                std::printf("failed %08x %s\n", static_cast<unsigned>(failure.result), failure.message().c_str());
                return 1;
        }
        RoUninitialize();
        return 0;
}
