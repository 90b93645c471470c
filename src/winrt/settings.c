/* SPDX-License-Identifier: MIT */

/*
 * A line for each value: its kind in a record of libbgtask, its type on Windows ("-": that of the record), its key,
 * and what it is; texts have their spaces and control characters as %xx, and "%" stands for an empty one.
 */

#include "winrt/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>

#include "winrt/valueset.h"

#define FIRST_LINE "bgtask settings 1\n"
#define ERROR_DISK_FULL 112
#define ERROR_FILE_CORRUPT 1392

HRESULT settings_hresult(int error)
{
        switch (error) {
        case ENOMEM:
                return E_OUTOFMEMORY;
        case EACCES:
        case EPERM:
        case EROFS:
                return E_ACCESSDENIED;
        case ENOSPC:
        case EDQUOT:
                return HRESULT_FROM_WIN32(ERROR_DISK_FULL);
        default:
                return E_FAIL;
        }
}

static void put_text(FILE *file, const char *text)
{
        (void)fputc(' ', file);
        if (!*text)
                (void)fputc('%', file);
        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;

                if (c <= ' ' || c == '%' || c == 0x7f)
                        (void)fprintf(file, "%%%02x", c);
                else
                        (void)fputc(c, file);
        }
}

static void put_line(FILE *file, const bgt_record *record, const bgt_record *types, const char *key)
{
        static const char kinds[] = "-biuslrld";
        int kind = bgt_record_type(record, key);
        const char *const *strings;
        size_t n = 0;

        (void)fprintf(file, "%c ", kinds[kind]);
        if (bgt_record_type(types, key) != BGT_TYPE_NONE)
                (void)fprintf(file, "%" PRId64, bgt_record_int(types, key, 0));
        else
                (void)fputc('-', file);
        put_text(file, key);
        switch (kind) {
        case BGT_TYPE_BOOL:
                (void)fprintf(file, " %d", bgt_record_bool(record, key, false));
                break;
        case BGT_TYPE_INT:
                (void)fprintf(file, " %" PRId64, bgt_record_int(record, key, 0));
                break;
        case BGT_TYPE_UINT:
                (void)fprintf(file, " %" PRIu64, bgt_record_uint(record, key, 0));
                break;
        case BGT_TYPE_DOUBLE:
                (void)fprintf(file, " %a", bgt_record_double(record, key, 0));
                break;
        case BGT_TYPE_STRING:
                put_text(file, bgt_record_string(record, key));
                break;
        default:
                strings = bgt_record_strings(record, key, &n);
                for (size_t i = 0; i < n; i++)
                        put_text(file, strings[i]);
        }
        (void)fputc('\n', file);
}

static HRESULT write_file(const char *path, const bgt_record *record, const bgt_record *types)
{
        FILE *file = fopen(path, "we");
        const char *key;
        bool good;

        if (!file)
                return settings_hresult(errno);
        (void)fputs(FIRST_LINE, file);
        for (size_t i = 0; (key = bgt_record_key(record, i)); i++)
                put_line(file, record, types, key);
        errno = 0;
        good = fflush(file) == 0 && !ferror(file) && fsync(fileno(file)) == 0;
        if (fclose(file) < 0 || !good)
                return settings_hresult(errno);
        return S_OK;
}

/* A record of all values, so that there is one place that knows their types. */
static HRESULT to_record(const MapEntry *entries, size_t n, bgt_record *record, bgt_record *types)
{
        HRESULT hr = S_OK;

        for (size_t i = 0; i < n && SUCCEEDED(hr); i++) {
                _cleanup_(freep) char *key = NULL;

                hr = string_to_utf8(entries[i].name, &key);
                if (SUCCEEDED(hr))
                        hr = value_to_record(record, types, key, (IInspectable *)entries[i].value);
        }
        return hr;
}

HRESULT settings_save(const char *path, const MapEntry *entries, size_t n)
{
        _cleanup_(freep) char *temporary = NULL;
        bgt_record *record = bgt_record_new(), *types = bgt_record_new();
        HRESULT hr = record && types && asprintf(&temporary, "%s.new", path) >= 0 ? S_OK : E_OUTOFMEMORY;

        if (SUCCEEDED(hr))
                hr = to_record(entries, n, record, types);
        if (SUCCEEDED(hr))
                hr = write_file(temporary, record, types);
        if (SUCCEEDED(hr) && rename(temporary, path) < 0)
                hr = settings_hresult(errno);
        bgt_record_unref(types);
        bgt_record_unref(record);
        return hr;
}

static int hex(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next word of a line, in its place, without its escapes; NULL: there is none, or it is none. */
static char *next_text(char **line)
{
        char *start = *line, *from = start, *to = start;

        if (!*start)
                return NULL;
        while (*from && *from != ' ') {
                if (*from == '%' && from == start && (from[1] == ' ' || !from[1])) {
                        from++;
                } else if (*from == '%') {
                        int high = hex(from[1]), low = high >= 0 ? hex(from[2]) : -1;

                        if (low < 0 || (high == 0 && low == 0))
                                return NULL;
                        *to++ = (char)(high << 4 | low);
                        from += 3;
                } else {
                        *to++ = *from++;
                }
        }
        *line = *from ? from + 1 : from;
        *to = '\0';
        return start;
}

static int get_strings(bgt_record *record, const char *key, char *line)
{
        const char **strings = NULL, **grown;
        char *text;
        size_t n = 0;
        int r = 0;

        while (r >= 0 && *line) {
                text = next_text(&line);
                grown = text ? realloc(strings, (n + 1) * sizeof *grown) : NULL;
                if (grown) {
                        strings = grown;
                        strings[n++] = text;
                } else {
                        r = text ? -ENOMEM : -EBADMSG;
                }
        }
        if (r >= 0)
                r = bgt_record_set_strings(record, key, strings, n);
        free(strings);
        return r;
}

static int get_scalar(bgt_record *record, char kind, const char *key, const char *text)
{
        char *end = NULL;
        int r;

        if (!text || !*text)
                return kind == 's' && text ? bgt_record_set_string(record, key, text) : -EBADMSG;
        switch (kind) {
        case 'b':
                return bgt_record_set_bool(record, key, strcmp(text, "1") == 0);
        case 'i':
                r = bgt_record_set_int(record, key, strtoll(text, &end, 10));
                break;
        case 'u':
                r = bgt_record_set_uint(record, key, strtoull(text, &end, 10));
                break;
        case 'd':
                r = bgt_record_set_double(record, key, strtod(text, &end));
                break;
        case 's':
                return bgt_record_set_string(record, key, text);
        default:
                return -EBADMSG;
        }
        return r < 0 ? r : *end ? -EBADMSG : 0;
}

static int get_line(bgt_record *record, bgt_record *types, char *line)
{
        const char *kind = next_text(&line), *type = kind ? next_text(&line) : NULL;
        const char *key = type ? next_text(&line) : NULL;
        int r;

        if (!key || strlen(kind) != 1)
                return -EBADMSG;
        r = *kind == 'l' ? get_strings(record, key, line) : get_scalar(record, *kind, key, next_text(&line));
        if (r >= 0 && strcmp(type, "-") != 0)
                r = bgt_record_set_int(types, key, strtoll(type, NULL, 10));
        return r;
}

static int read_file(const char *path, bgt_record *record, bgt_record *types)
{
        _cleanup_(fclosep) FILE *file = fopen(path, "re");
        _cleanup_(freep) char *line = NULL;
        size_t size = 0;
        ssize_t n;
        int r = 0;

        if (!file)
                return errno == ENOENT ? 0 : -errno;
        errno = 0;
        if (getline(&line, &size, file) < 0 || strcmp(line, FIRST_LINE) != 0)
                return errno ? -errno : -EBADMSG;
        while (r >= 0 && (n = getline(&line, &size, file)) > 0) {
                if (line[n - 1] == '\n')
                        line[n - 1] = '\0';
                r = get_line(record, types, line);
        }
        return r < 0 ? r : ferror(file) ? -EIO : feof(file) ? 0 : -ENOMEM;
}

static HRESULT from_record(const bgt_record *record, const bgt_record *types, MapEntry **ret_entries, size_t *ret_n)
{
        size_t n = bgt_record_size(record);
        MapEntry *entries = calloc(MAX(n, (size_t)1), sizeof *entries);
        HRESULT hr = entries ? S_OK : E_OUTOFMEMORY;

        for (size_t i = 0; i < n && SUCCEEDED(hr); i++) {
                const char *key = bgt_record_key(record, i);

                hr = string_from_utf8(key, &entries[i].name);
                if (SUCCEEDED(hr))
                        hr = value_from_record(record, types, key, (IInspectable **)&entries[i].value);
        }
        if (FAILED(hr)) {
                map_entries_free(entries, entries ? n : 0);
                return hr;
        }
        *ret_entries = entries;
        *ret_n = n;
        return S_OK;
}

static HRESULT lock_folder(const char *path, bool to_write, int *ret_fd)
{
        _cleanup_(freep) char *copy = strdup(path);
        int fd;

        if (!copy)
                return E_OUTOFMEMORY;
        fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return settings_hresult(errno);
        while (flock(fd, to_write ? LOCK_EX : LOCK_SH) < 0)
                if (errno != EINTR) {
                        HRESULT hr = settings_hresult(errno);

                        safe_close(fd);
                        return hr;
                }
        *ret_fd = fd;
        return S_OK;
}

HRESULT settings_load(const char *path, bool to_write, int *ret_fd, MapEntry **ret_entries, size_t *ret_n)
{
        bgt_record *record = bgt_record_new(), *types = bgt_record_new();
        HRESULT hr = record && types ? lock_folder(path, to_write, ret_fd) : E_OUTOFMEMORY;

        if (SUCCEEDED(hr)) {
                int r = read_file(path, record, types);

                if (r == -EBADMSG || r == -EINVAL || r == -E2BIG)
                        hr = HRESULT_FROM_WIN32(ERROR_FILE_CORRUPT);
                else if (r < 0)
                        hr = settings_hresult(-r);
        }
        if (SUCCEEDED(hr))
                hr = from_record(record, types, ret_entries, ret_n);
        bgt_record_unref(types);
        bgt_record_unref(record);
        return hr;
}

void settings_unlock(int *fd)
{
        *fd = safe_close(*fd);
}
