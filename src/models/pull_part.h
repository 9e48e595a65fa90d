/* pull_part.h - what has come of a weight file so far: FILE.pull, locked by the one process that fetches it, and FILE.pull.about, which
 * says what it is the beginning of. Both outlive a killed process; the next pull goes on from there. */
#ifndef DF_MODELS_PULL_PART_H
#define DF_MODELS_PULL_PART_H

#include "core/status.h"

typedef struct df_part {
    char    *path, *about;
    int      fd;
    uint64_t len, total; /* bytes that are here; of the whole, 0: unknown */
    char     url[2048];  /* where they came from; "": they must not be gone on with */
    char     tag[256];   /* of that state of the file, as If-Range takes it; "": none was given */
    bool     same_boot;  /* written since the machine was started: what a crash of the machine may have torn is none of it */
} df_part;

/* False: stop waiting. */
typedef bool (*df_wait_fn)(void *user);

/* Open or make `file`.pull and lock it. While another process or thread has it, `wait` is called five times a second; *waited: it was.
 * Errors: DF_E_IO, DF_E_NO_MEMORY. */
df_status df__part_open(const char *file, df_wait_fn wait, void *user, df_part *out, bool *waited, df_error *err);
/* Begin anew, from an address. */
df_status df__part_begin(df_part *p, const char *url, const char *tag, uint64_t total, df_error *err);
df_status df__part_write(df_part *p, const void *data, size_t len, df_error *err);
/* Forget what is here. */
df_status df__part_empty(df_part *p, df_error *err);
/* DF_E_IO unless its disk has room for so many more bytes. */
df_status df__part_room(const df_part *p, uint64_t bytes, df_error *err);
/* Unlock and leave it for the next pull, or, where it is empty, remove it. {0} is fine. */
void df__part_close(df_part *p);

#endif
