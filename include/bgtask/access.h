/* SPDX-License-Identifier: MIT */
#pragma once

/* BackgroundExecutionManager and BackgroundWorkCost: may this package have tasks, and what does work cost now? */

#include <bgtask/connection.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * BackgroundExecutionManager.RequestAccessAsync and GetAccessStatus: a BGT_ACCESS_x. Nobody is asked
 * and nothing has to be requested before registering: a package that is installed may have tasks,
 * within the limits of the broker, and that is what the answer says. Who may not, learns it here
 * with the same error as from register: -ENOPKG (the caller belongs to no package).
 */
int bgt_access_status(bgt *b);

/*
 * BackgroundWorkCost.CurrentBackgroundWorkCost: a BGT_WORK_COST_x. Low with power from outside, and
 * where nothing says that there is none; else medium while the user is at the machine or nobody
 * knows, high when nobody is.
 */
int bgt_work_cost(bgt *b);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
