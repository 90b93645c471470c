/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Documented behaviour, a row each, with its source: the page of Microsoft's documentation, or "ours" where that is
 * silent. A row fails by CHECK(), which says what was not so.
 */

#define COBJMACROS
#include <bgtask/winrt.h>

#include <pthread.h>
#include <stdio.h>

#define TEST_CLSID_TEXT "6E3F0C52-5D0B-4A61-9C55-0B1F2E7D8A90"
extern const CLSID test_clsid;
/* The class that the package's server has. */
extern const CLSID server_clsid;

typedef struct Row {
        const char *source;
        const char *sentence;
        void (*check)(void);
        const char *todo; /* why it cannot hold yet: then it must fail */
        const char *todo_of_windows; /* the same for programs of Windows */
} Row;

extern const Row value_rows[], event_rows[], class_rows[], refused_rows[], set_rows[], data_rows[], builder_rows[],
        refusal_rows[], group_rows[], server_rows[], activation_rows[], trigger_rows[], library_rows[],
        object_rows[], memory_rows[], thread_rows[], socket_rows[], socket_run_rows[], enum_rows[],
        quota_rows[], confined_rows[], error_rows[], identity_rows[], stream_rows[], timer_rows[], timer_memory_rows[],
        container_rows[], string_rows[], string_memory_rows[];

/* Ends the row. */
void fail_row(const char *file, int line, const char *what) __attribute__((noreturn));
/* Ends it as one that cannot be run here. */
void skip_row(const char *why) __attribute__((noreturn));
#define CHECK(condition)                                                \
        do {                                                            \
                if (!(condition))                                       \
                        fail_row(__FILE__, __LINE__, #condition);       \
        } while (0)
#define CHECK_OK(call) CHECK((call) == S_OK)

/* What a failure in this row names besides: where in a table it is. NULL: in none. */
void row_of_table(const WCHAR *name);

/* A string that lives as long as its text. */
#define STRING(text) string_of(u"" text, sizeof(u"" text) / sizeof(WCHAR) - 1, &(HSTRING_HEADER){ { NULL } })
HSTRING string_of(const WCHAR *text, size_t length, HSTRING_HEADER *header);
int string_is(HSTRING string, const char *ascii);
/* What fits of its characters, which are ASCII. */
void narrow(HSTRING string, char *text, size_t size);

/* An object leads from each of these interfaces, the default one first, to every other, and has no more. */
void check_interfaces(void *object, const IID *const *iids, size_t n_iids);
void check_class_name(void *object, const WCHAR *expected);

/* An object without data, one for all: it answers for every interface, and is never freed. */
STDMETHODIMP fixed_query(void *self, const IID *iid, void **ret_object);
STDMETHODIMP_(ULONG) fixed_count(void *self);
#define FIXED_SLOTS_BUT(query)                  \
        .QueryInterface = (void *)query,        \
        .AddRef = (void *)fixed_count,          \
        .Release = (void *)fixed_count
#define FIXED_SLOTS FIXED_SLOTS_BUT(fixed_query)

/* Registers what the builder has, unregisters it, and gives the builder back; what Register() has said. */
HRESULT register_and_release(IBackgroundTaskBuilder *builder);
/* The factory or the statics of a class; fails the row. */
void *factory_of(HSTRING class_name, const IID *iid);
/* For an object of a row that has this interface alone, and is not counted. */
HRESULT query_only(void *self, const IID *iid, const IID *own, void **ret_object);
/* A builder with a TimeTrigger of so many minutes (0: none), the class of this test (if it is wanted) and a name. */
IBackgroundTaskBuilder *new_builder(HSTRING name, UINT32 minutes, int with_class);
/* Registers such a task. */
IBackgroundTaskRegistration *new_task(HSTRING name);
IInspectable *new_connection_trigger(HSTRING id);
/* Triggers of a library of the user. */
IInspectable *new_content_trigger(KnownLibraryId id);
IInspectable *new_tracker_trigger(KnownLibraryId id);
/* ApplicationData.Current. */
IApplicationData *app_data(void);
/* A ValueSet with a value of every type, and whether another one has them. */
IPropertySet *new_set_of_all_types(void);
void check_set_of_all_types(void *set);
/* Registers the class of the package's server, and serves. */
int serve(void);
/* Registers a task of this trigger, fires it, and returns what its run was told of it: NULL if nothing. */
IInspectable *see_details(IInspectable *trigger, void (*fire)(void *trigger));
/* A CustomSystemEventTrigger. */
IInspectable *new_event_trigger(HSTRING id);
/* The same task, as AllTasks has it. */
IBackgroundTaskRegistration *find_task(IBackgroundTaskRegistration *task);
/* How many tasks there are. */
UINT32 count_tasks(void);
/* At the start of a row, where nothing has been made yet: it is skipped where allocations cannot fail. */
void begin_row(void);
/* Each allocation of this operation fails in turn: it says E_OUTOFMEMORY, and leaves nothing behind. */
void sweep(HRESULT (*operation)(void));

/*
 * The stage: what the rows do that is not Windows' interface. stage.c has it for programs of this machine; where they
 * are programs of Windows, something else has.
 */

/* What a process is while rows run. */
typedef enum Place {
        PLACE_NOWHERE,  /* of no package */
        PLACE_CONFINED, /* of a package without the capability runFullTrust */
        PLACE_PACKAGE,  /* of the test's package, and no server yet */
        PLACE_SERVER,   /* of that package, and a server */
        PLACE_RUNS,     /* the same, and what it serves with is another factory */
        PLACE_COM,      /* the same, and what finds class objects is ours */
        PLACE_MAX
} Place;

/* False if there can be no stage. */
int stage_begin(int argc, char *argv[]);
/* In this order. 1: the process is there; 0: rows of this place do not run here; -1: it could not get there. */
int stage_enter(Place place);
/* Why a row cannot hold here; NULL: it can. */
const char *stage_todo(const Row *row);
/* In the package's server: returns when it has served and nothing runs any more. */
void stage_serve(void);
void stage_end(void);
/* By the name of a task. They fail the row. */
void run_task(const char *name);
void cancel_task(const char *name, int reason);
void pause_task(const char *name);
void set_on_ac_power(int on);
/* Whether this is what the history says of the last run of the task of this name. */
int has_ended_as(const char *name, const char *text);
/* A home for the user of this process, with the folders Images, which the user has set for pictures, and Music. */
void make_home(void);
/* Whether this is the path of that file or folder in it. */
int is_at_home(HSTRING path, const char *name);
/* As another process does: registers an in-process task in a group of this name, and unregisters it. */
void register_in_group(const char *task, const char *group, const char *name);
void unregister(const char *task);
/* Whether another process finds this name of a group. */
int is_group_named(const char *group, const char *name);
/* Raises the event of this id as one that passes on what such a trigger tells: what has happened, or been changed. */
typedef enum Told { TOLD_PUSH, TOLD_ACTION, TOLD_REASON, TOLD_CONTENT, TOLD_CHANGE, TOLD_DEVICE, TOLD_SHOWN } Told;
void tell_of(const char *event, Told told, const char *what);
/* As the details of such an event have it: the kind of the trigger, and where it tells. */
int told_kind(Told told);
const char *told_key(Told told);
/* Whether this is where the package keeps its data, as a program has to write it. */
int is_local_folder(HSTRING path);

/* Whether this is what the process's package has: its family, its publisher, or its place. */
int is_of_package(const char *what, HSTRING text);

/* Something that one thread waits for and another one reports. */
typedef struct Gate {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        int count;
} Gate;
#define GATE { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }
void gate_raise(Gate *gate);
/* False if it was not raised so often in a minute. */
int gate_wait(Gate *gate, int count);
