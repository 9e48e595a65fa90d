/* The pool is made to believe in `cores` cores and threads are refused on demand: the program is linked with --wrap. What needs a
 * fresh process is an act: the program runs itself with the act's name in the environment. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/threads.h"
#include "test.h"

enum { CORES = 8, PATIENCE_S = 60 };

static int         cores = CORES;
static atomic_bool refuse_threads;
static atomic_int  started, asked;

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    atomic_fetch_add(&asked, 1);
    if (atomic_load(&refuse_threads))
        return EAGAIN;
    atomic_fetch_add(&started, 1);
    return __real_pthread_create(id, attr, fn, arg);
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    (void)pid;
    CPU_ZERO_S(size, set);
    for (int i = 0; i < cores; i++)
        CPU_SET_S((size_t)i, size, set);
    return 0;
}

/* The thread sanitizer knows no threads that start in a child of fork(): there a child's loops run without help. */
#if defined(__SANITIZE_THREAD__)
enum { CHILD_HAS_HELP = false };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { CHILD_HAS_HELP = false };
#else
enum { CHILD_HAS_HELP = true };
#endif
#else
enum { CHILD_HAS_HELP = true };
#endif

static long ms_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_us(long us) { nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL); }

/* Exit status of a child; one that hangs is killed by its alarm, which is -1. */
static int status_of(pid_t child)
{
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int status_in_child(int (*fn)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        atomic_store(&refuse_threads, !CHILD_HAS_HELP);
        _exit(fn());
    }
    return status_of(child);
}

static int status_of_act(const char *act)
{
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return -1;
    program[n] = 0;
    fflush(NULL);
    setenv("DF_TEST_ACT", act, 1);
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        execl(program, program, (char *)NULL);
        _exit(-1);
    }
    unsetenv("DF_TEST_ACT");
    return status_of(child);
}

/* ---- one loop ---- */

enum { MOST_ITEMS = 1000, MOST_NUMBERS = 256 };
typedef struct seen {
    atomic_int times[MOST_ITEMS], busy[MOST_NUMBERS], calls[MOST_NUMBERS], shared, out_of_range;
    int        threads;
    long       us; /* that an item takes */
} seen;

static void mark(void *arg, size_t i, int worker)
{
    seen *s = arg;
    atomic_fetch_add(&s->times[i], 1);
    if (worker < 0 || worker >= MOST_NUMBERS || (worker > 0 && worker >= s->threads)) {
        atomic_fetch_add(&s->out_of_range, 1);
        return;
    }
    if (atomic_exchange(&s->busy[worker], 1))
        atomic_fetch_add(&s->shared, 1);
    atomic_fetch_add(&s->calls[worker], 1);
    if (s->us > 0)
        pause_us(s->us);
    atomic_store(&s->busy[worker], 0);
}

/* How many of n items were not done once, or under a wrong number. */
static int faults(seen *s, size_t n, int threads, long us)
{
    memset(s, 0, sizeof *s);
    s->threads = threads, s->us = us;
    df__parallel_for(n, threads, mark, s);
    int bad = atomic_load(&s->shared) + atomic_load(&s->out_of_range);
    for (size_t i = 0; i < MOST_ITEMS; i++)
        bad += atomic_load(&s->times[i]) != (i < n);
    return bad;
}

static int helped(seen *s) { return (int)(MOST_ITEMS - atomic_load(&s->calls[0])); }

TEST(every_index_is_visited_once_with_any_number_of_threads)
{
    int threads[] = {-1, 0, 1, 2, 8, 300, 100000};
    size_t items[] = {0, 1, 2, 1000};
    static seen s;
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
        for (size_t i = 0; i < sizeof items / sizeof *items; i++)
            assert_int_equal(faults(&s, items[i], threads[t], 0), 0);
}

TEST(other_threads_take_part_and_none_uses_a_number_that_is_in_use)
{
    static seen s;
    assert_int_equal(faults(&s, 1000, 4, 100), 0);
    CHECK(helped(&s) > 0);
    for (int w = 4; w < MOST_NUMBERS; w++)
        assert_int_equal(atomic_load(&s.calls[w]), 0);
}

TEST(there_is_at_least_one_core) { CHECK(df__cores() >= 1); }

static void add(void *arg, size_t i, int worker)
{
    (void)i, (void)worker;
    ++*(int *)arg; /* not atomic: all on one thread */
}

TEST(one_item_or_one_thread_is_a_plain_loop)
{
    int sum = 0;
    df__parallel_for(1, 8, add, &sum);
    df__parallel_for(100, 1, add, &sum);
    assert_int_equal(sum, 101);
}

static void square(void *arg, size_t i, int worker)
{
    (void)worker;
    ((size_t *)arg)[i] += i * i;
}

TEST(what_the_items_wrote_is_seen_after_the_loop)
{
    size_t squares[64] = {0};
    for (int loop = 0; loop < 500; loop++)
        df__parallel_for(64, 4, square, squares);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(squares[i], 500 * i * i);
}

/* ---- many callers ---- */

enum { CALLERS = 8, LOOPS = 200 };

static void *call_often(void *arg)
{
    int *bad = arg;
    seen *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    *bad = 0;
    for (int k = 0; k < LOOPS; k++)
        *bad += faults(s, (size_t)(k % 17), 2 + k % 7, k % 20 == 0 ? 50 : 0);
    free(s);
    return NULL;
}

static void run_callers(void *(*fn)(void *arg), int *bad)
{
    pthread_t id[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        bad[i] = -1;
        assert_int_equal(__real_pthread_create(&id[i], NULL, fn, &bad[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(id[i], NULL), 0);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(bad[i], 0);
}

TEST(many_callers_share_the_workers)
{
    int bad[CALLERS];
    run_callers(call_often, bad);
    CHECK(atomic_load(&started) <= CORES - 1);
}

static atomic_bool leave;
static atomic_int  keepers;

static void *keep_until_told(void *arg)
{
    bool kept = df__keep_core();
    *(int *)arg = !kept || df__keep_core();
    atomic_fetch_add(&keepers, 1);
    while (!atomic_load(&leave))
        sched_yield();
    df__leave_core(kept);
    return NULL;
}

static void keep_in_item(void *arg, size_t i, int worker)
{
    (void)i, (void)worker;
    if (df__keep_core())
        atomic_fetch_add((atomic_int *)arg, 1);
}

TEST(no_worker_comes_while_callers_keep_all_cores)
{
    static pthread_t id[CORES - 1];
    static int bad[CORES - 1];
    static seen s;
    atomic_int again = 0;
    for (int i = 0; i < CORES - 1; i++)
        assert_int_equal(__real_pthread_create(&id[i], NULL, keep_until_told, &bad[i]), 0);
    while (atomic_load(&keepers) < CORES - 1)
        sched_yield();
    bool kept = df__keep_core();
    CHECK(kept);
    assert_int_equal(faults(&s, MOST_ITEMS, 4, 20), 0);
    assert_int_equal(helped(&s), 0);
    atomic_store(&leave, true);
    for (int i = 0; i < CORES - 1; i++)
        assert_int_equal(pthread_join(id[i], NULL), 0);
    for (int i = 0; i < CORES - 1; i++)
        assert_int_equal(bad[i], 0);
    assert_int_equal(faults(&s, MOST_ITEMS, 4, 20), 0);
    CHECK(helped(&s) > 0);
    df__leave_core(kept);
    df__parallel_for(8, 4, keep_in_item, &again);
    assert_int_equal(atomic_load(&again), 0);
    kept = df__keep_core();
    CHECK(kept);
    df__leave_core(kept);
}

/* Callers that come and go while a long loop runs make its helpers leave early and come back. */
static void *call_long(void *arg)
{
    int *bad = arg;
    seen *s = malloc(sizeof *s);
    if (s)
        *bad = faults(s, 300, 6, 20);
    free(s);
    return NULL;
}

TEST(helpers_that_leave_early_return_their_numbers)
{
    int bad[CALLERS];
    for (int k = 0; k < 5; k++)
        run_callers(call_long, bad);
}

/* ---- loops within loops ---- */

typedef struct nest { int depth; atomic_int *leaves; } nest;

static void descend(void *arg, size_t i, int worker)
{
    nest *n = arg, inner = {n->depth - 1, n->leaves};
    (void)i, (void)worker;
    if (n->depth == 0)
        atomic_fetch_add(n->leaves, 1);
    else
        df__parallel_for(5, 4, descend, &inner);
}

static void *call_nested(void *arg)
{
    int *bad = arg;
    *bad = 0;
    for (int k = 0; k < 20; k++) {
        atomic_int leaves = 0;
        nest n = {2, &leaves};
        df__parallel_for(5, 4, descend, &n);
        *bad += atomic_load(&leaves) != 125;
    }
    return NULL;
}

TEST(loops_three_deep_from_many_callers_end)
{
    int bad[CALLERS];
    run_callers(call_nested, bad);
}

typedef struct pair { pthread_t caller; atomic_bool begun, on_worker; atomic_int by_caller; } pair;

static void inner_item(void *arg, size_t i, int worker)
{
    pair *p = arg;
    (void)i, (void)worker;
    if (pthread_equal(pthread_self(), p->caller))
        atomic_fetch_add(&p->by_caller, 1);
    pause_us(1000);
}

static void outer_item(void *arg, size_t i, int worker)
{
    pair *p = arg;
    if (i == 0) {
        for (long end = ms_now() + 10000; !atomic_load(&p->begun) && ms_now() < end;)
            pause_us(100);
        return;
    }
    atomic_store(&p->begun, true);
    atomic_store(&p->on_worker, worker == 1);
    df__parallel_for(200, 2, inner_item, p);
}

/* Two cores and two items, of which one has a loop inside: the thread that is done first helps there. */
static int wait_and_help(void)
{
    cores = 2;
    for (int k = 0; k < 100; k++) {
        pair p = {.caller = pthread_self()};
        df__parallel_for(2, 2, outer_item, &p);
        if (atomic_load(&p.on_worker)) /* and not the other way round */
            return atomic_load(&p.by_caller) > 0 ? 0 : 1;
    }
    return 2;
}

TEST(a_caller_that_waits_helps_with_the_loops_inside_its_items)
{
    assert_int_equal(status_of_act("wait_and_help"), 0);
}

/* ---- threads that cannot be started ---- */

static int refused_and_forgiven(void)
{
    static seen s;
    atomic_store(&refuse_threads, true);
    for (int k = 0; k < 50; k++)
        if (faults(&s, 1000, 8, 0) || helped(&s))
            return 1;
    if (atomic_load(&asked) != 1)
        return 2; /* it is not worth a try at every loop */
    atomic_store(&refuse_threads, false);
    for (long end = ms_now() + 10000; ms_now() < end;)
        if (faults(&s, 1000, 8, 0))
            return 3;
        else if (helped(&s))
            return 0;
    return 4;
}

TEST(loops_run_where_no_thread_can_be_started_and_get_help_later) 
{
    assert_int_equal(status_of_act("refused_and_forgiven"), 0);
}

/* ---- fork and exit ---- */

static int child_loops(void)
{
    static seen s;
    return faults(&s, 1000, 4, 50) ? 1 : (helped(&s) > 0) == CHILD_HAS_HELP ? 0 : 2;
}

/* Before the first loop: of two cores the thread that stays behind has one, its child none. */
static int fork_beside_a_keeper(void)
{
    pthread_t id;
    int bad;
    cores = 2;
    if (__real_pthread_create(&id, NULL, keep_until_told, &bad) != 0)
        return 3;
    while (atomic_load(&keepers) < 1)
        sched_yield();
    int status = status_in_child(child_loops);
    atomic_store(&leave, true);
    pthread_join(id, NULL);
    return status ? status : bad;
}

static int fork_by_a_keeper(void)
{
    cores = 2;
    bool kept = df__keep_core();
    int status = status_in_child(child_loops);
    df__leave_core(kept);
    return status;
}

TEST(a_child_keeps_no_core)
{
    assert_int_equal(status_of_act("fork_beside_a_keeper"), 0);
    assert_int_equal(status_of_act("fork_by_a_keeper"), 0);
}

TEST(a_child_has_a_pool_of_its_own)
{
    static seen s;
    assert_int_equal(faults(&s, 1000, 8, 0), 0);
    assert_int_equal(status_in_child(child_loops), 0);
    assert_int_equal(faults(&s, 1000, 8, 0), 0);
}

static atomic_bool stop;

static void *call_until_stopped(void *arg)
{
    int *bad = arg;
    seen *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    *bad = 0;
    while (!atomic_load(&stop))
        *bad += faults(s, 20, 4, 0);
    free(s);
    return NULL;
}

TEST(fork_while_other_threads_run_loops)
{
    pthread_t id[3];
    int bad[3] = {-1, -1, -1}, worst = 0;
    atomic_store(&stop, false);
    for (int i = 0; i < 3; i++)
        assert_int_equal(__real_pthread_create(&id[i], NULL, call_until_stopped, &bad[i]), 0);
    for (int k = 0; k < 10 && !worst; k++)
        worst = status_in_child(child_loops);
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(id[i], NULL);
        assert_int_equal(bad[i], 0);
    }
    assert_int_equal(worst, 0);
}

/* Does `act` in one item, by the caller or by a worker. */
typedef struct deed { bool by_worker; void (*act)(struct deed *); atomic_bool done; atomic_int status; } deed;

static void do_deed(void *arg, size_t i, int worker)
{
    deed *d = arg;
    (void)i;
    if ((worker > 0) == d->by_worker && !atomic_exchange(&d->done, true))
        d->act(d);
    else
        pause_us(100);
}

static void fork_and_loop(deed *d) { atomic_store(&d->status, status_in_child(child_loops)); }

TEST(fork_within_an_item)
{
    for (int by_worker = 0; by_worker < 2; by_worker++) {
        deed d = {.by_worker = by_worker, .act = fork_and_loop, .status = -3};
        df__parallel_for(2000, 4, do_deed, &d);
        assert_int_equal(atomic_load(&d.status), 0);
    }
}

static pid_t born;

static void become_child(deed *d)
{
    born = fork();
    atomic_store(&d->status, born < 0);
}

TEST(a_child_born_in_an_item_of_its_caller_comes_to_the_end_of_the_loop)
{
    deed d = {.act = become_child, .status = -3};
    fflush(NULL);
    df__parallel_for(2000, 4, do_deed, &d);
    if (born == 0) {
        alarm(PATIENCE_S);
        atomic_store(&refuse_threads, !CHILD_HAS_HELP);
        _exit(child_loops());
    }
    assert_int_equal(status_of(born), 0);
}

static void leave_process(deed *d)
{
    (void)d;
    exit(3);
}

static int exit_in_item(bool by_worker)
{
    deed d = {.by_worker = by_worker, .act = leave_process};
    df__parallel_for(100000, 4, do_deed, &d);
    return 1;
}

static int exit_by_caller(void) { return exit_in_item(false); }
static int exit_by_worker(void) { return exit_in_item(true); }

static int exit_after_loops(void)
{
    static seen s;
    return faults(&s, 1000, 4, 50) || !helped(&s) ? 1 : 3;
}

static bool loop_at_the_end;

/* The lowest number runs last, after the pool has closed. */
__attribute__((destructor(101))) static void last_destructor(void)
{
    static seen s;
    if (loop_at_the_end)
        _exit(faults(&s, 1000, 4, 0) || helped(&s) ? 1 : 3);
}

static int loops_after_the_pool(void)
{
    loop_at_the_end = true;
    return exit_after_loops();
}

TEST(exit_ends_the_process_from_anywhere)
{
    assert_int_equal(status_of_act("exit_by_caller"), 3);
    assert_int_equal(status_of_act("exit_by_worker"), 3);
    assert_int_equal(status_of_act("exit_after_loops"), 3);
    assert_int_equal(status_of_act("loops_after_the_pool"), 3);
}

/* ---- the acts ---- */

__attribute__((constructor)) static void run_act(void)
{
#define ACT(fn) {#fn, fn}
    static const struct { const char *name; int (*fn)(void); } acts[] = {
        ACT(wait_and_help), ACT(refused_and_forgiven), ACT(exit_by_caller), ACT(exit_by_worker), ACT(exit_after_loops), ACT(loops_after_the_pool), ACT(fork_beside_a_keeper),
        ACT(fork_by_a_keeper)};
    const char *act = getenv("DF_TEST_ACT");
    for (size_t i = 0; act && i < sizeof acts / sizeof *acts; i++)
        if (strcmp(act, acts[i].name) == 0)
            exit(acts[i].fn());
}
