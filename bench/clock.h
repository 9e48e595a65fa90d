/* clock.h - the clocks of benchmarks, in milliseconds. */
#ifndef DF_BENCH_CLOCK_H
#define DF_BENCH_CLOCK_H

#include <time.h>

static inline double clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static inline double now_ms(void) { return clock_ms(CLOCK_MONOTONIC); }
/* Of the processor, for this thread: what else runs on the machine does not count. */
static inline double spent_ms(void) { return clock_ms(CLOCK_THREAD_CPUTIME_ID); }

#endif
