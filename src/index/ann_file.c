/* ann_file.c - see ann_file.h. */
#include "index/ann_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "index/sum.h"

enum { FORMAT = 2 };
static const char     magic[8] = {'d', 'f', 'a', 'n', 'n', 'i', 'd', 'x'};
static const uint32_t byte_order = 0x01020304;
static const uint64_t MOST_BYTES = (uint64_t)1 << 42;

static uint64_t head_sum(const df_ann_head *h) { return df__sum64(0, h, offsetof(df_ann_head, head_sum)); }

char *df__ann_data_path(const char *path, uint64_t number)
{
    size_t size = strlen(path) + 20;
    char *out = malloc(size);
    if (out)
        snprintf(out, size, "%s.%016llx", path, (unsigned long long)number);
    return out;
}

df_status df__ann_head_read(const char *path, df_ann_head *out, df_error *err)
{
    df_bytes file = {0};
    df_status st = df__read_file(path, sizeof *out, &file, err);
    if (st == DF_E_LIMIT || (st == DF_OK && file.len != sizeof *out))
        st = df__fail(err, DF_E_STORE, "%s: not the head of an index (it is not of %zu bytes)", path, sizeof *out);
    if (st == DF_OK) {
        memcpy(out, file.data, sizeof *out);
        if (memcmp(out->magic, magic, sizeof magic) != 0)
            st = df__fail(err, DF_E_STORE, "%s: not the head of an index", path);
        else if (out->byte_order != byte_order || out->format != FORMAT)
            st = df__fail(err, DF_E_STORE, "%s: an index of another version or machine", path);
        else if (out->head_sum != head_sum(out) || out->n_points > DF_ANN_POINTS || !memchr(out->what, '\0', sizeof out->what))
            st = df__fail(err, DF_E_STORE, "%s: damaged: the head of the index does not fit its checksum", path);
    }
    df__bytes_free(&file);
    return st;
}

static df_status sum_of(const char *data, uint64_t *bytes, uint64_t *sum, df_error *err)
{
    df_bytes file = {0};
    df_status st = df__map_file(data, (size_t)MOST_BYTES, &file, err);
    if (st == DF_OK)
        *bytes = file.len, *sum = df__sum64(0, file.data, file.len);
    df__bytes_free(&file);
    return st;
}

df_status df__ann_data_check(const char *data, const df_ann_head *head, df_error *err)
{
    df_file_state state;
    uint64_t bytes = 0, sum = 0;
    if (!df__file_state(data, &state))
        return df__fail(err, DF_E_STORE, "%s: the index's own file is not there", data);
    if (state.size != head->bytes)
        return df__fail(err, DF_E_STORE, "%s: truncated or foreign: %llu bytes, not %llu", data, (unsigned long long)state.size,
                        (unsigned long long)head->bytes);
    df_status st = sum_of(data, &bytes, &sum, err);
    if (st == DF_OK && (bytes != head->bytes || sum != head->sum))
        st = df__fail(err, DF_E_STORE, "%s: damaged: it does not fit its checksum", data);
    return st;
}

df_status df__ann_head_write(const char *path, const char *data, df_ann_head *head, df_error *err)
{
    df_status st = DF_OK;
    df_new_file f = {0};
    int fd = open(data, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        DF_TRY(df__fail(err, DF_E_IO, "cannot write %s: %s", data, strerror(errno)));
    DF_TRY(sum_of(data, &head->bytes, &head->sum, err));
    memcpy(head->magic, magic, sizeof magic);
    head->byte_order = byte_order, head->format = FORMAT, head->head_sum = head_sum(head);
    DF_TRY(df__new_file_open(path, &f, err));
    DF_TRY(df__new_file_write(&f, head, sizeof *head, err));
    DF_TRY(df__new_file_keep(&f, true, err));
done:
    if (fd >= 0)
        close(fd);
    df__new_file_free(&f);
    return st;
}

/* ---- one builder at a time ---- */

static char *with_ending(const char *path, const char *ending)
{
    size_t size = strlen(path) + strlen(ending) + 1;
    char *out = malloc(size);
    if (out)
        snprintf(out, size, "%s%s", path, ending);
    return out;
}

/* Is it a file that a builder makes beside the index called `name`: NAME.NUMBER, perhaps with an ending of the library's, or NAME.PID-COUNT.part? */
static bool is_left_over(const char *file, const char *name, const char *current)
{
    size_t n = strlen(name);
    if (strncmp(file, name, n) != 0 || file[n] != '.' || strcmp(file + n + 1, "lock") == 0)
        return false;
    const char *rest = file + n + 1;
    if (current && strncmp(rest, current, DF_ANN_NUMBER) == 0)
        return false;
    size_t length = strlen(rest);
    return strspn(rest, "0123456789abcdef") >= DF_ANN_NUMBER || (length > 5 && strcmp(rest + length - 5, ".part") == 0);
}

static void sweep(const char *path)
{
    df_ann_head head;
    char current[DF_ANN_NUMBER + 1] = "", *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
    const char *name = slash ? slash + 1 : folder;
    if (df__ann_head_read(path, &head, NULL) == DF_OK)
        snprintf(current, sizeof current, "%016llx", (unsigned long long)head.number);
    if (slash)
        *slash = '\0';
    DIR *d = folder ? opendir(slash ? (*folder ? folder : "/") : ".") : NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_left_over(e->d_name, name, *current ? current : NULL))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    free(folder);
}

df_status df__ann_lock(const char *path, int *fd, df_error *err)
{
    df_status st = DF_OK;
    struct stat mine, named;
    char *lock = with_ending(path, ".lock");
    *fd = -1;
    if (!lock)
        return df__no_memory(err, path, strlen(path));
    for (;;) { /* again where the one who had it took the name away meanwhile */
        *fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (*fd < 0)
            DF_TRY(df__fail(err, DF_E_IO, "cannot write %s: %s", lock, strerror(errno)));
        bool held = flock(*fd, LOCK_EX | LOCK_NB) == 0;
        if (held && fstat(*fd, &mine) == 0 && stat(lock, &named) == 0 && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev)
            break;
        close(*fd);
        *fd = -1;
        if (!held)
            goto done;
    }
    sweep(path);
done:
    free(lock);
    return st;
}

void df__ann_unlock(const char *path, int fd)
{
    char *lock = fd >= 0 ? with_ending(path, ".lock") : NULL;
    if (lock)
        unlink(lock);
    if (fd >= 0)
        close(fd);
    free(lock);
}

df_status df__ann_drop(const char *path, df_error *err)
{
    int lock;
    df_status st = df__ann_lock(path, &lock, err);
    if (st != DF_OK)
        return st;
    if (lock < 0)
        return df__fail(err, DF_E_STORE, "%s: another process is building it", path);
    unlink(path); /* first: then no head names the library's file any more */
    sweep(path);
    df__ann_unlock(path, lock);
    return DF_OK;
}
