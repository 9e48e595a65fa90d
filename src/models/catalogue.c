/* catalogue.c - every weight file and every recogniser, one row each. A new model is a new row (docs/adding-a-model.md). */
#include "models/catalogue.h"

#include <string.h>
#include <strings.h>

static const df_weights weights[] = {
    /* RetinaFace, Deng et al. 2019, with a MobileNet 0.25 trunk. Any size whose sides are multiples of 32. */
    {.info = {.name = "retinaface", .task = "detector", .file = "retinaface_mobilenet025.onnx",
              .sha256 = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5", .bytes = 1736694,
              .licence = "MIT", .commercial = true, .get = "make weights-demo"}},
    /* SSD with a ResNet-10 trunk, trained by the OpenCV project: upstream's very files. */
    {.info = {.name = "ssd", .task = "detector", .file = "res10_300x300_ssd_iter_140000.caffemodel",
              .sha256 = "2a56a11a57a4a295956b0660b4a3d76bbdca2206c4961cea8efe7d95c7cb2f2d", .bytes = 10666211,
              .licence = "Apache-2.0", .commercial = true, .width = 300, .height = 300, .get = "make weights-test"}},
    {.info = {.name = "ssd-prototxt", .task = "detector", .file = "deploy.prototxt",
              .sha256 = "85abd2feeb48703094444073b29ecbcc1ebb66481548e5808e90f38681123ca7", .bytes = 28091,
              .licence = "Apache-2.0", .commercial = true, .get = "make weights-test"}},
    /* Haar cascades of R. Lienhart (2002) and S. Hameed: stumps, windows of 24 and 20 pixels. */
    {.info = {.name = "opencv", .task = "detector", .file = "haarcascade_frontalface_default.xml",
              .sha256 = "0f7d4527844eb514d4a4948e822da90fbb16a34a0bbbbc6adc6498747a5aafb0", .bytes = 930127,
              .licence = "Intel (BSD)", .commercial = true, .width = 24, .height = 24, .get = "make weights-test"}},
    {.info = {.name = "opencv-eye", .task = "detector", .file = "haarcascade_eye.xml",
              .sha256 = "71cc64fc305a355dc60067880f6fbbd43dd155bd63ee3844661a1bda34b2fd8c", .bytes = 341406,
              .licence = "Intel (BSD)", .commercial = true, .width = 20, .height = 20, .get = "make weights-test"}},
    /* Five HOG filters, trained by dlib's author on labeled_faces_in_the_wild/frontal_faces.xml: dlib 19.24 image_processing/
     * frontal_face_detector.h holds them as text, and its log of the training. */
    {.info = {.name = "dlib-hog", .task = "detector", .file = "dlib_frontal_face_detector.dat",
              .sha256 = "f3f7aa833fb4a14a46fc48689f45b98d85ef72d6dfaf8bdc012b7d3c522a5426", .bytes = 155005,
              .licence = "BSL-1.0", .commercial = true, .get = "make weights-test"}},
    /* Ensemble of regression trees, Kazemi & Sullivan 2014, trained by dlib's author; corners of the eyes and the nose. */
    {.info = {.name = "dlib-5-points", .task = "landmarks", .file = "shape_predictor_5_face_landmarks.dat",
              .sha256 = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888", .bytes = 9150489,
              .licence = "CC0-1.0", .commercial = true, .get = "make weights-demo"}},
    {.info = {.name = "dlib-68-points", .task = "landmarks", .file = "shape_predictor_68_face_landmarks.dat",
              .sha256 = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f", .bytes = 99693937,
              .licence = "iBUG 300-W, research only", .commercial = false, .get = "make weights-test"}},
    /* ResNet-29 of D. King, "High Quality Face Recognition with Deep Metric Learning", 2017. 99.38 % on LFW by its author. */
    {.info = {.name = "Dlib", .task = "recogniser", .file = "dlib_face_recognition_resnet_model_v1.dat",
              .sha256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30", .bytes = 22466066,
              .licence = "CC0-1.0", .commercial = true, .width = 150, .height = 150, .dims = 128, .get = "make weights-demo"}},
};

/* deepface 0.0.103 config/threshold.py; its alignment rotates by the eyes or not at all. */
#define DLIB_UPSTREAM_THRESHOLDS {[DF_COSINE] = 0.07, [DF_EUCLIDEAN] = 0.6, [DF_EUCLIDEAN_L2] = 0.4, [DF_ANGULAR] = 0.12}
/* deepface 0.0.103 config/confidence.py */
#define DLIB_UPSTREAM_CONFIDENCE                                                                                         \
    {[DF_COSINE] = {-3.7618087798972293, -0.6908814404797111, 0.200732, 32.289077089161594, 27.84268789569509,          \
                    27.803329512485526, 19.061842082779275},                                                             \
     [DF_EUCLIDEAN] = {-7.494007964438609, 3.9696154227506937, 0.909856, 89.6022157357575, 37.63548146988899,           \
                       36.791885490113046, 5.474065355413035},                                                           \
     [DF_EUCLIDEAN_L2] = {-7.104640497107913, 2.3288632189212457, 0.633612, 76.39948218795206, 37.84998375132765,       \
                          36.56103592414769, 10.222692344960938},                                                        \
     [DF_ANGULAR] = {-3.2116944601651727, -0.5970349913114966, 0.205221, 31.79313619700238, 27.2527288169969,           \
                     27.18852931051015, 22.163871613552466}}

/* tools/calibrate.py on the 2,200 pairs of LFW's view 1, retinaface, points, flip (docs/benchmarks.md). */
#define DLIB_POINTS_THRESHOLDS {[DF_COSINE] = 0.0844, [DF_EUCLIDEAN] = 0.5843, [DF_EUCLIDEAN_L2] = 0.4109, [DF_ANGULAR] = 0.1317}
#define DLIB_POINTS_CONFIDENCE                                            \
    {[DF_COSINE] = {-201.41675, 16.742999, 1, 100, 43.543, 43.543, 0},     \
     [DF_EUCLIDEAN] = {-53.284247, 31.02454, 1, 100, 47.209, 47.209, 0},   \
     [DF_EUCLIDEAN_L2] = {-80.55171, 32.772883, 1, 100, 41.949, 41.949, 0}, \
     [DF_ANGULAR] = {-247.702, 32.307878, 1, 100, 42.034, 42.034, 0}}

static const df_recogniser recognisers[] = {
    {.name = "Dlib", .weights = "Dlib", .width = 150, .height = 150, .dims = 128, .chip = "dlib-150",
     .threshold = {[DF_ALIGN_POINTS] = DLIB_POINTS_THRESHOLDS,
                   [DF_ALIGN_EYES] = DLIB_UPSTREAM_THRESHOLDS, [DF_ALIGN_NONE] = DLIB_UPSTREAM_THRESHOLDS},
     .confidence = {[DF_ALIGN_POINTS] = DLIB_POINTS_CONFIDENCE, [DF_ALIGN_EYES] = DLIB_UPSTREAM_CONFIDENCE, [DF_ALIGN_NONE] = DLIB_UPSTREAM_CONFIDENCE}},
};

enum { WEIGHTS = sizeof weights / sizeof *weights, RECOGNISERS = sizeof recognisers / sizeof *recognisers };

const df_weights *df__weights_at(size_t index) { return index < WEIGHTS ? &weights[index] : NULL; }

const df_weights *df__weights_find(const char *name)
{
    for (size_t i = 0; i < WEIGHTS; i++)
        if (strcasecmp(weights[i].info.name, name) == 0)
            return &weights[i];
    return NULL;
}

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
