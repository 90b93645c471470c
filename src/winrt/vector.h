/* SPDX-License-Identifier: MIT */
#pragma once

/* IVectorView of objects, as it was at the moment it was made, with its iterators. Nothing changes one. */

#include "winrt/object.h"

typedef enum VectorKind {
        VECTOR_FOLDERS,     /* IObservableVector<StorageFolder>, whose view is the next one */
        VECTOR_FOLDER_VIEW, /* IVectorView<StorageFolder> */
        VECTOR_CHANGES,     /* IVectorView<StorageLibraryChange> */
        VECTOR_X_MAX
} VectorKind;

/* Gives back what a list of malloc() holds, and the list; entries may be NULL, and so may the list. */
void vector_free(IUnknown **items, size_t n);
/* Takes the list, which comes from malloc(), in any case. *ret is set to the default interface. */
HRESULT vector_new(VectorKind kind, IUnknown **items, size_t n, void *ret);
