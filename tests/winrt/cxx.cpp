// SPDX-License-Identifier: MIT

// cxx PACKAGE: a program in C++ that registers a task by the classes of <bgtask/winrt.h>, serves it with classes of its
// own, and sees it through. Prints TAP.

#include <bgtask.h>
#include <bgtask/manage.h>
#include <bgtask/test.h>
#include <bgtask/winrt.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include "counted.h"

namespace {

int n_rows, n_failed;

void row(bool good, const char *sentence)
{
        n_failed += !good;
        std::printf("%s %d - %s\n", good ? "ok" : "not ok", ++n_rows, sentence);
}

bool same(REFIID a, REFIID b)
{
        return IsEqualGUID(a, b);
}

// Text as an argument of a call.
class Text {
public:
        explicit Text(std::u16string_view text)
        {
                WindowsCreateStringReference(text.data(), static_cast<UINT32>(text.size()), &header, &string);
        }
        operator HSTRING() const
        {
                return string;
        }

private:
        HSTRING_HEADER header;
        HSTRING string = nullptr;
};

std::atomic<int> n_objects;

// What the objects of this program have in common.
template <typename Interface> class Counted : public CountedObject<Interface> {
public:
        Counted()
        {
                n_objects++;
        }
        HRESULT STDMETHODCALLTYPE QueryInterface(REFIID iid, void **ret_object) override
        {
                *ret_object = nullptr;
                if (!same(iid, own_iid()) && !same(iid, IID_IUnknown) && !same(iid, IID_IAgileObject))
                        return E_NOINTERFACE;
                this->AddRef();
                *ret_object = static_cast<Interface *>(this);
                return S_OK;
        }

protected:
        ~Counted() override
        {
                n_objects--;
        }
        virtual REFIID own_iid() const = 0;
};

class Task final : public Counted<IBackgroundTask> {
public:
        HRESULT STDMETHODCALLTYPE GetIids(ULONG *ret_n, IID **ret_iids) override
        {
                *ret_n = 0;
                *ret_iids = nullptr;
                return S_OK;
        }
        HRESULT STDMETHODCALLTYPE GetRuntimeClassName(HSTRING *ret_name) override
        {
                *ret_name = nullptr;
                return S_OK;
        }
        HRESULT STDMETHODCALLTYPE GetTrustLevel(TrustLevel *ret_level) override
        {
                *ret_level = BaseTrust;
                return S_OK;
        }
        HRESULT STDMETHODCALLTYPE Run(IBackgroundTaskInstance *instance) override
        {
                IBackgroundTaskDeferral *deferral = nullptr;
                HRESULT hr = instance->GetDeferral(&deferral);

                if (FAILED(hr))
                        return hr;
                instance->put_Progress(50);
                hr = deferral->Complete();
                deferral->Release();
                return hr;
        }

private:
        REFIID own_iid() const override
        {
                return IID_IBackgroundTask;
        }
};

class Factory final : public Counted<IClassFactory> {
public:
        HRESULT STDMETHODCALLTYPE CreateInstance(IUnknown *outer, REFIID iid, void **ret_object) override
        {
                *ret_object = nullptr;
                if (outer)
                        return CLASS_E_NOAGGREGATION;
                auto *task = new Task;
                HRESULT hr = task->QueryInterface(iid, ret_object);

                task->Release();
                return hr;
        }
        HRESULT STDMETHODCALLTYPE LockServer(BOOL) override
        {
                return S_OK;
        }

private:
        REFIID own_iid() const override
        {
                return IID_IClassFactory;
        }
};

class Completed final : public Counted<IBackgroundTaskCompletedEventHandler> {
public:
        HRESULT STDMETHODCALLTYPE Invoke(IBackgroundTaskRegistration *, IBackgroundTaskCompletedEventArgs *args) override
        {
                std::lock_guard hold(lock);

                result = args->CheckResult();
                is_over = true;
                changed.notify_all();
                return S_OK;
        }
        HRESULT wait()
        {
                std::unique_lock hold(lock);

                changed.wait(hold, [this] { return is_over; });
                return result;
        }

private:
        REFIID own_iid() const override
        {
                return IID_IBackgroundTaskCompletedEventHandler;
        }
        std::mutex lock;
        std::condition_variable changed;
        HRESULT result = E_FAIL;
        bool is_over = false;
};

const CLSID clsid = { 0x6e3f0c52, 0x5d0b, 0x4a61, { 0x9c, 0x55, 0x0b, 0x1f, 0x2e, 0x7d, 0x8a, 0x90 } };

template <typename Interface> Interface *factory_of(std::u16string_view name, REFIID iid)
{
        void *factory = nullptr;

        row(RoGetActivationFactory(Text(name), iid, &factory) == S_OK, "a class has a factory");
        return static_cast<Interface *>(factory);
}

IBackgroundTaskRegistration *register_task()
{
        auto *times = factory_of<ITimeTriggerFactory>(u"Windows.ApplicationModel.Background.TimeTrigger",
                                                      IID_ITimeTriggerFactory);
        IBackgroundTaskRegistration *task = nullptr;
        IBackgroundTaskBuilder5 *builder5 = nullptr;
        IBackgroundTrigger *trigger = nullptr;
        IInspectable *made = nullptr;
        ITimeTrigger *time = nullptr;

        row(RoActivateInstance(Text(u"Windows.ApplicationModel.Background.BackgroundTaskBuilder"), &made) == S_OK,
            "a builder is made");
        auto *builder = static_cast<IBackgroundTaskBuilder *>(made);
        row(times->Create(15, 0, &time) == S_OK, "a trigger is made");
        row(time->QueryInterface(IID_IBackgroundTrigger, reinterpret_cast<void **>(&trigger)) == S_OK &&
            builder->SetTrigger(trigger) == S_OK, "the builder takes the trigger");
        row(builder->QueryInterface(IID_IBackgroundTaskBuilder5, reinterpret_cast<void **>(&builder5)) == S_OK &&
            builder5->SetTaskEntryPointClsid(clsid) == S_OK, "the builder takes a GUID by value");
        row(builder->put_Name(Text(u"C++")) == S_OK, "the builder takes a name");
        row(builder->Register(&task) == S_OK && task, "the task is registered");
        builder5->Release();
        trigger->Release();
        time->Release();
        row(builder->Release() == 0, "the builder is gone with its last reference");
        return task;
}

void run(IBackgroundTaskRegistration *task)
{
        auto *completed = new Completed;
        auto *factory = new Factory;
        EventRegistrationToken token{};
        bgt_registration *found = nullptr;
        DWORD cookie = 0;

        row(task->add_Completed(completed, &token) == S_OK, "a handler of this program is taken");
        row(CoRegisterClassObject(clsid, factory, CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE, &cookie) == S_OK,
            "a factory of this program is taken");
        row(bgt_find_task(nullptr, "C++", &found) == 0 &&
            bgt_task_run(nullptr, bgt_registration_id(found), false, nullptr) == 0, "the task fires");
        bgt_registration_unref(found);
        row(completed->wait() == S_OK, "the run has completed");
        row(task->remove_Completed(token) == S_OK && CoRevokeClassObject(cookie) == S_OK, "both are given back");
        row(task->Unregister(1) == S_OK && task->Release() == 0, "the task is unregistered");
        factory->Release();
        completed->Release();
        row(n_objects == 0, "no object of this program is left");
}

}

int main(int argc, char *argv[])
{
        bgt_test_broker *broker = nullptr;

        if (argc != 2 || bgt_test_broker_new(&broker) < 0 || bgt_test_broker_install(broker, argv[1]) < 0)
                return EXIT_FAILURE;
        run(register_task());
        bgt_test_broker_free(broker);
        std::printf("1..%d\n", n_rows);
        return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
