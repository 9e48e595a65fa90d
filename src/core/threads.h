/* threads.h - run a loop on several threads. */
#ifndef DF_CORE_THREADS_H
#define DF_CORE_THREADS_H

#include <stddef.h>

/* Cores this process may run on, at least 1. */
int df__cores(void);
/* Call fn(arg, i, worker) for i in [0, n), each once, worker in [0, threads). Returns when all are done. The calling thread
 * is worker 0; where a thread cannot be started the others do its share. */
void df__parallel_for(size_t n, int threads, void (*fn)(void *arg, size_t i, int worker), void *arg);

#endif
