/* SPDX-License-Identifier: MIT */

/* Text of libbgtask, which is UTF-8, and of Windows. */

#include <string.h>

#include "winrt/object.h"

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

HRESULT string_to_utf8(HSTRING string, char **ret_text)
{
        UINT32 length, i = 0;
        const WCHAR *text = WindowsGetStringRawBuffer(string, &length);
        char *utf8 = malloc((size_t)length * 3 + 1), *p = utf8;

        if (!utf8)
                return E_OUTOFMEMORY;
        while (i < length) {
                int32_t c = decode(text, length, &i);

                /* A zero would end the text where the string goes on. */
                if (c <= 0) {
                        free(utf8);
                        return E_INVALIDARG;
                }
                p = encode(p, (uint32_t)c);
        }
        *p = '\0';
        *ret_text = utf8;
        return S_OK;
}

/* The UTF-16 of valid UTF-8; returns how many characters it takes. */
static UINT32 widen(const char *text, WCHAR *wide)
{
        static const uint8_t masks[] = { 0x7f, 0x1f, 0x0f, 0x07 };
        const uint8_t *p = (const uint8_t *)text;
        UINT32 n = 0;

        while (*p) {
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

/* What libbgtask hands out is valid UTF-8. */
HRESULT string_from_utf8(const char *text, HSTRING *ret_string)
{
        WCHAR *wide;
        HRESULT hr;

        if (!ret_string)
                return E_POINTER;
        *ret_string = NULL;
        if (!text || !*text)
                return S_OK;
        wide = malloc(strlen(text) * sizeof *wide);
        if (!wide)
                return E_OUTOFMEMORY;
        hr = WindowsCreateString(wide, widen(text, wide), ret_string);
        free(wide);
        return hr;
}
