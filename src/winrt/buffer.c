/* SPDX-License-Identifier: MIT */

#include "winrt/buffer.h"

#include <string.h>

#include "winrt/factory.h"

typedef struct Buffer {
        Object object;
        UINT32 capacity;
        atomic_uint length;
        UINT8 *bytes;
} Buffer;

static Buffer *buffer_of(void *self)
{
        return (Buffer *)object_of(self);
}

static void buffer_done(Object *object)
{
        free(((Buffer *)object)->bytes);
}

static STDMETHODIMP get_capacity(IBuffer *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = buffer_of(self)->capacity;
        return S_OK;
}

static STDMETHODIMP get_length(IBuffer *self, UINT32 *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = atomic_load(&buffer_of(self)->length);
        return S_OK;
}

static STDMETHODIMP put_length(IBuffer *self, UINT32 value)
{
        if (value > buffer_of(self)->capacity)
                return E_INVALIDARG;
        atomic_store(&buffer_of(self)->length, value);
        return S_OK;
}

static STDMETHODIMP get_bytes(IBufferByteAccess *self, UINT8 **ret_bytes)
{
        if (!ret_bytes)
                return E_POINTER;
        *ret_bytes = buffer_of(self)->bytes;
        return S_OK;
}

static const IBufferVtbl vtable = {
        INSPECTABLE_SLOTS, .get_Capacity = get_capacity, .get_Length = get_length, .put_Length = put_length,
};
static const IBufferByteAccessVtbl access_vtable = { UNKNOWN_SLOTS, .Buffer = get_bytes };
static const Class buffer_class = {
        .name = u"Windows.Storage.Streams.Buffer", .size = sizeof(Buffer), .done = buffer_done,
        .faces = { { &IID_IBuffer, &vtable, NULL }, { &IID_IBufferByteAccess, &access_vtable, NULL } },
};

static STDMETHODIMP create(IBufferFactory *self, UINT32 capacity, IBuffer **ret_buffer)
{
        Buffer *buffer;

        if (!ret_buffer)
                return E_POINTER;
        *ret_buffer = NULL;
        buffer = (Buffer *)object_new(&buffer_class);
        if (!buffer)
                return E_OUTOFMEMORY;
        buffer->bytes = calloc(1, MAX(capacity, 1u));
        if (!buffer->bytes) {
                object_unref(&buffer->object);
                return E_OUTOFMEMORY;
        }
        buffer->capacity = capacity;
        *ret_buffer = object_face(&buffer->object, 0);
        return S_OK;
}

HRESULT buffer_new_empty(UINT32 capacity, IBuffer **ret)
{
        return create(NULL, capacity, ret);
}

HRESULT buffer_new(const void *bytes, UINT32 n, IBuffer **ret)
{
        HRESULT hr = create(NULL, n, ret);

        if (FAILED(hr))
                return hr;
        if (n > 0)
                memcpy(buffer_of(*ret)->bytes, bytes, n);
        return IBuffer_put_Length(*ret, n);
}

HRESULT buffer_bytes(IBuffer *buffer, UINT8 **ret_bytes, UINT32 *ret_capacity, UINT32 *ret_length)
{
        IBufferByteAccess *access;
        HRESULT hr;

        if (!buffer)
                return E_POINTER;
        hr = IBuffer_QueryInterface(buffer, &IID_IBufferByteAccess, (void **)&access);
        if (FAILED(hr))
                return hr;
        hr = IBufferByteAccess_Buffer(access, ret_bytes);
        IBufferByteAccess_Release(access);
        if (SUCCEEDED(hr))
                hr = IBuffer_get_Capacity(buffer, ret_capacity);
        return SUCCEEDED(hr) ? IBuffer_get_Length(buffer, ret_length) : hr;
}

static const IBufferFactoryVtbl factory = { INSPECTABLE_SLOTS, .Create = create };

const FactoryInfo buffer_factories[] = {
        { u"Windows.Storage.Streams.Buffer", { { &IID_IBufferFactory, &factory, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
