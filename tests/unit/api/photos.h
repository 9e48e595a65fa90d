/* photos.h - what the tests of the verbs share: an engine, the demo photos, or a skip where one of them is absent. */
#ifndef DF_TEST_PHOTOS_H
#define DF_TEST_PHOTOS_H

#include "test.h"

/* Skips the test, without the engine, unless these models are there. */
static inline void need_models(df_engine *df, const char *const *names, size_t n)
{
    df_error err;
    df_model_state state;
    for (size_t i = 0; i < n; i++) {
        CHECK_OK(df_model_check(df, names[i], false, &state, NULL, 0, &err));
        if (state != DF_MODEL_READY || !test_photos_dir()) {
            df_engine_free(df);
            print_message("%s, or the photos, are absent: make weights-test\n", names[i]);
            skip();
        }
    }
}

/* An engine whose detector and recogniser are there; skips the test otherwise. */
static inline df_engine *engine_or_skip(int threads)
{
    df_error err;
    df_engine *df = NULL;
    df_engine_opts o = df_engine_opts_default();
    o.threads = threads;
    CHECK_OK(df_engine_new(&o, &df, &err));
    need_models(df, (const char *const[]){"retinaface", "Dlib"}, 2);
    return df;
}

static inline const char *photo(const char *name)
{
    static _Thread_local char paths[8][1024];
    static _Thread_local int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", test_photos_dir(), name);
    return path;
}

#endif
