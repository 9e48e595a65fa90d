/* pull_part.c - see pull_part.h. FILE.pull.about is five lines of text:
 *     deepface-pull 1
 *     BOOT    the system's name for this run of it
 *     URL
 *     TAG
 *     TOTAL
 * The lock is flock's on FILE.pull itself. It ends with the process, and no file of its own is left behind: whoever got it looks whether
 * the name still means the file that was locked. */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* flock */
#endif
#include "models/pull_part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"

enum { ABOUT = 4096 /* bytes at most */ };
static const char head[] = "deepface-pull 1";

static df_status io_failed(const df_part *p, const char *act, df_error *err)
{
    return df__fail(err, DF_E_IO, "cannot %s %s: %s", act, p->path, strerror(errno));
}

/* Linux gives each run of the system a name; elsewhere it is "" and every crash is taken for none. */
static void boot_name(char out[64])
{
    out[0] = '\0';
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!f)
        return;
    if (!fgets(out, 64, f))
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    fclose(f);
}

/* The next line of *at into out; false when it is absent or too long. */
static bool line_into(char **at, char *out, size_t size)
{
    char *end = *at ? strchr(*at, '\n') : NULL;
    if (!end || (size_t)(end - *at) >= size)
        return false;
    memcpy(out, *at, (size_t)(end - *at));
    out[end - *at] = '\0';
    *at = end + 1;
    return true;
}

static void read_about(df_part *p)
{
    df_bytes file = {0};
    df_error err;
    char text[ABOUT + 1], first[sizeof head], boot[64], now[64], total[32], *at = text, *end = NULL;
    bool good = df__map_file(p->about, ABOUT, &file, &err) == DF_OK;
    if (file.len)
        memcpy(text, file.data, file.len);
    text[file.len] = '\0';
    good = good && line_into(&at, first, sizeof first) && strcmp(first, head) == 0 && line_into(&at, boot, sizeof boot) &&
           line_into(&at, p->url, sizeof p->url) && line_into(&at, p->tag, sizeof p->tag) && line_into(&at, total, sizeof total);
    p->total = good ? strtoull(total, &end, 10) : 0;
    if (!good || *end || (p->total && p->len > p->total))
        p->url[0] = p->tag[0] = '\0', p->total = 0;
    boot_name(now);
    p->same_boot = good && strcmp(boot, now) == 0;
    df__bytes_free(&file);
}

static df_status write_about(const df_part *p, df_error *err)
{
    char text[ABOUT], boot[64];
    boot_name(boot);
    int n = snprintf(text, sizeof text, "%s\n%s\n%s\n%s\n%" PRIu64 "\n", head, boot, p->url, p->tag, p->total);
    return df__write_file(p->about, text, (size_t)n, err);
}

/* Is the open file still the one of that name? */
static bool still_named(const df_part *p)
{
    struct stat open_one, named;
    return fstat(p->fd, &open_one) == 0 && stat(p->path, &named) == 0 && open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

static df_status lock(df_part *p, df_wait_fn wait, void *user, bool *waited, df_error *err)
{
    static const struct timespec fifth = {.tv_nsec = 200000000};
    for (;;) {
        p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (p->fd < 0)
            return io_failed(p, "create", err);
        while (flock(p->fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK && errno != EINTR)
                return io_failed(p, "lock", err);
            *waited = true;
            if (!wait(user))
                return df__fail(err, DF_E_IO, "%s: stopped while another pull has it", p->path);
            nanosleep(&fifth, NULL);
        }
        if (still_named(p))
            return DF_OK;
        close(p->fd);
    }
}

df_status df__part_open(const char *file, df_wait_fn wait, void *user, df_part *out, bool *waited, df_error *err)
{
    df_status st = DF_OK;
    size_t size = strlen(file) + sizeof ".pull.about";
    df_part p = {.fd = -1, .path = malloc(size), .about = malloc(size)};
    struct stat info;
    *out = (df_part){.fd = -1};
    *waited = false;
    if (!p.path || !p.about)
        DF_TRY(df__no_memory(err, file, size));
    snprintf(p.path, size, "%s.pull", file);
    snprintf(p.about, size, "%s.pull.about", file);
    DF_TRY(lock(&p, wait, user, waited, err));
    if (fstat(p.fd, &info) != 0 || lseek(p.fd, 0, SEEK_END) < 0)
        DF_TRY(io_failed(&p, "read", err));
    p.len = (uint64_t)info.st_size;
    read_about(&p);
    *out = p;
    return DF_OK;
done:
    if (p.fd >= 0)
        close(p.fd);
    free(p.path);
    free(p.about);
    return st;
}

df_status df__part_empty(df_part *p, df_error *err)
{
    if (ftruncate(p->fd, 0) != 0 || lseek(p->fd, 0, SEEK_SET) < 0)
        return io_failed(p, "write", err);
    p->len = p->total = 0;
    p->url[0] = p->tag[0] = '\0';
    return DF_OK;
}

df_status df__part_begin(df_part *p, const char *url, const char *tag, uint64_t total, df_error *err)
{
    df_status st = df__part_empty(p, err); /* before the new address is written: old bytes never pass for its own */
    if (st != DF_OK || strlen(url) >= sizeof p->url || strlen(tag) >= sizeof p->tag)
        return st; /* of an address that long nothing is remembered */
    memcpy(p->url, url, strlen(url) + 1);
    memcpy(p->tag, tag, strlen(tag) + 1);
    p->total = total;
    p->same_boot = true;
    return write_about(p, err);
}

df_status df__part_write(df_part *p, const void *data, size_t len, df_error *err)
{
    const char *at = data;
    while (len > 0) {
        ssize_t put = write(p->fd, at, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return df__fail(err, DF_E_IO, "cannot write %s: %s; the %.1f MB before stay for the next pull", p->path, strerror(errno),
                            (double)p->len / 1e6);
        at += put;
        len -= (size_t)put;
        p->len += (uint64_t)put;
    }
    return DF_OK;
}

df_status df__part_room(const df_part *p, uint64_t bytes, df_error *err)
{
    struct statvfs disk;
    if (fstatvfs(p->fd, &disk) != 0)
        return DF_OK; /* writing will tell */
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (bytes <= room)
        return DF_OK;
    return df__fail(err, DF_E_IO, "%s needs %.1f MB more, its disk has room for %.1f MB. Make room, or choose another folder: "
                    "DEEPFACE_HOME", p->path, (double)bytes / 1e6, (double)room / 1e6);
}

void df__part_close(df_part *p)
{
    if (!p->path)
        return;
    if (p->len == 0 && still_named(p)) {
        unlink(p->about);
        unlink(p->path);
    }
    close(p->fd);
    free(p->path);
    free(p->about);
    *p = (df_part){.fd = -1};
}
