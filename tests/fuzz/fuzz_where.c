/* fuzz_where.c - filters: what is read becomes SQL that SQLite prepares and runs, with as many values as places, and never anything but a SELECT. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gallery/where.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *store;
    static const df_store_key key = {.pipeline = "fuzz", .dims = 4};
    df_error err;
    df_where w;
    uint64_t *ids;
    size_t n;
    if (!store) {
        static const float vector[4] = {1, 2, 3, 4};
        const df_store_face face = {.vector = vector, .name = "Ann", .traits = {.age = 30, .gender = "Woman"}};
        df_store_photo photo = {.path = "/a.jpg", .meta = "{\"team\": \"x\"}", .faces = &face, .n = 1};
        if (df__store_sqlite.open(":memory:", &key, DF_STORE_CREATE, &store, &err) != DF_OK || df__store_sqlite.put(store, &photo, 1, &err) != DF_OK)
            abort();
    }
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (df__where_parse(text, &w, &err) == DF_OK) {
        if (df__store_sqlite.select(store, &w.condition, &ids, &n, &err) != DF_OK)
            abort();
        if (n > 1)
            abort();
        free(ids);
    }
    df__where_free(&w);
    free(text);
    return 0;
}
