#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "test.h"

static char dir[64], shared_path[192];

static const char *path_in_dir(const char *name)
{
    static char path[128];
    if (!dir[0]) {
        strcpy(dir, "/tmp/df_bytes_XXXXXX");
        CHECK(mkdtemp(dir) != NULL);
    }
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

TEST(what_is_written_is_read_back)
{
    df_error err;
    df_bytes b;
    CHECK_OK(df__write_file(path_in_dir("caf\xC3\xA9 \xFF.bin"), "hello", 5, &err));
    CHECK_OK(df__read_file(path_in_dir("caf\xC3\xA9 \xFF.bin"), 5, &b, &err));
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.data, "hello", 5);
    df__bytes_free(&b);
    CHECK_OK(df__map_file(path_in_dir("caf\xC3\xA9 \xFF.bin"), 5, &b, &err));
    CHECK(b.mapped && memcmp(b.data, "hello", 5) == 0);
    df__bytes_free(&b);
    CHECK(b.data == NULL);
    unlink(path_in_dir("caf\xC3\xA9 \xFF.bin"));
}

TEST(errors_name_the_path_and_the_numbers)
{
    df_error err;
    df_bytes b;
    CHECK_STATUS(DF_E_IO, df__read_file("/nowhere/x", 10, &b, &err));
    CHECK_HAS(err.message, "/nowhere/x");
    CHECK_HAS(err.message, "No such file");
    CHECK_STATUS(DF_E_IO, df__read_file("/tmp", 10, &b, &err));
    CHECK_HAS(err.message, "directory");
    CHECK_OK(df__write_file(path_in_dir("long"), "0123456789", 10, &err));
    CHECK_STATUS(DF_E_LIMIT, df__read_file(path_in_dir("long"), 9, &b, &err));
    CHECK_HAS(err.message, "limit is 9");
    CHECK_STATUS(DF_E_LIMIT, df__map_file(path_in_dir("long"), 9, &b, &err));
    CHECK_STATUS(DF_E_LIMIT, df__read_file("/dev/zero", 100000, &b, &err)); /* no size: stops at the limit */
    CHECK_STATUS(DF_E_IO, df__map_file("/dev/zero", 100000, &b, &err));
    unlink(path_in_dir("long"));
}

TEST(a_file_that_others_may_write_is_not_to_be_believed)
{
    df_error err;
    df_bytes b;
    const char *path = path_in_dir("own");
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
    unlink(path);
}

TEST(the_state_of_a_file_follows_what_is_in_it)
{
    df_error err;
    df_bytes b;
    df_file_state a, c;
    const char *path = path_in_dir("state");
    CHECK(!df__file_state(path, &a));
    CHECK_OK(df__write_file(path, "hello", 5, &err));
    CHECK_OK(df__map_file_state(path, 5, &b, &a, &err));
    df__bytes_free(&b);
    CHECK(df__file_state(path, &c) && memcmp(&a, &c, sizeof a) == 0);
    assert_int_equal(a.size, 5);
    CHECK_OK(df__write_file(path, "world", 5, &err));
    CHECK(df__file_state(path, &c) && memcmp(&a, &c, sizeof a) != 0);
    unlink(path);
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
    bool good[2][2] = {{true, false}, {true, true}};
    pthread_t id[2];
    snprintf(shared_path, sizeof shared_path, "%s", path_in_dir("shared"));
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
    unlink(shared_path);
}

TEST(the_folder_of_a_file_is_made_once_and_one_deep)
{
    df_error err;
    CHECK(df__folder_for(path_in_dir("made/x")) && df__folder_for(path_in_dir("made/x")));
    CHECK(!df__folder_for(path_in_dir("deep/er/x")));
    CHECK(df__folder_for("x") && df__folder_for("/x"));
    CHECK_OK(df__write_file(path_in_dir("file"), "a", 1, &err));
    CHECK(!df__folder_for(path_in_dir("file/x")));
    unlink(path_in_dir("file"));
    rmdir(path_in_dir("made"));
}

TEST(a_failed_write_leaves_nothing_behind)
{
    df_error err;
    CHECK_STATUS(DF_E_IO, df__write_file("/nowhere/x", "a", 1, &err));
    CHECK_HAS(err.message, "/nowhere/x");
    CHECK(mkdir(path_in_dir("folder"), 0777) == 0);
    CHECK_STATUS(DF_E_IO, df__write_file(path_in_dir("folder"), "a", 1, &err)); /* rename onto a folder fails */
    DIR *d = opendir(dir);
    size_t entries = 0;
    for (struct dirent *e; (e = readdir(d));)
        entries += e->d_name[0] != '.';
    closedir(d);
    assert_int_equal(entries, 1);
    rmdir(path_in_dir("folder"));
    rmdir(dir);
}
