/* SPDX-License-Identifier: MIT */

/*
 * Sets of values as records of libbgtask, which are what a request carries. A record has fewer types: what it would
 * not give back as it was is named, with its type, in a record of its own among the values.
 */

#include <string.h>

#include "winrt/property.h"
#include "winrt/valueset.h"

/*
 * The types of values that a record does not have stand in this record beside them. A key of a set that is this one,
 * or this one and dots, has one dot more in the record.
 */
#define TYPES_KEY "winrt.types"
/* Deeper ones no record takes; a set may hold itself. */
#define NESTED_MAX 8

static HRESULT from_errno(int r)
{
        return r == -12 ? E_OUTOFMEMORY : r < 0 ? E_INVALIDARG : S_OK;
}

static HRESULT put_string(bgt_record *record, const char *key, HSTRING value)
{
        _cleanup_(freep) char *text = NULL;
        HRESULT hr = string_to_utf8(value, &text);

        return SUCCEEDED(hr) ? from_errno(bgt_record_set_string(record, key, text)) : hr;
}

static HRESULT put_strings(bgt_record *record, const char *key, IPropertyValue *value)
{
        HSTRING *strings = NULL;
        char **texts = NULL;
        UINT32 n = 0, n_texts = 0;
        HRESULT hr = IPropertyValue_GetStringArray(value, &n, &strings);

        if (SUCCEEDED(hr)) {
                texts = calloc(MAX(n, 1u), sizeof *texts);
                hr = texts ? S_OK : E_OUTOFMEMORY;
        }
        while (SUCCEEDED(hr) && n_texts < n) {
                hr = string_to_utf8(strings[n_texts], &texts[n_texts]);
                n_texts += SUCCEEDED(hr);
        }
        if (SUCCEEDED(hr))
                hr = from_errno(bgt_record_set_strings(record, key, (const char *const *)texts, n));
        for (UINT32 i = 0; i < n_texts; i++)
                free(texts[i]);
        free(texts);
        for (UINT32 i = 0; i < n; i++)
                (void)WindowsDeleteString(strings[i]);
        CoTaskMemFree(strings);
        return hr;
}

static HRESULT put_bytes(bgt_record *record, const char *key, IPropertyValue *value)
{
        UINT8 *bytes = NULL;
        char *text = NULL;
        UINT32 n = 0;
        HRESULT hr = IPropertyValue_GetUInt8Array(value, &n, &bytes);

        if (SUCCEEDED(hr)) {
                text = malloc((size_t)n * 2 + 1);
                hr = text ? S_OK : E_OUTOFMEMORY;
        }
        if (SUCCEEDED(hr)) {
                for (UINT32 i = 0; i < n; i++) {
                        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
                        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
                }
                text[2 * (size_t)n] = '\0';
                hr = from_errno(bgt_record_set_string(record, key, text));
        }
        free(text);
        CoTaskMemFree(bytes);
        return hr;
}

/* What a record of libbgtask has a type of its own for. */
static bool is_told_by_record(PropertyType type)
{
        return type == PropertyType_Int64 || type == PropertyType_UInt64 || type == PropertyType_Double ||
                type == PropertyType_Boolean || type == PropertyType_String || type == PropertyType_StringArray;
}

#define PUT(getter, ctype, call)                                        \
        ({                                                              \
                ctype v = { 0 };                                        \
                HRESULT got = IPropertyValue_##getter(value, &v);       \
                SUCCEEDED(got) ? from_errno(call) : got;                \
        })

static HRESULT put_value(bgt_record *record, const char *key, IPropertyValue *value, PropertyType type)
{
        HSTRING string = NULL;
        char text[BGT_ID_SIZE];
        HRESULT hr;

        switch (type) {
        case PropertyType_UInt8:
        case PropertyType_UInt16:
        case PropertyType_UInt32:
        case PropertyType_UInt64:
                return PUT(GetUInt64, UINT64, bgt_record_set_uint(record, key, v));
        case PropertyType_Int16:
        case PropertyType_Int32:
        case PropertyType_Int64:
                return PUT(GetInt64, INT64, bgt_record_set_int(record, key, v));
        case PropertyType_Single:
        case PropertyType_Double:
                return PUT(GetDouble, DOUBLE, bgt_record_set_double(record, key, v));
        case PropertyType_Char16:
                return PUT(GetChar16, WCHAR, bgt_record_set_uint(record, key, v));
        case PropertyType_Boolean:
                return PUT(GetBoolean, boolean, bgt_record_set_bool(record, key, v));
        case PropertyType_DateTime:
                return PUT(GetDateTime, DateTime, bgt_record_set_int(record, key, v.UniversalTime));
        case PropertyType_TimeSpan:
                return PUT(GetTimeSpan, TimeSpan, bgt_record_set_int(record, key, v.Duration));
        case PropertyType_Guid:
                return PUT(GetGuid, GUID, (guid_format(v, text), bgt_record_set_string(record, key, text)));
        case PropertyType_Empty:
                return from_errno(bgt_record_set_bool(record, key, false));
        case PropertyType_String:
                hr = IPropertyValue_GetString(value, &string);
                if (SUCCEEDED(hr))
                        hr = put_string(record, key, string);
                (void)WindowsDeleteString(string);
                return hr;
        case PropertyType_UInt8Array:
                return put_bytes(record, key, value);
        case PropertyType_StringArray:
                return put_strings(record, key, value);
        default:
                return E_INVALIDARG;
        }
}

static HRESULT set_to_record(IPropertySet *set, unsigned left, bgt_record **ret);

/* left: so many sets in each other may follow. */
static HRESULT put_object(bgt_record *record, bgt_record *types, const char *key, IInspectable *object, unsigned left)
{
        PropertyType type = PropertyType_Empty;
        IPropertySet *nested = NULL;
        IPropertyValue *value = NULL;
        HRESULT hr = S_OK;

        if (!object) {
                hr = from_errno(bgt_record_set_bool(record, key, false));
        } else if (SUCCEEDED(IInspectable_QueryInterface(object, &IID_IPropertySet, (void **)&nested))) {
                bgt_record *inner = NULL;

                hr = left > 0 ? set_to_record(nested, left - 1, &inner) : E_INVALIDARG;
                if (SUCCEEDED(hr))
                        hr = from_errno(bgt_record_set_record(record, key, inner));
                bgt_record_unref(inner);
                IPropertySet_Release(nested);
                return hr;
        } else {
                hr = IInspectable_QueryInterface(object, &IID_IPropertyValue, (void **)&value);
                if (SUCCEEDED(hr))
                        hr = IPropertyValue_get_Type(value, &type);
                if (SUCCEEDED(hr))
                        hr = put_value(record, key, value, type);
                if (value)
                        IPropertyValue_Release(value);
        }
        if (SUCCEEDED(hr) && !is_told_by_record(type))
                hr = from_errno(bgt_record_set_int(types, key, type));
        return hr;
}

HRESULT value_to_record(bgt_record *record, bgt_record *types, const char *key, IInspectable *object)
{
        return put_object(record, types, key, object, NESTED_MAX);
}

static bool may_be_taken_for_types(const char *key)
{
        const size_t n = sizeof TYPES_KEY - 1;

        return strncmp(key, TYPES_KEY, n) == 0 && key[n + strspn(key + n, ".")] == '\0';
}

/* *key is freed by the caller, whatever comes of it. */
static HRESULT name_in_record(char **key)
{
        size_t n = strlen(*key);
        char *longer;

        if (!may_be_taken_for_types(*key))
                return S_OK;
        longer = realloc(*key, n + 2);
        if (!longer)
                return E_OUTOFMEMORY;
        longer[n] = '.';
        longer[n + 1] = '\0';
        *key = longer;
        return S_OK;
}

/* What a key of a record is called in the set. */
static HRESULT name_in_set(const char *key, HSTRING *ret)
{
        HSTRING longer = NULL;
        HRESULT hr = string_from_utf8(key, &longer);

        if (FAILED(hr) || !may_be_taken_for_types(key) || strcmp(key, TYPES_KEY) == 0) {
                *ret = longer;
                return hr;
        }
        hr = WindowsSubstringWithSpecifiedLength(longer, 0, WindowsGetStringLen(longer) - 1, ret);
        (void)WindowsDeleteString(longer);
        return hr;
}

static HRESULT put_pair(bgt_record *record, bgt_record *types, IKeyValuePair_HSTRING_IInspectable *pair, unsigned left)
{
        _cleanup_(freep) char *key = NULL;
        IInspectable *object = NULL;
        HSTRING name = NULL;
        HRESULT hr = IKeyValuePair_HSTRING_IInspectable_get_Key(pair, &name);

        if (SUCCEEDED(hr))
                hr = string_to_utf8(name, &key);
        if (SUCCEEDED(hr))
                hr = name_in_record(&key);
        if (SUCCEEDED(hr))
                hr = IKeyValuePair_HSTRING_IInspectable_get_Value(pair, &object);
        if (SUCCEEDED(hr))
                hr = put_object(record, types, key, object, left);
        if (object)
                IInspectable_Release(object);
        (void)WindowsDeleteString(name);
        return hr;
}

static HRESULT put_all(bgt_record *record, bgt_record *types, IIterator_HSTRING_IInspectable *iterator, unsigned left)
{
        boolean more = 0;
        HRESULT hr = IIterator_HSTRING_IInspectable_get_HasCurrent(iterator, &more);

        while (SUCCEEDED(hr) && more) {
                IKeyValuePair_HSTRING_IInspectable *pair = NULL;

                hr = IIterator_HSTRING_IInspectable_get_Current(iterator, &pair);
                if (SUCCEEDED(hr)) {
                        hr = put_pair(record, types, pair, left);
                        IKeyValuePair_HSTRING_IInspectable_Release(pair);
                }
                if (SUCCEEDED(hr))
                        hr = IIterator_HSTRING_IInspectable_MoveNext(iterator, &more);
        }
        return hr;
}

static HRESULT set_to_record(IPropertySet *set, unsigned left, bgt_record **ret)
{
        IIterable_HSTRING_IInspectable *iterable = NULL;
        IIterator_HSTRING_IInspectable *iterator = NULL;
        bgt_record *record, *types;
        HRESULT hr;

        *ret = NULL;
        if (!set)
                return S_OK;
        record = bgt_record_new();
        types = bgt_record_new();
        hr = record && types ? S_OK : E_OUTOFMEMORY;
        if (SUCCEEDED(hr))
                hr = IPropertySet_QueryInterface(set, &IID_IIterable_HSTRING_IInspectable, (void **)&iterable);
        if (SUCCEEDED(hr))
                hr = IIterable_HSTRING_IInspectable_First(iterable, &iterator);
        if (SUCCEEDED(hr))
                hr = put_all(record, types, iterator, left);
        if (SUCCEEDED(hr) && bgt_record_size(types) > 0)
                hr = from_errno(bgt_record_set_record(record, TYPES_KEY, types));
        if (iterator)
                IIterator_HSTRING_IInspectable_Release(iterator);
        if (iterable)
                IIterable_HSTRING_IInspectable_Release(iterable);
        if (SUCCEEDED(hr))
                *ret = TAKE_PTR(record);
        bgt_record_unref(types);
        bgt_record_unref(record);
        return hr;
}

HRESULT valueset_to_record(IPropertySet *set, bgt_record **ret)
{
        return set_to_record(set, NESTED_MAX, ret);
}

/* And back. */

static HRESULT get_string(const char *text, IInspectable **ret)
{
        HSTRING string;
        HRESULT hr = string_from_utf8(text, &string);

        if (FAILED(hr))
                return hr;
        hr = property_new_string(string, ret);
        (void)WindowsDeleteString(string);
        return hr;
}

static HRESULT get_strings(const char *const *texts, size_t n, IInspectable **ret)
{
        HSTRING *strings = calloc(MAX(n, (size_t)1), sizeof *strings);
        HRESULT hr = strings ? S_OK : E_OUTOFMEMORY;

        for (size_t i = 0; i < n && SUCCEEDED(hr); i++)
                hr = string_from_utf8(texts[i], &strings[i]);
        if (SUCCEEDED(hr))
                hr = property_new_strings(strings, (UINT32)n, ret);
        for (size_t i = 0; i < n && strings; i++)
                (void)WindowsDeleteString(strings[i]);
        free(strings);
        return hr;
}

static int digit(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static HRESULT get_bytes(const char *text, IInspectable **ret)
{
        size_t n = strlen(text) / 2;
        UINT8 *bytes = malloc(MAX(n, (size_t)1));
        HRESULT hr;

        if (!bytes)
                return E_OUTOFMEMORY;
        for (size_t i = 0; i < n; i++)
                bytes[i] = (UINT8)((digit(text[2 * i]) << 4 | digit(text[2 * i + 1])) & 0xff);
        hr = property_new_bytes(bytes, (UINT32)n, ret);
        free(bytes);
        return hr;
}

/* type: that of the value as the record has it, unless another one is named. */
static HRESULT get_value(const bgt_record *record, const char *key, PropertyType type, IInspectable **ret)
{
        const char *const *texts;
        GUID guid;
        size_t n;

        switch (type) {
        case PropertyType_UInt8:
        case PropertyType_UInt16:
        case PropertyType_UInt32:
        case PropertyType_UInt64:
        case PropertyType_Char16:
                return property_new_bits(type, bgt_record_uint(record, key, 0), ret);
        case PropertyType_Int16:
        case PropertyType_Int32:
        case PropertyType_Int64:
        case PropertyType_DateTime:
        case PropertyType_TimeSpan:
                return property_new_bits(type, (uint64_t)bgt_record_int(record, key, 0), ret);
        case PropertyType_Single:
        case PropertyType_Double:
                return property_new_double(type, bgt_record_double(record, key, 0), ret);
        case PropertyType_Boolean:
                return property_new_bits(type, bgt_record_bool(record, key, false), ret);
        case PropertyType_Guid:
                if (!guid_parse(bgt_record_string(record, key), &guid))
                        return E_INVALIDARG;
                return property_new_guid(guid, ret);
        case PropertyType_String:
                return get_string(bgt_record_string(record, key), ret);
        case PropertyType_UInt8Array:
                return get_bytes(bgt_record_string(record, key) ?: "", ret);
        case PropertyType_StringArray:
                texts = bgt_record_strings(record, key, &n);
                return get_strings(texts, texts ? n : 0, ret);
        default:
                *ret = NULL;
                return S_OK;
        }
}

HRESULT value_from_record(const bgt_record *record, const bgt_record *types, const char *key, IInspectable **ret)
{
        static const PropertyType by_record[] = {
                [BGT_TYPE_BOOL] = PropertyType_Boolean,
                [BGT_TYPE_INT] = PropertyType_Int64,
                [BGT_TYPE_UINT] = PropertyType_UInt64,
                [BGT_TYPE_STRING] = PropertyType_String,
                [BGT_TYPE_STRINGS] = PropertyType_StringArray,
                [BGT_TYPE_DOUBLE] = PropertyType_Double,
        };
        int type = bgt_record_type(record, key);

        *ret = NULL;
        if (type == BGT_TYPE_RECORD)
                return valueset_from_record(bgt_record_record(record, key), (IPropertySet **)ret);
        if (bgt_record_type(types, key) != BGT_TYPE_NONE)
                return get_value(record, key, (PropertyType)bgt_record_int(types, key, 0), ret);
        return type > 0 && (size_t)type < ELEMENTSOF(by_record) ? get_value(record, key, by_record[type], ret) : S_OK;
}

static HRESULT get_pair(IMap_HSTRING_IInspectable *map, const bgt_record *record, const bgt_record *types,
                        const char *key)
{
        IInspectable *object = NULL;
        HSTRING name = NULL;
        boolean replaced;
        HRESULT hr = value_from_record(record, types, key, &object);

        if (SUCCEEDED(hr))
                hr = name_in_set(key, &name);
        if (SUCCEEDED(hr))
                hr = IMap_HSTRING_IInspectable_Insert(map, name, object, &replaced);
        if (object)
                IInspectable_Release(object);
        (void)WindowsDeleteString(name);
        return hr;
}

HRESULT valueset_from_record(const bgt_record *record, IPropertySet **ret)
{
        const bgt_record *types = bgt_record_record(record, TYPES_KEY);
        IMap_HSTRING_IInspectable *map = NULL;
        const char *key;
        HRESULT hr = valueset_new(ret);

        if (SUCCEEDED(hr))
                hr = IPropertySet_QueryInterface(*ret, &IID_IMap_HSTRING_IInspectable, (void **)&map);
        for (size_t i = 0; SUCCEEDED(hr) && (key = bgt_record_key(record, i)); i++)
                if (!types || strcmp(key, TYPES_KEY) != 0)
                        hr = get_pair(map, record, types, key);
        if (map)
                IMap_HSTRING_IInspectable_Release(map);
        if (FAILED(hr) && *ret) {
                IPropertySet_Release(*ret);
                *ret = NULL;
        }
        return hr;
}
