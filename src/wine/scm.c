/* SPDX-License-Identifier: MIT */

#include <windows.h>

#include <objbase.h>
#include <string.h>
#include <wine/exception.h>

#include "wine/rpcss.h"
#include "wine/scm.h"

/* Of a standard object reference: behind signature, flags, IID, flags and count. The process is its upper half. */
#define OWNER_OFFSET 36

/* A class that nobody asks for. */
static const GUID nobody = { 0x4c3f7a0e, 0x1d52, 0x4d3b, { 0x9a, 0x61, 0x0b, 0x7c, 0x52, 0xd4, 0xe8, 0x13 } };

static handle_t binding(void)
{
        static handle_t the_handle;
        handle_t made = NULL;
        RPC_WSTR text;

        if (the_handle)
                return the_handle;
        if (RpcStringBindingComposeW(NULL, (RPC_WSTR)u"ncalrpc", NULL, (RPC_WSTR)u"irpcss", NULL, &text) != RPC_S_OK)
                return NULL;
        if (RpcBindingFromStringBindingW(text, &made) != RPC_S_OK)
                made = NULL;
        RpcStringFreeW(&text);
        if (made && InterlockedCompareExchangePointer((void **)&the_handle, made, NULL))
                RpcBindingFree(&made);
        return the_handle;
}

void *__RPC_USER MIDL_user_allocate(SIZE_T size)
{
        return HeapAlloc(GetProcessHeap(), 0, size);
}

void __RPC_USER MIDL_user_free(void *memory)
{
        HeapFree(GetProcessHeap(), 0, memory);
}

/* What a failing call raises; all are alike to us. */
static LONG CALLBACK any_exception(EXCEPTION_POINTERS *pointers)
{
        return EXCEPTION_EXECUTE_HANDLER;
}

unsigned scm_last_cookie(void)
{
        Objref nothing = { .size = 1 };
        volatile unsigned cookie = 0;

        __TRY
        {
                if (SUCCEEDED(rpcss_register(binding(), &nobody, 0, &nothing, (unsigned *)&cookie)))
                        (void)rpcss_revoke(binding(), cookie);
        }
        __EXCEPT(any_exception)
        {
                cookie = 0;
        }
        __ENDTRY
        return cookie;
}

DWORD scm_owner(const GUID *clsid)
{
        Objref *volatile object = NULL;
        volatile DWORD owner = 0;

        __TRY
        {
                if (SUCCEEDED(rpcss_get(binding(), clsid, (Objref **)&object)) && object)
                        if (object->size >= OWNER_OFFSET + sizeof owner)
                                memcpy((void *)&owner, object->bytes + OWNER_OFFSET, sizeof owner);
        }
        __EXCEPT(any_exception)
        {
                owner = 0;
        }
        __ENDTRY
        if (object)
                MIDL_user_free(object);
        return owner;
}

void scm_revoke(unsigned cookie)
{
        __TRY
        {
                (void)rpcss_revoke(binding(), cookie);
        }
        __EXCEPT(any_exception)
        {
        }
        __ENDTRY
}
