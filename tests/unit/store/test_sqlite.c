/* The SQLite store keeps what its contract promises (store/store.h): whole changes, numbers that ascend, one pipeline. */
#include "store_test.h"

static const df_store_ops *const ops = &df__store_sqlite;
static df_error err;

static void *open_new(const char *name)
{
    void *s;
    CHECK_OK(ops->open(store_test_path(name), &store_test_key, DF_STORE_CREATE, &s, &err));
    return s;
}

static df_store_counts counts(void *s)
{
    df_store_counts c;
    CHECK_OK(ops->counts(s, &c, &err));
    return c;
}

static size_t faults(void *s)
{
    size_t n;
    CHECK_OK(ops->check(s, NULL, NULL, &n, &err));
    return n;
}

static size_t seen;
static df_change_kind kinds[64];
static uint64_t numbers[64], ids[64];

static bool note_change(void *user, const df_change *c)
{
    (void)user;
    kinds[seen] = c->kind, numbers[seen] = c->number, ids[seen++] = c->face;
    return true;
}

static void changes(void *s, uint64_t after)
{
    seen = 0;
    CHECK_OK(ops->changes(s, after, note_change, NULL, &err));
}

static size_t n_names;
static char names[8][32];

static bool note_record(void *user, const df_store_record *r)
{
    float expected[STORE_DIMS];
    (void)user;
    snprintf(names[n_names++], 32, "%s", r->face.name ? r->face.name : "-");
    if (r->face.vector) {
        uint32_t number;
        memcpy(&number, r->photo->sha256, sizeof number);
        store_test_vector(number * 10 + (r->face.name ? 0 : 1), expected);
        assert_memory_equal(expected, r->face.vector, sizeof expected);
        CHECK_NEAR(20 + number, r->face.traits.age, 0);
        assert_string_equal(number % 2 ? "Woman" : "Man", r->face.traits.gender);
        CHECK(isnan(r->face.traits.liveness) && r->face.traits.race == NULL);
    }
    CHECK(r->face.at.has == DF_HAS_EYES && r->face.at.left_eye.x == 20 && r->face.at.w == 30);
    return true;
}

TEST(what_is_put_is_read_again_by_another_handle)
{
    const char *path = store_test_path("put");
    void *s, *t;
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_CREATE, &s, &err));
    CHECK_OK(store_test_put(s, 1, "Ann", 2, &err));
    CHECK_OK(store_test_put(s, 2, "Bob", 1, &err));
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_READ, &t, &err));
    df_store_counts c = counts(t);
    assert_int_equal(2, c.people), assert_int_equal(2, c.photos), assert_int_equal(3, c.faces), assert_int_equal(1, c.unnamed);
    assert_int_equal(3, c.change);
    uint64_t wanted[] = {1, 2, 3, 99};
    n_names = 0;
    CHECK_OK(ops->faces(t, wanted, 4, true, note_record, NULL, &err));
    assert_int_equal(3, n_names);
    assert_string_equal("Ann", names[0]), assert_string_equal("-", names[1]), assert_string_equal("Bob", names[2]);
    assert_int_equal(0, faults(t));
    assert_string_equal(ops->uid(s), ops->uid(t));
    CHECK_STATUS(DF_E_STORE, store_test_put(t, 3, NULL, 1, &err));
    CHECK_HAS(err.message, "reading");
    ops->close(t), ops->close(s);
}

TEST(changes_are_numbered_and_replayed_in_order)
{
    void *s = open_new("changes");
    CHECK_OK(store_test_put(s, 1, "Ann", 2, &err)); /* faces 1, 2 */
    CHECK_OK(store_test_put(s, 2, "Bob", 1, &err)); /* face 3 */
    uint64_t two = 2;
    CHECK_OK(ops->remove(s, &two, 1, &err)); /* change 4 */
    CHECK_OK(store_test_put(s, 3, NULL, 1, &err)); /* face 5 */
    changes(s, 0);
    assert_int_equal(4, seen);
    const uint64_t want[][3] = {{DF_CHANGE_ADD, 1, 1}, {DF_CHANGE_ADD, 3, 3}, {DF_CHANGE_REMOVE, 4, 2}, {DF_CHANGE_ADD, 5, 5}};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(want[i][0], kinds[i]), assert_int_equal(want[i][1], numbers[i]), assert_int_equal(want[i][2], ids[i]);
    changes(s, 4);
    assert_int_equal(1, seen);
    CHECK_OK(ops->vacuum(s, &err));
    seen = 0;
    CHECK_STATUS(DF_E_STORE, ops->changes(s, 3, note_change, NULL, &err));
    changes(s, 0);
    assert_int_equal(3, seen);
    assert_int_equal(0, counts(s).removals);
    ops->close(s);
}

TEST(a_photo_of_a_known_path_takes_the_place_of_the_old_one)
{
    void *s = open_new("again");
    CHECK_OK(store_test_put(s, 1, "Ann", 2, &err));
    CHECK_OK(store_test_put(s, 1, "Eve", 1, &err));
    df_store_counts c = counts(s);
    assert_int_equal(1, c.photos), assert_int_equal(1, c.faces), assert_int_equal(1, c.people);
    assert_int_equal(5, c.change); /* two came, two went, one came */
    ops->close(s);
}

static bool note_traits(void *user, const df_store_record *r)
{
    df_store_face *f = user;
    f->traits = r->face.traits, f->quality = r->face.quality, f->at = r->face.at;
    CHECK(strcmp(f->traits.gender, "Woman") == 0 && strcmp(f->traits.race, "asian") == 0); /* the texts end with the call */
    return true;
}

TEST(a_face_is_described_as_far_as_it_lacks_something)
{
    void *s = open_new("describe");
    df_store_face f[2] = {{.id = 1}, {.id = 99}}, now;
    uint64_t one = 1;
    CHECK_OK(store_test_put(s, 1, "Ann", 1, &err)); /* of age 21, a woman with 0.9; no race, no liveness */
    f[0].quality = 0.5;
    f[0].traits = (df_traits){.age = 70, .gender = "Man", .gender_confidence = 0.1, .race = "asian", .race_confidence = 0.8, .emotion_confidence = 0.3, .liveness = NAN};
    f[1] = f[0], f[1].id = 99; /* nobody */
    uint64_t change = counts(s).change;
    CHECK_OK(ops->describe(s, f, 2, &err));
    CHECK_OK(ops->faces(s, &one, 1, false, note_traits, &now, &err));
    CHECK(now.traits.age == 21 && now.traits.gender_confidence == 0.9 && now.traits.race_confidence == 0.8);
    CHECK(isnan(now.traits.emotion_confidence) && isnan(now.traits.liveness) && now.at.w == 30);
    df_store_counts c = counts(s);
    assert_int_equal(1, c.faces), assert_int_equal(1, c.with_age), assert_int_equal(1, c.with_gender), assert_int_equal(1, c.with_race);
    assert_int_equal(0, c.with_emotion), assert_int_equal(0, c.with_liveness);
    assert_int_equal(change + 1, c.change); /* answers to filters are others */
    CHECK_OK(ops->describe(s, NULL, 0, &err));
    assert_int_equal(change + 1, counts(s).change);
    assert_int_equal(0, faults(s));
    ops->close(s);
}

TEST(a_content_is_kept_once_where_that_is_wanted)
{
    void *s = open_new("once");
    df_store_face faces[2];
    float vectors[2 * STORE_DIMS];
    char path[2][64];
    df_store_photo p[2] = {store_test_photo(1, "Ann", 1, faces, vectors, path[0]), store_test_photo(1, "Ann", 1, faces, vectors, path[1])};
    strcpy(path[1], "/copy.jpg");
    p[0].once = p[1].once = true;
    CHECK_OK(ops->put(s, p, 2, &err));
    CHECK(!p[0].left_out && p[1].left_out);
    assert_int_equal(1, counts(s).photos);
    p[1].once = false;
    CHECK_OK(ops->put(s, p + 1, 1, &err));
    assert_int_equal(2, counts(s).photos);
    ops->close(s);
}

TEST(a_change_that_fails_leaves_nothing)
{
    void *s = open_new("whole");
    df_store_face faces[2][1];
    float vectors[2][STORE_DIMS];
    char path[2][64];
    df_store_photo p[2] = {store_test_photo(1, "Ann", 1, faces[0], vectors[0], path[0]), store_test_photo(2, "Bob", 1, faces[1], vectors[1], path[1])};
    vectors[1][3] = NAN;
    CHECK_STATUS(DF_E_ARGUMENT, ops->put(s, p, 2, &err));
    CHECK_HAS(err.message, "not finite");
    memset(vectors[1], 0, sizeof vectors[1]);
    CHECK_STATUS(DF_E_ARGUMENT, ops->put(s, p, 2, &err));
    CHECK_HAS(err.message, "length 0");
    df_store_counts c = counts(s);
    assert_int_equal(0, c.photos + c.faces + c.people + c.change);
    ops->close(s);
}

TEST(removing_the_last_face_removes_photo_and_person)
{
    void *s = open_new("remove");
    CHECK_OK(store_test_put(s, 1, "Ann", 2, &err));
    uint64_t face = 1;
    CHECK_OK(ops->remove(s, &face, 1, &err));
    df_store_counts c = counts(s);
    assert_int_equal(0, c.people), assert_int_equal(1, c.photos), assert_int_equal(1, c.faces);
    face = 2;
    CHECK_OK(ops->remove(s, &face, 1, &err));
    CHECK_OK(ops->remove(s, &face, 1, &err)); /* it is gone already */
    c = counts(s);
    assert_int_equal(0, c.photos + c.faces), assert_int_equal(2, c.removals), assert_int_equal(4, c.change);
    assert_int_equal(0, faults(s));
    ops->close(s);
}

TEST(names_and_metadata_are_changed)
{
    void *s = open_new("update");
    CHECK_OK(store_test_put(s, 1, "Ann", 2, &err));
    uint64_t both[] = {1, 2}, *found;
    size_t n;
    CHECK_OK(ops->update(s, both, 2, "Eve", "{\"team\": \"x\"}", &err));
    df_value value = {.kind = DF_VALUE_TEXT, .text = "x"};
    df_condition condition = {.sql = "json_extract(person.meta, '$.team') = ?", .values = &value, .n = 1};
    CHECK_OK(ops->select(s, &condition, &found, &n, &err));
    assert_int_equal(2, n), assert_int_equal(1, found[0]), assert_int_equal(2, found[1]);
    free(found);
    CHECK_OK(ops->update(s, both, 1, "", NULL, &err));
    df_store_counts c = counts(s);
    assert_int_equal(1, c.people), assert_int_equal(1, c.unnamed), assert_int_equal(4, c.change);
    CHECK_STATUS(DF_E_STORE, ops->update(s, both, 2, "Eve", "{no json", &err));
    assert_int_equal(0, faults(s));
    ops->close(s);
}

static bool note_path(void *user, const df_store_photo *p)
{
    snprintf(user, 64, "%s %llu %lld", p->path, (unsigned long long)p->size, (long long)p->modified);
    return true;
}

TEST(two_photos_may_change_places)
{
    void *s = open_new("touch");
    char said[64];
    bool found;
    uint8_t hash[32] = {1};
    CHECK_OK(store_test_put(s, 1, NULL, 1, &err));
    CHECK_OK(store_test_put(s, 2, NULL, 1, &err));
    df_store_photo moved[2] = {{.id = 1, .path = "/photos/2.jpg", .size = 7, .modified = 8}, {.id = 2, .path = "/photos/1.jpg", .size = 5, .modified = 6}};
    CHECK_OK(ops->touch(s, moved, 2, &err));
    CHECK_OK(ops->photo(s, NULL, hash, note_path, said, &found, &err));
    CHECK(found);
    assert_string_equal("/photos/2.jpg 7 8", said);
    CHECK_OK(ops->photo(s, "/photos/3.jpg", NULL, note_path, said, &found, &err));
    CHECK(!found);
    uint64_t ids_of[] = {1, 2};
    CHECK_OK(ops->forget(s, ids_of, 2, &err));
    assert_int_equal(0, counts(s).photos + counts(s).faces);
    ops->close(s);
}

TEST(a_reader_sees_one_moment)
{
    const char *path = store_test_path("moment");
    void *w, *r;
    uint64_t change;
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_CREATE, &w, &err));
    CHECK_OK(store_test_put(w, 1, NULL, 1, &err));
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_READ, &r, &err));
    CHECK_OK(ops->begin(r, &change, &err));
    assert_int_equal(1, change);
    CHECK_OK(store_test_put(w, 2, NULL, 1, &err));
    changes(r, 0);
    assert_int_equal(1, seen);
    ops->end(r);
    CHECK_OK(ops->begin(r, &change, &err));
    assert_int_equal(2, change);
    ops->end(r);
    ops->close(r), ops->close(w);
}

TEST(notes_are_kept)
{
    void *s = open_new("notes");
    char *text;
    CHECK_OK(ops->note(s, "far", &text, &err));
    CHECK(text == NULL);
    CHECK_OK(ops->set_note(s, "far", "one", &err));
    CHECK_OK(ops->set_note(s, "far", "two", &err));
    CHECK_OK(ops->note(s, "far", &text, &err));
    assert_string_equal("two", text);
    free(text);
    ops->close(s);
}

TEST(every_allocation_may_fail)
{
    const char *path = store_test_path("memory");
    void *s = NULL;
    for (size_t n = 1; n < 200; n++) {
        uint64_t *found = NULL;
        size_t count = 0;
        test_alloc_fail_at(n);
        df_status st = ops->open(path, &store_test_key, DF_STORE_CREATE, &s, &err);
        if (st == DF_OK)
            st = store_test_put(s, 1, "Ann", 2, &err);
        if (st == DF_OK)
            st = ops->select(s, NULL, &found, &count, &err);
        bool failed = test_alloc_count() >= n;
        test_alloc_fail_at(0);
        free(found);
        if (!failed) {
            CHECK(st == DF_OK && count == 2 && n > 3);
            ops->close(s);
            return;
        }
        assert_int_equal(DF_E_NO_MEMORY, st);
        ops->close(s);
        s = NULL;
    }
    fail_msg("allocations have no end");
}
