/* SPDX-License-Identifier: MIT */
#pragma once

/* Once, when this library is loaded: where combase.dll declares functions that Wine does not have, it gets ours. */
void provide_functions(void);
