"""What deepface answers for age, gender, emotion, race and liveness when its weight files are small graphs of seeded weights:
tests/golden/attributes/*.onnx, which take and give what its own files do, and tests/golden/attributes_upstream.csv.

The faces are given, so that detectors do not matter: everything behind them is deepface's own code.
"""
import os
import shutil
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import golden

FOLDER = os.path.join(golden.OUT, "attributes")
# file: side of the input, channels, side of a patch, filters, classes, range of the pixels, seed (with which not all faces get one answer)
FILES = {
    "age_model_weights.onnx": (224, 3, 32, 4, 101, 1.0, 0), "gender_model_weights.onnx": (224, 3, 32, 4, 2, 1.0, 1),
    "race_model_single_batch.onnx": (224, 3, 32, 4, 6, 1.0, 22), "facial_expression_model_weights.onnx": (48, 1, 8, 4, 7, 1.0, 3),
    "2.7_80x80_MiniFASNetV2.onnx": (80, 3, 16, 4, 3, 255.0, 4), "4_0_0_80x80_MiniFASNetV1SE.onnx": (80, 3, 16, 4, 3, 255.0, 5),
}
# demo photo, box, left eye, right eye: close to what detectors find, and odd ones at the edges
FACES = [
    ("obama.jpg", (376, 86, 228, 335), (552, 214), (439, 209)), ("biden.jpg", (432, 184, 274, 385), (656, 346), (535, 325)),
    ("obama2.jpg", (210, 235, 265, 391), (420, 385), (295, 392)), ("obama3.jpg", (641, 260, 274, 359), (850, 390), (722, 412)),
    ("obama.jpg", (0, 0, 300, 300), (200, 90), (100, 140)), ("biden.jpg", (700, 500, 600, 600), (900, 700), (800, 600)),
    ("obama2.jpg", (100, 100, 61, 50), None, None), ("obama3.jpg", (5, 3, 900, 700), (500, 300), (300, 290)),
]


def graph(name):
    side, channels, patch, filters, classes, span, seed = FILES[name]
    numbers, cells = np.random.default_rng(seed), side // patch
    weights = {
        "w1": numbers.normal(0, 1.0 / patch / span, (filters, channels, patch, patch)), "b1": numbers.normal(0, 0.1, filters),
        "w2": numbers.normal(0, 3.0 / cells, (filters * cells * cells, classes)), "b2": numbers.normal(0, 0.1, classes),
    }
    nodes = [
        helper.make_node("Transpose", ["input"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "w1", "b1"], ["patches"], kernel_shape=[patch, patch], strides=[patch, patch]),
        helper.make_node("Relu", ["patches"], ["bent"]), helper.make_node("Flatten", ["bent"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "w2", "b2"], ["logits"]), helper.make_node("Softmax", ["logits"], ["output"], axis=1),
    ]
    made = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", side, side, channels])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], producer_name="golden")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main():
    args = golden.arguments()
    os.makedirs(FOLDER, exist_ok=True)
    home = tempfile.mkdtemp()
    weights = os.path.join(home, ".deepface", "weights")
    os.makedirs(weights)
    for name in FILES:
        with open(os.path.join(FOLDER, name), "wb") as f:
            f.write(graph(name))
        shutil.copy(os.path.join(FOLDER, name), weights)
    os.environ["DEEPFACE_HOME"] = home
    os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"
    import cv2
    from deepface import DeepFace
    from deepface.models.Detector import FacialAreaRegion
    from deepface.modules import modeling
    built, given = modeling.build_model, {}

    class Given:
        """A detector that finds what it was told to; analyze hands it the photo with a border of half its sides."""

        def detect_faces(self, img):
            x, y, w, h = given["box"]
            dx, dy = int(0.5 * given["width"]), int(0.5 * given["height"])
            moved = {k: (p[0] + dx, p[1] + dy) if p else None for k, p in (("left_eye", given["left"]), ("right_eye", given["right"]))}
            return [FacialAreaRegion(x=x + dx, y=y + dy, w=w, h=h, confidence=0.9, **moved)]

    modeling.build_model = lambda task, model_name: Given() if task == "face_detector" else built(task, model_name)
    rows = []
    for photo, box, left, right in FACES:
        img = cv2.imread(os.path.join(args.photos, photo))
        given.update(box=box, left=left, right=right, height=img.shape[0], width=img.shape[1])
        found = DeepFace.analyze(img, silent=True)[0]
        live = DeepFace.extract_faces(img, anti_spoofing=True)[0]
        shares = [" ".join(f"{v:.6f}" for v in found[k].values()) for k in ("gender", "emotion", "race")]
        age = modeling.build_model("facial_attribute", "Age").predict(input_of(img))
        eyes = [" ".join(map(str, p)) if p else "-" for p in (left, right)]
        rows.append([f"photos/{photo}", *box, *eyes, f"{age:.5f}", found["age"], *shares, found["dominant_gender"], found["dominant_emotion"],
                     found["dominant_race"], int(live["is_real"]), f"{live['antispoof_score']:.6f}"])
    golden.write("attributes_upstream.csv", [
        f"{golden.versions('deepface', 'onnxruntime', 'numpy')}, opencv {cv2.__version__}; python tools/golden/attributes_upstream.py",
        "deepface.analyze and extract_faces(anti_spoofing=True) with the graphs of tests/golden/attributes as its weight files, on given faces.",
        "photo, box x, y, w, h, left eye, right eye, age as its network's mean, age, shares of gender, emotion, race in percent, dominant ones, is_real, antispoof_score",
    ], rows)
    shutil.rmtree(home)


def input_of(img):
    """The crop that analyze makes, for the age before it is cut to a whole number."""
    from deepface.modules import detection, preprocessing
    face = detection.extract_faces(img, grayscale=False, align=True)[0]["face"]
    return preprocessing.resize_image(img=face[:, :, ::-1], target_size=(224, 224))


main()
