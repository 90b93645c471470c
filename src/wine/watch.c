/* SPDX-License-Identifier: MIT */

/*
 * A program may be stopped, may hang, may be killed at any moment, and what has been asked of it is then answered late
 * or never. So what may wait for one has a thread that belongs to one server only:
 *
 *   search_main  looks for class objects, and stays until the server is gone
 *   end_main     asks Wine for a thread in the server. Wine never answers if the server is killed while it makes it;
 *                so the other ends this one when the server is gone
 */

#define COBJMACROS
#include <windows.h>

#include "wine/watch.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wine/scm.h"

#define CLASSES_MAX 64
#define EXIT_CODE 1
/* How often a class object is looked for: at first, and when it does not come. */
#define SOON_MSEC 1
#define LATER_MSEC 20
#define SOON_COUNT 500
/* Each of the first tries narrows what its cookie can be; later, one of so many. */
#define NARROW_COUNT 8
/* How often it is looked for in a program that does not listen yet, as far as one can see. */
#define DEAF_COUNT 20
/* How long somebody may take to answer until it is told. */
#define SILENT_MSEC 3000
/* How long a thread that is no longer needed has to end by itself. */
#define LEAVE_MSEC 100

/* Its cookie is more than before, and at most last; last is 0 as long as it is not found. */
typedef struct Class {
        GUID clsid;
        unsigned before;
        unsigned last;
        DWORD other; /* a program that has it instead, and has got to know the broker; 0: none */
} Class;

typedef struct Watch {
        struct Watch *next;
        char id[32];
        unsigned long unix_pid;
        DWORD windows_pid;   /* 0: not known yet */
        HRESULT failure;     /* what was told last */
        int gone_fd;         /* an event; Wine's own would keep wineserver busy each time that one waits for it */
        BOOL is_gone;
        HANDLE ending;       /* a thread; NULL: nobody has asked for it */
        const Class *asked;  /* for this class, and there is no answer yet */
        DWORD asked_msec;    /* since then */
        BOOL silence_told;
        size_t n_classes;
        Class classes[CLASSES_MAX];
} Watch;

static Introduce introduce_factory;
static int control = -1;
/* Of the list and of what changes in it. Nobody is called while it is held. */
static CRITICAL_SECTION lock;
static Watch *watches;

void watch_init(Introduce introduce, int fd)
{
        introduce_factory = introduce;
        control = fd;
        InitializeCriticalSection(&lock);
}

static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
        char line[256];
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(line, sizeof line, format, args);
        va_end(args);
        /* A broker that is not there any more needs no answer; a line is sent whole. */
        if (n > 0 && write(control, line, (size_t)n) < 0)
                return;
}

static const char *format_clsid(const GUID *g, char buf[40])
{
        snprintf(buf, 40, "%08lx-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned long)g->Data1, g->Data2,
                 g->Data3, g->Data4[0], g->Data4[1], g->Data4[2], g->Data4[3], g->Data4[4], g->Data4[5], g->Data4[6],
                 g->Data4[7]);
        return buf;
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

/* Whether it still is when this time has passed. */
static BOOL is_alive(DWORD windows_pid, DWORD msec)
{
        HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, windows_pid);
        BOOL alive = process && WaitForSingleObject(process, msec) == WAIT_TIMEOUT;

        if (process)
                CloseHandle(process);
        return alive;
}

/* Nobody had registered the class when this was the last cookie. Kept as long as the host lives: classes are few. */
typedef struct Absence {
        struct Absence *next;
        GUID clsid;
        unsigned cookie;
} Absence;

static Absence *absences;

/* With the lock held. */
static Absence *find_absence(const GUID *clsid)
{
        Absence *absence = absences;

        while (absence && !IsEqualGUID(&absence->clsid, clsid))
                absence = absence->next;
        return absence;
}

static void remember_absence(const GUID *clsid, unsigned cookie)
{
        Absence *absence;

        EnterCriticalSection(&lock);
        absence = find_absence(clsid);
        if (!absence && (absence = calloc(1, sizeof *absence))) {
                absence->clsid = *clsid;
                absence->next = absences;
                absences = absence;
        }
        if (absence)
                absence->cookie = cookie;
        LeaveCriticalSection(&lock);
}

/* 0: it is not known. */
static unsigned last_absence(const GUID *clsid)
{
        const Absence *absence;
        unsigned cookie;

        EnterCriticalSection(&lock);
        absence = find_absence(clsid);
        cookie = absence ? absence->cookie : 0;
        LeaveCriticalSection(&lock);
        return cookie;
}

/* Whether this may be the class object of a server that lives. */
static BOOL is_used(unsigned cookie)
{
        BOOL used = FALSE;

        EnterCriticalSection(&lock);
        for (const Watch *watch = watches; watch && !used; watch = watch->next)
                for (size_t i = 0; i < watch->n_classes && !watch->is_gone && !used; i++)
                        used = cookie > watch->classes[i].before &&
                                (!watch->classes[i].last || cookie <= watch->classes[i].last);
        LeaveCriticalSection(&lock);
        return used;
}

/*
 * Takes away the class object that rpcss gives for this class, which belongs to a process that is no more. Its cookie
 * is among these. With spare, what may belong to a server that lives is left.
 */
static void take_away(const GUID *clsid, DWORD owner, unsigned before, unsigned last, BOOL spare)
{
        for (unsigned cookie = before + 1; cookie <= last && scm_owner(clsid) == owner; cookie++)
                if (!spare || !is_used(cookie))
                        scm_revoke(cookie);
}

/*
 * What a server that is gone has left behind, which is nothing if it has left by itself. Of one that never answered
 * nobody knows who it was; then it is whoever owns the class and dies with it.
 */
static void clean_up(const Watch *watch)
{
        for (size_t i = 0; i < watch->n_classes; i++) {
                const Class *class = &watch->classes[i];
                DWORD owner = scm_owner(&class->clsid);

                if (owner != 0 && (owner == watch->windows_pid || !is_alive(owner, LEAVE_MSEC)))
                        take_away(&class->clsid, owner, class->before, class->last ? class->last : scm_last_cookie(),
                                  TRUE);
        }
}

/*
 * The class object that rpcss gives is that of a process that does not answer: if that is dead, it is taken away, and
 * as little as possible of what others have registered since nobody had this class.
 */
static void bury(const GUID *clsid)
{
        unsigned last, before = last_absence(clsid);
        DWORD owner = scm_owner(clsid);

        if (owner == 0 || is_alive(owner, 0))
                return;
        last = scm_last_cookie();
        /* An rpcss that was started anew counts anew. */
        if (before > last)
                before = 0;
        take_away(clsid, owner, before, last, TRUE);
        take_away(clsid, owner, before, last, FALSE);
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
static BOOL introduce(Watch *watch, Class *class, IClassFactory *factory)
{
        ULONG unix_pid = 0, windows_pid = 0, regcls = 1;
        unsigned last = scm_last_cookie();
        IBackgroundTask *task = NULL;
        char clsid[40];
        HRESULT hr;

        format_clsid(&class->clsid, clsid);
        /* One that is for a single use has left with our asking for it. */
        if (scm_owner(&class->clsid) == 0)
                regcls = 0;
        hr = IClassFactory_CreateInstance(factory, NULL, &IID_IBackgroundTask, (void **)&task);
        if (SUCCEEDED(hr)) {
                hr = introduce_factory(task, factory, &class->clsid, regcls, &unix_pid, &windows_pid);
                IBackgroundTask_Release(task);
        }
        if (FAILED(hr) && !is_end(hr) && hr != watch->failure)
                tell("failed %s %s %08lx\n", watch->id, clsid, (unsigned long)(DWORD)hr);
        if (FAILED(hr))
                watch->failure = hr;
        if (SUCCEEDED(hr) && unix_pid != watch->unix_pid)
                class->other = windows_pid;
        if (FAILED(hr) || unix_pid != watch->unix_pid)
                return FALSE;
        EnterCriticalSection(&lock);
        watch->windows_pid = windows_pid;
        class->last = last;
        LeaveCriticalSection(&lock);
        tell("serves %s %s\n", watch->id, clsid);
        return TRUE;
}

static void set_asked(Watch *watch, const Class *class)
{
        EnterCriticalSection(&lock);
        watch->asked = class;
        watch->asked_msec = GetTickCount();
        watch->silence_told = watch->silence_told && class;
        LeaveCriticalSection(&lock);
}

/* Whether rpcss gives the class object of whom the broker has it already: it takes the runs as long as it lives. */
static BOOL is_offered(Class *class)
{
        if (class->other && (scm_owner(&class->clsid) != class->other || !is_alive(class->other, 0)))
                class->other = 0;
        return class->other != 0;
}

/* S_OK: the server has been found. S_FALSE: it was another one, or of no use. REGDB_E_CLASSNOTREG. */
static HRESULT look_for(Watch *watch, Class *class)
{
        IClassFactory *factory = NULL;
        HRESULT hr;

        if (is_offered(class))
                return S_FALSE;
        set_asked(watch, class);
        hr = CoGetClassObject(&class->clsid, CLSCTX_LOCAL_SERVER, NULL, &IID_IClassFactory, (void **)&factory);
        if (SUCCEEDED(hr)) {
                hr = introduce(watch, class, factory) ? S_OK : S_FALSE;
                IClassFactory_Release(factory);
        } else if (hr != REGDB_E_CLASSNOTREG) {
                bury(&class->clsid);
                hr = S_FALSE;
        }
        set_asked(watch, NULL);
        return hr;
}

/* msec -1: for ever. */
static BOOL is_gone_within(const Watch *watch, int msec)
{
        struct pollfd event = { .fd = watch->gone_fd, .events = POLLIN };

        return poll(&event, 1, msec) > 0;
}

/*
 * Whoever has registered a class object has a thread that listens for calls. While a program has only one thread, Wine
 * need not be asked, whose answers would be work for what the program itself waits for.
 */
static BOOL may_listen(const Watch *watch)
{
        struct stat threads;
        char path[64];

        snprintf(path, sizeof path, "/proc/%lu/task", watch->unix_pid);
        return stat(path, &threads) < 0 || threads.st_nlink > 3;
}

/* The same; what is not there yet will have a cookie above the last of all, if that is to be asked for. */
static HRESULT look_again(Watch *watch, Class *class, BOOL narrow)
{
        unsigned before = narrow ? scm_last_cookie() : 0;
        HRESULT hr = look_for(watch, class);

        if (hr != REGDB_E_CLASSNOTREG || !narrow)
                return hr;
        remember_absence(&class->clsid, before);
        EnterCriticalSection(&lock);
        class->before = before;
        LeaveCriticalSection(&lock);
        return hr;
}

static void search(Watch *watch)
{
        size_t n_left = watch->n_classes;
        unsigned n_tries = 0;
        int pause = 0;

        for (unsigned n = 0; n_left > 0 && !is_gone_within(watch, pause); n++) {
                BOOL later = n >= SOON_COUNT, narrow;

                pause = later ? LATER_MSEC : SOON_MSEC;
                if (!later && n % DEAF_COUNT != 0 && !may_listen(watch))
                        continue;
                narrow = later || n_tries < 2 * NARROW_COUNT || n_tries % NARROW_COUNT == 0;
                n_tries++;
                for (size_t i = 0; i < watch->n_classes; i++) {
                        HRESULT hr;

                        if (watch->classes[i].last)
                                continue;
                        hr = look_again(watch, &watch->classes[i], narrow);
                        if (hr == S_OK)
                                n_left--;
                        /* Each try makes an object in somebody's process. */
                        if (hr == S_FALSE)
                                pause = LATER_MSEC;
                }
        }
}

static void unlink_watch(Watch *watch)
{
        for (Watch **p = &watches; *p; p = &(*p)->next)
                if (*p == watch) {
                        *p = watch->next;
                        break;
                }
}

static void watch_free(Watch *watch)
{
        if (watch->ending) {
                if (WaitForSingleObject(watch->ending, LEAVE_MSEC) != WAIT_OBJECT_0)
                        TerminateThread(watch->ending, 0);
                CloseHandle(watch->ending);
        }
        if (watch->gone_fd >= 0)
                close(watch->gone_fd);
        free(watch);
}

static DWORD WINAPI search_main(void *userdata)
{
        Watch *watch = userdata;

        CoInitializeEx(NULL, COINIT_MULTITHREADED);
        search(watch);
        (void)is_gone_within(watch, -1);
        clean_up(watch);
        EnterCriticalSection(&lock);
        unlink_watch(watch);
        LeaveCriticalSection(&lock);
        watch_free(watch);
        CoUninitialize();
        return 0;
}

static void parse(Watch *watch, char *words)
{
        char *rest, *word = strtok_r(words, " ", &rest);

        snprintf(watch->id, sizeof watch->id, "%s", word ? word : "");
        word = strtok_r(NULL, " ", &rest);
        watch->unix_pid = word ? strtoul(word, NULL, 10) : 0;
        while (watch->n_classes < CLASSES_MAX && (word = strtok_r(NULL, " ", &rest)))
                if (parse_clsid(word, &watch->classes[watch->n_classes].clsid))
                        watch->n_classes++;
}

void watch_new(char *words)
{
        Watch *watch = calloc(1, sizeof *watch);
        HANDLE thread = NULL;

        if (!watch)
                return;
        parse(watch, words);
        watch->gone_fd = eventfd(0, EFD_CLOEXEC);
        EnterCriticalSection(&lock);
        if (watch->gone_fd >= 0)
                thread = CreateThread(NULL, 0, search_main, watch, 0, NULL);
        if (thread) {
                watch->next = watches;
                watches = watch;
        }
        LeaveCriticalSection(&lock);
        if (thread)
                CloseHandle(thread);
        else
                watch_free(watch);
}

static Watch *find(const char *id)
{
        for (Watch *watch = watches; watch; watch = watch->next)
                if (strcmp(watch->id, id) == 0 && !watch->is_gone)
                        return watch;
        return NULL;
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

static DWORD WINAPI end_main(void *userdata)
{
        const Watch *watch = userdata;

        if (!end(watch->windows_pid))
                tell("cannot %s\n", watch->id);
        return 0;
}

void watch_end(const char *id)
{
        BOOL can = FALSE;
        Watch *watch;

        EnterCriticalSection(&lock);
        watch = find(id);
        if (watch && watch->windows_pid) {
                if (!watch->ending)
                        watch->ending = CreateThread(NULL, 0, end_main, watch, 0, NULL);
                can = watch->ending != NULL;
        }
        LeaveCriticalSection(&lock);
        if (!can)
                tell("cannot %s\n", id);
}

void watch_gone(const char *id)
{
        Watch *watch;

        EnterCriticalSection(&lock);
        watch = find(id);
        if (watch) {
                watch->is_gone = TRUE;
                (void)eventfd_write(watch->gone_fd, 1);
        }
        LeaveCriticalSection(&lock);
}

int watch_check(void)
{
        char clsid[40];
        int next = -1;

        EnterCriticalSection(&lock);
        for (Watch *watch = watches; watch; watch = watch->next) {
                BOOL silent = watch->asked && GetTickCount() - watch->asked_msec >= SILENT_MSEC;

                if (silent && !watch->silence_told && !watch->is_gone) {
                        watch->silence_told = TRUE;
                        tell("silent %s %s\n", watch->id, format_clsid(&watch->asked->clsid, clsid));
                }
                if (!watch->windows_pid && !watch->silence_told)
                        next = SILENT_MSEC;
        }
        LeaveCriticalSection(&lock);
        return next;
}
