/* SPDX-License-Identifier: MIT */

/*
 * The host: one process of Wine for each prefix that has servers. It brings the prefix up before any server is there,
 * so that what Wine starts for all inherits nothing of a server. It finds the class objects of servers, which makes
 * servers of bgtask of them (see serve.c), ends servers in the way that Windows has, and takes away what those that
 * were killed leave behind. It has no part in runs.
 *
 * The broker is at the other end of the descriptor that BGTASK_FD names, and each line is a message:
 *
 *   watch ID PID CLSID...   a server was started: find these classes in it
 *   end ID                  end it as ExitProcess() does; answered by "cannot ID" if there is no way
 *   gone ID                 it has ended
 *
 *   ready                   the prefix is up
 *   serves ID CLSID         the class was found, and the broker knows it
 *   failed ID CLSID HRESULT it was found, and is of no use
 *
 * Its arguments are "serve" and the library. With "setup" or "remove" for the first it makes the prefix know the
 * library, or not, and exits.
 */

#define COBJMACROS
#include <windows.h>

#include <objbase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wine/background.h"
#include "wine/scm.h"

#define LINE_MAX_SIZE 65536
#define CLASSES_MAX 64
#define EXIT_CODE 1
/* How often a class object is looked for: at first, and when it does not come. */
#define SOON_MSEC 1
#define LATER_MSEC 20
#define SOON_COUNT 500

typedef struct Watch {
        struct Watch *next;
        char id[32];
        unsigned long unix_pid;
        DWORD windows_pid; /* 0: not known yet */
        unsigned before;   /* cookies of its class objects lie above this */
        unsigned last;     /* and up to this; 0: not known yet */
        HRESULT failure;   /* what was told last */
        BOOL searching;
        BOOL gone;
        size_t n_classes;
        GUID classes[CLASSES_MAX];
        BOOL found[CLASSES_MAX];
} Watch;

/* What the library has for us; the proxy of the call is in there. */
typedef HRESULT (WINAPI *Introduce)(IBackgroundTask *task, IClassFactory *factory, const GUID *clsid, ULONG regcls,
                                    ULONG *ret_unix_pid, ULONG *ret_windows_pid);

static Introduce introduce_factory;
static CRITICAL_SECTION lock;
static Watch *watches;
static int control = -1;

static void tell(const char *format, const char *id, const char *clsid, unsigned long number)
{
        char line[256];
        int n = snprintf(line, sizeof line, format, id, clsid, number);

        /* A broker that is not there any more needs no answer; a line is sent whole. */
        if (n > 0 && write(control, line, (size_t)n) < 0)
                return;
}

static void format_clsid(const GUID *g, char buf[40])
{
        snprintf(buf, 40, "%08lx-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned long)g->Data1, g->Data2,
                 g->Data3, g->Data4[0], g->Data4[1], g->Data4[2], g->Data4[3], g->Data4[4], g->Data4[5], g->Data4[6],
                 g->Data4[7]);
}

static BOOL parse_clsid(const char *text, GUID *ret)
{
        WCHAR wide[40] = u"{";
        size_t n = strlen(text);

        if (n != 36)
                return FALSE;
        for (size_t i = 0; i < n; i++)
                wide[i + 1] = (unsigned char)text[i];
        wide[n + 1] = '}';
        wide[n + 2] = 0;
        return SUCCEEDED(CLSIDFromString(wide, ret));
}

/* Under the lock. Whether the class objects of another server that is still looked for may be among these. */
static BOOL is_shared(const Watch *watch, unsigned cookie)
{
        for (const Watch *other = watches; other; other = other->next)
                if (other != watch && !other->gone && cookie > other->before &&
                    (!other->last || cookie <= other->last))
                        return TRUE;
        return FALSE;
}

/* What a server that is gone has left behind. */
static void revoke_all(Watch *watch)
{
        unsigned last = watch->last ? watch->last : scm_last_cookie();

        for (unsigned cookie = watch->before + 1; cookie <= last; cookie++)
                if (!is_shared(watch, cookie))
                        scm_revoke(cookie);
}

static BOOL is_alive(DWORD windows_pid)
{
        HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, windows_pid);
        BOOL alive = process && WaitForSingleObject(process, 0) == WAIT_TIMEOUT;

        if (process)
                CloseHandle(process);
        return alive;
}

/* The class object that rpcss gives is that of a process that does not answer: if that is dead, it is taken away. */
static void bury(const GUID *clsid)
{
        DWORD owner = scm_owner(clsid);
        unsigned last;

        if (owner == 0 || is_alive(owner))
                return;
        last = scm_last_cookie();
        EnterCriticalSection(&lock);
        for (unsigned pass = 0; pass < 2 && scm_owner(clsid) == owner; pass++)
                for (unsigned cookie = 1; cookie <= last && scm_owner(clsid) == owner; cookie++)
                        if (pass == 1 || !is_shared(NULL, cookie))
                                scm_revoke(cookie);
        LeaveCriticalSection(&lock);
}

/* The server has gone, or is just going: what another one that is on its way out answers as well. */
static BOOL is_end(HRESULT hr)
{
        return hr == HRESULT_FROM_WIN32(RPC_S_CALL_FAILED) || hr == HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE) ||
                hr == RPC_E_DISCONNECTED || hr == RPC_E_SERVERFAULT || hr == CO_E_OBJNOTCONNECTED;
}

/*
 * Whoever is at the other end of the factory gets to know the broker. TRUE: it was the server that is watched. If it
 * was another, or fails, the class is looked for again: the one that is watched may still register it.
 */
static BOOL introduce(Watch *watch, size_t i, IClassFactory *factory)
{
        ULONG unix_pid = 0, windows_pid = 0, regcls = 1;
        IBackgroundTask *task = NULL;
        char clsid[40];
        HRESULT hr;

        format_clsid(&watch->classes[i], clsid);
        /* One that is for a single use has left with our asking for it. */
        if (scm_owner(&watch->classes[i]) == 0)
                regcls = 0;
        hr = IClassFactory_CreateInstance(factory, NULL, &IID_IBackgroundTask, (void **)&task);
        if (SUCCEEDED(hr)) {
                hr = introduce_factory(task, factory, &watch->classes[i], regcls, &unix_pid, &windows_pid);
                IBackgroundTask_Release(task);
        }
        if (FAILED(hr) && !is_end(hr) && hr != watch->failure)
                tell("failed %s %s %08lx\n", watch->id, clsid, (unsigned long)(DWORD)hr);
        if (FAILED(hr))
                watch->failure = hr;
        if (FAILED(hr) || unix_pid != watch->unix_pid)
                return FALSE;
        EnterCriticalSection(&lock);
        watch->windows_pid = windows_pid;
        watch->last = scm_last_cookie();
        LeaveCriticalSection(&lock);
        tell("serves %s %s\n", watch->id, clsid, 0);
        return TRUE;
}

static BOOL look_for(Watch *watch, size_t i)
{
        IClassFactory *factory = NULL;
        BOOL done;
        HRESULT hr;

        hr = CoGetClassObject(&watch->classes[i], CLSCTX_LOCAL_SERVER, NULL, &IID_IClassFactory, (void **)&factory);
        if (hr == REGDB_E_CLASSNOTREG)
                return FALSE;
        if (FAILED(hr)) {
                bury(&watch->classes[i]);
                return FALSE;
        }
        done = introduce(watch, i, factory);
        IClassFactory_Release(factory);
        /* Each try makes an object in somebody's process. */
        if (!done)
                Sleep(LATER_MSEC);
        return done;
}

static void free_watch(Watch *watch)
{
        for (Watch **p = &watches; *p; p = &(*p)->next)
                if (*p == watch) {
                        *p = watch->next;
                        break;
                }
        free(watch);
}

static BOOL is_gone(const Watch *watch)
{
        BOOL gone;

        EnterCriticalSection(&lock);
        gone = watch->gone;
        LeaveCriticalSection(&lock);
        return gone;
}

static DWORD WINAPI search(void *userdata)
{
        Watch *watch = userdata;
        size_t n_left = watch->n_classes;
        unsigned n = 0;

        CoInitializeEx(NULL, COINIT_MULTITHREADED);
        while (n_left > 0 && !is_gone(watch)) {
                for (size_t i = 0; i < watch->n_classes; i++)
                        if (!watch->found[i] && look_for(watch, i)) {
                                watch->found[i] = TRUE;
                                n_left--;
                        }
                if (n_left > 0)
                        Sleep(n++ < SOON_COUNT ? SOON_MSEC : LATER_MSEC);
        }
        EnterCriticalSection(&lock);
        watch->searching = FALSE;
        if (watch->gone) {
                revoke_all(watch);
                free_watch(watch);
        }
        LeaveCriticalSection(&lock);
        CoUninitialize();
        return 0;
}

static Watch *find(const char *id)
{
        for (Watch *watch = watches; watch; watch = watch->next)
                if (strcmp(watch->id, id) == 0 && !watch->gone)
                        return watch;
        return NULL;
}

static void on_watch(char *words)
{
        char *rest, *word = strtok_r(words, " ", &rest);
        Watch *watch = calloc(1, sizeof *watch);
        HANDLE thread;

        if (!watch || !word) {
                free(watch);
                return;
        }
        snprintf(watch->id, sizeof watch->id, "%s", word);
        word = strtok_r(NULL, " ", &rest);
        watch->unix_pid = word ? strtoul(word, NULL, 10) : 0;
        while (watch->n_classes < CLASSES_MAX && (word = strtok_r(NULL, " ", &rest)))
                if (parse_clsid(word, &watch->classes[watch->n_classes]))
                        watch->n_classes++;
        watch->before = scm_last_cookie();
        watch->searching = TRUE;
        EnterCriticalSection(&lock);
        watch->next = watches;
        watches = watch;
        thread = CreateThread(NULL, 0, search, watch, 0, NULL);
        if (!thread)
                free_watch(watch);
        LeaveCriticalSection(&lock);
        if (thread)
                CloseHandle(thread);
}

/* Ends it from within, which takes its class objects away as well. */
static BOOL end(DWORD windows_pid)
{
        HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, windows_pid), thread = NULL;
        LPTHREAD_START_ROUTINE exit_process =
                (LPTHREAD_START_ROUTINE)(void *)GetProcAddress(GetModuleHandleA("kernel32"), "ExitProcess");

        if (process)
                thread = CreateRemoteThread(process, NULL, 0, exit_process, (void *)EXIT_CODE, 0, NULL);
        if (thread)
                CloseHandle(thread);
        if (process)
                CloseHandle(process);
        return thread != NULL;
}

static void on_end(const char *id)
{
        DWORD windows_pid;
        Watch *watch;

        EnterCriticalSection(&lock);
        watch = find(id);
        windows_pid = watch ? watch->windows_pid : 0;
        LeaveCriticalSection(&lock);
        if (!windows_pid || !end(windows_pid))
                tell("cannot %s%s\n", id, "", 0);
}

static void on_gone(const char *id)
{
        Watch *watch;

        EnterCriticalSection(&lock);
        watch = find(id);
        if (watch) {
                watch->gone = TRUE;
                if (!watch->searching) {
                        revoke_all(watch);
                        free_watch(watch);
                }
        }
        LeaveCriticalSection(&lock);
}

static void on_line(char *line)
{
        if (strncmp(line, "watch ", 6) == 0)
                on_watch(line + 6);
        else if (strncmp(line, "end ", 4) == 0)
                on_end(line + 4);
        else if (strncmp(line, "gone ", 5) == 0)
                on_gone(line + 5);
}

/* Starts what every prefix has one of: rpcss, and the desktop. */
static void bring_up(void)
{
        (void)GetDesktopWindow();
        (void)PostThreadMessageW(GetCurrentThreadId(), WM_NULL, 0, 0);
        for (int i = 0; i < 1000 && scm_last_cookie() == 0; i++) {
                static const GUID nothing = { 0x9d9b3c1e, 0x5f7a, 0x4a2c,
                                              { 0x8e, 0x11, 0x6b, 0x20, 0x5d, 0x8f, 0x3a, 0x77 } };
                IClassFactory *factory;

                /* Asking for a class starts it. */
                if (SUCCEEDED(CoGetClassObject(&nothing, CLSCTX_LOCAL_SERVER, NULL, &IID_IClassFactory,
                                               (void **)&factory)))
                        IClassFactory_Release(factory);
        }
}

static HMODULE load(const char *library)
{
        HMODULE module = LoadLibraryA(library);

        if (!module)
                fprintf(stderr, "%s: it cannot be loaded: error %lu\n", library, (unsigned long)GetLastError());
        return module;
}

static int serve(const char *library)
{
        HMODULE module = load(library);

        static char buf[LINE_MAX_SIZE];
        size_t n_buf = 0;
        ssize_t n;

        if (module)
                introduce_factory = (Introduce)(void *)GetProcAddress(module, "IntroduceFactory");
        if (!introduce_factory)
                return 1;
        InitializeCriticalSection(&lock);
        CoInitializeEx(NULL, COINIT_MULTITHREADED);
        bring_up();
        tell("ready%s%s\n", "", "", 0);
        while ((n = read(control, buf + n_buf, sizeof buf - n_buf)) > 0) {
                char *line = buf, *end_of_line;

                n_buf += (size_t)n;
                while ((end_of_line = memchr(line, '\n', (size_t)(buf + n_buf - line)))) {
                        *end_of_line = '\0';
                        on_line(line);
                        line = end_of_line + 1;
                }
                n_buf -= (size_t)(line - buf);
                memmove(buf, line, n_buf);
                if (n_buf == sizeof buf)
                        break;
        }
        return 0;
}

/* The library is asked itself, as regsvr32 does it. */
static int change_registry(const char *function, const char *library)
{
        HRESULT (WINAPI *change)(void) = NULL;
        HMODULE module = load(library);
        HRESULT hr;

        if (module)
                change = (void *)GetProcAddress(module, function);
        if (!change)
                return 1;
        hr = change();
        if (FAILED(hr))
                fprintf(stderr, "%s: %s failed: %08lx\n", library, function, (unsigned long)hr);
        return FAILED(hr);
}

int main(int argc, char *argv[])
{
        const char *fd = getenv("BGTASK_FD");

        if (argc == 3 && strcmp(argv[1], "setup") == 0)
                return change_registry("DllRegisterServer", argv[2]);
        if (argc == 3 && strcmp(argv[1], "remove") == 0)
                return change_registry("DllUnregisterServer", argv[2]);
        if (argc != 3 || strcmp(argv[1], "serve") != 0 || !fd)
                return 2;
        control = atoi(fd);
        return serve(argv[2]);
}
