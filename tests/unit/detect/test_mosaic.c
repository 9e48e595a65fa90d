#include "detect/mosaic.h"

#include <math.h>
#include <stdlib.h>

#include "detect/list.h"
#include "test.h"

/* A detector of white squares on black: what is cut by the picture's edge it reports as it sees it, as networks do. Squares of less than 4
 * pixels, and those that fill more than half of the picture, it does not see. */
static bool white(df_pixels px, int x, int y) { return x >= 0 && y >= 0 && x < px.width && y < px.height && px.data[(size_t)y * px.stride + 3 * (size_t)x] >= 128; }

static df_status find_squares(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    (void)params;
    if (self && px.width == *(int *)self)
        return df__fail(err, DF_E_BAD_MODEL, "a tile %d wide", px.width);
    if (!df__arena_alloc(scratch, 1000))
        return df__no_memory(err, "squares", 1000);
    for (int y = 0; y < px.height; y++)
        for (int x = 0; x < px.width; x++) {
            if (!white(px, x, y) || white(px, x - 1, y) || white(px, x, y - 1))
                continue;
            int w = 0, h = 0;
            while (white(px, x + w, y))
                w++;
            while (white(px, x, y + h))
                h++;
            df_face f = {.x = (float)x, .y = (float)y, .w = (float)w, .h = (float)h, .confidence = 0.5f + (float)(w % 16) / 100,
                         .has = DF_HAS_NOSE, .nose = {(float)x, (float)y}};
            if (w >= 4 && h >= 4 && w <= px.width / 2 && h <= px.height / 2)
                DF_TRY(df__face_list_add(out, &f, err));
        }
done:
    return st;
}

static const df_detector_ops squares = {.name = "squares", .gives = DF_HAS_NOSE, .detect = find_squares};

typedef struct square { int x, y, side; } square;

/* At tiles' corners and edges, across them, of sizes for every level. */
static const square all[] = {{0, 0, 20}, {380, 380, 8}, {500, 100, 30}, {505, 300, 60}, {1000, 700, 100}, {300, 900, 200}, {1500, 100, 500},
                             {900, 380, 5}, {2480, 1480, 20}, {2300, 1000, 128}, {1280, 1200, 129}, {1151, 767, 4}};
enum { SQUARES = sizeof all / sizeof *all, WIDTH = 2500, HEIGHT = 1500 };

static df_pixels picture(void)
{
    df_error err;
    df_pixels px;
    CHECK_OK(df__pixels_new(WIDTH, HEIGHT, &px, &err));
    for (size_t i = 0; i < SQUARES; i++)
        for (int y = all[i].y; y < all[i].y + all[i].side; y++)
            memset(px.data + (size_t)y * px.stride + 3 * (size_t)all[i].x, 255, 3 * (size_t)all[i].side);
    return px;
}

static void check_squares(int tile, int threads)
{
    df_error err;
    df_arena scratch = {0};
    df_face_list found = {0};
    df_pixels px = picture();
    CHECK_OK(df__mosaic_detect(&squares, NULL, px, tile, &(df_detect_params){.threads = threads}, &scratch, &found, &err));
    for (size_t i = 0; i < SQUARES; i++) {
        const df_face want = {.x = (float)all[i].x, .y = (float)all[i].y, .w = (float)all[i].side, .h = (float)all[i].side};
        size_t met = 0;
        for (size_t k = 0; k < found.n; k++)
            if (df__face_overlap(&want, &found.items[k]) > 0.85) {
                CHECK_NEAR((double)found.items[k].x, found.items[k].nose.x, 1e-3);
                met++;
            }
        if (met != 1)
            fail_msg("tile %d: the square of %d at %d, %d is found %zu times", tile, all[i].side, all[i].x, all[i].y, met);
    }
    CHECK(found.n == SQUARES);
    for (size_t k = 1; k < found.n; k++)
        CHECK(found.items[k - 1].confidence >= found.items[k].confidence);
    df__face_list_free(&found);
    df__arena_free(&scratch);
    df__pixels_free(&px);
}

TEST(every_square_is_found_once_whatever_the_tiles)
{
    check_squares(512, 1);
    check_squares(512, 4);
    check_squares(640, 3);
    check_squares(1499, 2);
}

TEST(a_photo_within_a_tile_is_seen_whole)
{
    df_error err;
    df_arena scratch = {0};
    df_face_list whole = {0}, one = {0};
    df_pixels px = picture();
    CHECK_OK(find_squares(NULL, px, NULL, &scratch, &whole, &err));
    CHECK_OK(df__mosaic_detect(&squares, NULL, px, 4000, &(df_detect_params){.threads = 2}, &scratch, &one, &err));
    CHECK(whole.n == one.n && one.n == SQUARES);
    df__face_list_free(&whole), df__face_list_free(&one);
    df__arena_free(&scratch);
    df__pixels_free(&px);
}

TEST(faces_of_a_detector_whose_confidence_falls_come_surest_first)
{
    df_error err;
    df_arena scratch = {0};
    df_face_list found = {0};
    df_detector_ops falling = squares;
    falling.falls = true;
    df_pixels px = picture();
    CHECK_OK(df__mosaic_detect(&falling, NULL, px, 512, &(df_detect_params){.threads = 1}, &scratch, &found, &err));
    CHECK(found.n == SQUARES);
    for (size_t k = 1; k < found.n; k++)
        CHECK(found.items[k - 1].confidence <= found.items[k].confidence);
    df__face_list_free(&found);
    df__arena_free(&scratch);
    df__pixels_free(&px);
}

TEST(what_a_tile_fails_with_is_told)
{
    df_error err;
    df_arena scratch = {0};
    df_face_list found = {0};
    df_pixels px = picture();
    int bad = 512;
    CHECK_STATUS(DF_E_BAD_MODEL, df__mosaic_detect(&squares, &bad, px, 512, &(df_detect_params){.threads = 2}, &scratch, &found, &err));
    CHECK_HAS(err.message, "a tile 512 wide");
    CHECK_STATUS(DF_E_ARGUMENT, df__mosaic_detect(&squares, NULL, px, DF_MOSAIC_LEAST - 1, &(df_detect_params){.threads = 1}, &scratch, &found, &err));
    CHECK(found.n == 0);
    df__arena_free(&scratch);
    df__pixels_free(&px);
}

TEST(every_allocation_of_tiles_may_fail)
{
    df_error err;
    df_pixels px = picture();
    int failed = 0;
    for (size_t at = 1;; at++) {
        df_arena scratch = {0};
        df_face_list found = {0};
        test_alloc_fail_at(at);
        df_status st = df__mosaic_detect(&squares, NULL, px, 640, &(df_detect_params){.threads = 1}, &scratch, &found, &err);
        test_alloc_fail_at(0);
        df__face_list_free(&found);
        df__arena_free(&scratch);
        if (st == DF_OK)
            break;
        CHECK(st == DF_E_NO_MEMORY && at < 500);
        failed++;
    }
    CHECK(failed > 5);
    df__pixels_free(&px);
}
