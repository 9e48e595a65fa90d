/* walk.c - walking a folder: one stat a file, no file is opened. */
#define _GNU_SOURCE /* d_type */
#include "gallery/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static char *join(df_arena *arena, const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    char *text = df__arena_alloc(arena, n + m + 2);
    if (text) {
        memcpy(text, a, n);
        if (n)
            text[n++] = '/';
        memcpy(text + n, b, m + 1);
    }
    return text;
}

static df_status add(df_walk *w, const char *path, const struct stat *info, df_error *err)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 1024;
        df_walked *more = realloc(w->files, cap * sizeof *more);
        if (!more)
            return df__no_memory(err, "photos of a folder", cap * sizeof *more);
        w->files = more, w->cap = cap;
    }
    w->files[w->n++] = (df_walked){.path = path, .size = (uint64_t)info->st_size,
                                   .modified = (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec};
    return DF_OK;
}

static df_status walk(df_walk *w, int at, const char *name, const char *path, int depth, df_error *err);

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

static df_status walk_open(df_walk *w, DIR *d, const char *path, int depth, df_error *err)
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
        char *full = join(&w->texts, path, e->d_name);
        if (!full)
            return df__no_memory(err, "photos of a folder", strlen(e->d_name));
        DF_TRY(folder ? walk(w, dirfd(d), e->d_name, full, depth + 1, err) : add(w, full, &info, err));
    }
done:
    return st;
}

static df_status walk(df_walk *w, int at, const char *name, const char *path, int depth, df_error *err)
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
    df_status st = walk_open(w, d, path, depth, err);
    closedir(d);
    return st;
}

static int by_path(const void *a, const void *b) { return strcmp(((const df_walked *)a)->path, ((const df_walked *)b)->path); }

df_status df__walk(const char *folder, df_walk *out, df_error *err)
{
    *out = (df_walk){0};
    df_status st = walk(out, AT_FDCWD, folder, "", 0, err);
    if (st != DF_OK)
        df__walk_free(out);
    else if (out->n)
        qsort(out->files, out->n, sizeof *out->files, by_path);
    return st;
}

void df__walk_free(df_walk *w)
{
    df__arena_free(&w->texts);
    free(w->files);
    *w = (df_walk){0};
}
