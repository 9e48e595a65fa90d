"""Box, five points and embedding of 200 photos as dlib computes them: tests/golden/dlib_embeddings.csv."""
import os

import cv2
import dlib
import numpy as np

import golden

COUNT = 200


def main():
    args = golden.arguments()
    used = golden.versions("dlib-bin", "opencv-python-headless", "numpy")
    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(os.path.join(args.weights, "shape_predictor_5_face_landmarks.dat"))
    net = dlib.face_recognition_model_v1(os.path.join(args.weights, "dlib_face_recognition_resnet_model_v1.dat"))
    rows = []
    # 20 spare: the HOG detector finds no face in a few photos
    for name in golden.spread(golden.lfw(args), COUNT + 20):
        if len(rows) == COUNT:
            break
        img = np.ascontiguousarray(cv2.imread(golden.lfw_path(args, name))[:, :, ::-1])
        boxes = detector(img, 1)
        if not boxes:
            continue
        box = max(boxes, key=lambda b: b.area())
        shape = predictor(img, box)
        vector = np.array(net.compute_face_descriptor(dlib.get_face_chip(img, shape, 150, 0.25)))
        points = [v for p in shape.parts() for v in (p.x, p.y)]
        rows.append([name, box.left(), box.top(), box.right(), box.bottom(), *points,
                     " ".join(str(round(v * 1e4)) for v in vector)])
    golden.write("dlib_embeddings.csv", [
        f"{used}; python tools/golden/dlib_embeddings.py on lfw_dev",
        "Box: get_frontal_face_detector, one upsampling, the largest. Points: shape_predictor_5_face_landmarks.dat. Vector:",
        "face_recognition_model_v1.compute_face_descriptor of get_face_chip(img, shape, 150, 0.25), times 10,000, rounded.",
        "Tolerance: points equal; cosine >= 0.9999, one part in 10,000 for sums in another order and another way to sample the photo (the rounding",
        "here costs less than 1e-7).",
        "file,left,top,right,bottom,x1,y1,x2,y2,x3,y3,x4,y4,x5,y5,vector",
    ], rows)


main()
