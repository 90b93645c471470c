/* SPDX-License-Identifier: MIT */

/* Class objects of the process: a factory of COM behind a class of libbgtask. Wine has its own. */

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "winrt/instance.h"

typedef struct ClassObject {
        ListNode node;
        DWORD cookie;
        IUnknown *factory;
        bgt_server *server;
} ClassObject;

/* One run: what the factory made, and what it sees. */
typedef struct Run {
        IClassFactory *factory;
        IBackgroundTask *task;
        IBackgroundTaskInstance *instance;
} Run;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ListNode objects = { &objects, &objects };
static DWORD last_cookie;

static void *create(void *factory)
{
        Run *run = calloc(1, sizeof *run);

        if (run && FAILED(IUnknown_QueryInterface((IUnknown *)factory, &IID_IClassFactory, (void **)&run->factory))) {
                free(run);
                return NULL;
        }
        return run;
}

/* The task lives until every deferral is complete: what completes them may be part of it. */
static void destroy(void *object)
{
        Run *run = object;

        if (run->task)
                IBackgroundTask_Release(run->task);
        if (run->instance)
                IBackgroundTaskInstance_Release(run->instance);
        IClassFactory_Release(run->factory);
        free(run);
}

static int run_it(bgt_instance *instance, void *object)
{
        Run *run = object;
        HRESULT hr;

        hr = IClassFactory_CreateInstance(run->factory, NULL, &IID_IBackgroundTask, (void **)&run->task);
        if (SUCCEEDED(hr) && !run->task)
                hr = E_NOINTERFACE;
        if (SUCCEEDED(hr))
                hr = instance_new(instance, &run->instance);
        if (SUCCEEDED(hr))
                hr = IBackgroundTask_Run(run->task, run->instance);
        return hresult_to_errno(hr);
}

static const bgt_class class_ = { .size = sizeof class_, .create = create, .run = run_it, .destroy = destroy };

HRESULT WINAPI CoRegisterClassObject(const CLSID *clsid, IUnknown *factory, DWORD context, DWORD flags,
                                     DWORD *ret_cookie)
{
        ClassObject *object;
        char text[BGT_ID_SIZE];
        int r;

        if (!clsid || !factory || !ret_cookie)
                return E_INVALIDARG;
        *ret_cookie = 0;
        if (!(context & CLSCTX_LOCAL_SERVER))
                return E_INVALIDARG;
        object = calloc(1, sizeof *object);
        if (!object)
                return E_OUTOFMEMORY;
        IUnknown_AddRef(factory);
        object->factory = factory;
        guid_format(*clsid, text);
        r = bgt_server_register_class(NULL, text, flags, &class_, factory, &object->server);
        if (r < 0) {
                IUnknown_Release(factory);
                free(object);
                return hresult_last();
        }
        pthread_mutex_lock(&lock);
        *ret_cookie = object->cookie = ++last_cookie;
        list_append(&objects, &object->node);
        pthread_mutex_unlock(&lock);
        return S_OK;
}

HRESULT WINAPI CoRevokeClassObject(DWORD cookie)
{
        ClassObject *found = NULL;

        pthread_mutex_lock(&lock);
        list_for_each(i, &objects)
                if (list_entry(i, ClassObject, node)->cookie == cookie)
                        found = list_entry(i, ClassObject, node);
        if (found)
                list_remove(&found->node);
        pthread_mutex_unlock(&lock);
        if (!found)
                return CO_E_OBJNOTREG;
        bgt_server_revoke(found->server);
        IUnknown_Release(found->factory);
        free(found);
        return S_OK;
}

HRESULT WINAPI CoSuspendClassObjects(void)
{
        return hresult_from(bgt_server_suspend(NULL));
}

HRESULT WINAPI CoResumeClassObjects(void)
{
        return hresult_from(bgt_server_resume(NULL));
}

ULONG WINAPI CoAddRefServerProcess(void)
{
        return bgt_server_add_ref_process(NULL);
}

ULONG WINAPI CoReleaseServerProcess(void)
{
        return bgt_server_release_process(NULL);
}
