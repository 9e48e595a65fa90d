/* test_weight_cache.c - the file of packed weights: what was written is found, whatever else lies there is no cache. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "cache_seal.h"
#include "nn/weight_cache.h"
#include "temp_dir.h"

static df_error err;
static const uint8_t mine[32] = {1, 2, 3}, other[32] = {1, 2, 4};

enum { PIECES = 20 };
static uint8_t      large[PIECES][9000];
static df_piece     pieces[PIECES];
static const size_t sizes[5] = {8, 64, 1000, 4096, 9000};

static df_pack_key key_of(int i)
{
    df_pack_key key = df__pack_key_new("test");
    df__pack_key_add(&key, &i, sizeof i);
    return key;
}

static void make_pieces(void)
{
    for (int i = 0; i < PIECES; i++) {
        memset(large[i], i + 1, sizeof large[i]);
        pieces[i] = (df_piece){key_of(i), large[i], sizes[i % 5]};
    }
}

static void write_to(const char *path)
{
    make_pieces();
    CHECK_OK(df__weight_cache_write(path, mine, pieces, PIECES, &err));
}

static bool opens(const char *path)
{
    df_weight_cache c;
    bool good = df__weight_cache_open(path, mine, &c, &err) == DF_OK;
    df__weight_cache_close(&c);
    return good;
}

/* A file that opens has every piece, whole. */
static bool is_whole(const char *path)
{
    df_weight_cache c;
    bool whole = df__weight_cache_open(path, mine, &c, &err) == DF_OK && df__weight_cache_count(&c) == PIECES;
    for (int i = 0; i < PIECES && whole; i++) {
        df_pack_key key = key_of(i);
        const uint8_t *at = df__weight_cache_find(&c, &key, sizes[i % 5]);
        whole = at && at[0] == i + 1 && at[sizes[i % 5] - 1] == i + 1;
    }
    df__weight_cache_close(&c);
    return whole;
}

static df_bytes read_whole(const char *path)
{
    df_bytes b;
    CHECK_OK(df__read_file(path, 1 << 24, &b, &err));
    return b;
}

/* The bytes in memory that malloc watches to their end. */
static bool accepts(const uint8_t *data, size_t len)
{
    df_bytes copy = {malloc(len ? len : 1), len, false};
    df_weight_cache c;
    memcpy(copy.data, data, len);
    bool good = df__weight_cache_of(&copy, mine, &c);
    df__weight_cache_close(&c);
    assert_null(copy.data);
    return good;
}

TEST(what_was_written_is_found_under_its_name_and_size_alone)
{
    temp_dir d = temp_dir_new();
    const char *path = temp_path(&d, "c");
    df_weight_cache c;
    write_to(path);
    CHECK(is_whole(path));
    CHECK_OK(df__weight_cache_open(path, mine, &c, &err));
    df_pack_key key = key_of(1), absent = key_of(PIECES);
    CHECK(df__weight_cache_find(&c, &key, 64) != NULL);
    CHECK(df__weight_cache_find(&c, &key, 65) == NULL);
    CHECK(df__weight_cache_find(&c, &absent, 64) == NULL);
    for (size_t i = 0; i < df__weight_cache_count(&c); i++) {
        df_piece p = df__weight_cache_at(&c, i);
        assert_int_equal((uintptr_t)p.data % (p.bytes < 4096 ? 64 : 4096), 0);
    }
    df__weight_cache_close(&c);
    assert_int_equal(temp_count(d.path, ".part"), 0);
}

TEST(of_several_pieces_of_one_name_one_is_written)
{
    temp_dir d = temp_dir_new();
    df_weight_cache c;
    df_piece twice[3] = {{key_of(1), "aaaaaaaa", 8}, {key_of(1), "bbbbbbbb", 8}, {key_of(1), "cccccccc", 7}};
    CHECK_OK(df__weight_cache_write(temp_path(&d, "c"), mine, twice, 3, &err));
    CHECK_OK(df__weight_cache_open(temp_path(&d, "c"), mine, &c, &err));
    assert_int_equal(df__weight_cache_count(&c), 2);
    df__weight_cache_close(&c);
}

TEST(a_file_for_another_model_or_machine_is_none)
{
    temp_dir d = temp_dir_new();
    df_weight_cache c;
    write_to(temp_path(&d, "c"));
    CHECK_STATUS(DF_E_BAD_MODEL, df__weight_cache_open(temp_path(&d, "c"), other, &c, &err));
    CHECK_HAS(err.message, "made for another");
    assert_int_equal(df__weight_cache_count(&c), 0);
}

TEST(the_identity_follows_the_model_and_the_precision)
{
    uint8_t a[32], b[32];
    df__cache_identity(mine, DF_PRECISION_FAST, a);
    df__cache_identity(mine, DF_PRECISION_FAST, b);
    assert_memory_equal(a, b, 32);
    df__cache_identity(other, DF_PRECISION_FAST, b);
    CHECK(memcmp(a, b, 32) != 0);
    df__cache_identity(mine, DF_PRECISION_STRICT, b);
    CHECK(memcmp(a, b, 32) != 0);
}

TEST(a_file_cut_off_anywhere_is_none)
{
    temp_dir d = temp_dir_new();
    write_to(temp_path(&d, "c"));
    df_bytes b = read_whole(temp_path(&d, "c"));
    CHECK(accepts(b.data, b.len));
    for (size_t n = 0; n < SEAL_HEADER + PIECES * SEAL_ENTRY; n += 64)
        CHECK(!accepts(b.data, n));
    for (size_t n = 1; n < b.len; n += 997)
        CHECK(!accepts(b.data, b.len - n));
    CHECK(truncate(temp_path(&d, "c"), (off_t)b.len - 1) == 0);
    CHECK(!opens(temp_path(&d, "c")));
    df__bytes_free(&b);
}

TEST(a_flipped_bit_in_header_or_index_makes_it_none)
{
    temp_dir d = temp_dir_new();
    write_to(temp_path(&d, "c"));
    df_bytes b = read_whole(temp_path(&d, "c"));
    for (size_t i = 0; i < SEAL_HEADER + PIECES * SEAL_ENTRY; i++) {
        b.data[i] ^= (uint8_t)(1u << i % 8);
        CHECK(!accepts(b.data, b.len));
        b.data[i] ^= (uint8_t)(1u << i % 8);
    }
    b.data[b.len - 1] ^= 1; /* this small, its pieces are covered too */
    CHECK(!accepts(b.data, b.len));
    df__bytes_free(&b);
}

static void refused_with(df_bytes *b, size_t at, uint64_t value)
{
    uint64_t before;
    memcpy(&before, b->data + at, 8);
    memcpy(b->data + at, &value, 8);
    seal(b->data, b->len);
    if (accepts(b->data, b->len))
        fail_msg("%llu at byte %zu was accepted", (unsigned long long)value, at);
    memcpy(b->data + at, &before, 8);
    seal(b->data, b->len);
    CHECK(accepts(b->data, b->len));
}

TEST(numbers_that_lie_are_refused_though_the_checksum_is_right)
{
    temp_dir d = temp_dir_new();
    write_to(temp_path(&d, "c"));
    df_bytes b = read_whole(temp_path(&d, "c"));
    const size_t first = SEAL_HEADER, offset = first + 16, bytes = first + 24;
    const uint64_t bad_counts[] = {PIECES + 1, 65537, UINT64_MAX, UINT64_MAX / 32 + 2}, bad_offsets[] = {0, 64, SEAL_HEADER, 1, b.len + 64, UINT64_MAX - 63};
    const uint64_t bad_bytes[] = {0, b.len, UINT64_MAX, UINT64_MAX - 64};
    for (size_t i = 0; i < 4; i++)
        refused_with(&b, SEAL_PIECES, bad_counts[i]);
    for (size_t i = 0; i < 6; i++)
        refused_with(&b, offset, bad_offsets[i]);
    for (size_t i = 0; i < 4; i++)
        refused_with(&b, bytes, bad_bytes[i]);
    refused_with(&b, SEAL_BYTES, b.len + 1);
    refused_with(&b, first, UINT64_MAX); /* the first key is no longer the least */
    df__bytes_free(&b);
}

TEST(places_that_cannot_be_written_are_told_and_left_alone)
{
    temp_dir d = temp_dir_new();
    char file[600];
    make_pieces();
    CHECK_STATUS(DF_E_IO, df__weight_cache_write("/nowhere/deep/c", mine, pieces, PIECES, &err));
    CHECK_STATUS(DF_E_IO, df__weight_cache_write("/proc/c", mine, pieces, PIECES, &err));
    CHECK(mkdir(temp_path(&d, "c"), 0700) == 0);
    CHECK_STATUS(DF_E_IO, df__weight_cache_write(temp_path(&d, "c"), mine, pieces, PIECES, &err)); /* a folder has the name */
    CHECK(!opens(temp_path(&d, "c")));
    close(open(temp_path(&d, "f"), O_CREAT | O_WRONLY, 0600));
    snprintf(file, sizeof file, "%s/c", temp_path(&d, "f")); /* a file where a folder should be */
    CHECK_STATUS(DF_E_IO, df__weight_cache_write(file, mine, pieces, PIECES, &err));
    assert_int_equal(temp_count(d.path, ".part"), 0);
}

TEST(the_folder_is_made_for_this_user_alone)
{
    temp_dir d = temp_dir_new();
    struct stat info;
    make_pieces();
    CHECK_OK(df__weight_cache_write(temp_path(&d, "new/c"), mine, pieces, PIECES, &err));
    CHECK(stat(temp_path(&d, "new"), &info) == 0);
    assert_int_equal(info.st_mode & 0777, 0700);
}

TEST(a_file_that_others_may_write_is_not_believed)
{
    temp_dir d = temp_dir_new();
    write_to(temp_path(&d, "c"));
    CHECK(chmod(temp_path(&d, "c"), 0666) == 0);
    CHECK(!opens(temp_path(&d, "c")));
    CHECK(chmod(temp_path(&d, "c"), 0600) == 0);
    CHECK(opens(temp_path(&d, "c")));
}

TEST(a_full_disk_leaves_the_old_file)
{
    temp_dir d = temp_dir_new();
    struct rlimit before, small = {20000, 20000};
    write_to(temp_path(&d, "c"));
    make_pieces();
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small.rlim_max = before.rlim_max;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    df_status st = df__weight_cache_write(temp_path(&d, "c"), mine, pieces, PIECES, &err);
    df_status first = df__weight_cache_write(temp_path(&d, "d"), mine, pieces, PIECES, &err);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, old);
    assert_int_equal(st, DF_E_IO);
    assert_int_equal(first, DF_E_IO);
    CHECK(is_whole(temp_path(&d, "c")));
    CHECK(access(temp_path(&d, "d"), F_OK) != 0);
    assert_int_equal(temp_count(d.path, ".part"), 0);
}

TEST(four_processes_that_race_all_succeed_and_one_file_stays)
{
    temp_dir d = temp_dir_new();
    char path[512];
    pid_t child[4];
    snprintf(path, sizeof path, "%s", temp_path(&d, "c"));
    make_pieces();
    for (int i = 0; i < 4; i++)
        if ((child[i] = fork()) == 0) {
            bool good = true;
            for (int round = 0; round < 10 && good; round++)
                good = df__weight_cache_write(path, mine, pieces, PIECES, &err) == DF_OK && is_whole(path);
            _exit(good ? 0 : 1);
        }
    for (int i = 0; i < 4; i++) {
        int how;
        CHECK(waitpid(child[i], &how, 0) == child[i]);
        CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    }
    CHECK(is_whole(path));
    assert_int_equal(temp_count(d.path, ""), 1);
}

/* The child writes over and over; whenever it dies, what lies under the name is whole. */
TEST(a_writer_killed_at_any_moment_leaves_a_whole_file_or_none)
{
    temp_dir d = temp_dir_new();
    char path[512];
    size_t found = 0;
    snprintf(path, sizeof path, "%s", temp_path(&d, "c"));
    make_pieces();
    for (int round = 0; round < 40; round++) {
        if (round % 10 == 0)
            unlink(path);
        pid_t child = fork();
        if (child == 0)
            for (;;)
                (void)df__weight_cache_write(path, mine, pieces, PIECES, &err);
        long wait = 200000 + (round * 7919 % 40) * 100000; /* ns; more while no child has come to an end of its first write, as on a busy machine */
        nanosleep(&(struct timespec){0, found ? wait : wait * (1 + round)}, NULL);
        kill(child, SIGKILL);
        CHECK(waitpid(child, NULL, 0) == child);
        if (access(path, F_OK) == 0) {
            CHECK(is_whole(path));
            found++;
        }
    }
    CHECK(found > 0);
    CHECK_OK(df__weight_cache_write(path, mine, pieces, PIECES, &err)); /* leftovers are not in the way */
    CHECK(is_whole(path));
}

TEST(every_allocation_may_fail)
{
    temp_dir d = temp_dir_new();
    bool done = false;
    write_to(temp_path(&d, "c"));
    for (size_t n = 1; !done; n++) {
        make_pieces();
        test_alloc_fail_at(n);
        df_status st = df__weight_cache_write(temp_path(&d, "c"), mine, pieces, PIECES, &err);
        done = test_alloc_count() < n;
        test_alloc_fail_at(0);
        CHECK(st == DF_OK || (!done && st == DF_E_NO_MEMORY)); /* making the folder needs memory, but it is there */
        CHECK(is_whole(temp_path(&d, "c")));
    }
    assert_int_equal(temp_count(d.path, ".part"), 0);
}
