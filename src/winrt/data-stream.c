/* SPDX-License-Identifier: MIT */

#include "winrt/data-stream.h"

#include "winrt/scalar.h"

static DataStream *data_of(void *self)
{
        return (DataStream *)object_of(self);
}

void data_stream_init(DataStream *data, void *stream)
{
        pthread_mutex_init(&data->lock, NULL);
        data->order = ByteOrder_BigEndian;
        data->stream = stream;
        if (stream)
                IUnknown_AddRef(data->stream);
}

void data_stream_done(DataStream *data)
{
        if (data->stream)
                IUnknown_Release(data->stream);
        pthread_mutex_destroy(&data->lock);
}

HRESULT data_stream_get(DataStream *data, void *ret_stream)
{
        IUnknown *stream;
        HRESULT hr;

        pthread_mutex_lock(&data->lock);
        stream = data->stream;
        hr = data->is_closed ? RO_E_CLOSED : stream ? S_OK : E_ILLEGAL_METHOD_CALL;
        if (SUCCEEDED(hr))
                IUnknown_AddRef(stream);
        pthread_mutex_unlock(&data->lock);
        *(void **)ret_stream = SUCCEEDED(hr) ? stream : NULL;
        return hr;
}

STDMETHODIMP data_stream_get_encoding(void *self, UnicodeEncoding *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = data_of(self)->encoding;
        return S_OK;
}

STDMETHODIMP data_stream_put_encoding(void *self, UnicodeEncoding value)
{
        if ((unsigned)value > UnicodeEncoding_Utf16BE)
                return E_INVALIDARG;
        data_of(self)->encoding = value;
        return S_OK;
}

STDMETHODIMP data_stream_get_order(void *self, ByteOrder *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = data_of(self)->order;
        return S_OK;
}

STDMETHODIMP data_stream_put_order(void *self, ByteOrder value)
{
        if ((unsigned)value > ByteOrder_BigEndian)
                return E_INVALIDARG;
        data_of(self)->order = value;
        return S_OK;
}

static IUnknown *take_stream(DataStream *data, bool closes)
{
        IUnknown *stream;

        pthread_mutex_lock(&data->lock);
        stream = TAKE_PTR(data->stream);
        data->is_closed = data->is_closed || closes;
        pthread_mutex_unlock(&data->lock);
        return stream;
}

STDMETHODIMP data_stream_detach(void *self, IUnknown **ret_stream)
{
        if (!ret_stream)
                return E_POINTER;
        *ret_stream = take_stream(data_of(self), false);
        return S_OK;
}

static STDMETHODIMP close_it(IClosable *self)
{
        IUnknown *stream = take_stream(data_of(self), true);

        if (stream) {
                closable_close(stream);
                IUnknown_Release(stream);
        }
        return S_OK;
}

const IClosableVtbl data_stream_closable = { INSPECTABLE_SLOTS, .Close = close_it };
