/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What all objects have in common: counting, QueryInterface, and what IInspectable tells. An object has one face for
 * each interface; the pointer that a caller holds is the address of a face, whose first word is the vtable.
 */

#include <pthread.h>
#include <stdatomic.h>

#define COBJMACROS
#include <bgtask/winrt.h>

#include <bgtask.h>

#include "base/macro.h"

#define FACES_MAX 6

typedef struct Object Object;

typedef struct Face {
        const void *vtable;
        Object *object;
} Face;

typedef struct FaceInfo {
        const IID *iid;
        const void *vtable;
        const IID *also; /* an interface that this one begins with, and answers for; NULL */
} FaceInfo;

typedef struct Class {
        const WCHAR *name; /* of the runtime class; NULL: of none */
        bool is_plain;     /* of COM only: it is no IInspectable */
        size_t size;
        void (*done)(Object *object);
        FaceInfo faces[FACES_MAX]; /* ends with one without IID; the first is the default */
} Class;

struct Object {
        const Class *class_;
        atomic_uint n_ref; /* 0: a static object, which lives for ever */
        Face faces[FACES_MAX];
        Face weak_source;     /* IWeakReferenceSource, which every IInspectable is */
        Object *_Atomic weak; /* the one weak reference to it, counted; NULL: nobody has asked for it */
};

/* An object with one reference, all zero behind its head; NULL if there is no memory. */
Object *object_new(const Class *class_);
/* A static one, which was given room. */
void object_init_static(Object *object, const Class *class_);
Object *object_ref(Object *object);
/* False: its last reference is gone already, and it is about to be freed. Not of a static one. */
bool object_try_ref(Object *object);
void object_unref(Object *object);
DEFINE_CLEANUP(Object *, object_unref);
/* The face of this number as the caller sees it. */
static inline void *object_face(Object *object, size_t i)
{
        return &object->faces[i];
}
/* The object behind an interface pointer that is ours. */
static inline Object *object_of(const void *face)
{
        return ((const Face *)face)->object;
}
/* The object behind any interface pointer, if it is one of this class; NULL. */
Object *object_of_class(void *unknown, const Class *class_);

/*
 * Asked, if it is set, for an interface that an object does not have, of which it may then make one: where the
 * interfaces of every agile object are more than IAgileObject. E_NOINTERFACE, else as QueryInterface.
 */
extern HRESULT (*object_query_other)(Object *object, const IID *iid, void **ret_object);

/*
 * A thread that may call what belongs to the program, which nobody joins: it runs main(userdata). 0, or a negative
 * errno. Where only threads of a certain make may, object_make_thread is set, and does the same.
 */
int object_start_thread(void *(*main)(void *), void *userdata);
extern int (*object_make_thread)(void *(*main)(void *), void *userdata);

/* The first slots of every vtable. */
STDMETHODIMP object_query_interface(void *self, const IID *iid, void **ret_object);
STDMETHODIMP_(ULONG) object_add_ref(void *self);
STDMETHODIMP_(ULONG) object_release(void *self);
STDMETHODIMP object_get_iids(void *self, ULONG *ret_n, IID **ret_iids);
STDMETHODIMP object_get_class_name(void *self, HSTRING *ret_name);
STDMETHODIMP object_get_trust_level(void *self, TrustLevel *ret_level);

/* A method that is not there: E_NOTIMPL. Any parameters: the caller takes them from the stack. */
STDMETHODIMP object_not_implemented(void *self);
#define NOT_IMPLEMENTED (void *)object_not_implemented

#define UNKNOWN_SLOTS                                                   \
        .QueryInterface = (void *)object_query_interface,               \
        .AddRef = (void *)object_add_ref,                               \
        .Release = (void *)object_release
#define INSPECTABLE_SLOTS                                               \
        UNKNOWN_SLOTS,                                                  \
        .GetIids = (void *)object_get_iids,                             \
        .GetRuntimeClassName = (void *)object_get_class_name,           \
        .GetTrustLevel = (void *)object_get_trust_level

bool iid_equal(const IID *a, const IID *b);
/* GUIDs as the text that libbgtask has, and back. false if the text is none. */
void guid_format(GUID guid, char ret_text[BGT_ID_SIZE]);
bool guid_parse(const char *text, GUID *ret_guid);

/* What the last failure of libbgtask in this thread is on Windows; its sentence is in what GetErrorInfo() gives. */
HRESULT hresult_last(void);
/* The same for a result: a positive one is S_OK. */
HRESULT hresult_from(int r);
/* What a run ends with as libbgtask has it: 0, or the HRESULT that says failure. */
static inline int hresult_to_result(HRESULT hr)
{
        return SUCCEEDED(hr) ? 0 : (int)hr;
}

bool string_equal(HSTRING a, HSTRING b);
/* UTF-8, to be freed. E_OUTOFMEMORY, E_INVALIDARG (it is not valid UTF-16, or holds a 0). */
HRESULT string_to_utf8(HSTRING string, char **ret_text);
HRESULT string_from_utf8(const char *text, HSTRING *ret_string);
/* The same for counted bytes of UTF-8, in which a 0 may be; 0x80070459 if they are none. */
HRESULT string_to_bytes(HSTRING string, UINT8 **ret_bytes, UINT32 *ret_n);
HRESULT string_from_bytes(const UINT8 *bytes, UINT32 n, HSTRING *ret_string);
