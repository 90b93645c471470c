/* SPDX-License-Identifier: MIT */

/* HSTRING: UTF-16, counted, immutable; those on the stack only refer to their text. Wine has its own. */

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

HRESULT WINAPI WindowsCreateString(const WCHAR *text, UINT32 length, HSTRING *ret_string)
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

HRESULT WINAPI WindowsCreateStringReference(const WCHAR *text, UINT32 length, HSTRING_HEADER *header,
                                            HSTRING *ret_string)
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

HRESULT WINAPI WindowsDuplicateString(HSTRING string, HSTRING *ret_string)
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

HRESULT WINAPI WindowsDeleteString(HSTRING string)
{
        if (string && atomic_load(&string->n_ref) > 0 &&
            atomic_fetch_sub_explicit(&string->n_ref, 1, memory_order_acq_rel) == 1)
                free(string);
        return S_OK;
}

UINT32 WINAPI WindowsGetStringLen(HSTRING string)
{
        return string ? string->length : 0;
}

BOOL WINAPI WindowsIsStringEmpty(HSTRING string)
{
        return WindowsGetStringLen(string) == 0;
}

const WCHAR *WINAPI WindowsGetStringRawBuffer(HSTRING string, UINT32 *ret_length)
{
        if (ret_length)
                *ret_length = WindowsGetStringLen(string);
        return string ? string->text : nothing;
}

HRESULT WINAPI WindowsCompareStringOrdinal(HSTRING a, HSTRING b, INT32 *ret_result)
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

HRESULT WINAPI WindowsConcatString(HSTRING a, HSTRING b, HSTRING *ret_string)
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

HRESULT WINAPI WindowsSubstringWithSpecifiedLength(HSTRING string, UINT32 start, UINT32 length, HSTRING *ret_string)
{
        UINT32 n = WindowsGetStringLen(string);

        if (!ret_string)
                return E_INVALIDARG;
        *ret_string = NULL;
        if (start > n || length > n - start)
                return E_BOUNDS;
        if (length == n)
                return WindowsDuplicateString(string, ret_string);
        return WindowsCreateString(string->text + start, length, ret_string);
}

HRESULT WINAPI WindowsSubstring(HSTRING string, UINT32 start, HSTRING *ret_string)
{
        UINT32 n = WindowsGetStringLen(string);

        return WindowsSubstringWithSpecifiedLength(string, start, start > n ? 0 : n - start, ret_string);
}

HRESULT WINAPI WindowsStringHasEmbeddedNull(HSTRING string, BOOL *ret_value)
{
        if (!ret_value)
                return E_INVALIDARG;
        *ret_value = 0;
        for (UINT32 i = 0; i < WindowsGetStringLen(string); i++)
                *ret_value = *ret_value || string->text[i] == 0;
        return S_OK;
}

static bool contains(HSTRING set, WCHAR c)
{
        for (UINT32 i = 0; i < set->length; i++)
                if (set->text[i] == c)
                        return true;
        return false;
}

HRESULT WINAPI WindowsTrimStringStart(HSTRING string, HSTRING trim, HSTRING *ret_string)
{
        UINT32 start = 0;

        if (!ret_string || !trim)
                return E_INVALIDARG;
        while (start < WindowsGetStringLen(string) && contains(trim, string->text[start]))
                start++;
        return WindowsSubstring(string, start, ret_string);
}

HRESULT WINAPI WindowsTrimStringEnd(HSTRING string, HSTRING trim, HSTRING *ret_string)
{
        UINT32 n = WindowsGetStringLen(string);

        if (!ret_string || !trim)
                return E_INVALIDARG;
        while (n > 0 && contains(trim, string->text[n - 1]))
                n--;
        return WindowsSubstringWithSpecifiedLength(string, 0, n, ret_string);
}

/* Writes what comes out, if there is somewhere to write it; its length. */
static uint64_t replace(HSTRING string, HSTRING old, HSTRING by, WCHAR *to)
{
        uint64_t n = 0;

        for (UINT32 i = 0; i < string->length;) {
                bool is_old = old->length <= string->length - i &&
                        memcmp(string->text + i, old->text, old->length * sizeof(WCHAR)) == 0;
                const WCHAR *from = is_old ? WindowsGetStringRawBuffer(by, NULL) : string->text + i;
                UINT32 length = is_old ? WindowsGetStringLen(by) : 1;

                if (to)
                        memcpy(to + n, from, length * sizeof(WCHAR));
                n += length;
                i += is_old ? old->length : 1;
        }
        return n;
}

HRESULT WINAPI WindowsReplaceString(HSTRING string, HSTRING old, HSTRING by, HSTRING *ret_string)
{
        uint64_t n;

        if (!ret_string || !old)
                return E_INVALIDARG;
        *ret_string = NULL;
        n = string ? replace(string, old, by, NULL) : 0;
        if (n == 0)
                return S_OK;
        *ret_string = n < UINT32_MAX ? string_new((UINT32)n) : NULL;
        if (!*ret_string)
                return E_OUTOFMEMORY;
        (void)replace(string, old, by, (*ret_string)->own);
        return S_OK;
}

/* A buffer is the string that it is to become. */
HRESULT WINAPI WindowsPreallocateStringBuffer(UINT32 length, WCHAR **ret_text, HSTRING_BUFFER *ret_buffer)
{
        HSTRING string;

        if (!ret_text || !ret_buffer)
                return E_POINTER;
        *ret_text = (WCHAR *)nothing;
        *ret_buffer = NULL;
        if (length == 0)
                return S_OK;
        string = length < UINT32_MAX ? string_new(length) : NULL;
        *ret_text = string ? string->own : NULL;
        *ret_buffer = (HSTRING_BUFFER)string;
        return string ? S_OK : E_OUTOFMEMORY;
}

HRESULT WINAPI WindowsPromoteStringBuffer(HSTRING_BUFFER buffer, HSTRING *ret_string)
{
        HSTRING string = (HSTRING)buffer;

        if (!ret_string)
                return E_POINTER;
        *ret_string = NULL;
        if (string && string->own[string->length] != 0)
                return E_INVALIDARG;
        *ret_string = string;
        return S_OK;
}

HRESULT WINAPI WindowsDeleteStringBuffer(HSTRING_BUFFER buffer)
{
        return WindowsDeleteString((HSTRING)buffer);
}
