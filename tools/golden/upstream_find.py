"""What upstream's find answers about the demo photos: find.csv in tests/golden. dlib's detector and network without alignment, with which it would
pad the photo first and find other boxes: what `deepface find --detector dlib --align none` is to give. The photos are copied first, for find
writes beside them."""
import os
import shutil
import tempfile

from deepface import DeepFace

import golden

COLUMNS = ["identity", "target_x", "target_y", "target_w", "target_h", "threshold", "source_x", "source_y", "source_w", "source_h", "distance", "confidence"]
PROBES = ["obama.jpg", "obama2.jpg", "biden.jpg"]


def main():
    args = golden.arguments()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in golden.DEMO:
            shutil.copy(os.path.join(args.photos, name), folder)
        for probe in PROBES:
            for metric in ("cosine", "euclidean", "euclidean_l2", "angular"):
                faces = DeepFace.find(os.path.join(folder, probe), folder, model_name="Dlib", detector_backend="dlib", distance_metric=metric,
                                      align=False, silent=True, return_type="pandas")
                for i, frame in enumerate(faces):
                    assert [c for c in frame.columns if c != "hash"] == COLUMNS, list(frame.columns)
                    for _, row in frame.iterrows():
                        rows.append([probe, metric, i, os.path.relpath(row["identity"], folder), *(row[c] for c in COLUMNS[1:])])
    head = [golden.versions("deepface", "dlib-bin", "opencv-contrib-python-headless"),
            "DeepFace.find, model Dlib, detector dlib, align False, on the demo photos: probe, metric, face of the probe, then the columns of the data frame in its",
            "order but for hash; rows in its order", "probe,metric,face," + ",".join(COLUMNS)]
    golden.write("find.csv", head, rows)


if __name__ == "__main__":
    main()
