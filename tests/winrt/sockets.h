/* SPDX-License-Identifier: MIT */
#pragma once

/* What the rows of sockets have in common. */

#include "conformance.h"

#define SOCKETS "Windows.Networking.Sockets."
#define RO_E_CLOSED ((HRESULT)0x80000013)

/* A new object of a class, as this interface. */
void *activate_as(HSTRING class_name, const IID *iid);
IHostName *new_host(HSTRING text);
HRESULT make_buffer(const char *text, UINT32 capacity, IBuffer **ret);
/* Whether a buffer holds this text. */
int holds(IBuffer *buffer, const char *text);
HRESULT send_text(IStreamSocket *socket, const char *text);
/* Waits for this text ("": for the peer's end) and no other. */
HRESULT expect_text(IStreamSocket *socket, const char *text);
/* What an action has ended with; gives it back. */
HRESULT result_of(IAsyncAction *action);
/* IClosable.Close, of any object. */
HRESULT close_face(void *face);

/* Listens on any port. The handler keeps whom it has accepted last, and raises the gate. */
IStreamSocketListener *new_listener(void);
extern IConnectionReceivedEventHandler received_handler;
extern Gate received;
extern IStreamSocket *accepted;
HSTRING port_of(IStreamSocketListener *listener);
IStreamSocket *connect_to(HSTRING port);

/* Two ends of one connection. */
typedef struct Pair {
        IStreamSocket *one, *other;
} Pair;
Pair new_pair(void);
