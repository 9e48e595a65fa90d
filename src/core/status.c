/* status.c - messages into the caller's df_error. */
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *df_status_text(df_status status)
{
    switch (status) {
#define X(name, number, text) \
    case DF_##name:           \
        return text;
        DF_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

#define DF_STRING_(x) #x
#define DF_STRING(x) DF_STRING_(x)

const char *df_version(void)
{
    return DF_STRING(DF_VERSION_MAJOR) "." DF_STRING(DF_VERSION_MINOR) "." DF_STRING(DF_VERSION_PATCH);
}

/* A message that filled its buffer may end inside a UTF-8 sequence: drop the torn one. */
static void trim_torn_utf8(char *text, size_t size)
{
    size_t len = strlen(text);
    if (len + 1 < size)
        return;
    size_t at = len;
    while (at > 0 && len - at < 3 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
        at--;
    if (at == 0)
        return;
    unsigned char lead = (unsigned char)text[at - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - (at - 1) < need)
        text[at - 1] = '\0';
}

df_status df__fail(df_error *err, df_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->status = status;
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        trim_torn_utf8(err->message, sizeof err->message);
    }
    return status;
}

df_status df__no_memory(df_error *err, const char *what, size_t bytes)
{
    return df__fail(err, DF_E_NO_MEMORY, "out of memory: %s (%zu bytes)", what, bytes);
}

void df__prefix(df_error *err, const char *format, ...)
{
    if (!err)
        return;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    size_t at = strlen(err->message);
    snprintf(err->message + at, sizeof err->message - at, ": %s", old);
    trim_torn_utf8(err->message, sizeof err->message);
}
