#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "test.h"

static char dir[64];

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
