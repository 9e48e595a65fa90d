/* Random cascades on random pictures against a reading of the definition that sums pixel by pixel, one window after the other. The real
 * cascades against OpenCV are in tests/golden. */
#include "random_cascade.h"

/* ---- the definition ---- */

typedef struct picture { int width, height; uint8_t *data; } picture;

static double part_of(int i, int to, int from, int *first)
{
    double at = 1 / ((double)to / from) * (i + 0.5) - 0.5;
    *first = at < 0 ? 0 : at >= from - 1 ? from - 1 : (int)floor(at);
    return at < 0 || at >= from - 1 ? 0 : rint((at - *first) * 256);
}

static picture scaled(picture p, int width, int height)
{
    picture q = {width, height, malloc((size_t)(width * height))};
    CHECK(q.data != NULL);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int i, j;
            double b = part_of(y, height, p.height, &j), a = part_of(x, width, p.width, &i);
            int i1 = i + (i + 1 < p.width), j1 = j + (j + 1 < p.height);
            double v = (256 - a) * (256 - b) * p.data[j * p.width + i] + a * (256 - b) * p.data[j * p.width + i1] +
                       (256 - a) * b * p.data[j1 * p.width + i] + a * b * p.data[j1 * p.width + i1];
            q.data[y * width + x] = (uint8_t)floor(v / 65536 + 0.5);
        }
    return q;
}

static double block(picture p, int x, int y, int w, int h, bool squared)
{
    double sum = 0;
    for (int j = y; j < y + h; j++)
        for (int i = x; i < x + w; i++)
            sum += squared ? (double)p.data[j * p.width + i] * p.data[j * p.width + i] : p.data[j * p.width + i];
    return sum;
}

/* Pixels of the cone whose tip is the corner (x, y): Lienhart & Maydt 2002, rotated summed area table. */
static double cone(picture p, int x, int y)
{
    double sum = 0;
    for (int j = 0; j < y && j < p.height; j++)
        for (int i = 0; i < p.width; i++)
            if (abs(i - x + 1) <= y - j - 1)
                sum += p.data[j * p.width + i];
    return sum;
}

static double feature(picture p, const df_haar_feature *f, int x, int y)
{
    double sum = 0;
    for (int i = 0; i < f->rects; i++) {
        df_haar_rect q = f->rect[i];
        q.x += x, q.y += y;
        sum += q.weight * (f->tilted ? cone(p, q.x, q.y) - cone(p, q.x - q.h, q.y + q.h) - cone(p, q.x + q.w, q.y + q.w) +
                                           cone(p, q.x + q.w - q.h, q.y + q.w + q.h)
                                     : block(p, q.x, q.y, q.w, q.h, false));
    }
    return sum;
}

/* How many stages the window passes, -1 where it is flat. */
static int passed(const df_cascade *c, picture p, int x, int y, double *sum)
{
    double area = (WIDTH - 2) * (HEIGHT - 2), s = block(p, x + 1, y + 1, WIDTH - 2, HEIGHT - 2, false);
    double v = area * block(p, x + 1, y + 1, WIDTH - 2, HEIGHT - 2, true) - s * s;
    if (!(v > 0) || !(area * (double)(float)(1 / sqrt(v)) < 0.1))
        return -1;
    float scale = (float)(1 / sqrt(v));
    for (size_t i = 0; i < c->n_stages; i++) {
        *sum = 0;
        for (size_t t = c->stages[i].tree; t < c->stages[i].tree + c->stages[i].trees; t++) {
            int k = 0;
            do {
                const df_cascade_node *n = &c->nodes[c->trees[t].node + (size_t)k];
                k = (float)feature(p, &c->features[n->feature], x, y) * scale < n->threshold ? n->left : n->right;
            } while (k > 0);
            *sum += (double)c->leaves[c->trees[t].leaf + (size_t)-k];
        }
        if (*sum < (double)c->stages[i].threshold)
            return (int)i;
    }
    return (int)c->n_stages;
}

static size_t by_definition(const df_cascade *c, picture p, double factor, df_haar_box *out)
{
    size_t n = 0;
    int threads = (p.width - WIDTH + 1 + 31) / 32; /* what OpenCV would deal the rows of each scale out to */
    for (double f = 1; lrint(WIDTH * f) <= p.width && lrint(HEIGHT * f) <= p.height; f *= factor) {
        float s = (float)f;
        int step = s >= 2 ? 1 : 2;
        picture q = scaled(p, (int)lrintf((float)p.width / s), (int)lrintf((float)p.height / s));
        int rows = q.height - HEIGHT + 1, each = (rows / step + threads - 1) / threads;
        for (int y = 0; y < rows && y < threads * (each > 1 ? each : 1) * step; y += step)
            for (int x = 0; x < q.width - WIDTH + 1; x += step) {
                double sum = 0;
                int stages = passed(c, q, x, y, &sum);
                if (stages == (int)c->n_stages)
                    out[n++] = (df_haar_box){(int)lrintf((float)x * s), (int)lrintf((float)y * s), (int)lrintf(WIDTH * s),
                                             (int)lrintf(HEIGHT * s), sum};
                else if (stages == 0)
                    x += step;
            }
        free(q.data);
    }
    return n;
}

static size_t compare(kind k, int width, int height, double factor)
{
    static df_haar_box want[1 << 14];
    df_cascade *c = random_cascade(k);
    df_haar *h;
    df_arena scratch = {0};
    df_haar_boxes got = {0};
    picture p = {width, height, malloc((size_t)(width * height))};
    CHECK(p.data != NULL);
    random_picture(p.data, width, height);
    size_t n = by_definition(c, p, factor, want);
    CHECK_OK(df__haar_new(c, &h, &err));
    CHECK_OK(df__haar_windows(h, (df_grey){width, height, (size_t)width, p.data}, factor, 1, &scratch, &got, &err));
    assert_int_equal(got.n, n);
    for (size_t i = 0; i < n; i++) {
        const df_haar_box *a = &want[i], *b = &got.items[i];
        if (a->x != b->x || a->y != b->y || a->w != b->w || a->h != b->h || a->weight != b->weight)
            fail_msg("window %zu is %d %d %d %d (%.17g), not %d %d %d %d (%.17g)", i, b->x, b->y, b->w, b->h, b->weight, a->x, a->y, a->w, a->h, a->weight);
    }
    df__haar_boxes_free(&got);
    df__haar_free(h);
    df__cascade_free(c);
    df__arena_free(&scratch);
    free(p.data);
    return n;
}

static void compare_many(kind k)
{
    size_t windows = 0;
    for (uint32_t seed = 0; seed < 40; seed++) {
        state = seed;
        windows += compare(k, WIDTH + random_below(40), HEIGHT + random_below(40), 1.1 + random_below(8) * 0.1);
    }
    print_message("%zu windows\n", windows);
    CHECK(windows > 1000);
}

TEST(stumps_find_the_windows_of_the_definition) { compare_many((kind){false, false}); }
TEST(tilted_features_find_the_windows_of_the_definition) { compare_many((kind){false, true}); }
TEST(trees_find_the_windows_of_the_definition) { compare_many((kind){true, true}); }

TEST(a_picture_of_the_windows_size_has_one_window_and_a_smaller_one_none)
{
    df_arena scratch = {0};
    df_haar_boxes got = {0};
    df_haar *h;
    uint8_t px[WIDTH * HEIGHT];
    state = 3;
    for (size_t i = 0; i < 20; i++) {
        compare((kind){false, false}, WIDTH, HEIGHT, 1.1);
        compare((kind){false, false}, WIDTH + 1, HEIGHT, 1.1);
    }
    df_cascade *c = random_cascade((kind){false, false});
    CHECK_OK(df__haar_new(c, &h, &err));
    random_picture(px, WIDTH, HEIGHT);
    CHECK_OK(df__haar_windows(h, (df_grey){WIDTH - 1, HEIGHT, WIDTH, px}, 1.1, 2, &scratch, &got, &err));
    CHECK_OK(df__haar_windows(h, (df_grey){WIDTH, HEIGHT - 1, WIDTH, px}, 1.1, 2, &scratch, &got, &err));
    assert_int_equal(got.n, 0);
    memset(px, 77, sizeof px); /* a flat window passes nothing */
    CHECK_OK(df__haar_windows(h, (df_grey){WIDTH, HEIGHT, WIDTH, px}, 1.1, 2, &scratch, &got, &err));
    assert_int_equal(got.n, 0);
    df__haar_free(h);
    df__cascade_free(c);
    df__arena_free(&scratch);
}

/* ---- groups ---- */

static void group_of(const df_haar_box *items, size_t n, int neighbours, df_haar_boxes *out)
{
    df_arena scratch = {0};
    *out = (df_haar_boxes){malloc(n * sizeof *items), n, n};
    CHECK(out->items != NULL);
    memcpy(out->items, items, n * sizeof *items);
    CHECK_OK(df__haar_group(out, neighbours, &scratch, &err));
    df__arena_free(&scratch);
}

TEST(like_windows_become_their_mean_with_the_largest_weight)
{
    static const df_haar_box items[] = {{10, 10, 20, 20, 1.5}, {12, 10, 20, 20, 4.5}, {11, 12, 21, 21, -1}, {100, 100, 20, 20, 9}};
    df_haar_boxes b;
    group_of(items, 4, 2, &b);
    assert_int_equal(b.n, 1);
    /* means 11, 10.67, 20.33, 20.33; the window far off has too few neighbours */
    CHECK(b.items[0].x == 11 && b.items[0].y == 11 && b.items[0].w == 20 && b.items[0].h == 20 && b.items[0].weight == 4.5);
    df__haar_boxes_free(&b);
    group_of(items, 4, 3, &b);
    assert_int_equal(b.n, 0);
    df__haar_boxes_free(&b);
    group_of(items, 4, 0, &b);
    assert_int_equal(b.n, 4);
    df__haar_boxes_free(&b);
}

TEST(means_are_rounded_half_to_even)
{
    static const df_haar_box items[] = {{1, 2, 30, 30, 0}, {2, 3, 30, 31, 0}};
    df_haar_boxes b;
    group_of(items, 2, 1, &b);
    CHECK(b.n == 1 && b.items[0].x == 2 && b.items[0].y == 2 && b.items[0].w == 30 && b.items[0].h == 30);
    df__haar_boxes_free(&b);
}

TEST(a_chain_of_like_windows_is_one_group)
{
    df_haar_box items[8];
    df_haar_boxes b;
    for (int i = 0; i < 8; i++)
        items[i] = (df_haar_box){4 * (3 * i % 8), 0, 20, 20, 0}; /* each is 4 from the next, out of order */
    group_of(items, 8, 7, &b);
    assert_int_equal(b.n, 1);
    df__haar_boxes_free(&b);
}

TEST(groups_come_in_the_order_of_their_first_windows_and_small_ones_inside_larger_ones_go)
{
    df_haar_box items[11];
    df_haar_boxes b;
    items[0] = items[1] = (df_haar_box){500, 500, 20, 20, 0};
    items[2] = items[3] = (df_haar_box){40, 40, 20, 20, 0}; /* inside the next, which more than three windows stand for */
    for (int i = 4; i < 11; i++)
        items[i] = (df_haar_box){10, 10, 100, 100, 0};
    group_of(items, 11, 1, &b);
    CHECK(b.n == 2 && b.items[0].x == 500 && b.items[1].x == 10);
    df__haar_boxes_free(&b);
}

/* ---- grey ---- */

TEST(grey_is_opencvs)
{
    /* cv2.cvtColor(BGR2GRAY) of OpenCV 4.14 */
    static const uint8_t rgb[][3] = {{255, 255, 255}, {255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {1, 2, 3}, {200, 100, 50}, {0, 0, 0}};
    static const uint8_t want[] = {255, 76, 150, 29, 2, 124, 0};
    uint8_t got[7];
    df__grey_fill((df_pixels){7, 1, 21, (uint8_t *)(uintptr_t)rgb}, got, 7);
    for (int i = 0; i < 7; i++)
        assert_int_equal(got[i], want[i]);
}

/* ---- allocations ---- */

TEST(every_allocation_may_fail)
{
    enum { SIDE = 60 };
    static uint8_t px[SIDE * SIDE];
    size_t n = 1;
    state = 1;
    random_picture(px, SIDE, SIDE);
    df_cascade *c = random_cascade((kind){true, true});
    for (;; n++) {
        df_haar *h = NULL;
        df_arena scratch = {0};
        df_haar_boxes boxes = {0};
        test_alloc_fail_at(n);
        df_status st = df__haar_new(c, &h, &err);
        if (st == DF_OK)
            st = df__haar_windows(h, (df_grey){SIDE, SIDE, SIDE, px}, 1.1, 1, &scratch, &boxes, &err);
        if (st == DF_OK)
            st = df__haar_group(&boxes, 1, &scratch, &err);
        test_alloc_fail_at(0);
        df__haar_boxes_free(&boxes);
        df__haar_free(h);
        df__arena_free(&scratch);
        if (st == DF_OK)
            break;
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
    CHECK(n > 8);
    df__cascade_free(c);
}
