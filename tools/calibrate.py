#!/usr/bin/env python3
"""Thresholds and confidence curves of a recogniser from scored pairs.

    tools/calibrate.py METRIC=scores.csv ...

Each file is what `deepface verify --pairs ... --metric METRIC --out scores.csv` wrote: columns distance and same. For each metric it prints a
row of src/models/catalogue.c: the threshold (the middle of the widest run of thresholds whose accuracy is within 0.05 points of the best) and
the numbers of the confidence curve: P(same | distance) = 1 / (1 + exp(-(w d + b))), fitted by Newton's method on the same pairs, and its
percentages at distance 0, at the threshold and at the largest distance seen. Standard library alone.
"""
import csv
import math
import sys


def read(path):
    with open(path, newline="", encoding="utf-8") as f:
        rows = [(float(r["distance"]), r["same"] == "1") for r in csv.DictReader(f) if r["distance"]]
    if not rows:
        sys.exit(f"{path}: no distances")
    return sorted(rows)


def accuracies(rows):
    """(threshold, accuracy) between each two neighbouring distances."""
    right = sum(1 for _, same in rows if not same)
    out = []
    for i, (d, same) in enumerate(rows):
        right += 1 if same else -1
        upper = rows[i + 1][0] if i + 1 < len(rows) else d
        out.append(((d + upper) / 2, right / len(rows)))
    return out


def best_threshold(rows):
    points = accuracies(rows)
    best = max(a for _, a in points)
    runs, run = [], []
    for t, a in points:
        if a >= best - 0.0005:
            run.append(t)
        elif run:
            runs.append(run)
            run = []
    if run:
        runs.append(run)
    widest = max(runs, key=lambda r: r[-1] - r[0])
    threshold = (widest[0] + widest[-1]) / 2
    return threshold, best, sum((d <= threshold) == same for d, same in rows) / len(rows)


def logistic(rows):
    w, b = -1.0, 0.0
    scale = rows[-1][0]
    for _ in range(100):
        gw = gb = hww = hwb = hbb = 0.0
        for d, same in rows:
            x = d / scale
            p = 1 / (1 + math.exp(-max(-500, min(500, w * x + b))))
            e, h = same - p, max(p * (1 - p), 1e-12)
            gw, gb = gw + e * x, gb + e
            hww, hwb, hbb = hww + h * x * x, hwb + h * x, hbb + h
        gw -= 1e-3 * w  # a touch of ridge: separable pairs would have no finite answer
        hww += 1e-3
        det = hww * hbb - hwb * hwb
        dw, db = (hbb * gw - hwb * gb) / det, (hww * gb - hwb * gw) / det
        w, b = w + dw, b + db
        if abs(dw) + abs(db) < 1e-9:
            break
    return w / scale, b


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for arg in sys.argv[1:]:
        metric, _, path = arg.partition("=")
        rows = read(path)
        threshold, best, accuracy = best_threshold(rows)
        w, b = logistic(rows)
        percent = lambda d: 100 / (1 + math.exp(-(w * d + b)))
        numbers = (w, b, 1.0, percent(0), percent(threshold), percent(threshold), percent(rows[-1][0]))
        print(f"{metric}: {len(rows)} pairs, best accuracy {best:.4%}, at {threshold:.4f} {accuracy:.4%}")
        print("    {" + ", ".join(f"{n:.10g}" for n in numbers) + "},")


if __name__ == "__main__":
    main()
