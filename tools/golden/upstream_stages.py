"""What upstream's own functions make of the stages that are arithmetic alone: eyes_synthetic.csv, eyes_photos.csv, ranges.csv, distances.csv
and verdicts.csv in tests/golden. Needs retinaface.csv, whose boxes and eyes it takes for the photos."""
import csv
import os

import cv2
import numpy as np
from deepface.models.Detector import FacialAreaRegion
from deepface.modules import detection, preprocessing, verification

import golden
from synthetic import picture, vector

METRICS = ["cosine", "euclidean", "euclidean_l2", "angular"]
RANGES = ["base", "raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace"]
GRID = 8


def eyes_crop(rgb, box, left_eye, right_eye, expand):
    """detection.detect_faces around a detector that gives this face, as extract_faces calls it. RGB again."""
    height, width = rgb.shape[:2]
    by, bx = int(0.5 * height), int(0.5 * width)
    img = cv2.copyMakeBorder(np.ascontiguousarray(rgb[:, :, ::-1]), by, by, bx, bx, cv2.BORDER_CONSTANT, value=[0, 0, 0])
    x, y, w, h = box
    shift = lambda p: None if p is None else (p[0] + bx, p[1] + by)
    area = FacialAreaRegion(x=x + bx, y=y + by, w=w, h=h, left_eye=shift(left_eye), right_eye=shift(right_eye), confidence=1.0)
    face = detection.extract_face(facial_area=area, img=img, align=True, expand_percentage=expand, width_border=bx, height_border=by,
                                  detector_backend="opencv")
    return face.img[:, :, ::-1]


# width, height, seed, box, left eye, right eye: upright, turned both ways, upside down, at each edge and beyond, large, without eyes
SYNTHETIC = [
    (90, 80, 1, (30, 25, 24, 30), (48, 36), (36, 36)), (90, 80, 2, (30, 25, 24, 30), (48, 39), (36, 34)),
    (90, 80, 3, (31, 24, 25, 31), (47, 30), (37, 38)), (91, 83, 4, (30, 25, 21, 27), (37, 45), (47, 43)),
    (91, 83, 5, (2, 3, 24, 30), (21, 15), (8, 12)), (90, 80, 6, (70, 55, 18, 24), (84, 66), (74, 63)),
    (90, 80, 7, (-6, -8, 24, 30), (14, 6), (2, 3)), (60, 50, 8, (40, 30, 30, 30), (58, 44), (46, 41)),
    (40, 50, 9, (0, 0, 40, 50), (28, 18), (12, 22)), (33, 37, 10, (4, 5, 26, 29), None, None),
    (70, 60, 11, (20, 15, 26, 28), (34, 40), (34, 20)), (64, 64, 12, (20, 20, 20, 20), (35, 26), (25, 27)),
]


def record_eyes(args, used):
    rows = []
    for width, height, seed, box, left, right in SYNTHETIC:
        for expand in (0, 20):
            crop = eyes_crop(picture(width, height, seed), box, left, right, expand)
            rows.append([width, height, seed, *box, int(left is not None), *(left or (0, 0)), *(right or (0, 0)), expand, crop.shape[1],
                         crop.shape[0], np.ascontiguousarray(crop).tobytes().hex()])
    golden.write("eyes_synthetic.csv", [
        f"{used}; python tools/golden/upstream_stages.py",
        "Crops of modules/detection.py extract_face, align=True, of pictures that tests/golden/synthetic.h makes.",
        "Tolerance: same size, one grey level a value (sums in another order). OpenCV 4 rounds places to 1/32 pixel: its crops differ by more.",
        "width,height,seed,x,y,w,h,has eyes,left x,left y,right x,right y,expand,crop width,crop height,RGB in hex",
    ], rows)

    with open(os.path.join(golden.OUT, "retinaface.csv"), encoding="utf-8") as f:
        lines = [line for line in csv.reader(f) if not line[0].startswith("#")]
    rows = []
    for photo, face in zip(lines, lines[1:]):
        if len(rows) == 40:
            break
        if not photo[0].startswith("lfw_dev/") or face[0]:
            continue
        name = photo[0]
        x, y, w, h, rx, ry, lx, ly = (int(float(v)) for v in face[2:10])
        rgb = cv2.imread(os.path.join(args.data, name))[:, :, ::-1]
        for expand in (0, 20):
            crop = eyes_crop(rgb, (x, y, w, h), (lx, ly), (rx, ry), expand)
            ys = [i * crop.shape[0] // GRID for i in range(GRID + 1)]
            xs = [i * crop.shape[1] // GRID for i in range(GRID + 1)]
            means = [crop[ys[j]:ys[j + 1], xs[i]:xs[i + 1]].reshape(-1, 3).mean(0) for j in range(GRID) for i in range(GRID)]
            rows.append([name, x, y, w, h, lx, ly, rx, ry, expand, crop.shape[1], crop.shape[0],
                         " ".join(f"{v:.2f}" for v in np.ravel(means))])
    golden.write("eyes_photos.csv", [
        f"{used}; python tools/golden/upstream_stages.py on lfw_dev",
        f"Crops of modules/detection.py extract_face, align=True, as means of R, G, B over {GRID} x {GRID} blocks (block i begins at i n / {GRID}).",
        "Tolerance: same size, 0.05 a mean: one grey level in one of 20 values.",
        "file,x,y,w,h,left x,left y,right x,right y,expand,crop width,crop height,means",
    ], rows)


def record_ranges(used):
    rows = []
    for i, (size, target) in enumerate([((29, 13), (12, 10)), ((7, 19), (10, 12)), ((10, 10), (10, 10)), ((40, 55), (9, 14))]):
        crop = picture(*size, 100 + i)[:, :, ::-1] / 255
        for name in RANGES:
            out = preprocessing.normalize_input(preprocessing.resize_image(crop, (target[1], target[0])), name)
            rows.append([name, *size, 100 + i, *target, " ".join(f"{v:.6g}" for v in out.ravel())])
    golden.write("ranges.csv", [
        f"{used}; python tools/golden/upstream_stages.py",
        "modules/preprocessing.py resize_image, then normalize_input, of pictures that tests/golden/synthetic.h makes, as B G R / 255.",
        "Tolerance: 1e-5 of the range's span (float32 sums in another order).",
        "range,crop width,crop height,seed,width,height,values [height][width][B G R]",
    ], rows)


def record_verdicts(used):
    rows = []
    for i in range(25):
        dims, a, b = (3, 128, 512)[i % 3], 1000 + i, 2000 + i
        u, v = vector(dims, a), vector(dims, b)
        if i % 2:
            v = (u + 0.3 * v).astype(np.float32)
        rows += [[m, dims, a, b, i % 2, f"{verification.find_distance(u, v, m):.6f}"] for m in METRICS]
    golden.write("distances.csv", [
        f"{used}; python tools/golden/upstream_stages.py",
        "modules/verification.py find_distance of vectors that tests/golden/synthetic.h makes; where near is 1 the second is first + 0.3 second.",
        "Tolerance: 2e-6 (upstream rounds to 6 decimals and sums in float32).",
        "metric,dims,seed 1,seed 2,near,distance",
    ], rows)
    rng, rows = np.random.default_rng(1), []
    for m in METRICS:
        threshold = verification.find_threshold("Dlib", m)
        for d in sorted(round(v, 6) for v in rng.uniform(0, 2.2 * threshold, 48)) + [0.0, threshold]:
            verified = bool(d <= threshold)
            rows.append([m, d, threshold, int(verified), verification.find_confidence(d, "Dlib", verified, m)])
    golden.write("verdicts.csv", [
        f"{used}; python tools/golden/upstream_stages.py",
        "modules/verification.py find_threshold and find_confidence of the model Dlib for seeded random distances, 0 and the threshold itself.",
        "Tolerance: 0.00501, since upstream rounds the confidence to two decimals.",
        "metric,distance,threshold,verified,confidence",
    ], rows)


def main():
    args = golden.arguments()
    used = golden.versions("deepface", "opencv-contrib-python-headless", "numpy")
    record_eyes(args, used)
    record_ranges(used)
    record_verdicts(used)


main()
