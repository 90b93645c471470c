/* SPDX-License-Identifier: MIT */

/* Text of libbgtask, which is UTF-8, and of Windows. */

#include <string.h>

#include "base/utf8.h"
#include "winrt/object.h"

#define ERROR_NO_UNICODE_TRANSLATION 1113

bool string_equal(HSTRING a, HSTRING b)
{
        UINT32 n, m;
        const WCHAR *p = WindowsGetStringRawBuffer(a, &n), *q = WindowsGetStringRawBuffer(b, &m);

        return n == m && memcmp(p, q, n * sizeof *p) == 0;
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

/* With a 0 behind it, which is not counted. Where no 0 may be in it, it is refused. */
static HRESULT to_utf8(HSTRING string, bool may_have_zero, char **ret_text, size_t *ret_n)
{
        UINT32 length, i = 0;
        const WCHAR *text = WindowsGetStringRawBuffer(string, &length);
        char *utf8 = malloc((size_t)length * 3 + 1), *p = utf8;

        if (!utf8)
                return E_OUTOFMEMORY;
        while (i < length) {
                int32_t c = decode(text, length, &i);

                if (c < 0 || (c == 0 && !may_have_zero)) {
                        free(utf8);
                        return E_INVALIDARG;
                }
                p = encode(p, (uint32_t)c);
        }
        *p = '\0';
        *ret_text = utf8;
        *ret_n = (size_t)(p - utf8);
        return S_OK;
}

/* A zero would end the text where the string goes on. */
HRESULT string_to_utf8(HSTRING string, char **ret_text)
{
        return to_utf8(string, false, ret_text, &(size_t){ 0 });
}

HRESULT string_to_bytes(HSTRING string, UINT8 **ret_bytes, UINT32 *ret_n)
{
        char *text = NULL;
        size_t n = 0;
        HRESULT hr = to_utf8(string, true, &text, &n);

        if (SUCCEEDED(hr) && n > UINT32_MAX) {
                free(text);
                return E_OUTOFMEMORY;
        }
        *ret_bytes = (UINT8 *)text;
        *ret_n = (UINT32)n;
        return hr;
}

/* The UTF-16 of n bytes of valid UTF-8; returns how many characters it takes. */
static UINT32 widen(const char *text, size_t n_text, WCHAR *wide)
{
        static const uint8_t masks[] = { 0x7f, 0x1f, 0x0f, 0x07 };
        const uint8_t *p = (const uint8_t *)text, *end = p + n_text;
        UINT32 n = 0;

        while (p < end) {
                size_t more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0;
                uint32_t c = *p++ & masks[more];

                for (; more > 0; more--)
                        c = c << 6 | (*p++ & 0x3f);
                if (c >= 0x10000) {
                        wide[n++] = (WCHAR)(0xd800 + ((c - 0x10000) >> 10));
                        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
                }
                wide[n++] = (WCHAR)c;
        }
        return n;
}

static HRESULT from_utf8(const char *text, size_t n, HSTRING *ret_string)
{
        WCHAR *wide;
        HRESULT hr;

        if (n == 0)
                return S_OK;
        wide = malloc(n * sizeof *wide);
        if (!wide)
                return E_OUTOFMEMORY;
        hr = WindowsCreateString(wide, widen(text, n, wide), ret_string);
        free(wide);
        return hr;
}

/* What libbgtask hands out is valid UTF-8. */
HRESULT string_from_utf8(const char *text, HSTRING *ret_string)
{
        if (!ret_string)
                return E_POINTER;
        *ret_string = NULL;
        return text ? from_utf8(text, strlen(text), ret_string) : S_OK;
}

HRESULT string_from_bytes(const UINT8 *bytes, UINT32 n, HSTRING *ret_string)
{
        const char *text = (const char *)bytes, *end = text + n;

        *ret_string = NULL;
        /* A 0 is a character as others are. */
        for (const char *p = text; p < end;) {
                size_t part = strnlen(p, (size_t)(end - p));

                if (!utf8_is_valid(p, part))
                        return HRESULT_FROM_WIN32(ERROR_NO_UNICODE_TRANSLATION);
                p += part + 1;
        }
        return from_utf8(text, n, ret_string);
}
