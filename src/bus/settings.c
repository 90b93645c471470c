/* SPDX-License-Identifier: MIT */

#include "bus/settings.h"

#include <string.h>

#define WORDS_MAX 1000
#define GROUP_NAME_MAX 1000
/* Of all words of a command together; the kernel takes more. */
#define WORDS_BYTES_MAX (256 * 1024)

typedef enum SettingKind {
        SETTING_WORDS,
        SETTING_TEXT,
        SETTING_NUMBER,
        SETTING_FLAG,
} SettingKind;

typedef struct Setting {
        const char *key;
        SettingKind kind;
        bool of_commands;       /* means something for a command only */
} Setting;

static const Setting settings_known[] = {
        { "command", SETTING_WORDS, true },
        { "environment", SETTING_WORDS, true },
        { "directory", SETTING_TEXT, true },
        { "group-name", SETTING_TEXT, false },
        { "memory-limit", SETTING_NUMBER, true },
        { "cpu-limit", SETTING_NUMBER, true },
        { "tasks-limit", SETTING_NUMBER, true },
        { "notify-failure", SETTING_FLAG, false },
        { "on-failure", SETTING_WORDS, false },
};

static const char *const types[] = {
        [SETTING_WORDS] = "as",
        [SETTING_TEXT] = "s",
        [SETTING_NUMBER] = "t",
        [SETTING_FLAG] = "b",
};

static const Setting *find(const char *key)
{
        for (size_t i = 0; i < ELEMENTSOF(settings_known); i++)
                if (strcmp(settings_known[i].key, key) == 0)
                        return &settings_known[i];
        return NULL;
}

static void add(Buffer *settings, const char *key, const char *value, Refusal *refusal)
{
        if (settings_add(settings, key, value) < 0)
                refuse(refusal, ERROR_NO_MEMORY, "%s", error_info(ERROR_NO_MEMORY)->sentence);
}

static void check_variable(const char *word, Refusal *refusal)
{
        size_t n = strcspn(word, "=");

        if (!word[n] || !variable_name_is_valid(word, n))
                refuse(refusal, ERROR_INVALID_ARGUMENT, "\"%.64s\" is not NAME=value", word);
        else if (strncmp(word, "BGTASK_", 7) == 0)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "the variable %.*s is set by the broker",
                       (int)MIN(n, (size_t)64), word);
}

static void read_words(Reader *r, const Setting *setting, Buffer *settings, Refusal *refusal)
{
        size_t n = 0, bytes = 0;

        reader_open_array(r, "s");
        while (reader_more(r)) {
                const char *word = reader_get_string(r);

                bytes += strlen(word) + 1;
                if (++n > WORDS_MAX || bytes > WORDS_BYTES_MAX) {
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "the option %s holds at most %d words and %d bytes",
                               setting->key, WORDS_MAX, WORDS_BYTES_MAX);
                        continue;
                }
                if (n == 1 && !word[0])
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "the first word of %s is empty", setting->key);
                if (strcmp(setting->key, "environment") == 0)
                        check_variable(word, refusal);
                add(settings, setting->key, word, refusal);
        }
        reader_close(r);
}

static void read_number(Reader *r, const Setting *setting, Buffer *settings, Refusal *refusal)
{
        uint64_t number = reader_get_uint64(r);
        char text[24];

        if (strcmp(setting->key, "cpu-limit") == 0 && number > 100000)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "a cpu-limit is in percent of one processor, not %llu",
                       (unsigned long long)number);
        snprintf(text, sizeof text, "%llu", (unsigned long long)number);
        if (number > 0)
                add(settings, setting->key, text, refusal);
}

static void read_text(Reader *r, const Setting *setting, Buffer *settings, Refusal *refusal)
{
        const char *text = reader_get_string(r);

        if (strcmp(setting->key, "directory") == 0 && text[0] && text[0] != '/')
                refuse(refusal, ERROR_INVALID_ARGUMENT, "\"%.128s\" is not an absolute path", text);
        if (strcmp(setting->key, "group-name") == 0 && strlen(text) > GROUP_NAME_MAX)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "the name of a group has at most %d bytes, not %zu",
                       GROUP_NAME_MAX, strlen(text));
        if (text[0])
                add(settings, setting->key, text, refusal);
}

bool bus_settings_read(Reader *r, const char *key, const char *type, TaskSpec *spec, Buffer *settings,
                       Refusal *refusal)
{
        const Setting *setting = find(key);

        if (!setting)
                return false;
        if (strcmp(type, types[setting->kind]) != 0) {
                refuse(refusal, ERROR_INVALID_ARGUMENT, "the option %s must have the type '%s', not '%.16s'", key,
                       types[setting->kind], type);
                return true;
        }
        switch (setting->kind) {
        case SETTING_WORDS:
                read_words(r, setting, settings, refusal);
                break;
        case SETTING_TEXT:
                read_text(r, setting, settings, refusal);
                break;
        case SETTING_NUMBER:
                read_number(r, setting, settings, refusal);
                break;
        case SETTING_FLAG:
                if (reader_get_bool(r))
                        add(settings, key, "yes", refusal);
                break;
        }
        if (strcmp(key, "command") == 0)
                spec->command = true;
        return true;
}

void bus_settings_finish(TaskSpec *spec, const Buffer *settings, Refusal *refusal)
{
        spec->options = settings->data ? (const char *)settings->data : "";
        if (spec->command && !settings_has(spec->options, "command"))
                refuse(refusal, ERROR_INVALID_ARGUMENT, "the command is empty");
        for (size_t i = 0; i < ELEMENTSOF(settings_known) && !spec->command; i++)
                if (settings_known[i].of_commands && settings_has(spec->options, settings_known[i].key))
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "the option %s is of a command task, and this is none",
                               settings_known[i].key);
}

static void put_words(Writer *w, const char *settings, const char *key)
{
        _cleanup_(freep) char **words = NULL;

        if (settings_list(settings, key, &words) <= 0)
                return;
        writer_open_option(w, key, "as");
        writer_open_array(w, "s");
        for (size_t i = 0; words[i]; i++)
                writer_put_string(w, words[i]);
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

static void put_text(Writer *w, const char *settings, const char *key)
{
        _cleanup_(freep) char *text = NULL;

        if (settings_get(settings, key, &text) > 0)
                writer_put_option_string(w, key, text);
}

void bus_settings_put(Writer *w, const char *settings)
{
        if (!settings || !settings[0])
                return;
        for (size_t i = 0; i < ELEMENTSOF(settings_known); i++) {
                const Setting *setting = &settings_known[i];
                uint64_t number = setting->kind == SETTING_NUMBER ? settings_number(settings, setting->key, 0) : 0;

                if (setting->kind == SETTING_WORDS)
                        put_words(w, settings, setting->key);
                else if (setting->kind == SETTING_TEXT)
                        put_text(w, settings, setting->key);
                else if (number > 0)
                        writer_put_option_uint64(w, setting->key, number);
                else if (setting->kind == SETTING_FLAG && settings_has(settings, setting->key))
                        writer_put_option_bool(w, setting->key, true);
        }
}
