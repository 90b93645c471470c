/* SPDX-License-Identifier: MIT */

/*
 * Each value that is set is kept first, below Software\bgtask\Kept\<number>: its key, its name, and what it was, if it
 * was. A key that was not there is removed with what it holds. Wine wants the full path of the library everywhere.
 */

#include <windows.h>

#include "wine/bridge.h"
#include "wine/registry.h"

#define KEPT u"Software\\bgtask\\Kept"
#define CLASSES u"Software\\Microsoft\\WindowsRuntime\\ActivatableClassId\\"
#define INTERFACE u"Software\\Classes\\Interface\\{7d13d534-fd12-43ce-8c22-ea1ff13c06df}"
#define PROXY u"{7d13d534-fd12-43ce-8c22-ea1ff13c06df}"
#define PROXY_KEY u"Software\\Classes\\CLSID\\" PROXY
#define PATH_SIZE 4096
#define NAME_SIZE 512
#define KEPT_MAX 1000

static HRESULT result(LSTATUS status)
{
        return HRESULT_FROM_WIN32((DWORD)status);
}

static LSTATUS set_text(HKEY key, const WCHAR *name, const WCHAR *text)
{
        return RegSetValueExW(key, name, 0, REG_SZ, (const BYTE *)text, ((DWORD)lstrlenW(text) + 1) * sizeof(WCHAR));
}

static BOOL key_exists(const WCHAR *path)
{
        HKEY key;

        if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ, &key) != ERROR_SUCCESS)
                return FALSE;
        RegCloseKey(key);
        return TRUE;
}

/* The key under which the number-th value is kept; at most 999. */
static void kept_path(unsigned number, WCHAR buf[NAME_SIZE])
{
        WCHAR *p = buf + lstrlenW(lstrcpyW(buf, KEPT u"\\"));

        *p++ = (WCHAR)('0' + number / 100 % 10);
        *p++ = (WCHAR)('0' + number / 10 % 10);
        *p++ = (WCHAR)('0' + number % 10);
        *p = 0;
}

/* Writes down what path\name is. */
static LSTATUS keep(unsigned number, const WCHAR *path, const WCHAR *name)
{
        WCHAR kept[NAME_SIZE], text[PATH_SIZE];
        DWORD existed = key_exists(path), type = REG_NONE, size = sizeof text;
        LSTATUS status;
        HKEY key;

        kept_path(number, kept);
        status = RegCreateKeyExW(HKEY_LOCAL_MACHINE, kept, 0, NULL, 0, KEY_WRITE, NULL, &key, NULL);
        if (status != ERROR_SUCCESS)
                return status;
        status = set_text(key, u"Key", path);
        if (status == ERROR_SUCCESS)
                status = set_text(key, u"Name", name);
        if (status == ERROR_SUCCESS)
                status = RegSetValueExW(key, u"KeyExisted", 0, REG_DWORD, (const BYTE *)&existed, sizeof existed);
        if (status == ERROR_SUCCESS &&
            RegGetValueW(HKEY_LOCAL_MACHINE, path, name, RRF_RT_ANY | RRF_NOEXPAND, &type, text, &size) ==
                    ERROR_SUCCESS)
                status = RegSetValueExW(key, u"Value", 0, type, (const BYTE *)text, size);
        RegCloseKey(key);
        return status;
}

static LSTATUS set(unsigned *number, const WCHAR *path, const WCHAR *name, const WCHAR *text)
{
        LSTATUS status = keep((*number)++, path, name);
        HKEY key;

        if (status == ERROR_SUCCESS)
                status = RegCreateKeyExW(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_WRITE, NULL, &key, NULL);
        if (status != ERROR_SUCCESS)
                return status;
        status = set_text(key, name, text);
        RegCloseKey(key);
        return status;
}

/* As Wine finds it: it leaves out the end of the name that says what kind of file it is. */
static BOOL get_library(HMODULE module, WCHAR library[PATH_SIZE])
{
        DWORD n = GetModuleFileNameW(module, library, PATH_SIZE - 3);

        if (n == 0 || n >= PATH_SIZE - 3)
                return FALSE;
        if (n < 3 || lstrcmpiW(library + n - 3, u".so") != 0)
                lstrcatW(library, u".so");
        return TRUE;
}

HRESULT registry_add(HMODULE module)
{
        WCHAR library[PATH_SIZE], path[NAME_SIZE];
        unsigned number = 0;
        LSTATUS status;
        DWORD n;

        if (!get_library(module, library))
                return E_FAIL;
        /* From what was there before any library of ours: this one may have other classes than the last. */
        status = HRESULT_CODE(registry_remove());
        if (status == ERROR_SUCCESS)
                status = set(&number, INTERFACE u"\\ProxyStubClsid32", u"", PROXY);
        if (status == ERROR_SUCCESS)
                status = set(&number, PROXY_KEY u"\\InprocServer32", u"", library);
        if (status == ERROR_SUCCESS)
                status = set(&number, PROXY_KEY u"\\InprocServer32", u"ThreadingModel", u"Both");
        lstrcpyW(path, CLASSES);
        n = (DWORD)lstrlenW(path);
        for (size_t i = 0; status == ERROR_SUCCESS && bridge_class_name(i, path + n, NAME_SIZE - n); i++)
                status = set(&number, path, u"DllPath", library);
        return result(status);
}

/* Cuts the last part off; false if there is only one. */
static BOOL cut(WCHAR *path)
{
        WCHAR *p = path + lstrlenW(path);

        while (p > path && *p != '\\')
                p--;
        *p = 0;
        return p > path;
}

static BOOL is_empty(const WCHAR *path)
{
        DWORD n_keys = 1, n_values = 1;
        HKEY key;

        if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ, &key) != ERROR_SUCCESS)
                return FALSE;
        RegQueryInfoKeyW(key, NULL, NULL, NULL, &n_keys, NULL, NULL, &n_values, NULL, NULL, NULL, NULL);
        RegCloseKey(key);
        return n_keys == 0 && n_values == 0;
}

/* Removes a key that was made by us, and the one above it if nothing is left in that either. */
static void remove_key(WCHAR *path)
{
        for (int i = 0; i < 2 && is_empty(path); i++)
                if (RegDeleteKeyW(HKEY_LOCAL_MACHINE, path) != ERROR_SUCCESS || !cut(path))
                        return;
}

static LSTATUS put_back(HKEY kept)
{
        WCHAR path[PATH_SIZE], name[NAME_SIZE], text[PATH_SIZE];
        DWORD size, existed = 0, type = REG_NONE;
        LSTATUS status;
        HKEY key;

        size = sizeof path;
        status = RegQueryValueExW(kept, u"Key", NULL, NULL, (BYTE *)path, &size);
        size = sizeof name;
        if (status == ERROR_SUCCESS)
                status = RegQueryValueExW(kept, u"Name", NULL, NULL, (BYTE *)name, &size);
        size = sizeof existed;
        if (status == ERROR_SUCCESS)
                status = RegQueryValueExW(kept, u"KeyExisted", NULL, NULL, (BYTE *)&existed, &size);
        if (status != ERROR_SUCCESS)
                return status;
        if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ | KEY_WRITE, &key) != ERROR_SUCCESS)
                return ERROR_SUCCESS;
        size = sizeof text;
        if (RegQueryValueExW(kept, u"Value", NULL, &type, (BYTE *)text, &size) == ERROR_SUCCESS)
                status = RegSetValueExW(key, name, 0, type, (const BYTE *)text, size);
        else
                (void)RegDeleteValueW(key, name);
        RegCloseKey(key);
        if (status == ERROR_SUCCESS && !existed)
                remove_key(path);
        return status;
}

HRESULT registry_remove(void)
{
        LSTATUS status = ERROR_SUCCESS;
        WCHAR path[NAME_SIZE];
        HKEY key;

        /* Backwards: a key may have been made for an earlier value. */
        for (unsigned number = KEPT_MAX; number-- > 0 && status == ERROR_SUCCESS;) {
                kept_path(number, path);
                if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ, &key) != ERROR_SUCCESS)
                        continue;
                status = put_back(key);
                RegCloseKey(key);
        }
        if (status == ERROR_SUCCESS && key_exists(u"Software\\bgtask"))
                status = RegDeleteTreeW(HKEY_LOCAL_MACHINE, u"Software\\bgtask");
        return result(status);
}
