/* SPDX-License-Identifier: MIT */
#pragma once

/* SocketActivityInformation: a socket that was handed over for a task. */

#include "winrt/object.h"

/* instance: the run that was told of it, which may take it; NULL: only what is known of it. */
HRESULT socket_information_new(bgt_registration *task, const char *id, bgt_instance *instance,
                               ISocketActivityInformation **ret);
