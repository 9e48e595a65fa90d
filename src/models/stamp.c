/* stamp.c - see stamp.h. A stamp is one line of text:
 *     deepface-stamp 1 DEVICE INODE SIZE MODIFIED CHANGED SHA256
 * in FOLDER/NAME-PATH.sha256, PATH the begin of the sha256 of the file's path. It is believed if nobody else may write it. */
#include "models/stamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/sha256.h"

enum { LEAST = 4 << 20 /* bytes; below, hashing takes as long as two small files */, LINE = 256 };
static const int64_t settled = 2000000000; /* ns: the coarsest clock of a file system in use, FAT's */

static char *stamp_path(const char *folder, const char *path)
{
    char hex[65];
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t size = strlen(folder) + strlen(name) + 32;
    char *out = malloc(size);
    if (!out)
        return NULL;
    df__sha256_hex(path, strlen(path), hex);
    snprintf(out, size, "%s/%s-%.12s.sha256", folder, name, hex);
    return out;
}

/* All but the hash. */
static int write_state(const df_file_state *s, char line[LINE])
{
    return snprintf(line, LINE, "deepface-stamp 1 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " ", s->device, s->inode, s->size,
                    s->modified, s->changed);
}

static bool read_stamp(const char *at, const df_file_state *state, char hex[65])
{
    df_bytes stamp = {0};
    df_error err;
    char line[LINE];
    size_t n = (size_t)write_state(state, line);
    bool good = df__map_own_file(at, LINE, &stamp, &err) == DF_OK && stamp.len == n + 65 && memcmp(stamp.data, line, n) == 0 &&
                stamp.data[n + 64] == '\n';
    for (size_t i = 0; i < 64 && good; i++) {
        char c = (char)stamp.data[n + i];
        hex[i] = c;
        good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    hex[64] = '\0';
    df__bytes_free(&stamp);
    return good;
}

static bool is_settled(const df_file_state *s)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    return s->modified < now - settled && s->changed < now - settled;
}

bool df__stamped_sha256(const char *folder, const char *path, const df_bytes *file, const df_file_state *state, bool trust, char hex[65])
{
    char *at = folder && file->len >= LEAST ? stamp_path(folder, path) : NULL;
    bool found = at && trust && read_stamp(at, state, hex);
    if (!found) {
        df_file_state after;
        bool stable = at && is_settled(state); /* asked before the hashing: a change during it is a later one */
        df__sha256_hex(file->data, file->len, hex);
        if (stable && df__file_state(path, &after) && memcmp(&after, state, sizeof after) == 0 && df__folder_for(at)) {
            df_error err;
            char line[LINE];
            int n = write_state(state, line);
            n += snprintf(line + n, (size_t)(LINE - n), "%s\n", hex);
            (void)df__write_file(at, line, (size_t)n, &err); /* without it the file is hashed again */
        }
    }
    free(at);
    return found;
}
