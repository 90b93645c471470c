/* SPDX-License-Identifier: MIT */

#include "winrt/factory.h"

#include <assert.h>

static const FactoryInfo *const lists[] = { value_factories, request_factories, builder_factories,
                                            registration_factories, group_factories, refused_factories,
                                            access_factories, property_factories, valueset_factories,
                                            appdata_factories, library_factories, device_factories,
                                            buffer_factories, hostname_factories, socket_factories,
                                            socket_context_factories, socket_activity_factories,
                                            identity_factories, reader_factories, writer_factories,
                                            threadpool_factories };

#define FACTORIES_MAX 112

/* A static object for each class. Its first face is IActivationFactory, its second what the class offers. */
typedef struct Factory {
        Object object;
        Class class_;
        const FactoryInfo *info;
} Factory;

static Factory factories[FACTORIES_MAX];
static size_t n_factories;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static STDMETHODIMP activate_instance(IActivationFactory *self, IInspectable **ret_instance)
{
        const FactoryInfo *info = ((Factory *)object_of(self))->info;

        if (!ret_instance)
                return E_POINTER;
        *ret_instance = NULL;
        return info->activate ? info->activate(info, ret_instance) : E_NOTIMPL;
}

static const IActivationFactoryVtbl activation_vtable = {
        INSPECTABLE_SLOTS,
        .ActivateInstance = activate_instance,
};

static void make_factories(void)
{
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (const FactoryInfo *info = lists[i]; info->name; info++) {
                        Factory *factory = &factories[n_factories++];

                        assert(n_factories <= FACTORIES_MAX);
                        factory->info = info;
                        factory->class_ = (Class){
                                .name = info->name, .size = sizeof *factory,
                                .faces = { { &IID_IActivationFactory, &activation_vtable, NULL },
                                           info->faces[0], info->faces[1], info->faces[2] },
                        };
                        object_init_static(&factory->object, &factory->class_);
                }
}

static bool is_named(HSTRING string, const WCHAR *name)
{
        UINT32 length, n = 0;
        const WCHAR *text = WindowsGetStringRawBuffer(string, &length);

        while (n < length && name[n] == text[n])
                n++;
        return n == length && name[n] == 0;
}

static Factory *find(HSTRING class_name)
{
        (void)pthread_once(&once, make_factories);
        for (size_t i = 0; i < n_factories; i++)
                if (is_named(class_name, factories[i].info->name))
                        return &factories[i];
        return NULL;
}

HRESULT factory_get(HSTRING class_name, const IID *iid, void **ret_factory)
{
        Factory *factory = find(class_name);

        *ret_factory = NULL;
        return factory ? object_query_interface(object_face(&factory->object, 0), iid, ret_factory) :
                REGDB_E_CLASSNOTREG;
}

bool factory_name(size_t i, WCHAR *buf, size_t n_buf)
{
        const WCHAR *name;
        size_t n = 0;

        (void)pthread_once(&once, make_factories);
        if (i >= n_factories)
                return false;
        name = factories[i].info->name;
        do {
                if (n == n_buf)
                        return false;
                buf[n] = name[n];
        } while (name[n++]);
        return true;
}
