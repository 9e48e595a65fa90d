/* bytes.c - whole files in and out. */
#include "core/bytes.h"

#include <errno.h>
#include <fcntl.h>
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

df_status df__map_file(const char *path, size_t limit, df_bytes *out, df_error *err)
{
    *out = (df_bytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_failed(err, "open", path, errno);
    size_t size = 0;
    bool regular = false;
    df_status st = file_size(fd, path, limit, &size, &regular, err);
    if (st == DF_OK && !regular)
        st = df__fail(err, DF_E_IO, "%s: not a regular file", path);
    if (st == DF_OK && size > 0) {
        void *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED)
            st = io_failed(err, "map", path, errno);
        else
            *out = (df_bytes){at, size, true};
    }
    close(fd);
    return st;
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

df_status df__write_file(const char *path, const void *data, size_t len, df_error *err)
{
    if (strcmp(path, "-") == 0)
        return write_all(STDOUT_FILENO, "standard output", data, len, err);
    size_t size = strlen(path) + 32;
    char *beside = malloc(size);
    if (!beside)
        return df__no_memory(err, path, size);
    snprintf(beside, size, "%s.%ld.part", path, (long)getpid());
    df_status st = DF_OK;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        st = io_failed(err, "create", path, errno);
    } else {
        st = write_all(fd, path, data, len, err);
        if (close(fd) != 0 && st == DF_OK)
            st = io_failed(err, "write", path, errno);
        if (st == DF_OK && rename(beside, path) != 0)
            st = io_failed(err, "write", path, errno);
        if (st != DF_OK)
            unlink(beside);
    }
    free(beside);
    return st;
}

void df__bytes_free(df_bytes *bytes)
{
    if (bytes->mapped)
        munmap(bytes->data, bytes->len);
    else
        free(bytes->data);
    *bytes = (df_bytes){0};
}
