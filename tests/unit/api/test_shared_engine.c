/* Many callers on one engine: identical results, bit for bit. Run under the thread sanitizer as well. */
#include <pthread.h>

#include "photos.h"

enum { ROUNDS = 3 };

typedef struct caller {
    df_engine *df;
    df_status  st;
    df_error   err;
    float      row[128];
    df_face    face;
} caller;

static void *work(void *arg)
{
    caller *c = arg;
    for (int i = 0; i < ROUNDS; i++) {
        df_embeddings *e = NULL;
        c->st = df_represent(c->df, photo("obama.jpg"), NULL, &e, &c->err);
        if (c->st != DF_OK)
            return NULL;
        memcpy(c->row, df_embeddings_row(e, 0), sizeof c->row);
        c->face = *df_embeddings_face(e, 0);
        df_embeddings_free(e);
    }
    return NULL;
}

/* `callers` threads on one engine that gives each call `threads`. */
static void check(int callers, int threads, const caller *expected, caller *first)
{
    caller c[8];
    pthread_t id[8];
    df_engine *df = engine_or_skip(threads);
    for (int i = 0; i < callers; i++) {
        c[i] = (caller){.df = df};
        assert_int_equal(pthread_create(&id[i], NULL, work, &c[i]), 0);
    }
    for (int i = 0; i < callers; i++)
        pthread_join(id[i], NULL);
    for (int i = 0; i < callers; i++) {
        if (c[i].st != DF_OK)
            fail_msg("caller %d: %s", i, c[i].err.message);
        const caller *e = expected ? expected : &c[0];
        assert_memory_equal(c[i].row, e->row, sizeof e->row);
        assert_memory_equal(&c[i].face, &e->face, sizeof e->face);
    }
    *first = c[0];
    df_engine_free(df);
}

TEST(one_two_and_eight_callers_get_the_same_numbers)
{
    caller one, other;
    check(1, 1, NULL, &one);
    check(2, 1, &one, &other);
    check(8, 1, &one, &other);
    check(1, 2, &one, &other);
    check(8, 2, &one, &other);
}
