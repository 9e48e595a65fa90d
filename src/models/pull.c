/* pull.c - one weight file, from an address to its name.
 *
 * Everything happens under FILE.pull's lock (pull_part.h): bytes come into FILE.pull, what is packed is unpacked to FILE.unpacked, the
 * whole is looked at, brought to the disk, and renamed. A kill at any moment leaves the old file or the new one under the name, and what
 * the next pull goes on with or overwrites. Which file is right is said by the row's sha256; where it has none, by the record of the first one
 * (first_seen.h), and for the first one by opening it. */
#include "models/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/sha256.h"
#include "models/first_seen.h"
#include "models/pull_http.h"
#include "models/pull_unpack.h"

enum { MOST_TRIES = 100 /* of one address, however well each went */, BLOCK = 1 << 16 };
static const uint64_t most = (uint64_t)1 << 31, slack = 1 << 20, headway = 1 << 18; /* bytes */
static const double longest_pause = 60;                                              /* seconds */

typedef struct pull {
    const df_pull_job *job;
    const df_model_info *info;
    df_part  part;
    char    *path, *unpacked;
    char     expected[65]; /* sha256 that it must have; "": nobody knows */
    df_pull_progress at;
    size_t   waits;
    bool     stopped;
} pull;

/* ---- telling ---- */

static bool tell(pull *p, df_pull_step step, uint64_t done, uint64_t total, const char *note)
{
    p->at.step = step;
    p->at.done = done;
    p->at.total = total;
    p->at.note = note;
    p->stopped = p->stopped || (p->job->opts->each && !p->job->opts->each(p->job->opts->user, &p->at));
    return !p->stopped;
}

static bool tell_wait(void *user)
{
    pull *p = user;
    const char *note = p->waits++ ? NULL : "another pull of the same file is under way";
    return tell(p, DF_PULL_WAITING, 0, 0, note);
}

static bool tell_bytes(void *user, uint64_t done, uint64_t total) { return tell(user, DF_PULL_FETCHING, done, total, NULL); }

static df_status stopped(const pull *p, df_error *err) { return df__fail(err, DF_E_IO, "%s: stopped by the caller", p->info->name); }

/* False when the caller stopped it. */
static bool sleep_for(pull *p, double seconds, const char *why)
{
    static const struct timespec tenth = {.tv_nsec = 100000000};
    bool on = true;
    for (int i = 0; on && i < (int)ceil(seconds * 10); i++) {
        on = tell(p, DF_PULL_WAITING, p->part.len, p->part.total, i == 0 ? why : NULL);
        nanosleep(&tenth, NULL);
    }
    return on;
}

/* ---- is a file the right one? ---- */

/* A server's error page or login form under the address of a file. */
static bool is_web_page(const df_bytes *file)
{
    static const char *const begins[] = {"<!doctype html", "<html"};
    size_t at = file->len >= 3 && memcmp(file->data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < file->len && memchr(" \t\r\n", file->data[at], 4))
        at++;
    for (size_t i = 0; i < 2; i++)
        if (file->len - at >= strlen(begins[i]) && strncasecmp((const char *)file->data + at, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

static df_status wrong_hash(const pull *p, const char *hex, df_error *err)
{
    if (p->info->sha256[0])
        return df__fail(err, DF_E_BAD_MODEL, "another file than %s: its sha256 is %s, not %s", p->info->name, hex, p->expected);
    return df__fail(err, DF_E_BAD_MODEL, "another file than the one first seen: its sha256 is %s, not %s. If you know that it was "
                    "replaced, delete %s.sha256", hex, p->expected, p->path);
}

/* Everything but its name. hex takes its sha256. */
static df_status look_at(pull *p, const char *at, char hex[65], df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    const df_model_info *info = p->info;
    const char *official = at != p->path && !p->job->opts->from ? p->job->row->official : NULL;
    if (!tell(p, DF_PULL_CHECKING, 0, 0, NULL))
        return stopped(p, err);
    DF_TRY(df__map_file(at, most, &file, err));
    if (is_web_page(&file))
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "a web page, not a weight file"));
    if (info->bytes && file.len != info->bytes)
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "%zu bytes, not the %zu of %s: cut off or another file", file.len, info->bytes, info->file));
    df__sha256_hex(file.data, file.len, hex);
    if (p->expected[0] && strcmp(hex, p->expected) != 0)
        DF_TRY(wrong_hash(p, hex, err));
    if (!p->expected[0] && official && strcmp(hex, official) != 0)
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "another file than its project published: its sha256 is %s, not %s", hex, official));
    if (!p->expected[0])
        DF_TRY(p->job->fits(p->job->user, at, err));
done:
    df__bytes_free(&file);
    return st;
}

static bool stop_waiting(void *user) { return (void)user, false; }

/* What lies under the name already: DF_OK when it is right, and then it is the one that is expected from now on, DF_E_NO_MODEL when there
 * is nothing, else what is wrong with it. */
static df_status present(pull *p, df_error *err)
{
    df_status st = DF_OK;
    char hex[65];
    df_error why;
    DF_TRY(df__weights_check(p->job->loader, p->info->name, err));
    if (p->expected[0])
        goto done;
    DF_TRY(look_at(p, p->path, hex, err));
    if (df__first_seen_keep(p->path, hex, &why) != DF_OK) /* of a folder that may only be read, say */
        df__log(&p->job->loader->log, DF_LOG_WARN, "%s: the hash of %s is not kept: %s", p->info->name, p->info->file, why.message);
done:
    return st;
}

/* What a process that was killed at the wrong moment left beside a file that is right. */
static void sweep(pull *p)
{
    bool waited;
    struct stat info;
    size_t n = strlen(p->path);
    char *part = strdup(p->unpacked);
    if (part)
        memcpy(part + n, ".pull", sizeof ".pull");
    if (part && (stat(part, &info) == 0 || stat(p->unpacked, &info) == 0) &&
        df__part_open(p->path, stop_waiting, NULL, &p->part, &waited, NULL) == DF_OK) {
        unlink(p->unpacked);
        (void)df__part_empty(&p->part, NULL); /* closing removes it */
    }
    free(part);
}

/* ---- giving it its name ---- */

/* The new name is on the disk when this is over; a system that cannot say so is taken at its word. */
static void sync_folder(const char *path)
{
    char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash)
        slash[slash == folder] = '\0';
    int fd = slash ? open(folder, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

/* What has the name now becomes NAME.old: nothing of the user's is deleted. */
static df_status move_old(const pull *p, df_error *err)
{
    df_status st = DF_OK;
    size_t size = strlen(p->path) + sizeof ".old";
    char *old = malloc(size);
    if (!old)
        return df__no_memory(err, "path", size);
    snprintf(old, size, "%s.old", p->path);
    if (rename(p->path, old) != 0 && errno != ENOENT)
        st = df__fail(err, DF_E_IO, "cannot rename %s to %s: %s", p->path, old, strerror(errno));
    free(old);
    return st;
}

static df_status name_it(pull *p, const char *at, const char hex[65], df_error *err)
{
    df_status st = DF_OK;
    int fd = open(at, O_RDONLY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (!synced)
        return df__fail(err, DF_E_IO, "cannot write %s: %s", at, strerror(why));
    if (!p->info->sha256[0] && !p->expected[0])
        DF_TRY(df__first_seen_keep(p->path, hex, err));
    unlink(p->part.about);
    DF_TRY(move_old(p, err));
    if (rename(at, p->path) != 0)
        DF_TRY(df__fail(err, DF_E_IO, "cannot rename %s to %s: %s", at, p->path, strerror(errno)));
    sync_folder(p->path);
done:
    return st;
}

static df_status begins_packed(const df_part *part, bool *packed, df_error *err)
{
    uint8_t begin[8];
    ssize_t n = pread(part->fd, begin, sizeof begin, 0);
    *packed = n > 0 && df__is_packed(begin, (size_t)n);
    return n < 0 ? df__fail(err, DF_E_IO, "cannot read %s: %s", part->path, strerror(errno)) : DF_OK;
}

/* The part is whole: unpack it where it is packed, look at it, name it. */
static df_status take(pull *p, df_error *err)
{
    df_status st = DF_OK;
    char hex[65];
    bool packed;
    const char *slash = strrchr(p->info->file, '/'), *name = slash ? slash + 1 : p->info->file;
    DF_TRY(begins_packed(&p->part, &packed, err));
    if (packed) {
        if (!tell(p, DF_PULL_UNPACKING, 0, 0, NULL))
            return stopped(p, err);
        DF_TRY(df__unpack(p->part.path, name, p->unpacked, p->info->bytes ? p->info->bytes : most, err));
    }
    DF_TRY(look_at(p, packed ? p->unpacked : p->part.path, hex, err));
    DF_TRY(name_it(p, packed ? p->unpacked : p->part.path, hex, err));
    if (packed)
        unlink(p->part.path);
    tell(p, DF_PULL_READY, 0, 0, NULL);
done:
    unlink(p->unpacked);
    return st;
}

/* Does a failure tell of the bytes, so that they must be fetched anew? */
static bool of_bytes(df_status st)
{
    return st == DF_E_BAD_MODEL || st == DF_E_LIMIT || st == DF_E_DECODE || st == DF_E_UNSUPPORTED || st == DF_E_ARGUMENT;
}

/* ---- where from ---- */

/* Try one address until it is done or hopeless. On failure err says why, without the address; *next: another address may do. */
static df_status fetch(pull *p, const char *url, bool *next, df_error *err)
{
    df_status st = DF_OK;
    const df_pull_opts *o = p->job->opts;
    size_t n = strlen(url);
    bool packed = n > 4 && (strcasecmp(url + n - 4, ".bz2") == 0 || strcasecmp(url + n - 4, ".zip") == 0);
    df_fetch f = {.url = url, .limit = p->info->bytes ? p->info->bytes + p->info->bytes / 8 + slack : most,
                  .unpacked = packed ? (p->info->bytes ? p->info->bytes : p->job->row->about) : 0, .known_hash = p->expected[0] != '\0',
                  .stall = o->stall, .tick = tell_bytes, .user = p};
    p->at.source = url;
    *next = true;
    for (int tries = 0, failed = 0; st == DF_OK; tries++) {
        double pause = 0;
        uint64_t before = p->part.len;
        df_error why = {0};
        if (!tell(p, DF_PULL_FETCHING, p->part.len, p->part.total, NULL))
            return *next = false, stopped(p, err);
        df_fetched got = df__fetch(&f, &p->part, &pause, &why);
        if (got == DF_FETCH_DONE)
            break;
        failed = p->part.len >= before + headway ? 1 : failed + 1;
        if (got != DF_FETCH_AGAIN || failed > o->retries || tries > MOST_TRIES) {
            *next = got != DF_FETCH_STOP;
            return df__fail(err, why.status, "%s", why.message);
        }
        pause = fmin(pause > 0 ? pause : 0.5 * pow(2, failed - 1), longest_pause);
        char note[sizeof why.message + 64];
        snprintf(note, sizeof note, "%s; try %d of %d in %.1f s", why.message, failed + 1, o->retries + 1, pause);
        if (!sleep_for(p, pause, note))
            return *next = false, stopped(p, err);
    }
    st = take(p, err);
    if (st != DF_OK) {
        *next = of_bytes(st) && !p->stopped;
        if (of_bytes(st) && df__part_empty(&p->part, NULL) != DF_OK)
            *next = false;
    }
    return st;
}

/* All addresses in order; the message tells of each why not. */
static df_status fetch_any(pull *p, const char *const *urls, df_error *err)
{
    df_status st = DF_OK;
    bool next = true;
    df_error told = {0};
    for (size_t i = 0; urls[i] && next; i++) {
        df_error why = {0}, before = told;
        st = fetch(p, urls[i], &next, &why);
        if (st == DF_OK || p->stopped)
            return st == DF_OK ? st : stopped(p, err);
        df__fail(&told, st, "%s%s%s: %s", before.message, i ? "; " : "", urls[i], why.message);
        if (urls[i + 1] && next) {
            char note[sizeof why.message + 64];
            snprintf(note, sizeof note, "%s; the next address", why.message);
            tell(p, DF_PULL_WAITING, 0, 0, note);
        }
    }
    const char *other = p->job->opts->from || !p->info->sha256[0] ? "" : p->info->get; /* a registry's package holds it too */
    return df__fail(err, st, "%s was not fetched (or: %s%s--from FILE): %s", p->info->name, other, *other ? ", or " : "", told.message);
}

/* A file of this machine, "-": standard input. */
static df_status copy_from(pull *p, const char *from, df_error *err)
{
    df_status st = DF_OK;
    uint8_t block[BLOCK];
    struct stat info = {0};
    bool input = strcmp(from, "-") == 0;
    int fd = input ? STDIN_FILENO : open(from, O_RDONLY | O_CLOEXEC);
    p->at.source = from;
    if (fd < 0 || fstat(fd, &info) != 0)
        DF_TRY(df__fail(err, DF_E_IO, "cannot open %s: %s", from, strerror(errno)));
    uint64_t size = S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0, last = 0;
    DF_TRY(df__part_empty(&p->part, err));
    DF_TRY(df__part_room(&p->part, size, err));
    for (ssize_t got; (got = read(fd, block, sizeof block)) != 0;) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            DF_TRY(df__fail(err, DF_E_IO, "cannot read %s: %s", from, strerror(errno)));
        if (p->part.len + (uint64_t)got > most)
            DF_TRY(df__fail(err, DF_E_LIMIT, "%s: more than %llu bytes, the limit", from, (unsigned long long)most));
        DF_TRY(df__part_write(&p->part, block, (size_t)got, err));
        if (p->part.len - last >= slack && (last = p->part.len, !tell(p, DF_PULL_FETCHING, last, size, NULL)))
            DF_TRY(stopped(p, err));
    }
    if (p->part.len == 0)
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "%s is empty", from));
    st = take(p, err);
    if (st != DF_OK && !p->stopped)
        df__prefix(err, "%s", from);
done:
    if (fd >= 0 && !input)
        close(fd);
    if (st != DF_OK)
        (void)df__part_empty(&p->part, NULL); /* it can be had again at once */
    return st;
}

/* What `from` stands for: of a folder, or of an address that ends in '/', the row's file in it. malloc. */
static df_status resolve(const pull *p, const char *from, char **out, df_error *err)
{
    struct stat info;
    bool address = df__is_address(from);
    size_t n = strlen(from), size = n + strlen(p->info->file) + 2;
    bool folder = n && (from[n - 1] == '/' || (!address && stat(from, &info) == 0 && S_ISDIR(info.st_mode)));
    *out = malloc(size);
    if (!*out)
        return df__no_memory(err, from, size);
    snprintf(*out, size, "%s%s%s", from, !folder || from[n - 1] == '/' ? "" : "/", folder ? p->info->file : "");
    return DF_OK;
}

static df_status bring(pull *p, df_error *err)
{
    df_status st = DF_OK;
    const char *from = p->job->opts->from;
    char *one = NULL;
    if (!from)
        return fetch_any(p, p->job->row->urls, err);
    DF_TRY(resolve(p, from, &one, err));
    if (df__is_address(one))
        DF_TRY(fetch_any(p, (const char *const[]){one, NULL}, err));
    else
        DF_TRY(copy_from(p, one, err));
done:
    free(one);
    return st;
}

/* ---- the whole ---- */

/* Every folder above `path`. */
static df_status make_folders(const char *path, df_error *err)
{
    df_status st = DF_OK;
    char *folder = strdup(path);
    if (!folder)
        return df__no_memory(err, path, strlen(path));
    for (char *slash = strchr(folder + 1, '/'); slash && st == DF_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int why = mkdir(folder, 0777) != 0 ? errno : 0;
        if (why && why != EEXIST && access(folder, F_OK) != 0)
            st = df__fail(err, DF_E_IO, "cannot create %s: %s", folder, strerror(why));
        *slash = '/';
    }
    free(folder);
    return st;
}

static df_status no_address(const pull *p, df_error *err)
{
    const df_model_info *info = p->info;
    if (info->sha256[0])
        return df__fail(err, DF_E_NO_MODEL, "%s: no address serves %s as it is. In a checkout of the sources: %s, or "
                        "tools/weights/fetch.py %s. A copy that you have: deepface models pull %s --from FILE", info->name, info->file,
                        info->get, info->name, info->name);
    return df__fail(err, DF_E_NO_MODEL, "%s: no address serves %s as it is: %s. Then: deepface models pull %s --from FILE", info->name,
                    info->file, info->get, info->name);
}

static df_status set_up(pull *p, const df_pull_job *job, df_error *err)
{
    df_status st = DF_OK;
    *p = (pull){.job = job, .info = &job->row->info, .part = {.fd = -1}, .at = {.name = job->row->info.name}};
    DF_TRY(df__weights_path(job->loader, p->info->file, &p->path, err));
    size_t size = strlen(p->path) + sizeof ".unpacked";
    p->unpacked = malloc(size);
    if (!p->unpacked)
        DF_TRY(df__no_memory(err, "path", size));
    snprintf(p->unpacked, size, "%s.unpacked", p->path);
    if (p->info->sha256[0])
        memcpy(p->expected, p->info->sha256, sizeof p->expected);
    else
        DF_TRY(df__first_seen_read(p->path, p->expected, err));
done:
    return st;
}

static void clear(pull *p)
{
    df__part_close(&p->part);
    free(p->unpacked);
    free(p->path);
}

df_status df__pull_look(const df_pull_job *job, df_error *err)
{
    pull p;
    df_status st = set_up(&p, job, err);
    if (st == DF_OK)
        st = present(&p, err);
    clear(&p);
    return st;
}

df_status df__pull(const df_pull_job *job, df_error *err)
{
    pull p;
    bool waited = false, again;
    df_status st = set_up(&p, job, err);
    if (st != DF_OK)
        goto done;
    st = present(&p, err);
    if (st == DF_OK) {
        sweep(&p);
        tell(&p, DF_PULL_KEPT, 0, 0, NULL);
    }
    if (st == DF_OK || p.stopped || (st != DF_E_NO_MODEL && !of_bytes(st)))
        goto done;
    again = st == DF_E_NO_MODEL; /* another may have come to its end since then, and nobody had to wait for it */
    if (!job->opts->from && !job->row->urls[0])
        DF_TRY(no_address(&p, err));
    DF_TRY(make_folders(p.path, err));
    DF_TRY(df__part_open(p.path, tell_wait, &p, &p.part, &waited, err));
    again = again || waited;
    if (again && !p.info->sha256[0])
        DF_TRY(df__first_seen_read(p.path, p.expected, err));
    if (again && present(&p, err) == DF_OK)
        tell(&p, DF_PULL_KEPT, 0, 0, NULL);
    else
        DF_TRY(bring(&p, err));
done:
    clear(&p);
    return st;
}
