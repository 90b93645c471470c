// SPDX-License-Identifier: MIT
#pragma once

// The rest of what projection.h begins: what a projection of Windows Runtime makes of objects, delegates, operations.
//
//   objects and delegates are agile: they answer for IAgileObject, and for IMarshal with the free-threaded marshaler
//   a collection is iterated through IIterable, which it is asked for
//   a delegate is anything that can be called; one that is revoked by its destructor holds its source weakly
//   an object that another thread needs is kept as an agile reference
//   an operation is awaited: its delegate resumes the coroutine where it was, or on a thread of the pool

#include "projection.h"

#include "../winrt/counted.h"

#include <coroutine>
#include <exception>

IMPORT(HRESULT) CoCreateFreeThreadedMarshaler(IUnknown *outer, IUnknown **ret_marshaler);
IMPORT(HRESULT) CoGetObjectContext(REFIID iid, void **ret_context);
IMPORT(void *) GetModuleHandleW(const WCHAR *name);
IMPORT(void *) GetProcAddress(void *module, const char *name);
IMPORT(void *) CreateEventW(void *attributes, BOOL manual, BOOL state, const WCHAR *name);
IMPORT(BOOL) SetEvent(void *event);
IMPORT(DWORD) WaitForSingleObject(void *handle, DWORD msec);
IMPORT(DWORD) GetCurrentThreadId();
IMPORT(BOOL) TrySubmitThreadpoolCallback(void (*callback)(void *instance, void *userdata), void *userdata,
                                         void *environment);

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

namespace projection {

inline const IID iid_marshal = { 0x00000003, 0, 0, { 0xc0, 0, 0, 0, 0, 0, 0, 0x46 } };
inline const IID iid_context_callback = { 0x000001da, 0, 0, { 0xc0, 0, 0, 0, 0, 0, 0, 0x46 } };

// The IMarshal of an agile object: the free-threaded marshaler does it, and the rest is the object's.
class Marshaler final : public CountedObject<IMarshal> {
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
};

// An agile object of the program's own with one interface.
template <typename Interface> class Object : public CountedObject<Interface> {
public:
        HRESULT STDMETHODCALLTYPE QueryInterface(REFIID iid, void **ret_object) override
        {
                *ret_object = nullptr;
                if (same(iid, iid_marshal))
                        return marshal(ret_object);
                if (!same(iid, IidOf<Interface>::get()) && !same(iid, IID_IUnknown) && !same(iid, IID_IAgileObject) &&
                    !(is_inspectable() && same(iid, IID_IInspectable)))
                        return E_NOINTERFACE;
                this->AddRef();
                *ret_object = static_cast<Interface *>(this);
                return S_OK;
        }

protected:
        virtual bool is_inspectable() const
        {
                return false;
        }

private:
        HRESULT marshal(void **ret_object)
        {
                Ref<IUnknown> made;
                HRESULT hr = CoCreateFreeThreadedMarshaler(nullptr, made.put());
                Ref<IMarshal> by = made.try_as<IMarshal>(iid_marshal);

                if (by)
                        *ret_object = static_cast<IMarshal *>(new Marshaler(this, by.detach()));
                return hr;
        }
};

// A task of the program's own.
class Task : public Object<IBackgroundTask> {
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
                        run(Ref<IBackgroundTaskInstance>::share(instance));
                } catch (const Failure &failure) {
                        return failure.to_abi();
                }
                return S_OK;
        }

protected:
        virtual void run(Ref<IBackgroundTaskInstance> instance) = 0;

private:
        bool is_inspectable() const override
        {
                return true;
        }
};

template <typename Of> class ClassFactory final : public Object<IClassFactory> {
public:
        HRESULT STDMETHODCALLTYPE CreateInstance(IUnknown *outer, REFIID iid, void **ret_object) override
        {
                *ret_object = nullptr;
                return outer ? CLASS_E_NOAGGREGATION : Ref<Of>::take(new Of)->QueryInterface(iid, ret_object);
        }
        HRESULT STDMETHODCALLTYPE LockServer(BOOL) override
        {
                return S_OK;
        }
};

// A delegate of two parameters, of which the first is an object.
template <typename Interface, typename Sender, typename Argument, typename Function>
class Delegate final : public Object<Interface> {
public:
        explicit Delegate(Function function) : function(std::move(function))
        {
        }
        HRESULT STDMETHODCALLTYPE Invoke(Sender *sender, Argument argument) override
        {
                try {
                        function(sender, argument);
                } catch (const Failure &failure) {
                        return failure.to_abi();
                }
                return S_OK;
        }

private:
        Function function;
};

template <typename Interface, typename Sender, typename Argument, typename Function>
Ref<Interface> delegate_of(HRESULT (STDMETHODCALLTYPE Interface::*)(Sender *, Argument), Function function)
{
        return Ref<Interface>::take(new Delegate<Interface, Sender, Argument, Function>(std::move(function)));
}
template <typename Interface, typename Function> Ref<Interface> delegate(Function function)
{
        return delegate_of(&Interface::Invoke, std::move(function));
}
// An object and a method of it.
template <typename Interface, typename Of, typename Method> Ref<Interface> delegate(Of *of, Method method)
{
        return delegate<Interface>([of, method](auto sender, auto argument) { (of->*method)(sender, argument); });
}

// Takes a delegate back when it goes. The source is held weakly: it must know how.
template <typename Interface> class Revoker {
public:
        typedef HRESULT (STDMETHODCALLTYPE Interface::*Remove)(EventRegistrationToken);

        Revoker() = default;
        Revoker(const Ref<Interface> &source, Remove remove, EventRegistrationToken token) :
                remove(remove), token(token)
        {
                auto knows = source.template try_as<IWeakReferenceSource>(IID_IWeakReferenceSource);

                check(knows->GetWeakReference(weak.put()));
        }
        Revoker(Revoker &&) = default;
        Revoker &operator=(Revoker &&) = default;
        ~Revoker()
        {
                revoke();
        }
        void revoke()
        {
                Ref<Interface> source;

                if (!weak)
                        return;
                std::exchange(weak, {})->Resolve(IidOf<Interface>::get(),
                                                 reinterpret_cast<IInspectable **>(source.put()));
                if (source)
                        (source.get()->*remove)(token);
        }

private:
        Ref<IWeakReference> weak;
        Remove remove = nullptr;
        EventRegistrationToken token{};
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

// What iterates: for (auto &&[key, value] : ...) calls with pairs; here a function is called with each.
template <typename Iterable, typename Iterator, typename Pair, typename Collection, typename Function>
void for_each(const Ref<Collection> &collection, Function function)
{
        Ref<Iterator> iterator;
        boolean has = 0;

        check(collection.template as<Iterable>()->First(iterator.put()));
        for (check(iterator->get_HasCurrent(&has)); has; check(iterator->MoveNext(&has))) {
                Ref<Pair> pair;

                check(iterator->get_Current(pair.put()));
                function(pair);
        }
}

// A coroutine that nobody waits for.
struct Forgotten {
        struct promise_type {
                Forgotten get_return_object()
                {
                        return {};
                }
                std::suspend_never initial_suspend() noexcept
                {
                        return {};
                }
                std::suspend_never final_suspend() noexcept
                {
                        return {};
                }
                void return_void()
                {
                }
                void unhandled_exception()
                {
                        std::terminate();
                }
        };
};

inline void resume(void *, void *userdata)
{
        std::coroutine_handle<>::from_address(userdata)();
}

// co_await resume_background: what follows runs on a thread of the pool.
struct ResumeBackground {
        bool await_ready() const
        {
                return false;
        }
        void await_suspend(std::coroutine_handle<> handle) const
        {
                TrySubmitThreadpoolCallback(resume, handle.address(), nullptr);
        }
        void await_resume() const
        {
        }
};

// co_await of an operation: where it was, if that is where the delegate is called, and else on a thread of the pool.
template <typename Operation, typename Handler, typename Result> class Awaited {
public:
        explicit Awaited(Ref<Operation> operation) : operation(std::move(operation))
        {
                CoGetObjectContext(iid_context_callback, reinterpret_cast<void **>(context.put()));
        }
        bool await_ready() const
        {
                return false;
        }
        void await_suspend(std::coroutine_handle<> handle)
        {
                Ref<Operation> kept = operation;

                check(kept->put_Completed(delegate<Handler>([this, handle](auto, AsyncStatus now) {
                        Ref<IUnknown> here;

                        status = now;
                        CoGetObjectContext(iid_context_callback, reinterpret_cast<void **>(here.put()));
                        if (here.get() == context.get())
                                handle();
                        else
                                ResumeBackground().await_suspend(handle);
                }).get()));
        }
        Result await_resume() const
        {
                Result result;

                if (status == AsyncStatus_Canceled)
                        throw Failure(HRESULT_FROM_WIN32(1223));
                check(operation->GetResults(&result));
                return result;
        }

private:
        Ref<Operation> operation;
        Ref<IUnknown> context;
        AsyncStatus status = AsyncStatus_Started;
};

}
