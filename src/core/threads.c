/* threads.c - loops on one pool of POSIX threads for the whole process.
 *
 * A loop lies on its caller's stack and hangs in the pool's list while it runs. The caller takes items from the start, a worker
 * of the pool that has nothing to do enters the loop that has the fewest helpers; all draw items from one counter. So a caller
 * waits only for items that somebody has begun, and loops within loops cannot wait for each other in a circle.
 *
 * Cores: `active` counts threads with items in hand, callers too, and those that keep their core between loops. A worker enters
 * a loop only where a core is left, and gives its place back between two items when new callers have taken the cores.
 *
 * Waiting: layers of a network follow each other within microseconds, and a sleeping thread needs tens of them to get up. A
 * worker without a loop, and a caller whose helpers have an item left, therefore stay awake for SPIN_NS while there is a core
 * to spare, and sleep after that.
 *
 * The lock guards the list, places in loops and who sleeps. What is atomic beside it is read without it. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sched_getaffinity: a process pinned by taskset has fewer cores than the machine */
#endif
#include "core/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_THREADS = 256,
    SPIN_NS = 200000,      /* a sleeping worker took 20 to 60 microseconds to begin, on a virtual machine of two cores; layers too small to share take as long, and several may follow each other */
    POLLS = 32,            /* looks between two readings of the clock, about a microsecond */
    LOCK_TRIES = 200,      /* the lock is held for tens of nanoseconds: sleeping on it would cost a hundred times that */
    OFFERS_REFUSED = 1000, /* loops until a thread that could not be started is tried again */
    WAITING = 1 << 30,     /* in loop.helpers: the caller sleeps until they have left */
};

typedef struct loop {
    atomic_size_t  next;
    size_t         n;
    void         (*fn)(void *arg, size_t i, int worker);
    void          *arg;
    int            threads;
    unsigned       generation;            /* of the pool that it was offered to */
    struct loop   *parent;                /* the loop whose item called this one */
    struct loop   *older, *newer;         /* in the pool's list */
    atomic_int     helpers;               /* workers inside, and WAITING */
    atomic_bool    below;                 /* a loop was offered from within one of its items */
    pthread_cond_t wake_caller;
    int            numbers, n_returned;   /* worker numbers given so far; those given back by workers who left early */
    unsigned char  returned[MAX_THREADS];
} loop;

typedef struct worker {
    pthread_t   id;
    atomic_bool inside; /* a loop */
} worker;

static struct pool {
    pthread_mutex_t lock;
    pthread_cond_t  wake_worker;
    loop           *oldest, *newest;
    int             cores, n_workers, asleep, calls, refused;
    bool            ready, closed;
    unsigned        generation; /* 1 more in each child of fork(); never changes while other threads run */
    worker          workers[MAX_THREADS];
    _Alignas(64) atomic_uint offers; /* changes with each loop: what idle workers watch */
    _Alignas(64) atomic_int active;  /* threads with items in hand */
    atomic_int      looking;         /* workers awake without a loop */
    atomic_int      reserve;         /* workers asleep or not started yet */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake_worker = PTHREAD_COND_INITIALIZER};

/* The loop whose item this thread is in. The model is one that never asks the dynamic loader for memory: dlclose() holds the
 * loader's lock while close_pool waits for workers. */
static _Thread_local __attribute__((tls_model("initial-exec"))) loop *current;
static _Thread_local __attribute__((tls_model("initial-exec"))) bool keeping; /* its core, between loops */

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

/* ---- short waits ---- */

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* `yield` is a no-op on most cores, this waits about as long as x86's pause */
#endif
}

static void lock(void)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (pthread_mutex_trylock(&pool.lock) == 0)
            return;
        relax();
    }
    pthread_mutex_lock(&pool.lock);
}

static void unlock(void) { pthread_mutex_unlock(&pool.lock); }

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* How long a thread has been spinning. Starts as {0}. */
typedef struct patience { int64_t until; int polls; bool over; } patience;

static bool patient(patience *p)
{
    relax();
    if (p->over || p->polls++ % POLLS)
        return !p->over;
    int64_t now = now_ns();
    if (p->until == 0)
        p->until = now + SPIN_NS;
    p->over = now >= p->until || atomic_load(&pool.active) + atomic_load(&pool.looking) > pool.cores;
    return !p->over;
}

/* ---- a place in a loop ---- */

static int helpers_of(loop *l) { return atomic_load(&l->helpers) & ~WAITING; }

static bool is_within(const loop *l, const loop *outer)
{
    while (l && l != outer)
        l = l->parent;
    return l != NULL;
}

/* Under the lock: the loop to help; with `above`, only those that its caller waits for. NULL where there is none or no core. */
static loop *neediest(const loop *above)
{
    loop *best = NULL;
    /* A caller has its core already. */
    if (pool.closed || atomic_load(&pool.active) >= pool.cores + (above ? 1 : 0))
        return NULL;
    for (loop *l = pool.oldest; l; l = l->newer)
        if (atomic_load(&l->next) < l->n && (l->numbers < l->threads || l->n_returned) && (!above || is_within(l->parent, above)) &&
            (!best || helpers_of(l) < helpers_of(best)))
            best = l;
    return best;
}

/* Under the lock. Returns the worker's number. */
static int enter(loop *l)
{
    atomic_fetch_add(&l->helpers, 1);
    return l->n_returned ? l->returned[--l->n_returned] : l->numbers++;
}

/* After this the loop may be gone. */
static void leave(loop *l, int number)
{
    if (atomic_load(&l->next) < l->n) {
        lock();
        l->returned[l->n_returned++] = (unsigned char)number;
        unlock();
    }
    int h = atomic_load(&l->helpers);
    while (!(h & WAITING))
        if (atomic_compare_exchange_weak(&l->helpers, &h, h - 1))
            return;
    lock();
    pthread_cond_signal(&l->wake_caller);
    atomic_fetch_sub(&l->helpers, 1);
    unlock();
}

/* A helper's items: until there are none or new callers have taken the core. False in a child of fork() that was born in an item:
 * the loop's caller does not exist there, the loop is not to be touched. */
static bool help(loop *l, int number)
{
    loop *outer = current;
    unsigned generation = pool.generation;
    current = l;
    while (atomic_load(&pool.active) <= pool.cores) {
        size_t i = atomic_fetch_add(&l->next, 1);
        if (i >= l->n)
            break;
        l->fn(l->arg, i, number);
        if (generation != pool.generation)
            return false;
    }
    current = outer;
    return true;
}

/* ---- workers ---- */

/* Under the lock: until somebody calls. Who calls counts the worker as looking again. */
static void sleep_until_called(void)
{
    atomic_fetch_sub(&pool.looking, 1);
    atomic_fetch_add(&pool.reserve, 1);
    pool.asleep++;
    while (pool.calls == 0 && !pool.closed)
        pthread_cond_wait(&pool.wake_worker, &pool.lock);
    pool.calls -= pool.calls > 0;
}

static void *worker_main(void *arg)
{
    worker *me = arg;
    for (patience p = {0};;) {
        unsigned seen = atomic_load(&pool.offers);
        lock();
        if (pool.closed)
            break;
        loop *l = neediest(NULL);
        if (l) {
            int number = enter(l);
            atomic_fetch_add(&pool.active, 1);
            atomic_fetch_sub(&pool.looking, 1);
            atomic_store(&me->inside, true);
            unlock();
            if (!help(l, number))
                return NULL;
            atomic_fetch_add(&pool.looking, 1);
            atomic_fetch_sub(&pool.active, 1);
            atomic_store(&me->inside, false); /* before the caller may return and unload the library */
            leave(l, number);
            p = (patience){0};
        } else if (p.over) {
            sleep_until_called();
            unlock();
            p = (patience){0};
        } else {
            unlock();
            while (atomic_load(&pool.offers) == seen && patient(&p)) {}
        }
    }
    unlock();
    return NULL;
}

static int not_started(void) { return pool.cores - 1 - pool.n_workers; }

/* Under the lock. A refusal takes those that are not started out of the reserve, until forgive() puts them back. */
static bool start_worker(void)
{
    if (not_started() <= 0 || pool.refused)
        return false;
    worker *w = &pool.workers[pool.n_workers];
    if (pthread_create(&w->id, NULL, worker_main, w) != 0) {
        pool.refused = OFFERS_REFUSED;
        atomic_fetch_sub(&pool.reserve, not_started());
        return false;
    }
    pool.n_workers++;
    return true;
}

static void forgive(void)
{
    if (pool.refused && --pool.refused == 0)
        atomic_fetch_add(&pool.reserve, not_started());
}

/* Under the lock: call up to `most` workers that are asleep or not started, as far as there are cores beside the threads that are
 * awake. Returns how many sleepers the caller has to wake with wake() after the lock. */
static int call_workers(int most)
{
    int looking = atomic_load(&pool.looking), spare = pool.cores - atomic_load(&pool.active) - looking;
    int want = most - looking < spare ? most - looking : spare;
    if (want <= 0 || pool.closed)
        return 0;
    int woken = want < pool.asleep ? want : pool.asleep, called = woken;
    pool.asleep -= woken, pool.calls += woken;
    while (called < want && start_worker())
        called++;
    atomic_fetch_add(&pool.looking, called);
    atomic_fetch_sub(&pool.reserve, called);
    return woken;
}

static void wake(int workers)
{
    for (int i = 0; i < workers; i++)
        pthread_cond_signal(&pool.wake_worker);
}

/* ---- the pool's life ---- */

static void count_cores(void)
{
    int cores = df__cores();
    pool.cores = cores < MAX_THREADS ? cores : MAX_THREADS;
    atomic_store(&pool.reserve, pool.cores - 1);
}

static void before_fork(void) { lock(); }

static void after_fork(void) { unlock(); }

/* Only the thread that forked lives on, in no loop of this pool. */
static void in_child(void)
{
    pool.wake_worker = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    pool.oldest = pool.newest = NULL;
    pool.n_workers = pool.asleep = pool.calls = pool.refused = 0;
    pool.generation++;
    atomic_store(&pool.active, 0);
    atomic_store(&pool.looking, 0);
    count_cores();
    current = NULL;
    keeping = false;
    unlock();
}

static void open_pool(void)
{
    count_cores();
    pool.ready = pthread_atfork(before_fork, after_fork, in_child) == 0;
}

static bool is_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_pool);
    return pool.ready;
}

/* At exit and at dlclose(), whose code must not go while a worker runs it. A worker that is inside a loop is not waited for: after
 * dlclose() there is none, and exit() may have been called in one of the loop's items. */
__attribute__((destructor)) static void close_pool(void)
{
    pthread_t idle[MAX_THREADS];
    int n = 0;
    lock();
    pool.closed = true;
    for (int i = 0; i < pool.n_workers; i++)
        if (!atomic_load(&pool.workers[i].inside))
            idle[n++] = pool.workers[i].id;
    atomic_fetch_add(&pool.offers, 1);
    pthread_cond_broadcast(&pool.wake_worker);
    unlock();
    for (int i = 0; i < n; i++)
        pthread_join(idle[i], NULL);
}

/* ---- callers ---- */

static void offer(loop *l)
{
    lock();
    l->generation = pool.generation;
    l->parent = current;
    l->older = pool.newest;
    *(pool.newest ? &pool.newest->newer : &pool.oldest) = l;
    pool.newest = l;
    if (!l->parent && !keeping)
        atomic_fetch_add(&pool.active, 1);
    for (loop *p = l->parent; p; p = p->parent) {
        atomic_store(&p->below, true);
        if (atomic_load(&p->helpers) & WAITING)
            pthread_cond_signal(&p->wake_caller);
    }
    forgive();
    int woken = call_workers((l->n < (size_t)l->threads ? (int)l->n : l->threads) - 1);
    unlock();
    atomic_fetch_add(&pool.offers, 1);
    wake(woken);
}

static void withdraw(loop *l)
{
    lock();
    *(l->older ? &l->older->newer : &pool.oldest) = l->newer;
    *(l->newer ? &l->newer->older : &pool.newest) = l->older;
    unlock();
}

/* The caller's items. Between two of them it calls a worker when other callers have left a core meanwhile. */
static void work(loop *l)
{
    for (size_t i; (i = atomic_fetch_add(&l->next, 1)) < l->n;) {
        if (i + 1 < l->n && atomic_load(&pool.reserve) > 0 && helpers_of(l) < l->threads - 1 && l->generation == pool.generation &&
            atomic_load(&pool.active) + atomic_load(&pool.looking) < pool.cores) {
            lock();
            int woken = call_workers(1);
            unlock();
            wake(woken);
        }
        l->fn(l->arg, i, 0);
    }
}

static void wait_for_helpers(loop *l)
{
    for (patience p = {0};;) {
        while (atomic_load(&l->helpers) && !atomic_load(&l->below) && patient(&p)) {}
        if (atomic_load(&l->helpers) == 0)
            return;
        lock();
        atomic_store(&l->below, false);
        loop *inner = neediest(l);
        if (inner) {
            int number = enter(inner);
            unlock();
            if (!help(inner, number))
                return;
            leave(inner, number);
            p = (patience){0};
        } else {
            if (p.over) {
                atomic_fetch_sub(&pool.active, 1);
                atomic_fetch_or(&l->helpers, WAITING);
                while (helpers_of(l) && !atomic_load(&l->below))
                    pthread_cond_wait(&l->wake_caller, &pool.lock);
                atomic_fetch_and(&l->helpers, ~WAITING);
                atomic_fetch_add(&pool.active, 1);
            }
            unlock();
        }
    }
}

void df__parallel_for(size_t n, int threads, void (*fn)(void *arg, size_t i, int worker), void *arg)
{
    if (n <= 1 || threads <= 1 || !is_open() || pool.cores <= 1) {
        for (size_t i = 0; i < n; i++)
            fn(arg, i, 0);
        return;
    }
    loop l = {.n = n, .fn = fn, .arg = arg, .numbers = 1, .wake_caller = PTHREAD_COND_INITIALIZER};
    l.threads = threads < MAX_THREADS ? threads : MAX_THREADS;
    offer(&l);
    loop *outer = current;
    current = &l;
    work(&l);
    if (l.generation == pool.generation) {
        current = outer;
        withdraw(&l);
        wait_for_helpers(&l);
        if (l.generation == pool.generation && !l.parent && !keeping)
            atomic_fetch_sub(&pool.active, 1);
    }
    pthread_cond_destroy(&l.wake_caller);
}

bool df__keep_core(void)
{
    if (current || keeping || !is_open()) /* open: a child of fork() forgets whom it has left behind */
        return false;
    atomic_fetch_add(&pool.active, 1);
    return keeping = true;
}

void df__leave_core(bool kept)
{
    if (!kept || !keeping) /* a child of fork() keeps none */
        return;
    keeping = false;
    atomic_fetch_sub(&pool.active, 1);
}
