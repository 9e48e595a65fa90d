/* bytes.c - whole files in and out. */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "core/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static df_status io_failed(df_error *err, const char *act, const char *path, int code)
{
    return df__fail(err, DF_E_IO, "cannot %s %s: %s", act, path, strerror(code));
}

static df_status too_large(df_error *err, const char *path, size_t bytes, size_t limit)
{
    return df__fail(err, DF_E_LIMIT, "%s: %zu bytes or more, the limit is %zu", path, bytes, limit);
}

/* Size of a regular file; directories and the like are refused by name. */
static df_status file_size(int fd, const char *path, size_t limit, size_t *size, bool *regular, df_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return io_failed(err, "read", path, errno);
    if (S_ISDIR(st.st_mode))
        return io_failed(err, "read", path, EISDIR);
    *regular = S_ISREG(st.st_mode);
    *size = *regular && st.st_size > 0 ? (size_t)st.st_size : 0;
    return *size > limit ? too_large(err, path, *size, limit) : DF_OK;
}

/* Read to the end, growing: works for pipes and for files whose size is a guess. */
static df_status read_all(int fd, const char *path, size_t limit, size_t guess, df_bytes *out, df_error *err)
{
    df_status st = DF_OK;
    size_t cap = guess ? guess + 1 : 65536, len = 0;
    uint8_t *data = malloc(cap);
    if (!data)
        return df__no_memory(err, path, cap);
    for (;;) {
        ssize_t got = read(fd, data + len, cap - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            st = io_failed(err, "read", path, errno);
            break;
        }
        if (got == 0)
            break;
        len += (size_t)got;
        if (len > limit) {
            st = too_large(err, path, len, limit);
            break;
        }
        if (len == cap) {
            uint8_t *more = realloc(data, cap * 2);
            if (!more) {
                st = df__no_memory(err, path, cap * 2);
                break;
            }
            data = more;
            cap *= 2;
        }
    }
    if (st != DF_OK) {
        free(data);
        return st;
    }
    *out = (df_bytes){data, len, false};
    return DF_OK;
}

df_status df__read_file(const char *path, size_t limit, df_bytes *out, df_error *err)
{
    *out = (df_bytes){0};
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", limit, 0, out, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_failed(err, "open", path, errno);
    size_t size = 0;
    bool regular = false;
    df_status st = file_size(fd, path, limit, &size, &regular, err);
    if (st == DF_OK)
        st = read_all(fd, path, limit, size, out, err);
    close(fd);
    return st;
}

static void state_of(const struct stat *info, df_file_state *out)
{
    *out = (df_file_state){.device = (uint64_t)info->st_dev, .inode = (uint64_t)info->st_ino, .size = (uint64_t)info->st_size,
                           .modified = (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec,
                           .changed = (int64_t)info->st_ctim.tv_sec * 1000000000 + info->st_ctim.tv_nsec};
}

bool df__file_state(const char *path, df_file_state *out)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return false;
    state_of(&info, out);
    return true;
}

static df_status map(const char *path, size_t limit, bool own, df_bytes *out, df_file_state *state, df_error *err)
{
    *out = (df_bytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe under this name must not block */
    if (fd < 0)
        return io_failed(err, "open", path, errno);
    size_t size = 0;
    bool regular = false;
    struct stat info;
    df_status st = file_size(fd, path, limit, &size, &regular, err);
    if (st == DF_OK && !regular)
        st = df__fail(err, DF_E_IO, "%s: not a regular file", path);
    if (st == DF_OK && fstat(fd, &info) != 0)
        st = io_failed(err, "read", path, errno);
    if (st == DF_OK && own && ((info.st_uid != geteuid() && info.st_uid != 0) || (info.st_mode & (S_IWGRP | S_IWOTH))))
        st = df__fail(err, DF_E_IO, "%s: others than this user may write it", path);
    if (st == DF_OK && state)
        state_of(&info, state);
    if (st == DF_OK && size > 0) {
        void *at = mmap(NULL, size, PROT_READ, own ? MAP_SHARED : MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED)
            st = io_failed(err, "map", path, errno);
        else
            *out = (df_bytes){at, size, true};
    }
    close(fd);
    return st;
}

df_status df__map_file(const char *path, size_t limit, df_bytes *out, df_error *err) { return map(path, limit, false, out, NULL, err); }

df_status df__map_own_file(const char *path, size_t limit, df_bytes *out, df_error *err) { return map(path, limit, true, out, NULL, err); }

df_status df__map_file_state(const char *path, size_t limit, df_bytes *out, df_file_state *state, df_error *err)
{
    return map(path, limit, false, out, state, err);
}

static df_status write_all(int fd, const char *path, const uint8_t *data, size_t len, df_error *err)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return io_failed(err, "write", path, errno);
        data += put;
        len -= (size_t)put;
    }
    return DF_OK;
}

/* ---- files that appear whole ---- */

df_status df__new_file_open(const char *path, df_new_file *out, df_error *err)
{
    static atomic_uint count; /* two threads of one process write under two names */
    enum { TRIES = 100 };
    size_t size = strlen(path) + 48;
    *out = (df_new_file){.path = path, .fd = -1, .beside = malloc(size)};
    if (!out->beside)
        return df__no_memory(err, path, size);
    /* A process of another container may have the same number, and a killed one may have left its file: a taken name is passed over. */
    for (int i = 0; i < TRIES && out->fd < 0; i++) {
        snprintf(out->beside, size, "%s.%ld-%u.part", path, (long)getpid(), atomic_fetch_add(&count, 1));
        out->fd = open(out->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (out->fd < 0 && errno != EEXIST)
            break;
    }
    if (out->fd >= 0)
        return DF_OK;
    df_status st = io_failed(err, "create", path, errno);
    free(out->beside);
    *out = (df_new_file){0};
    return st;
}

df_status df__new_file_write(df_new_file *f, const void *data, size_t len, df_error *err)
{
    return write_all(f->fd, f->path, data, len, err);
}

df_status df__new_file_keep(df_new_file *f, bool sync, df_error *err)
{
    df_status st = DF_OK;
    if (sync && fsync(f->fd) != 0)
        st = io_failed(err, "write", f->path, errno);
    int closed = close(f->fd);
    f->fd = -1;
    if (closed != 0 && st == DF_OK)
        st = io_failed(err, "write", f->path, errno);
    if (st == DF_OK && rename(f->beside, f->path) != 0)
        st = io_failed(err, "write", f->path, errno);
    if (st == DF_OK) {
        free(f->beside);
        *f = (df_new_file){0};
    }
    df__new_file_free(f);
    return st;
}

void df__new_file_free(df_new_file *f)
{
    if (!f->beside)
        return;
    if (f->fd >= 0)
        close(f->fd);
    unlink(f->beside);
    free(f->beside);
    *f = (df_new_file){0};
}

bool df__folder_for(const char *path)
{
    struct stat info;
    const char *end = strrchr(path, '/');
    if (!end || end == path)
        return true; /* the working folder, the root */
    char *folder = malloc((size_t)(end - path) + 1);
    if (!folder)
        return false;
    memcpy(folder, path, (size_t)(end - path));
    folder[end - path] = '\0';
    bool there = mkdir(folder, 0700) == 0 || (stat(folder, &info) == 0 && S_ISDIR(info.st_mode));
    free(folder);
    return there;
}

df_status df__write_file(const char *path, const void *data, size_t len, df_error *err)
{
    df_status st = DF_OK;
    df_new_file f = {0};
    if (strcmp(path, "-") == 0)
        return write_all(STDOUT_FILENO, "standard output", data, len, err);
    DF_TRY(df__new_file_open(path, &f, err));
    DF_TRY(df__new_file_write(&f, data, len, err));
    DF_TRY(df__new_file_keep(&f, false, err));
done:
    df__new_file_free(&f);
    return st;
}

void df__bytes_drop(const df_bytes *bytes)
{
#if defined(MADV_DONTNEED)
    if (bytes->mapped)
        (void)madvise(bytes->data, bytes->len, MADV_DONTNEED); /* without it the pages stay until memory is short */
#else
    (void)bytes;
#endif
}

void df__bytes_free(df_bytes *bytes)
{
    if (bytes->mapped)
        munmap(bytes->data, bytes->len);
    else
        free(bytes->data);
    *bytes = (df_bytes){0};
}
