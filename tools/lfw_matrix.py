"""A row of docs/models.md for each alignment: what a recogniser makes of LFW's view 1, out of the vectors of all its photos.

    python tools/lfw_matrix.py ../shared/data/lfw_dev/pairs.csv points=points.json eyes=eyes.json      (files: see tools/far_curve.py)

Pairs: the closest of all faces of both photos decides, as in `deepface verify`. Ten folds: the best threshold of nine tenths, judged on the last.
Thresholds at a share of false accepts: of all pairs of strangers among the photos (tools/far_curve.py); TAR: of the pairs of one person at them.
"""
import csv
import json
import sys

import numpy as np


def read(path):
    with open(path, encoding="utf-8") as f:
        photos = map(json.loads, f)
        return {p["path"]: (np.array([x["embedding"] for x in p["faces"]]), [x["facial_area"] for x in p["faces"]]) for p in photos if "faces" in p}


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def accuracy(d, same, t):
    return ((d <= t) == same).mean()


def best(d, same):
    order = np.argsort(d, kind="stable")
    right = np.cumsum(np.where(same[order], 1, -1)) + (~same).sum()
    return d[order][right.argmax()]


def folds(d, same):
    scores = []
    part = np.zeros(len(d), int)
    for kind in (True, False):
        at = np.flatnonzero(same == kind)
        part[at] = np.arange(len(at)) * 10 // len(at)
    for k in range(10):
        rest = part != k
        scores.append(accuracy(d[~rest], same[~rest], best(d[rest], same[rest])))
    return np.mean(scores), np.std(scores, ddof=1) / np.sqrt(10)


def strangers(photos):
    names, rows = sorted(photos), []
    for n in names:
        vectors, areas = photos[n]
        off = [np.hypot(a["x"] + a["w"] / 2 - 125, a["y"] + a["h"] / 2 - 125) for a in areas]
        rows.append(vectors[int(np.argmin(off))])
    who = np.array([n.split("/")[-2] for n in names])
    v = unit(np.array(rows))
    return np.sort((1 - v @ v.T)[np.triu(who[:, None] != who[None, :], 1)])


with open(sys.argv[1], encoding="utf-8") as f:
    pairs = [(r["img1"], r["img2"], r["same"] == "1") for r in csv.DictReader(f)]
print("| align | pairs | best (threshold) | ten folds | TAR at FAR 1e-2, 1e-3, 1e-4 | thresholds at FAR 1e-2, 1e-3, 1e-4 |\n|---|---|---|---|---|---|")
for spec in sys.argv[2:]:
    align, path = spec.split("=")
    photos = read(path)
    known = [p for p in pairs if p[0] in photos and p[1] in photos]
    d = np.array([(1 - unit(photos[a][0]) @ unit(photos[b][0]).T).min() for a, b, _ in known])
    same = np.array([s for *_, s in known])
    apart, t = strangers(photos), best(d, same)
    at = [apart[int(f * len(apart)) - 1] for f in (1e-2, 1e-3, 1e-4)]
    mean, error = folds(d, same)
    print(f"| {align} | {len(known)} | {100 * accuracy(d, same, t):.2f} % ({t:.4f}) | {100 * mean:.2f} +- {100 * error:.2f} % | "
          + ", ".join(f"{100 * (d[same] <= x).mean():.1f} %" for x in at) + " | " + ", ".join(f"{x:.4f}" for x in at) + " |")
