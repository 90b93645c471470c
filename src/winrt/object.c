/* SPDX-License-Identifier: MIT */

#include "winrt/object.h"

#include <string.h>

HRESULT (*object_query_other)(Object *object, const IID *iid, void **ret_object);
int (*object_make_thread)(void *(*main)(void *), void *userdata);

int object_start_thread(void *(*main)(void *), void *userdata)
{
        pthread_t thread;
        int r;

        if (object_make_thread)
                return object_make_thread(main, userdata);
        r = pthread_create(&thread, NULL, main, userdata);
        if (r == 0)
                r = pthread_detach(thread);
        return -r;
}

bool iid_equal(const IID *a, const IID *b)
{
        return memcmp(a, b, sizeof *a) == 0;
}

static const IWeakReferenceSourceVtbl weak_source_vtable;

static void fill_faces(Object *object)
{
        object->weak_source = (Face){ &weak_source_vtable, object };
        for (size_t i = 0; i < FACES_MAX && object->class_->faces[i].iid; i++)
                object->faces[i] = (Face){ object->class_->faces[i].vtable, object };
}

Object *object_new(const Class *class_)
{
        Object *object = calloc(1, class_->size);

        if (!object)
                return NULL;
        object->class_ = class_;
        atomic_init(&object->n_ref, 1);
        fill_faces(object);
        return object;
}

void object_init_static(Object *object, const Class *class_)
{
        object->class_ = class_;
        fill_faces(object);
}

/* What holds an object without keeping it. */
typedef struct Weak {
        Object object;
        pthread_mutex_t lock;
        Object *target; /* NULL once it is gone */
        bool is_static; /* the target is */
} Weak;

/* The target is about to be freed. */
static void forget(Object *object)
{
        Weak *weak = (Weak *)object;

        if (!weak)
                return;
        pthread_mutex_lock(&weak->lock);
        weak->target = NULL;
        pthread_mutex_unlock(&weak->lock);
        object_unref(object);
}

/* Under the lock, so that the object is there, though its last reference may just have gone. */
static Object *try_ref(Weak *weak)
{
        return weak->is_static || (weak->target && object_try_ref(weak->target)) ? weak->target : NULL;
}

Object *object_ref(Object *object)
{
        if (object && atomic_load(&object->n_ref) > 0)
                atomic_fetch_add_explicit(&object->n_ref, 1, memory_order_relaxed);
        return object;
}

bool object_try_ref(Object *object)
{
        unsigned n = atomic_load(&object->n_ref);

        while (n > 0)
                if (atomic_compare_exchange_weak(&object->n_ref, &n, n + 1))
                        return true;
        return false;
}

void object_unref(Object *object)
{
        if (!object || atomic_load(&object->n_ref) == 0 ||
            atomic_fetch_sub_explicit(&object->n_ref, 1, memory_order_acq_rel) > 1)
                return;
        forget(atomic_load(&object->weak));
        if (object->class_->done)
                object->class_->done(object);
        free(object);
}

Object *object_of_class(void *unknown, const Class *class_)
{
        const struct {
                HRESULT (STDMETHODCALLTYPE *query_interface)(void *self, const IID *iid, void **ret_object);
        } *const *vtable = unknown;
        Object *object;

        /* Ours answer QueryInterface with our own function; what comes from elsewhere is not looked into. */
        if (!unknown || (*vtable)->query_interface != object_query_interface)
                return NULL;
        object = object_of(unknown);
        return object->class_ == class_ ? object : NULL;
}

STDMETHODIMP object_query_interface(void *self, const IID *iid, void **ret_object)
{
        Object *object = object_of(self);
        size_t i;

        if (!ret_object)
                return E_POINTER;
        *ret_object = NULL;
        if (!iid)
                return E_POINTER;
        for (i = 0; i < FACES_MAX && object->class_->faces[i].iid; i++) {
                const FaceInfo *info = &object->class_->faces[i];

                if (iid_equal(iid, info->iid) || (info->also && iid_equal(iid, info->also)))
                        break;
        }
        if (i == FACES_MAX || !object->class_->faces[i].iid) {
                if (!object->class_->is_plain && iid_equal(iid, &IID_IWeakReferenceSource)) {
                        *ret_object = &object_ref(object)->weak_source;
                        return S_OK;
                }
                if (!iid_equal(iid, &IID_IUnknown) && !iid_equal(iid, &IID_IAgileObject) &&
                    (object->class_->is_plain || !iid_equal(iid, &IID_IInspectable)))
                        return object_query_other ? object_query_other(object, iid, ret_object) : E_NOINTERFACE;
                i = 0;
        }
        *ret_object = object_face(object_ref(object), i);
        return S_OK;
}

/* *ret_object is NULL once the object is gone, which is no error. */
static STDMETHODIMP resolve(IWeakReference *self, const IID *iid, IInspectable **ret_object)
{
        Weak *weak = (Weak *)object_of(self);
        Object *target;
        HRESULT hr;

        if (!ret_object || !iid)
                return E_POINTER;
        *ret_object = NULL;
        pthread_mutex_lock(&weak->lock);
        target = try_ref(weak);
        pthread_mutex_unlock(&weak->lock);
        if (!target)
                return S_OK;
        hr = object_query_interface(object_face(target, 0), iid, (void **)ret_object);
        object_unref(target);
        return hr;
}

static void weak_done(Object *object)
{
        pthread_mutex_destroy(&((Weak *)object)->lock);
}

static const IWeakReferenceVtbl weak_vtable = { UNKNOWN_SLOTS, .Resolve = resolve };
static const Class weak_class = {
        .is_plain = true, .size = sizeof(Weak), .done = weak_done,
        .faces = { { &IID_IWeakReference, &weak_vtable, NULL } },
};

/* All who ask get the same one. */
static STDMETHODIMP get_weak_reference(IWeakReferenceSource *self, IWeakReference **ret_reference)
{
        Object *object = object_of(self), *known = atomic_load(&object->weak);
        Weak *weak;

        if (!ret_reference)
                return E_POINTER;
        *ret_reference = NULL;
        if (!known) {
                weak = (Weak *)object_new(&weak_class);
                if (!weak)
                        return E_OUTOFMEMORY;
                pthread_mutex_init(&weak->lock, NULL);
                weak->target = object;
                weak->is_static = atomic_load(&object->n_ref) == 0;
                if (atomic_compare_exchange_strong(&object->weak, &known, &weak->object))
                        known = &weak->object;
                else
                        object_unref(&weak->object);
        }
        *ret_reference = object_face(object_ref(known), 0);
        return S_OK;
}

static const IWeakReferenceSourceVtbl weak_source_vtable = { UNKNOWN_SLOTS, .GetWeakReference = get_weak_reference };

STDMETHODIMP_(ULONG) object_add_ref(void *self)
{
        return atomic_load(&object_ref(object_of(self))->n_ref);
}

STDMETHODIMP_(ULONG) object_release(void *self)
{
        Object *object = object_of(self);
        ULONG n = atomic_load(&object->n_ref);

        object_unref(object);
        return n > 0 ? n - 1 : 0;
}

STDMETHODIMP object_get_iids(void *self, ULONG *ret_n, IID **ret_iids)
{
        const Class *class_ = object_of(self)->class_;
        ULONG n = 0;

        if (!ret_n || !ret_iids)
                return E_POINTER;
        *ret_n = 0;
        while (n < FACES_MAX && class_->faces[n].iid)
                n++;
        *ret_iids = CoTaskMemAlloc(n * sizeof(IID));
        if (!*ret_iids)
                return E_OUTOFMEMORY;
        for (ULONG i = 0; i < n; i++)
                (*ret_iids)[i] = *class_->faces[i].iid;
        *ret_n = n;
        return S_OK;
}

STDMETHODIMP object_get_class_name(void *self, HSTRING *ret_name)
{
        const WCHAR *name = object_of(self)->class_->name;
        UINT32 n = 0;

        if (!ret_name)
                return E_POINTER;
        *ret_name = NULL;
        if (!name)
                return E_ILLEGAL_METHOD_CALL;
        while (name[n])
                n++;
        return WindowsCreateString(name, n, ret_name);
}

STDMETHODIMP object_not_implemented(void *self)
{
        return E_NOTIMPL;
}

STDMETHODIMP object_get_trust_level(void *self, TrustLevel *ret_level)
{
        if (!ret_level)
                return E_POINTER;
        *ret_level = BaseTrust;
        return S_OK;
}

void guid_format(GUID guid, char ret_text[BGT_ID_SIZE])
{
        const uint8_t *d = guid.Data4;

        (void)snprintf(ret_text, BGT_ID_SIZE, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", guid.Data1,
                       guid.Data2, guid.Data3, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
}

bool guid_parse(const char *text, GUID *ret_guid)
{
        unsigned parts[3], d[8];

        if (!text || strlen(text) != BGT_ID_SIZE - 1 ||
            sscanf(text, "%8x-%4x-%4x-%2x%2x-%2x%2x%2x%2x%2x%2x", &parts[0], &parts[1], &parts[2], &d[0], &d[1], &d[2],
                   &d[3], &d[4], &d[5], &d[6], &d[7]) != 11)
                return false;
        *ret_guid = (GUID){ parts[0], (uint16_t)parts[1], (uint16_t)parts[2], { 0 } };
        for (size_t i = 0; i < 8; i++)
                ret_guid->Data4[i] = (uint8_t)d[i];
        return true;
}
