/* kill -9 at random moments: a child registers, removes, vacuums, builds and compacts the matrix, and says what is done; it is killed; then everything
 * that it said is there, what it was at is there whole or not at all, every check is clean and opening takes no longer than it should.
 * DF_KILL_ROUNDS (60) says how often. */
#include <sys/wait.h>
#include <time.h>

#include "../store/store_test.h"

#include "gallery/vectors.h"

static const df_store_ops *const ops = &df__store_sqlite;
static df_error err;

enum { MOST = 400000, FACES = 2, ENOUGH = 2000 /* faces: above it more go than come */ };
typedef enum fate { ABSENT, THERE, PERHAPS } fate; /* of photo number i */
static unsigned char fates[MOST];
static uint32_t next_number, seed = 12345;
static size_t alive;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(seed >> 4) * below) >> 28);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void tell(int fd, char what, uint32_t number)
{
    uint32_t message[2] = {(uint32_t)what, number};
    if (write(fd, message, sizeof message) != sizeof message)
        _exit(1);
}

static bool note_id(void *user, const df_store_photo *p)
{
    *(uint64_t *)user = p->id;
    return true;
}

/* What the child does until it is killed: '+' before and 'a' after a photo is put, '-' before and 'r' after it is removed. */
static void child(const char *path, int fd)
{
    void *s;
    df_vectors *v;
    if (ops->open(path, &store_test_key, DF_STORE_CREATE, &s, &err) != DF_OK || df__vectors_open(ops, s, path, true, &v, &err) != DF_OK)
        _exit(2);
    const uint32_t puts = alive > ENOUGH ? 20 : 60;
    for (uint32_t number = next_number;; ) {
        uint32_t what = chance(100), old = chance(number + 1);
        df_status st = DF_OK;
        while (old < number && fates[old] != THERE)
            old++;
        if (what < puts) {
            tell(fd, '+', number);
            st = store_test_put(s, number, number % 3 ? "Ann" : NULL, FACES, &err);
            tell(fd, 'a', number++);
        } else if (what < 85 && fates[old] == THERE) {
            char photo[64];
            uint64_t id;
            bool found;
            fates[old] = ABSENT;
            snprintf(photo, sizeof photo, "/photos/%u.jpg", old);
            tell(fd, '-', old);
            st = ops->photo(s, photo, NULL, note_id, &id, &found, &err);
            if (st == DF_OK)
                st = ops->forget(s, &id, 1, &err);
            tell(fd, 'r', old);
        } else if (what < 93) {
            st = df__vectors_catch_up(v, what < 88, &err);
        } else if (what < 96) {
            st = df__vectors_begin(v, NULL, &err);
            if (st == DF_OK)
                df__vectors_end(v);
        } else if (what == 96) {
            st = ops->vacuum(s, &err);
        }
        if (st != DF_OK) {
            fprintf(stderr, "%s\n", err.message);
            _exit(3);
        }
    }
}

static void listen_to(int fd)
{
    uint32_t m[2];
    while (read(fd, m, sizeof m) == sizeof m) {
        CHECK(m[1] < MOST);
        if (m[0] == 'a')
            fates[m[1]] = THERE;
        else if (m[0] == 'r')
            fates[m[1]] = ABSENT;
        else
            fates[m[1]] = PERHAPS;
        if (m[1] >= next_number)
            next_number = m[1] + 1;
    }
}

static size_t seen[MOST];

static bool note_face(void *user, const df_store_record *r)
{
    float want[STORE_DIMS];
    uint32_t number;
    (void)user;
    memcpy(&number, r->photo->sha256, sizeof number);
    CHECK(number < MOST);
    store_test_vector(number * 10 + (uint32_t)seen[number], want);
    assert_memory_equal(want, r->face.vector, sizeof want);
    seen[number]++;
    return true;
}

static void tell_fault(void *user, const char *fault)
{
    (void)user;
    fprintf(stderr, "fault: %s\n", fault);
}

/* Everything that was acknowledged, nothing half. Gives the seconds that opening took, until an answer was there. */
static double verify(const char *path)
{
    void *s;
    df_vectors *v;
    uint64_t *ids;
    size_t n, faults, there = 0;
    df_hit hit;
    float query[STORE_DIMS];
    double begun = now();
    CHECK_OK(ops->open(path, &store_test_key, DF_STORE_CREATE, &s, &err));
    CHECK_OK(df__vectors_open(ops, s, path, true, &v, &err));
    store_test_vector(3, query);
    CHECK_OK(df__vectors_begin(v, NULL, &err));
    CHECK_OK(df__vectors_search(v, DF_COSINE, query, 1, 1, NULL, 1, &hit, &n, &err));
    size_t searched = df__vectors_count(v);
    df__vectors_end(v);
    double took = now() - begun;
    CHECK_OK(ops->check(s, tell_fault, NULL, &faults, &err));
    assert_int_equal(0, faults);
    CHECK_OK(df__vectors_check(v, tell_fault, NULL, &faults, &err));
    assert_int_equal(0, faults);
    memset(seen, 0, sizeof seen);
    CHECK_OK(ops->select(s, NULL, &ids, &n, &err));
    CHECK_OK(ops->faces(s, ids, n, true, note_face, NULL, &err));
    free(ids);
    for (uint32_t i = 0; i < next_number; i++) {
        if (seen[i] != 0 && seen[i] != FACES) fail_msg("photo %u has %zu of %d faces", i, seen[i], FACES);
        if (fates[i] == THERE && !seen[i]) fail_msg("photo %u was acknowledged and is gone", i);
        if (fates[i] == ABSENT && seen[i]) fail_msg("photo %u was removed and is there", i);
        fates[i] = seen[i] ? THERE : ABSENT;
        there += seen[i];
    }
    assert_int_equal(there, searched);
    alive = there;
    df__vectors_close(v);
    ops->close(s);
    return took;
}

TEST(nothing_acknowledged_is_lost_and_nothing_is_half)
{
    const char *asked = getenv("DF_KILL_ROUNDS"), *path = store_test_path("kill");
    int rounds = asked ? atoi(asked) : 60;
    double longest = 0;
    size_t changes = 0;
    for (int round = 0; round < rounds; round++) {
        int ends[2], status;
        CHECK(pipe(ends) == 0);
        uint32_t first = next_number;
        seed = 777u * (uint32_t)round + 1;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            close(ends[0]);
            child(path, ends[1]);
        }
        close(ends[1]);
        struct timespec pause = {.tv_nsec = (long)chance(60) * 1000000 + (long)chance(1000000)};
        nanosleep(&pause, NULL);
        CHECK(kill(pid, SIGKILL) == 0);
        listen_to(ends[0]);
        close(ends[0]);
        CHECK(waitpid(pid, &status, 0) == pid);
        if (!WIFSIGNALED(status)) fail_msg("round %d: the child ended by itself, %d", round, WEXITSTATUS(status));
        double took = verify(path);
        longest = took > longest ? took : longest;
        changes += next_number - first;
    }
    CHECK(rounds < 20 || changes > 20);
    printf("%d kills, %zu photos put meanwhile; the slowest opening, with an answer, took %.0f ms\n", rounds, changes, longest * 1e3);
}
