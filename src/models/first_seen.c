/* first_seen.c - see first_seen.h. */
#include "models/first_seen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"

enum { HEX = 64, RECORD = 4096 /* bytes of a record at most */ };

static df_status record_path(const char *path, char **out, df_error *err)
{
    size_t size = strlen(path) + sizeof ".sha256";
    *out = malloc(size);
    if (!*out)
        return df__no_memory(err, "path", size);
    snprintf(*out, size, "%s.sha256", path);
    return DF_OK;
}

static bool is_hash(const df_bytes *record)
{
    if (record->len < HEX || (record->len > HEX && record->data[HEX] != ' ' && record->data[HEX] != '\n'))
        return false;
    for (size_t i = 0; i < HEX; i++)
        if (!((record->data[i] >= '0' && record->data[i] <= '9') || (record->data[i] >= 'a' && record->data[i] <= 'f')))
            return false;
    return true;
}

df_status df__first_seen_read(const char *path, char hex[65], df_error *err)
{
    df_status st = DF_OK;
    df_bytes record = {0};
    char *at = NULL;
    hex[0] = '\0';
    DF_TRY(record_path(path, &at, err));
    if (access(at, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        goto done;
    DF_TRY(df__map_file(at, RECORD, &record, err));
    if (!is_hash(&record))
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "%s is no line of sha256sum. Delete it, and the file beside it is trusted anew", at));
    memcpy(hex, record.data, HEX);
    hex[HEX] = '\0';
done:
    df__bytes_free(&record);
    free(at);
    return st;
}

df_status df__first_seen_check(const char *path, const char hex[65], bool *known, df_error *err)
{
    char seen[65];
    df_status st = df__first_seen_read(path, seen, err);
    if (known)
        *known = st == DF_OK && seen[0];
    if (st == DF_OK && seen[0] && strcmp(seen, hex) != 0) {
        if (known)
            *known = false;
        st = df__fail(err, DF_E_BAD_MODEL, "%s has sha256 %s, not %s as when it was first used. If you replaced it yourself, delete %s.sha256", path,
                      hex, seen, path);
    }
    return st;
}

df_status df__first_seen_keep(const char *path, const char hex[65], df_error *err)
{
    df_status st = DF_OK;
    char *at = NULL, *line = NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t size = HEX + 4 + strlen(name);
    DF_TRY(record_path(path, &at, err));
    line = malloc(size);
    if (!line)
        DF_TRY(df__no_memory(err, "record of a hash", size));
    snprintf(line, size, "%s  %s\n", hex, name);
    DF_TRY(df__write_file(at, line, size - 1, err));
done:
    free(line);
    free(at);
    return st;
}
