/* SPDX-License-Identifier: MIT */

/* DataWriter: values as the bytes of a stream, or of a buffer. */

#include <stdlib.h>
#include <string.h>

#include "winrt/async.h"
#include "winrt/buffer.h"
#include "winrt/data-stream.h"
#include "winrt/factory.h"
#include "winrt/scalar.h"

typedef struct Writer {
        DataStream data;
        UINT8 *bytes;
        UINT32 n, n_allocated; /* what is not stored yet */
} Writer;

static Writer *writer_of(void *self)
{
        return (Writer *)object_of(self);
}

static void writer_done(Object *object)
{
        Writer *writer = (Writer *)object;

        free(writer->bytes);
        data_stream_done(&writer->data);
}

/* Under the lock. */
static HRESULT reserve(Writer *writer, UINT32 n)
{
        UINT64 needed = (UINT64)writer->n + n, size = MAX(needed, (UINT64)writer->n_allocated * 2 + 64);
        UINT8 *grown;

        if (needed <= writer->n_allocated)
                return S_OK;
        size = MIN(size, (UINT64)UINT32_MAX);
        grown = needed <= size ? realloc(writer->bytes, (size_t)size) : NULL;
        if (!grown)
                return E_OUTOFMEMORY;
        writer->bytes = grown;
        writer->n_allocated = (UINT32)size;
        return S_OK;
}

static HRESULT append(Writer *writer, const void *bytes, UINT32 n)
{
        HRESULT hr;

        pthread_mutex_lock(&writer->data.lock);
        hr = writer->data.is_closed ? RO_E_CLOSED : reserve(writer, n);
        if (SUCCEEDED(hr) && n > 0) {
                memcpy(writer->bytes + writer->n, bytes, n);
                writer->n += n;
        }
        pthread_mutex_unlock(&writer->data.lock);
        return hr;
}

static HRESULT append_number(void *self, const void *value, UINT32 n)
{
        UINT8 bytes[8];

        memcpy(bytes, value, n);
        scalar_order(bytes, n, writer_of(self)->data.order);
        return append(writer_of(self), bytes, n);
}

#define NUMBER(name, ctype)                                                     \
        static STDMETHODIMP write_##name(IDataWriter *self, ctype value)        \
        {                                                                       \
                return append_number(self, &value, sizeof value);               \
        }

NUMBER(byte, UINT8)
NUMBER(int16, INT16)
NUMBER(int32, INT32)
NUMBER(int64, INT64)
NUMBER(uint16, UINT16)
NUMBER(uint32, UINT32)
NUMBER(uint64, UINT64)
NUMBER(single, FLOAT)
NUMBER(double, DOUBLE)
NUMBER(date, DateTime)
NUMBER(span, TimeSpan)

static STDMETHODIMP write_boolean(IDataWriter *self, boolean value)
{
        return write_byte(self, value != 0);
}

static STDMETHODIMP write_guid(IDataWriter *self, GUID value)
{
        UINT8 bytes[sizeof value];

        memcpy(bytes, &value, sizeof bytes);
        scalar_order_guid(bytes, writer_of(self)->data.order);
        return append(writer_of(self), bytes, sizeof bytes);
}

static STDMETHODIMP write_bytes(IDataWriter *self, UINT32 n, UINT8 *values)
{
        return values || n == 0 ? append(writer_of(self), values, n) : E_POINTER;
}

static STDMETHODIMP write_range(IDataWriter *self, IBuffer *buffer, UINT32 start, UINT32 n)
{
        UINT32 capacity, length;
        UINT8 *bytes;
        HRESULT hr = buffer ? buffer_bytes(buffer, &bytes, &capacity, &length) : E_INVALIDARG;

        if (FAILED(hr))
                return hr;
        return start <= length && n <= length - start ? append(writer_of(self), bytes + start, n) : E_BOUNDS;
}

static STDMETHODIMP write_buffer(IDataWriter *self, IBuffer *buffer)
{
        UINT32 length = 0;
        HRESULT hr = buffer ? IBuffer_get_Length(buffer, &length) : E_INVALIDARG;

        return SUCCEEDED(hr) ? write_range(self, buffer, 0, length) : hr;
}

/* The bytes that it is written as, to be freed. */
static HRESULT encode(const Writer *writer, HSTRING value, UINT8 **ret_bytes, UINT32 *ret_n)
{
        UINT32 n;
        const WCHAR *text = WindowsGetStringRawBuffer(value, &n);
        UINT8 *bytes;

        if (writer->data.encoding == UnicodeEncoding_Utf8)
                return string_to_bytes(value, ret_bytes, ret_n);
        bytes = n <= UINT32_MAX / 2 ? malloc(MAX((size_t)n * 2, (size_t)1)) : NULL;
        if (!bytes)
                return E_OUTOFMEMORY;
        memcpy(bytes, text, (size_t)n * 2);
        for (UINT32 i = 0; i < n; i++)
                scalar_order(bytes + 2 * (size_t)i, 2, writer->data.encoding == UnicodeEncoding_Utf16BE ?
                             ByteOrder_BigEndian : ByteOrder_LittleEndian);
        *ret_bytes = bytes;
        *ret_n = n * 2;
        return S_OK;
}

static HRESULT measure(Writer *writer, HSTRING value, bool writes, UINT32 *ret_n)
{
        _cleanup_(freep) UINT8 *bytes = NULL;
        UINT32 n = 0;
        HRESULT hr;

        if (!ret_n)
                return E_POINTER;
        hr = encode(writer, value, &bytes, &n);
        if (SUCCEEDED(hr) && writes)
                hr = append(writer, bytes, n);
        *ret_n = SUCCEEDED(hr) ? n : 0;
        return hr;
}

static STDMETHODIMP write_string(IDataWriter *self, HSTRING value, UINT32 *ret_n)
{
        return measure(writer_of(self), value, true, ret_n);
}

static STDMETHODIMP measure_string(IDataWriter *self, HSTRING value, UINT32 *ret_n)
{
        return measure(writer_of(self), value, false, ret_n);
}

/* What it holds, and how it writes. */

static STDMETHODIMP get_left(IDataWriter *self, UINT32 *ret_value)
{
        Writer *writer = writer_of(self);

        if (!ret_value)
                return E_POINTER;
        pthread_mutex_lock(&writer->data.lock);
        *ret_value = writer->n;
        pthread_mutex_unlock(&writer->data.lock);
        return S_OK;
}

/* The stream. */

/* What was written until now, which is not there any more. */
static HRESULT take_buffer(Writer *writer, IBuffer **ret)
{
        HRESULT hr;

        pthread_mutex_lock(&writer->data.lock);
        hr = writer->data.is_closed ? RO_E_CLOSED : buffer_new(writer->bytes, writer->n, ret);
        if (SUCCEEDED(hr))
                writer->n = 0;
        pthread_mutex_unlock(&writer->data.lock);
        return hr;
}

/* The stream has written when its operation is there: those of sockets have. What failed is lost. */
static HRESULT store_to(Writer *writer, IOutputStream *stream, UINT32 *ret_n)
{
        IAsyncOperationWithProgress_UINT32_UINT32 *operation = NULL;
        IBuffer *buffer = NULL;
        HRESULT hr = take_buffer(writer, &buffer);

        if (SUCCEEDED(hr))
                hr = IOutputStream_WriteAsync(stream, buffer, &operation);
        if (SUCCEEDED(hr))
                hr = async_is_over(operation) ? S_OK : E_NOTIMPL;
        if (SUCCEEDED(hr))
                hr = IAsyncOperationWithProgress_UINT32_UINT32_GetResults(operation, ret_n);
        if (operation)
                IAsyncOperationWithProgress_UINT32_UINT32_Release(operation);
        if (buffer)
                IBuffer_Release(buffer);
        return hr;
}

static STDMETHODIMP store_async(IDataWriter *self, IAsyncOperation_UINT32 **ret_operation)
{
        IOutputStream *stream;
        UINT32 n = 0;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        hr = data_stream_get(&writer_of(self)->data, &stream);
        if (FAILED(hr))
                return hr;
        hr = store_to(writer_of(self), stream, &n);
        IOutputStream_Release(stream);
        return async_new(ASYNC_STORE, hr, SUCCEEDED(hr) ? (int)n : 0, ret_operation);
}

static STDMETHODIMP flush_async(IDataWriter *self, IAsyncOperation_boolean **ret_operation)
{
        IOutputStream *stream;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        hr = data_stream_get(&writer_of(self)->data, &stream);
        if (FAILED(hr))
                return hr;
        hr = IOutputStream_FlushAsync(stream, ret_operation);
        IOutputStream_Release(stream);
        return hr;
}

static STDMETHODIMP detach_buffer(IDataWriter *self, IBuffer **ret_buffer)
{
        if (!ret_buffer)
                return E_POINTER;
        *ret_buffer = NULL;
        return take_buffer(writer_of(self), ret_buffer);
}

static const IDataWriterVtbl writer_vtable = {
        INSPECTABLE_SLOTS, .get_UnstoredBufferLength = get_left, DATA_STREAM_SLOTS,
        .WriteByte = write_byte, .WriteBytes = write_bytes, .WriteBuffer = write_buffer,
        .WriteBufferRange = write_range, .WriteBoolean = write_boolean, .WriteGuid = write_guid,
        .WriteInt16 = write_int16, .WriteInt32 = write_int32, .WriteInt64 = write_int64,
        .WriteUInt16 = write_uint16, .WriteUInt32 = write_uint32, .WriteUInt64 = write_uint64,
        .WriteSingle = write_single, .WriteDouble = write_double, .WriteDateTime = write_date,
        .WriteTimeSpan = write_span, .WriteString = write_string, .MeasureString = measure_string,
        .StoreAsync = store_async, .FlushAsync = flush_async, .DetachBuffer = detach_buffer,
};
static const Class writer_class = {
        .name = u"Windows.Storage.Streams.DataWriter", .size = sizeof(Writer), .done = writer_done,
        .faces = { { &IID_IDataWriter, &writer_vtable, NULL }, { &IID_IClosable, &data_stream_closable, NULL } },
};

static HRESULT new_writer(IOutputStream *stream, void *ret)
{
        Writer *writer = (Writer *)object_new(&writer_class);

        *(void **)ret = NULL;
        if (!writer)
                return E_OUTOFMEMORY;
        data_stream_init(&writer->data, stream);
        *(void **)ret = object_face(&writer->data.object, 0);
        return S_OK;
}

static HRESULT activate(const FactoryInfo *info, IInspectable **ret_instance)
{
        return new_writer(NULL, ret_instance);
}

static STDMETHODIMP create(IDataWriterFactory *self, IOutputStream *stream, IDataWriter **ret_writer)
{
        if (!ret_writer)
                return E_POINTER;
        *ret_writer = NULL;
        return stream ? new_writer(stream, ret_writer) : E_INVALIDARG;
}

static const IDataWriterFactoryVtbl factory = { INSPECTABLE_SLOTS, .CreateDataWriter = create };

const FactoryInfo writer_factories[] = {
        { u"Windows.Storage.Streams.DataWriter", { { &IID_IDataWriterFactory, &factory, NULL } }, activate },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
