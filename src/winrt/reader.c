/* SPDX-License-Identifier: MIT */

/* DataReader: values out of the bytes of a stream, or of a buffer. */

#include <stdlib.h>
#include <string.h>

#include "winrt/async.h"
#include "winrt/buffer.h"
#include "winrt/data-stream.h"
#include "winrt/factory.h"
#include "winrt/reader.h"
#include "winrt/scalar.h"

typedef struct Reader {
        DataStream data;
        UINT8 *bytes;
        UINT32 start, end; /* what is not consumed */
        InputStreamOptions options;
} Reader;

static Reader *reader_of(void *self)
{
        return (Reader *)object_of(self);
}

static void reader_done(Object *object)
{
        Reader *reader = (Reader *)object;

        free(reader->bytes);
        data_stream_done(&reader->data);
}

/* Takes n bytes; E_BOUNDS if there are fewer, and then none is taken. */
static HRESULT take(Reader *reader, void *to, UINT32 n)
{
        HRESULT hr = S_OK;

        pthread_mutex_lock(&reader->data.lock);
        if (reader->data.is_closed)
                hr = RO_E_CLOSED;
        else if (n > reader->end - reader->start)
                hr = E_BOUNDS;
        if (SUCCEEDED(hr) && n > 0) {
                memcpy(to, reader->bytes + reader->start, n);
                reader->start += n;
        }
        pthread_mutex_unlock(&reader->data.lock);
        return hr;
}

static HRESULT take_number(void *self, void *ret, UINT32 n)
{
        Reader *reader = reader_of(self);
        UINT8 bytes[8];
        HRESULT hr;

        if (!ret)
                return E_POINTER;
        hr = take(reader, bytes, n);
        if (FAILED(hr))
                return hr;
        scalar_order(bytes, n, reader->data.order);
        memcpy(ret, bytes, n);
        return S_OK;
}

#define NUMBER(name, ctype)                                                             \
        static STDMETHODIMP read_##name(IDataReader *self, ctype *ret_value)            \
        {                                                                               \
                return take_number(self, ret_value, sizeof *ret_value);                 \
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

static STDMETHODIMP read_boolean(IDataReader *self, boolean *ret_value)
{
        UINT8 byte;
        HRESULT hr = ret_value ? take(reader_of(self), &byte, 1) : E_POINTER;

        if (SUCCEEDED(hr))
                *ret_value = byte != 0;
        return hr;
}

static STDMETHODIMP read_guid(IDataReader *self, GUID *ret_value)
{
        UINT8 bytes[sizeof *ret_value];
        HRESULT hr = ret_value ? take(reader_of(self), bytes, sizeof bytes) : E_POINTER;

        if (FAILED(hr))
                return hr;
        scalar_order_guid(bytes, reader_of(self)->data.order);
        memcpy(ret_value, bytes, sizeof bytes);
        return S_OK;
}

static STDMETHODIMP read_bytes(IDataReader *self, UINT32 n, UINT8 *ret_values)
{
        return ret_values || n == 0 ? take(reader_of(self), ret_values, n) : E_POINTER;
}

/* Copies what is asked for before it allocates for more than there is. */
static HRESULT take_copy(Reader *reader, UINT64 n, UINT8 **ret)
{
        UINT8 *copy;
        UINT32 left;
        HRESULT hr;

        pthread_mutex_lock(&reader->data.lock);
        left = reader->end - reader->start;
        hr = reader->data.is_closed ? RO_E_CLOSED : S_OK;
        pthread_mutex_unlock(&reader->data.lock);
        if (FAILED(hr) || n > left)
                return FAILED(hr) ? hr : E_BOUNDS;
        copy = malloc(MAX((size_t)n, (size_t)1));
        hr = copy ? take(reader, copy, (UINT32)n) : E_OUTOFMEMORY;
        if (SUCCEEDED(hr))
                *ret = TAKE_PTR(copy);
        free(copy);
        return hr;
}

static STDMETHODIMP read_buffer(IDataReader *self, UINT32 n, IBuffer **ret_buffer)
{
        _cleanup_(freep) UINT8 *bytes = NULL;
        HRESULT hr;

        if (!ret_buffer)
                return E_POINTER;
        *ret_buffer = NULL;
        hr = take_copy(reader_of(self), n, &bytes);
        return SUCCEEDED(hr) ? buffer_new(bytes, n, ret_buffer) : hr;
}

static STDMETHODIMP read_string(IDataReader *self, UINT32 n, HSTRING *ret_value)
{
        Reader *reader = reader_of(self);
        UINT32 unit = reader->data.encoding == UnicodeEncoding_Utf8 ? 1 : 2;
        _cleanup_(freep) UINT8 *bytes = NULL;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        hr = take_copy(reader, (UINT64)n * unit, &bytes);
        if (FAILED(hr))
                return hr;
        if (unit == 1)
                return string_from_bytes(bytes, n, ret_value);
        for (UINT32 i = 0; i < n; i++)
                scalar_order(bytes + 2 * (size_t)i, 2, reader->data.encoding == UnicodeEncoding_Utf16BE ?
                             ByteOrder_BigEndian : ByteOrder_LittleEndian);
        return WindowsCreateString((const WCHAR *)(void *)bytes, n, ret_value);
}

/* What it holds, and how it reads. */

static STDMETHODIMP get_left(IDataReader *self, UINT32 *ret_value)
{
        Reader *reader = reader_of(self);

        if (!ret_value)
                return E_POINTER;
        pthread_mutex_lock(&reader->data.lock);
        *ret_value = reader->end - reader->start;
        pthread_mutex_unlock(&reader->data.lock);
        return S_OK;
}

static STDMETHODIMP get_options(IDataReader *self, InputStreamOptions *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = reader_of(self)->options;
        return S_OK;
}

static STDMETHODIMP put_options(IDataReader *self, InputStreamOptions value)
{
        if ((unsigned)value & ~3u)
                return E_INVALIDARG;
        reader_of(self)->options = value;
        return S_OK;
}

/* The stream. */

static HRESULT append(Reader *reader, const UINT8 *bytes, UINT32 n)
{
        UINT32 left;
        UINT8 *grown;
        HRESULT hr = S_OK;

        pthread_mutex_lock(&reader->data.lock);
        left = reader->end - reader->start;
        grown = left <= UINT32_MAX - n ? malloc(MAX((size_t)left + n, (size_t)1)) : NULL;
        if (reader->data.is_closed || !grown) {
                hr = reader->data.is_closed ? RO_E_CLOSED : E_OUTOFMEMORY;
                free(grown);
        } else {
                if (left > 0)
                        memcpy(grown, reader->bytes + reader->start, left);
                memcpy(grown + left, bytes, n);
                free(reader->bytes);
                reader->bytes = grown;
                reader->start = 0;
                reader->end = left + n;
        }
        pthread_mutex_unlock(&reader->data.lock);
        return hr;
}

/* The stream has read when its operation is there: those of sockets have. */
static HRESULT load_from(Reader *reader, IInputStream *stream, UINT32 count, UINT32 *ret_n)
{
        IAsyncOperationWithProgress_IBuffer_UINT32 *operation = NULL;
        IBuffer *buffer = NULL, *filled = NULL;
        UINT8 *bytes = NULL;
        UINT32 capacity;
        HRESULT hr = buffer_new_empty(count, &buffer);

        if (SUCCEEDED(hr))
                hr = IInputStream_ReadAsync(stream, buffer, count, reader->options, &operation);
        if (SUCCEEDED(hr))
                hr = async_is_over(operation) ? S_OK : E_NOTIMPL;
        if (SUCCEEDED(hr))
                hr = IAsyncOperationWithProgress_IBuffer_UINT32_GetResults(operation, &filled);
        if (SUCCEEDED(hr))
                hr = buffer_bytes(filled, &bytes, &capacity, ret_n);
        if (SUCCEEDED(hr))
                hr = append(reader, bytes, *ret_n);
        if (filled)
                IBuffer_Release(filled);
        if (operation)
                IAsyncOperationWithProgress_IBuffer_UINT32_Release(operation);
        if (buffer)
                IBuffer_Release(buffer);
        return hr;
}

static STDMETHODIMP load_async(IDataReader *self, UINT32 count, IAsyncOperation_UINT32 **ret_operation)
{
        Reader *reader = reader_of(self);
        IInputStream *stream;
        UINT32 n = 0;
        HRESULT hr;

        if (!ret_operation)
                return E_POINTER;
        *ret_operation = NULL;
        hr = data_stream_get(&reader->data, &stream);
        if (FAILED(hr))
                return hr;
        hr = load_from(reader, stream, count, &n);
        IInputStream_Release(stream);
        return async_new(ASYNC_LOAD, hr, SUCCEEDED(hr) ? (int)n : 0, ret_operation);
}

static STDMETHODIMP detach_buffer(IDataReader *self, IBuffer **ret_buffer)
{
        UINT32 left = 0;

        if (!ret_buffer)
                return E_POINTER;
        (void)get_left(self, &left);
        return read_buffer(self, left, ret_buffer);
}

static const IDataReaderVtbl reader_vtable = {
        INSPECTABLE_SLOTS, .get_UnconsumedBufferLength = get_left, DATA_STREAM_SLOTS,
        .get_InputStreamOptions = get_options, .put_InputStreamOptions = put_options, .ReadByte = read_byte,
        .ReadBytes = read_bytes, .ReadBuffer = read_buffer, .ReadBoolean = read_boolean, .ReadGuid = read_guid,
        .ReadInt16 = read_int16, .ReadInt32 = read_int32, .ReadInt64 = read_int64, .ReadUInt16 = read_uint16,
        .ReadUInt32 = read_uint32, .ReadUInt64 = read_uint64, .ReadSingle = read_single, .ReadDouble = read_double,
        .ReadString = read_string, .ReadDateTime = read_date, .ReadTimeSpan = read_span, .LoadAsync = load_async,
        .DetachBuffer = detach_buffer,
};
static const Class reader_class = {
        .name = u"Windows.Storage.Streams.DataReader", .size = sizeof(Reader), .done = reader_done,
        .faces = { { &IID_IDataReader, &reader_vtable, NULL }, { &IID_IClosable, &data_stream_closable, NULL } },
};

static HRESULT new_reader(IInputStream *stream, Reader **ret, IDataReader **ret_reader)
{
        Reader *reader = (Reader *)object_new(&reader_class);

        *ret_reader = NULL;
        if (!reader)
                return E_OUTOFMEMORY;
        data_stream_init(&reader->data, stream);
        *ret = reader;
        *ret_reader = object_face(&reader->data.object, 0);
        return S_OK;
}

HRESULT reader_new(const void *bytes, UINT32 n, IDataReader **ret)
{
        Reader *reader;
        HRESULT hr = new_reader(NULL, &reader, ret);

        if (SUCCEEDED(hr))
                hr = append(reader, bytes, n);
        if (FAILED(hr) && *ret) {
                IDataReader_Release(*ret);
                *ret = NULL;
        }
        return hr;
}

static STDMETHODIMP create(IDataReaderFactory *self, IInputStream *stream, IDataReader **ret_reader)
{
        Reader *reader;

        if (!ret_reader)
                return E_POINTER;
        *ret_reader = NULL;
        return stream ? new_reader(stream, &reader, ret_reader) : E_INVALIDARG;
}

static STDMETHODIMP from_buffer(IDataReaderStatics *self, IBuffer *buffer, IDataReader **ret_reader)
{
        UINT32 capacity, n;
        UINT8 *bytes;
        HRESULT hr;

        if (!ret_reader)
                return E_POINTER;
        *ret_reader = NULL;
        if (!buffer)
                return E_INVALIDARG;
        hr = buffer_bytes(buffer, &bytes, &capacity, &n);
        return SUCCEEDED(hr) ? reader_new(bytes, n, ret_reader) : hr;
}

static const IDataReaderFactoryVtbl factory = { INSPECTABLE_SLOTS, .CreateDataReader = create };
static const IDataReaderStaticsVtbl statics = { INSPECTABLE_SLOTS, .FromBuffer = from_buffer };

const FactoryInfo reader_factories[] = {
        { u"Windows.Storage.Streams.DataReader",
          { { &IID_IDataReaderFactory, &factory, NULL }, { &IID_IDataReaderStatics, &statics, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
