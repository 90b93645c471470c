/* SPDX-License-Identifier: MIT */

#include "manifest/names.h"

#include <string.h>

#include "base/macro.h"
#include "base/utf8.h"

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char to_lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool starts_with_ignoring_case(const char *s, const char *prefix)
{
        for (; *prefix; s++, prefix++)
                if (to_lower(*s) != to_lower(*prefix))
                        return false;
        return true;
}

size_t names_length(const char *s)
{
        size_t n = 0;

        for (; *s; s++) {
                uint8_t c = (uint8_t)*s;

                n += (c & 0xc0) != 0x80;
                n += c >= 0xf0;
        }
        return n;
}

bool names_equal_ignoring_case(const char *a, const char *b)
{
        return strlen(a) == strlen(b) && starts_with_ignoring_case(a, b);
}

bool names_has_exe_suffix(const char *s)
{
        size_t n = strlen(s);

        return n > 4 && starts_with_ignoring_case(s + n - 4, ".exe");
}

const char *names_architecture(const char *s)
{
        static const char *const names[] = { "neutral", "x86", "x64", "arm", "arm64", "x86a64" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (names_equal_ignoring_case(s, names[i]))
                        return names[i];
        return NULL;
}

/* Names that Windows keeps for devices, alone or before a dot. */
static bool is_device_name(const char *s)
{
        static const char *const names[] = { "con", "prn", "aux", "nul" };
        const char *end;

        if (starts_with_ignoring_case(s, "com") || starts_with_ignoring_case(s, "lpt")) {
                end = s + 3;
                if (*end >= '1' && *end <= '9' && (end[1] == '\0' || end[1] == '.'))
                        return true;
        }
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                end = s + strlen(names[i]);
                if (starts_with_ignoring_case(s, names[i]) && (*end == '\0' || *end == '.'))
                        return true;
        }
        return false;
}

static bool has_only_name_characters(const char *s)
{
        for (; *s; s++)
                if (!is_letter(*s) && !is_digit(*s) && *s != '-' && *s != '.')
                        return false;
        return true;
}

const char *names_check_identity_name(const char *s)
{
        size_t n = strlen(s);

        if (n < 3 || n > 50)
                return "a package name has 3 to 50 characters";
        if (!has_only_name_characters(s))
                return "a package name holds only letters, digits, dots and hyphens";
        if (s[n - 1] == '.')
                return "a package name does not end with a dot";
        if (is_device_name(s))
                return "a package name is not the name of a Windows device, alone or before a dot";
        if (starts_with_ignoring_case(s, "xn--"))
                return "a package name does not start with xn--";
        return NULL;
}

const char *names_check_resource_id(const char *s)
{
        if (!*s || strlen(s) > 30)
                return "a resource id has 1 to 30 characters";
        if (!has_only_name_characters(s))
                return "a resource id holds only letters, digits, dots and hyphens";
        if (s[strlen(s) - 1] == '.' || is_device_name(s) || starts_with_ignoring_case(s, "xn--"))
                return "a resource id does not end with a dot, start with xn-- or name a Windows device";
        return NULL;
}

/* Steps over "OID.1.2.3", with s behind the "OID". NULL if that is not what stands there. */
static const char *skip_object_id(const char *s)
{
        if (*s != '.')
                return NULL;
        while (*s == '.') {
                s++;
                if (!is_digit(*s) || (*s == '0' && is_digit(s[1])))
                        return NULL;
                while (is_digit(*s))
                        s++;
        }
        return s;
}

/* Steps over an attribute type and its '='. NULL if that is not what stands there. */
static const char *skip_attribute_type(const char *s)
{
        static const char *const types[] = {
                "CN", "L", "O", "OU", "E", "C", "S", "STREET", "T", "G", "I", "SN", "DC", "SERIALNUMBER",
                "Description", "PostalCode", "POBox", "Phone", "X21Address", "dnQualifier",
        };
        size_t n = strcspn(s, "=.");

        if (n == 3 && memcmp(s, "OID", 3) == 0) {
                s = skip_object_id(s + 3);
                return s && *s == '=' ? s + 1 : NULL;
        }
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (s[n] == '=' && strlen(types[i]) == n && memcmp(s, types[i], n) == 0)
                        return s + n + 1;
        return NULL;
}

/*
 * Steps over a value. A quoted one may hold quotes and separators, so it ends at the first quote that ends the text or
 * is followed by another attribute.
 */
static const char *skip_attribute_value(const char *s)
{
        size_t n;

        if (*s == '"') {
                for (const char *end = strchr(s + 1, '"'); end; end = strchr(end + 1, '"'))
                        if (end[1] == '\0' || (end[1] == ',' && end[2] == ' ' && skip_attribute_type(end + 3)))
                                return end + 1;
                return NULL;
        }
        n = strcspn(s, ",+=\"<>#;");
        return n > 0 ? s + n : NULL;
}

const char *names_check_publisher(const char *s)
{
        size_t length = names_length(s);

        if (length < 1 || length > 8192)
                return "a publisher has 1 to 8192 characters";
        if (utf8_has_control(s, strlen(s)))
                return "a publisher holds no control characters";
        for (;;) {
                s = skip_attribute_type(s);
                if (!s)
                        return "a publisher is a list of TYPE=VALUE with the types of X.500 names, in their case";
                s = skip_attribute_value(s);
                if (!s)
                        return "a value with one of , + = \" < > # ; stands in quotes, and none is empty";
                if (!*s)
                        return NULL;
                if (s[0] != ',' || s[1] != ' ')
                        return "the parts of a publisher are separated by a comma and one space";
                s += 2;
        }
}

const char *names_check_application_id(const char *s)
{
        bool start = true;

        if (!*s || strlen(s) > 64)
                return "an application id has 1 to 64 characters";
        for (; *s; s++) {
                if (*s == '.' ? start : start ? !is_letter(*s) : !is_letter(*s) && !is_digit(*s))
                        return "an application id is words of letters and digits that start with a letter, "
                               "separated by dots";
                start = *s == '.';
        }
        return start ? "an application id does not end with a dot" : NULL;
}

const char *names_check_display_name(const char *s)
{
        size_t length = names_length(s);

        if (length < 1 || length > 256)
                return "a display name has 1 to 256 characters";
        if (utf8_has_control(s, strlen(s)))
                return "a display name holds no control characters";
        return NULL;
}

static bool has_space_around(const char *s)
{
        size_t n = strlen(s);

        return n > 0 && (is_space(s[0]) || is_space(s[n - 1]));
}

const char *names_check_shown_name(const char *s)
{
        return has_space_around(s) ? "it starts or ends with a space" : names_check_display_name(s);
}

const char *names_check_description(const char *s)
{
        size_t length = names_length(s);

        if (length < 1 || length > 2048)
                return "a description has 1 to 2048 characters";
        if (utf8_has_control(s, strlen(s)))
                return "a description holds no control characters";
        return has_space_around(s) ? "it starts or ends with a space" : NULL;
}

const char *names_check_color(const char *s)
{
        static const char hex[] = "0123456789abcdefABCDEF";

        if (s[0] == '#')
                return strlen(s) == 7 && strspn(s + 1, hex) == 6 ? NULL : "a colour is #RRGGBB or a name";
        for (const char *p = s; *p; p++)
                if (!is_letter(*p))
                        return "a colour is #RRGGBB or a name";
        return *s ? NULL : "a colour is #RRGGBB or a name";
}

const char *names_check_image(const char *s)
{
        static const char *const suffixes[] = { ".png", ".jpg", ".jpeg" };
        size_t n = strlen(s);
        const char *bad = names_check_executable(s); /* the rules of every path in a package */

        if (bad)
                return bad;
        if (strchr(s, '/') && strchr(s, '\\'))
                return "a path has one kind of separator";
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                size_t length = strlen(suffixes[i]);

                if (n > length && names_equal_ignoring_case(s + n - length, suffixes[i]))
                        return NULL;
        }
        return "an image ends in .png, .jpg or .jpeg";
}

static const char *check_segment(const char *s, size_t n)
{
        if (n == 0)
                return "the path has no empty segment";
        if (n == 2 && memcmp(s, "..", 2) == 0)
                return "the path does not leave the package folder with \"..\"";
        if (s[n - 1] == '.')
                return "no segment of the path ends with a dot";
        return NULL;
}

const char *names_check_executable(const char *s)
{
        size_t length = names_length(s), n = strlen(s);
        const char *bad = NULL;

        if (length < 1 || length > 256)
                return "the path of a file has 1 to 256 characters";
        if (utf8_has_control(s, n))
                return "the path holds no control characters";
        if (*s == '/' || *s == '\\')
                return "the path is relative to the package folder and does not start with a separator";
        if (is_letter(s[0]) && s[1] == ':')
                return "the path is relative to the package folder and has no drive";
        if (strpbrk(s, "<>\":%|?*"))
                return "the path holds none of < > \" : % | ? *";
        if (is_space(s[0]) || is_space(s[n - 1]))
                return "the path does not start or end with a space";
        for (size_t segment = 0; !bad; s += segment + 1) {
                segment = strcspn(s, "/\\");
                bad = check_segment(s, segment);
                if (!s[segment])
                        break;
        }
        return bad;
}

/* Reads one number and steps over it. */
static bool parse_number(const char **s, uint16_t *ret_number)
{
        const char *p = *s;
        unsigned number = 0;

        if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
                return false;
        for (; is_digit(*p); p++) {
                number = number * 10 + (unsigned)(*p - '0');
                if (number > UINT16_MAX)
                        return false;
        }
        *s = p;
        *ret_number = (uint16_t)number;
        return true;
}

bool names_parse_version(const char *s, uint16_t ret_numbers[static 4])
{
        uint16_t numbers[4];

        for (size_t i = 0; i < 4; i++)
                if ((i > 0 && *s++ != '.') || !parse_number(&s, &numbers[i]))
                        return false;
        if (*s)
                return false;
        memcpy(ret_numbers, numbers, sizeof numbers);
        return true;
}
