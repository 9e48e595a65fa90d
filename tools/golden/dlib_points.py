"""Record dlib's landmarks (file, box, points) on photos of the research data, for tests/unit/align/test_landmarks.c.

    python tools/golden/dlib_points.py DATA/lfw_dev/images shape_predictor_5_face_landmarks.dat 240 > tests/golden/dlib_points.csv
    python tools/golden/dlib_points.py DATA/lfw_dev/images shape_predictor_68_face_landmarks.dat 40 > tests/golden/dlib_points_68.csv

Needs the packages dlib-bin and Pillow. Boxes: what dlib's HOG detector finds first, and on every fourth photo one that reaches past the
photo's edge and one far too small. Photos are every k-th of the sorted list, so that the choice repeats.
"""
import pathlib
import sys

import dlib
import numpy as np
from PIL import Image


def main(images, weights, photos):
    root = pathlib.Path(images)
    files = sorted(root.rglob("*.jpg"))
    files = files[:: max(1, len(files) // int(photos))][: int(photos)]
    detector, predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(weights)
    print(f"# dlib {dlib.__version__} (dlib-bin), {pathlib.Path(weights).name}, by tools/golden/dlib_points.py")
    print("# file, left, top, right, bottom, x y of every point. Tolerance: none, the points are whole pixels.")
    for i, file in enumerate(files):
        rgb = np.array(Image.open(file).convert("RGB"))
        boxes = [d for d in detector(rgb, 0)][:1]
        if i % 4 == 0:
            boxes += [dlib.rectangle(-40, 30 - i % 7, 160, 229), dlib.rectangle(100, 100, 120 + i % 5, 119)]
        for b in boxes:
            points = " ".join(f"{p.x} {p.y}" for p in predictor(rgb, b).parts())
            print(f"{file.relative_to(root).as_posix()},{b.left()},{b.top()},{b.right()},{b.bottom()},{points}")


if __name__ == "__main__":
    main(*sys.argv[1:])
