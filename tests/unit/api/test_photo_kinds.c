/* test_photo_kinds.c - photos as they come: many faces, tiny ones, one that fills the frame, from the side, turned, of 50 megapixels. They are made
 * of the demo photos here: reduced, cut, pasted, turned. Where a face lies in them is known from the photo that it was cut from. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/list.h"
#include "image/warp.h"
#include "photos.h"
#include "temp_dir.h"

typedef struct face_photo { df_image *img; df_face face; } face_photo;

static df_engine *df;

static bool have(const char *detector)
{
    df_error err;
    df_faces *faces = NULL;
    df_opts o = df_opts_default();
    o.detector = detector;
    df_status st = df_detect(df, photo("obama.jpg"), &o, &faces, &err);
    df_faces_free(faces);
    if (st == DF_E_NO_MODEL)
        return false;
    if (st != DF_OK)
        fail_msg("%s: %s", detector, err.message);
    return true;
}

/* A demo photo and its face, as retinaface sees it there. */
static face_photo load(const char *name)
{
    df_error err;
    df_faces *faces = NULL;
    face_photo p;
    CHECK_OK(df_image_load(df, photo(name), &p.img, &err));
    CHECK_OK(df_detect_image(df, p.img, NULL, &faces, &err));
    CHECK(df_faces_count(faces) == 1);
    p.face = *df_faces_at(faces, 0);
    df_faces_free(faces);
    return p;
}

static df_pixels scaled(df_pixels px, double by)
{
    df_error err;
    df_arena scratch = {0};
    df_pixels out;
    CHECK_OK(df__pixels_new((int)lround(px.width * by), (int)lround(px.height * by), &out, &err));
    CHECK_OK(df__resize(px, out, by < 1 ? DF_AREA : DF_LINEAR, &scratch, &err));
    df__arena_free(&scratch);
    return out;
}

static df_pixels grey(int width, int height)
{
    df_error err;
    df_pixels px;
    CHECK_OK(df__pixels_new(width, height, &px, &err));
    for (int y = 0; y < height; y++)
        memset(px.data + (size_t)y * px.stride, 140, 3 * (size_t)width);
    return px;
}

static df_face moved(const df_face *f, double scale, double x, double y)
{
    df_face g = *f;
    df__face_move(&g, 0, 0, (float)scale);
    df__face_move(&g, (float)x, (float)y, 1);
    return g;
}

static double best_overlap(const df_faces *faces, const df_face *want)
{
    double best = 0;
    for (size_t i = 0; i < df_faces_count(faces); i++)
        best = fmax(best, df__face_overlap(df_faces_at(faces, i), want));
    return best;
}

/* Does the detector find `want`, and how many other faces? Detectors draw a face's box in ways of their own: half in common is the same face. */
static size_t found(df_pixels px, const df_opts *o, const df_face *want, size_t n, size_t *others)
{
    df_error err;
    df_image *img = NULL;
    df_faces *faces = NULL;
    size_t met = 0;
    CHECK_OK(df_image_from_rgb(px.width, px.height, px.stride, px.data, &img, &err));
    df_status st = df_detect_image(df, img, o, &faces, &err);
    CHECK(st == DF_OK || st == DF_E_NO_FACE);
    for (size_t i = 0; faces && i < n; i++)
        met += best_overlap(faces, &want[i]) >= 0.4;
    *others = (faces ? df_faces_count(faces) : 0) - met;
    df_faces_free(faces);
    df_image_free(img);
    return met;
}

static void check_found(const char *detector, const char *what, df_pixels px, const df_opts *opts, const df_face *want, size_t n, size_t least, size_t most_others)
{
    size_t others;
    df_opts o = opts ? *opts : df_opts_default();
    o.detector = detector;
    if (!have(detector)) {
        print_message("%s: its weights are absent\n", detector);
        return;
    }
    size_t met = found(px, &o, want, n, &others);
    if (met < least || others > most_others)
        fail_msg("%s, %s: %zu of %zu faces and %zu others, expected %zu and at most %zu", detector, what, met, n, others, least, most_others);
}

/* Twenty of `side` pixels in rows, from two people. */
static df_pixels crowd(int columns, int rows, double side, int cell, df_face *want)
{
    const char *names[] = {"obama.jpg", "biden.jpg"};
    face_photo p[2];
    df_pixels small[2], px = grey(columns * cell, rows * cell);
    double by[2];
    for (int i = 0; i < 2; i++) {
        p[i] = load(names[i]);
        by[i] = side / (double)p[i].face.w;
        small[i] = scaled(p[i].img->px, by[i]);
    }
    for (int i = 0; i < columns * rows; i++) {
        int who = (i + i / columns) % 2;
        df_face f = moved(&p[who].face, by[who], 0, 0);
        int cut_x = (int)(f.x + f.w / 2) - cell / 2, cut_y = (int)(f.y + f.h / 2) - cell / 2; /* a cell around the face's centre */
        int x = cut_x > 0 ? cut_x : 0, y = cut_y > 0 ? cut_y : 0, at_x = i % columns * cell, at_y = i / columns * cell;
        int room_x = cell - (x - cut_x), room_y = cell - (y - cut_y), w = small[who].width - x, h = small[who].height - y;
        df_pixels part = df__pixels_view(small[who], x, y, w < room_x ? w : room_x, h < room_y ? h : room_y);
        df__pixels_paste(px, at_x + (x - cut_x), at_y + (y - cut_y), part);
        want[i] = moved(&f, 1, at_x - cut_x, at_y - cut_y);
    }
    for (int i = 0; i < 2; i++) {
        df__pixels_free(&small[i]);
        df_image_free(p[i].img);
    }
    return px;
}

static void begin(void) { df = engine_or_skip(2); }
static void end(void) { df_engine_free(df); }

TEST(many_faces)
{
    enum { COLUMNS = 6, ROWS = 4, N = COLUMNS * ROWS };
    df_face want[N];
    begin();
    df_pixels px = crowd(COLUMNS, ROWS, 70, 160, want);
    const char *all[] = {"retinaface", "mtcnn", "fastmtcnn", "yunet", "centerface", "dlib", "opencv"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_found(all[i], "24 faces of 70 pixels", px, NULL, want, N, N - 1, 1);
    df__pixels_free(&px);
    end();
}

TEST(a_face_20_pixels_wide)
{
    df_face want[1];
    begin();
    df_pixels px = crowd(1, 1, 20, 600, want);
    const char *all[] = {"retinaface", "mtcnn", "fastmtcnn", "centerface"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_found(all[i], "a face of 20 pixels", px, NULL, want, 1, 1, 0);
    df_opts o = df_opts_default();
    o.min_face = 40; /* it is found, and dropped */
    check_found("retinaface", "a face below min_face", px, &o, want, 1, 0, 0);
    df__pixels_free(&px);
    end();
}

TEST(a_face_that_fills_the_frame)
{
    begin();
    face_photo p = load("obama.jpg");
    const df_face *f = &p.face;
    df_pixels px = df__pixels_view(p.img->px, (int)f->x, (int)f->y, (int)f->w, (int)f->h);
    const df_face want = {.w = f->w, .h = f->h};
    const char *all[] = {"retinaface", "mtcnn", "mediapipe", "yunet", "centerface"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_found(all[i], "a face and nothing else", px, NULL, &want, 1, 1, 0);
    df_image_free(p.img);
    end();
}

/* The face of `faces` that has most in common with `want`, 0.4 at least, else NULL. */
static const df_face *face_at(const df_faces *faces, const df_face *want)
{
    for (size_t i = 0; i < df_faces_count(faces); i++)
        if (df__face_overlap(df_faces_at(faces, i), want) >= 0.4 && df__face_overlap(df_faces_at(faces, i), want) == best_overlap(faces, want))
            return df_faces_at(faces, i);
    return NULL;
}

static void paint(const df_image *img, const df_face *f)
{
    for (int y = (int)f->y; y < (int)(f->y + f->h); y++)
        memset(img->px.data + (size_t)y * img->px.stride + 3 * (size_t)f->x, 140, 3 * (size_t)f->w);
}

/* A side face looks past its own eyes: the tip of the nose lies to the right of both. Painted over, it is found no more. */
static void check_side_face(const char *detector, const char *path, const df_face *want)
{
    df_error err;
    df_image *img = NULL;
    df_faces *faces = NULL;
    df_opts o = df_opts_default();
    o.detector = detector;
    o.enforce = false;
    CHECK_OK(df_image_load(df, path, &img, &err));
    CHECK_OK(df_detect_image(df, img, &o, &faces, &err));
    const df_face *f = face_at(faces, want);
    if (!f)
        fail_msg("%s does not find the face at %g, %g of %s", detector, (double)want->x, (double)want->y, path);
    CHECK(f->nose.x > f->left_eye.x + 0.02f * f->w && f->nose.x > f->right_eye.x + 0.02f * f->w);
    paint(img, want);
    df_faces_free(faces);
    CHECK_OK(df_detect_image(df, img, &o, &faces, &err));
    CHECK(!face_at(faces, want));
    df_faces_free(faces);
    df_image_free(img);
}

/* Three faces of WIDER FACE that look to the right, with its boxes: one in full profile, behind which the far eye is hidden, two in half. */
TEST(faces_from_the_side)
{
    static const struct { const char *photo; df_face box; } side[] = {
        {"4--Dancing/4_Dancing_Dancing_4_41.jpg", {.x = 547, .y = 102, .w = 44, .h = 76}},
        {"13--Interview/13_Interview_Interview_Sequences_13_187.jpg", {.x = 200, .y = 6, .w = 64, .h = 76}},
        {"0--Parade/0_Parade_marchingband_1_561.jpg", {.x = 162, .y = 649, .w = 159, .h = 144}},
    };
    static const struct { const char *detector; size_t from; } who[] = {{"retinaface", 0}, {"centerface", 0}, {"mtcnn", 1}}; /* mtcnn: half profiles */
    begin();
    const char *data = test_data_dir();
    if (!data) {
        end();
        skip();
    }
    for (size_t d = 0; d < sizeof who / sizeof *who; d++)
        for (size_t i = who[d].from; have(who[d].detector) && i < sizeof side / sizeof *side; i++) {
            char path[1024];
            snprintf(path, sizeof path, "%s/widerface_dev/%s", data, side[i].photo);
            check_side_face(who[d].detector, path, &side[i].box);
        }
    end();
}

/* EXIF's eight orientations are told apart in test_exif; here the walk from file to box: what a camera that lay on its side has stored. */
TEST(a_photo_that_says_how_it_is_turned)
{
    static const uint8_t app1[] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                                   0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0};
    df_error err;
    df_bytes file;
    df_faces *faces = NULL;
    begin();
    face_photo p = load("obama.jpg");
    temp_dir d = temp_dir_new();
    const char *name = temp_path(&d, "turned.jpg");
    CHECK_OK(df__pixels_orient(&p.img->px, 8, &err)); /* as it is stored, to be turned back by orientation 6 */
    CHECK_OK(df_image_save(p.img, name, &err));
    CHECK_OK(df__read_file(name, 1 << 24, &file, &err));
    uint8_t *tagged = malloc(file.len + sizeof app1);
    memcpy(tagged, file.data, 2); /* behind the start of the image */
    memcpy(tagged + 2, app1, sizeof app1);
    memcpy(tagged + 2 + sizeof app1, file.data + 2, file.len - 2);
    CHECK_OK(df__write_file(name, tagged, file.len + sizeof app1, &err));
    CHECK_OK(df_detect(df, name, NULL, &faces, &err));
    CHECK(df_faces_count(faces) == 1 && best_overlap(faces, &p.face) > 0.9);
    df_faces_free(faces);
    df__bytes_free(&file);
    free(tagged);
    df_image_free(p.img);
    end();
}

TEST(a_photo_that_lies_on_its_side)
{
    df_error err;
    begin();
    df_opts o = df_opts_default();
    o.rotate = "auto";
    static const int orientations[] = {6, 3, 8}; /* a quarter more each time */
    for (int i = 0; i < 3; i++) {
        face_photo p = load("obama.jpg");
        float w = (float)p.img->px.width, h = (float)p.img->px.height;
        const df_face *f = &p.face, turned[3] = {{.x = h - f->y - f->h, .y = f->x, .w = f->h, .h = f->w},
                                                 {.x = w - f->x - f->w, .y = h - f->y - f->h, .w = f->w, .h = f->h},
                                                 {.x = f->y, .y = w - f->x - f->w, .w = f->h, .h = f->w}};
        CHECK_OK(df__pixels_orient(&p.img->px, orientations[i], &err));
        check_found("retinaface", "a photo on its side", p.img->px, &o, &turned[i], 1, 1, 0);
        check_found("mtcnn", "a photo on its side", p.img->px, &o, &turned[i], 1, 1, 0);
        df_image_free(p.img);
    }
    end();
}

TEST(a_smaller_look_finds_a_large_face)
{
    begin();
    face_photo p = load("obama.jpg");
    df_opts o = df_opts_default();
    o.detect_size = 500;
    const char *all[] = {"retinaface", "opencv", "dlib", "dlib-cnn", "mtcnn", "fastmtcnn", "yunet", "centerface"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_found(all[i], "at half its size", p.img->px, &o, &p.face, 1, 1, 0);
    df_image_free(p.img);
    end();
}

TEST(fifty_megapixels)
{
    enum { WIDTH = 8660, HEIGHT = 5780, COLUMNS = 4, ROWS = 3, N = COLUMNS * ROWS, CELL = 320, LARGE = 2400 };
    df_face cell[N], want[N + 1];
    begin();
    df_pixels px = grey(WIDTH, HEIGHT), faces = crowd(COLUMNS, ROWS, 60, CELL, cell);
    for (int i = 0; i < N; i++) {
        int x = i % COLUMNS * CELL, y = i / COLUMNS * CELL, to_x = 90 + i % COLUMNS * 1100, to_y = 70 + i / COLUMNS * 1900;
        df__pixels_paste(px, to_x, to_y, df__pixels_view(faces, x, y, CELL, CELL));
        want[i] = moved(&cell[i], 1, to_x - x, to_y - y);
    }
    face_photo p = load("obama.jpg"); /* and one that no tile holds */
    double by = LARGE / (double)p.face.w / 2;
    df_pixels large = scaled(p.img->px, by);
    df__pixels_paste(px, 5000, 1200, large);
    want[N] = moved(&p.face, by, 5000, 1200);
    size_t others;
    df_opts whole = df_opts_default(), tiles = df_opts_default();
    tiles.tile = 1024;
    CHECK(found(px, &whole, want, N + 1, &others) < N); /* 60 pixels are 4 of the 640 */
    check_found("retinaface", "50 megapixels in tiles", px, &tiles, want, N + 1, N + 1, 1);
    check_found("yunet", "50 megapixels in tiles", px, &tiles, want, N + 1, N, 1);
    tiles.max_faces = 1;
    check_found("retinaface", "the largest of them", px, &tiles, &want[N], 1, 1, 0);
    tiles.max_faces = 0, tiles.score = 1;
    check_found("retinaface", "none scores 1", px, &tiles, want, N + 1, 0, 0);
    df__pixels_free(&large), df__pixels_free(&faces), df__pixels_free(&px);
    df_image_free(p.img);
    end();
}

TEST(tiles_below_the_least_are_refused)
{
    df_error err;
    df_faces *faces = NULL;
    begin();
    df_opts o = df_opts_default();
    o.tile = 100;
    CHECK_STATUS(DF_E_ARGUMENT, df_detect(df, photo("obama.jpg"), &o, &faces, &err));
    CHECK_HAS(err.message, "tile: 100 is neither 0 nor at least 128");
    end();
}
