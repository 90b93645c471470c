/* SPDX-License-Identifier: MIT */

/*
 * What holds for every event, shown by the one that is raised in the call that causes it: MapChanged of a ValueSet.
 * And sets whose values are the program's own, which may do anything when they are released.
 */

#include "conformance.h"

#define LISTENERS_MAX 4

typedef IMap_HSTRING_IInspectable Map;
typedef IObservableMap_HSTRING_IInspectable Observable;

/* A handler that does something when it is called. */
typedef struct Listener {
        IMapChangedEventHandler_HSTRING_IInspectable handler;
        int n_ref, n_calls;
        HRESULT answer;
        EventRegistrationToken token;
        struct Listener *to_remove; /* NULL: nobody */
        struct Listener *to_add;
} Listener;

static Listener listeners[LISTENERS_MAX];
static Observable *observable;
static Map *map;
static IPropertySet *set;

static STDMETHODIMP query_handler(IMapChangedEventHandler_HSTRING_IInspectable *self, const IID *iid,
                                  void **ret_object)
{
        *ret_object = self;
        ((Listener *)self)->n_ref++;
        return S_OK;
}

static STDMETHODIMP_(ULONG) ref_handler(IMapChangedEventHandler_HSTRING_IInspectable *self)
{
        return (ULONG)++((Listener *)self)->n_ref;
}

static STDMETHODIMP_(ULONG) unref_handler(IMapChangedEventHandler_HSTRING_IInspectable *self)
{
        return (ULONG)--((Listener *)self)->n_ref;
}

static void add(Listener *listener)
{
        CHECK_OK(IObservableMap_HSTRING_IInspectable_add_MapChanged(observable, &listener->handler,
                                                                    &listener->token));
}

static void remove_token(EventRegistrationToken token)
{
        CHECK_OK(IObservableMap_HSTRING_IInspectable_remove_MapChanged(observable, token));
}

static STDMETHODIMP on_changed(IMapChangedEventHandler_HSTRING_IInspectable *self,
                               IObservableMap_HSTRING_IInspectable *sender, IMapChangedEventArgs_HSTRING *args)
{
        Listener *listener = (Listener *)self;

        listener->n_calls++;
        if (listener->to_remove)
                remove_token(listener->to_remove->token);
        if (listener->to_add)
                add(listener->to_add);
        return listener->answer;
}

static const IMapChangedEventHandler_HSTRING_IInspectableVtbl handler_vtable = {
        query_handler, ref_handler, unref_handler, on_changed,
};

static void begin(void)
{
        for (size_t i = 0; i < LISTENERS_MAX; i++)
                listeners[i] = (Listener){ .handler = { &handler_vtable }, .n_ref = 1 };
        CHECK_OK(RoActivateInstance(STRING("Windows.Foundation.Collections.ValueSet"), (IInspectable **)&set));
        CHECK_OK(IPropertySet_QueryInterface(set, &IID_IMap_HSTRING_IInspectable, (void **)&map));
        CHECK_OK(IPropertySet_QueryInterface(set, &IID_IObservableMap_HSTRING_IInspectable, (void **)&observable));
}

static void change(void)
{
        CHECK_OK(IMap_HSTRING_IInspectable_Clear(map));
}

/* No handler is kept any more. */
static void end(void)
{
        IObservableMap_HSTRING_IInspectable_Release(observable);
        IMap_HSTRING_IInspectable_Release(map);
        CHECK(IPropertySet_Release(set) == 0);
        for (size_t i = 0; i < LISTENERS_MAX; i++)
                CHECK(listeners[i].n_ref == 1);
}

static void the_same_handler_may_be_added_twice(void)
{
        EventRegistrationToken first;

        begin();
        add(&listeners[0]);
        first = listeners[0].token;
        add(&listeners[0]);
        CHECK(first.value != listeners[0].token.value);
        change();
        CHECK(listeners[0].n_calls == 2);
        remove_token(first);
        change();
        CHECK(listeners[0].n_calls == 3);
        end();
}

static void unknown_tokens_are_ignored(void)
{
        const INT64 unknown[] = { 0, -1, 2, INT64_MAX, INT64_MIN };

        begin();
        add(&listeners[0]);
        for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
                remove_token((EventRegistrationToken){ unknown[i] });
        change();
        CHECK(listeners[0].n_calls == 1);
        remove_token(listeners[0].token);
        remove_token(listeners[0].token);
        CHECK(listeners[0].n_ref == 1);
        change();
        CHECK(listeners[0].n_calls == 1);
        end();
}

static void a_handler_may_remove_itself_and_others(void)
{
        begin();
        listeners[0].to_remove = &listeners[0];
        listeners[1].to_remove = &listeners[2];
        for (size_t i = 0; i < 3; i++)
                add(&listeners[i]);
        change();
        CHECK(listeners[0].n_calls == 1 && listeners[1].n_calls == 1 && listeners[2].n_calls == 0);
        change();
        CHECK(listeners[0].n_calls == 1 && listeners[1].n_calls == 2 && listeners[2].n_calls == 0);
        end();
}

static void a_handler_may_add_others(void)
{
        begin();
        listeners[0].to_add = &listeners[1];
        add(&listeners[0]);
        change();
        CHECK(listeners[0].n_calls == 1 && listeners[1].n_calls == 0);
        listeners[0].to_add = NULL;
        change();
        CHECK(listeners[0].n_calls == 2 && listeners[1].n_calls == 1);
        end();
}

static void a_handler_that_fails_does_not_stop_others(void)
{
        begin();
        listeners[0].answer = E_FAIL;
        add(&listeners[0]);
        add(&listeners[1]);
        change();
        change();
        CHECK(listeners[0].n_calls == 2 && listeners[1].n_calls == 2);
        end();
}

static void a_handler_whose_process_is_gone_is_removed(void)
{
        begin();
        listeners[0].answer = RPC_E_DISCONNECTED;
        listeners[1].answer = HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE);
        for (size_t i = 0; i < 3; i++)
                add(&listeners[i]);
        change();
        CHECK(listeners[0].n_ref == 1 && listeners[1].n_ref == 1 && listeners[2].n_ref == 2);
        change();
        CHECK(listeners[0].n_calls == 1 && listeners[1].n_calls == 1 && listeners[2].n_calls == 2);
        end();
}

/* A value of the program, which looks into the set when it is released for the last time. */

static IPropertyValue value;
static int n_value;
static UINT32 size_at_release;

static STDMETHODIMP query_value(IPropertyValue *self, const IID *iid, void **ret_object)
{
        *ret_object = self;
        n_value++;
        return S_OK;
}

static STDMETHODIMP_(ULONG) ref_value(IPropertyValue *self)
{
        return (ULONG)++n_value;
}

static STDMETHODIMP_(ULONG) unref_value(IPropertyValue *self)
{
        if (--n_value == 0)
                (void)IMap_HSTRING_IInspectable_get_Size(map, &size_at_release);
        return (ULONG)n_value;
}

static const IPropertyValueVtbl value_vtable = {
        .QueryInterface = query_value, .AddRef = ref_value, .Release = unref_value,
};

/* The set has the only reference. */
static void insert_value(void)
{
        boolean replaced = 9;

        value.lpVtbl = &value_vtable;
        n_value = 1;
        size_at_release = 9;
        CHECK_OK(IMap_HSTRING_IInspectable_Insert(map, STRING("a"), (IInspectable *)&value, &replaced));
        CHECK(n_value == 2 && replaced == 0);
        IPropertyValue_Release(&value);
}

static void a_value_may_look_into_its_set_when_it_goes(void)
{
        boolean replaced = 9;

        begin();
        insert_value();
        CHECK_OK(IMap_HSTRING_IInspectable_Insert(map, STRING("a"), NULL, &replaced));
        CHECK(n_value == 0 && replaced == 1 && size_at_release == 1);
        CHECK_OK(IMap_HSTRING_IInspectable_Remove(map, STRING("a")));
        insert_value();
        CHECK_OK(IMap_HSTRING_IInspectable_Remove(map, STRING("a")));
        CHECK(n_value == 0 && size_at_release == 0);
        insert_value();
        CHECK_OK(IMap_HSTRING_IInspectable_Clear(map));
        CHECK(n_value == 0 && size_at_release == 0);
        end();
}

/* Refused at once, before anybody is asked. */
static void a_set_in_itself_is_no_argument(void)
{
        IAsyncOperation_ApplicationTriggerResult *operation = NULL;
        IApplicationTrigger *trigger = NULL;
        boolean replaced = 9;

        begin();
        CHECK_OK(RoActivateInstance(STRING("Windows.ApplicationModel.Background.ApplicationTrigger"),
                                    (IInspectable **)&trigger));
        CHECK_OK(IMap_HSTRING_IInspectable_Insert(map, STRING("a"), (IInspectable *)set, &replaced));
        CHECK(IApplicationTrigger_RequestAsyncWithArguments(trigger, set, &operation) == E_INVALIDARG && !operation);
        CHECK_OK(IMap_HSTRING_IInspectable_Clear(map));
        IApplicationTrigger_Release(trigger);
        end();
}

const Row event_rows[] = {
        { "EventRegistrationToken", "the same handler may be added twice, and is called twice",
          the_same_handler_may_be_added_twice },
        { "EventRegistrationToken", "unknown tokens, and those given back, are ignored", unknown_tokens_are_ignored },
        { "EventRegistrationToken", "a handler may remove itself and others while it is called",
          a_handler_may_remove_itself_and_others },
        { "EventRegistrationToken", "a handler may add others, which are called the next time",
          a_handler_may_add_others },
        { "winrt::event", "a handler that fails does not stop others, and is kept",
          a_handler_that_fails_does_not_stop_others },
        { "winrt::event", "a handler whose process is gone is removed", a_handler_whose_process_is_gone_is_removed },
        { "IMap", "a value may look into its set when it goes", a_value_may_look_into_its_set_when_it_goes },
        { "ours", "a set that is in itself is no argument", a_set_in_itself_is_no_argument },
        { NULL },
};
