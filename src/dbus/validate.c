/* SPDX-License-Identifier: MIT */

#include "dbus/validate.h"

#include "base/utf8.h"
#include "dbus/names.h"
#include "dbus/wire.h"

bool scan_align(Scan *scan, size_t alignment)
{
        size_t end = wire_align(scan->position, alignment);

        if (end > scan->size)
                return false;
        for (; scan->position < end; scan->position++)
                if (scan->data[scan->position] != 0)
                        return false;
        return true;
}

static bool scan_uint32(Scan *scan, uint32_t *ret_value)
{
        if (!scan_align(scan, 4) || scan->size - scan->position < 4)
                return false;
        *ret_value = wire_get32(scan->data + scan->position, scan->swapped);
        scan->position += 4;
        return true;
}

/* The n bytes and the NUL that must follow them. */
static bool scan_terminated(Scan *scan, size_t n, const char **ret_text)
{
        if (n >= scan->size - scan->position || scan->data[scan->position + n] != 0)
                return false;
        *ret_text = (const char *)scan->data + scan->position;
        scan->position += n + 1;
        return true;
}

bool scan_signature(Scan *scan, const char **ret_signature, size_t *ret_n)
{
        size_t n;

        if (scan->position >= scan->size)
                return false;
        n = scan->data[scan->position++];
        *ret_n = n;
        return scan_terminated(scan, n, ret_signature) && signature_is_valid(*ret_signature, n);
}

bool scan_text(Scan *scan, const char **ret_text, size_t *ret_n)
{
        uint32_t n;

        if (!scan_uint32(scan, &n))
                return false;
        *ret_n = n;
        return scan_terminated(scan, n, ret_text);
}

static bool scan_fixed(Scan *scan, char type)
{
        size_t size = type_fixed_size(type);
        uint32_t value;

        if (type == 'b' || type == 'h')
                return scan_uint32(scan, &value) && value < (type == 'b' ? 2 : scan->n_fds);
        if (!scan_align(scan, size) || scan->size - scan->position < size)
                return false;
        scan->position += size;
        return true;
}

static bool scan_array(Scan *scan, const char *element, size_t n_element, unsigned depth)
{
        size_t fixed = type_fixed_size(element[0]), size = scan->size;
        uint32_t length;
        bool valid = true;

        if (!scan_uint32(scan, &length) || length > WIRE_ARRAY_MAX)
                return false;
        if (!scan_align(scan, type_alignment(element[0])) || length > size - scan->position)
                return false;
        if (fixed > 0 && element[0] != 'b' && element[0] != 'h') {
                scan->position += length;
                return length % fixed == 0;
        }
        /* The elements end where the array does: none of them may see what follows it. */
        scan->size = scan->position + length;
        while (valid && scan->position < scan->size)
                valid = scan_values(scan, element, n_element, depth);
        scan->size = size;
        return valid;
}

static bool scan_variant(Scan *scan, unsigned depth)
{
        const char *signature;
        size_t n;

        return scan_signature(scan, &signature, &n) && signature_is_single(signature, n) &&
               scan_values(scan, signature, n, depth);
}

static bool scan_container(Scan *scan, const char *signature, size_t n, unsigned depth)
{
        if (depth > DBUS_DEPTH_MAX)
                return false;
        switch (signature[0]) {
        case 'a':
                return scan_array(scan, signature + 1, n - 1, depth);
        case 'v':
                return scan_variant(scan, depth);
        default:
                return scan_align(scan, 8) && scan_values(scan, signature + 1, n - 2, depth);
        }
}

static bool scan_value(Scan *scan, const char *signature, size_t n_type, unsigned depth)
{
        const char *text;
        size_t n;

        switch (signature[0]) {
        case 's':
                return scan_text(scan, &text, &n) && utf8_is_valid(text, n);
        case 'o':
                return scan_text(scan, &text, &n) && object_path_is_valid(text, n);
        case 'g':
                return scan_signature(scan, &text, &n);
        case 'a':
        case 'v':
        case '(':
        case '{':
                return scan_container(scan, signature, n_type, depth + 1);
        default:
                return scan_fixed(scan, signature[0]);
        }
}

bool scan_values(Scan *scan, const char *signature, size_t n, unsigned depth)
{
        for (size_t i = 0, length; i < n; i += length) {
                length = signature_next(signature + i, n - i);
                if (!scan_value(scan, signature + i, length, depth))
                        return false;
        }
        return true;
}
