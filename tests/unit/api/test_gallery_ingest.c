/* Many photos into a gallery in one call, whose faces go through the networks together: in the order given, each as if it were alone, the bad ones
 * refused by themselves, and a call that is stopped goes on where it was. */
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "photos.h"
#include "temp_dir.h"

enum { PHOTOS = 40, BROKEN = 7, OTHER = 20, TWICE = 33 /* has the content of the one before it */ };
static df_error err;

typedef struct many { temp_dir dir; char paths[PHOTOS][300]; df_photo_item items[PHOTOS]; } many;

/* Copies of the demo photos with other bytes behind their end, as no two of one content are registered. */
static void copy(const char *name, const char *to, size_t number)
{
    df_bytes file;
    CHECK_OK(df__read_file(photo(name), 1 << 26, &file, &err));
    FILE *f = fopen(to, "wb");
    CHECK(f != NULL && fwrite(file.data, 1, file.len, f) == file.len && fprintf(f, "%zu", number) > 0 && fclose(f) == 0);
    df__bytes_free(&file);
}

static many *many_new(void)
{
    static const char *const names[] = {"obama.jpg", "biden.jpg", "obama2.jpg", "obama3.jpg"};
    many *m = calloc(1, sizeof *m);
    m->dir = temp_dir_new();
    for (size_t i = 0; i < PHOTOS; i++) {
        char name[16];
        snprintf(name, sizeof name, "%02zu.jpg", PHOTOS - i); /* the order given is not that of paths */
        snprintf(m->paths[i], sizeof m->paths[0], "%s", temp_path(&m->dir, name));
        if (i == BROKEN)
            CHECK_OK(df__write_file(m->paths[i], "no photo", 8, &err));
        else if (i == OTHER)
            copy("32bit.png", m->paths[i], i);
        else
            copy(names[i % 4], m->paths[i], i == TWICE ? i - 4 : i);
        m->items[i] = (df_photo_item){.path = m->paths[i]};
    }
    return m;
}

typedef struct told { size_t states[5], calls, last; df_status failed[PHOTOS]; } told;

static bool tell(void *user, size_t index, df_register_state state, size_t faces, const df_error *failed)
{
    told *t = user;
    (void)faces;
    t->states[state]++;
    if (failed)
        t->failed[index] = failed->status;
    return ++t->calls != t->last;
}

typedef struct kept { char path[300]; uint64_t id; float vector[128]; } kept;
typedef struct all { kept of[2 * PHOTOS]; size_t n; } all;

static bool keep(void *user, const df_gallery_face *f)
{
    all *a = user;
    CHECK(a->n < 2 * PHOTOS);
    kept *k = &a->of[a->n++];
    snprintf(k->path, sizeof k->path, "%s", f->path), k->id = f->face;
    memcpy(k->vector, f->vector, sizeof k->vector);
    return true;
}

static df_gallery *open_new(df_engine *df, many *m, const char *name)
{
    df_gallery *g = NULL;
    CHECK_OK(df_gallery_open(df, temp_path(&m->dir, name), NULL, NULL, &g, &err));
    return g;
}

TEST(photos_of_one_call_come_in_the_order_given_each_as_if_it_were_alone)
{
    df_engine *df = engine_or_skip(2);
    many *m = many_new();
    df_gallery *g = open_new(df, m, "g.db");
    static all a;
    told t = {.last = 0};
    a.n = 0;
    CHECK_OK(df_gallery_register(g, m->items, PHOTOS, NULL, NULL, tell, &t, &err));
    assert_int_equal(PHOTOS, t.calls);
    assert_int_equal(DF_E_DECODE, t.failed[BROKEN]);
    assert_int_equal(1, t.states[DF_DUPLICATE]);
    assert_int_equal(PHOTOS - 1, t.states[DF_REGISTERED] + t.states[DF_REFUSED]);
    CHECK_OK(df_gallery_export(g, NULL, keep, &a, &err));
    CHECK(a.n >= PHOTOS - 3);
    for (size_t i = 0, item = 0; i < a.n; i++) {
        CHECK(i == 0 || a.of[i].id > a.of[i - 1].id);
        while (item < PHOTOS && strcmp(m->paths[item], a.of[i].path) != 0)
            item++;
        CHECK(item < PHOTOS); /* ids in the order of the items */
        df_embeddings *e = NULL;
        double distance, least = 2;
        CHECK_OK(df_represent(df, a.of[i].path, NULL, &e, &err));
        for (size_t k = 0; k < df_embeddings_count(e); k++) {
            CHECK_OK(df_distance("cosine", df_embeddings_row(e, k), a.of[i].vector, 128, &distance, &err));
            least = distance < least ? distance : least;
        }
        CHECK(least < 1e-5);
        df_embeddings_free(e);
    }
    df_gallery_close(g), df_engine_free(df);
    free(m);
}

TEST(a_call_that_is_stopped_goes_on_where_it_was)
{
    df_engine *df = engine_or_skip(2);
    many *m = many_new();
    df_gallery *g = open_new(df, m, "g.db");
    df_gallery_stats s;
    told first = {.last = 3}, second = {.last = 0};
    CHECK_OK(df_gallery_register(g, m->items, PHOTOS, NULL, NULL, tell, &first, &err));
    assert_int_equal(3, first.calls);
    CHECK_OK(df_gallery_register(g, m->items, PHOTOS, NULL, NULL, tell, &second, &err));
    assert_int_equal(PHOTOS, second.calls);
    CHECK(second.states[DF_KNOWN] + second.states[DF_REGISTERED] + second.states[DF_DUPLICATE] + second.states[DF_REFUSED] == PHOTOS);
    CHECK_OK(df_gallery_get_stats(g, &s, &err));
    assert_int_equal(PHOTOS - second.states[DF_REFUSED] - 1, s.photos);
    df_gallery_close(g), df_engine_free(df);
    free(m);
}

static bool count(void *user, size_t done, size_t total)
{
    (void)done, (void)total;
    ++*(size_t *)user;
    return true;
}

TEST(a_file_over_the_limit_is_no_photo_of_its_folder_and_not_tried_again)
{
    df_engine *df = engine_or_skip(2);
    df_engine_opts o = df_engine_opts_default();
    df_matches *found = NULL;
    temp_dir dir = temp_dir_new();
    size_t read = 0;
    df_engine_free(df);
    o.threads = 2, o.max_bytes = 4 << 20;
    CHECK_OK(df_engine_new(&o, &df, &err));
    copy("obama.jpg", temp_path(&dir, "small.jpg"), 0);
    copy("obama.jpg", temp_path(&dir, "large.jpg"), 1);
    CHECK(truncate(temp_path(&dir, "large.jpg"), 5 << 20) == 0);
    for (size_t call = 0; call < 2; call++) {
        CHECK_OK(df_find(df, photo("obama2.jpg"), dir.path, NULL, NULL, count, &read, &found, &err));
        assert_int_equal(2, read);
        assert_int_equal(1, df_matches_searched(found));
        df_matches_free(found);
    }
    df_engine_free(df);
}
