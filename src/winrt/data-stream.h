/* SPDX-License-Identifier: MIT */
#pragma once

/* What a DataReader and a DataWriter have in common: a stream, how values are written, and that they are closed. */

#include "winrt/object.h"

/* The first member of either; its object's first face is that of IDataReader or IDataWriter. */
typedef struct DataStream {
        Object object;
        pthread_mutex_t lock;
        IUnknown *stream; /* an IInputStream or an IOutputStream; NULL: none, or it was detached */
        UnicodeEncoding encoding;
        ByteOrder order;
        bool is_closed;
} DataStream;

/* References the stream, which may be NULL. */
void data_stream_init(DataStream *data, void *stream);
void data_stream_done(DataStream *data);
/* Its stream with a reference. RO_E_CLOSED, E_ILLEGAL_METHOD_CALL (there is none). */
HRESULT data_stream_get(DataStream *data, void *ret_stream);

/* Slots of both interfaces, and of their IClosable: that closes the stream as well, unless it was detached. */
STDMETHODIMP data_stream_get_encoding(void *self, UnicodeEncoding *ret_value);
STDMETHODIMP data_stream_put_encoding(void *self, UnicodeEncoding value);
STDMETHODIMP data_stream_get_order(void *self, ByteOrder *ret_value);
STDMETHODIMP data_stream_put_order(void *self, ByteOrder value);
STDMETHODIMP data_stream_detach(void *self, IUnknown **ret_stream);
extern const IClosableVtbl data_stream_closable;

#define DATA_STREAM_SLOTS                                               \
        .get_UnicodeEncoding = (void *)data_stream_get_encoding,        \
        .put_UnicodeEncoding = (void *)data_stream_put_encoding,        \
        .get_ByteOrder = (void *)data_stream_get_order,                 \
        .put_ByteOrder = (void *)data_stream_put_order,                 \
        .DetachStream = (void *)data_stream_detach
