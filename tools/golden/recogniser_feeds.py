"""What upstream's classes make of a crop on its way into each recogniser's network and out of it: tests/golden/recogniser_feeds.csv.

The networks are those of tests/golden/test_golden_recognisers.c (mean values of a grid of cells, then a 1x1 convolution), in the place of each
model's session; the crops are pictures of tests/golden/synthetic.h. modules/representation.py represent runs as it is around them: resize,
`normalization`, channel order, layout, range, L2. Buffalo_L goes through insightface 0.7.3 model_zoo/arcface_onnx.py, Dlib through
dlib's (v - mean) / 256 behind upstream's own bytes.
"""
import importlib.util
import os
import sys
import tempfile
import types

import cv2
import numpy as np
import onnx
import onnxruntime
from deepface.models.facial_recognition.dlib.Dlib import DlibClient
from deepface.models.facial_recognition.onnx import ArcFace, Buffalo_L, DeepID, Facenet, FbDeepFace, GhostFaceNet, OpenFace, SFace, VGGFace
from deepface.modules import detection, modeling, representation
from onnx import TensorProto, helper, numpy_helper

import golden
from synthetic import picture, vector

RANGES = ["base", "raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace"]
# name, class, width, height, channels last, one face at a time
MODELS = [("Dlib", DlibClient, 150, 150, False, False), ("VGG-Face", VGGFace.VggFaceClient, 224, 224, True, False),
          ("Facenet", Facenet.FaceNet128dClient, 160, 160, True, False), ("Facenet512", Facenet.FaceNet512dClient, 160, 160, True, False),
          ("OpenFace", OpenFace.OpenFaceClient, 96, 96, True, False), ("DeepFace", FbDeepFace.DeepFaceClient, 152, 152, True, False),
          ("DeepID", DeepID.DeepIdClient, 47, 55, True, False), ("ArcFace", ArcFace.ArcFaceClient, 112, 112, True, False),
          ("GhostFaceNet", GhostFaceNet.GhostFaceNetClient, 112, 112, True, False), ("SFace", SFace.SFaceClient, 112, 112, False, True),
          ("Buffalo_L", Buffalo_L.Buffalo_L, 112, 112, False, False)]
CROPS = [(131, 160, 1), (64, 47, 2)]  # width, height, seed: one to shrink and one to enlarge, both with bars


def network(width, height, last, one, seed):
    """Bytes of the graph, as the test makes it."""
    cell = min(width, height) // 4
    n = 1 if one else "n"
    nodes = [helper.make_node("Transpose", ["x"], ["planes"], perm=[0, 3, 1, 2])] if last else []
    nodes += [helper.make_node("AveragePool", ["planes" if last else "x"], ["cells"], kernel_shape=[cell] * 2, strides=[cell] * 2),
              helper.make_node("Conv", ["cells", "w"], ["mixed"]), helper.make_node("Flatten", ["mixed"], ["y"])]
    shape = [n, height, width, 3] if last else [n, 3, height, width]
    graph = helper.make_graph(nodes, "cells", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [n, 4 * (width // cell) * (height // cell)])],
                              [numpy_helper.from_array(vector(12, seed).reshape(4, 3, 1, 1), "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


class DlibNetwork:
    """In the place of dlib's compute_face_descriptor: its input layer, then the small network."""

    def __init__(self, session):
        self.session, self.model = session, self

    def compute_face_descriptor(self, rgb):
        x = (rgb.astype(np.float32) - np.float32([122.782, 117.001, 104.298])) / 256
        return list(self.session.run(None, {"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0])


def insightface_recogniser():
    """The one file of insightface that is needed, without the package's detectors, cameras and their dependencies."""
    for name in "insightface", "insightface.model_zoo", "insightface.utils":
        sys.modules[name] = types.ModuleType(name)
    sys.modules["insightface.utils"].face_align = None
    paths = (os.path.join(folder, "insightface", "model_zoo", "arcface_onnx.py") for folder in sys.path)
    spec = importlib.util.spec_from_file_location("insightface.model_zoo.arcface_onnx", next(filter(os.path.exists, paths)))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ArcFaceONNX


def client_of(name, kind, width, height, last, one, seed, folder):
    graph = network(width, height, last, one, seed)
    client = kind.__new__(kind)
    client.model_name, client.input_shape = name, (width, height)
    client.model = onnxruntime.InferenceSession(graph)
    if name == "Dlib":
        client.model = DlibNetwork(client.model)
    if name == "Buffalo_L":
        path = os.path.join(folder, "cells.onnx")
        with open(path, "wb") as f:
            f.write(graph)
        client.model = insightface_recogniser()(path)
        client.model.prepare(ctx_id=-1, input_size=(width, height))
    return client


def main():
    golden.arguments()
    used = golden.versions("deepface", "onnxruntime", "numpy") + f", OpenCV {cv2.__version__}"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed, model in enumerate(MODELS, 1):
            client = client_of(*model, seed, folder)
            modeling.build_model = lambda task, model_name: client
            for width, height, crop in CROPS:
                face = {"face": picture(width, height, crop) / 255, "facial_area": {"x": 0, "y": 0, "w": width, "h": height}, "confidence": 1}
                detection.extract_faces = lambda **_: [dict(face)]
                for name in RANGES:
                    out = representation.represent("photo", model_name=model[0], detector_backend="opencv", normalization=name)
                    rows.append([model[0], seed, width, height, crop, name, " ".join(f"{v:.7g}" for v in np.ravel(out[0]["embedding"]))])
    golden.write("recogniser_feeds.csv", [
        f"{used}, insightface 0.7.3; python tools/golden/recogniser_feeds.py",
        "modules/representation.py represent with each model's class around a small network that tests/golden/test_golden_recognisers.c makes too.",
        "Tolerance: 1e-4 of the vector's length; 2e-3 where upstream cuts to bytes (Dlib, SFace): one grey level in a few pixels of a cell.",
        "model,seed of the network,crop width,crop height,seed of the crop,normalization,vector",
    ], rows)


main()
