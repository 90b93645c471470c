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
 *   silent ID CLSID         whoever has registered it does not answer
 *
 * Nothing here may wait for a program: this thread only reads. watch.c has a thread for each server, which may.
 *
 * Its arguments are "serve" and the library. With "setup" or "remove" for the first it makes the prefix know the
 * library, or not, and exits; a third is then the process that waits for it, for if that is gone nothing is changed.
 */

#define COBJMACROS
#include <windows.h>

#include <errno.h>
#include <objbase.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wine/scm.h"
#include "wine/watch.h"

#define LINE_MAX_SIZE 65536

static int control = -1;

static void on_line(char *line)
{
        if (strncmp(line, "watch ", 6) == 0)
                watch_new(line + 6);
        else if (strncmp(line, "end ", 4) == 0)
                watch_end(line + 4);
        else if (strncmp(line, "gone ", 5) == 0)
                watch_gone(line + 5);
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

/* Reads what there is, and does what the whole lines say. False at the end. */
static BOOL read_lines(void)
{
        static char buf[LINE_MAX_SIZE];
        static size_t n_buf;
        char *line = buf, *end_of_line;
        ssize_t n;

        n = read(control, buf + n_buf, sizeof buf - n_buf);
        if (n <= 0)
                return n < 0 && errno == EINTR;
        n_buf += (size_t)n;
        while ((end_of_line = memchr(line, '\n', (size_t)(buf + n_buf - line)))) {
                *end_of_line = '\0';
                on_line(line);
                line = end_of_line + 1;
        }
        n_buf -= (size_t)(line - buf);
        memmove(buf, line, n_buf);
        return n_buf < sizeof buf;
}

static int serve(const char *library)
{
        HMODULE module = load(library);
        Introduce introduce = NULL;

        if (module)
                introduce = (Introduce)(void *)GetProcAddress(module, "IntroduceFactory");
        if (!introduce)
                return 1;
        watch_init(introduce, control);
        CoInitializeEx(NULL, COINIT_MULTITHREADED);
        bring_up();
        if (write(control, "ready\n", 6) != 6)
                return 0;
        for (;;) {
                struct pollfd input = { .fd = control, .events = POLLIN };

                if (poll(&input, 1, watch_check()) > 0 && !read_lines())
                        return 0;
        }
}

/*
 * The library is asked itself, as regsvr32 does it; one at a time in a prefix. Whoever was waiting may have been
 * killed while Wine made the prefix: what is asked for after that must not come before this.
 */
static int change_registry(const char *function, const char *library, pid_t waiting)
{
        HANDLE turn = CreateMutexW(NULL, FALSE, u"Global\\bgtask-setup");
        HRESULT (WINAPI *change)(void) = NULL;
        HMODULE module = load(library);
        HRESULT hr;

        if (module)
                change = (void *)GetProcAddress(module, function);
        if (!change || !turn)
                return 1;
        (void)WaitForSingleObject(turn, INFINITE);
        if (kill(waiting, 0) < 0 && errno == ESRCH) {
                ReleaseMutex(turn);
                return 1;
        }
        hr = change();
        ReleaseMutex(turn);
        if (FAILED(hr))
                fprintf(stderr, "%s: %s failed: %08lx\n", library, function, (unsigned long)hr);
        return FAILED(hr);
}

int main(int argc, char *argv[])
{
        const char *fd = getenv("BGTASK_FD");

        if (argc == 4 && strcmp(argv[1], "setup") == 0)
                return change_registry("DllRegisterServer", argv[2], atoi(argv[3]));
        if (argc == 4 && strcmp(argv[1], "remove") == 0)
                return change_registry("DllUnregisterServer", argv[2], atoi(argv[3]));
        if (argc != 3 || strcmp(argv[1], "serve") != 0 || !fd)
                return 2;
        control = atoi(fd);
        return serve(argv[2]);
}
