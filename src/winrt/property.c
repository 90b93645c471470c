/* SPDX-License-Identifier: MIT */

#include "winrt/property.h"

#include <math.h>
#include <string.h>

#include "winrt/factory.h"

typedef struct Property {
        Object object;
        PropertyType type;
        uint64_t bits; /* of whole numbers: signed ones with their sign in all 64 */
        double real;
        GUID guid;
        HSTRING *strings; /* n of them; one for PropertyType_String */
        UINT8 *bytes;
        UINT32 n;
} Property;

static Property *property_of(void *self)
{
        return (Property *)object_of(self);
}

static void property_done(Object *object)
{
        Property *property = (Property *)object;

        for (UINT32 i = 0; property->strings && i < property->n; i++)
                (void)WindowsDeleteString(property->strings[i]);
        free(property->strings);
        free(property->bytes);
}

static bool is_signed(PropertyType type)
{
        return type == PropertyType_Int16 || type == PropertyType_Int32 || type == PropertyType_Int64;
}

static bool is_real(PropertyType type)
{
        return type == PropertyType_Single || type == PropertyType_Double;
}

static STDMETHODIMP get_type(IPropertyValue *self, PropertyType *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = property_of(self)->type;
        return S_OK;
}

static bool is_number(PropertyType type)
{
        return type >= PropertyType_UInt8 && type <= PropertyType_Double;
}

static STDMETHODIMP get_is_number(IPropertyValue *self, boolean *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = is_number(property_of(self)->type);
        return S_OK;
}

/* A number of another kind is taken where it fits. */
static HRESULT take_unsigned(const Property *property, uint64_t max, uint64_t *ret)
{
        if (!is_number(property->type))
                return TYPE_E_TYPEMISMATCH;
        if (is_real(property->type)) {
                if (!(property->real > -1.0 && property->real < 18446744073709551616.0))
                        return DISP_E_OVERFLOW;
                *ret = (uint64_t)property->real;
        } else {
                if (is_signed(property->type) && (int64_t)property->bits < 0)
                        return DISP_E_OVERFLOW;
                *ret = property->bits;
        }
        return *ret <= max ? S_OK : DISP_E_OVERFLOW;
}

static HRESULT take_signed(const Property *property, int64_t min, int64_t max, int64_t *ret)
{
        if (!is_number(property->type))
                return TYPE_E_TYPEMISMATCH;
        if (is_real(property->type)) {
                if (!(property->real >= -9223372036854775808.0 && property->real < 9223372036854775808.0))
                        return DISP_E_OVERFLOW;
                *ret = (int64_t)property->real;
        } else {
                if (!is_signed(property->type) && property->bits > INT64_MAX)
                        return DISP_E_OVERFLOW;
                *ret = (int64_t)property->bits;
        }
        return *ret >= min && *ret <= max ? S_OK : DISP_E_OVERFLOW;
}

#define UNSIGNED_GETTER(name, ctype, max)                                               \
        static STDMETHODIMP get_##name(void *self, ctype *ret_value)                    \
        {                                                                               \
                uint64_t value = 0;                                                     \
                HRESULT hr;                                                             \
                                                                                        \
                if (!ret_value)                                                         \
                        return E_POINTER;                                               \
                hr = take_unsigned(property_of(self), max, &value);                     \
                *ret_value = SUCCEEDED(hr) ? (ctype)value : 0;                          \
                return hr;                                                              \
        }
#define SIGNED_GETTER(name, ctype, min, max)                                            \
        static STDMETHODIMP get_##name(void *self, ctype *ret_value)                    \
        {                                                                               \
                int64_t value = 0;                                                      \
                HRESULT hr;                                                             \
                                                                                        \
                if (!ret_value)                                                         \
                        return E_POINTER;                                               \
                hr = take_signed(property_of(self), min, max, &value);                  \
                *ret_value = SUCCEEDED(hr) ? (ctype)value : 0;                          \
                return hr;                                                              \
        }

UNSIGNED_GETTER(uint8, UINT8, UINT8_MAX)
UNSIGNED_GETTER(uint16, UINT16, UINT16_MAX)
UNSIGNED_GETTER(uint32, UINT32, UINT32_MAX)
UNSIGNED_GETTER(uint64, UINT64, UINT64_MAX)
SIGNED_GETTER(int16, INT16, INT16_MIN, INT16_MAX)
SIGNED_GETTER(int32, INT32, INT32_MIN, INT32_MAX)
SIGNED_GETTER(int64, INT64, INT64_MIN, INT64_MAX)

static HRESULT take_real(const Property *property, double *ret)
{
        if (!is_number(property->type))
                return TYPE_E_TYPEMISMATCH;
        *ret = is_real(property->type) ? property->real :
                is_signed(property->type) ? (double)(int64_t)property->bits : (double)property->bits;
        return S_OK;
}

static STDMETHODIMP get_single(void *self, FLOAT *ret_value)
{
        double value = 0;
        HRESULT hr;

        if (!ret_value)
                return E_POINTER;
        hr = take_real(property_of(self), &value);
        if (SUCCEEDED(hr) && isfinite(value) && !isfinite((float)value))
                hr = DISP_E_OVERFLOW;
        *ret_value = SUCCEEDED(hr) ? (FLOAT)value : 0;
        return hr;
}

static STDMETHODIMP get_double(void *self, DOUBLE *ret_value)
{
        if (!ret_value)
                return E_POINTER;
        *ret_value = 0;
        return take_real(property_of(self), ret_value);
}

/* What is no number is only what it is. */
#define EXACT_GETTER(name, ctype, wanted, expression)                                   \
        static STDMETHODIMP get_##name(void *self, ctype *ret_value)                    \
        {                                                                               \
                const Property *property = property_of(self);                           \
                                                                                        \
                if (!ret_value)                                                         \
                        return E_POINTER;                                               \
                if (property->type != wanted)                                           \
                        return TYPE_E_TYPEMISMATCH;                                     \
                *ret_value = expression;                                                \
                return S_OK;                                                            \
        }

EXACT_GETTER(char16, WCHAR, PropertyType_Char16, (WCHAR)property->bits)
EXACT_GETTER(boolean, boolean, PropertyType_Boolean, property->bits != 0)
EXACT_GETTER(guid, GUID, PropertyType_Guid, property->guid)
EXACT_GETTER(date, DateTime, PropertyType_DateTime, ((DateTime){ (INT64)property->bits }))
EXACT_GETTER(span, TimeSpan, PropertyType_TimeSpan, ((TimeSpan){ (INT64)property->bits }))

static STDMETHODIMP get_string(void *self, HSTRING *ret_value)
{
        const Property *property = property_of(self);

        if (!ret_value)
                return E_POINTER;
        *ret_value = NULL;
        return property->type == PropertyType_String ? WindowsDuplicateString(property->strings[0], ret_value) :
                TYPE_E_TYPEMISMATCH;
}

static STDMETHODIMP get_bytes(void *self, UINT32 *ret_n, UINT8 **ret_values)
{
        const Property *property = property_of(self);

        if (!ret_n || !ret_values)
                return E_POINTER;
        *ret_n = 0;
        *ret_values = NULL;
        if (property->type != PropertyType_UInt8Array)
                return TYPE_E_TYPEMISMATCH;
        *ret_values = CoTaskMemAlloc(MAX(property->n, 1u));
        if (!*ret_values)
                return E_OUTOFMEMORY;
        memcpy(*ret_values, property->bytes, property->n);
        *ret_n = property->n;
        return S_OK;
}

static HRESULT copy_strings(HSTRING *to, const HSTRING *from, UINT32 n)
{
        for (UINT32 i = 0; i < n; i++) {
                HRESULT hr = WindowsDuplicateString(from[i], &to[i]);

                if (FAILED(hr)) {
                        for (UINT32 k = 0; k < i; k++)
                                (void)WindowsDeleteString(to[k]);
                        return hr;
                }
        }
        return S_OK;
}

static STDMETHODIMP get_strings(void *self, UINT32 *ret_n, HSTRING **ret_values)
{
        const Property *property = property_of(self);
        HSTRING *copy;
        HRESULT hr;

        if (!ret_n || !ret_values)
                return E_POINTER;
        *ret_n = 0;
        *ret_values = NULL;
        if (property->type != PropertyType_StringArray)
                return TYPE_E_TYPEMISMATCH;
        copy = CoTaskMemAlloc(MAX(property->n, 1u) * sizeof *copy);
        if (!copy)
                return E_OUTOFMEMORY;
        hr = copy_strings(copy, property->strings, property->n);
        if (FAILED(hr)) {
                CoTaskMemFree(copy);
                return hr;
        }
        *ret_values = copy;
        *ret_n = property->n;
        return S_OK;
}

/* No value is of such a type. */
static STDMETHODIMP get_mismatch(IPropertyValue *self)
{
        return TYPE_E_TYPEMISMATCH;
}

static const IPropertyValueVtbl vtable = {
        INSPECTABLE_SLOTS,
        .get_Type = get_type,
        .get_IsNumericScalar = get_is_number,
        .GetUInt8 = (void *)get_uint8,
        .GetInt16 = (void *)get_int16,
        .GetUInt16 = (void *)get_uint16,
        .GetInt32 = (void *)get_int32,
        .GetUInt32 = (void *)get_uint32,
        .GetInt64 = (void *)get_int64,
        .GetUInt64 = (void *)get_uint64,
        .GetSingle = (void *)get_single,
        .GetDouble = (void *)get_double,
        .GetChar16 = (void *)get_char16,
        .GetBoolean = (void *)get_boolean,
        .GetString = (void *)get_string,
        .GetGuid = (void *)get_guid,
        .GetDateTime = (void *)get_date,
        .GetTimeSpan = (void *)get_span,
        .GetPoint = get_mismatch,
        .GetSize = get_mismatch,
        .GetRect = get_mismatch,
        .GetUInt8Array = (void *)get_bytes,
        .GetInt16Array = get_mismatch,
        .GetUInt16Array = get_mismatch,
        .GetInt32Array = get_mismatch,
        .GetUInt32Array = get_mismatch,
        .GetInt64Array = get_mismatch,
        .GetUInt64Array = get_mismatch,
        .GetSingleArray = get_mismatch,
        .GetDoubleArray = get_mismatch,
        .GetChar16Array = get_mismatch,
        .GetBooleanArray = get_mismatch,
        .GetStringArray = (void *)get_strings,
        .GetInspectableArray = get_mismatch,
        .GetGuidArray = get_mismatch,
        .GetDateTimeArray = get_mismatch,
        .GetTimeSpanArray = get_mismatch,
        .GetPointArray = get_mismatch,
        .GetSizeArray = get_mismatch,
        .GetRectArray = get_mismatch,
};

/* A scalar is also an IReference of its type. */
#define REFERENCE_VTABLE(ctype, name) \
        static const IReference_##ctype##Vtbl name##_reference = { INSPECTABLE_SLOTS, .get_Value = (void *)get_##name }

REFERENCE_VTABLE(UINT8, uint8);
REFERENCE_VTABLE(INT16, int16);
REFERENCE_VTABLE(UINT16, uint16);
REFERENCE_VTABLE(INT32, int32);
REFERENCE_VTABLE(UINT32, uint32);
REFERENCE_VTABLE(INT64, int64);
REFERENCE_VTABLE(UINT64, uint64);
REFERENCE_VTABLE(FLOAT, single);
REFERENCE_VTABLE(DOUBLE, double);
REFERENCE_VTABLE(WCHAR, char16);
REFERENCE_VTABLE(boolean, boolean);
REFERENCE_VTABLE(HSTRING, string);
REFERENCE_VTABLE(GUID, guid);
REFERENCE_VTABLE(DateTime, date);
REFERENCE_VTABLE(TimeSpan, span);

#define VALUE_FACE { &IID_IPropertyValue, &vtable, NULL }
#define SCALAR(type, text, ctype, getter)                                                                       \
        [PropertyType_##type] = {                                                                               \
                .name = u"Windows.Foundation.IReference`1<" text u">", .size = sizeof(Property),                \
                .done = property_done,                                                                          \
                .faces = { VALUE_FACE, { &IID_IReference_##ctype, &getter##_reference, NULL } },                \
        }

static const Class scalar_classes[] = {
        [PropertyType_Empty] = { .name = NULL, .size = sizeof(Property), .faces = { VALUE_FACE } },
        SCALAR(UInt8, u"UInt8", UINT8, uint8),
        SCALAR(Int16, u"Int16", INT16, int16),
        SCALAR(UInt16, u"UInt16", UINT16, uint16),
        SCALAR(Int32, u"Int32", INT32, int32),
        SCALAR(UInt32, u"UInt32", UINT32, uint32),
        SCALAR(Int64, u"Int64", INT64, int64),
        SCALAR(UInt64, u"UInt64", UINT64, uint64),
        SCALAR(Single, u"Single", FLOAT, single),
        SCALAR(Double, u"Double", DOUBLE, double),
        SCALAR(Char16, u"Char16", WCHAR, char16),
        SCALAR(Boolean, u"Boolean", boolean, boolean),
        SCALAR(String, u"String", HSTRING, string),
        SCALAR(DateTime, u"Windows.Foundation.DateTime", DateTime, date),
        SCALAR(TimeSpan, u"Windows.Foundation.TimeSpan", TimeSpan, span),
        SCALAR(Guid, u"Guid", GUID, guid),
};
static const Class bytes_class = {
        .name = u"Windows.Foundation.IReferenceArray`1<UInt8>", .size = sizeof(Property), .done = property_done,
        .faces = { VALUE_FACE },
};
static const Class strings_class = {
        .name = u"Windows.Foundation.IReferenceArray`1<String>", .size = sizeof(Property), .done = property_done,
        .faces = { VALUE_FACE },
};

static Property *property_new(const Class *class_, PropertyType type)
{
        Property *property = (Property *)object_new(class_);

        if (property)
                property->type = type;
        return property;
}

/* Takes the value, which is complete if hr says so. */
static HRESULT hand_out(Property *property, HRESULT hr, IInspectable **ret)
{
        *ret = NULL;
        if (!property)
                return E_OUTOFMEMORY;
        if (FAILED(hr))
                object_unref(&property->object);
        else
                *ret = object_face(&property->object, 0);
        return hr;
}

HRESULT property_new_bits(PropertyType type, uint64_t bits, IInspectable **ret)
{
        Property *property = property_new(&scalar_classes[type], type);

        if (property)
                property->bits = bits;
        return hand_out(property, S_OK, ret);
}

HRESULT property_new_double(PropertyType type, double value, IInspectable **ret)
{
        Property *property = property_new(&scalar_classes[type], type);

        if (property)
                property->real = value;
        return hand_out(property, S_OK, ret);
}

HRESULT property_new_guid(GUID value, IInspectable **ret)
{
        Property *property = property_new(&scalar_classes[PropertyType_Guid], PropertyType_Guid);

        if (property)
                property->guid = value;
        return hand_out(property, S_OK, ret);
}

HRESULT property_new_bytes(const UINT8 *bytes, UINT32 n, IInspectable **ret)
{
        Property *property = property_new(&bytes_class, PropertyType_UInt8Array);

        if (property) {
                property->bytes = malloc(MAX(n, 1u));
                if (!property->bytes)
                        return hand_out(property, E_OUTOFMEMORY, ret);
                if (n > 0)
                        memcpy(property->bytes, bytes, n);
                property->n = n;
        }
        return hand_out(property, S_OK, ret);
}

static HRESULT new_of_strings(const Class *class_, PropertyType type, const HSTRING *strings, UINT32 n,
                              IInspectable **ret)
{
        Property *property = property_new(class_, type);
        HRESULT hr = S_OK;

        if (property) {
                property->strings = calloc(MAX(n, 1u), sizeof *property->strings);
                hr = property->strings ? copy_strings(property->strings, strings, n) : E_OUTOFMEMORY;
                if (SUCCEEDED(hr))
                        property->n = n;
        }
        return hand_out(property, hr, ret);
}

HRESULT property_new_string(HSTRING value, IInspectable **ret)
{
        return new_of_strings(&scalar_classes[PropertyType_String], PropertyType_String, &value, 1, ret);
}

HRESULT property_new_strings(const HSTRING *strings, UINT32 n, IInspectable **ret)
{
        return new_of_strings(&strings_class, PropertyType_StringArray, strings, n, ret);
}

/* PropertyValue. */

static STDMETHODIMP create_empty(IPropertyValueStatics *self, IInspectable **ret_value)
{
        return ret_value ? property_new_bits(PropertyType_Empty, 0, ret_value) : E_POINTER;
}

#define CREATE(type, ctype, call)                                                                               \
        static STDMETHODIMP create_##type(IPropertyValueStatics *self, ctype value, IInspectable **ret_value)   \
        {                                                                                                       \
                return ret_value ? call : E_POINTER;                                                            \
        }
#define CREATE_BITS(type, ctype, bits) CREATE(type, ctype, property_new_bits(PropertyType_##type, bits, ret_value))

CREATE_BITS(UInt8, UINT8, value)
CREATE_BITS(Int16, INT16, (uint64_t)value)
CREATE_BITS(UInt16, UINT16, value)
CREATE_BITS(Int32, INT32, (uint64_t)value)
CREATE_BITS(UInt32, UINT32, value)
CREATE_BITS(Int64, INT64, (uint64_t)value)
CREATE_BITS(UInt64, UINT64, value)
CREATE(Single, FLOAT, property_new_double(PropertyType_Single, (double)value, ret_value))
CREATE(Double, DOUBLE, property_new_double(PropertyType_Double, value, ret_value))
CREATE_BITS(Char16, WCHAR, value)
CREATE_BITS(Boolean, boolean, value != 0)
CREATE(String, HSTRING, property_new_string(value, ret_value))
CREATE(Guid, GUID, property_new_guid(value, ret_value))
CREATE_BITS(DateTime, DateTime, (uint64_t)value.UniversalTime)
CREATE_BITS(TimeSpan, TimeSpan, (uint64_t)value.Duration)

static STDMETHODIMP create_bytes(IPropertyValueStatics *self, UINT32 n, UINT8 *values, IInspectable **ret_value)
{
        return ret_value && (values || n == 0) ? property_new_bytes(values, n, ret_value) : E_POINTER;
}

static STDMETHODIMP create_strings(IPropertyValueStatics *self, UINT32 n, HSTRING *values, IInspectable **ret_value)
{
        return ret_value && (values || n == 0) ? property_new_strings(values, n, ret_value) : E_POINTER;
}

static STDMETHODIMP create_inspectable(IPropertyValueStatics *self, IInspectable *value, IInspectable **ret_value)
{
        return E_NOTIMPL;
}

static const IPropertyValueStaticsVtbl statics = {
        INSPECTABLE_SLOTS,
        .CreateEmpty = create_empty,
        .CreateUInt8 = create_UInt8,
        .CreateInt16 = create_Int16,
        .CreateUInt16 = create_UInt16,
        .CreateInt32 = create_Int32,
        .CreateUInt32 = create_UInt32,
        .CreateInt64 = create_Int64,
        .CreateUInt64 = create_UInt64,
        .CreateSingle = create_Single,
        .CreateDouble = create_Double,
        .CreateChar16 = create_Char16,
        .CreateBoolean = create_Boolean,
        .CreateString = create_String,
        .CreateInspectable = create_inspectable,
        .CreateGuid = create_Guid,
        .CreateDateTime = create_DateTime,
        .CreateTimeSpan = create_TimeSpan,
        .CreatePoint = NOT_IMPLEMENTED,
        .CreateSize = NOT_IMPLEMENTED,
        .CreateRect = NOT_IMPLEMENTED,
        .CreateUInt8Array = create_bytes,
        .CreateInt16Array = NOT_IMPLEMENTED,
        .CreateUInt16Array = NOT_IMPLEMENTED,
        .CreateInt32Array = NOT_IMPLEMENTED,
        .CreateUInt32Array = NOT_IMPLEMENTED,
        .CreateInt64Array = NOT_IMPLEMENTED,
        .CreateUInt64Array = NOT_IMPLEMENTED,
        .CreateSingleArray = NOT_IMPLEMENTED,
        .CreateDoubleArray = NOT_IMPLEMENTED,
        .CreateChar16Array = NOT_IMPLEMENTED,
        .CreateBooleanArray = NOT_IMPLEMENTED,
        .CreateStringArray = create_strings,
        .CreateInspectableArray = NOT_IMPLEMENTED,
        .CreateGuidArray = NOT_IMPLEMENTED,
        .CreateDateTimeArray = NOT_IMPLEMENTED,
        .CreateTimeSpanArray = NOT_IMPLEMENTED,
        .CreatePointArray = NOT_IMPLEMENTED,
        .CreateSizeArray = NOT_IMPLEMENTED,
        .CreateRectArray = NOT_IMPLEMENTED,
};

const FactoryInfo property_factories[] = {
        { u"Windows.Foundation.PropertyValue", { { &IID_IPropertyValueStatics, &statics, NULL } }, NULL },
        { NULL, { { NULL, NULL, NULL } }, NULL },
};
