/* test_matrix.c - the file of vectors: what was acknowledged is there, whatever happens to its writer; what is not its file is refused. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "core/bytes.h"
#include "index/matrix_map.h"
#include "vectors.h"

static df_error err;
enum { DIMS = 12 };

/* The vector of an id, always the same. */
static void row_of(uint64_t id, float row[DIMS])
{
    for (uint64_t i = 0; i < DIMS; i++)
        row[i] = (float)((id * 2654435761u + i * 40503u) % 1000) / 500 - 1 + 0.001f * (float)i;
}

static df_matrix *open_as(const char *path, bool writer)
{
    df_matrix *m = NULL;
    CHECK_OK(df__matrix_open(path, DIMS, "pipe", writer, &m, &err));
    return m;
}

static void append(df_matrix *m, uint64_t first, size_t n, uint64_t stamp)
{
    float *rows = malloc(n * DIMS * sizeof *rows);
    uint64_t *ids = malloc(n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = first + i, row_of(ids[i], rows + i * DIMS);
    CHECK_OK(df__matrix_append(m, ids, rows, n, stamp, &err));
    free(rows), free(ids);
}

static bool has(df_matrix *m, uint64_t id)
{
    float row[DIMS], right[DIMS];
    bool found;
    CHECK_OK(df__matrix_get(m, id, row, &found, &err));
    row_of(id, right);
    if (found)
        assert_memory_equal(row, right, sizeof row);
    return found;
}

TEST(rows_come_back_bit_for_bit_across_opens)
{
    temp_dir d = temp_dir_new();
    df_matrix *m = open_as(temp_path(&d, "m"), true);
    append(m, 1, 5000, 7);
    append(m, 6001, 1, 8);
    assert_int_equal(df__matrix_count(m), 5001);
    df__matrix_free(m);
    m = open_as(temp_path(&d, "m"), false);
    assert_int_equal(df__matrix_count(m), 5001);
    assert_int_equal(df__matrix_stamp(m), 8);
    for (uint64_t id = 1; id <= 5000; id++)
        CHECK(has(m, id));
    CHECK(has(m, 6001) && !has(m, 6000) && !has(m, 0) && !has(m, 7000));
    CHECK_OK(df__matrix_check(m, &err));
    df_matrix_info info = df__matrix_info(m);
    assert_int_equal(info.rows, 5001);
    assert_int_equal(info.dims, DIMS);
    df__matrix_free(m);
}

TEST(every_float_comes_back)
{
    temp_dir d = temp_dir_new();
    df_matrix *m;
    float rows[256][64], row[64];
    uint64_t ids[256];
    bool found;
    for (size_t i = 0; i < 256; i++) {
        ids[i] = i + 1;
        for (size_t j = 0; j < 64; j++)
            do { /* any bits that are a finite number */
                uint32_t bits = (uint32_t)random_bits();
                memcpy(&rows[i][j], &bits, 4);
            } while (!isfinite(rows[i][j]));
    }
    CHECK_OK(df__matrix_open(temp_path(&d, "m"), 64, "pipe", true, &m, &err));
    CHECK_OK(df__matrix_append(m, ids, rows[0], 256, 1, &err));
    for (size_t i = 0; i < 256; i++) {
        CHECK_OK(df__matrix_get(m, ids[i], row, &found, &err));
        CHECK(found);
        assert_memory_equal(row, rows[i], sizeof row);
    }
    df__matrix_free(m);
}

TEST(removed_rows_go_and_compact_makes_room)
{
    temp_dir d = temp_dir_new();
    df_matrix *m = open_as(temp_path(&d, "m"), true), *reader;
    const uint64_t gone[] = {3, 900, 900, 77777, 1};
    append(m, 1, 3000, 1);
    reader = open_as(temp_path(&d, "m"), false);
    CHECK_OK(df__matrix_remove(m, gone, 5, 2, &err));
    assert_int_equal(df__matrix_count(m), 2997);
    CHECK(!has(m, 3) && !has(m, 1) && has(m, 2));
    uint64_t generation = df__matrix_info(m).generation;
    CHECK_OK(df__matrix_compact(m, &err));
    CHECK(df__matrix_info(m).generation != generation);
    assert_int_equal(df__matrix_info(m).rows, 2997);
    assert_int_equal(df__matrix_stamp(m), 2);
    CHECK(!has(m, 900) && has(m, 2) && has(m, 3000));
    append(m, 3001, 10, 3); /* the writer goes on in the new file */
    assert_int_equal(df__matrix_count(reader), 2997); /* a reader misses the removed at once, and sees the new when it asks */
    CHECK_OK(df__matrix_refresh(reader, &err));
    assert_int_equal(df__matrix_count(reader), 3007);
    CHECK(has(reader, 3010) && !has(reader, 3));
    CHECK_OK(df__matrix_check(reader, &err));
    assert_int_equal(temp_count(d.path, ""), 1);
    df__matrix_free(m), df__matrix_free(reader);
}

TEST(ids_ascend_and_a_reader_does_not_write)
{
    temp_dir d = temp_dir_new();
    df_matrix *m = open_as(temp_path(&d, "m"), true), *reader = open_as(temp_path(&d, "m"), false);
    float rows[2 * DIMS] = {1, 2, 3};
    const uint64_t same[] = {5, 5}, back[] = {9, 8}, low[] = {4}, first[] = {5};
    rows[DIMS] = 1;
    CHECK_STATUS(DF_E_ARGUMENT, df__matrix_append(m, same, rows, 2, 1, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__matrix_append(m, back, rows, 2, 1, &err));
    CHECK_OK(df__matrix_append(m, first, rows, 1, 1, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__matrix_append(m, low, rows, 1, 1, &err));
    CHECK_HAS(err.message, "ascend");
    CHECK_STATUS(DF_E_ARGUMENT, df__matrix_append(reader, back, rows, 1, 1, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__matrix_remove(reader, back, 1, 1, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__matrix_compact(reader, &err));
    assert_int_equal(df__matrix_count(m), 1);
    df__matrix_free(m), df__matrix_free(reader);
}

TEST(a_second_writer_is_told_so)
{
    temp_dir d = temp_dir_new();
    df_matrix *m = open_as(temp_path(&d, "m"), true), *second;
    CHECK_STATUS(DF_E_STORE, df__matrix_open(temp_path(&d, "m"), DIMS, "pipe", true, &second, &err));
    CHECK_HAS(err.message, "another writer");
    append(m, 1, 10, 1);
    CHECK_OK(df__matrix_compact(m, &err)); /* the lock goes with the new file */
    CHECK_STATUS(DF_E_STORE, df__matrix_open(temp_path(&d, "m"), DIMS, "pipe", true, &second, &err));
    df__matrix_free(m);
    m = open_as(temp_path(&d, "m"), true);
    df__matrix_free(m);
}

TEST(what_a_killed_compact_left_goes_when_a_writer_comes)
{
    temp_dir d = temp_dir_new();
    df_matrix *m = open_as(temp_path(&d, "m"), true), *reader;
    append(m, 1, 10, 1);
    df__matrix_free(m);
    CHECK_OK(df__write_file(temp_path(&d, "m.compact"), "x", 1, &err));
    reader = open_as(temp_path(&d, "m"), false); /* a compact may be going on */
    assert_int_equal(temp_count(d.path, ".compact"), 1);
    m = open_as(temp_path(&d, "m"), true);
    assert_int_equal(temp_count(d.path, ".compact"), 0);
    assert_int_equal(df__matrix_count(m), 10);
    df__matrix_free(m), df__matrix_free(reader);
}

TEST(files_that_are_none_are_refused)
{
    temp_dir d = temp_dir_new();
    df_matrix *m;
    CHECK_STATUS(DF_E_IO, df__matrix_open(temp_path(&d, "m"), DIMS, "pipe", false, &m, &err));
    CHECK_OK(df__write_file(temp_path(&d, "m"), "hello", 5, &err));
    CHECK_STATUS(DF_E_STORE, df__matrix_open(temp_path(&d, "m"), DIMS, "pipe", false, &m, &err));
    CHECK_HAS(err.message, "truncated");
    char *page = calloc(1, 70000);
    CHECK_OK(df__write_file(temp_path(&d, "m"), page, 70000, &err));
    CHECK_STATUS(DF_E_STORE, df__matrix_open(temp_path(&d, "m"), DIMS, "pipe", true, &m, &err));
    CHECK_HAS(err.message, "not a matrix");
    free(page);
    CHECK(unlink(temp_path(&d, "m")) == 0);
    m = open_as(temp_path(&d, "m"), true);
    df__matrix_free(m);
    CHECK_STATUS(DF_E_STORE, df__matrix_open(temp_path(&d, "m"), DIMS, "another", false, &m, &err));
    CHECK_HAS(err.message, "another pipeline");
    CHECK_STATUS(DF_E_STORE, df__matrix_open(temp_path(&d, "m"), DIMS + 1, "pipe", false, &m, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__matrix_open(temp_path(&d, "m"), 0, "pipe", false, &m, &err));
    CHECK_STATUS(DF_E_ARGUMENT, df__matrix_open(temp_path(&d, "m"), 4097, "pipe", false, &m, &err));
    CHECK_STATUS(DF_E_STORE, df__matrix_open("/dev/null", DIMS, "pipe", false, &m, &err));
}

static df_bytes read_whole(const char *path)
{
    df_bytes b;
    CHECK_OK(df__read_file(path, 1 << 26, &b, &err));
    return b;
}

TEST(a_file_cut_off_anywhere_is_refused)
{
    temp_dir d = temp_dir_new();
    df_matrix *m = open_as(temp_path(&d, "m"), true);
    append(m, 1, 2000, 1);
    df__matrix_free(m);
    df_bytes b = read_whole(temp_path(&d, "m"));
    for (size_t len = b.len - 1; len > 0; len = len * 7 / 8) {
        CHECK(truncate(temp_path(&d, "m"), (off_t)len) == 0);
        for (int writer = 0; writer < 2; writer++) {
            df_status st = df__matrix_open(temp_path(&d, "m"), DIMS, "pipe", writer, &m, &err);
            if (st != DF_E_STORE)
                fail_msg("%zu bytes of %zu: %s", len, b.len, df_status_text(st));
        }
    }
    df__bytes_free(&b);
}

/* A flipped bit in head or commit is found at opening; anywhere in a row by a check, and no row is ever answered that it hit. */
TEST(a_flipped_bit_is_found)
{
    temp_dir d = temp_dir_new();
    df_matrix *m = open_as(temp_path(&d, "m"), true);
    append(m, 1, 1000, 1);
    df__matrix_free(m);
    df_bytes b = read_whole(temp_path(&d, "m"));
    size_t refused = 0, found = 0, tries = 0;
    for (size_t at = 0; at < 64; at++) { /* the head */
        b.data[at] ^= 1;
        CHECK_OK(df__write_file(temp_path(&d, "n"), b.data, b.len, &err));
        CHECK_STATUS(DF_E_STORE, df__matrix_open(temp_path(&d, "n"), DIMS, "pipe", false, &m, &err));
        b.data[at] ^= 1;
    }
    df_chunk_plan plan = df__chunk_plan(1024, DIMS);
    const size_t parts[][2] = {{plan.ids, 1000 * 8}, {plan.blocks, 62 * DF_BLOCK * (4 + DIMS)}, {plan.upper, 1000 * DIMS * 2},
                               {plan.lower, 1000 * DIMS * 2}, {plan.norms, 8000}, {plan.residuals, 4000}, {plan.sums, 4000}};
    for (size_t i = 0; i < 280; i++) {
        const size_t *part = parts[i % 7];
        size_t at = DF_HEAD_BYTES + part[0] + random_below(part[1]);
        uint8_t bit = (uint8_t)(1u << random_below(8));
        b.data[at] ^= bit;
        CHECK_OK(df__write_file(temp_path(&d, "n"), b.data, b.len, &err));
        b.data[at] ^= bit;
        tries++;
        if (df__matrix_open(temp_path(&d, "n"), DIMS, "pipe", false, &m, &err) != DF_OK) {
            refused++;
            continue;
        }
        found += df__matrix_check(m, &err) == DF_E_STORE;
        for (uint64_t id = 1; id <= 1000; id += 37) {
            float row[DIMS], right[DIMS];
            bool there;
            if (df__matrix_get(m, id, row, &there, &err) == DF_OK && there) {
                row_of(id, right);
                assert_memory_equal(row, right, sizeof row);
            }
        }
        df__matrix_free(m);
    }
    assert_int_equal(refused + found, tries);
    df__bytes_free(&b);
}

TEST(a_torn_commit_leaves_the_one_before)
{
    temp_dir d = temp_dir_new();
    df_matrix *m = open_as(temp_path(&d, "m"), true);
    append(m, 1, 100, 1);
    append(m, 101, 100, 2);
    df__matrix_free(m);
    int fd = open(temp_path(&d, "m"), O_RDWR);
    const uint64_t nonsense = 12345;
    for (int newest = 0; newest < 2; newest++) /* commits lie at 1024 and 1152; stamp is their fourth number */
        for (off_t at = 1024; at <= 1152; at += 128) {
            uint64_t sequence, other = 0, keep[8];
            CHECK(pread(fd, &sequence, 8, at) == 8 && pread(fd, &other, 8, at == 1024 ? 1152 : 1024) == 8);
            if ((sequence > other) != (newest == 1))
                continue;
            CHECK(pread(fd, keep, 64, at) == 64 && pwrite(fd, &nonsense, 8, at + 24) == 8);
            m = open_as(temp_path(&d, "m"), false);
            assert_int_equal(df__matrix_count(m), newest ? 100 : 200);
            assert_int_equal(df__matrix_stamp(m), newest ? 1 : 2);
            df__matrix_free(m);
            if (newest) /* both: nothing is left */
                CHECK(pwrite(fd, &nonsense, 8, at == 1024 ? 1152 + 24 : 1024 + 24) == 8);
            else
                CHECK(pwrite(fd, keep, 64, at) == 64);
        }
    CHECK_STATUS(DF_E_STORE, df__matrix_open(temp_path(&d, "m"), DIMS, "pipe", false, &m, &err));
    CHECK_HAS(err.message, "commits");
    close(fd);
}

TEST(a_full_disk_is_an_error_and_what_was_there_stays)
{
    temp_dir d = temp_dir_new();
    struct rlimit before, small = {200000, 200000};
    df_matrix *m = open_as(temp_path(&d, "m"), true);
    append(m, 1, 1000, 1);
    float *rows = calloc(9000 * DIMS, sizeof *rows);
    uint64_t ids[9000];
    for (size_t i = 0; i < 9000; i++)
        ids[i] = 2000 + i, rows[i * DIMS] = 1;
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small.rlim_max = before.rlim_max;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    df_status st = df__matrix_append(m, ids, rows, 9000, 2, &err), compact = df__matrix_compact(m, &err);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, old);
    assert_int_equal(st, DF_E_IO);
    CHECK(compact == DF_OK || compact == DF_E_IO);
    assert_int_equal(df__matrix_count(m), 1000);
    CHECK(has(m, 1) && has(m, 1000));
    CHECK_OK(df__matrix_append(m, ids, rows, 9000, 2, &err));
    CHECK_OK(df__matrix_check(m, &err));
    df__matrix_free(m);
    free(rows);
}

/* The child appends, removes and compacts, and tells the pipe what was acknowledged; it dies at any moment. The rest is as it told, or one act
 * further. */
typedef struct state { uint64_t last, removed, stamp; } state; /* ids 1..last, of which 1..removed are gone */

static void live(const char *path, state s, int tell)
{
    df_matrix *m;
    df_error e;
    if (df__matrix_open(path, DIMS, "pipe", true, &m, &e) != DF_OK)
        _exit(1);
    for (;;) {
        size_t n = 1 + random_below(40);
        float rows[40 * DIMS];
        uint64_t ids[40];
        df_status st;
        switch (random_below(8)) {
        case 0:
            st = df__matrix_compact(m, &e);
            break;
        case 1:
        case 2:
            n = s.removed + n < s.last ? n : 0;
            for (size_t i = 0; i < n; i++)
                ids[i] = s.removed + 1 + i;
            s.removed += n, s.stamp++;
            st = df__matrix_remove(m, ids, n, s.stamp, &e);
            break;
        default:
            for (size_t i = 0; i < n; i++)
                ids[i] = s.last + 1 + i, row_of(ids[i], rows + i * DIMS);
            s.last += n, s.stamp++;
            st = df__matrix_append(m, ids, rows, n, s.stamp, &e);
        }
        if (st != DF_OK || write(tell, &s, sizeof s) != (ssize_t)sizeof s)
            _exit(1);
    }
}

TEST(a_writer_killed_at_any_moment_loses_nothing_that_it_acknowledged)
{
    temp_dir d = temp_dir_new();
    char path[512];
    state s = {0};
    snprintf(path, sizeof path, "%s", temp_path(&d, "m"));
    const char *rounds = getenv("DF_KILL_ROUNDS");
    for (int round = 0, n = rounds ? atoi(rounds) : 60; round < n; round++) {
        int ends[2];
        CHECK(pipe(ends) == 0);
        vectors_state = (uint64_t)round * 77;
        pid_t child = fork();
        if (child == 0)
            live(path, s, ends[1]);
        close(ends[1]);
        nanosleep(&(struct timespec){0, (long)(200000 + random_below(25000000))}, NULL);
        kill(child, SIGKILL);
        int how;
        CHECK(waitpid(child, &how, 0) == child);
        CHECK(WIFSIGNALED(how));
        while (read(ends[0], &s, sizeof s) == (ssize_t)sizeof s) {}
        close(ends[0]);
        df_matrix *m = open_as(path, true);
        CHECK_OK(df__matrix_check(m, &err));
        uint64_t stamp = df__matrix_stamp(m);
        if (stamp == s.stamp + 1) { /* the act after the last that was told: an append or a remove, whole */
            while (has(m, s.last + 1))
                s.last++;
            while (s.removed < s.last && !has(m, s.removed + 1))
                s.removed++;
            s.stamp = stamp;
        }
        assert_int_equal(stamp, s.stamp);
        for (uint64_t id = s.removed + 1; id <= s.last; id++)
            if (id > s.removed + 40 && !has(m, id))
                fail_msg("round %d: id %llu of %llu is gone", round, (unsigned long long)id, (unsigned long long)s.last);
        for (uint64_t id = 1; id <= s.removed; id++)
            CHECK(!has(m, id));
        /* marks of a remove that was killed before its commit: done again, as the owner does */
        uint64_t again[40];
        for (size_t i = 0; i < 40; i++)
            again[i] = s.removed + 1 + i;
        size_t marked = 0;
        while (marked < 40 && s.removed + marked < s.last && !has(m, again[marked]))
            marked++;
        CHECK_OK(df__matrix_remove(m, again, marked, s.stamp, &err));
        s.removed += marked;
        assert_int_equal(df__matrix_count(m), s.last - s.removed);
        df__matrix_free(m);
    }
    CHECK(s.last > 0);
}

/* ---- threads ---- */

typedef struct shared { df_matrix *own, *writer; const char *path; atomic_bool stop; atomic_size_t searches; } shared;

static void *read_on(void *arg)
{
    shared *s = arg;
    df_matrix *m = s->own ? s->own : s->writer;
    df_error e;
    while (!atomic_load(&s->stop)) {
        float query[DIMS];
        df_hit hits[5];
        size_t found = 0;
        row_of(random_below(500) + 1, query);
        if (df__matrix_refresh(m, &e) != DF_OK || df__flat_search(m, DF_COSINE, query, 1, 5, NULL, 1, hits, &found, &e) != DF_OK)
            return (void *)(uintptr_t)1;
        for (size_t i = 0; i < found; i++) { /* never a torn row */
            float row[DIMS];
            double right;
            row_of(hits[i].id, row);
            if (df__distance(DF_COSINE, query, row, DIMS, &right, NULL) != DF_OK || right != hits[i].distance)
                return (void *)(uintptr_t)2;
        }
        atomic_fetch_add(&s->searches, 1);
    }
    return NULL;
}

static void beside_a_writer(bool same_handle)
{
    temp_dir d = temp_dir_new();
    char path[512];
    pthread_t readers[3];
    snprintf(path, sizeof path, "%s", temp_path(&d, "m"));
    df_matrix *m = open_as(path, true);
    append(m, 1, 500, 1);
    shared s[3];
    for (int i = 0; i < 3; i++) {
        s[i] = (shared){.own = same_handle ? NULL : open_as(path, false), .writer = m, .path = path};
        CHECK(pthread_create(&readers[i], NULL, read_on, &s[i]) == 0);
    }
    uint64_t last = 500, removed = 0, stamp = 1;
    for (int round = 0; round < 120; round++) {
        append(m, last + 1, 37, ++stamp);
        last += 37;
        uint64_t gone[9];
        for (int i = 0; i < 9; i++)
            gone[i] = 500 + ++removed;
        CHECK_OK(df__matrix_remove(m, gone, 9, ++stamp, &err));
        if (round % 17 == 16)
            CHECK_OK(df__matrix_compact(m, &err));
    }
    for (int i = 0; i < 3; i++) {
        void *how;
        atomic_store(&s[i].stop, true);
        CHECK(pthread_join(readers[i], &how) == 0);
        assert_null(how);
        CHECK(atomic_load(&s[i].searches) > 0);
        if (s[i].own) {
            CHECK_OK(df__matrix_refresh(s[i].own, &err));
            assert_int_equal(df__matrix_count(s[i].own), last - removed);
            df__matrix_free(s[i].own);
        }
    }
    df__matrix_free(m);
}

TEST(readers_beside_a_writer_never_see_half_of_anything) { beside_a_writer(false); }
TEST(searches_on_the_writers_own_handle_go_on) { beside_a_writer(true); }
