/* SPDX-License-Identifier: MIT */

/* StorageLibrary, its change tracker and the triggers that are made of them. */

#include "conformance.h"

#define BACKGROUND "Windows.ApplicationModel.Background."

static IStorageLibrary *library_of(KnownLibraryId id)
{
        IStorageLibraryStatics *statics = factory_of(STRING("Windows.Storage.StorageLibrary"),
                                                     &IID_IStorageLibraryStatics);
        IAsyncOperation_StorageLibrary *operation = NULL;
        IStorageLibrary *library = NULL;

        CHECK_OK(IStorageLibraryStatics_GetLibraryAsync(statics, id, &operation));
        CHECK_OK(IAsyncOperation_StorageLibrary_GetResults(operation, &library));
        IAsyncOperation_StorageLibrary_Release(operation);
        return library;
}

static IStorageLibraryChangeTracker *tracker_of(KnownLibraryId id)
{
        IStorageLibrary *library = library_of(id);
        IStorageLibraryChangeTracker *tracker = NULL;
        IStorageLibrary2 *library2 = NULL;

        CHECK_OK(IStorageLibrary_QueryInterface(library, &IID_IStorageLibrary2, (void **)&library2));
        CHECK_OK(IStorageLibrary2_get_ChangeTracker(library2, &tracker));
        IStorageLibrary2_Release(library2);
        IStorageLibrary_Release(library);
        return tracker;
}

IInspectable *new_content_trigger(KnownLibraryId id)
{
        IStorageLibraryContentChangedTriggerStatics *statics =
                factory_of(STRING(BACKGROUND "StorageLibraryContentChangedTrigger"),
                           &IID_IStorageLibraryContentChangedTriggerStatics);
        IStorageLibraryContentChangedTrigger *trigger = NULL;
        IStorageLibrary *library = library_of(id);

        CHECK(IStorageLibraryContentChangedTriggerStatics_Create(statics, NULL, &trigger) == E_POINTER && !trigger);
        CHECK_OK(IStorageLibraryContentChangedTriggerStatics_Create(statics, library, &trigger));
        IStorageLibrary_Release(library);
        return (IInspectable *)trigger;
}

IInspectable *new_tracker_trigger(KnownLibraryId id)
{
        IStorageLibraryChangeTrackerTriggerFactory *factory =
                factory_of(STRING(BACKGROUND "StorageLibraryChangeTrackerTrigger"),
                           &IID_IStorageLibraryChangeTrackerTriggerFactory);
        IStorageLibraryChangeTracker *tracker = tracker_of(id);
        IBackgroundTrigger *trigger = NULL;

        CHECK_OK(IStorageLibraryChangeTrackerTriggerFactory_Create(factory, tracker, &trigger));
        IStorageLibraryChangeTracker_Release(tracker);
        return (IInspectable *)trigger;
}

static void check_folder(IStorageFolder *folder, const char *name)
{
        IStorageItem *item = NULL;
        HSTRING path = NULL;

        CHECK(folder);
        CHECK_OK(IStorageFolder_QueryInterface(folder, &IID_IStorageItem, (void **)&item));
        CHECK_OK(IStorageItem_get_Path(item, &path));
        CHECK(is_at_home(path, name));
        CHECK_OK(WindowsDeleteString(path));
        IStorageItem_Release(item);
        IStorageFolder_Release(folder);
}

static void libraries_are_the_folders_of_the_user(void)
{
        static const char *const names[] = { "Music", "Images", "Videos", "Documents" };
        static const IID *const iids[] = { &IID_IStorageLibrary, &IID_IStorageLibrary2, &IID_IStorageLibrary3 };
        IStorageLibraryStatics *statics = factory_of(STRING("Windows.Storage.StorageLibrary"),
                                                     &IID_IStorageLibraryStatics);
        IAsyncOperation_StorageLibrary *none = NULL;

        make_home();
        for (int id = KnownLibraryId_Music; id <= KnownLibraryId_Documents; id++) {
                IStorageLibrary *library = library_of((KnownLibraryId)id);
                IStorageFolder *folder = NULL;

                check_interfaces(library, iids, 3);
                check_class_name(library, u"Windows.Storage.StorageLibrary");
                CHECK_OK(IStorageLibrary_get_SaveFolder(library, &folder));
                check_folder(folder, names[id]);
                CHECK(IStorageLibrary_Release(library) == 0);
        }
        CHECK(IStorageLibraryStatics_GetLibraryAsync(statics, (KnownLibraryId)4, &none) == E_INVALIDARG && !none);
        CHECK(IStorageLibraryStatics_GetLibraryAsync(statics, KnownLibraryId_Music, NULL) == E_POINTER);
}

static void folders_of_a_library_are_a_vector(void)
{
        static const IID *const iids[] = { &IID_IObservableVector_StorageFolder, &IID_IVector_StorageFolder,
                                           &IID_IIterable_StorageFolder };
        static const IID *const view_iids[] = { &IID_IVectorView_StorageFolder, &IID_IIterable_StorageFolder };
        IObservableVector_StorageFolder *folders = NULL;
        IStorageFolder *folder = NULL, *again = NULL;
        IVectorView_StorageFolder *view = NULL;
        IIterable_StorageFolder *iterable = NULL;
        IIterator_StorageFolder *iterator = NULL;
        IVector_StorageFolder *vector = NULL;
        IStorageLibrary *library;
        UINT32 n = 0, i = 9;
        boolean found = 0;

        make_home();
        library = library_of(KnownLibraryId_Pictures);
        CHECK_OK(IStorageLibrary_get_Folders(library, &folders));
        check_interfaces(folders, iids, 3);
        check_class_name(folders,
                         u"Windows.Foundation.Collections.IObservableVector`1<Windows.Storage.StorageFolder>");
        CHECK_OK(IObservableVector_StorageFolder_QueryInterface(folders, &IID_IVector_StorageFolder,
                                                                (void **)&vector));
        CHECK_OK(IVector_StorageFolder_get_Size(vector, &n));
        CHECK(n == 1);
        CHECK(IVector_StorageFolder_GetAt(vector, 1, &folder) == E_BOUNDS && !folder);
        CHECK_OK(IVector_StorageFolder_GetAt(vector, 0, &folder));
        CHECK_OK(IVector_StorageFolder_IndexOf(vector, folder, &i, &found));
        CHECK(i == 0 && found == 1);
        CHECK(IVector_StorageFolder_Clear(vector) == E_NOTIMPL);
        CHECK_OK(IVector_StorageFolder_GetView(vector, &view));
        check_interfaces(view, view_iids, 2);
        CHECK_OK(IVectorView_StorageFolder_GetMany(view, 0, 1, &again, &n));
        CHECK(n == 1 && again == folder);
        IStorageFolder_Release(again);
        CHECK(IVectorView_StorageFolder_GetMany(view, 2, 1, &again, &n) == E_BOUNDS);
        CHECK_OK(IVectorView_StorageFolder_QueryInterface(view, &IID_IIterable_StorageFolder, (void **)&iterable));
        CHECK_OK(IIterable_StorageFolder_First(iterable, &iterator));
        CHECK_OK(IIterator_StorageFolder_get_Current(iterator, &again));
        CHECK(again == folder);
        IStorageFolder_Release(again);
        CHECK_OK(IIterator_StorageFolder_MoveNext(iterator, &found));
        CHECK(found == 0 && IIterator_StorageFolder_get_Current(iterator, &again) == E_BOUNDS);
        IIterator_StorageFolder_Release(iterator);
        IIterable_StorageFolder_Release(iterable);
        CHECK(IVectorView_StorageFolder_Release(view) == 0);
        check_folder(folder, "Images");
        IVector_StorageFolder_Release(vector);
        CHECK(IObservableVector_StorageFolder_Release(folders) == 0);
        CHECK(IStorageLibrary_Release(library) == 0);
}

/* A program's own list of libraries, as CreateFromLibraries() takes it. */
static IStorageLibrary *listed[2];
static size_t position;

static STDMETHODIMP get_current(IIterator_StorageLibrary *self, IStorageLibrary **ret_item)
{
        IStorageLibrary_AddRef(listed[position]);
        *ret_item = listed[position];
        return S_OK;
}

static STDMETHODIMP get_has_current(IIterator_StorageLibrary *self, boolean *ret_value)
{
        *ret_value = position < 2 && listed[position];
        return S_OK;
}

static STDMETHODIMP move_next(IIterator_StorageLibrary *self, boolean *ret_value)
{
        position++;
        return get_has_current(self, ret_value);
}

static const IIterator_StorageLibraryVtbl iterator_vtable = {
        FIXED_SLOTS,
        .get_Current = get_current, .get_HasCurrent = get_has_current, .MoveNext = move_next,
};
static IIterator_StorageLibrary list_iterator = { &iterator_vtable };

static STDMETHODIMP first(IIterable_StorageLibrary *self, IIterator_StorageLibrary **ret_iterator)
{
        position = 0;
        *ret_iterator = &list_iterator;
        return S_OK;
}

static const IIterable_StorageLibraryVtbl iterable_vtable = {
        FIXED_SLOTS,
        .First = first,
};
static IIterable_StorageLibrary list = { &iterable_vtable };

static void a_trigger_is_made_of_libraries(void)
{
        IStorageLibraryContentChangedTriggerStatics *statics =
                factory_of(STRING(BACKGROUND "StorageLibraryContentChangedTrigger"),
                           &IID_IStorageLibraryContentChangedTriggerStatics);
        IStorageLibraryContentChangedTrigger *trigger = NULL;

        make_home();
        listed[0] = listed[1] = NULL;
        CHECK(IStorageLibraryContentChangedTriggerStatics_CreateFromLibraries(statics, &list, &trigger) ==
              E_INVALIDARG);
        CHECK(!trigger);
        listed[0] = library_of(KnownLibraryId_Pictures);
        listed[1] = library_of(KnownLibraryId_Music);
        CHECK_OK(IStorageLibraryContentChangedTriggerStatics_CreateFromLibraries(statics, &list, &trigger));
        CHECK(IStorageLibrary_Release(listed[0]) == 0 && IStorageLibrary_Release(listed[1]) == 0);
        CHECK(IStorageLibraryContentChangedTrigger_Release(trigger) == 0);
}

static void change_music(void *trigger)
{
        tell_of("storage", TOLD_CONTENT, "Music/song");
}

static void ask_for_music(void *trigger)
{
        tell_of("query", TOLD_CONTENT, "Music/song");
}

static void the_folder_of_a_change_is_told(void)
{
        static const IID *const iids[] = { &IID_IStorageLibraryContentChangedTriggerDetails };
        IInspectable *trigger = new_event_trigger(STRING("storage")), *told;
        IStorageLibraryContentChangedTriggerDetails *details = NULL;
        IStorageFolder *folder = NULL;

        make_home();
        told = see_details(trigger, change_music);
        CHECK(told);
        check_interfaces(told, iids, 1);
        check_class_name(told, u"Windows.Storage.Search.StorageLibraryContentChangedTriggerDetails");
        CHECK_OK(IInspectable_QueryInterface(told, iids[0], (void **)&details));
        CHECK_OK(IStorageLibraryContentChangedTriggerDetails_get_Folder(details, &folder));
        check_folder(folder, "Music");
        IStorageLibraryContentChangedTriggerDetails_Release(details);
        CHECK(IInspectable_Release(told) == 0);
        CHECK(IInspectable_Release(trigger) == 0);
}

static void what_asks_or_searches_is_not_there(void)
{
        IInspectable *trigger = new_event_trigger(STRING("query")), *told;
        IStorageLibraryContentChangedTriggerDetails *details = NULL;
        IStorageLibrary *library;
        IStorageFolder *folder = NULL;
        IStorageItem *item = NULL;
        void *query_object = &details;

        make_home();
        library = library_of(KnownLibraryId_Music);
        CHECK(IStorageLibrary_RequestAddFolderAsync(library) == E_NOTIMPL);
        CHECK(IStorageLibrary_RequestRemoveFolderAsync(library) == E_NOTIMPL);
        CHECK_OK(IStorageLibrary_get_SaveFolder(library, &folder));
        CHECK(IStorageFolder_CreateFileAsync(folder) == E_NOTIMPL);
        CHECK(IStorageFolder_GetFileAsync(folder) == E_NOTIMPL);
        CHECK(IStorageFolder_GetItemsAsyncOverloadDefaultStartAndCount(folder) == E_NOTIMPL);
        CHECK_OK(IStorageFolder_QueryInterface(folder, &IID_IStorageItem, (void **)&item));
        CHECK(IStorageItem_RenameAsync(item) == E_NOTIMPL && IStorageItem_DeleteAsync(item) == E_NOTIMPL);
        CHECK(IStorageItem_GetBasicPropertiesAsync(item) == E_NOTIMPL);
        IStorageItem_Release(item);
        IStorageFolder_Release(folder);
        IStorageLibrary_Release(library);
        told = see_details(trigger, ask_for_music);
        CHECK(told);
        CHECK_OK(IInspectable_QueryInterface(told, &IID_IStorageLibraryContentChangedTriggerDetails,
                                             (void **)&details));
        CHECK(IStorageLibraryContentChangedTriggerDetails_CreateModifiedSinceQuery(details, (DateTime){ 0 }, NULL) ==
              E_POINTER);
        CHECK(IStorageLibraryContentChangedTriggerDetails_CreateModifiedSinceQuery(
                      details, (DateTime){ 0 }, &query_object) == E_NOTIMPL && !query_object);
        IStorageLibraryContentChangedTriggerDetails_Release(details);
        IInspectable_Release(told);
        IInspectable_Release(trigger);
}

static void change_picture(void *trigger)
{
        tell_of("storage", TOLD_CHANGE, "Images/picture");
}

/* What a reader has to tell; the first change, if there is one. */
static UINT32 read_changes(IStorageLibraryChangeReader *reader, IStorageLibraryChange **ret_first)
{
        IAsyncOperation_IVectorView_StorageLibraryChange *operation = NULL;
        IVectorView_StorageLibraryChange *changes = NULL;
        UINT32 n = 0;

        CHECK_OK(IStorageLibraryChangeReader_ReadBatchAsync(reader, &operation));
        CHECK_OK(IAsyncOperation_IVectorView_StorageLibraryChange_GetResults(operation, &changes));
        CHECK_OK(IVectorView_StorageLibraryChange_get_Size(changes, &n));
        if (n > 0)
                CHECK_OK(IVectorView_StorageLibraryChange_GetAt(changes, 0, ret_first));
        IVectorView_StorageLibraryChange_Release(changes);
        CHECK(IAsyncOperation_IVectorView_StorageLibraryChange_Release(operation) == 0);
        return n;
}

static void check_change(IStorageLibraryChange *change)
{
        StorageLibraryChangeType type = StorageLibraryChangeType_Created;
        HSTRING path = NULL;
        boolean is_file = 0;

        CHECK_OK(IStorageLibraryChange_get_ChangeType(change, &type));
        CHECK(type == StorageLibraryChangeType_ContentsChanged);
        CHECK_OK(IStorageLibraryChange_get_Path(change, &path));
        CHECK(is_at_home(path, "Images/picture"));
        CHECK_OK(WindowsDeleteString(path));
        CHECK_OK(IStorageLibraryChange_get_PreviousPath(change, &path));
        CHECK(!path);
        CHECK_OK(IStorageLibraryChange_IsOfType(change, 1, &is_file));
        CHECK(is_file == 1);
        CHECK(IStorageLibraryChange_Release(change) == 0);
}

static void accept_changes(IStorageLibraryChangeReader *reader)
{
        IAsyncAction *action = NULL;

        CHECK_OK(IStorageLibraryChangeReader_AcceptChangesAsync(reader, &action));
        check_class_name(action, u"Windows.Foundation.IAsyncAction");
        CHECK_OK(IAsyncAction_GetResults(action));
        CHECK(IAsyncAction_Release(action) == 0);
}

static void a_tracker_reads_changes_until_they_are_accepted(void)
{
        static const IID *const iids[] = { &IID_IStorageLibraryChangeTrackerTriggerDetails };
        IStorageLibraryChangeTrackerTriggerDetails *details = NULL;
        IStorageLibraryChangeTracker *tracker = NULL, *same = NULL;
        IStorageLibraryChangeReader *reader = NULL, *other = NULL;
        IStorageLibraryChange *change = NULL;
        IInspectable *trigger, *told;

        make_home();
        tracker = tracker_of(KnownLibraryId_Pictures);
        CHECK_OK(IStorageLibraryChangeTracker_Enable(tracker));
        CHECK_OK(IStorageLibraryChangeTracker_Reset(tracker));
        trigger = new_event_trigger(STRING("storage"));
        told = see_details(trigger, change_picture);
        CHECK(told);
        check_interfaces(told, iids, 1);
        check_class_name(told, u"Windows.Storage.Search.StorageLibraryChangeTrackerTriggerDetails");
        CHECK_OK(IInspectable_QueryInterface(told, iids[0], (void **)&details));
        CHECK_OK(IStorageLibraryChangeTrackerTriggerDetails_get_ChangeTracker(details, &same));
        IStorageLibraryChangeTrackerTriggerDetails_Release(details);
        IInspectable_Release(told);
        CHECK_OK(IStorageLibraryChangeTracker_GetChangeReader(same, &reader));
        CHECK(read_changes(reader, &change) == 1);
        check_change(change);
        CHECK_OK(IStorageLibraryChangeTracker_GetChangeReader(tracker, &other));
        accept_changes(other);
        CHECK(read_changes(other, &change) == 1);
        check_change(change);
        accept_changes(reader);
        CHECK(read_changes(other, &change) == 0);
        IStorageLibraryChangeReader_Release(other);
        IStorageLibraryChangeReader_Release(reader);
        IStorageLibraryChangeTracker_Release(same);
        IStorageLibraryChangeTracker_Release(tracker);
        CHECK(IInspectable_Release(trigger) == 0);
}

const Row library_rows[] = {
        { "ours", "what asks the user or searches files is E_NOTIMPL, and hands nothing out",
          what_asks_or_searches_is_not_there },
        { "StorageLibrary.GetLibraryAsync", "libraries are the folders that the user has set, or the usual ones",
          libraries_are_the_folders_of_the_user },
        { "StorageLibrary.Folders", "the folders of a library are a vector to go through",
          folders_of_a_library_are_a_vector },
        { "StorageLibraryContentChangedTrigger.CreateFromLibraries", "a trigger is made of several libraries",
          a_trigger_is_made_of_libraries },
        { "StorageLibraryContentChangedTriggerDetails.Folder", "the library of a change is told",
          the_folder_of_a_change_is_told },
        { "StorageLibraryChangeReader", "a change tracker reads what has changed until that is accepted",
          a_tracker_reads_changes_until_they_are_accepted },
        { NULL },
};
