// SPDX-License-Identifier: MIT

// A program of Windows as programs in C++ are that use a projection of Windows Runtime. MinGW has none, so that this
// file has what such a projection makes of the interfaces, and calls them in its way:
//
//   a failing HRESULT is an exception, and nobody expects one
//   factories are asked for by their own IIDs; those that are agile are kept for as long as the program runs
//   objects and delegates are agile: they answer for IAgileObject, and for IMarshal with the free-threaded marshaler
//   a collection is iterated through IIterable, which it is asked for
//   a delegate is an object and a method of it
//   an object that another thread needs is kept as an agile reference
//
// Arguments: register NAME..., which registers those that AllTasks does not have; serve. A run whose task is called
// "count" counts to 3 and completes its deferral on another thread, "wait" is completed by its Canceled, "throw" throws.

#include <bgtask/winrt.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#define IMPORT(result) extern "C" __declspec(dllimport) result __stdcall
IMPORT(HRESULT) CoCreateFreeThreadedMarshaler(IUnknown *outer, IUnknown **ret_marshaler);
IMPORT(void *) GetModuleHandleW(const WCHAR *name);
IMPORT(void *) GetProcAddress(void *module, const char *name);
IMPORT(void *) CreateEventW(void *attributes, BOOL manual, BOOL state, const WCHAR *name);
IMPORT(BOOL) SetEvent(void *event);
IMPORT(DWORD) WaitForSingleObject(void *handle, DWORD msec);
IMPORT(void *) CreateThread(void *attributes, size_t size, DWORD (*main)(void *), void *userdata, DWORD flags,
                            DWORD *id);

struct IMarshal : public IUnknown {
        virtual HRESULT GetUnmarshalClass(REFIID iid, void *object, DWORD context, void *data, DWORD flags,
                                          CLSID *ret_clsid) = 0;
        virtual HRESULT GetMarshalSizeMax(REFIID iid, void *object, DWORD context, void *data, DWORD flags,
                                          DWORD *ret_size) = 0;
        virtual HRESULT MarshalInterface(void *stream, REFIID iid, void *object, DWORD context, void *data,
                                         DWORD flags) = 0;
        virtual HRESULT UnmarshalInterface(void *stream, REFIID iid, void **ret_object) = 0;
        virtual HRESULT ReleaseMarshalData(void *stream) = 0;
        virtual HRESULT DisconnectObject(DWORD reserved) = 0;
};

struct IAgileReference : public IUnknown {
        virtual HRESULT Resolve(REFIID iid, void **ret_object) = 0;
};

namespace {

const CLSID clsid = { 0x8e1f6c34, 0x2b7d, 0x4f0a, { 0xa5, 0x93, 0x61, 0x0d, 0x7b, 0xc2, 0x48, 0xe9 } };
const IID iid_marshal = { 0x00000003, 0, 0, { 0xc0, 0, 0, 0, 0, 0, 0, 0x46 } };

// The projection.

struct Failure {
        HRESULT result;
};

void check(HRESULT hr)
{
        if (FAILED(hr))
                throw Failure{ hr };
}

template <typename Interface> struct IidOf;
#define HAS_IID(name)                           \
        template <> struct IidOf<name> {        \
                static REFIID get()             \
                {                               \
                        return IID_##name;      \
                }                               \
        }
HAS_IID(IActivationFactory);
HAS_IID(IBackgroundTask);
HAS_IID(IBackgroundTaskBuilder);
HAS_IID(IBackgroundTaskBuilder5);
HAS_IID(IBackgroundTaskCanceledEventHandler);
HAS_IID(IBackgroundTaskInstance);
HAS_IID(IBackgroundTaskRegistrationStatics);
HAS_IID(IBackgroundTrigger);
HAS_IID(IBackgroundCondition);
HAS_IID(ISystemConditionFactory);
HAS_IID(ITimeTriggerFactory);
HAS_IID(IClassFactory);
typedef IIterable_GUID_IBackgroundTaskRegistration Tasks;
template <> struct IidOf<Tasks> {
        static REFIID get()
        {
                return IID_IIterable_GUID_IBackgroundTaskRegistration;
        }
};

bool same(REFIID a, REFIID b)
{
        return std::memcmp(&a, &b, sizeof a) == 0;
}

// A reference.
template <typename Interface> class Ref {
public:
        Ref() = default;
        Ref(Ref &&other) noexcept : object(std::exchange(other.object, nullptr))
        {
        }
        Ref(const Ref &other) : object(other.object)
        {
                if (object)
                        object->AddRef();
        }
        ~Ref()
        {
                if (object)
                        object->Release();
        }
        Ref &operator=(Ref other) noexcept
        {
                std::swap(object, other.object);
                return *this;
        }
        Interface *operator->() const
        {
                return object;
        }
        Interface *get() const
        {
                return object;
        }
        Interface **put()
        {
                return &object;
        }
        Interface *detach()
        {
                return std::exchange(object, nullptr);
        }
        template <typename Other> Ref<Other> as() const
        {
                Ref<Other> other;

                check(object->QueryInterface(IidOf<Other>::get(), reinterpret_cast<void **>(other.put())));
                return other;
        }

private:
        Interface *object = nullptr;
};

class Text {
public:
        Text(std::u16string_view text)
        {
                check(WindowsCreateStringReference(text.data(), static_cast<UINT32>(text.size()), &header, &string));
        }
        operator HSTRING() const
        {
                return string;
        }

private:
        HSTRING_HEADER header;
        HSTRING string = nullptr;
};

// Asked for once, if the factory is agile.
template <typename Interface> Ref<Interface> factory(std::u16string_view name)
{
        static std::atomic<Interface *> kept;
        IUnknown *agile = nullptr;
        Interface *none = nullptr;
        Ref<Interface> found;

        if (Interface *object = kept.load()) {
                object->AddRef();
                *found.put() = object;
                return found;
        }
        check(RoGetActivationFactory(Text(name), IidOf<Interface>::get(), reinterpret_cast<void **>(found.put())));
        if (FAILED(found->QueryInterface(IID_IAgileObject, reinterpret_cast<void **>(&agile))))
                return found;
        agile->Release();
        found->AddRef();
        if (!kept.compare_exchange_strong(none, found.get()))
                found->Release();
        return found;
}

template <typename Interface> Ref<Interface> activate(std::u16string_view name)
{
        Ref<IInspectable> made;

        check(factory<IActivationFactory>(name)->ActivateInstance(made.put()));
        return made.as<Interface>();
}

// The IMarshal of an agile object: the free-threaded marshaler does it, and the rest is the object's.
class Marshaler final : public IMarshal {
public:
        Marshaler(IUnknown *of, IMarshal *by) : of(of), by(by)
        {
                of->AddRef();
        }
        HRESULT STDMETHODCALLTYPE QueryInterface(REFIID iid, void **ret_object) override
        {
                if (!same(iid, iid_marshal))
                        return of->QueryInterface(iid, ret_object);
                AddRef();
                *ret_object = static_cast<IMarshal *>(this);
                return S_OK;
        }
        ULONG STDMETHODCALLTYPE AddRef() override
        {
                return ++n_ref;
        }
        ULONG STDMETHODCALLTYPE Release() override
        {
                ULONG left = --n_ref;

                if (left == 0)
                        delete this;
                return left;
        }
        HRESULT GetUnmarshalClass(REFIID iid, void *object, DWORD context, void *data, DWORD flags,
                                  CLSID *ret_clsid) override
        {
                return by->GetUnmarshalClass(iid, object, context, data, flags, ret_clsid);
        }
        HRESULT GetMarshalSizeMax(REFIID iid, void *object, DWORD context, void *data, DWORD flags,
                                  DWORD *ret_size) override
        {
                return by->GetMarshalSizeMax(iid, object, context, data, flags, ret_size);
        }
        HRESULT MarshalInterface(void *stream, REFIID iid, void *object, DWORD context, void *data,
                                 DWORD flags) override
        {
                return by->MarshalInterface(stream, iid, object, context, data, flags);
        }
        HRESULT UnmarshalInterface(void *stream, REFIID iid, void **ret_object) override
        {
                return by->UnmarshalInterface(stream, iid, ret_object);
        }
        HRESULT ReleaseMarshalData(void *stream) override
        {
                return by->ReleaseMarshalData(stream);
        }
        HRESULT DisconnectObject(DWORD reserved) override
        {
                return by->DisconnectObject(reserved);
        }

private:
        ~Marshaler()
        {
                by->Release();
                of->Release();
        }

        IUnknown *of;
        IMarshal *by;
        std::atomic<ULONG> n_ref = 1;
};

// An agile object of the program's own with one interface.
template <typename Interface> class Object : public Interface {
public:
        HRESULT STDMETHODCALLTYPE QueryInterface(REFIID iid, void **ret_object) override
        {
                *ret_object = nullptr;
                if (same(iid, iid_marshal))
                        return marshal(ret_object);
                if (!same(iid, IidOf<Interface>::get()) && !same(iid, IID_IUnknown) && !same(iid, IID_IAgileObject) &&
                    !(is_inspectable() && same(iid, IID_IInspectable)))
                        return E_NOINTERFACE;
                AddRef();
                *ret_object = static_cast<Interface *>(this);
                return S_OK;
        }
        ULONG STDMETHODCALLTYPE AddRef() override
        {
                return ++n_ref;
        }
        ULONG STDMETHODCALLTYPE Release() override
        {
                ULONG left = --n_ref;

                if (left == 0)
                        delete this;
                return left;
        }

protected:
        virtual ~Object() = default;
        virtual bool is_inspectable() const
        {
                return false;
        }

private:
        HRESULT marshal(void **ret_object)
        {
                IUnknown *made = nullptr;
                IMarshal *by = nullptr;
                HRESULT hr = CoCreateFreeThreadedMarshaler(nullptr, &made);

                if (FAILED(hr))
                        return hr;
                hr = made->QueryInterface(iid_marshal, reinterpret_cast<void **>(&by));
                made->Release();
                if (SUCCEEDED(hr))
                        *ret_object = static_cast<IMarshal *>(new Marshaler(this, by));
                return hr;
        }

        std::atomic<ULONG> n_ref = 1;
};

// An object and a method of it.
template <typename Of> class Canceled final : public Object<IBackgroundTaskCanceledEventHandler> {
public:
        typedef void (Of::*Method)(IBackgroundTaskInstance *sender, BackgroundTaskCancellationReason reason);

        Canceled(Of *of, Method method) : of(of), method(method)
        {
        }
        HRESULT STDMETHODCALLTYPE Invoke(IBackgroundTaskInstance *sender,
                                         BackgroundTaskCancellationReason reason) override
        {
                try {
                        (of->*method)(sender, reason);
                } catch (const Failure &failure) {
                        return failure.result;
                }
                return S_OK;
        }

private:
        Of *of;
        Method method;
};

// What leads from any apartment to an object of one. Its function is not imported, but looked for.
template <typename Interface> Ref<IAgileReference> make_agile(Interface *object)
{
        typedef HRESULT(__stdcall * Function)(int options, REFIID iid, IUnknown *object, IAgileReference **ret);
        auto function = reinterpret_cast<Function>(GetProcAddress(GetModuleHandleW(u"combase.dll"),
                                                                  "RoGetAgileReference"));
        Ref<IAgileReference> reference;

        check(function(0, IidOf<Interface>::get(), object, reference.put()));
        return reference;
}

template <typename Interface> Ref<Interface> resolve(const Ref<IAgileReference> &reference)
{
        Ref<Interface> object;

        check(reference->Resolve(IidOf<Interface>::get(), reinterpret_cast<void **>(object.put())));
        return object;
}

std::string narrow(HSTRING string)
{
        UINT32 length = 0;
        const WCHAR *wide = WindowsGetStringRawBuffer(string, &length);

        return { wide, wide + length };
}

std::string name_of(IBackgroundTaskRegistration *task)
{
        HSTRING name = nullptr;

        check(task->get_Name(&name));
        std::string text = narrow(name);
        WindowsDeleteString(name);
        return text;
}

// The program.

class Task final : public Object<IBackgroundTask> {
public:
        HRESULT STDMETHODCALLTYPE GetIids(ULONG *, IID **) override
        {
                return E_NOTIMPL;
        }
        HRESULT STDMETHODCALLTYPE GetRuntimeClassName(HSTRING *) override
        {
                return E_NOTIMPL;
        }
        HRESULT STDMETHODCALLTYPE GetTrustLevel(TrustLevel *) override
        {
                return E_NOTIMPL;
        }
        HRESULT STDMETHODCALLTYPE Run(IBackgroundTaskInstance *instance) override
        {
                try {
                        run(instance);
                } catch (const Failure &failure) {
                        std::printf("throws %08x\n", static_cast<unsigned>(failure.result));
                        return failure.result;
                }
                return S_OK;
        }

private:
        bool is_inspectable() const override
        {
                return true;
        }
        void run(IBackgroundTaskInstance *instance)
        {
                Ref<IBackgroundTaskRegistration> task;
                EventRegistrationToken token{};

                check(instance->get_Task(task.put()));
                std::string name = name_of(task.get());
                if (name == "throw")
                        throw Failure{ E_ACCESSDENIED };
                Ref<Canceled<Task>> delegate;
                *delegate.put() = new Canceled<Task>{ this, &Task::on_canceled };
                check(instance->add_Canceled(delegate.get(), &token));
                check(instance->GetDeferral(deferral.put()));
                check(instance->put_Progress(1));
                if (name == "count") {
                        AddRef();
                        kept = make_agile(instance);
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
                auto *self = static_cast<Task *>(userdata);

                for (UINT32 i = 2; i <= 3; i++)
                        check(resolve<IBackgroundTaskInstance>(self->kept)->put_Progress(i));
                self->kept = {};
                check(self->deferral->Complete());
                self->Release();
                return 0;
        }

        Ref<IBackgroundTaskDeferral> deferral;
        Ref<IAgileReference> kept;
};

class Factory final : public Object<IClassFactory> {
public:
        HRESULT STDMETHODCALLTYPE CreateInstance(IUnknown *outer, REFIID iid, void **ret_object) override
        {
                *ret_object = nullptr;
                if (outer)
                        return CLASS_E_NOAGGREGATION;
                Ref<Task> task;
                *task.put() = new Task;
                return task->QueryInterface(iid, ret_object);
        }
        HRESULT STDMETHODCALLTYPE LockServer(BOOL) override
        {
                return S_OK;
        }
};

bool is_registered(const std::string &name)
{
        Ref<IMapView_GUID_IBackgroundTaskRegistration> all;
        Ref<IIterator_GUID_IBackgroundTaskRegistration> iterator;
        boolean has = 0;

        check(factory<IBackgroundTaskRegistrationStatics>(u"Windows.ApplicationModel.Background."
                                                          u"BackgroundTaskRegistration")->get_AllTasks(all.put()));
        check(all.as<Tasks>()->First(iterator.put()));
        for (check(iterator->get_HasCurrent(&has)); has; check(iterator->MoveNext(&has))) {
                Ref<IKeyValuePair_GUID_IBackgroundTaskRegistration> pair;
                Ref<IBackgroundTaskRegistration> task;

                check(iterator->get_Current(pair.put()));
                check(pair->get_Value(task.put()));
                if (name_of(task.get()) == name)
                        return true;
        }
        return false;
}

void register_task(const std::string &name)
{
        auto builder = activate<IBackgroundTaskBuilder>(u"Windows.ApplicationModel.Background.BackgroundTaskBuilder");
        auto times = factory<ITimeTriggerFactory>(u"Windows.ApplicationModel.Background.TimeTrigger");
        auto conditions = factory<ISystemConditionFactory>(u"Windows.ApplicationModel.Background.SystemCondition");
        Ref<ISystemCondition> condition;
        Ref<IBackgroundTaskRegistration> task;
        Ref<ITimeTrigger> time;

        check(builder->put_Name(Text(std::u16string(name.begin(), name.end()))));
        check(builder.as<IBackgroundTaskBuilder5>()->SetTaskEntryPointClsid(clsid));
        check(times->Create(15, 0, time.put()));
        check(builder->SetTrigger(time.as<IBackgroundTrigger>().get()));
        check(conditions->Create(SystemConditionType_InternetAvailable, condition.put()));
        check(builder->AddCondition(condition.as<IBackgroundCondition>().get()));
        check(builder->Register(task.put()));
        std::printf("registered %s\n", name_of(task.get()).c_str());
}

void serve()
{
        Ref<Factory> task_factory;
        DWORD cookie = 0;

        *task_factory.put() = new Factory;
        check(CoRegisterClassObject(clsid, task_factory.get(), CLSCTX_LOCAL_SERVER, REGCLS_MULTIPLEUSE, &cookie));
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
                std::printf("failed %08x\n", static_cast<unsigned>(failure.result));
                return 1;
        }
        RoUninitialize();
        return 0;
}
