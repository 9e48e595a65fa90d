#include <pthread.h>

#include "core/bytes.h"
#include "temp_dir.h"

static char shared_path[512];

TEST(what_is_written_is_read_back)
{
    df_error err;
    temp_dir d = temp_dir_new();
    df_bytes b;
    CHECK_OK(df__write_file(temp_path(&d, "caf\xC3\xA9 \xFF.bin"), "hello", 5, &err));
    CHECK_OK(df__read_file(temp_path(&d, "caf\xC3\xA9 \xFF.bin"), 5, &b, &err));
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.data, "hello", 5);
    df__bytes_free(&b);
    CHECK_OK(df__map_file(temp_path(&d, "caf\xC3\xA9 \xFF.bin"), 5, &b, &err));
    CHECK(b.mapped && memcmp(b.data, "hello", 5) == 0);
    df__bytes_free(&b);
    CHECK(b.data == NULL);
}

TEST(errors_name_the_path_and_the_numbers)
{
    df_error err;
    temp_dir d = temp_dir_new();
    df_bytes b;
    CHECK_STATUS(DF_E_IO, df__read_file("/nowhere/x", 10, &b, &err));
    CHECK_HAS(err.message, "/nowhere/x");
    CHECK_HAS(err.message, "No such file");
    CHECK_STATUS(DF_E_IO, df__read_file("/tmp", 10, &b, &err));
    CHECK_HAS(err.message, "directory");
    CHECK_OK(df__write_file(temp_path(&d, "long"), "0123456789", 10, &err));
    CHECK_STATUS(DF_E_LIMIT, df__read_file(temp_path(&d, "long"), 9, &b, &err));
    CHECK_HAS(err.message, "limit is 9");
    CHECK_STATUS(DF_E_LIMIT, df__map_file(temp_path(&d, "long"), 9, &b, &err));
    CHECK_STATUS(DF_E_LIMIT, df__read_file("/dev/zero", 100000, &b, &err)); /* no size: stops at the limit */
    CHECK_STATUS(DF_E_IO, df__map_file("/dev/zero", 100000, &b, &err));
}

TEST(a_file_that_others_may_write_is_not_to_be_believed)
{
    df_error err;
    temp_dir d = temp_dir_new();
    df_bytes b;
    const char *path = temp_path(&d, "own");
    CHECK_OK(df__write_file(path, "hello", 5, &err));
    CHECK(chmod(path, 0644) == 0);
    CHECK_OK(df__map_own_file(path, 5, &b, &err));
    df__bytes_drop(&b); /* read again when it is touched */
    CHECK(memcmp(b.data, "hello", 5) == 0);
    df__bytes_free(&b);
    CHECK(chmod(path, 0664) == 0);
    CHECK_STATUS(DF_E_IO, df__map_own_file(path, 5, &b, &err));
    CHECK_HAS(err.message, "others");
    CHECK_STATUS(DF_E_LIMIT, df__map_own_file(path, 4, &b, &err));
}

TEST(the_state_of_a_file_follows_what_is_in_it)
{
    df_error err;
    temp_dir d = temp_dir_new();
    df_bytes b;
    df_file_state a, c;
    const char *path = temp_path(&d, "state");
    CHECK(!df__file_state(path, &a));
    CHECK_OK(df__write_file(path, "hello", 5, &err));
    CHECK_OK(df__map_file_state(path, 5, &b, &a, &err));
    df__bytes_free(&b);
    CHECK(df__file_state(path, &c) && memcmp(&a, &c, sizeof a) == 0);
    assert_int_equal(a.size, 5);
    CHECK_OK(df__write_file(path, "world", 5, &err));
    CHECK(df__file_state(path, &c) && memcmp(&a, &c, sizeof a) != 0);
}

enum { ROUNDS = 200, LONG = 20000 };

static void *write_often(void *arg)
{
    char text[LONG];
    bool *good = arg;
    df_error err;
    memset(text, good[1] ? 'a' : 'b', sizeof text);
    for (int i = 0; i < ROUNDS; i++)
        *good = *good && df__write_file(shared_path, text, sizeof text, &err) == DF_OK;
    return NULL;
}

/* Each under a name of its own: none takes the other's half-written file. */
TEST(two_threads_write_one_file_and_it_is_always_whole)
{
    df_error err;
    temp_dir d = temp_dir_new();
    bool good[2][2] = {{true, false}, {true, true}};
    pthread_t id[2];
    snprintf(shared_path, sizeof shared_path, "%s", temp_path(&d, "shared"));
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&id[i], NULL, write_often, good[i]) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        df_bytes b;
        if (df__read_file(shared_path, LONG, &b, &err) != DF_OK)
            continue; /* before the first write */
        CHECK(b.len == LONG && b.data[0] == b.data[LONG - 1]);
        df__bytes_free(&b);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(id[i], NULL);
        CHECK(good[i][0]);
    }
}

TEST(the_folder_of_a_file_is_made_once_and_one_deep)
{
    df_error err;
    temp_dir d = temp_dir_new();
    CHECK(df__folder_for(temp_path(&d, "made/x")) && df__folder_for(temp_path(&d, "made/x")));
    CHECK(!df__folder_for(temp_path(&d, "deep/er/x")));
    CHECK(df__folder_for("x") && df__folder_for("/x"));
    CHECK_OK(df__write_file(temp_path(&d, "file"), "a", 1, &err));
    CHECK(!df__folder_for(temp_path(&d, "file/x")));
}

TEST(a_failed_write_leaves_nothing_behind)
{
    df_error err;
    temp_dir d = temp_dir_new();
    CHECK_STATUS(DF_E_IO, df__write_file("/nowhere/x", "a", 1, &err));
    CHECK_HAS(err.message, "/nowhere/x");
    CHECK(mkdir(temp_path(&d, "folder"), 0777) == 0);
    CHECK_STATUS(DF_E_IO, df__write_file(temp_path(&d, "folder"), "a", 1, &err)); /* rename onto a folder fails */
    assert_int_equal(temp_count(d.path, ""), 1);
}
