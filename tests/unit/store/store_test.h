/* store_test.h - a gallery file of its own for each test, and faces of which every number follows from their own. */
#ifndef DF_STORE_TEST_H
#define DF_STORE_TEST_H

#include "store/store.h"
#include "temp_dir.h"

enum { STORE_DIMS = 16 };

static const df_store_key store_test_key = {.pipeline = "model Test, align points", .dims = STORE_DIMS};

/* Of the last call: in a new folder, where nothing is yet. */
__attribute__((unused)) static const char *store_test_path(const char *name)
{
    static char path[512];
    temp_dir d = temp_dir_new();
    snprintf(path, sizeof path, "%s/%s.db", d.path, name);
    return path;
}

static void store_test_vector(uint32_t seed, float *out)
{
    for (int i = 0; i < STORE_DIMS; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (float)(seed >> 8) / (float)(1 << 24) - 0.5f;
    }
}

/* Photo number `number` with `n` faces in the caller's arrays. */
static df_store_photo store_test_photo(uint32_t number, const char *name, size_t n, df_store_face *faces, float *vectors, char *path)
{
    snprintf(path, 64, "/photos/%u.jpg", number);
    df_store_photo p = {.path = path, .size = 1000 + number, .modified = 5000 + (int64_t)number, .faces = faces, .n = n};
    memcpy(p.sha256, &number, sizeof number);
    for (size_t i = 0; i < n; i++) {
        store_test_vector(number * 10 + (uint32_t)i, vectors + i * STORE_DIMS);
        faces[i] = (df_store_face){.at = {.x = 1, .y = 2, .w = 30, .h = 40, .confidence = 0.9f, .has = DF_HAS_EYES, .left_eye = {20, 10}, .right_eye = {10, 10}},
                                   .quality = 0.5, .name = i == 0 ? name : NULL, .vector = vectors + i * STORE_DIMS};
        faces[i].traits = (df_traits){.age = 20 + (double)number, .gender = number % 2 ? "Woman" : "Man", .gender_confidence = 0.9, .emotion_confidence = NAN,
                                      .race_confidence = NAN, .liveness = NAN};
    }
    return p;
}

/* Put one photo. */
__attribute__((unused)) static df_status store_test_put(void *store, uint32_t number, const char *name, size_t n, df_error *err)
{
    df_store_face faces[8];
    float vectors[8 * STORE_DIMS];
    char path[64];
    df_store_photo p = store_test_photo(number, name, n, faces, vectors, path);
    return df__store_sqlite.put(store, &p, 1, err);
}

#endif
