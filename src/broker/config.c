/* SPDX-License-Identifier: MIT */

#include "broker/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/macro.h"
#include "base/utf8.h"

#define FILE_MAX (64 * 1024)
#define SHOWN_MAX 80 /* bytes of a line that a problem shows */

typedef enum Kind {
        KIND_NUMBER,
        KIND_DURATION,
        KIND_SIZE,
        KIND_BOOL,
} Kind;

typedef struct Key {
        const char *section, *name;
        Kind kind;
        uint64_t minimum, maximum;
        const char *text; /* the default */
} Key;

static const Key keys[] = {
#define X(symbol, section, key, kind, minimum, maximum, text) \
        [CONFIG_##symbol] = { section, key, KIND_##kind, minimum, maximum, text },
#include "broker/config.def"
#undef X
};
_Static_assert(ELEMENTSOF(keys) == _CONFIG_MAX, "every key has an entry");

typedef struct Reader {
        Config *config;
        const char *path;
        char *text;
        unsigned line;
        char section[32];
        bool in_section, section_known;
        unsigned seen[_CONFIG_MAX]; /* line of each key in this file, 0: not yet */
        bool out_of_memory;
} Reader;

static void complain(Reader *r, const char *remedy, const char *format, ...) _printf_(3, 4);

static void complain(Reader *r, const char *remedy, const char *format, ...)
{
        Config *config = r->config;
        char sentence[256], *text, **grown;
        va_list args;
        int n;

        va_start(args, format);
        (void)vsnprintf(sentence, sizeof sentence, format, args);
        va_end(args);
        if (r->line > 0)
                n = asprintf(&text, "%s:%u: %s (%s)", r->path, r->line, sentence, remedy);
        else
                n = asprintf(&text, "%s: %s (%s)", r->path, sentence, remedy);
        grown = n < 0 ? NULL : realloc(config->problems, (config->n_problems + 1) * sizeof *grown);
        if (!grown) {
                if (n >= 0)
                        free(text);
                r->out_of_memory = true;
                return;
        }
        config->problems = grown;
        grown[config->n_problems++] = text;
}

static int parse_number(const char *text, uint64_t *ret)
{
        char *end;

        if (*text < '0' || *text > '9')
                return -EINVAL;
        errno = 0;
        *ret = strtoull(text, &end, 10);
        return errno || *end ? -EINVAL : 0;
}

/* "512M": K, M, G and T are powers of 1024. */
static int parse_size(const char *text, uint64_t *ret)
{
        static const char units[] = "KMGT";
        char number[24];
        size_t n = strspn(text, "0123456789");
        const char *unit = text[n] ? strchr(units, text[n]) : NULL;

        if (n == 0 || n >= sizeof number || (text[n] && (!unit || text[n + 1])))
                return -EINVAL;
        memcpy(number, text, n);
        number[n] = '\0';
        if (parse_number(number, ret) < 0)
                return -EINVAL;
        for (ptrdiff_t i = unit ? unit - units + 1 : 0; i > 0; i--)
                if (__builtin_mul_overflow(*ret, 1024, ret))
                        return -EINVAL;
        return 0;
}

static int parse_bool(const char *text, uint64_t *ret)
{
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
                return -EINVAL;
        *ret = text[0] == 'y';
        return 0;
}

static int parse_value(const Key *key, const char *text, uint64_t *ret)
{
        static int (*const parsers[])(const char *, uint64_t *) = {
                [KIND_NUMBER] = parse_number,
                [KIND_DURATION] = parse_duration,
                [KIND_SIZE] = parse_size,
                [KIND_BOOL] = parse_bool,
        };
        int r;

        if (strcmp(text, "none") == 0 && key->minimum == 0 && key->kind != KIND_BOOL) {
                *ret = 0;
                return 0;
        }
        r = parsers[key->kind](text, ret);
        return r < 0 ? r : *ret < key->minimum || *ret > key->maximum ? -ERANGE : 0;
}

/* The largest unit that divides the value, so that what is printed can be read again. */
static void format_value(const Key *key, uint64_t value, char *buf, size_t size)
{
        static const struct {
                uint64_t factor;
                const char *name;
        } spans[] = { { USEC_PER_DAY, "d" }, { USEC_PER_HOUR, "h" }, { USEC_PER_MINUTE, "m" }, { USEC_PER_SEC, "s" },
                      { USEC_PER_MSEC, "ms" }, { 1, "us" } },
          sizes[] = { { UINT64_C(1) << 40, "T" }, { 1 << 30, "G" }, { 1 << 20, "M" }, { 1 << 10, "K" }, { 1, "" } };
        const __typeof__(spans[0]) *units = key->kind == KIND_DURATION ? spans : sizes;

        if (key->kind == KIND_BOOL)
                snprintf(buf, size, "%s", value ? "yes" : "no");
        else if (value == 0)
                snprintf(buf, size, "none");
        else if (key->kind == KIND_NUMBER)
                snprintf(buf, size, "%" PRIu64, value);
        else {
                while (value % units->factor != 0)
                        units++;
                snprintf(buf, size, "%" PRIu64 "%s", value / units->factor, units->name);
        }
}

static void explain_value(Reader *r, const Key *key, const char *text, int error)
{
        static const char *const remedies[] = {
                [KIND_NUMBER] = "write a number",
                [KIND_DURATION] = "write a span of time: 90s, 15m, 1h30m or 2d",
                [KIND_SIZE] = "write a size: 512K, 64M or 2G",
                [KIND_BOOL] = "write yes or no",
        };
        char from[32], to[32];

        if (error != -ERANGE) {
                complain(r, remedies[key->kind], "%s: '%.*s' is not understood", key->name, SHOWN_MAX, text);
                return;
        }
        format_value(key, key->minimum, from, sizeof from);
        format_value(key, key->maximum, to, sizeof to);
        complain(r, "write one within these bounds", "%s: '%.*s' is not between %s and %s", key->name, SHOWN_MAX, text,
                 from, to);
}

static const Key *find_key(const Reader *r, const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcmp(keys[i].section, r->section) == 0 && strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

static void explain_key(Reader *r, const char *name)
{
        char list[200] = "";
        size_t used = 0;

        for (size_t i = 0; i < ELEMENTSOF(keys) && used < sizeof list; i++)
                if (strcmp(keys[i].section, r->section) == 0)
                        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                                 used ? ", " : "its keys are ", keys[i].name);
        complain(r, list, "there is no key '%.*s' in [%s]", SHOWN_MAX, name, r->section);
}

static void read_key(Reader *r, char *name, char *value)
{
        const Key *key = find_key(r, name);
        uint64_t number;
        size_t i;
        int e;

        if (!key) {
                explain_key(r, name);
                return;
        }
        i = (size_t)(key - keys);
        if (r->seen[i] > 0) {
                complain(r, "keep one of them", "%s stands at line %u already", name, r->seen[i]);
                return;
        }
        r->seen[i] = r->line;
        e = parse_value(key, value, &number);
        if (e < 0) {
                explain_value(r, key, value, e);
                return;
        }
        free(r->config->origins[i]);
        if (asprintf(&r->config->origins[i], "%s:%u", r->path, r->line) < 0) {
                r->config->origins[i] = NULL;
                r->out_of_memory = true;
        }
        r->config->values[i] = number;
}

static void read_section(Reader *r, char *line)
{
        size_t n = strlen(line);
        char list[100] = "the sections are ";
        const char *last = "";

        r->in_section = true;
        r->section_known = false;
        if (line[n - 1] != ']') {
                complain(r, "write [limits]", "a section ends in ']'");
                return;
        }
        line[n - 1] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                if (strcmp(keys[i].section, line + 1) == 0) {
                        snprintf(r->section, sizeof r->section, "%s", line + 1);
                        r->section_known = true;
                        return;
                }
                if (strcmp(last, keys[i].section) != 0)
                        snprintf(list + strlen(list), sizeof list - strlen(list), "%s[%s]", *last ? ", " : "",
                                 keys[i].section);
                last = keys[i].section;
        }
        complain(r, list, "there is no section [%.*s]", SHOWN_MAX, line + 1);
}

static char *trim(char *s)
{
        static const char space[] = " \t\r";
        size_t n;

        s += strspn(s, space);
        n = strlen(s);
        while (n > 0 && strchr(space, s[n - 1]))
                s[--n] = '\0';
        return s;
}

static void read_line(Reader *r, char *line)
{
        char *equals;

        line = trim(line);
        if (!*line || *line == '#' || *line == ';')
                return;
        if (*line == '[') {
                read_section(r, line);
                return;
        }
        equals = strchr(line, '=');
        if (!equals) {
                complain(r, "write KEY = VALUE, or # before a comment", "'%.*s' is no setting", SHOWN_MAX, line);
                return;
        }
        *equals = '\0';
        /* What stands below an unknown section was told of with it. */
        if (r->section_known)
                read_key(r, trim(line), trim(equals + 1));
        else if (!r->in_section)
                complain(r, "put it below [limits] or another section", "'%.*s' stands in no section", SHOWN_MAX,
                         trim(line));
}

/* The text of a file of at most FILE_MAX bytes; NULL after a problem, or if it is not there and need not be. */
static char *read_file(Reader *r, bool must_exist)
{
        _cleanup_(closep) int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_(freep) char *text = NULL;
        struct stat st;
        ssize_t n;

        if (fd < 0 && errno == ENOENT && !must_exist)
                return NULL;
        if (fd < 0 || fstat(fd, &st) < 0) {
                complain(r, "make it readable, or remove it", "it cannot be read: %s", strerror(errno));
                return NULL;
        }
        if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
                complain(r, "put a configuration file there", "it is no regular file of at most 64 KiB");
                return NULL;
        }
        text = malloc(FILE_MAX + 1);
        if (!text) {
                r->out_of_memory = true;
                return NULL;
        }
        n = read(fd, text, FILE_MAX);
        if (n < 0 || memchr(text, '\0', (size_t)n) || !utf8_is_valid(text, (size_t)n)) {
                complain(r, "write it anew", "it is not a text");
                return NULL;
        }
        text[n] = '\0';
        return TAKE_PTR(text);
}

static int load_file(Config *config, const char *path, bool must_exist)
{
        Reader r = { .config = config, .path = path };
        _cleanup_(freep) char *text = read_file(&r, must_exist);

        for (char *line = text, *next; line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                r.line++;
                read_line(&r, line);
        }
        return r.out_of_memory ? -ENOMEM : 0;
}

static int load_users(Config *config)
{
        const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        _cleanup_(freep) char *path = NULL;
        int n;

        if (folder && folder[0] == '/')
                n = asprintf(&path, "%s/bgtask/bgtaskd.conf", folder);
        else if (home && home[0] == '/')
                n = asprintf(&path, "%s/.config/bgtask/bgtaskd.conf", home);
        else
                return 0;
        if (n < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return load_file(config, path, false);
}

int config_load(Config *config, bool system, const char *file)
{
        int r;

        *config = (Config){ 0 };
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                (void)parse_value(&keys[i], keys[i].text, &config->values[i]);
        if (file)
                return load_file(config, file, true);
        r = load_file(config, "/etc/bgtask/bgtaskd.conf", false);
        return r < 0 || system ? r : load_users(config);
}

void config_done(Config *config)
{
        for (size_t i = 0; i < ELEMENTSOF(config->origins); i++)
                free(config->origins[i]);
        for (size_t i = 0; i < config->n_problems; i++)
                free(config->problems[i]);
        free(config->problems);
        *config = (Config){ 0 };
}

void config_print(const Config *config)
{
        const char *section = "";
        char value[32];

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                if (strcmp(section, keys[i].section) != 0)
                        printf("%s[%s]\n", *section ? "\n" : "", keys[i].section);
                section = keys[i].section;
                format_value(&keys[i], config->values[i], value, sizeof value);
                printf("# %s\n%s = %s\n", config->origins[i] ?: "default", keys[i].name, value);
        }
}
