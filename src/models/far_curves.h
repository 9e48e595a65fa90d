/* far_curves.h - distances, and the share of pairs of strangers at or below them, measured by tools/far_curve.py on all pairs of strangers
 * among the photos of LFW's view 1, retinaface, flip on (docs/models.md). */
#ifndef DF_MODELS_FAR_CURVES_H
#define DF_MODELS_FAR_CURVES_H

#include "models/catalogue.h"

/* 3443 photos of 2132 people: 5923194 pairs of strangers */
static const df_far_point dlib_points_fars[] = {
    {0.1, {[DF_COSINE] = 0.1187, [DF_EUCLIDEAN] = 0.6995, [DF_EUCLIDEAN_L2] = 0.4872, [DF_ANGULAR] = 0.1567}},
    {0.03, {[DF_COSINE] = 0.1014, [DF_EUCLIDEAN] = 0.6468, [DF_EUCLIDEAN_L2] = 0.4503, [DF_ANGULAR] = 0.1446}},
    {0.01, {[DF_COSINE] = 0.0896, [DF_EUCLIDEAN] = 0.6064, [DF_EUCLIDEAN_L2] = 0.4233, [DF_ANGULAR] = 0.1358}},
    {0.003, {[DF_COSINE] = 0.0790, [DF_EUCLIDEAN] = 0.5652, [DF_EUCLIDEAN_L2] = 0.3974, [DF_ANGULAR] = 0.1274}},
    {0.001, {[DF_COSINE] = 0.0706, [DF_EUCLIDEAN] = 0.5284, [DF_EUCLIDEAN_L2] = 0.3758, [DF_ANGULAR] = 0.1203}},
    {0.0003, {[DF_COSINE] = 0.0625, [DF_EUCLIDEAN] = 0.4903, [DF_EUCLIDEAN_L2] = 0.3534, [DF_ANGULAR] = 0.1131}},
    {0.0001, {[DF_COSINE] = 0.0560, [DF_EUCLIDEAN] = 0.4606, [DF_EUCLIDEAN_L2] = 0.3346, [DF_ANGULAR] = 0.1070}},
    {3e-05, {[DF_COSINE] = 0.0501, [DF_EUCLIDEAN] = 0.4338, [DF_EUCLIDEAN_L2] = 0.3167, [DF_ANGULAR] = 0.1012}},
    {1e-05, {[DF_COSINE] = 0.0450, [DF_EUCLIDEAN] = 0.4100, [DF_EUCLIDEAN_L2] = 0.3001, [DF_ANGULAR] = 0.0959}},
};
#define FAR_DLIB_POINTS {dlib_points_fars, 9}

/* 3443 photos of 2132 people: 5923194 pairs of strangers */
static const df_far_point dlib_eyes_fars[] = {
    {0.1, {[DF_COSINE] = 0.0856, [DF_EUCLIDEAN] = 0.5942, [DF_EUCLIDEAN_L2] = 0.4138, [DF_ANGULAR] = 0.1327}},
    {0.03, {[DF_COSINE] = 0.0705, [DF_EUCLIDEAN] = 0.5383, [DF_EUCLIDEAN_L2] = 0.3756, [DF_ANGULAR] = 0.1203}},
    {0.01, {[DF_COSINE] = 0.0610, [DF_EUCLIDEAN] = 0.4993, [DF_EUCLIDEAN_L2] = 0.3492, [DF_ANGULAR] = 0.1117}},
    {0.003, {[DF_COSINE] = 0.0532, [DF_EUCLIDEAN] = 0.4647, [DF_EUCLIDEAN_L2] = 0.3262, [DF_ANGULAR] = 0.1043}},
    {0.001, {[DF_COSINE] = 0.0474, [DF_EUCLIDEAN] = 0.4381, [DF_EUCLIDEAN_L2] = 0.3080, [DF_ANGULAR] = 0.0984}},
    {0.0003, {[DF_COSINE] = 0.0424, [DF_EUCLIDEAN] = 0.4128, [DF_EUCLIDEAN_L2] = 0.2912, [DF_ANGULAR] = 0.0930}},
    {0.0001, {[DF_COSINE] = 0.0383, [DF_EUCLIDEAN] = 0.3919, [DF_EUCLIDEAN_L2] = 0.2767, [DF_ANGULAR] = 0.0884}},
    {3e-05, {[DF_COSINE] = 0.0348, [DF_EUCLIDEAN] = 0.3725, [DF_EUCLIDEAN_L2] = 0.2640, [DF_ANGULAR] = 0.0843}},
    {1e-05, {[DF_COSINE] = 0.0319, [DF_EUCLIDEAN] = 0.3534, [DF_EUCLIDEAN_L2] = 0.2524, [DF_ANGULAR] = 0.0806}},
};
#define FAR_DLIB_EYES {dlib_eyes_fars, 9}

#endif
