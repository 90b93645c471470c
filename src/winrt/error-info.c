/* SPDX-License-Identifier: MIT */

/* BSTR, and what a thread knows of its last failure, for programs of this machine. Wine has its own. */

#include <stdlib.h>
#include <string.h>

#include "winrt/platform.h"

/* In front of the characters; the size in bytes is right before them, as programs of Windows know it. */
typedef struct Head {
        uint32_t padding[3];
        uint32_t size;
} Head;

static _Thread_local IErrorInfo *current;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_key;

BSTR WINAPI SysAllocStringLen(const WCHAR *text, UINT32 length)
{
        size_t size = (size_t)length * sizeof *text;
        Head *head = size < UINT32_MAX ? malloc(sizeof *head + size + sizeof *text) : NULL;
        BSTR string = (BSTR)(void *)(head + 1);

        if (!head)
                return NULL;
        *head = (Head){ .size = (uint32_t)size };
        if (text)
                memcpy(string, text, size);
        string[length] = 0;
        return string;
}

BSTR WINAPI SysAllocString(const WCHAR *text)
{
        UINT32 n = 0;

        while (text && text[n])
                n++;
        return text ? SysAllocStringLen(text, n) : NULL;
}

static Head *head_of(BSTR string)
{
        return (Head *)(void *)string - 1;
}

UINT32 WINAPI SysStringLen(BSTR string)
{
        return string ? head_of(string)->size / (UINT32)sizeof *string : 0;
}

void WINAPI SysFreeString(BSTR string)
{
        if (string)
                free(head_of(string));
}

/* At the end of a thread. */
static void drop(void *info)
{
        current = NULL;
        IErrorInfo_Release((IErrorInfo *)info);
}

static void make_key(void)
{
        has_key = pthread_key_create(&key, drop) == 0;
}

HRESULT WINAPI SetErrorInfo(ULONG reserved, IErrorInfo *info)
{
        IErrorInfo *old = current;

        if (reserved)
                return E_INVALIDARG;
        (void)pthread_once(&once, make_key);
        if (!has_key || pthread_setspecific(key, info) != 0)
                return E_OUTOFMEMORY;
        if (info)
                IErrorInfo_AddRef(info);
        current = info;
        if (old)
                IErrorInfo_Release(old);
        return S_OK;
}

HRESULT WINAPI GetErrorInfo(ULONG reserved, IErrorInfo **ret_info)
{
        if (reserved || !ret_info)
                return E_INVALIDARG;
        *ret_info = current;
        if (!current)
                return S_FALSE;
        current = NULL;
        (void)pthread_setspecific(key, NULL);
        return S_OK;
}

void WINAPI RoFailFastWithErrorContext(HRESULT error)
{
        (void)error;
        abort();
}

/* The sentences of failure.c say it all. */
size_t platform_describe(HRESULT error, WCHAR *buf, size_t n_buf)
{
        return 0;
}
