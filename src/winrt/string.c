/* SPDX-License-Identifier: MIT */

/* HSTRING: UTF-16, counted, immutable; those on the stack only refer to their text. */

#include <assert.h>
#include <string.h>

#include "winrt/object.h"

struct HSTRING__ {
        const WCHAR *text;
        UINT32 length;
        atomic_uint n_ref; /* 0: on the stack */
        WCHAR own[];
};

static_assert(sizeof(struct HSTRING__) <= sizeof(HSTRING_HEADER), "a string on the stack must fit its room");

static const WCHAR nothing[1];

/* Room for a string of this length, which is to be filled. */
static HSTRING string_new(UINT32 length)
{
        HSTRING string = malloc(sizeof *string + ((size_t)length + 1) * sizeof(WCHAR));

        if (!string)
                return NULL;
        string->text = string->own;
        string->length = length;
        atomic_init(&string->n_ref, 1);
        string->own[length] = 0;
        return string;
}

HRESULT WindowsCreateString(const WCHAR *text, UINT32 length, HSTRING *ret_string)
{
        if (!ret_string)
                return E_INVALIDARG;
        *ret_string = NULL;
        if (length == 0)
                return S_OK;
        if (!text)
                return E_POINTER;
        *ret_string = string_new(length);
        if (!*ret_string)
                return E_OUTOFMEMORY;
        memcpy((*ret_string)->own, text, length * sizeof(WCHAR));
        return S_OK;
}

HRESULT WindowsCreateStringReference(const WCHAR *text, UINT32 length, HSTRING_HEADER *header, HSTRING *ret_string)
{
        HSTRING string = (HSTRING)(void *)header;

        if (!ret_string || !header)
                return E_INVALIDARG;
        *ret_string = NULL;
        if (!text && length > 0)
                return E_POINTER;
        if (text && text[length] != 0)
                return E_INVALIDARG;
        if (length == 0)
                return S_OK;
        string->text = text;
        string->length = length;
        atomic_init(&string->n_ref, 0);
        *ret_string = string;
        return S_OK;
}

HRESULT WindowsDuplicateString(HSTRING string, HSTRING *ret_string)
{
        if (!ret_string)
                return E_INVALIDARG;
        *ret_string = NULL;
        if (!string)
                return S_OK;
        if (atomic_load(&string->n_ref) == 0)
                return WindowsCreateString(string->text, string->length, ret_string);
        atomic_fetch_add_explicit(&string->n_ref, 1, memory_order_relaxed);
        *ret_string = string;
        return S_OK;
}

HRESULT WindowsDeleteString(HSTRING string)
{
        if (string && atomic_load(&string->n_ref) > 0 &&
            atomic_fetch_sub_explicit(&string->n_ref, 1, memory_order_acq_rel) == 1)
                free(string);
        return S_OK;
}

UINT32 WindowsGetStringLen(HSTRING string)
{
        return string ? string->length : 0;
}

BOOL WindowsIsStringEmpty(HSTRING string)
{
        return WindowsGetStringLen(string) == 0;
}

const WCHAR *WindowsGetStringRawBuffer(HSTRING string, UINT32 *ret_length)
{
        if (ret_length)
                *ret_length = WindowsGetStringLen(string);
        return string ? string->text : nothing;
}

HRESULT WindowsCompareStringOrdinal(HSTRING a, HSTRING b, INT32 *ret_result)
{
        const WCHAR *p = WindowsGetStringRawBuffer(a, NULL), *q = WindowsGetStringRawBuffer(b, NULL);
        UINT32 n = WindowsGetStringLen(a), m = WindowsGetStringLen(b), i = 0;

        if (!ret_result)
                return E_INVALIDARG;
        while (i < n && i < m && p[i] == q[i])
                i++;
        if (i == n || i == m)
                *ret_result = n < m ? -1 : n > m;
        else
                *ret_result = p[i] < q[i] ? -1 : 1;
        return S_OK;
}

HRESULT WindowsConcatString(HSTRING a, HSTRING b, HSTRING *ret_string)
{
        UINT32 n = WindowsGetStringLen(a), m = WindowsGetStringLen(b);

        if (!ret_string)
                return E_INVALIDARG;
        *ret_string = NULL;
        if (n == 0 || m == 0)
                return WindowsDuplicateString(n == 0 ? b : a, ret_string);
        if (m > UINT32_MAX - n)
                return E_OUTOFMEMORY;
        *ret_string = string_new(n + m);
        if (!*ret_string)
                return E_OUTOFMEMORY;
        memcpy((*ret_string)->own, a->text, n * sizeof(WCHAR));
        memcpy((*ret_string)->own + n, b->text, m * sizeof(WCHAR));
        return S_OK;
}

/* The character at *i, which moves behind it; negative if it is no UTF-16. */
static int32_t decode(const WCHAR *text, UINT32 length, UINT32 *i)
{
        uint32_t c = text[(*i)++];

        if (c < 0xd800 || c > 0xdfff)
                return (int32_t)c;
        if (c > 0xdbff || *i == length || text[*i] < 0xdc00 || text[*i] > 0xdfff)
                return -1;
        return (int32_t)(0x10000 + ((c - 0xd800) << 10) + (text[(*i)++] - 0xdc00u));
}

static char *encode(char *p, uint32_t c)
{
        if (c < 0x80) {
                *p++ = (char)c;
        } else if (c < 0x800) {
                *p++ = (char)(0xc0 | c >> 6);
        } else {
                if (c < 0x10000) {
                        *p++ = (char)(0xe0 | c >> 12);
                } else {
                        *p++ = (char)(0xf0 | c >> 18);
                        *p++ = (char)(0x80 | (c >> 12 & 0x3f));
                }
                *p++ = (char)(0x80 | (c >> 6 & 0x3f));
        }
        if (c >= 0x80)
                *p++ = (char)(0x80 | (c & 0x3f));
        return p;
}

char *string_to_utf8(HSTRING string)
{
        UINT32 length, i = 0;
        const WCHAR *text = WindowsGetStringRawBuffer(string, &length);
        char *utf8 = malloc((size_t)length * 3 + 1), *p = utf8;

        while (utf8 && i < length) {
                int32_t c = decode(text, length, &i);

                /* A zero would end the text where the string goes on. */
                if (c <= 0) {
                        free(utf8);
                        return NULL;
                }
                p = encode(p, (uint32_t)c);
        }
        if (utf8)
                *p = '\0';
        return utf8;
}

/* What libbgtask hands out is valid UTF-8. */
HRESULT string_from_utf8(const char *text, HSTRING *ret_string)
{
        static const uint8_t masks[] = { 0x7f, 0x1f, 0x0f, 0x07 };
        const uint8_t *p = (const uint8_t *)(text ? text : "");
        HSTRING string = string_new((UINT32)strlen((const char *)p));
        UINT32 n = 0;

        if (!ret_string || !string) {
                free(string);
                return ret_string ? E_OUTOFMEMORY : E_POINTER;
        }
        while (*p) {
                size_t more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0;
                uint32_t c = *p++ & masks[more];

                for (; more > 0; more--)
                        c = c << 6 | (*p++ & 0x3f);
                if (c >= 0x10000) {
                        string->own[n++] = (WCHAR)(0xd800 + ((c - 0x10000) >> 10));
                        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
                }
                string->own[n++] = (WCHAR)c;
        }
        string->own[n] = 0;
        string->length = n;
        if (n == 0)
                free(TAKE_PTR(string));
        *ret_string = string;
        return S_OK;
}
