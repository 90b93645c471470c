/* SPDX-License-Identifier: MIT */

/* DataReader and DataWriter, on buffers and on sockets. */

#include "sockets.h"

#include <string.h>

#define STREAMS "Windows.Storage.Streams."
#define ERROR_NO_UNICODE_TRANSLATION 1113

static IDataWriter *new_writer(void)
{
        return activate_as(STRING(STREAMS "DataWriter"), &IID_IDataWriter);
}

static IDataWriter *writer_on(IStreamSocket *socket)
{
        IDataWriterFactory *factory = factory_of(STRING(STREAMS "DataWriter"), &IID_IDataWriterFactory);
        IOutputStream *stream = NULL;
        IDataWriter *writer = NULL;

        CHECK_OK(IStreamSocket_get_OutputStream(socket, &stream));
        CHECK(IDataWriterFactory_CreateDataWriter(factory, NULL, &writer) == E_INVALIDARG && !writer);
        CHECK_OK(IDataWriterFactory_CreateDataWriter(factory, stream, &writer));
        IOutputStream_Release(stream);
        return writer;
}

static IDataReader *reader_on(IStreamSocket *socket)
{
        IDataReaderFactory *factory = factory_of(STRING(STREAMS "DataReader"), &IID_IDataReaderFactory);
        IInputStream *stream = NULL;
        IDataReader *reader = NULL;

        CHECK_OK(IStreamSocket_get_InputStream(socket, &stream));
        CHECK(IDataReaderFactory_CreateDataReader(factory, NULL, &reader) == E_INVALIDARG && !reader);
        CHECK_OK(IDataReaderFactory_CreateDataReader(factory, stream, &reader));
        IInputStream_Release(stream);
        return reader;
}

static IDataReader *reader_of(IBuffer *buffer)
{
        IDataReaderStatics *statics = factory_of(STRING(STREAMS "DataReader"), &IID_IDataReaderStatics);
        IDataReader *reader = NULL;

        CHECK_OK(IDataReaderStatics_FromBuffer(statics, buffer, &reader));
        return reader;
}

/* Of all that was written; the writer is given back. */
static IDataReader *read_back(IDataWriter *writer)
{
        IDataReader *reader;
        IBuffer *buffer = NULL;
        UINT32 n = 9;

        CHECK_OK(IDataWriter_DetachBuffer(writer, &buffer));
        CHECK_OK(IDataWriter_get_UnstoredBufferLength(writer, &n));
        CHECK(n == 0);
        reader = reader_of(buffer);
        CHECK(IBuffer_Release(buffer) == 0);
        CHECK(IDataWriter_Release(writer) == 0);
        return reader;
}

static UINT32 left_of(IDataReader *reader)
{
        UINT32 n = 0;

        CHECK_OK(IDataReader_get_UnconsumedBufferLength(reader, &n));
        return n;
}

static HRESULT result_of_count(IAsyncOperation_UINT32 *operation, UINT32 *ret_n)
{
        HRESULT hr = IAsyncOperation_UINT32_GetResults(operation, ret_n);

        IAsyncOperation_UINT32_Release(operation);
        return hr;
}

static UINT32 load(IDataReader *reader, UINT32 count)
{
        IAsyncOperation_UINT32 *operation = NULL;
        UINT32 n = 0;

        CHECK_OK(IDataReader_LoadAsync(reader, count, &operation));
        CHECK_OK(result_of_count(operation, &n));
        return n;
}

static UINT32 store(IDataWriter *writer)
{
        IAsyncOperation_UINT32 *operation = NULL;
        UINT32 n = 0;

        CHECK_OK(IDataWriter_StoreAsync(writer, &operation));
        CHECK_OK(result_of_count(operation, &n));
        return n;
}

static void write_text(IDataWriter *writer, HSTRING text)
{
        UINT32 n = 0, measured = 9;

        CHECK_OK(IDataWriter_MeasureString(writer, text, &measured));
        CHECK_OK(IDataWriter_WriteString(writer, text, &n));
        CHECK(n == measured);
}

static void check_text(IDataReader *reader, UINT32 n, const char *expected)
{
        HSTRING text = NULL;

        CHECK_OK(IDataReader_ReadString(reader, n, &text));
        CHECK(string_is(text, expected));
        CHECK_OK(WindowsDeleteString(text));
}

/* Values, and how they are written in each order. */
static void values_keep_their_bytes(void)
{
        static const UINT8 big[] = { 0x12, 0x12, 0x34, 0x12, 0x34, 0x56, 0x78, 1, 2, 3, 4, 5, 6, 7, 8,
                                     0x3f, 0x80, 0, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
        static const UINT8 little[] = { 0x12, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 8, 7, 6, 5, 4, 3, 2, 1,
                                        0, 0, 0x80, 0x3f, 1, 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
        static const GUID guid = { 0x00010203, 0x0405, 0x0607, { 8, 9, 10, 11, 12, 13, 14, 15 } };

        for (ByteOrder order = ByteOrder_LittleEndian; order <= ByteOrder_BigEndian; order++) {
                IDataWriter *writer = new_writer();
                UINT8 bytes[sizeof big];
                IDataReader *reader;

                CHECK_OK(IDataWriter_put_ByteOrder(writer, order));
                CHECK_OK(IDataWriter_WriteByte(writer, 0x12));
                CHECK_OK(IDataWriter_WriteUInt16(writer, 0x1234));
                CHECK_OK(IDataWriter_WriteInt32(writer, 0x12345678));
                CHECK_OK(IDataWriter_WriteUInt64(writer, 0x0102030405060708));
                CHECK_OK(IDataWriter_WriteSingle(writer, 1.0f));
                CHECK_OK(IDataWriter_WriteBoolean(writer, 7));
                CHECK_OK(IDataWriter_WriteGuid(writer, guid));
                reader = read_back(writer);
                CHECK(left_of(reader) == sizeof bytes);
                CHECK_OK(IDataReader_ReadBytes(reader, sizeof bytes, bytes));
                CHECK(memcmp(bytes, order == ByteOrder_BigEndian ? big : little, sizeof bytes) == 0);
                CHECK(IDataReader_Release(reader) == 0);
        }
}

#define EACH_NUMBER(X)                                                          \
        X(Byte, UINT8, 200)                                                     \
        X(Int16, INT16, -30000)                                                 \
        X(UInt16, UINT16, 60000)                                                \
        X(Int32, INT32, -70000)                                                 \
        X(UInt32, UINT32, 4000000000u)                                          \
        X(Int64, INT64, -5000000000)                                            \
        X(UInt64, UINT64, 18000000000000000000u)                                \
        X(Single, FLOAT, 1.5f)                                                  \
        X(Double, DOUBLE, 0.1)                                                  \
        X(Boolean, boolean, 1)

static void values_are_read_as_they_were_written(void)
{
        IDataWriter *writer = new_writer();
        ByteOrder order = ByteOrder_LittleEndian;
        IDataReader *reader;
        DateTime date = { 0 };
        TimeSpan span = { 0 };
        GUID guid = { 0 };

        CHECK_OK(IDataWriter_get_ByteOrder(writer, &order));
        CHECK(order == ByteOrder_BigEndian);
#define WRITE(name, ctype, value) CHECK_OK(IDataWriter_Write##name(writer, value));
        EACH_NUMBER(WRITE)
        CHECK_OK(IDataWriter_WriteGuid(writer, test_clsid));
        CHECK_OK(IDataWriter_WriteDateTime(writer, (DateTime){ -1 }));
        CHECK_OK(IDataWriter_WriteTimeSpan(writer, (TimeSpan){ 10000000 }));
        reader = read_back(writer);
#define READ(name, ctype, value)                                                \
        do {                                                                    \
                ctype v = 0;                                                    \
                                                                                \
                CHECK(IDataReader_Read##name(reader, NULL) == E_POINTER);       \
                CHECK_OK(IDataReader_Read##name(reader, &v));                   \
                CHECK(v == (value));                                            \
        } while (0);
        EACH_NUMBER(READ)
        CHECK_OK(IDataReader_ReadGuid(reader, &guid));
        CHECK(memcmp(&guid, &test_clsid, sizeof guid) == 0);
        CHECK_OK(IDataReader_ReadDateTime(reader, &date));
        CHECK_OK(IDataReader_ReadTimeSpan(reader, &span));
        CHECK(date.UniversalTime == -1 && span.Duration == 10000000 && left_of(reader) == 0);
        CHECK(IDataReader_Release(reader) == 0);
}

static void texts_have_an_encoding(void)
{
        static const struct {
                UnicodeEncoding encoding;
                UINT32 n;
                UINT8 bytes[8];
        } cases[] = {
                { UnicodeEncoding_Utf8, 8, { 'a', 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80 } },
                { UnicodeEncoding_Utf16LE, 8, { 'a', 0, 0xac, 0x20, 0x3d, 0xd8, 0x00, 0xde } },
                { UnicodeEncoding_Utf16BE, 8, { 0, 'a', 0x20, 0xac, 0xd8, 0x3d, 0xde, 0x00 } },
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                IDataWriter *writer = new_writer();
                HSTRING text = NULL;
                IDataReader *reader;
                UINT8 bytes[8];
                INT32 order = 9;

                CHECK_OK(IDataWriter_put_UnicodeEncoding(writer, cases[i].encoding));
                write_text(writer, STRING("a\u20ac\U0001f600"));
                write_text(writer, STRING("a\u20ac\U0001f600"));
                reader = read_back(writer);
                CHECK_OK(IDataReader_put_UnicodeEncoding(reader, cases[i].encoding));
                CHECK(left_of(reader) == 2 * cases[i].n);
                CHECK_OK(IDataReader_ReadBytes(reader, 8, bytes));
                CHECK(memcmp(bytes, cases[i].bytes, 8) == 0);
                CHECK_OK(IDataReader_ReadString(reader, cases[i].encoding == UnicodeEncoding_Utf8 ? 8 : 4, &text));
                CHECK_OK(WindowsCompareStringOrdinal(text, STRING("a\u20ac\U0001f600"), &order));
                CHECK(order == 0);
                CHECK_OK(WindowsDeleteString(text));
                CHECK(IDataReader_Release(reader) == 0);
        }
}

static void bytes_that_are_no_text_are_refused(void)
{
        UINT8 bad[] = { 'a', 0xff, 'b' }, zero[] = { 'a', 0, 'b' };
        IDataWriter *writer = new_writer();
        HSTRING text = (HSTRING)&text;
        IDataReader *reader;

        CHECK_OK(IDataWriter_WriteBytes(writer, 3, bad));
        CHECK_OK(IDataWriter_WriteBytes(writer, 3, zero));
        reader = read_back(writer);
        CHECK(IDataReader_ReadString(reader, 3, &text) == HRESULT_FROM_WIN32(ERROR_NO_UNICODE_TRANSLATION) && !text);
        CHECK_OK(IDataReader_ReadString(reader, 3, &text));
        CHECK(WindowsGetStringLen(text) == 3 && WindowsGetStringRawBuffer(text, NULL)[2] == u'b');
        CHECK_OK(WindowsDeleteString(text));
        CHECK_OK(IDataReader_ReadString(reader, 0, &text));
        CHECK(!text && left_of(reader) == 0);
        CHECK(IDataReader_put_UnicodeEncoding(reader, (UnicodeEncoding)3) == E_INVALIDARG);
        CHECK(IDataReader_put_ByteOrder(reader, (ByteOrder)2) == E_INVALIDARG);
        CHECK(IDataReader_put_InputStreamOptions(reader, (InputStreamOptions)4) == E_INVALIDARG);
        CHECK(IDataReader_Release(reader) == 0);
}

static void nothing_is_read_behind_the_end(void)
{
        IBuffer *buffer = (void *)&buffer;
        IDataReader *reader;
        HSTRING text = (HSTRING)&text;
        UINT32 number = 9;
        UINT8 bytes[4];

        CHECK_OK(make_buffer("abc", 8, &buffer));
        reader = reader_of(buffer);
        IBuffer_Release(buffer);
        CHECK(IDataReader_ReadUInt32(reader, &number) == E_BOUNDS);
        CHECK(IDataReader_ReadBytes(reader, 4, bytes) == E_BOUNDS);
        CHECK(IDataReader_ReadString(reader, 4, &text) == E_BOUNDS && !text);
        CHECK(IDataReader_ReadBuffer(reader, 4, &buffer) == E_BOUNDS && !buffer);
        CHECK_OK(IDataReader_ReadBuffer(reader, 1, &buffer));
        CHECK(holds(buffer, "a") && IBuffer_Release(buffer) == 0);
        CHECK_OK(IDataReader_DetachBuffer(reader, &buffer));
        CHECK(holds(buffer, "bc") && left_of(reader) == 0);
        CHECK(IBuffer_Release(buffer) == 0);
        CHECK(IDataReader_Release(reader) == 0);
}

static void a_buffer_is_written_in_parts(void)
{
        IDataWriter *writer = new_writer();
        IDataReader *reader;
        IBuffer *buffer = NULL;

        CHECK_OK(make_buffer("abcdef", 8, &buffer));
        CHECK_OK(IDataWriter_WriteBuffer(writer, buffer));
        CHECK_OK(IDataWriter_WriteBufferRange(writer, buffer, 1, 2));
        CHECK(IDataWriter_WriteBufferRange(writer, buffer, 5, 2) == E_BOUNDS);
        CHECK(IDataWriter_WriteBuffer(writer, NULL) == E_INVALIDARG);
        reader = read_back(writer);
        check_text(reader, 8, "abcdefbc");
        CHECK(IBuffer_Release(buffer) == 0);
        CHECK(IDataReader_Release(reader) == 0);
}

static void without_a_stream_nothing_is_loaded(void)
{
        IAsyncOperation_UINT32 *operation = (void *)&operation;
        IAsyncOperation_boolean *flush = (void *)&flush;
        IInputStream *input = (void *)&input;
        IDataWriter *writer = new_writer();
        IDataReader *reader;
        UINT32 n = 9;

        CHECK(IDataWriter_StoreAsync(writer, &operation) == E_ILLEGAL_METHOD_CALL && !operation);
        CHECK(IDataWriter_FlushAsync(writer, &flush) == E_ILLEGAL_METHOD_CALL && !flush);
        write_text(writer, STRING("text"));
        reader = read_back(writer);
        CHECK(IDataReader_LoadAsync(reader, 1, &operation) == E_ILLEGAL_METHOD_CALL && !operation);
        CHECK(IDataReader_DetachStream(reader, &input) == S_OK && !input);
        CHECK_OK(close_face(reader));
        CHECK(IDataReader_ReadUInt32(reader, &n) == RO_E_CLOSED);
        CHECK(IDataReader_LoadAsync(reader, 1, &operation) == RO_E_CLOSED);
        CHECK(IDataReader_Release(reader) == 0);
        writer = new_writer();
        CHECK_OK(close_face(writer));
        CHECK(IDataWriter_WriteByte(writer, 1) == RO_E_CLOSED);
        CHECK(IDataWriter_Release(writer) == 0);
}

static void values_go_over_a_socket(void)
{
        Pair pair = new_pair();
        IDataWriter *writer = writer_on(pair.one);
        IDataReader *reader = reader_on(pair.other);
        IAsyncOperation_boolean *flush = NULL;
        UINT32 number = 0;
        boolean done = 0;

        CHECK_OK(IDataWriter_WriteUInt32(writer, 5));
        write_text(writer, STRING("hello"));
        CHECK(store(writer) == 9 && store(writer) == 0);
        CHECK_OK(IDataWriter_FlushAsync(writer, &flush));
        CHECK_OK(IAsyncOperation_boolean_GetResults(flush, &done));
        CHECK(done);
        IAsyncOperation_boolean_Release(flush);
        CHECK(load(reader, 4) == 4);
        CHECK_OK(IDataReader_ReadUInt32(reader, &number));
        CHECK(number == 5 && load(reader, 2) == 2 && load(reader, 3) == 3 && left_of(reader) == 5);
        check_text(reader, 5, "hello");
        CHECK(IDataWriter_Release(writer) == 0);
        CHECK(IDataReader_Release(reader) == 0);
        IStreamSocket_Release(pair.one);
        IStreamSocket_Release(pair.other);
}

static void a_partial_load_takes_what_is_there(void)
{
        Pair pair = new_pair();
        IDataReader *reader = reader_on(pair.other);
        IDataWriter *writer = writer_on(pair.one);

        CHECK_OK(IDataReader_put_InputStreamOptions(reader, InputStreamOptions_Partial));
        CHECK_OK(send_text(pair.one, "some"));
        CHECK(load(reader, 250) == 4);
        check_text(reader, 4, "some");
        /* A writer that is closed ends its stream. */
        CHECK_OK(close_face(writer));
        CHECK_OK(IDataReader_put_InputStreamOptions(reader, InputStreamOptions_None));
        CHECK(load(reader, 250) == 0 && left_of(reader) == 0);
        IDataWriter_Release(writer);
        IDataReader_Release(reader);
        IStreamSocket_Release(pair.one);
        IStreamSocket_Release(pair.other);
}

static void a_stream_that_is_detached_stays_open(void)
{
        Pair pair = new_pair();
        IDataReader *reader = reader_on(pair.other);
        IDataWriter *writer = writer_on(pair.one);
        IAsyncOperation_UINT32 *operation = NULL;
        IOutputStream *output = NULL;
        IInputStream *input = NULL;

        CHECK_OK(IDataWriter_DetachStream(writer, &output));
        CHECK_OK(IDataReader_DetachStream(reader, &input));
        CHECK(output && input);
        CHECK(IDataWriter_StoreAsync(writer, &operation) == E_ILLEGAL_METHOD_CALL);
        CHECK_OK(close_face(writer));
        CHECK_OK(close_face(reader));
        CHECK_OK(send_text(pair.one, "still"));
        CHECK_OK(expect_text(pair.other, "still"));
        IOutputStream_Release(output);
        IInputStream_Release(input);
        IDataWriter_Release(writer);
        IDataReader_Release(reader);
        IStreamSocket_Release(pair.one);
        IStreamSocket_Release(pair.other);
}

static void a_peer_that_is_gone_fails_the_operation(void)
{
        Pair pair = new_pair();
        IDataReader *reader = reader_on(pair.other);
        IAsyncOperation_UINT32 *operation = NULL;
        AsyncStatus status = AsyncStatus_Started;
        IAsyncInfo *info = NULL;
        HRESULT error = S_OK;
        UINT32 n = 9;

        CHECK_OK(close_face(pair.other));
        CHECK_OK(IDataReader_LoadAsync(reader, 1, &operation));
        CHECK_OK(IAsyncOperation_UINT32_QueryInterface(operation, &IID_IAsyncInfo, (void **)&info));
        CHECK_OK(IAsyncInfo_get_Status(info, &status));
        CHECK_OK(IAsyncInfo_get_ErrorCode(info, &error));
        CHECK(status == AsyncStatus_Error && error == RO_E_CLOSED);
        CHECK(IAsyncOperation_UINT32_GetResults(operation, &n) == RO_E_CLOSED);
        IAsyncInfo_Release(info);
        IAsyncOperation_UINT32_Release(operation);
        IDataReader_Release(reader);
        IStreamSocket_Release(pair.one);
        IStreamSocket_Release(pair.other);
}

/* What datagrams have said, in their order. */
#define MESSAGES_MAX 2
static Gate told;
static IDatagramSocketMessageReceivedEventArgs *messages[MESSAGES_MAX];
static size_t n_messages; /* of the thread that tells of them */

static STDMETHODIMP on_message(IMessageReceivedEventHandler *self, IDatagramSocket *sender,
                               IDatagramSocketMessageReceivedEventArgs *args)
{
        if (n_messages == MESSAGES_MAX)
                return E_UNEXPECTED;
        IDatagramSocketMessageReceivedEventArgs_AddRef(args);
        messages[n_messages++] = args;
        gate_raise(&told);
        return S_OK;
}

static const IMessageReceivedEventHandlerVtbl message_vtable = { FIXED_SLOTS, .Invoke = on_message };
static IMessageReceivedEventHandler message_handler = { &message_vtable };

static HSTRING local_port_of(IDatagramSocket *socket)
{
        IDatagramSocketInformation *information = NULL;
        HSTRING port = NULL;

        CHECK_OK(IDatagramSocket_get_Information(socket, &information));
        CHECK_OK(IDatagramSocketInformation_get_LocalPort(information, &port));
        IDatagramSocketInformation_Release(information);
        return port;
}

static void send_datagram(IDatagramSocket *socket, HSTRING text)
{
        IDataWriterFactory *factory = factory_of(STRING(STREAMS "DataWriter"), &IID_IDataWriterFactory);
        IOutputStream *stream = NULL;
        IDataWriter *writer = NULL;

        CHECK_OK(IDatagramSocket_get_OutputStream(socket, &stream));
        CHECK_OK(IDataWriterFactory_CreateDataWriter(factory, stream, &writer));
        write_text(writer, text);
        CHECK(store(writer) > 0);
        IDataWriter_Release(writer);
        IOutputStream_Release(stream);
}

static void check_message(IDatagramSocketMessageReceivedEventArgs *message, HSTRING from, const char *text)
{
        IDataReader *reader = NULL;
        HSTRING port = NULL;
        INT32 order = 9;

        CHECK_OK(IDatagramSocketMessageReceivedEventArgs_get_RemotePort(message, &port));
        CHECK_OK(WindowsCompareStringOrdinal(port, from, &order));
        CHECK(order == 0);
        CHECK_OK(WindowsDeleteString(port));
        CHECK_OK(IDatagramSocketMessageReceivedEventArgs_GetDataReader(message, &reader));
        check_text(reader, left_of(reader), text);
        CHECK(IDataReader_Release(reader) == 0);
        IDatagramSocketMessageReceivedEventArgs_Release(message);
}

static void datagrams_are_told(void)
{
        static const IID *const iids[] = { &IID_IDatagramSocketMessageReceivedEventArgs };
        const Gate fresh = GATE;
        IDatagramSocket *socket = activate_as(STRING(SOCKETS "DatagramSocket"), &IID_IDatagramSocket);
        IDatagramSocket *peer = activate_as(STRING(SOCKETS "DatagramSocket"), &IID_IDatagramSocket);
        IHostName *host = new_host(STRING("127.0.0.1")), *address = NULL;
        EventRegistrationToken token = { 0 };
        IAsyncAction *action = NULL;
        HSTRING port, from;
        boolean is_equal = 0;

        told = fresh;
        CHECK_OK(IDatagramSocket_add_MessageReceived(socket, &message_handler, &token));
        CHECK_OK(IDatagramSocket_BindEndpointAsync(socket, host, NULL, &action));
        CHECK_OK(result_of(action));
        port = local_port_of(socket);
        CHECK_OK(IDatagramSocket_ConnectAsync(peer, host, port, &action));
        CHECK_OK(result_of(action));
        from = local_port_of(peer);
        send_datagram(peer, STRING("first"));
        CHECK(gate_wait(&told, 1));
        check_interfaces(messages[0], iids, 1);
        check_class_name(messages[0], u"" SOCKETS "DatagramSocketMessageReceivedEventArgs");
        CHECK_OK(IDatagramSocketMessageReceivedEventArgs_get_RemoteAddress(messages[0], &address));
        CHECK(address);
        CHECK_OK(IHostName_IsEqual(address, host, &is_equal));
        CHECK(is_equal);
        IHostName_Release(address);
        check_message(messages[0], from, "first");
        send_datagram(peer, STRING("second"));
        CHECK(gate_wait(&told, 2));
        check_message(messages[1], from, "second");
        CHECK_OK(IDatagramSocket_remove_MessageReceived(socket, token));
        CHECK_OK(close_face(socket));
        CHECK_OK(WindowsDeleteString(port));
        CHECK_OK(WindowsDeleteString(from));
        IHostName_Release(host);
        IDatagramSocket_Release(socket);
        IDatagramSocket_Release(peer);
}

static void readers_and_writers_are_exact(void)
{
        static const IID *const reader_iids[] = { &IID_IDataReader, &IID_IClosable };
        static const IID *const writer_iids[] = { &IID_IDataWriter, &IID_IClosable };
        static const IID *const operation_iids[] = { &IID_IAsyncOperation_UINT32, &IID_IAsyncInfo };
        Pair pair = new_pair();
        IDataReader *reader = reader_on(pair.other);
        IDataWriter *writer = writer_on(pair.one);
        IAsyncOperation_UINT32 *operation = NULL;

        check_interfaces(reader, reader_iids, 2);
        check_class_name(reader, u"" STREAMS "DataReader");
        check_interfaces(writer, writer_iids, 2);
        check_class_name(writer, u"" STREAMS "DataWriter");
        CHECK_OK(IDataWriter_WriteByte(writer, 1));
        CHECK(IDataWriter_StoreAsync(writer, NULL) == E_POINTER);
        CHECK(IDataReader_LoadAsync(reader, 1, NULL) == E_POINTER);
        CHECK_OK(IDataWriter_StoreAsync(writer, &operation));
        check_interfaces(operation, operation_iids, 2);
        check_class_name(operation, u"" STREAMS "DataWriterStoreOperation");
        IAsyncOperation_UINT32_Release(operation);
        CHECK_OK(IDataReader_LoadAsync(reader, 1, &operation));
        check_interfaces(operation, operation_iids, 2);
        check_class_name(operation, u"" STREAMS "DataReaderLoadOperation");
        IAsyncOperation_UINT32_Release(operation);
        CHECK(IDataReader_Release(reader) == 0);
        CHECK(IDataWriter_Release(writer) == 0);
        IStreamSocket_Release(pair.one);
        IStreamSocket_Release(pair.other);
}

const Row stream_rows[] = {
        { "DataReader, DataWriter", "readers and writers have their interfaces", readers_and_writers_are_exact },
        { "DataWriter.ByteOrder", "values have their bytes, in each order", values_keep_their_bytes },
        { "DataReader", "values are read as they were written", values_are_read_as_they_were_written },
        { "DataWriter.UnicodeEncoding", "texts have an encoding", texts_have_an_encoding },
        { "DataReader.ReadString", "bytes that are no text are refused", bytes_that_are_no_text_are_refused },
        { "DataReader.ReadBytes", "nothing is read behind the end", nothing_is_read_behind_the_end },
        { "DataWriter.WriteBuffer", "a buffer is written, and parts of it", a_buffer_is_written_in_parts },
        { "ours", "without a stream nothing is loaded or stored, and nothing of what is closed",
          without_a_stream_nothing_is_loaded },
        { "DataWriter.StoreAsync, DataReader.LoadAsync", "values go over a socket", values_go_over_a_socket },
        { "InputStreamOptions.Partial", "a partial load takes what is there, and an end is none",
          a_partial_load_takes_what_is_there },
        { "DataReader.DetachStream", "a stream that is detached stays open", a_stream_that_is_detached_stays_open },
        { "DatagramSocket.MessageReceived", "datagrams are told, with whom they come from", datagrams_are_told },
        { "DataReader.LoadAsync", "a socket that is closed fails the operation",
          a_peer_that_is_gone_fails_the_operation },
        { NULL },
};
