/* SPDX-License-Identifier: MIT */

#include "client/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <bgtask.h>

#include "dbus/reader.h"

#define MESSAGE_MAX 1024

typedef struct LastError {
        bgt_error_info info;
        char name[256];
        char message[MESSAGE_MAX];
        char remedy[MESSAGE_MAX];
} LastError;

static _Thread_local LastError last;

const bgt_error_info *bgt_error(void)
{
        last.info.size = sizeof last.info;
        last.info.name = last.name;
        last.info.message = last.message;
        last.info.remedy = last.remedy;
        return &last.info;
}

/* Copies text; what does not fit is cut between characters. */
static void copy_text(char *buf, size_t size, const char *text)
{
        size_t n = strnlen(text, size);

        if (n == size)
                for (n--; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
                        ;
        memmove(buf, text, n);
        buf[n] = '\0';
}

static int set(int error, uint32_t hresult, const char *name, const char *message, const char *remedy)
{
        last.info.error = error;
        last.info.hresult = hresult;
        copy_text(last.name, sizeof last.name, name);
        copy_text(last.message, sizeof last.message, message);
        copy_text(last.remedy, sizeof last.remedy, remedy);
        return -error;
}

int fail(Error error, const char *format, ...)
{
        const ErrorInfo *info = error_info(error);
        char message[MESSAGE_MAX];
        va_list args;

        if (!format)
                return set(info->error, info->hresult, info->dbus_name, info->sentence, info->remedy);
        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
        return set(info->error, info->hresult, info->dbus_name, message, info->remedy);
}

int fail_errno(int error, const char *format, ...)
{
        const ErrorInfo *info = error_info(error_from_errno(error));
        char message[MESSAGE_MAX];
        va_list args;
        size_t n;

        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
        n = strlen(message);
        snprintf(message + n, sizeof message - n, ": %s", strerror(-error));
        return set(-error, info->hresult, info->dbus_name, message, info->remedy);
}

int fail_named(const char *name, const char *sentence, const char *remedy)
{
        Error error = error_from_dbus_name(name);
        const ErrorInfo *info;

        if (error == ERROR_NONE) {
                static const char unknown[] = "org.freedesktop.DBus.Error.Unknown";

                error = strncmp(name, unknown, strlen(unknown)) == 0 ? ERROR_NOT_SUPPORTED : ERROR_FAILED;
        }
        info = error_info(error);
        return set(info->error, info->hresult, name, *sentence ? sentence : info->sentence,
                   *remedy ? remedy : info->remedy);
}

int fail_reply(const Message *m)
{
        const char *remedy = "";
        Reader r;

        if (strncmp(m->signature, "ss", 2) == 0) {
                reader_init(&r, m);
                (void)reader_get_string(&r);
                remedy = reader_get_string(&r);
        }
        return fail_named(m->error_name, message_error_text(m), remedy);
}
