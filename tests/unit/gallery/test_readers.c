/* Eight readers and a writer, each with handles of its own: no error, no torn read, and every answer is of one moment. DF_READERS_SECONDS (2) says how
 * long; the tenths of the time are printed with the readers' latency and the process's own memory in each. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "../store/store_test.h"

#include "gallery/vectors.h"
#include "verify/verify.h"

static const df_store_ops *const ops = &df__store_sqlite;

enum { READERS = 8, START = 800, PARTS = 10, BUCKETS = 400 };

static char path[512];
static atomic_uint done_to, gone_to; /* photos below done_to are put, of these the ones below gone_to with an odd number may be gone */
static atomic_bool stop;
static double begun, seconds;

/* Searches by how long they took: bucket i holds those below 1 microsecond x 1.05^i. */
typedef struct latencies { size_t at[BUCKETS], n; } latencies;
static latencies parts[READERS][PARTS];
static atomic_size_t searches;
static char failure[600];
static pthread_mutex_t failing = PTHREAD_MUTEX_INITIALIZER;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void failed(const char *what, const df_error *err)
{
    pthread_mutex_lock(&failing);
    if (!*failure)
        snprintf(failure, sizeof failure, "%s: %s", what, err ? err->message : "");
    pthread_mutex_unlock(&failing);
    atomic_store(&stop, true);
}

typedef struct looking { const df_hit *hits; const float *query; size_t n; bool wrong; } looking;

/* The vector that the store has is the one that the distance was of. */
static bool compare(void *user, const df_store_record *r)
{
    looking *l = user;
    double d;
    df_error err;
    uint32_t number;
    float want[STORE_DIMS];
    memcpy(&number, r->photo->sha256, sizeof number);
    store_test_vector(number * 10, want);
    l->wrong = l->wrong || memcmp(want, r->face.vector, sizeof want) != 0 || r->face.id != l->hits[l->n].id ||
               df__distance(DF_COSINE, l->query, r->face.vector, STORE_DIMS, &d, &err) != DF_OK || d != l->hits[l->n].distance;
    l->n++;
    return true;
}

static void search_once(df_vectors *v, void *s, uint32_t number, double *took)
{
    df_error err;
    df_hit hits[5];
    size_t found = 0;
    uint64_t ids[5];
    float query[STORE_DIMS];
    store_test_vector(number * 10, query);
    double from = now();
    if (df__vectors_begin(v, NULL, &err) != DF_OK) {
        failed("begin", &err);
        return;
    }
    df_status st = df__vectors_search(v, DF_COSINE, query, 1, 5, NULL, 1, hits, &found, &err);
    *took = now() - from;
    for (size_t i = 0; i < found; i++)
        ids[i] = hits[i].id;
    looking l = {.hits = hits, .query = query};
    if (st == DF_OK)
        st = ops->faces(s, ids, found, true, compare, &l, &err);
    df__vectors_end(v);
    if (st != DF_OK)
        failed("search", &err);
    else if (l.wrong)
        failed("a hit is not what the store holds", NULL);
    else if (number % 2 == 0 && (found == 0 || hits[0].distance > 1e-12))
        failed("an acknowledged face is not found", NULL);
}

static void *read_on(void *arg)
{
    size_t me = (size_t)arg;
    uint32_t seed = (uint32_t)me * 7919 + 1;
    df_error err;
    void *s;
    df_vectors *v;
    if (ops->open(path, &store_test_key, DF_STORE_READ, &s, &err) != DF_OK || df__vectors_open(ops, s, path, false, &v, &err) != DF_OK) {
        failed("open", &err);
        return NULL;
    }
    while (!atomic_load(&stop)) {
        double took = 0;
        seed = seed * 1664525u + 1013904223u;
        search_once(v, s, (seed >> 8) % atomic_load(&done_to), &took);
        size_t part = (size_t)((now() - begun) / seconds * PARTS);
        latencies *l = &parts[me][part < PARTS ? part : PARTS - 1];
        double bucket = ceil(log(fmax(took, 1e-6) / 1e-6) / log(1.05));
        l->at[bucket < BUCKETS ? (size_t)bucket : BUCKETS - 1]++, l->n++;
        atomic_fetch_add(&searches, 1);
    }
    df__vectors_close(v);
    ops->close(s);
    return NULL;
}

/* Adds, removes one of two, brings the matrix up to date, compacts. */
static void *write_on(void *arg)
{
    df_error err;
    void *s = arg;
    df_vectors *v;
    if (df__vectors_open(ops, s, path, true, &v, &err) != DF_OK) {
        failed("open for writing", &err);
        return NULL;
    }
    for (uint32_t number = START; !atomic_load(&stop); number++) {
        df_status st = store_test_put(s, number, NULL, 1, &err);
        atomic_store(&done_to, number + 1);
        if (st == DF_OK && number % 2 == 0) {
            char old[64];
            uint32_t gone = atomic_fetch_add(&gone_to, 2) + 1;
            snprintf(old, sizeof old, "path = %u", gone);
            df_value value = {.kind = DF_VALUE_TEXT, .text = old};
            df_condition condition = {.sql = "photo.path = ?", .values = &value, .n = 1};
            uint64_t *ids;
            size_t n;
            snprintf(old, sizeof old, "/photos/%u.jpg", gone);
            st = ops->select(s, &condition, &ids, &n, &err);
            if (st == DF_OK)
                st = ops->remove(s, ids, n, &err);
            free(ids);
        }
        if (st == DF_OK && number % 64 == 0)
            st = df__vectors_catch_up(v, number % 1024 == 0, &err);
        if (st == DF_OK && number % 4096 == 0)
            st = ops->vacuum(s, &err);
        if (st != DF_OK)
            failed("write", &err);
        struct timespec pause = {.tv_nsec = 2000000};
        nanosleep(&pause, NULL);
    }
    df__vectors_close(v);
    return NULL;
}

/* MB that are the process's own, without mapped files; 0 where the system does not tell. */
static double own_memory(void)
{
    char line[128];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %lf", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb / 1e3;
}

/* ms */
static double quantile(const latencies *l, double share)
{
    size_t i = 0, below = l->at[0];
    while (i + 1 < BUCKETS && (double)below < share * (double)l->n)
        below += l->at[++i];
    return 1e-3 * pow(1.05, (double)i);
}

TEST(eight_readers_and_a_writer)
{
    static df_error err;
    static double memory[PARTS];
    const char *asked = getenv("DF_READERS_SECONDS");
    pthread_t readers[READERS], writer;
    void *s;
    seconds = asked ? atof(asked) : 2;
    snprintf(path, sizeof path, "%s", store_test_path("readers"));
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_CREATE, &s, &err));
    for (uint32_t i = 0; i < START; i++)
        CHECK_OK(store_test_put(s, i, NULL, 1, &err));
    atomic_store(&done_to, START);
    begun = now();
    for (size_t i = 0; i < READERS; i++)
        CHECK(pthread_create(&readers[i], NULL, read_on, (void *)i) == 0);
    CHECK(pthread_create(&writer, NULL, write_on, s) == 0);
    while (now() - begun < seconds && !atomic_load(&stop)) {
        struct timespec pause = {.tv_nsec = 10000000};
        nanosleep(&pause, NULL);
        size_t part = (size_t)((now() - begun) / seconds * PARTS);
        memory[part < PARTS ? part : PARTS - 1] = own_memory();
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    pthread_join(writer, NULL);
    if (*failure) fail_msg("%s", failure);
    size_t faults;
    CHECK_OK(ops->check(s, NULL, NULL, &faults, &err));
    assert_int_equal(0, faults);
    ops->close(s);
    printf("%zu searches, %u photos written in %.0f s; median and 99th percentile of each tenth, ms, MB of memory:", atomic_load(&searches), atomic_load(&done_to) - START, seconds);
    for (size_t p = 0; p < PARTS; p++) {
        latencies all = {{0}, 0};
        for (size_t r = 0; r < READERS; r++) {
            all.n += parts[r][p].n;
            for (size_t i = 0; i < BUCKETS; i++)
                all.at[i] += parts[r][p].at[i];
        }
        printf(" %.2f/%.2f/%.1f", quantile(&all, 0.5), quantile(&all, 0.99), memory[p]);
    }
    printf("\n");
#if !defined(DF_SANITIZED) /* which hold freed memory back */
    CHECK(memory[PARTS - 1] < memory[1] + 20); /* nine handles' page caches of SQLite, 2 MB each, fill up; the matrix is no memory of ours */
#endif
    CHECK(atomic_load(&searches) > 20 && atomic_load(&done_to) > START);
}
