"""Points of MediaPipe's face mesh: tests/golden/facemesh.csv."""
import cv2
import mediapipe
import numpy as np

import golden

EVERY = 9  # of 468 points


def main():
    args = golden.arguments()
    used = golden.versions("mediapipe", "opencv-contrib-python", "numpy")
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=False, min_detection_confidence=0.5)
    rows = []
    for name, path in golden.detector_photos(args, close=60, crowds=0):
        rgb = np.ascontiguousarray(cv2.imread(path)[:, :, ::-1])
        height, width = rgb.shape[:2]
        found = mesh.process(rgb).multi_face_landmarks
        if found:
            points = found[0].landmark[::EVERY]
            rows.append([name, width, height, " ".join(f"{p.x * width:.2f} {p.y * height:.2f}" for p in points)])
    golden.write("facemesh.csv", [
        f"{used}; python tools/golden/facemesh_points.py on lfw_dev and the demo photos",
        "solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=False, min_detection_confidence=0.5).process()",
        f"file, width, height, then x and y of every {EVERY}th point from the first.",
    ], rows)


main()
