/* fuzz_matrix.c - a matrix file as it is, and with its checksums put right: what opens can be searched, checked, appended to and compacted.
 *
 * The input is the head (128 bytes), both commits (64 each), then the first chunk from its begin; the rest of the file is zeros. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/sha256.h"
#include "index/flat.h"
#include "index/matrix_map.h"
#include "index/sum.h"

enum { DIMS = 4, HEAD = 128, COMMIT = 64, HEAD_SUM = 72, GENERATION = 32, PIPELINE = 40, COMMIT_SUM = 56 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_sum(uint8_t *at, uint64_t sum) { memcpy(at, &sum, sizeof sum); }

static void seal(uint8_t *file)
{
    uint64_t generation;
    memset(file + PIPELINE, 0, 32);
    df__sha256_chain(file + PIPELINE, 32, "fuzz", 4);
    memcpy(&generation, file + GENERATION, sizeof generation);
    put_sum(file + HEAD_SUM, df__sum64(0, file, HEAD_SUM));
    for (size_t at = 1024; at <= 1152; at += 128)
        put_sum(file + at + COMMIT_SUM, df__sum64(generation, file + at, COMMIT_SUM));
    memcpy(file + DF_HEAD_BYTES + 24, &generation, sizeof generation);
    put_sum(file + DF_HEAD_BYTES + 32, df__sum64(generation, file + DF_HEAD_BYTES, 32));
}

static void use(const char *path, bool writer)
{
    const float query[DIMS] = {1, -1, 0.5f, 2};
    float row[DIMS];
    df_matrix *m;
    df_error err;
    bool found;
    if (df__matrix_open(path, DIMS, "fuzz", writer, &m, &err) != DF_OK)
        return;
    for (int metric = 0; metric < DF_METRICS; metric++) {
        df_hit hits[7];
        size_t n = 0;
        (void)df__flat_search(m, (df_metric)metric, query, 1, 7, NULL, 1, hits, &n, &err);
    }
    (void)df__matrix_check(m, &err);
    (void)df__matrix_get(m, 3, row, &found, &err);
    if (writer) {
        const uint64_t ids[1] = {UINT64_MAX - 1};
        (void)df__matrix_append(m, ids, query, 1, 9, &err);
        (void)df__matrix_remove(m, ids, 1, 10, &err);
        (void)df__matrix_compact(m, &err);
    }
    df__matrix_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[64];
    df_chunk_plan plan = df__chunk_plan(DF_CHUNK_FIRST, DIMS);
    size_t bytes = DF_HEAD_BYTES + plan.bytes, front = HEAD + 2 * COMMIT;
    uint8_t *file = calloc(1, bytes);
    if (!file || size < front)
        return free(file), 0;
    if (!*path)
        snprintf(path, sizeof path, "/dev/shm/fuzz_matrix_%ld", (long)getpid());
    memcpy(file, data, HEAD), memcpy(file + 1024, data + HEAD, COMMIT), memcpy(file + 1152, data + HEAD + COMMIT, COMMIT);
    memcpy(file + DF_HEAD_BYTES, data + front, size - front < plan.bytes ? size - front : plan.bytes);
    for (int sealed = 0; sealed < 2; sealed++)
        for (int writer = 0; writer < 2; writer++) {
            int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
            if (sealed)
                seal(file);
            if (fd < 0 || write(fd, file, bytes) != (ssize_t)bytes)
                abort();
            close(fd);
            use(path, writer);
        }
    unlink(path);
    free(file);
    return 0;
}
