/* SPDX-License-Identifier: MIT */

#include "winrt/hostname.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "winrt/factory.h"

typedef struct HostName {
        Object object;
        HSTRING raw;       /* as it was given */
        HSTRING canonical; /* in small letters; an address as everybody writes it */
        HostNameType type;
} HostName;

static HostName *name_of(void *self)
{
        return (HostName *)object_of(self);
}

static void name_done(Object *object)
{
        (void)WindowsDeleteString(((HostName *)object)->raw);
        (void)WindowsDeleteString(((HostName *)object)->canonical);
}

/* Which network an address is of is not told. */
static STDMETHODIMP get_ip_information(IHostName *self, IInspectable **ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return S_OK;
}

static STDMETHODIMP get_raw(IHostName *self, HSTRING *ret_value)
{
        return ret_value ? WindowsDuplicateString(name_of(self)->raw, ret_value) : E_POINTER;
}

static STDMETHODIMP get_canonical(IHostName *self, HSTRING *ret_value)
{
        return ret_value ? WindowsDuplicateString(name_of(self)->canonical, ret_value) : E_POINTER;
}

static STDMETHODIMP get_type(IHostName *self, HostNameType *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = name_of(self)->type;
        return S_OK;
}

static STDMETHODIMP is_equal(IHostName *self, IHostName *other, boolean *ret_value)
{
        HSTRING name = NULL;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        if (!other)
                return S_OK;
        hr = IHostName_get_CanonicalName(other, &name);
        if (SUCCEEDED(hr))
                *ret_value = string_equal(name_of(self)->canonical, name);
        (void)WindowsDeleteString(name);
        return hr;
}

static const IHostNameVtbl vtable = {
        INSPECTABLE_SLOTS, .get_IPInformation = get_ip_information, .get_RawName = get_raw,
        .get_DisplayName = get_canonical, .get_CanonicalName = get_canonical, .get_Type = get_type,
        .IsEqual = is_equal,
};
static const Class name_class = {
        .name = u"Windows.Networking.HostName", .size = sizeof(HostName), .done = name_done,
        .faces = { { &IID_IHostName, &vtable, NULL } },
};

/* Its canonical text, which is not longer than the text or an address. */
static HostNameType canonicalise(const char *text, char *canonical)
{
        struct in6_addr address;

        if (inet_pton(AF_INET, text, &address) == 1) {
                (void)inet_ntop(AF_INET, &address, canonical, INET6_ADDRSTRLEN);
                return HostNameType_Ipv4;
        }
        if (inet_pton(AF_INET6, text, &address) == 1) {
                (void)inet_ntop(AF_INET6, &address, canonical, INET6_ADDRSTRLEN);
                return HostNameType_Ipv6;
        }
        do
                *canonical++ = (char)(*text >= 'A' && *text <= 'Z' ? *text + 'a' - 'A' : *text);
        while (*text++);
        return HostNameType_DomainName;
}

HRESULT hostname_new(const char *text, IHostName **ret)
{
        _cleanup_(freep) char *canonical = NULL;
        HostName *name;
        HRESULT hr;

        *ret = NULL;
        if (!*text)
                return E_INVALIDARG;
        canonical = malloc(MAX(strlen(text) + 1, (size_t)INET6_ADDRSTRLEN));
        if (!canonical)
                return E_OUTOFMEMORY;
        name = (HostName *)object_new(&name_class);
        if (!name)
                return E_OUTOFMEMORY;
        name->type = canonicalise(text, canonical);
        hr = string_from_utf8(text, &name->raw);
        if (SUCCEEDED(hr))
                hr = string_from_utf8(canonical, &name->canonical);
        if (FAILED(hr))
                object_unref(&name->object);
        else
                *ret = object_face(&name->object, 0);
        return hr;
}

HRESULT hostname_text(IHostName *name, char **ret_text)
{
        HSTRING text = NULL;
        HRESULT hr;

        if (!name)
                return E_POINTER;
        hr = IHostName_get_CanonicalName(name, &text);
        if (SUCCEEDED(hr))
                hr = string_to_utf8(text, ret_text);
        (void)WindowsDeleteString(text);
        return hr;
}

static STDMETHODIMP create(IHostNameFactory *self, HSTRING text, IHostName **ret_name)
{
        _cleanup_(freep) char *utf8 = NULL;
        HRESULT hr;

        if (!ret_name)
                return E_POINTER;
        *ret_name = NULL;
        hr = string_to_utf8(text, &utf8);
        return SUCCEEDED(hr) ? hostname_new(utf8, ret_name) : hr;
}

static const IHostNameFactoryVtbl factory = { INSPECTABLE_SLOTS, .CreateHostName = create };

const FactoryInfo hostname_factories[] = {
        { u"Windows.Networking.HostName", { { &IID_IHostNameFactory, &factory, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
