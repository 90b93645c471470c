/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Between the files that know Windows' headers and those that know libbgtask: two worlds whose names are the same and
 * whose functions are called differently. Here are plain types only, and functions of this machine's kind.
 */

#include <stddef.h>
#include <stdint.h>

/*
 * What the other side gives: how a thread is made that may call programs of Windows (it runs main(userdata); 0, or a
 * negative errno), the IMarshal of whatever may be called from any apartment (HRESULT), what programs of Windows call
 * a path of this machine (the number of characters; 0 if it does not fit), what Windows says of an HRESULT (the number
 * of characters; 0 if nothing), and the file of the program as this machine names it, NULL if it has no name here.
 */
typedef struct Bridge {
        int (*start_thread)(void *(*main)(void *), void *userdata);
        int32_t (*get_marshaler)(void **ret_marshaler);
        size_t (*name_path)(const char *path, uint16_t *buf, size_t n_buf);
        size_t (*describe)(int32_t error, uint16_t *buf, size_t n_buf);
        const char *program;
} Bridge;

/* Once, before anything else. The bridge is kept. */
void bridge_init(const Bridge *bridge);

/* HRESULT. class_name is an HSTRING, *ret_factory an IActivationFactory. */
int32_t bridge_get_factory(void *class_name, void **ret_factory);
/* The full name of the i-th class; false behind the last. Ends with 0. */
int bridge_class_name(size_t i, uint16_t *buf, size_t n_buf);

/* The i-th function that programs of Windows call of what failures leave, and its name; NULL behind the last. */
void *bridge_error_function(size_t i, const char **ret_name);

/*
 * From now on this process runs the tasks of the class: factory is an IClassFactory that any thread may call. regcls
 * is a sum of REGCLS. HRESULT.
 */
int32_t bridge_register_class(const void *clsid, void *factory, uint32_t regcls);
