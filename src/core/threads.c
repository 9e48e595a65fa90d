/* threads.c - a loop over plain POSIX threads. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity: a process pinned by taskset has fewer cores than the machine */
#endif
#include "core/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MAX_THREADS = 256 };

int df__cores(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

typedef struct loop {
    atomic_size_t next;
    size_t        n;
    void        (*fn)(void *arg, size_t i, int worker);
    void         *arg;
} loop;

typedef struct worker { loop *of; int number; } worker;

static void *work(void *arg)
{
    worker *w = arg;
    for (;;) {
        size_t i = atomic_fetch_add(&w->of->next, 1);
        if (i >= w->of->n)
            return NULL;
        w->of->fn(w->of->arg, i, w->number);
    }
}

void df__parallel_for(size_t n, int threads, void (*fn)(void *arg, size_t i, int worker), void *arg)
{
    loop l = {.n = n, .fn = fn, .arg = arg};
    atomic_init(&l.next, 0);
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    if (threads > 0 && (size_t)threads > n)
        threads = (int)n;
    pthread_t id[MAX_THREADS];
    worker    w[MAX_THREADS];
    int       started = 0;
    w[0] = (worker){&l, 0};
    for (int i = 1; i < threads; i++) {
        w[i] = (worker){&l, i};
        if (pthread_create(&id[i], NULL, work, &w[i]) != 0)
            break;
        started = i;
    }
    work(&w[0]);
    for (int i = 1; i <= started; i++)
        pthread_join(id[i], NULL);
}
