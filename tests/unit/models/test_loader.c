/* test_loader.c - where caches lie, what a stamp is believed, nets of files that are in no catalogue. */
#include <fcntl.h>
#include <sys/time.h>
#include <time.h>

#include "../nn/onnx_writer.h"
#include "models/loader.h"
#include "models/stamp.h"
#include "temp_dir.h"
#include "weights.h"

static df_error err;

enum { LARGE = 5 << 20 };

/* ---- the folder ---- */

static void cache_is(const char *weights, const char *expected)
{
    df_loader loader = {.dir = weights};
    char *dir;
    CHECK_OK(df__cache_dir(&loader, &dir, &err));
    if (expected)
        assert_string_equal(dir, expected);
    else
        assert_null(dir);
    free(dir);
}

TEST(the_cache_lies_beside_the_weights_or_where_the_user_says)
{
    unsetenv("DEEPFACE_CACHE");
    cache_is("/home/a/.deepface/weights", "/home/a/.deepface/cache");
    cache_is("/home/a/.deepface/weights//", "/home/a/.deepface/cache");
    cache_is("/models", "/models/cache");
    cache_is("weights", "weights/cache");
    setenv("DEEPFACE_CACHE", "/var/x", 1);
    cache_is("/home/a/.deepface/weights", "/var/x");
    setenv("DEEPFACE_CACHE", "off", 1);
    cache_is("/home/a/.deepface/weights", NULL);
    unsetenv("DEEPFACE_CACHE");
}

/* ---- stamps ---- */

static void write_large(const char *path, char first)
{
    char *data = calloc(1, LARGE);
    CHECK(data != NULL);
    data[0] = first;
    int fd = open(path, O_WRONLY | O_CREAT, 0600); /* in place: the same inode */
    CHECK(fd >= 0 && write(fd, data, LARGE) == LARGE && close(fd) == 0);
    free(data);
}

static bool believed(const char *folder, const char *path, bool trust, char hex[65])
{
    df_bytes file;
    df_file_state state;
    CHECK_OK(df__map_file_state(path, LARGE, &file, &state, &err));
    bool known = df__stamped_sha256(folder, path, &file, &state, trust, hex);
    df__bytes_free(&file);
    return known;
}

static void wait_until_settled(void) { nanosleep(&(struct timespec){2, 200000000}, NULL); }

TEST(a_stamp_saves_the_hashing_until_the_file_changes)
{
    temp_dir d = temp_dir_new();
    char path[256], cache[256], first[65], hex[65], stamp[600] = "";
    snprintf(path, sizeof path, "%s/model", d.path);
    snprintf(cache, sizeof cache, "%s/cache", d.path);
    write_large(path, 'a');
    CHECK(!believed(cache, path, true, first));
    CHECK(!believed(cache, path, true, hex)); /* changed a moment ago: a stamp could not tell the next change */
    assert_string_equal(first, hex);
    wait_until_settled();
    CHECK(!believed(cache, path, true, hex));
    CHECK(believed(cache, path, true, hex));
    assert_string_equal(first, hex);
    CHECK(!believed(cache, path, false, hex));
    CHECK(!believed(NULL, path, true, hex));
    assert_string_equal(first, hex);
    /* One byte, and the time of the last change put back as `touch -r` does. */
    struct stat info;
    CHECK(stat(path, &info) == 0);
    write_large(path, 'b');
    CHECK(utimensat(AT_FDCWD, path, (struct timespec[]){info.st_atim, info.st_mtim}, 0) == 0);
    CHECK(!believed(cache, path, true, hex));
    CHECK(strcmp(first, hex) != 0);
    /* A stamp that others may write, or that is no stamp. */
    wait_until_settled();
    CHECK(!believed(cache, path, true, first));
    CHECK(believed(cache, path, true, hex));
    DIR *dir = opendir(cache);
    for (struct dirent *e; (e = readdir(dir));)
        if (strstr(e->d_name, ".sha256")) {
            strcpy(stamp, cache);
            strcat(strcat(stamp, "/"), e->d_name);
        }
    closedir(dir);
    CHECK(chmod(stamp, 0666) == 0);
    CHECK(!believed(cache, path, true, hex)); /* and written anew */
    CHECK(chmod(stamp, 0600) == 0);
    CHECK(truncate(stamp, 20) == 0);
    CHECK(!believed(cache, path, true, hex));
    assert_string_equal(first, hex);
}

/* ---- nets ---- */

static void write_model(const char *path, float second)
{
    message c = tensor_head("c", 1, 2, (int64_t[]){1, 2});
    put_bytes(&c, 9, (float[]){10, second}, 8);
    message g = add_graph(&c);
    df_bytes file = model(&g, 13);
    CHECK_OK(df__write_file(path, file.data, file.len, &err));
    df__bytes_free(&file);
}

static float run(const df_loader *loader, const char *path)
{
    df_net *net;
    df_arena scratch = {0};
    float x[2] = {1, 2};
    df_tensor y, in = {.type = DF_F32, .rank = 2, .dims = {1, 2}, .data = x};
    CHECK_OK(df__file_net(loader, path, DF_PRECISION_STRICT, &net, &err));
    CHECK_OK(df__net_run(net, &in, 1, &y, 1, 1, &scratch, &err));
    float v = ((const float *)y.data)[1];
    df__arena_free(&scratch);
    df__net_free(net);
    return v;
}

TEST(a_file_of_the_users_own_becomes_a_net)
{
    temp_dir d = temp_dir_new();
    df_loader loader = {.dir = d.path};
    char path[256];
    snprintf(path, sizeof path, "%s/own.onnx", d.path);
    setenv("DEEPFACE_CACHE", temp_path(&d, "cache"), 1);
    write_model(path, 20);
    CHECK_NEAR(22, run(&loader, path), 0);
    write_model(path, 30); /* another model under the same name */
    CHECK_NEAR(32, run(&loader, path), 0);
    df_net *net;
    CHECK_STATUS(DF_E_IO, df__file_net(&loader, temp_path(&d, "absent.onnx"), DF_PRECISION_STRICT, &net, &err));
    CHECK_HAS(err.message, "absent.onnx");
    CHECK_OK(df__write_file(path, "no model", 8, &err));
    CHECK_STATUS(DF_E_BAD_MODEL, df__file_net(&loader, path, DF_PRECISION_STRICT, &net, &err));
    CHECK_HAS(err.message, "own.onnx");
    unsetenv("DEEPFACE_CACHE");
}

TEST(every_allocation_may_fail)
{
    temp_dir d = temp_dir_new();
    df_loader loader = {.dir = d.path};
    char path[256];
    bool done = false;
    snprintf(path, sizeof path, "%s/own.onnx", d.path);
    write_model(path, 20);
    for (size_t n = 1; !done; n++) {
        df_net *net;
        test_alloc_fail_at(n);
        df_status st = df__file_net(&loader, path, DF_PRECISION_STRICT, &net, &err);
        done = test_alloc_count() < n;
        test_alloc_fail_at(0);
        CHECK(st == DF_OK || (!done && st == DF_E_NO_MEMORY));
        df__net_free(net);
    }
}

static void copy_to(const df_bytes *from, const char *path)
{
    CHECK_OK(df__write_file(path, from->data, from->len, &err));
}

/* Runs where the weights are: a damaged file is refused though its stamp was right a moment ago. */
TEST(a_weight_file_that_changes_is_verified_again)
{
    temp_dir d = temp_dir_new();
    df_bytes real, file;
    df_loader loader = {.dir = temp_path(&d, "weights")};
    if (!weights_map("shape_predictor_5_face_landmarks.dat", &real))
        skip();
    unsetenv("DEEPFACE_CACHE");
    char path[512], where[256];
    snprintf(where, sizeof where, "%s", loader.dir);
    loader.dir = where;
    CHECK(mkdir(where, 0700) == 0);
    snprintf(path, sizeof path, "%s/shape_predictor_5_face_landmarks.dat", where);
    copy_to(&real, path);
    df__bytes_free(&real);
    wait_until_settled();
    for (int i = 0; i < 2; i++) {
        CHECK_OK(df__weights_open(&loader, "dlib-5-points", &file, &err));
        df__bytes_free(&file);
        assert_int_equal(temp_count(temp_path(&d, "cache"), ".sha256"), 1);
    }
    CHECK_OK(df__weights_check(&loader, "dlib-5-points", &err));
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && pwrite(fd, "x", 1, 5000000) == 1 && close(fd) == 0);
    CHECK_STATUS(DF_E_BAD_MODEL, df__weights_open(&loader, "dlib-5-points", &file, &err));
    CHECK_HAS(err.message, "has sha256");
    CHECK_STATUS(DF_E_BAD_MODEL, df__weights_check(&loader, "dlib-5-points", &err));
}
