#include <stdatomic.h>

#include "core/threads.h"
#include "test.h"

typedef struct seen { atomic_int times[1000]; atomic_int worst; } seen;

static void mark(void *arg, size_t i, int worker)
{
    seen *s = arg;
    atomic_fetch_add(&s->times[i], 1);
    if (worker > atomic_load(&s->worst))
        atomic_store(&s->worst, worker);
}

TEST(every_index_is_visited_once_with_any_number_of_threads)
{
    int counts[] = {-1, 0, 1, 2, 8, 100000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        static seen s;
        memset(&s, 0, sizeof s);
        df__parallel_for(1000, counts[c], mark, &s);
        for (size_t i = 0; i < 1000; i++)
            assert_int_equal(atomic_load(&s.times[i]), 1);
        CHECK(atomic_load(&s.worst) < (counts[c] > 1 ? counts[c] : 1));
    }
}

TEST(there_is_at_least_one_core) { CHECK(df__cores() >= 1); }
