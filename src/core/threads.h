/* threads.h - run a loop on several threads. */
#ifndef DF_CORE_THREADS_H
#define DF_CORE_THREADS_H

#include <stdbool.h>
#include <stddef.h>

/* Cores this process may run on, at least 1. */
int df__cores(void);
/* Call fn(arg, i, worker) for i in [0, n), each once, worker in [0, threads) and never the same for two calls that run at one
 * time. Returns when all are done, and all that they wrote is seen by the caller. The calling thread is worker 0 and works from
 * the start; the others come from one pool of the process, of df__cores() - 1 threads at most (counted at the first loop), as
 * cores are free. It may be that none comes: no call of fn may wait for another one. At most 256 take part.
 * Any thread may call this at any time, also from within fn. With n or threads of 1 it is a plain loop.
 * A child of fork() has a pool of its own. One that is born within fn and goes on in the loop does only what nobody had begun. */
void df__parallel_for(size_t n, int threads, void (*fn)(void *arg, size_t i, int worker), void *arg);

/* Between the two a thread has its core, loop or no loop: what it does between loops is too short for a worker to come to somebody else's.
 * Within an item of a loop the thread has one already. Returns what df__leave_core() is to be given, in the same thread. */
bool df__keep_core(void);
void df__leave_core(bool kept);

#endif
