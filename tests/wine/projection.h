// SPDX-License-Identifier: MIT
#pragma once

// What a projection of Windows Runtime into C++ is, as far as the programs here need it. MinGW has none, so that this
// has what such a projection makes of the interfaces, and calls them in its way:
//
//   a failing HRESULT is an exception, which asks what Windows knows of the error, and else originates one
//   factories are asked for by their own IIDs; those that are agile are kept for as long as the program runs; for a
//     class that Windows does not know, libraries with the parts of its name are looked for
//   what a factory makes is taken for the default interface of its class, without a question
//   strings have the layout that those of Windows have, and are made, counted and freed without its functions

#include <bgtask/winrt.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#define IMPORT(result) extern "C" __declspec(dllimport) result __stdcall
IMPORT(void *) GetProcessHeap();
IMPORT(void *) HeapAlloc(void *heap, DWORD flags, size_t size);
IMPORT(BOOL) HeapFree(void *heap, DWORD flags, void *memory);
IMPORT(DWORD) FormatMessageW(DWORD flags, const void *source, DWORD code, DWORD language, WCHAR *buf, DWORD n_buf,
                             va_list *args);
IMPORT(void *) LoadLibraryExW(const WCHAR *name, void *file, DWORD flags);
IMPORT(BOOL) FreeLibrary(void *module);

namespace projection {

template <typename Interface> struct IidOf;
#define HAS_IID(name)                                       \
        template <> struct projection::IidOf<name> {        \
                static REFIID get()                         \
                {                                           \
                        return IID_##name;                  \
                }                                           \
        }

inline bool same(REFIID a, REFIID b)
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
        // One that the caller has already.
        static Ref take(Interface *object)
        {
                Ref ref;

                ref.object = object;
                return ref;
        }
        // One more.
        static Ref share(Interface *object)
        {
                object->AddRef();
                return take(object);
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
        explicit operator bool() const
        {
                return object;
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
        // None, if it has no such interface.
        template <typename Other> Ref<Other> try_as() const
        {
                return try_as<Other>(IidOf<Other>::get());
        }
        template <typename Other> Ref<Other> try_as(REFIID iid) const
        {
                Ref<Other> other;

                if (object)
                        object->QueryInterface(iid, reinterpret_cast<void **>(other.put()));
                return other;
        }
        template <typename Other> Ref<Other> as() const;

private:
        Interface *object = nullptr;
};

// The layout of a string; that of one on the stack ends with the text.
struct StringHeader {
        UINT32 flags, length, padding[2];
        const WCHAR *text;
};
struct StringOnHeap : StringHeader {
        std::atomic<INT32> n_ref;
        WCHAR buf[1];
};

// A string that is counted.
class String {
public:
        String() = default;
        String(std::u16string_view text)
        {
                auto *made = text.empty() ? nullptr : static_cast<StringOnHeap *>(
                        HeapAlloc(GetProcessHeap(), 0, sizeof(StringOnHeap) + text.size() * sizeof(WCHAR)));

                if (!made)
                        return;
                *static_cast<StringHeader *>(made) = { 0, static_cast<UINT32>(text.size()), {}, made->buf };
                made->n_ref = 1;
                std::memcpy(made->buf, text.data(), text.size() * sizeof(WCHAR));
                made->buf[text.size()] = 0;
                header = made;
        }
        String(String &&other) noexcept : header(std::exchange(other.header, nullptr))
        {
        }
        String(const String &other)
        {
                if (other.header && other.header->flags & 1)
                        *this = String(std::u16string_view(other));
                else if ((header = other.header))
                        ++static_cast<StringOnHeap *>(header)->n_ref;
        }
        ~String()
        {
                if (header && --static_cast<StringOnHeap *>(header)->n_ref == 0)
                        HeapFree(GetProcessHeap(), 0, header);
        }
        String &operator=(String other) noexcept
        {
                std::swap(header, other.header);
                return *this;
        }
        operator std::u16string_view() const
        {
                return header ? std::u16string_view(header->text, header->length) : std::u16string_view();
        }
        operator HSTRING() const
        {
                return reinterpret_cast<HSTRING>(header);
        }
        HSTRING *put()
        {
                return reinterpret_cast<HSTRING *>(&header);
        }
        std::string narrow() const
        {
                std::u16string_view wide = *this;

                return { wide.begin(), wide.end() };
        }

private:
        StringHeader *header = nullptr;
};

// A string on the stack, which is valid as long as its text is.
class Text {
public:
        Text(std::u16string_view text) : header{ 1, static_cast<UINT32>(text.size()), {}, text.data() }
        {
        }
        operator HSTRING()
        {
                return header.length ? reinterpret_cast<HSTRING>(&header) : nullptr;
        }

private:
        StringHeader header;
};

// A failing HRESULT, and what Windows knows of it.
struct Failure {
        // Of the program's own.
        Failure(HRESULT result, std::u16string_view message = {}) : result(result)
        {
                originate(message);
        }
        // Of a call.
        static Failure of_call(HRESULT result)
        {
                Failure failure;
                Ref<IErrorInfo> known;
                BSTR reference = nullptr;

                failure.result = result;
                GetErrorInfo(0, known.put());
                failure.info = known.try_as<IRestrictedErrorInfo>(IID_IRestrictedErrorInfo);
                if (failure.info) {
                        failure.info->GetReference(&reference);
                        SysFreeString(reference);
                } else {
                        failure.originate({});
                }
                return failure;
        }
        std::string message() const
        {
                BSTR texts[3] = {};
                WCHAR *found = nullptr;
                HRESULT of = S_OK;
                std::string text;

                if (info && SUCCEEDED(info->GetErrorDetails(&texts[0], &of, &texts[1], &texts[2])) && of == result)
                        text = trim(texts[1] ? texts[1] : texts[0]);
                for (BSTR each : texts)
                        SysFreeString(each);
                if (text.empty() && FormatMessageW(0x1300, nullptr, static_cast<DWORD>(result), 0x400,
                                                   reinterpret_cast<WCHAR *>(&found), 0, nullptr) > 0) {
                        text = trim(found);
                        HeapFree(GetProcessHeap(), 0, found);
                }
                return text;
        }
        // As a method of the program returns it.
        HRESULT to_abi() const
        {
                if (info)
                        SetErrorInfo(0, info.try_as<IErrorInfo>(IID_IErrorInfo).get());
                return result;
        }

        HRESULT result = E_FAIL;
        Ref<IRestrictedErrorInfo> info;

private:
        Failure() = default;
        void originate(std::u16string_view message)
        {
                Ref<IErrorInfo> known;

                RoOriginateLanguageException(result, String(message), nullptr);
                GetErrorInfo(0, known.put());
                info = known.try_as<IRestrictedErrorInfo>(IID_IRestrictedErrorInfo);
        }
        static std::string trim(const WCHAR *text)
        {
                std::u16string_view wide = text ? text : u"";

                return { wide.begin(), wide.begin() + (wide.find_last_not_of(u" \r\n\t") + 1) };
        }
};

inline void check(HRESULT hr)
{
        if (FAILED(hr))
                throw Failure::of_call(hr);
}

template <typename Interface> template <typename Other> Ref<Other> Ref<Interface>::as() const
{
        Ref<Other> other;

        if (object)
                check(object->QueryInterface(IidOf<Other>::get(), reinterpret_cast<void **>(other.put())));
        return other;
}

// Whoever is not known to Windows may be in a library that is called as the start of its name.
inline HRESULT find_factory(std::u16string_view name, REFIID iid, void **ret_factory)
{
        HRESULT hr = RoGetActivationFactory(Text(name), iid, ret_factory);
        Ref<IErrorInfo> info;
        std::u16string path(name);

        if (hr == S_OK)
                return hr;
        GetErrorInfo(0, info.put());
        for (size_t n; (n = path.rfind(u'.')) != path.npos; path.resize(n))
                if (void *library = LoadLibraryExW((path.substr(0, n) + u".dll").c_str(), nullptr, 0x1000))
                        FreeLibrary(library);
        SetErrorInfo(0, info.get());
        return hr;
}

// Asked for once, if the factory is agile.
template <typename Interface> Ref<Interface> factory(std::u16string_view name, std::atomic<Interface *> &kept)
{
        Interface *none = nullptr;
        Ref<Interface> found;

        if (Interface *object = kept.load())
                return Ref<Interface>::share(object);
        check(find_factory(name, IidOf<Interface>::get(), reinterpret_cast<void **>(found.put())));
        if (!found.template try_as<IUnknown>(IID_IAgileObject))
                return found;
        found->AddRef();
        if (!kept.compare_exchange_strong(none, found.get()))
                found->Release();
        return found;
}

// The class is that of the background tasks with this name, or has a full one.
template <typename Interface, typename Name> Ref<Interface> factory(Name name)
{
        static std::atomic<Interface *> kept;

        return factory<Interface>(name(), kept);
}
#define FACTORY(interface, name) \
        (projection::factory<interface>([] { return u"Windows.ApplicationModel.Background." name; }))
#define FOREIGN_FACTORY(interface, name) (projection::factory<interface>([] { return name; }))

// What is made is taken for Interface, which has to be the default one of the class.
template <typename Interface> Ref<Interface> activate(const Ref<IActivationFactory> &factory)
{
        IInspectable *made = nullptr;

        check(factory->ActivateInstance(&made));
        return Ref<Interface>::take(static_cast<Interface *>(made));
}
#define ACTIVATE(interface, name) (projection::activate<interface>(FACTORY(IActivationFactory, name)))

}
