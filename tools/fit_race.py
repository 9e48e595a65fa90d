"""Fits src/analyze/race_head.c, what the light networks tell of race: one matrix on the 1,024 numbers that FaceRes makes of a face, multinomial
logistic regression with five classes. Prints how often such a head is right about photos that it was not fitted on.

    build/release/bench/face_features DATA/utkface_dev/*.jpg >utkface.csv
    build/release/bench/face_features DATA/fairface_val_dev/*.jpg >fairface.csv
    python tools/fit_race.py DATA utkface.csv fairface.csv [--head src/analyze/race_head.c] [--repeats 3]

Needs numpy and scipy. Ten folds over both sets together, drawn anew for each repeat (seeds 0, 1, 2, ...); means, scale, and how strongly the
matrix is held small (RIDGES, by three folds) come from the other nine alone. `A alone` is fitted on all of A and judged on all of the other set.
The head that is written is fitted on all photos of both sets, and its numbers rounded to 8 bits.
"""
import argparse
import csv
import os

import numpy as np
from scipy.optimize import minimize

CLASSES = ["white", "black", "asian", "indian", "other"]
CLASS_OF = {"White": 0, "Black": 1, "Asian": 2, "East Asian": 2, "Southeast Asian": 2, "Indian": 3,
            "Middle Eastern": 4, "Latino_Hispanic": 4, "Others": 4}
RIDGES = [0.03, 0.1, 0.3, 1.0]
FOLDS, INNER_FOLDS, STEPS, LEVELS = 10, 3, 100, 127
SURE = 0.9  # a share that a filter by race takes for certain


def read_set(data, name, path):
    with open(os.path.join(data, name, "labels.csv"), encoding="utf-8") as f:
        race = {row["image"]: row["race"] for row in csv.DictReader(f)}
    with open(path, encoding="utf-8") as f:
        rows = {os.path.basename(row[0]): np.array(row[1:], np.float32) for row in csv.reader(f)}
    names = sorted(rows)
    return np.array([rows[n] for n in names]), np.array([CLASS_OF[race[n]] for n in names])


def fit(x, y, ridge):
    """Weights [features][classes] and biases of x as it is. The ridge counts numbers whose mean square, summed over the features, is 1."""
    mean = x.mean(0)
    scale = np.sqrt(((x - mean) ** 2).sum(1).mean())
    z, truth, n = (x - mean) / scale, np.eye(len(CLASSES), dtype=np.float32)[y], x.shape[1]

    def loss(v):
        w = v.reshape(n + 1, len(CLASSES)).astype(np.float32)
        logits = z @ w[:-1] + w[-1]
        logits -= logits.max(1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        off = np.exp(log_p) - truth
        slope = np.vstack([z.T @ off + ridge * w[:-1], off.sum(0)])
        return float(-(log_p * truth).sum(dtype=np.float64) + ridge / 2 * (v[:-len(CLASSES)] ** 2).sum()), slope.ravel().astype(np.float64)

    v = minimize(loss, np.zeros((n + 1) * len(CLASSES)), jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    w = v.reshape(n + 1, len(CLASSES))
    w -= w.mean(1, keepdims=True)  # no share changes
    return w[:-1] / scale, w[-1] - mean @ w[:-1] / scale


def shares(head, x):
    logits = x @ head[0] + head[1]
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def folds_of(n, folds, seed):
    return np.random.default_rng(seed).permutation(n) % folds


def choose_ridge(x, y, seed):
    fold = folds_of(len(y), INNER_FOLDS, seed)

    def log_likelihood(ridge):
        return sum(np.log(shares(fit(x[fold != k], y[fold != k], ridge), x[fold == k])[range((fold == k).sum()), y[fold == k]]).sum()
                   for k in range(INNER_FOLDS))
    return max(RIDGES, key=log_likelihood)


def cross_validated(x, y, seed):
    fold, p, ridges = folds_of(len(y), FOLDS, seed), np.zeros((len(y), len(CLASSES))), []
    for k in range(FOLDS):
        seen = fold != k
        ridges.append(choose_ridge(x[seen], y[seen], seed))
        p[~seen] = shares(fit(x[seen], y[seen], ridges[-1]), x[~seen])
    return p, ridges


def percent(right):
    return f"{100 * right.mean():.1f} %"


def write_head(path, head):
    step = np.abs(head[0]).max() / LEVELS
    whole = np.rint(head[0] / step).astype(int)
    with open(path, "w", encoding="utf-8") as f:
        f.write("/* race_head.c - from FaceRes's numbers of a face to what people call race, fitted by tools/fit_race.py on photos of UTKFace and FairFace;\n"
                " * race.c says how it is read. */\n"
                '#include "analyze/race_head.h"\n\n'
                f"const double df__race_step = {step:.6g};\n\n"
                f"const double df__race_biases[DF_RACE_HEAD] = {{{', '.join(f'{b:.5f}' for b in head[1])}}}; /* {', '.join(CLASSES)} */\n\n"
                "/* In df__race_step. */\n"
                "const int8_t df__race_weights[DF_RACE_HEAD][DF_RACE_FEATURES] = {\n")
        for name, row in zip(CLASSES, whole.T):
            lines, line = [], "   "
            for v in row:
                if len(line) + len(f" {v},") > 148:
                    lines.append(line)
                    line = "   "
                line += f" {v},"
            f.write("    { /* " + name + " */\n" + "\n".join(lines + [line]) + "\n    },\n")
        f.write("};\n")
    return whole * step, head[1]


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data"), args.add_argument("utkface"), args.add_argument("fairface")
    args.add_argument("--head"), args.add_argument("--repeats", type=int, default=3)
    a = args.parse_args()
    sets = {"UTKFace": read_set(a.data, "utkface_dev", a.utkface), "FairFace": read_set(a.data, "fairface_val_dev", a.fairface)}
    x, y = (np.concatenate([s[i] for s in sets.values()]) for i in (0, 1))
    of = np.repeat(list(sets), [len(s[1]) for s in sets.values()])
    for name, (seen, truth) in sets.items():
        ridge = choose_ridge(seen, truth, 0)
        head = fit(seen, truth, ridge)
        for other in sets:
            if other != name:
                right = shares(head, sets[other][0]).argmax(1) == sets[other][1]
                print(f"{name} alone (ridge {ridge}), on {other}: {percent(right)}", flush=True)
    right, known, sure, p_all = [], [], [], []
    for seed in range(a.repeats):
        p, ridges = cross_validated(x, y, seed)
        right.append(p.argmax(1) == y)
        sure.append(p.max(1) >= SURE)
        print(f"both, ten folds, seed {seed} (ridges {sorted(set(ridges))}): "
              + ", ".join(f"{name} {percent(right[-1][of == name])}" for name in sets), flush=True)
    right, sure = np.array(right), np.array(sure)
    for name in sets:
        here = of == name
        print(f"{name}: {percent(right[:, here])} ({', '.join(percent(r[here]) for r in right)}); without other {percent(right[:, here & (y < 4)])}; "
              + ", ".join(f"{c} {percent(right[:, here & (y == i)])} of {(here & (y == i)).sum()}" for i, c in enumerate(CLASSES))
              + f"; a share of {SURE} or more: {percent(sure[:, here])}, right {percent(right[:, here][sure[:, here]])}")
    ridge = choose_ridge(x, y, 0)
    head = fit(x, y, ridge)
    if a.head:
        rounded = write_head(a.head, head)
        p, q = shares(head, x), shares(rounded, x)
        print(f"written (ridge {ridge}): shares are off by at most {np.abs(p - q).max():.4f}, {(p.argmax(1) != q.argmax(1)).sum()} of {len(y)} answers are others; "
              + ", ".join(f"{name} {percent((q.argmax(1) == y)[of == name])}" for name in sets) + " on the photos that it was fitted on")


main()
