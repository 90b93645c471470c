/* SPDX-License-Identifier: MIT */

/*
 * What Wine's combase.dll declares but does not have: to call it ends the program. Programs in C++/WinRT call the
 * functions of errors when an HRESULT is a failure, and look for others by their names. What Wine has in their place
 * is recognised by its code, and replaced by a jump to ours. Some functions of errors Wine 8.0 has, and they do
 * nothing; they are replaced where the rest of their family is only declared.
 */

#include <windows.h>

#include <objbase.h>
#include <string.h>

#include "wine/agile.h"
#include "wine/bridge.h"
#include "wine/provide.h"

/* How a process ends on Windows that reports an error in this way, and asks no handler. */
#define STOWED_EXCEPTION 0xc000027b

static void WINAPI fail_fast(HRESULT error)
{
        TerminateProcess(GetCurrentProcess(), STOWED_EXCEPTION);
}

/* For debuggers, which then have nothing to show. */
static HRESULT WINAPI inspect_nothing(void)
{
        return E_NOTIMPL;
}

/* What winebuild makes of a function that is declared only: two strings, and the call that ends the program. */
static BOOL is_declared_only(const BYTE *code)
{
        return code && memcmp(code, "\x48\x83\xec\x28\x48\x8d\x0d", 7) == 0 &&
                memcmp(code + 11, "\x48\x8d\x15", 3) == 0 && code[18] == 0xe8;
}

static void replace(BYTE *code, void *by)
{
        BYTE jump[12] = { 0x48, 0xb8, [10] = 0xff, 0xe0 }; /* mov rax, address; jmp rax */
        DWORD access;

        memcpy(jump + 2, &by, sizeof by);
        if (!VirtualProtect(code, sizeof jump, PAGE_EXECUTE_READWRITE, &access))
                return;
        memcpy(code, jump, sizeof jump);
        VirtualProtect(code, sizeof jump, access, &access);
        FlushInstructionCache(GetCurrentProcess(), code, sizeof jump);
}

static BYTE *find(const char *name)
{
        return (BYTE *)(void *)GetProcAddress(GetModuleHandleW(u"combase.dll"), name);
}

void provide_functions(void)
{
        static const struct {
                const char *name;
                void *function;
        } others[] = {
                { "RoFailFastWithErrorContext", (void *)fail_fast },
                { "RoGetAgileReference", (void *)agile_get_reference },
                { "RoInspectCapturedStackBackTrace", (void *)inspect_nothing },
                { "RoInspectThreadErrorInfo", (void *)inspect_nothing },
        };
        BOOL has_errors = !is_declared_only(find("SetRestrictedErrorInfo"));
        const char *name;
        void *function;

        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                if (is_declared_only(find(others[i].name)))
                        replace(find(others[i].name), others[i].function);
        for (size_t i = 0; (function = bridge_error_function(i, &name)); i++)
                if (is_declared_only(find(name)) || (!has_errors && find(name)))
                        replace(find(name), function);
}
