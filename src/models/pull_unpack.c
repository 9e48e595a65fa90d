/* pull_unpack.c - see pull_unpack.h. libarchive is loaded by the first packed file, as libcurl is by the first fetch. No name of an archive
 * is ever opened: what it holds goes to the one file that the caller named. */
#include "models/pull_unpack.h"

#include <string.h>

bool df__is_packed(const uint8_t *begin, size_t len)
{
    static const struct { const char *magic; size_t n; } kinds[] = {{"PK\003\004", 4}, {"BZh", 3}, {"\x1F\x8B", 2}, {"\xFD" "7zXZ", 5}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (len >= kinds[i].n && memcmp(begin, kinds[i].magic, kinds[i].n) == 0)
            return true;
    return false;
}

#if !defined(DF_WITH_ARCHIVE)

df_status df__unpack(const char *archive, const char *name, const char *to, uint64_t limit, df_error *err)
{
    (void)name, (void)to, (void)limit;
    return df__fail(err, DF_E_UNSUPPORTED, "%s is packed, and this build has no libarchive (DF_WITH_ARCHIVE). Unpack it and use `--from FILE`",
                    archive);
}

#else

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/library.h"

enum { BLOCK = 1 << 16, MEMBERS = 10000 /* of a zip that are looked at */ };

#define CALLS(X)                                                                                                                  \
    X(read_new) X(read_support_filter_bzip2) X(read_support_filter_gzip) X(read_support_filter_xz) X(read_support_format_raw)       \
    X(read_support_format_zip) X(read_open_filename) X(read_next_header) X(read_data) X(read_free) X(error_string)                   \
    X(entry_pathname) X(entry_filetype)

static struct {
#define X(name) __typeof__(&archive_##name) name;
    CALLS(X)
#undef X
} lib;

static df_status load(df_error *err)
{
    static const char *const files[] = {"libarchive.so.13", "libarchive.13.dylib", "libarchive.dylib", NULL};
#define X(name) "archive_" #name,
    static const char *const names[] = {CALLS(X) NULL};
#undef X
    static bool ready;
    return df__library_load(files, names, &lib, &ready, "libarchive13", err);
}

static df_status damaged(struct archive *a, const char *archive, df_error *err)
{
    const char *why = lib.error_string(a);
    return df__fail(err, DF_E_BAD_MODEL, "%s: damaged archive: %s", archive, why ? why : "it ends too early");
}

/* Stand before the member; the one thing in a .bz2 has libarchive's own name, "data". */
static df_status find(struct archive *a, bool zip, const char *archive, const char *name, df_error *err)
{
    struct archive_entry *entry;
    for (int i = 0; i < MEMBERS; i++) {
        int rc = lib.read_next_header(a, &entry);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc < ARCHIVE_WARN)
            return damaged(a, archive, err);
        const char *path = zip ? lib.entry_pathname(entry) : name, *slash = path ? strrchr(path, '/') : NULL;
        if (path && strcmp(slash ? slash + 1 : path, name) == 0 && (!zip || lib.entry_filetype(entry) == AE_IFREG))
            return DF_OK;
    }
    return df__fail(err, DF_E_BAD_MODEL, "%s: no %s in it", archive, name);
}

static df_status copy(struct archive *a, const char *archive, int fd, const char *to, uint64_t limit, df_error *err)
{
    uint8_t block[BLOCK];
    for (uint64_t len = 0;;) {
        la_ssize_t got = lib.read_data(a, block, sizeof block);
        if (got < 0)
            return damaged(a, archive, err);
        if (got == 0)
            return len ? DF_OK : df__fail(err, DF_E_BAD_MODEL, "%s: nothing in it", archive);
        len += (uint64_t)got;
        if (len > limit)
            return df__fail(err, DF_E_LIMIT, "%s: more than %llu bytes in it, the limit", archive, (unsigned long long)limit);
        for (la_ssize_t done = 0; done < got;) {
            ssize_t put = write(fd, block + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR)
                return df__fail(err, DF_E_IO, "cannot write %s: %s", to, strerror(errno));
            done += put > 0 ? put : 0;
        }
    }
}

/* Which of the two it is, libarchive is not left to guess: "raw" would take a damaged zip for a file. */
static bool is_zip(const char *archive)
{
    char begin[2] = "";
    int fd = open(archive, O_RDONLY | O_CLOEXEC);
    bool zip = fd >= 0 && read(fd, begin, 2) == 2 && memcmp(begin, "PK", 2) == 0;
    if (fd >= 0)
        close(fd);
    return zip;
}

df_status df__unpack(const char *archive, const char *name, const char *to, uint64_t limit, df_error *err)
{
    df_status st = DF_OK;
    struct archive *a = NULL;
    int fd = -1;
    bool zip = is_zip(archive);
    DF_TRY(load(err));
    a = lib.read_new();
    if (!a)
        DF_TRY(df__no_memory(err, archive, BLOCK));
    if (zip)
        lib.read_support_format_zip(a);
    else
        lib.read_support_format_raw(a), lib.read_support_filter_bzip2(a), lib.read_support_filter_gzip(a), lib.read_support_filter_xz(a);
    if (lib.read_open_filename(a, archive, BLOCK) != ARCHIVE_OK)
        DF_TRY(damaged(a, archive, err));
    DF_TRY(find(a, zip, archive, name, err));
    fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        DF_TRY(df__fail(err, DF_E_IO, "cannot create %s: %s", to, strerror(errno)));
    DF_TRY(copy(a, archive, fd, to, limit, err));
done:
    if (fd >= 0 && close(fd) != 0 && st == DF_OK)
        st = df__fail(err, DF_E_IO, "cannot write %s: %s", to, strerror(errno));
    if (a)
        lib.read_free(a);
    return st;
}

#endif
