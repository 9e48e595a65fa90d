/* points.c - five points onto the chip that a recogniser was trained on. */
#include <math.h>
#include <string.h>

#include "align/align.h"
#include "align/similarity.h"
#include "image/warp.h"

static const df_template templates[] = {
    /* dlib: get_face_chip_details with 150 px and padding 0.25. Its mean shape of the five points is
     * (0.8595674595992, 0.2134981538014), (0.6460604764104, 0.2289674387677), (0.1205750620789, 0.2137274526848),
     * (0.3340850613712, 0.2290642403242), (0.4901123135679, 0.6277975316475), here at 150 (0.25 + v) / 1.5. The five points of
     * RetinaFace: their mean place in the chips that dlib cuts from the photos of LFW's view 1 (docs/benchmarks.md). */
    {.name = "dlib-150", .width = 150, .height = 150,
     .dlib = {{110.95674596f, 46.34981538f}, {89.60604764f, 47.89674388f}, {37.05750621f, 46.37274527f}, {58.40850614f, 47.90642403f},
              {74.01123136f, 87.77975316f}},
     .five = {{47.33f, 45.95f}, {102.06f, 45.77f}, {73.75f, 77.02f}, {51.04f, 103.16f}, {97.22f, 103.14f}}, .of_dlib = true},

    /* All below: pixel centres at whole numbers, made by tools/chip_templates.py. The points that have no source of their own are carried over
     * from dlib-150 by the similarity of the others.
     * ArcFace: arcface_dst of insightface 0.7.3 utils/face_align.py. SFace is cut by the same five (OpenCV 4.14 modules/objdetect/src/
     * face_recognize.cpp, FaceRecognizerSF), GhostFaceNets and Buffalo_L were trained on insightface's data. */
    {.name = "arcface-112", .width = 112, .height = 112,
     .five = {{38.2946f, 51.6963f}, {73.5318f, 51.5014f}, {56.0252f, 71.7366f}, {41.5493f, 92.3655f}, {70.7299f, 92.2041f}},
     .dlib = {{80.6954f, 52.2066f}, {66.2274f, 53.4069f}, {30.5811f, 52.7455f}, {45.0710f, 53.6344f}, {55.9343f, 80.5638f}}},

    /* Facenet was trained on MTCNN's boxes with a margin, stretched to a square: davidsandberg/facenet src/align/align_dataset_mtcnn.py, whose
     * wiki cuts LFW with --image_size 160 --margin 32. Mean place of MTCNN's points in such squares of LFW. */
    {.name = "facenet-160", .width = 160, .height = 160,
     .five = {{52.8617f, 65.3200f}, {106.1383f, 65.3200f}, {79.5000f, 90.4218f}, {55.5789f, 111.5500f}, {103.4211f, 111.5500f}},
     .dlib = {{112.0785f, 63.1553f}, {93.0569f, 64.6138f}, {46.2207f, 63.4523f}, {65.2541f, 64.7392f}, {79.3083f, 100.2153f}}},

    /* VGG-Face, Parkhi et al. 2015: a square around the detector's box, 1.1 times the mean of its sides (faceCrop of the authors' MatConvNet
     * package vgg_face). Their detector's boxes (Mathias et al. 2014) were not to be had: RetinaFace's stand in for them. */
    {.name = "vggface-224", .width = 224, .height = 224,
     .five = {{72.6618f, 86.6782f}, {150.3382f, 86.6782f}, {111.5000f, 131.0975f}, {78.6353f, 167.1396f}, {144.3647f, 167.1396f}},
     .dlib = {{163.0822f, 87.0376f}, {132.9510f, 89.3675f}, {58.7554f, 87.5755f}, {88.9081f, 89.5946f}, {111.2079f, 145.7789f}}},

    /* OpenFace nn4.small2: outer corners of the eyes and base of the nose on the mean face of cmusatyalab/openface openface/align_dlib.py at
     * 04f8cc3 (MINMAX_TEMPLATE, OUTER_EYES_AND_NOSE), here with the inner corners of the same face. It maps three points by an affine
     * transform, which may stretch the face. */
    {.name = "openface-96", .width = 96, .height = 96,
     .five = {{26.1565f, 15.9141f}, {69.1785f, 15.0838f}, {47.3168f, 40.0063f}, {29.7930f, 60.8413f}, {66.0957f, 60.2444f}},
     .dlib = {{75.7305f, 15.1844f}, {59.4205f, 16.5867f}, {18.6391f, 16.2496f}, {34.9234f, 17.0829f}, {47.5153f, 49.3864f}}},

    /* DeepFace, swghosh/DeepFace deepface/dataset.py: the loosely cropped photos of VGGFace2 as they are, padded to a square. VGGFace2 cuts them
     * to twice the sides of MTCNN's box. */
    {.name = "deepface-152", .width = 152, .height = 152,
     .five = {{62.6952f, 66.9794f}, {88.3048f, 66.9794f}, {75.5000f, 82.0526f}, {64.0043f, 94.7450f}, {86.9957f, 94.7450f}},
     .dlib = {{93.1368f, 67.1802f}, {82.8342f, 67.9773f}, {57.4648f, 67.3654f}, {67.7748f, 68.0554f}, {75.4003f, 87.2660f}}},

    /* DeepID, jinze1994/DeepID1 crop.py: the middle half of the aligned photos of YouTube Faces, stretched to 47 x 55. Those show 2.2 times the
     * box of a Viola-Jones detector (Wolf et al. 2011): 1.1 times the box of opencv. Mean place of RetinaFace's points there. */
    {.name = "deepid-47x55", .width = 47, .height = 55,
     .five = {{15.1536f, 21.5698f}, {30.8464f, 21.5698f}, {23.0000f, 32.0365f}, {16.3542f, 40.5450f}, {29.6458f, 40.5450f}},
     .dlib = {{34.3932f, 22.2530f}, {27.7358f, 22.7709f}, {11.3416f, 22.3826f}, {18.0042f, 22.8256f}, {22.9373f, 35.2376f}}},
};

const df_template *df__template_at(size_t index) { return index < sizeof templates / sizeof *templates ? &templates[index] : NULL; }

const df_template *df__template_find(const char *name)
{
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        if (strcmp(templates[i].name, name) == 0)
            return &templates[i];
    return NULL;
}

df_status df__template_of(const df_recogniser *row, df_template *out, df_error *err)
{
    df_status st = DF_OK;
    const df_template *known = df__template_find(row->chip ? row->chip : templates[0].name);
    double m[6];
    if (!known)
        return df__fail(err, DF_E_BAD_MODEL, "\"chip\" is \"%s\", which is no chip that is known", row->chip);
    *out = *known;
    if (row->chip && (known->width != row->width || known->height != row->height))
        return df__fail(err, DF_E_BAD_MODEL, "\"chip\" is \"%s\" of %d x %d pixels, the network's input %d x %d", row->chip, known->width, known->height,
                        row->width, row->height);
    if (row->chip)
        return DF_OK;
    *out = (df_template){.name = row->name, .width = row->width, .height = row->height};
    for (int i = 0; i < 5; i++)
        out->five[i] = (df_point){row->five[i][0], row->five[i][1]};
    DF_TRY(df__similarity(known->five, out->five, 5, m, err)); /* dlib's own chip onto this one */
    for (int i = 0; i < 5; i++) {
        double x = (double)known->dlib[i].x, y = (double)known->dlib[i].y;
        out->dlib[i] = (df_point){(float)(m[0] * x + m[1] * y + m[2]), (float)(m[3] * x + m[4] * y + m[5])};
    }
done:
    return st;
}

/* dlib lays a square of `size` times the scale around the chip's centre, takes one pixel off its sides (centered_drect counts both ends),
 * and maps the centres of the chip's first and last pixel onto them (chip_details, get_mapping_to_chip). */
static void spread_to_edges(const df_template *t, double m[6])
{
    double scale = hypot(m[0], m[3]);
    double sx = (t->width * scale - 1) / ((t->width - 1) * scale), sy = (t->height * scale - 1) / ((t->height - 1) * scale);
    double cx = t->width / 2.0, cy = t->height / 2.0;
    double mx = m[0] * cx + m[1] * cy + m[2], my = m[3] * cx + m[4] * cy + m[5];
    double px = (t->width - 1) / 2.0, py = (t->height - 1) / 2.0;
    m[0] *= sx, m[1] *= sy, m[3] *= sx, m[4] *= sy;
    m[2] = mx - m[0] * px - m[1] * py;
    m[5] = my - m[3] * px - m[4] * py;
}

df_status df__dlib_shape(df_pixels px, const df_face *face, const df_box_map *map, const df_shape_predictor *sp, df_arena *scratch,
                         df_point *out, df_error *err)
{
    double x = face->x + map->dx * face->w, y = face->y + map->dy * face->h;
    double w = map->sw * face->w, h = map->sh * face->h;
    if (!(fabs(x) < 1e6 && fabs(y) < 1e6 && w >= 1 && h >= 1 && w < 1e6 && h < 1e6))
        return df__fail(err, DF_E_ARGUMENT, "a face of %g x %g pixels at %g, %g cannot be aligned", w, h, x, y);
    long left = lround(x), top = lround(y);
    return df__landmarks(sp, px, left, top, left + lround(w) - 1, top + lround(h) - 1, out, scratch, err);
}

df_status df__dlib_points(df_pixels px, const df_face *face, const df_box_map *map, const df_shape_predictor *sp,
                             df_arena *scratch, df_point out[5], df_error *err)
{
    if (df__shape_predictor_points(sp) != 5)
        return df__fail(err, DF_E_BAD_MODEL, "the shape predictor gives %d points, not 5", df__shape_predictor_points(sp));
    return df__dlib_shape(px, face, map, sp, scratch, out, err);
}

/* The chip-to-photo map that lays the template's points on those of the photo, by least squares where the chip's makers measured the rest: dlib in
 * the photo (get_face_chip_details fits from chip to photo), insightface and those who follow it in the chip (norm_crop fits from photo to
 * chip). On a face from the side, which no turn and scale bring onto the template, the two differ by a third of the size. */
static df_status lay(const df_template *t, const df_point of[5], const df_point at[5], double m[6], df_error *err)
{
    df_status st = DF_OK;
    double to[6];
    if (t->of_dlib)
        return df__similarity(of, at, 5, m, err);
    DF_TRY(df__similarity(at, of, 5, to, err));
    double square = to[0] * to[0] + to[3] * to[3], a = to[0] / square, b = -to[3] / square;
    if (!isfinite(a) || !isfinite(b))
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "the face's points have no likeness to those of a face"));
    m[0] = a, m[1] = -b, m[2] = -(a * to[2] - b * to[5]);
    m[3] = b, m[4] = a, m[5] = -(b * to[2] + a * to[5]);
done:
    return st;
}

df_status df__points_transform(df_pixels px, const df_face *face, const df_template *t, const df_box_map *map,
                               const df_shape_predictor *sp, df_arena *scratch, double m[6], df_error *err)
{
    df_status st = DF_OK;
    const unsigned all = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH;
    if (sp && (face->has & all) != all) {
        df_point at[5];
        DF_TRY(df__dlib_points(px, face, map, sp, scratch, at, err));
        DF_TRY(lay(t, t->dlib, at, m, err));
    } else if ((face->has & all) == all) {
        const df_point at[5] = {face->right_eye, face->left_eye, face->nose, face->mouth_right, face->mouth_left};
        DF_TRY(lay(t, t->five, at, m, err));
    } else {
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "the detector gives no points and there is no predictor of points"));
    }
    if (t->of_dlib)
        spread_to_edges(t, m);
done:
    return st;
}

void df__align_points_map(const df_template *t, const double m[6], double expand, double grown[6])
{
    double cx = (t->width - 1) / 2.0, cy = (t->height - 1) / 2.0, k = 1 + expand / 100;
    for (int r = 0; r < 6; r += 3) {
        double centre = m[r] * cx + m[r + 1] * cy + m[r + 2];
        grown[r] = m[r] * k, grown[r + 1] = m[r + 1] * k;
        grown[r + 2] = centre - grown[r] * cx - grown[r + 1] * cy;
    }
}

df_status df__align_points(df_pixels px, const df_template *t, const double m[6], double expand, df_arena *scratch, df_pixels *chip,
                           df_error *err)
{
    df_status st = DF_OK;
    double grown[6];
    df__align_points_map(t, m, expand, grown);
    DF_TRY(df__pixels_in(scratch, t->width, t->height, chip, err));
    DF_TRY(df__warp_chip(px, *chip, grown, scratch, err));
done:
    return st;
}
