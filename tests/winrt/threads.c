/* SPDX-License-Identifier: MIT */

/* Agile objects: many threads use one of them at once. What goes wrong, a thread sanitizer sees best. */

#include "conformance.h"

#define THREADS 4
#define ROUNDS 100

#define BACKGROUND "Windows.ApplicationModel.Background."

/* A thread may not end the row: it counts what was not so. */
typedef struct Shared {
        void *object;
        void (*use)(struct Shared *shared);
        int n_bad[THREADS];
} Shared;

static _Thread_local int *bad;
#define EXPECT(condition) ((void)((condition) || ++*bad))

static Shared shared;

static void *use_often(void *of)
{
        bad = of;
        for (int i = 0; i < ROUNDS; i++)
                shared.use(&shared);
        return NULL;
}

/* The object has its one reference again when they are done. */
static void use_by_many(void *object, void (*use)(Shared *of))
{
        pthread_t threads[THREADS];
        int n = 0, n_bad = 0;

        shared = (Shared){ .object = object, .use = use };
        while (n < THREADS && pthread_create(&threads[n], NULL, use_often, &shared.n_bad[n]) == 0)
                n++;
        for (int i = 0; i < n; i++) {
                pthread_join(threads[i], NULL);
                n_bad += shared.n_bad[i];
        }
        CHECK(n == THREADS && n_bad == 0);
        CHECK(IUnknown_Release((IUnknown *)object) == 0);
}

static STDMETHODIMP on_changed(IMapChangedEventHandler_HSTRING_IInspectable *self,
                               IObservableMap_HSTRING_IInspectable *sender, IMapChangedEventArgs_HSTRING *args)
{
        return S_OK;
}

static const IMapChangedEventHandler_HSTRING_IInspectableVtbl handler_vtable = {
        FIXED_SLOTS, on_changed,
};
static IMapChangedEventHandler_HSTRING_IInspectable handler = { &handler_vtable };

static void use_set(Shared *of)
{
        IMap_HSTRING_IInspectable *map = of->object;
        IObservableMap_HSTRING_IInspectable *observable = NULL;
        IMapView_HSTRING_IInspectable *view = NULL;
        IInspectable *found = NULL;
        EventRegistrationToken token = { 0 };
        boolean flag = 0;
        UINT32 n = 9;

        EXPECT(IMap_HSTRING_IInspectable_QueryInterface(map, &IID_IObservableMap_HSTRING_IInspectable,
                                                        (void **)&observable) == S_OK);
        EXPECT(IObservableMap_HSTRING_IInspectable_add_MapChanged(observable, &handler, &token) == S_OK);
        EXPECT(IMap_HSTRING_IInspectable_Insert(map, STRING("a"), NULL, &flag) == S_OK);
        EXPECT(IMap_HSTRING_IInspectable_Lookup(map, STRING("a"), &found) == S_OK && !found);
        EXPECT(IMap_HSTRING_IInspectable_GetView(map, &view) == S_OK);
        EXPECT(IMapView_HSTRING_IInspectable_get_Size(view, &n) == S_OK && n == 1);
        IMapView_HSTRING_IInspectable_Release(view);
        EXPECT(IObservableMap_HSTRING_IInspectable_remove_MapChanged(observable, token) == S_OK);
        IObservableMap_HSTRING_IInspectable_Release(observable);
}

static void many_threads_use_a_set(void)
{
        IMap_HSTRING_IInspectable *map = NULL;
        IInspectable *set = NULL;

        CHECK_OK(RoActivateInstance(STRING("Windows.Foundation.Collections.ValueSet"), &set));
        CHECK_OK(IInspectable_QueryInterface(set, &IID_IMap_HSTRING_IInspectable, (void **)&map));
        IInspectable_Release(set);
        use_by_many(map, use_set);
}

static void use_builder(Shared *of)
{
        ITimeTriggerFactory *times = NULL;
        IBackgroundTaskBuilder *builder = of->object;
        IBackgroundTaskBuilder2 *builder2 = NULL;
        IBackgroundTrigger *trigger = NULL;
        ITimeTrigger *time_trigger = NULL;
        HSTRING name = NULL;
        boolean flag = 0;

        EXPECT(RoGetActivationFactory(STRING(BACKGROUND "TimeTrigger"), &IID_ITimeTriggerFactory,
                                      (void **)&times) == S_OK);
        EXPECT(ITimeTriggerFactory_Create(times, 15, 0, &time_trigger) == S_OK);
        EXPECT(ITimeTrigger_QueryInterface(time_trigger, &IID_IBackgroundTrigger, (void **)&trigger) == S_OK);
        EXPECT(IBackgroundTaskBuilder_SetTrigger(builder, trigger) == S_OK);
        EXPECT(IBackgroundTaskBuilder_put_Name(builder, STRING("Shared")) == S_OK);
        EXPECT(IBackgroundTaskBuilder_get_Name(builder, &name) == S_OK && string_is(name, "Shared"));
        EXPECT(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder2,
                                                     (void **)&builder2) == S_OK);
        EXPECT(IBackgroundTaskBuilder2_put_CancelOnConditionLoss(builder2, 1) == S_OK);
        EXPECT(IBackgroundTaskBuilder2_get_CancelOnConditionLoss(builder2, &flag) == S_OK && flag == 1);
        (void)WindowsDeleteString(name);
        IBackgroundTaskBuilder2_Release(builder2);
        IBackgroundTrigger_Release(trigger);
        ITimeTrigger_Release(time_trigger);
        ITimeTriggerFactory_Release(times);
}

static void many_threads_use_a_builder(void)
{
        use_by_many(new_builder(STRING("Shared"), 15, 0), use_builder);
}

static void use_weakly(Shared *of)
{
        IWeakReferenceSource *source = NULL;
        IWeakReference *weak = NULL;
        IInspectable *found = NULL;

        EXPECT(IInspectable_QueryInterface((IInspectable *)of->object, &IID_IWeakReferenceSource,
                                           (void **)&source) == S_OK);
        EXPECT(IWeakReferenceSource_GetWeakReference(source, &weak) == S_OK);
        EXPECT(IWeakReference_Resolve(weak, &IID_IInspectable, &found) == S_OK && found);
        IInspectable_Release(found);
        IWeakReference_Release(weak);
        IWeakReferenceSource_Release(source);
}

static void many_threads_ask_for_a_weak_reference(void)
{
        use_by_many(new_event_trigger(STRING("event")), use_weakly);
}

const Row thread_rows[] = {
        { "MarshalingBehavior Agile", "many threads use a set", many_threads_use_a_set },
        { "MarshalingBehavior Agile", "many threads use a builder", many_threads_use_a_builder },
        { "MarshalingBehavior Agile", "many threads ask for the first weak reference to an object",
          many_threads_ask_for_a_weak_reference },
        { NULL },
};
