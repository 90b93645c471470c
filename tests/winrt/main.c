/* SPDX-License-Identifier: MIT */

/*
 * Runs every row on its stage, and prints TAP. conformance sockets: those that need a broker whose clock goes;
 * conformance quota: those that need one that takes a single task. It is there, with the package of this process.
 */

#include "conformance.h"

#include <bgtask/terms.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const CLSID test_clsid = { 0x6e3f0c52, 0x5d0b, 0x4a61, { 0x9c, 0x55, 0x0b, 0x1f, 0x2e, 0x7d, 0x8a, 0x90 } };

const CLSID server_clsid = { 0x6e3f0c52, 0x5d0b, 0x4a61, { 0x9c, 0x55, 0x0b, 0x1f, 0x2e, 0x7d, 0x8a, 0x91 } };

static jmp_buf end_of_row;
static const WCHAR *table_name;
static const char *skipped;
static int n_rows, n_failed;

void fail_row(const char *file, int line, const char *what)
{
        printf("# %s:%d: not so: %s\n", file, line, what);
        for (const WCHAR *p = table_name; p && *p; p++)
                printf("%s%c", p == table_name ? "# of " : "", (char)*p);
        if (table_name)
                printf("\n");
        longjmp(end_of_row, 1);
}

void row_of_table(const WCHAR *name)
{
        table_name = name;
}

HSTRING string_of(const WCHAR *text, size_t length, HSTRING_HEADER *header)
{
        HSTRING string = NULL;

        CHECK_OK(WindowsCreateStringReference(text, (UINT32)length, header, &string));
        return string;
}

int string_is(HSTRING string, const char *ascii)
{
        UINT32 length;
        const WCHAR *text = WindowsGetStringRawBuffer(string, &length);
        size_t n = strlen(ascii);

        for (size_t i = 0; i < n; i++)
                if (i >= length || text[i] != (WCHAR)ascii[i])
                        return 0;
        return length == n;
}

void narrow(HSTRING string, char *text, size_t size)
{
        UINT32 length;
        const WCHAR *wide = WindowsGetStringRawBuffer(string, &length);
        size_t n = 0;

        for (; n < length && n < size - 1; n++)
                text[n] = (char)wide[n];
        text[n] = '\0';
}

STDMETHODIMP fixed_query(void *self, const IID *iid, void **ret_object)
{
        *ret_object = self;
        return S_OK;
}

STDMETHODIMP_(ULONG) fixed_count(void *self)
{
        return 2;
}

void *factory_of(HSTRING class_name, const IID *iid)
{
        void *factory = NULL;

        CHECK_OK(RoGetActivationFactory(class_name, iid, &factory));
        CHECK(factory);
        return factory;
}

HRESULT query_only(void *self, const IID *iid, const IID *own, void **ret_object)
{
        *ret_object = NULL;
        if (memcmp(iid, own, sizeof *iid) != 0 && memcmp(iid, &IID_IUnknown, sizeof *iid) != 0)
                return E_NOINTERFACE;
        *ret_object = self;
        return S_OK;
}

static const struct {
        int kind;
        const char *key;
} told_kinds[] = {
        [TOLD_PUSH] = { BGT_TRIGGER_PUSH_NOTIFICATION, "message" },
        [TOLD_ACTION] = { BGT_TRIGGER_TOAST_ACTION, "actions" },
        [TOLD_REASON] = { BGT_TRIGGER_TOAST_HISTORY_CHANGED, "reasons" },
        [TOLD_CONTENT] = { BGT_TRIGGER_STORAGE_CONTENT_CHANGED, "paths" },
        [TOLD_DEVICE] = { BGT_TRIGGER_DEVICE_CONNECTION_CHANGE, "nodes" },
        [TOLD_SHOWN] = { BGT_TRIGGER_USER_NOTIFICATION_CHANGED, "changes" },
        [TOLD_CHANGE] = { BGT_TRIGGER_STORAGE_CHANGE_TRACKER, "paths" },
};

int told_kind(Told told)
{
        return told_kinds[told].kind;
}

const char *told_key(Told told)
{
        return told_kinds[told].key;
}

void gate_raise(Gate *gate)
{
        pthread_mutex_lock(&gate->lock);
        gate->count++;
        pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->lock);
}

int gate_wait(Gate *gate, int count)
{
        struct timespec end;
        int r = 0, good;

        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += 60;
        pthread_mutex_lock(&gate->lock);
        while (gate->count < count && r == 0)
                r = pthread_cond_timedwait(&gate->changed, &gate->lock, &end);
        good = gate->count >= count;
        pthread_mutex_unlock(&gate->lock);
        return good;
}

void skip_row(const char *why)
{
        skipped = why;
        longjmp(end_of_row, 1);
}

static int run_row(const Row *row)
{
        table_name = NULL;
        skipped = NULL;
        if (setjmp(end_of_row) != 0)
                return skipped != NULL;
        row->check();
        return 1;
}

static void run_rows(const Row *rows)
{
        for (const Row *row = rows; row->check; row++) {
                const char *todo = row->todo ? row->todo : stage_todo(row);
                int good = run_row(row);

                n_rows++;
                n_failed += !skipped && good == (todo != NULL);
                printf("%s %d - %s (%s)%s%s\n", good ? "ok" : "not ok", n_rows, row->sentence, row->source,
                       skipped ? " # SKIP " : todo ? " # TO" "DO " : "", skipped ? skipped : todo ? todo : "");
                fflush(stdout);
        }
}

static void has_no_identity(void)
{
        IBackgroundTaskRegistrationStatics *statics = factory_of(
                STRING("Windows.ApplicationModel.Background.BackgroundTaskRegistration"),
                &IID_IBackgroundTaskRegistrationStatics);
        IMapView_GUID_IBackgroundTaskRegistration *tasks = NULL;

        CHECK(IBackgroundTaskRegistrationStatics_get_AllTasks(statics, &tasks) == (HRESULT)0x80070490);
        CHECK(!tasks);
}

static void registers_nothing_without_identity(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Nowhere"), 15, 0);
        IBackgroundTaskRegistration *task = NULL;

        CHECK(IBackgroundTaskBuilder_Register(builder, &task) == (HRESULT)0x80070490 && !task);
        CHECK(IBackgroundTaskBuilder_Release(builder) == 0);
}

static void has_no_package(void)
{
        IPackageStatics *statics = factory_of(STRING("Windows.ApplicationModel.Package"), &IID_IPackageStatics);
        IPackage *package = (void *)&package;

        CHECK(IPackageStatics_get_Current(statics, &package) == (HRESULT)0x80073d54 && !package);
}

static const Row stranger_rows[] = {
        { "APPMODEL_ERROR_NO_PACKAGE", "Package.Current without a package identity says so", has_no_package },
        { "WindowsAppSDK 4201", "Register() without a package identity is ERROR_NOT_FOUND",
          registers_nothing_without_identity },
        { "WindowsAppSDK 4201", "AllTasks without a package identity is ERROR_NOT_FOUND", has_no_identity },
        { NULL },
};

#define ROWS_MAX 11

static const Row *const rows[PLACE_MAX][ROWS_MAX] = {
        [PLACE_NOWHERE] = { value_rows, set_rows, event_rows, class_rows, thread_rows,
                            stranger_rows, socket_rows, error_rows, stream_rows, timer_rows, string_rows },
        [PLACE_CONFINED] = { confined_rows },
        [PLACE_PACKAGE] = { data_rows, builder_rows, refusal_rows, group_rows, refused_rows, enum_rows,
                            identity_rows, container_rows },
        [PLACE_SERVER] = { server_rows, trigger_rows, library_rows },
        [PLACE_RUNS] = { activation_rows },
        [PLACE_COM] = { object_rows, memory_rows, timer_memory_rows, string_memory_rows },
};

/* NULL: there are none of this name. */
static const Row *find_rows(const char *name)
{
        return strcmp(name, "sockets") == 0 ? socket_run_rows : strcmp(name, "quota") == 0 ? quota_rows : NULL;
}

static int run_alone(const Row *wanted)
{
        run_rows(wanted);
        printf("1..%d\n", n_rows);
        return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
        if (argc == 2 && strcmp(argv[1], "serve") == 0)
                return serve();
        if (argc == 2 && find_rows(argv[1]))
                return run_alone(find_rows(argv[1]));
        if (!stage_begin(argc, argv))
                return EXIT_FAILURE;
        for (Place place = PLACE_NOWHERE; place < PLACE_MAX; place++) {
                int there = stage_enter(place);

                if (there < 0)
                        return EXIT_FAILURE;
                for (size_t i = 0; there > 0 && i < ROWS_MAX && rows[place][i]; i++)
                        run_rows(rows[place][i]);
        }
        stage_end();
        printf("1..%d\n", n_rows);
        return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
