"""Chips that insightface's norm_crop cuts by five points: tests/golden/arcface_chips.csv.

The points are those of tests/golden/retinaface.csv, so that this needs no detector. insightface's file is loaded by itself: the package around it
imports much that a chip has no need of.
"""
import csv
import importlib.util
import os
import sysconfig

import cv2
import numpy as np

import golden

GRID, SIDE = 8, 112


def face_align():
    path = os.path.join(sysconfig.get_paths()["purelib"], "insightface", "utils", "face_align.py")
    spec = importlib.util.spec_from_file_location("face_align", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def means(chip):
    """R, G, B of 8 x 8 blocks."""
    edges = [i * SIDE // GRID for i in range(GRID + 1)]
    return [f"{chip[edges[y]:edges[y + 1], edges[x]:edges[x + 1], 2 - c].mean():.2f}" for y in range(GRID) for x in range(GRID) for c in range(3)]


def main():
    args = golden.arguments()
    used = golden.versions("insightface", "scikit-image", "opencv-contrib-python-headless", "numpy")
    align = face_align()
    paths = dict(golden.detector_photos(args)[::2])
    rows, name = [], None
    with open(os.path.join(golden.OUT, "retinaface.csv"), encoding="utf-8") as f:
        for r in csv.reader(line for line in f if not line.startswith("#")):
            if r[0]:
                name = r[0]
                continue
            if name not in paths or float(r[1]) < 0.9:
                continue
            points = np.array([float(v) for v in r[6:16]]).reshape(5, 2)
            chip = align.norm_crop(cv2.imread(paths.pop(name)), points.astype(np.float32), SIDE)
            matrix = align.estimate_norm(points.astype(np.float32), SIDE)
            rows.append([name, *r[6:16], *(f"{v:.6f}" for v in matrix.ravel()), " ".join(means(chip))])
    golden.write("arcface_chips.csv", [
        f"{used}; python tools/golden/arcface_chips.py on the surest face of every second photo of retinaface.csv",
        "Chips of utils/face_align.py norm_crop, 112 x 112: the similarity of estimate_norm, cv2.warpAffine.",
        "file,five points x y in pixels of the photo (as retinaface.csv),photo to chip: m00 m01 m02 m10 m11 m12,means of R G B over 8 x 8 blocks",
        "Tolerance: the map within 0.01 pixels of the chip at its corners. Means within one grey level where a pixel of the chip is less than two of the photo",
        "and the chip lies inside it; else within 3 on average: ours averages before it interpolates and does not fade into black.",
    ], rows)


main()
