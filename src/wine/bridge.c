/* SPDX-License-Identifier: MIT */

#include "wine/bridge.h"

#include "client/client.h"
#include "client/driver.h"
#include "client/instance.h"
#include "winrt/factory.h"
#include "winrt/failure.h"
#include "winrt/platform.h"

#define PATH_LENGTH_MAX 4096

static const IID iid_marshal = { 0x00000003, 0, 0, { 0xc0, 0, 0, 0, 0, 0, 0, 0x46 } };
static const Bridge *bridge;

/* All objects are agile; within a process their pointers cross apartments as they are. */
static HRESULT query_marshaler(Object *object, const IID *iid, void **ret)
{
        return iid_equal(iid, &iid_marshal) ? bridge->get_marshaler(ret) : E_NOINTERFACE;
}

void bridge_init(const Bridge *given)
{
        bridge = given;
        driver_start_thread = bridge->start_thread;
        client_program = bridge->program;
        /* A program of Windows counts its objects, and leaves with the last. */
        instance_tells_first = true;
        object_query_other = query_marshaler;
        object_make_thread = bridge->start_thread;
}

HRESULT platform_path(const char *path, HSTRING *ret)
{
        WCHAR buf[PATH_LENGTH_MAX];
        size_t n = bridge->name_path(path, buf, PATH_LENGTH_MAX);

        *ret = NULL;
        return n > 0 ? WindowsCreateString(buf, (UINT32)n, ret) : E_FAIL;
}

size_t platform_describe(HRESULT error, WCHAR *buf, size_t n_buf)
{
        return bridge->describe(error, buf, n_buf);
}

void *bridge_error_function(size_t i, const char **ret_name)
{
        return failure_function(i, ret_name);
}

int32_t bridge_get_factory(void *class_name, void **ret_factory)
{
        return factory_get(class_name, &IID_IActivationFactory, ret_factory);
}

int bridge_class_name(size_t i, uint16_t *buf, size_t n_buf)
{
        return factory_name(i, buf, n_buf);
}

int32_t bridge_register_class(const void *clsid, void *factory, uint32_t regcls)
{
        DWORD cookie;

        /* A program that knows the folder from its environment expects that it is there. */
        (void)bgt_local_folder(NULL);
        return CoRegisterClassObject(clsid, factory, CLSCTX_LOCAL_SERVER, regcls, &cookie);
}
