/* SPDX-License-Identifier: MIT */

/* Class objects of the process: a factory of COM behind a class of libbgtask. */

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "winrt/class-object.h"
#include "winrt/instance.h"

#define REGCLS_KINDS 3u
#define REGCLS_ALL 0x1fu

typedef struct ClassObject {
        ListNode node;
        unsigned n_ref;
        DWORD cookie;
        CLSID clsid;
        IUnknown *factory;
        bgt_server *server;   /* NULL: only this process may have it */
        bool is_in_process;   /* this process may have it by CLSCTX_INPROC_SERVER */
        bool is_single;       /* it serves one run, and nobody else */
        bool is_suspended;
} ClassObject;

/* One run: what the factory made, and what it sees. */
typedef struct Run {
        ClassObject *class_object;
        IClassFactory *factory;
        IBackgroundTask *task;
        IBackgroundTaskInstance *instance;
} Run;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ListNode objects = LIST_INIT(objects);
static DWORD last_cookie;

static void class_object_unref(ClassObject *object)
{
        bool is_last;

        pthread_mutex_lock(&lock);
        is_last = --object->n_ref == 0;
        pthread_mutex_unlock(&lock);
        if (!is_last)
                return;
        IUnknown_Release(object->factory);
        free(object);
}

static void *create(void *userdata)
{
        ClassObject *object = userdata;
        Run *run = calloc(1, sizeof *run);

        if (run && FAILED(IUnknown_QueryInterface(object->factory, &IID_IClassFactory, (void **)&run->factory))) {
                free(run);
                return NULL;
        }
        if (!run)
                return NULL;
        pthread_mutex_lock(&lock);
        object->n_ref++;
        pthread_mutex_unlock(&lock);
        run->class_object = object;
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
        class_object_unref(run->class_object);
        free(run);
}

static int run_it(bgt_instance *instance, void *object)
{
        Run *run = object;
        HRESULT hr;

        hr = IClassFactory_CreateInstance(run->factory, NULL, &IID_IBackgroundTask, (void **)&run->task);
        /* A factory may leave anything behind when it fails. */
        if (FAILED(hr))
                run->task = NULL;
        if (SUCCEEDED(hr) && !run->task)
                hr = E_NOINTERFACE;
        if (SUCCEEDED(hr))
                hr = instance_new(instance, &run->instance);
        if (SUCCEEDED(hr))
                hr = IBackgroundTask_Run(run->task, run->instance);
        return hresult_to_result(hr);
}

static const bgt_class class_ = { .size = sizeof class_, .create = create, .run = run_it, .destroy = destroy };

/*
 * What REGCLS and CLSCTX allow together: a class object that serves once cannot be in-process, where connections are
 * not counted, and one that serves many times as a local server does so in-process too.
 */
static bool combine(DWORD context, DWORD flags, bool *ret_local, bool *ret_in_process)
{
        DWORD kind = flags & REGCLS_KINDS;

        *ret_local = context & CLSCTX_LOCAL_SERVER;
        *ret_in_process = (context & CLSCTX_INPROC_SERVER) || (*ret_local && kind == REGCLS_MULTIPLEUSE);
        return context && !(context & ~(DWORD)(CLSCTX_INPROC_SERVER | CLSCTX_LOCAL_SERVER)) &&
                !(flags & ~REGCLS_ALL) && kind != REGCLS_KINDS &&
                !(kind == REGCLS_SINGLEUSE && (context & CLSCTX_INPROC_SERVER));
}

HRESULT WINAPI CoRegisterClassObject(const CLSID *clsid, IUnknown *factory, DWORD context, DWORD flags,
                                     DWORD *ret_cookie)
{
        bool is_local, is_in_process;
        ClassObject *object;
        char text[BGT_ID_SIZE];

        if (!clsid || !factory || !ret_cookie)
                return E_INVALIDARG;
        *ret_cookie = 0;
        if (!combine(context, flags, &is_local, &is_in_process))
                return E_INVALIDARG;
        object = calloc(1, sizeof *object);
        if (!object)
                return E_OUTOFMEMORY;
        IUnknown_AddRef(factory);
        *object = (ClassObject){ .n_ref = 1, .clsid = *clsid, .factory = factory, .is_in_process = is_in_process,
                                 .is_single = (flags & REGCLS_KINDS) == REGCLS_SINGLEUSE,
                                 .is_suspended = flags & REGCLS_SUSPENDED };
        guid_format(*clsid, text);
        if (is_local && bgt_server_register_class(NULL, text, flags, &class_, object, &object->server) < 0) {
                HRESULT hr = hresult_last();

                class_object_unref(object);
                return hr;
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
        if (found->server)
                bgt_server_revoke(found->server);
        class_object_unref(found);
        return S_OK;
}

IUnknown *class_object_find(const CLSID *clsid, DWORD context)
{
        IUnknown *found = NULL;

        pthread_mutex_lock(&lock);
        /* The newest one, which is the last. */
        list_for_each(i, &objects) {
                ClassObject *object = list_entry(i, ClassObject, node);
                bool is_seen = (object->server && (context & CLSCTX_LOCAL_SERVER)) ||
                               (object->is_in_process && (context & CLSCTX_INPROC_SERVER));

                if (is_seen && !object->is_single && !object->is_suspended && iid_equal(&object->clsid, clsid))
                        found = object->factory;
        }
        if (found)
                IUnknown_AddRef(found);
        pthread_mutex_unlock(&lock);
        return found;
}

static void set_suspended(bool is_suspended)
{
        pthread_mutex_lock(&lock);
        list_for_each(i, &objects)
                list_entry(i, ClassObject, node)->is_suspended = is_suspended;
        pthread_mutex_unlock(&lock);
}

HRESULT WINAPI CoSuspendClassObjects(void)
{
        set_suspended(true);
        return hresult_from(bgt_server_suspend(NULL));
}

HRESULT WINAPI CoResumeClassObjects(void)
{
        set_suspended(false);
        return hresult_from(bgt_server_resume(NULL));
}

ULONG WINAPI CoAddRefServerProcess(void)
{
        return bgt_server_add_ref_process(NULL);
}

ULONG WINAPI CoReleaseServerProcess(void)
{
        ULONG n = bgt_server_release_process(NULL);

        if (n == 0)
                set_suspended(true);
        return n;
}
