#!/usr/bin/env python3
"""Rows of src/align/points.c: where points of a face lie in the chips that recognisers were trained on.

    tools/chip_templates.py DEEPFACE PHOTO...

DEEPFACE is the command line, the photos show a face each (docs/benchmarks.md: LFW's view 1). A recogniser that was trained on boxes has no
template of its own: its points are the mean place of a detector's points in the boxes that its training took. Needs numpy.
"""
import json
import subprocess
import sys

import numpy as np

POINTS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
DLIB_FIVE = np.array([[47.33, 45.95], [102.06, 45.77], [73.75, 77.02], [51.04, 103.16], [97.22, 103.14]])
DLIB_OWN = np.array([[110.95674596, 46.34981538], [89.60604764, 47.89674388], [37.05750621, 46.37274527], [58.40850614, 47.90642403],
                     [74.01123136, 87.77975316]])
# insightface python-package/insightface/utils/face_align.py, arcface_dst
ARCFACE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
# openface/align_dlib.py at 04f8cc3, TEMPLATE: points 45, 42, 36, 39 and 33, and the least and greatest of all 68
OPENFACE = np.array([[0.782865376271, 0.321305281656], [0.631326076346, 0.334136672344], [0.252418718401, 0.331052263829],
                     [0.403718978315, 0.33867711083], [0.520712933176, 0.634268222208]])
OPENFACE_LEAST, OPENFACE_MOST = np.array([0.0792396913815, 0.182360984545]), np.array([0.971193274221, 1.06080371126])


def faces(deepface, detector, photos):
    """{photo: (box, five points)} of the best face; the JSON cuts fractions off, half a pixel on the mean."""
    out = {}
    for at in range(0, len(photos), 200):
        ran = subprocess.run([deepface, "detect", "--json", "--detector", detector, *photos[at:at + 200]], stdout=subprocess.PIPE, check=False)
        for row in map(json.loads, ran.stdout.splitlines()):
            if not row.get("faces"):
                continue
            f = max(row["faces"], key=lambda f: f["facial_area"]["w"] * f["facial_area"]["h"])["facial_area"]
            box = np.array([f["x"], f["y"], f["w"], f["h"]]) + 0.5
            out[row["path"]] = box, np.array([f[k] for k in POINTS]) + 0.5 if all(f.get(k) for k in POINTS) else None
    return out


def mean_place(boxes, points, size, window):
    """`window(box)` is (x, y, w, h) of the photo that the chip shows. Pixel centres are at whole numbers."""
    places = []
    for photo, (box, _) in boxes.items():
        if points.get(photo, (None, None))[1] is None:
            continue
        x, y, w, h = window(box)
        at = (points[photo][1] + 0.5 - (x, y)) / (w, h) * size - 0.5
        if np.all(at > 0) and np.all(at < size):  # another face than the box's
            places.append(at)
    print(f"{len(places)} faces", file=sys.stderr)
    mean = np.mean(places, axis=0)
    mirrored = (mean * (-1, 1) + (size[0] - 1, 0))[[1, 0, 2, 4, 3]]  # people lean and look either way
    return (mean + mirrored) / 2


def grown(box, k, more=0):
    x, y, w, h = box
    wide, high = w * k + more, h * k + more
    return x + w / 2 - wide / 2, y + h / 2 - high / 2, wide, high


def square(box, side):
    x, y, w, h = box
    return x + w / 2 - side / 2, y + h / 2 - side / 2, side, side


def carry(a, b, points):
    """`points` by the similarity that lays `a` on `b` (Umeyama 1991)."""
    ma, mb = a.mean(0), b.mean(0)
    za, zb = ((a - ma) @ (1, 1j)), ((b - mb) @ (1, 1j))
    k = np.vdot(za, zb) / np.vdot(za, za)
    z = ((points - ma) @ (1, 1j)) * k
    return np.stack([z.real, z.imag], 1) + mb


def show(name, size, five, own):
    def text(points):
        return "{" + ", ".join(f"{{{x:.4f}f, {y:.4f}f}}" for x, y in points) + "}"
    print(f'{{.name = "{name}", .width = {size[0]}, .height = {size[1]},\n .five = {text(five)},\n .dlib = {text(own)}}},')


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    deepface, photos = sys.argv[1], sys.argv[2:]
    retinaface, mtcnn, opencv = (faces(deepface, d, photos) for d in ("retinaface", "mtcnn", "opencv"))
    openface = 96 * (OPENFACE - OPENFACE_LEAST) / (OPENFACE_MOST - OPENFACE_LEAST)
    rows = {
        ("arcface-112", 112, 112): ARCFACE,
        ("facenet-160", 160, 160): mean_place(mtcnn, mtcnn, (160, 160), lambda b: grown(b, 1, 32)),
        ("vggface-224", 224, 224): mean_place(retinaface, retinaface, (224, 224), lambda b: square(b, 1.1 * (b[2] + b[3]) / 2)),
        ("deepface-152", 152, 152): mean_place(mtcnn, mtcnn, (152, 152), lambda b: square(b, 2 * max(b[2], b[3]))),
        ("deepid-47x55", 47, 55): mean_place(opencv, retinaface, (47, 55), lambda b: grown(b, 1.1)),
    }
    for (name, *size), five in rows.items():
        show(name, size, five, carry(DLIB_FIVE, five, DLIB_OWN))
    show("openface-96", (96, 96), carry(DLIB_OWN, openface, DLIB_FIVE), openface)


if __name__ == "__main__":
    main()
