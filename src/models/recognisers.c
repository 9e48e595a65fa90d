/* recognisers.c - every recogniser, one row each: chip, pixels, output, thresholds. A new one is a new row (docs/adding-a-model.md). */
#include <string.h>
#include <strings.h>

#include "models/catalogue.h"
#include "models/far_curves.h"
#include "models/upstream.h"

/* Upstream aligns by the eyes or not at all, and has one threshold for both. Where nobody could measure the model's weights here, its
 * thresholds stand for `points` too (docs/models.md). */
#define FIGURES(of, points)                                                                                                                     \
    .threshold = {[DF_ALIGN_POINTS] = points##_THRESHOLDS, [DF_ALIGN_EYES] = of##_THRESHOLDS, [DF_ALIGN_NONE] = of##_THRESHOLDS},               \
    .confidence = {[DF_ALIGN_POINTS] = points##_CONFIDENCE, [DF_ALIGN_EYES] = of##_CONFIDENCE, [DF_ALIGN_NONE] = of##_CONFIDENCE}

/* deepface 0.0.103 commons/onnx_utils.py run_session: the crop as it is, B G R, channels last. */
#define AS_IT_IS .feed = {.last = true, .scale = 1, .std = {1, 1, 1}}

/* tools/calibrate.py on the 2,200 pairs of LFW's view 1, retinaface, points, flip (docs/benchmarks.md). */
#define DLIB_POINTS_THRESHOLDS {[DF_COSINE] = 0.0844, [DF_EUCLIDEAN] = 0.5843, [DF_EUCLIDEAN_L2] = 0.4109, [DF_ANGULAR] = 0.1317}
#define DLIB_POINTS_CONFIDENCE                                            \
    {[DF_COSINE] = {-201.41675, 16.742999, 1, 100, 43.543, 43.543, 0},     \
     [DF_EUCLIDEAN] = {-53.284247, 31.02454, 1, 100, 47.209, 47.209, 0},   \
     [DF_EUCLIDEAN_L2] = {-80.55171, 32.772883, 1, 100, 41.949, 41.949, 0}, \
     [DF_ANGULAR] = {-247.702, 32.307878, 1, 100, 42.034, 42.034, 0}}

/* Feeds: the forward() of upstream's class, models/facial_recognition. */
static const df_recogniser recognisers[] = {
    /* dlib's own input, (v - mean) / 256 of R G B (dlib dnn/input.h, input_rgb_image_sized); dlib/Dlib.py brings 0..1 back to bytes. */
    {.name = "Dlib", .weights = "Dlib", .width = 150, .height = 150, .dims = 128, .chip = "dlib-150",
     .feed = {.rgb = true, .scale = 255, .unit = true, .whole = true, .mean = {122.782f, 117.001f, 104.298f}, .std = {256, 256, 256}},
     FIGURES(UPSTREAM_DLIB, DLIB_POINTS), .far = {[DF_ALIGN_POINTS] = FAR_DLIB_POINTS, [DF_ALIGN_EYES] = FAR_DLIB_EYES}},
    /* onnx/VGGFace.py: the one whose vectors upstream scales to length 1. */
    {.name = "VGG-Face", .weights = "VGG-Face", .width = 224, .height = 224, .dims = 4096, .chip = "vggface-224", AS_IT_IS, .l2 = true,
     FIGURES(UPSTREAM_VGG_FACE, UPSTREAM_VGG_FACE)},
    {.name = "Facenet", .weights = "Facenet", .width = 160, .height = 160, .dims = 128, .chip = "facenet-160", AS_IT_IS,
     FIGURES(UPSTREAM_FACENET, UPSTREAM_FACENET)},
    {.name = "Facenet512", .weights = "Facenet512", .width = 160, .height = 160, .dims = 512, .chip = "facenet-160", AS_IT_IS,
     FIGURES(UPSTREAM_FACENET512, UPSTREAM_FACENET512)},
    {.name = "OpenFace", .weights = "OpenFace", .width = 96, .height = 96, .dims = 128, .chip = "openface-96", AS_IT_IS,
     FIGURES(UPSTREAM_OPENFACE, UPSTREAM_OPENFACE)},
    {.name = "DeepFace", .weights = "DeepFace", .width = 152, .height = 152, .dims = 4096, .chip = "deepface-152", AS_IT_IS,
     FIGURES(UPSTREAM_DEEPFACE, UPSTREAM_DEEPFACE)},
    {.name = "DeepID", .weights = "DeepID", .width = 47, .height = 55, .dims = 160, .chip = "deepid-47x55", AS_IT_IS,
     FIGURES(UPSTREAM_DEEPID, UPSTREAM_DEEPID)},
    {.name = "ArcFace", .weights = "ArcFace", .width = 112, .height = 112, .dims = 512, .chip = "arcface-112", AS_IT_IS,
     FIGURES(UPSTREAM_ARCFACE, UPSTREAM_ARCFACE)},
    {.name = "GhostFaceNet", .weights = "GhostFaceNet", .width = 112, .height = 112, .dims = 512, .chip = "arcface-112", AS_IT_IS,
     FIGURES(UPSTREAM_GHOSTFACENET, UPSTREAM_GHOSTFACENET)},
    /* onnx/SFace.py: R G B in bytes, planes; scale and mean are in the graph. */
    {.name = "SFace", .weights = "SFace", .width = 112, .height = 112, .dims = 128, .chip = "arcface-112",
     .feed = {.rgb = true, .scale = 255, .whole = true, .std = {1, 1, 1}}, FIGURES(UPSTREAM_SFACE, UPSTREAM_SFACE)},
    /* onnx/Buffalo_L.py by way of insightface 0.7.3 model_zoo/arcface_onnx.py get_feat. */
    {.name = "Buffalo_L", .weights = "Buffalo_L", .width = 112, .height = 112, .dims = 512, .chip = "arcface-112",
     .feed = {.rgb = true, .scale = 255, .mean = {127.5f, 127.5f, 127.5f}, .std = {127.5f, 127.5f, 127.5f}},
     FIGURES(UPSTREAM_BUFFALO_L, UPSTREAM_BUFFALO_L)},
};

enum { RECOGNISERS = sizeof recognisers / sizeof *recognisers };

const df_recogniser *df__recogniser_at(size_t index) { return index < RECOGNISERS ? &recognisers[index] : NULL; }

const df_recogniser *df__recogniser_find(const char *name)
{
    for (size_t i = 0; i < RECOGNISERS; i++)
        if (strcasecmp(recognisers[i].name, name) == 0)
            return &recognisers[i];
    return NULL;
}

static const char *const metric_names[DF_METRICS] = {"cosine", "euclidean", "euclidean_l2", "angular"};
static const char *const align_names[DF_ALIGNS] = {"points", "eyes", "none"};

static int find_name(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcasecmp(names[i], name) == 0)
            return i;
    return -1;
}

int df__metric_find(const char *name) { return find_name(metric_names, DF_METRICS, name); }
int df__align_find(const char *name) { return find_name(align_names, DF_ALIGNS, name); }
const char *df__metric_name(df_metric metric) { return metric_names[metric]; }
const char *df__align_name(df_align align) { return align_names[align]; }
