#!/usr/bin/env python3
"""Table of the detectors beside their originals: average precision, recall, agreement, milliseconds.

    bench/peers/detectors_table.py WIDER ours.csv [theirs.csv] [--markdown]

WIDER is the folder of photos with boxes.csv (WIDER FACE), the others the rows of bench/bench_detectors.c and bench/peers/detectors.py. Standard
library alone.

Average precision is the area under the curve of precision over recall with precision made monotonous, over the faces that a detector returns with
its own least score; a face counts where it overlaps a box by half (intersection over union). Boxes below 20 pixels a side and those that WIDER FACE
calls invalid are neither to be found nor wrong to find. Agreement: of the original's faces, the share for which ours has one of IoU >= 0.95 and the
other way round, and the median distance of their points in pixels of the photo.
"""
import csv
import math
import os
import statistics
import sys

LEAST_SIDE, HIT, SAME = 20, 0.5, 0.95


class Face:
    def __init__(self, row, falls=False):
        self.score = 1 - float(row[3]) if falls else float(row[3])
        self.box = tuple(float(v) for v in row[4:8])
        self.points = [(float(x), float(y)) for x, y in zip(row[8::2], row[9::2]) if x and y]


def read(path, wider):
    """{detector: {photo: [faces]}}, {detector: {photo: ms}}, {detector: tool}."""
    faces, times, tools = {}, {}, {}
    with open(path, encoding="utf-8") as f:
        for row in csv.reader(f):
            if row[0] == "tool":
                tools[row[1]] = row[2].replace(";", ",")
                continue
            photo = os.path.relpath(row[2], wider)
            if row[0] == "face":
                faces.setdefault(row[1], {}).setdefault(photo, []).append(row)
            elif row[0] == "time":
                of, name = times.setdefault(row[1], {}), os.path.basename(photo)
                of[name] = min(of.get(name, math.inf), float(row[3]))
    return faces, times, tools


def truth(wider):
    out = {}
    with open(os.path.join(wider, "boxes.csv"), encoding="utf-8") as f:
        for r in csv.DictReader(f):
            box = tuple(float(r[k]) for k in "xywh")
            out.setdefault(r["image"], []).append((box, box[2] >= LEAST_SIDE and box[3] >= LEAST_SIDE and r["invalid"] == "0"))
    return out


def overlap(a, b):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h)


def judge(found, boxes):
    """Average precision, recall."""
    verdicts, total = [], sum(counts for of in boxes.values() for _, counts in of)
    for photo, of in boxes.items():
        taken = set()
        for face in sorted(found.get(photo, []), key=lambda f: -f.score):
            best = max(range(len(of)), key=lambda i: overlap(face.box, of[i][0]) if i not in taken else -1, default=None)
            hit = best is not None and best not in taken and overlap(face.box, of[best][0]) >= HIT
            if hit:
                taken.add(best)
                if of[best][1]:
                    verdicts.append((face.score, 1))
            else:
                verdicts.append((face.score, 0))
    verdicts.sort(key=lambda v: -v[0])
    curve, right = [], 0
    for n, (_, hit) in enumerate(verdicts, 1):
        right += hit
        curve.append((right / total, right / n))
    area, best, after = 0.0, 0.0, None
    for recall, precision in reversed(curve):
        if after is not None:
            area += (after - recall) * best
        best, after = max(best, precision), recall
    if after is not None:
        area += after * best
    return area, right / total


def agreement(ours, theirs):
    """Share of faces that both have, median distance of points, and how many faces that is about."""
    pairs, total, apart = 0, 0, []
    for photo in set(ours) | set(theirs):
        a, b = ours.get(photo, []), theirs.get(photo, [])
        total += max(len(a), len(b))
        left = list(a)
        for face in b:
            best = max(left, key=lambda f: overlap(f.box, face.box), default=None)
            if best is None or overlap(best.box, face.box) < SAME:
                continue
            left.remove(best)
            pairs += 1
            apart += [math.dist(p, q) for p, q in zip(best.points, face.points)]
    return pairs / total if total else 1.0, statistics.median(apart) if apart else None, total


def load(rows, falls=False):
    return {photo: [Face(r, falls) for r in of] for photo, of in rows.items()}


def cell(value, form):
    return form.format(value) if value is not None else ""


def main():
    args = [a for a in sys.argv[1:] if a != "--markdown"]
    if len(args) not in (2, 3):
        sys.exit(__doc__)
    wider = args[0]
    boxes = truth(wider)
    faces, times, _ = read(args[1], wider)
    peer_faces, peer_times, tools = read(args[2], wider) if len(args) == 3 else ({}, {}, {})
    table = [("detector", "AP", "recall", "ms", "original", "AP", "recall", "ms", "faster", "same faces", "of", "points apart")]
    for detector, rows in faces.items():
        mine = load(rows, falls=detector == "opencv")  # its confidence falls as the cascade gets surer (docs/pipeline.md)
        ap, recall = judge(mine, boxes)
        peers = [t for t in tools if t.split(":")[0] == detector] or [None]
        for i, peer in enumerate(peers):
            ms = statistics.median(times[detector].values()) if detector in times else None
            row = [detector if i == 0 else "", f"{ap:.1%}", f"{recall:.1%}", cell(ms, "{:.2f}")] if i == 0 else ["", "", "", ""]
            if peer:
                theirs = load(peer_faces.get(peer, {}))
                same, apart, n = agreement(mine, theirs)
                peer_ap, peer_recall = judge(theirs, boxes)
                both = set(times.get(detector, {})) & set(peer_times.get(peer, {}))
                ratio = statistics.median(peer_times[peer][p] / times[detector][p] for p in both) if both else None
                peer_ms = statistics.median(peer_times[peer].values()) if peer in peer_times else None
                row += [tools[peer], f"{peer_ap:.1%}", f"{peer_recall:.1%}", cell(peer_ms, "{:.2f}"), cell(ratio, "{:.1f} x"), f"{same:.1%}", str(n),
                        cell(apart, "{:.3f} px")]
            else:
                row += [""] * 8
            table.append(row)
    if len(args) == 2:
        table = [row[:4] for row in table]
    if "--markdown" in sys.argv:
        table.insert(1, ["---"] * len(table[0]))
        for row in table:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(row[c]) for row in table) for c in range(len(table[0]))]
    for row in table:
        print("  " + "  ".join(text.ljust(w) if c in (0, 4) else text.rjust(w) for c, (text, w) in enumerate(zip(row, widths))))


if __name__ == "__main__":
    main()
