/* ssd.c - SSD with a ResNet-10 trunk (OpenCV's res10_300x300_ssd_iter_140000, Caffe): boxes alone, no points.
 * Arithmetic as upstream's (deepface 0.0.103 models/face_detection/Ssd.py); decoding and suppression as the DetectionOutput layer of
 * its deploy.prototxt says: centre-size code, NMS 0.45, the best 400 before and 200 after. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect/canvas.h"
#include "detect/list.h"

enum { SIDE = 300, TOP_BEFORE = 400, TOP_AFTER = 200 };
static const double default_score = 0.9, least_candidate = 0.01;
static const df_suppression suppression = {.limit = 0.45, .most_after = TOP_AFTER};
static const df_canvas_rule blob = {.bgr = true, .scale = 1}; /* upstream calls cv2.dnn.blobFromImage without a mean */

static df_status ssd_open(const df_loader *loader, void **self, df_error *err)
{
    df_net *net = NULL;
    df_status st = df__weights_net(loader, "ssd", loader->precision, &net, err);
    *self = net;
    return st;
}

static void ssd_close(void *self) { df__net_free(self); }

/* A candidate's score and its place among the boxes. */
typedef struct candidate { float score; int64_t at; } candidate;

static bool worse(const candidate *a, const candidate *b) { return a->score < b->score || (a->score == b->score && a->at > b->at); }

/* A heap with the worst of all at the top: `one` sinks from there. */
static void sink(candidate *heap, size_t n, candidate one)
{
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < n; i = k) {
        if (k + 1 < n && worse(&heap[k + 1], &heap[k]))
            k++;
        if (!worse(&heap[k], &one))
            break;
        heap[i] = heap[k];
    }
    heap[i] = one;
}

/* The TOP_BEFORE best of n, best first: sorted out by score alone, since some thousands are above the least, of whose boxes few count. */
static size_t best_candidates(const float *conf, int64_t n, candidate *best)
{
    size_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        const candidate one = {conf[2 * i + 1], i};
        if (!(one.score > least_candidate))
            continue;
        if (kept < TOP_BEFORE) {
            size_t at = kept++;
            for (; at > 0 && worse(&one, &best[(at - 1) / 2]); at = (at - 1) / 2)
                best[at] = best[(at - 1) / 2];
            best[at] = one;
        } else if (worse(&best[0], &one)) {
            sink(best, kept, one);
        }
    }
    for (size_t left = kept; left > 1; left--) { /* the worst to the end */
        const candidate last = best[left - 1];
        best[left - 1] = best[0];
        sink(best, left - 1, last);
    }
    return kept;
}

/* Boxes in units of the input's sides, best first. prior: [2][4 n] corners, then variances. */
static df_status decode(const df_tensor out[3], df_face_list *faces, df_error *err)
{
    int64_t n4 = df__tensor_count(&out[0]), n2 = df__tensor_count(&out[1]), n8 = df__tensor_count(&out[2]);
    if (n4 <= 0 || n4 % 4 || n2 != n4 / 2 || n8 != 2 * n4)
        return df__fail(err, DF_E_BAD_MODEL, "ssd: outputs of %lld, %lld and %lld numbers do not belong together", (long long)n4,
                        (long long)n2, (long long)n8);
    candidate best[TOP_BEFORE];
    size_t n = best_candidates(out[1].data, n4 / 4, best);
    df_status st = DF_OK;
    for (size_t i = 0; i < n && st == DF_OK; i++) {
        const float *loc = (const float *)out[0].data + 4 * best[i].at, *prior = (const float *)out[2].data + 4 * best[i].at, *var = prior + n4;
        double pw = prior[2] - prior[0], ph = prior[3] - prior[1];
        double cx = (prior[0] + prior[2]) / 2 + var[0] * loc[0] * pw, cy = (prior[1] + prior[3]) / 2 + var[1] * loc[1] * ph;
        double w = exp(var[2] * loc[2]) * pw, h = exp(var[3] * loc[3]) * ph;
        df_face f = {.x = (float)(cx - w / 2), .y = (float)(cy - h / 2), .w = (float)w, .h = (float)h, .confidence = best[i].score};
        if (isfinite(f.x) && isfinite(f.y) && isfinite(f.w) && isfinite(f.h))
            st = df__face_list_add(faces, &f, err);
    }
    return st;
}

/* Whole numbers at 300 x 300 first, then in the photo: upstream truncates twice. */
static float to_photo(double unit, double scale) { return (float)trunc(trunc(unit * SIDE) * scale); }

static df_status ssd_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    df_face_list found = {0};
    df_pixels input;
    df_tensor in, result[3];
    DF_TRY(df__canvas_fit(px, SIDE, SIDE, scratch, &input, err));
    DF_TRY(df__canvas_input(input, 0, 0, SIDE, SIDE, &blob, scratch, &in, err));
    DF_TRY(df__net_run(self, &in, 1, result, 3, df__detect_threads(params), scratch, err));
    DF_TRY(decode(result, &found, err));
    DF_TRY(df__face_list_suppress(&found, 0, &suppression, err));
    double least = isnan(params->score) ? default_score : params->score;
    double sx = (double)px.width / SIDE, sy = (double)px.height / SIDE;
    for (size_t i = 0; i < found.n && found.items[i].confidence >= least; i++) {
        df_face f = found.items[i];
        float right = to_photo((double)f.x + f.w, sx), bottom = to_photo((double)f.y + f.h, sy);
        f.x = to_photo(f.x, sx), f.y = to_photo(f.y, sy);
        f.w = right - f.x, f.h = bottom - f.y;
        if (f.w > 0 && f.h > 0)
            DF_TRY(df__face_list_add(out, &f, err));
    }
done:
    df__face_list_free(&found);
    return st;
}

/* Looks at 300 pixels, but upstream's resize takes single pixels of the whole photo: it is decoded at full scale. */
const df_detector_ops df__detector_ssd = {.name = "ssd", .side = 0, .dlib = {0, 0.18f, 1.08f, 0.80f}, .open = ssd_open, .detect = ssd_detect, .close = ssd_close};
