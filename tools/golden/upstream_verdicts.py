"""Thresholds, verdicts, confidences and result dictionaries of every model and metric: recogniser_verdicts.csv in tests/golden.

For each of 11 models and 4 metrics 10,000 distances that tests/golden/test_golden_verify.c makes too go through find_threshold and find_confidence
of modules/verification.py; what comes out is kept as a count, a sum and a hash. verify() itself answers for one pair of vectors each.
"""
import numpy as np
from deepface.config.threshold import thresholds
from deepface.modules import modeling, verification

import golden
from synthetic import mix, vector

METRICS = ["cosine", "euclidean", "euclidean_l2", "angular"]
DISTANCES, DIMS = 10000, 128


def fnv(values):
    h = 0xCBF29CE484222325
    for v in values:
        for byte in int(v).to_bytes(2, "little"):
            h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


class Model:
    output_shape = DIMS


def main():
    golden.arguments()
    used = golden.versions("deepface", "numpy")
    modeling.build_model = lambda task, model_name: Model()
    rows = []
    for k, model in enumerate(thresholds):
        for m, metric in enumerate(METRICS):
            seed = 100 + 4 * k + m
            threshold = verification.find_threshold(model, metric)
            share = mix(np.arange(DISTANCES), 0, 0, seed).astype(np.float64) / 4294967296
            distances = [float(s) * 2.2 * threshold for s in share]
            verified = [d <= threshold for d in distances]
            hundredths = [round(verification.find_confidence(d, model, v, metric) * 100) for d, v in zip(distances, verified)]
            u, v = vector(DIMS, seed), vector(DIMS, seed + 1000)
            v = (u + np.float32(0.1 * (1 + m + k % 4)) * v).astype(np.float32)
            answer = verification.verify([float(x) for x in u], [float(x) for x in v], model_name=model, distance_metric=metric, detector_backend="skip",
                                         silent=True)
            rows.append([model, metric, seed, threshold, sum(verified), sum(hundredths), f"{fnv(hundredths):016x}", int(answer["verified"]),
                         f"{answer['distance']:.9g}", answer["threshold"], answer["confidence"], answer["model"], answer["similarity_metric"],
                         " ".join(sorted(answer))])
    golden.write("recogniser_verdicts.csv", [
        f"{used}; python tools/golden/upstream_verdicts.py",
        f"modules/verification.py find_threshold and find_confidence of {DISTANCES} distances a row, up to 2.2 thresholds; verify of one pair of vectors.",
        "The hash is FNV-1a over the confidences in hundredths, two bytes each, the lower first: all are equal to the last digit that upstream gives.",
        "model,metric,seed,threshold,verified,sum of the confidences in hundredths,hash,then verify's: verified,distance,threshold,confidence,model,"
        "similarity_metric,keys",
    ], rows)


main()
