/* vectors_write.c - the matrix follows the database: changes after its stamp are replayed, in order. A matrix that cannot be used (damaged, cut
 * short, of another database, older than the log of removals) is thrown away and built from the beginning; the database alone is the truth. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "gallery/vectors_write.h"

enum { BATCH = 4096 }; /* rows that are appended at once */

/* Changes that wait to be written: all of one kind. */
typedef struct replay {
    df_vectors    *v;
    df_matrix     *w;
    df_change_kind kind;
    uint64_t      *ids;
    float         *rows;
    size_t         n;
    uint64_t       number; /* of the last one */
    df_status      st;
    df_error       err;
} replay;

static void flush(replay *r)
{
    if (r->n == 0 || r->st != DF_OK)
        return;
    r->st = r->kind == DF_CHANGE_ADD ? df__matrix_append(r->w, r->ids, r->rows, r->n, r->number, &r->err)
                                     : df__matrix_remove(r->w, r->ids, r->n, r->number, &r->err);
    r->n = 0;
}

static bool follow(void *user, const df_change *c)
{
    replay *r = user;
    if (r->n == BATCH || c->kind != r->kind)
        flush(r);
    r->kind = c->kind;
    r->ids[r->n] = c->face;
    if (c->kind == DF_CHANGE_ADD)
        memcpy(r->rows + r->n * r->v->dims, c->vector, r->v->dims * sizeof *r->rows);
    r->n++, r->number = c->number;
    return r->st == DF_OK;
}

static df_status replay_all(df_vectors *v, df_matrix *w, uint64_t upto, df_error *err)
{
    df_status st = DF_OK;
    replay r = {.v = v, .w = w, .ids = malloc(BATCH * sizeof *r.ids), .rows = malloc((size_t)BATCH * v->dims * sizeof *r.rows)};
    if (!r.ids || !r.rows)
        DF_TRY(df__no_memory(err, "rows of the matrix", (size_t)BATCH * v->dims * sizeof *r.rows));
    DF_TRY(v->ops->changes(v->store, df__matrix_stamp(w), follow, &r, err));
    flush(&r);
    if (r.st == DF_OK && df__matrix_stamp(w) < upto)
        r.st = df__matrix_append(w, NULL, NULL, 0, upto, &r.err); /* the log was cut: no change has this number any more */
    if (r.st != DF_OK && err)
        *err = r.err;
    st = r.st;
done:
    free(r.ids);
    free(r.rows);
    return st;
}

/* Is it a writer that keeps us from the file, and not the file itself? */
static bool another_writes(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd);
    return held;
}

/* The matrix for writing; NULL and DF_OK where another process is at it. */
static df_status open_writer(df_vectors *v, df_matrix **out, df_error *err)
{
    if (v->rebuild && !another_writes(v->path))
        unlink(v->path);
    df_status st = df__matrix_open(v->path, v->dims, v->pipeline, true, out, err);
    if (st != DF_E_STORE)
        return st;
    if (another_writes(v->path))
        return DF_OK;
    unlink(v->path);
    st = df__matrix_open(v->path, v->dims, v->pipeline, true, out, err);
    return st == DF_E_STORE && another_writes(v->path) ? DF_OK : st;
}

df_status df__vectors_catch_up(df_vectors *v, bool compact, df_error *err)
{
    df_status st = DF_OK;
    df_matrix *w = NULL;
    uint64_t change;
    bool reading = false;
    for (int attempt = 0;; attempt++) {
        DF_TRY(open_writer(v, &w, err));
        if (!w)
            goto done;
        DF_TRY(v->ops->begin(v->store, &change, err));
        reading = true;
        st = df__matrix_stamp(w) > change ? DF_E_STORE : replay_all(v, w, change, err);
        if (st != DF_E_STORE || attempt > 0)
            break;
        v->rebuild = true; /* of a later state of the database, or of one too old */
        df__matrix_free(w);
        v->ops->end(v->store);
        w = NULL, reading = false;
    }
    if (st != DF_OK)
        goto done;
    v->rebuild = false;
    df_matrix_info info = df__matrix_info(w);
    if (info.removed > (compact ? 0 : info.rows / 4 + 1000))
        DF_TRY(df__matrix_compact(w, err));
done:
    if (reading)
        v->ops->end(v->store);
    df__matrix_free(w);
    return st;
}

/* ---- check ---- */

typedef struct comparison { df_vectors *v; df_fault_fn each; void *user; size_t faults; df_status st; df_error err; float *row; size_t there; uint64_t stamp; } comparison;

static void tell(comparison *c, const char *format, uint64_t number)
{
    char text[160];
    snprintf(text, sizeof text, format, (unsigned long long)number);
    c->faults++;
    if (c->each)
        c->each(c->user, text);
}

static bool compare(void *user, const df_change *change)
{
    comparison *c = user;
    bool found;
    if (change->kind != DF_CHANGE_ADD || change->face > c->stamp)
        return true;
    c->st = df__matrix_get(c->v->m, change->face, c->row, &found, &c->err);
    if (c->st != DF_OK)
        return false;
    if (!found)
        tell(c, "the matrix lacks face %llu", change->face);
    else if (memcmp(c->row, change->vector, c->v->dims * sizeof *c->row) != 0)
        tell(c, "the matrix has another vector of face %llu", change->face);
    c->there += found;
    return true;
}

df_status df__vectors_check(df_vectors *v, df_fault_fn each, void *user, size_t *faults, df_error *err)
{
    df_status st = DF_OK;
    comparison c = {.v = v, .each = each, .user = user};
    *faults = 0;
    DF_TRY(df__vectors_begin(v, NULL, err));
    if (!v->m)
        goto end;
    c.stamp = v->stamp;
    c.row = malloc(v->dims * sizeof *c.row);
    st = c.row ? v->ops->changes(v->store, 0, compare, &c, err) : df__no_memory(err, "a vector", v->dims * sizeof *c.row);
    if (st == DF_OK && c.st == DF_OK)
        c.st = df__matrix_check(v->m, &c.err);
    if (st == DF_OK && c.st == DF_E_STORE) { /* what it says is what is wrong with the file */
        c.faults++;
        if (each)
            each(user, c.err.message);
    } else if (st == DF_OK && c.st != DF_OK) {
        st = c.st;
        if (err)
            *err = c.err;
    } else if (st == DF_OK && c.there + v->n_removed < df__matrix_count(v->m)) {
        tell(&c, "the matrix holds %llu faces that the database does not", df__matrix_count(v->m) - c.there - v->n_removed);
    }
    v->rebuild = v->rebuild || c.faults > 0;
    *faults = c.faults;
end:
    df__vectors_end(v);
done:
    free(c.row);
    return st;
}
