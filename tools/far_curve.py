"""The share of strangers at or below a distance, for src/models/far_curves.h: all pairs of faces of different people in a folder of people.

    deepface represent */*.jpg --json --align points >points.json      (in the folder, one sub-folder a person)
    python tools/far_curve.py Dlib points=points.json eyes=eyes.json >src/models/far_curves.h

Of a photo the face nearest to its middle counts, since by-standers have no name. A share is printed where at least 50 pairs of strangers lie
at or below its distance.
"""
import json
import sys

import numpy as np

FARS = [0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6]
LEAST = 50
METRICS = {"cosine": lambda c, d: 1 - c, "euclidean": lambda c, d: d, "euclidean_l2": lambda c, d: np.sqrt(np.maximum(0, 2 - 2 * c)),
           "angular": lambda c, d: np.arccos(np.clip(c, -1, 1)) / np.pi}


def main_faces(path):
    """One vector a photo, and who it shows; photos are square."""
    best = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            photo = json.loads(line)
            for face in photo["faces"]:
                a = face["facial_area"]
                off = np.hypot(a["x"] + a["w"] / 2 - 125, a["y"] + a["h"] / 2 - 125)
                if photo["path"] not in best or off < best[photo["path"]][0]:
                    best[photo["path"]] = off, face["embedding"]
    names = sorted(best)
    return np.array([best[n][1] for n in names], np.float64), np.array([n.split("/")[-2] for n in names])


def curve(name, path):
    vectors, who = main_faces(path)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    square = (vectors**2).sum(1)
    above = np.triu(who[:, None] != who[None, :], 1)
    cosine = (unit @ unit.T)[above]
    apart = np.sqrt(np.maximum(0, square[:, None] + square[None, :] - 2 * vectors @ vectors.T))[above]
    n = len(cosine)
    sorted_by = {m: np.sort(f(cosine, apart)) for m, f in METRICS.items()}
    print(f"/* {len(vectors)} photos of {len(set(who))} people: {n} pairs of strangers */")
    print(f"static const df_far_point {name}_fars[] = {{")
    fars = [f for f in FARS if f * n >= LEAST]
    for f in fars:
        at = int(np.floor(f * n)) - 1
        print(f"    {{{f:g}, {{" + ", ".join(f"[DF_{m.upper()}] = {v[at]:.4f}" for m, v in sorted_by.items()) + "}},")
    print("};")
    print(f"#define FAR_{name.upper()} {{{name}_fars, {len(fars)}}}\n")


print("""/* far_curves.h - distances, and the share of pairs of strangers at or below them, measured by tools/far_curve.py on all pairs of strangers
 * among the photos of LFW's view 1, retinaface, flip on (docs/models.md). */
#ifndef DF_MODELS_FAR_CURVES_H
#define DF_MODELS_FAR_CURVES_H

#include "models/catalogue.h"
""")
for spec in sys.argv[2:]:
    align, path = spec.split("=")
    curve(f"{sys.argv[1]}_{align}".lower().replace("-", "_"), path)
print("#endif")
