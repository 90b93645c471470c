// SPDX-License-Identifier: MIT
#pragma once

// An object of a program in C++ that counts its references, and is gone with the last.

#include <bgtask/winrt.h>

#include <atomic>

template <typename Interface> class CountedObject : public Interface {
public:
        ULONG STDMETHODCALLTYPE AddRef() override
        {
                return ++n_ref;
        }
        ULONG STDMETHODCALLTYPE Release() override
        {
                ULONG left = --n_ref;

                if (left == 0)
                        delete this;
                return left;
        }

protected:
        virtual ~CountedObject() = default;

private:
        std::atomic<ULONG> n_ref = 1;
};
