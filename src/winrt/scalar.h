/* SPDX-License-Identifier: MIT */
#pragma once

/* What DataReader and DataWriter have in common. */

#include "winrt/object.h"

#define RO_E_CLOSED ((HRESULT)0x80000013)

/* Turns n bytes (1, 2, 4, 8) of a number of this machine into those of this order, or back. */
static inline void scalar_order(UINT8 *bytes, size_t n, ByteOrder order)
{
        const bool is_little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

        for (size_t i = 0; is_little == (order == ByteOrder_BigEndian) && i < n / 2; i++) {
                UINT8 byte = bytes[i];

                bytes[i] = bytes[n - 1 - i];
                bytes[n - 1 - i] = byte;
        }
}

/* The parts of a GUID in this order; its last 8 bytes are as they are. */
static inline void scalar_order_guid(UINT8 bytes[16], ByteOrder order)
{
        scalar_order(bytes, 4, order);
        scalar_order(bytes + 4, 2, order);
        scalar_order(bytes + 6, 2, order);
}

/* A stream that can be closed is. */
static inline void closable_close(void *stream)
{
        IClosable *closable;

        if (FAILED(IUnknown_QueryInterface((IUnknown *)stream, &IID_IClosable, (void **)&closable)))
                return;
        (void)IClosable_Close(closable);
        IClosable_Release(closable);
}
