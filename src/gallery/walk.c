/* walk.c - walking a folder: one stat a file, no file is opened. The entries of each folder are put in order before its folders are entered, where they
 * are few, so that all of it is in order. */
#define _GNU_SOURCE /* d_type */
#include "gallery/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEPEST = 64 };

bool df__walk_is_photo(const char *name)
{
    static const char *const ends[] = {"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (strcasecmp(dot + 1, ends[i]) == 0)
            return true;
    return false;
}

/* PATH NAME END in the arena. */
static char *join(df_arena *arena, const char *path, const char *name, const char *end)
{
    size_t n = strlen(path), m = strlen(name);
    char *text = df__arena_alloc(arena, n + m + 2);
    if (text) {
        memcpy(text, path, n), memcpy(text + n, name, m);
        strcpy(text + n + m, end);
    }
    return text;
}

static df_status add(df_walked **list, size_t *n, size_t *cap, df_walked entry, df_error *err)
{
    if (*n == *cap) {
        size_t more = *cap ? 2 * *cap : 1024;
        df_walked *room = realloc(*list, more * sizeof *room);
        if (!room)
            return df__no_memory(err, "photos of a folder", more * sizeof *room);
        *list = room, *cap = more;
    }
    (*list)[(*n)++] = entry;
    return DF_OK;
}

/* What lies in the folders that are being walked, the innermost last; the path of a folder ends in a slash, and orders as those in it do. */
typedef struct trail { df_walk *w; df_walked *entries; size_t n, cap; } trail;

static df_status walk(trail *t, int at, const char *name, const char *path, int depth, df_error *err);

/* Is this entry a folder (and no link to one)? *regular: a file, behind a link perhaps; then `info` is filled in. */
static bool is_folder(int at, const struct dirent *e, bool photo, bool *regular, struct stat *info)
{
    bool folder = false;
    *regular = false;
    if (e->d_type == DT_DIR)
        return true;
    if (e->d_type == DT_UNKNOWN && fstatat(at, e->d_name, info, AT_SYMLINK_NOFOLLOW) == 0)
        folder = S_ISDIR(info->st_mode);
    if (!folder && photo)
        *regular = fstatat(at, e->d_name, info, 0) == 0 && S_ISREG(info->st_mode);
    return folder;
}

static int by_path(const void *a, const void *b) { return strcmp(((const df_walked *)a)->path, ((const df_walked *)b)->path); }

static bool is_slashed(const char *path) { return path[strlen(path) - 1] == '/'; }

static df_status read_entries(trail *t, DIR *d, const char *path, df_error *err)
{
    df_status st = DF_OK;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat info;
        bool regular, photo = df__walk_is_photo(e->d_name);
        if (e->d_name[0] == '.')
            continue;
        bool folder = is_folder(dirfd(d), e, photo, &regular, &info);
        if (!folder && !regular)
            continue;
        df_walked entry = {.path = join(&t->w->texts, path, e->d_name, folder ? "/" : "")};
        if (!entry.path)
            return df__no_memory(err, "photos of a folder", strlen(e->d_name));
        if (regular)
            entry.size = (uint64_t)info.st_size, entry.modified = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
        DF_TRY(add(&t->entries, &t->n, &t->cap, entry, err));
    }
done:
    return st;
}

static df_status walk_open(trail *t, DIR *d, const char *path, int depth, df_error *err)
{
    df_status st = DF_OK;
    size_t from = t->n, before = strlen(path);
    DF_TRY(read_entries(t, d, path, err));
    size_t to = t->n;
    if (to > from)
        qsort(t->entries + from, to - from, sizeof *t->entries, by_path);
    for (size_t i = from; i < to; i++) {
        const df_walked entry = t->entries[i];
        if (!is_slashed(entry.path)) {
            DF_TRY(add(&t->w->files, &t->w->n, &t->w->cap, entry, err));
            continue;
        }
        char name[sizeof((struct dirent *)0)->d_name];
        snprintf(name, sizeof name, "%.*s", (int)(strlen(entry.path) - before - 1), entry.path + before);
        DF_TRY(walk(t, dirfd(d), name, entry.path, depth + 1, err));
    }
    t->n = from;
done:
    return st;
}

static df_status walk(trail *t, int at, const char *name, const char *path, int depth, df_error *err)
{
    if (depth > DEEPEST)
        return DF_OK;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        return depth ? DF_OK : df__fail(err, DF_E_IO, "cannot read the folder %s: %s", name, strerror(why));
    }
    df_status st = walk_open(t, d, path, depth, err);
    closedir(d);
    return st;
}

df_status df__walk(const char *folder, df_walk *out, df_error *err)
{
    *out = (df_walk){0};
    trail t = {.w = out};
    df_status st = walk(&t, AT_FDCWD, folder, "", 0, err);
    free(t.entries);
    if (st != DF_OK)
        df__walk_free(out);
    return st;
}

void df__walk_free(df_walk *w)
{
    df__arena_free(&w->texts);
    free(w->files);
    *w = (df_walk){0};
}
