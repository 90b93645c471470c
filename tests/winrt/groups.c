/* SPDX-License-Identifier: MIT */

/* BackgroundTaskRegistrationGroup. */

#include "conformance.h"

#include <string.h>

#define BACKGROUND "Windows.ApplicationModel.Background."

static IBackgroundTaskRegistrationGroup *new_group(HSTRING id, HSTRING name)
{
        IBackgroundTaskRegistrationGroupFactory *factory = factory_of(
                STRING(BACKGROUND "BackgroundTaskRegistrationGroup"), &IID_IBackgroundTaskRegistrationGroupFactory);
        IBackgroundTaskRegistrationGroup *group = NULL;

        CHECK_OK(IBackgroundTaskRegistrationGroupFactory_CreateWithName(factory, id, name, &group));
        return group;
}

static IBackgroundTaskRegistrationStatics2 *statics(void)
{
        return factory_of(STRING(BACKGROUND "BackgroundTaskRegistration"), &IID_IBackgroundTaskRegistrationStatics2);
}

/* A task in a group: of the test's class, or in-process. */
static IBackgroundTaskRegistration *new_task_in(IBackgroundTaskRegistrationGroup *group, HSTRING name, int with_class)
{
        IBackgroundTaskBuilder *builder = new_builder(name, 15, with_class);
        IBackgroundTaskRegistration *task = NULL;
        IBackgroundTaskBuilder4 *builder4 = NULL;

        CHECK_OK(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder4, (void **)&builder4));
        CHECK_OK(IBackgroundTaskBuilder4_put_TaskGroup(builder4, group));
        CHECK_OK(IBackgroundTaskBuilder_Register(builder, &task));
        IBackgroundTaskBuilder4_Release(builder4);
        IBackgroundTaskBuilder_Release(builder);
        return task;
}

static void remove_task(IBackgroundTaskRegistration *task)
{
        CHECK_OK(IBackgroundTaskRegistration_Unregister(task, 1));
        IBackgroundTaskRegistration_Release(task);
}

static UINT32 count_groups(void)
{
        IMapView_HSTRING_BackgroundTaskRegistrationGroup *groups = NULL;
        UINT32 n = 0;

        CHECK_OK(IBackgroundTaskRegistrationStatics2_get_AllTaskGroups(statics(), &groups));
        CHECK_OK(IMapView_HSTRING_BackgroundTaskRegistrationGroup_get_Size(groups, &n));
        IMapView_HSTRING_BackgroundTaskRegistrationGroup_Release(groups);
        return n;
}

static void a_group_has_its_id_and_name(void)
{
        IBackgroundTaskRegistrationGroupFactory *factory = factory_of(
                STRING(BACKGROUND "BackgroundTaskRegistrationGroup"), &IID_IBackgroundTaskRegistrationGroupFactory);
        IBackgroundTaskRegistrationGroup *group = new_group(STRING("org.example.lib"), STRING("Library"));
        IBackgroundTaskRegistrationGroup *none = NULL;
        HSTRING text = NULL;

        CHECK_OK(IBackgroundTaskRegistrationGroup_get_Id(group, &text));
        CHECK(string_is(text, "org.example.lib"));
        CHECK_OK(WindowsDeleteString(text));
        CHECK_OK(IBackgroundTaskRegistrationGroup_get_Name(group, &text));
        CHECK(string_is(text, "Library"));
        CHECK_OK(WindowsDeleteString(text));
        CHECK(IBackgroundTaskRegistrationGroup_Release(group) == 0);
        CHECK_OK(IBackgroundTaskRegistrationGroupFactory_Create(factory, STRING("org.example.other"), &group));
        CHECK_OK(IBackgroundTaskRegistrationGroup_get_Name(group, &text));
        CHECK(!text);
        IBackgroundTaskRegistrationGroup_Release(group);
        CHECK(IBackgroundTaskRegistrationGroupFactory_Create(factory, NULL, &none) == E_INVALIDARG && !none);
        CHECK(IBackgroundTaskRegistrationGroupFactory_Create(factory, STRING("x"), NULL) == E_POINTER);
}

static void tasks_of_a_group_are_its_own(void)
{
        IBackgroundTaskRegistrationGroup *group = new_group(STRING("org.example.lib"), NULL);
        UINT32 n = count_tasks(), n_groups = count_groups(), size = 0;
        IBackgroundTaskRegistration *task = new_task_in(group, STRING("Grouped"), 1), *found = NULL;
        IMapView_GUID_BackgroundTaskRegistration *tasks = NULL;
        GUID id;

        CHECK(count_tasks() == n && count_groups() == n_groups + 1);
        CHECK_OK(IBackgroundTaskRegistration_get_TaskId(task, &id));
        CHECK_OK(IBackgroundTaskRegistrationGroup_get_AllTasks(group, &tasks));
        CHECK_OK(IMapView_GUID_BackgroundTaskRegistration_get_Size(tasks, &size));
        CHECK(size == 1);
        CHECK_OK(IMapView_GUID_BackgroundTaskRegistration_Lookup(tasks, id, &found));
        IBackgroundTaskRegistration_Release(found);
        IMapView_GUID_BackgroundTaskRegistration_Release(tasks);
        IBackgroundTaskRegistrationGroup_Release(group);
        remove_task(task);
        CHECK(count_groups() == n_groups);
}

/* The id of the group that a task says it is in; fails the row if it is another one. */
static void check_group(IBackgroundTaskRegistration *task, const char *id)
{
        IBackgroundTaskRegistration3 *task3 = NULL;
        IBackgroundTaskRegistrationGroup *group = NULL;
        HSTRING text = NULL;

        CHECK_OK(IBackgroundTaskRegistration_QueryInterface(task, &IID_IBackgroundTaskRegistration3, (void **)&task3));
        CHECK_OK(IBackgroundTaskRegistration3_get_TaskGroup(task3, &group));
        IBackgroundTaskRegistration3_Release(task3);
        CHECK(!group == !id);
        if (!group)
                return;
        CHECK_OK(IBackgroundTaskRegistrationGroup_get_Id(group, &text));
        CHECK(string_is(text, id));
        CHECK_OK(WindowsDeleteString(text));
        IBackgroundTaskRegistrationGroup_Release(group);
}

static void a_task_knows_its_group(void)
{
        IBackgroundTaskRegistrationGroup *group = new_group(STRING("org.example.lib"), NULL);
        IBackgroundTaskRegistration *in = new_task_in(group, STRING("In"), 1);
        IBackgroundTaskRegistration *out = new_task_in(NULL, STRING("Out"), 1);

        check_group(in, "org.example.lib");
        check_group(out, NULL);
        remove_task(in);
        remove_task(out);
        IBackgroundTaskRegistrationGroup_Release(group);
}

static void groups_are_found_by_their_ids(void)
{
        IBackgroundTaskRegistrationGroup *group = new_group(STRING("org.example.lib"), STRING("Library"));
        IBackgroundTaskRegistrationGroup *found = NULL;
        IMapView_HSTRING_BackgroundTaskRegistrationGroup *groups = NULL;
        IBackgroundTaskRegistration *task = new_task_in(group, STRING("Grouped"), 1);
        HSTRING name = NULL;
        boolean has = 0;

        CHECK_OK(IBackgroundTaskRegistrationStatics2_GetTaskGroup(statics(), STRING("org.example.lib"), &found));
        CHECK_OK(IBackgroundTaskRegistrationGroup_get_Name(found, &name));
        CHECK(string_is(name, "Library"));
        CHECK_OK(WindowsDeleteString(name));
        IBackgroundTaskRegistrationGroup_Release(found);
        CHECK_OK(IBackgroundTaskRegistrationStatics2_get_AllTaskGroups(statics(), &groups));
        CHECK_OK(IMapView_HSTRING_BackgroundTaskRegistrationGroup_HasKey(groups, STRING("org.example.lib"), &has));
        CHECK(has == 1);
        CHECK_OK(IMapView_HSTRING_BackgroundTaskRegistrationGroup_HasKey(groups, STRING("org.example"), &has));
        CHECK(has == 0);
        CHECK(IMapView_HSTRING_BackgroundTaskRegistrationGroup_Lookup(groups, STRING("other"), &found) == E_BOUNDS &&
              !found);
        IMapView_HSTRING_BackgroundTaskRegistrationGroup_Release(groups);
        remove_task(task);
        IBackgroundTaskRegistrationGroup_Release(group);
        CHECK_OK(IBackgroundTaskRegistrationStatics2_GetTaskGroup(statics(), STRING("org.example.lib"), &found));
        CHECK(!found);
}

static void check_name(IBackgroundTaskRegistrationGroup *group, const char *name)
{
        HSTRING text = NULL;

        CHECK_OK(IBackgroundTaskRegistrationGroup_get_Name(group, &text));
        CHECK(string_is(text, name));
        CHECK_OK(WindowsDeleteString(text));
}

static void the_name_of_a_group_is_known_to_other_processes(void)
{
        IBackgroundTaskRegistrationGroup *ours = new_group(STRING("org.example.ours"), STRING("Ours"));
        IBackgroundTaskRegistration *task = new_task_in(ours, STRING("Ours"), 1), *second;
        IBackgroundTaskRegistrationGroup *found = NULL;

        CHECK(is_group_named("org.example.ours", "Ours"));
        remove_task(task);
        IBackgroundTaskRegistrationGroup_Release(ours);
        register_in_group("Theirs", "org.example.theirs", "Theirs");
        CHECK_OK(IBackgroundTaskRegistrationStatics2_GetTaskGroup(statics(), STRING("org.example.theirs"), &found));
        check_name(found, "Theirs");
        /* Whoever registers one more in it need not know the name. */
        second = new_task_in(found, STRING("Second"), 1);
        unregister("Theirs");
        CHECK(is_group_named("org.example.theirs", "Theirs"));
        check_name(found, "Theirs");
        remove_task(second);
        check_name(found, "");
        CHECK(IBackgroundTaskRegistrationGroup_Release(found) == 0);
}

static void the_name_of_a_group_has_a_limit(void)
{
        IBackgroundTaskBuilder *builder = new_builder(STRING("Long"), 15, 1);
        IBackgroundTaskRegistration *task = NULL;
        IBackgroundTaskBuilder4 *builder4 = NULL;
        IBackgroundTaskRegistrationGroup *group;
        HSTRING_HEADER header;
        WCHAR name[1002];

        for (size_t i = 0; i < 1001; i++)
                name[i] = 'x';
        name[1001] = 0;
        group = new_group(STRING("org.example.long"), string_of(name, 1001, &header));
        CHECK_OK(IBackgroundTaskBuilder_QueryInterface(builder, &IID_IBackgroundTaskBuilder4, (void **)&builder4));
        CHECK_OK(IBackgroundTaskBuilder4_put_TaskGroup(builder4, group));
        CHECK(IBackgroundTaskBuilder_Register(builder, &task) == E_INVALIDARG && !task);
        IBackgroundTaskBuilder4_Release(builder4);
        IBackgroundTaskBuilder_Release(builder);
        IBackgroundTaskRegistrationGroup_Release(group);
}

/* BackgroundActivated. */

static Gate activated;
static char activated_group[32];
static GUID activated_task;

static STDMETHODIMP on_activated(IBackgroundActivatedEventHandler *self, IBackgroundTaskRegistrationGroup *sender,
                                 IBackgroundActivatedEventArgs *args)
{
        IBackgroundTaskInstance *instance = NULL;
        IBackgroundTaskRegistration *task = NULL;
        HSTRING id = NULL;

        if (SUCCEEDED(IBackgroundTaskRegistrationGroup_get_Id(sender, &id)))
                narrow(id, activated_group, sizeof activated_group);
        (void)WindowsDeleteString(id);
        if (SUCCEEDED(IBackgroundActivatedEventArgs_get_TaskInstance(args, &instance)) &&
            SUCCEEDED(IBackgroundTaskInstance_get_Task(instance, &task))) {
                (void)IBackgroundTaskRegistration_get_TaskId(task, &activated_task);
                IBackgroundTaskRegistration_Release(task);
                IBackgroundTaskInstance_Release(instance);
        }
        gate_raise(&activated);
        return S_OK;
}

static int n_unwanted;

static STDMETHODIMP on_unwanted(IBackgroundActivatedEventHandler *self, IBackgroundTaskRegistrationGroup *sender,
                                IBackgroundActivatedEventArgs *args)
{
        n_unwanted++;
        return S_OK;
}

static const IBackgroundActivatedEventHandlerVtbl unwanted_vtable = {
        FIXED_SLOTS, on_unwanted,
};
static IBackgroundActivatedEventHandler unwanted_handler = { &unwanted_vtable };
static const IBackgroundActivatedEventHandlerVtbl handler_vtable = {
        FIXED_SLOTS, on_activated,
};
static IBackgroundActivatedEventHandler handler = { &handler_vtable };

static void a_group_runs_its_in_process_tasks(void)
{
        IBackgroundTaskRegistrationGroup *group = new_group(STRING("org.example.lib"), NULL);
        IBackgroundTaskRegistration *task = new_task_in(group, STRING("InProcess"), 0);
        const Gate fresh = GATE;
        EventRegistrationToken token;
        GUID id;

        activated = fresh;
        n_unwanted = 0;
        CHECK(IBackgroundTaskRegistrationGroup_add_BackgroundActivated(group, NULL, &token) == E_POINTER);
        /* It would be called first. */
        CHECK_OK(IBackgroundTaskRegistrationGroup_add_BackgroundActivated(group, &unwanted_handler, &token));
        CHECK_OK(IBackgroundTaskRegistrationGroup_remove_BackgroundActivated(group, token));
        CHECK_OK(IBackgroundTaskRegistrationGroup_add_BackgroundActivated(group, &handler, &token));
        run_task("InProcess");
        CHECK(gate_wait(&activated, 1));
        CHECK(n_unwanted == 0 && strcmp(activated_group, "org.example.lib") == 0);
        CHECK_OK(IBackgroundTaskRegistration_get_TaskId(task, &id));
        CHECK(memcmp(&id, &activated_task, sizeof id) == 0);
        CHECK_OK(IBackgroundTaskRegistrationGroup_remove_BackgroundActivated(group, token));
        CHECK_OK(IBackgroundTaskRegistrationGroup_remove_BackgroundActivated(group, token));
        remove_task(task);
        IBackgroundTaskRegistrationGroup_Release(group);
}

const Row group_rows[] = {
        { "BackgroundTaskRegistrationGroup", "a group has its id and its name", a_group_has_its_id_and_name },
        { "BackgroundTaskRegistrationGroup.AllTasks", "tasks of a group are among its own, and not in AllTasks",
          tasks_of_a_group_are_its_own },
        { "BackgroundTaskRegistration.TaskGroup", "a task knows its group, and has none if it is in none",
          a_task_knows_its_group },
        { "BackgroundTaskRegistration.GetTaskGroup", "groups that have tasks are found by their ids, others are not",
          groups_are_found_by_their_ids },
        { "BackgroundTaskRegistrationGroup.Name", "its name is known to other processes as long as it has a task",
          the_name_of_a_group_is_known_to_other_processes },
        { "ours", "the name of a group has a limit", the_name_of_a_group_has_a_limit },
        { "BackgroundTaskRegistrationGroup.BackgroundActivated", "in-process tasks of a group come to its handlers",
          a_group_runs_its_in_process_tasks },
        { NULL },
};
