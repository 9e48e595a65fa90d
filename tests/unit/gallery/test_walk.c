/* Walking a folder: photos by name, those inside other folders, links, what is hidden. */
#include "gallery/walk.h"
#include "temp_dir.h"

static df_error err;
static temp_dir root;

static void make(const char *path, const char *content)
{
    FILE *f = fopen(temp_path(&root, path), "wb");
    CHECK(f != NULL);
    fputs(content, f);
    fclose(f);
}

static void folder(const char *path) { CHECK(mkdir(temp_path(&root, path), 0777) == 0); }

TEST(photos_are_found_by_name_and_in_order)
{
    df_walk w;
    root = temp_dir_new();
    folder("b"), folder("a"), folder("a/deep"), folder(".hidden"), folder("looks-like.jpg");
    make("z.jpg", "12345"), make("a/2.PNG", "1"), make("a/10.jpeg", "12"), make("a/deep/x.webp", ""), make("b/y.TIFF", "123");
    make("notes.txt", "no"), make(".dot.jpg", "no"), make(".hidden/h.jpg", "no"), make("jpg", "no"), make("a.jpg", ""), make("a0.jpg", ""), make("a-1.jpg", ""), make("looks-like.jpg/in.gif", "1");
    CHECK(symlink(temp_path(&root, "z.jpg"), temp_path(&root, "b/link.jpg")) == 0);
    CHECK(symlink(root.path, temp_path(&root, "b/loop")) == 0);
    CHECK(symlink("/no/such/file", temp_path(&root, "b/broken.jpg")) == 0);
    CHECK_OK(df__walk(root.path, &w, &err));
    static const char *const want[] = {"a-1.jpg", "a.jpg", "a/10.jpeg", "a/2.PNG", "a/deep/x.webp", "a0.jpg", "b/link.jpg", "b/y.TIFF", "looks-like.jpg/in.gif", "z.jpg"};
    static const uint64_t sizes[] = {0, 0, 2, 1, 0, 0, 5, 3, 1, 5};
    assert_int_equal(10, w.n);
    for (size_t i = 0; i < w.n; i++) {
        assert_string_equal(want[i], w.files[i].path);
        assert_int_equal(sizes[i], w.files[i].size);
        CHECK(w.files[i].modified > 1600000000000000000);
    }
    df__walk_free(&w);
    for (size_t n = 1; n < 10; n++) {
        test_alloc_fail_at(n);
        df_status st = df__walk(root.path, &w, &err);
        bool failed = test_alloc_count() >= n;
        test_alloc_fail_at(0);
        CHECK(st == (failed ? DF_E_NO_MEMORY : DF_OK));
        df__walk_free(&w);
    }
    CHECK_STATUS(DF_E_IO, df__walk(temp_path(&root, "absent"), &w, &err));
    CHECK_HAS(err.message, temp_path(&root, "absent"));
}
