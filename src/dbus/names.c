/* SPDX-License-Identifier: MIT */

#include "dbus/names.h"

#include <string.h>

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

bool object_path_is_valid(const char *s, size_t n)
{
        if (n == 0 || s[0] != '/')
                return false;
        if (n == 1)
                return true;
        for (size_t i = 1; i < n; i++)
                if (s[i] == '/' ? s[i - 1] == '/' : !is_letter(s[i]) && !is_digit(s[i]))
                        return false;
        return s[n - 1] != '/';
}

/* At least two elements between dots; the flags are where the grammars of the dotted names differ. */
static bool dotted_is_valid(const char *s, size_t n, bool dashes, bool leading_digits)
{
        size_t n_elements = 0, length = 0;

        if (n == 0 || n > DBUS_NAME_MAX)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '.') {
                        if (length == 0)
                                return false;
                        n_elements++;
                        length = 0;
                        continue;
                }
                if (!is_letter(s[i]) && !(dashes && s[i] == '-') &&
                    !(is_digit(s[i]) && (length > 0 || leading_digits)))
                        return false;
                length++;
        }
        return length > 0 && n_elements > 0;
}

bool interface_name_is_valid(const char *s, size_t n)
{
        return dotted_is_valid(s, n, false, false);
}

bool member_name_is_valid(const char *s, size_t n)
{
        if (n == 0 || n > DBUS_NAME_MAX || is_digit(s[0]))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!is_letter(s[i]) && !is_digit(s[i]))
                        return false;
        return true;
}

bool bus_name_is_valid(const char *s, size_t n)
{
        if (n > DBUS_NAME_MAX)
                return false;
        if (n > 0 && s[0] == ':')
                return dotted_is_valid(s + 1, n - 1, true, true);
        return dotted_is_valid(s, n, true, false);
}

static bool is_basic(char type)
{
        return type != '\0' && strchr("ybnqiuxtdsogh", type);
}

/* Length of the complete type at s, 0 if there is none within n bytes. */
static size_t complete_type(const char *s, size_t n, unsigned n_arrays, unsigned n_structs);

static size_t dict_entry(const char *s, size_t n, unsigned n_arrays, unsigned n_structs)
{
        size_t value;

        if (n < 4 || !is_basic(s[1]))
                return 0;
        value = complete_type(s + 2, n - 2, n_arrays, n_structs);
        return value > 0 && 2 + value < n && s[2 + value] == '}' ? value + 3 : 0;
}

static size_t structure(const char *s, size_t n, unsigned n_arrays, unsigned n_structs)
{
        size_t length = 1;

        if (n_structs >= DBUS_STRUCT_DEPTH_MAX)
                return 0;
        while (length < n && s[length] != ')') {
                size_t member = complete_type(s + length, n - length, n_arrays, n_structs + 1);

                if (member == 0)
                        return 0;
                length += member;
        }
        return length > 1 && length < n ? length + 1 : 0;
}

static size_t complete_type(const char *s, size_t n, unsigned n_arrays, unsigned n_structs)
{
        size_t element;

        if (n == 0)
                return 0;
        if (is_basic(s[0]) || s[0] == 'v')
                return 1;
        if (s[0] == '(')
                return structure(s, n, n_arrays, n_structs);
        if (s[0] != 'a' || n < 2 || n_arrays >= DBUS_ARRAY_DEPTH_MAX)
                return 0;
        if (s[1] == '{')
                element = dict_entry(s + 1, n - 1, n_arrays + 1, n_structs);
        else
                element = complete_type(s + 1, n - 1, n_arrays + 1, n_structs);
        return element > 0 ? element + 1 : 0;
}

bool signature_is_valid(const char *s, size_t n)
{
        if (n > DBUS_SIGNATURE_MAX)
                return false;
        for (size_t i = 0, length; i < n; i += length) {
                length = complete_type(s + i, n - i, 0, 0);
                if (length == 0)
                        return false;
        }
        return true;
}

bool signature_is_single(const char *s, size_t n)
{
        return n > 0 && n <= DBUS_SIGNATURE_MAX && complete_type(s, n, 0, 0) == n;
}

size_t signature_next(const char *s, size_t n)
{
        size_t i = 0, n_open = 0;

        while (i < n && s[i] == 'a')
                i++;
        if (i == n)
                return 0;
        do {
                if (s[i] == '(' || s[i] == '{')
                        n_open++;
                else if (s[i] == ')' || s[i] == '}')
                        n_open--;
                i++;
        } while (n_open > 0 && i < n);
        return i;
}

size_t type_alignment(char type)
{
        switch (type) {
        case 'n':
        case 'q':
                return 2;
        case 'b':
        case 'i':
        case 'u':
        case 'h':
        case 's':
        case 'o':
        case 'a':
                return 4;
        case 'x':
        case 't':
        case 'd':
        case '(':
        case '{':
                return 8;
        default:
                return 1;
        }
}

size_t type_fixed_size(char type)
{
        switch (type) {
        case 'y':
                return 1;
        case 's':
        case 'o':
        case 'a':
        case 'g':
        case 'v':
        case '(':
        case '{':
                return 0;
        default:
                return type_alignment(type);
        }
}
