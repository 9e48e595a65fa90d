"""The whole path from photo to vector beside upstream's on the same ONNX files: cosines for every model and pixel range, and the time of both.

    python bench/peers/recognisers.py GRAPHS --lib build/release/src/libdeepface.so [--photos build/photos] [--detectors opencv,skip]

GRAPHS is a folder of recognisers as upstream's architecture with seeded weights, under upstream's file names (vgg_face_weights.onnx, ...; docs/models.md
says how to make them). They are put into the weights folder of a DEEPFACE_HOME of their own, where both look; detectors' files come from
~/.deepface/weights. Run it with a Python that has bench/peers/requirements.txt. Both run in this process, in turns, on the same photos: what else the
machine does hits both alike. align=eyes and border=on with a detector, none with `skip`: what upstream's align=True does. Least of the rounds counts.
"""
import argparse
import ctypes
import os
import sys
import tempfile
import time

import numpy as np

FILES = {"VGG-Face": "vgg_face_weights", "Facenet": "facenet_weights", "Facenet512": "facenet512_weights", "OpenFace": "openface_weights",
         "DeepFace": "VGGFace2_DeepFace_weights_val-0.9034", "DeepID": "deepid_weights", "ArcFace": "arcface_weights", "GhostFaceNet": "ghostfacenet_v1"}
RANGES = ["base", "raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace"]
PHOTOS = ["obama.jpg", "biden.jpg"]


class Ours:
    """df_represent through the shared library; options by df_opts_set."""

    def __init__(self, path, weights, threads, precision):
        self.lib = ctypes.CDLL(path)
        for name in "df_embeddings_count", "df_embeddings_dims":
            getattr(self.lib, name).restype = ctypes.c_size_t
        self.lib.df_embeddings_row.restype = ctypes.POINTER(ctypes.c_float)
        opts = ctypes.create_string_buffer(512)
        self.lib.df_engine_opts_init(opts, ctypes.c_size_t(72))
        fields = (ctypes.c_size_t * 9).from_buffer(opts)  # size, weights_dir, threads, max_pixels, max_bytes, log, log_user, precision
        self.keep = ctypes.c_char_p(weights.encode()), ctypes.c_char_p(precision.encode())
        fields[1], fields[2], fields[7] = (ctypes.cast(self.keep[0], ctypes.c_void_p).value, threads, ctypes.cast(self.keep[1], ctypes.c_void_p).value)
        self.engine = ctypes.c_void_p()
        self.error = ctypes.create_string_buffer(512)
        self.check(self.lib.df_engine_new(opts, ctypes.byref(self.engine), self.error))

    def check(self, status):
        if status:
            raise RuntimeError(self.error.raw[4:].split(b"\0")[0].decode())

    def represent(self, photo, **options):
        opts = ctypes.create_string_buffer(1024)
        self.lib.df_opts_init(opts, ctypes.c_size_t(1024))
        for k, v in options.items():
            self.check(self.lib.df_opts_set(opts, k.encode(), v.encode(), self.error))
        e = ctypes.c_void_p()
        self.check(self.lib.df_represent(self.engine, photo.encode(), opts, ctypes.byref(e), self.error))
        n, dims = self.lib.df_embeddings_count(e), self.lib.df_embeddings_dims(e)
        rows = [np.array(self.lib.df_embeddings_row(e, ctypes.c_size_t(i))[:dims]) for i in range(n)]
        self.lib.df_embeddings_free(e)
        return rows


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def compare(ours, theirs):
    """Least cosine over the faces of a photo; both list them in the detector's order."""
    if len(ours) != len(theirs):
        return float("nan")
    return min(cosine(a, b) for a, b in zip(ours, theirs))


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p = argparse.ArgumentParser()
    p.add_argument("graphs")
    p.add_argument("--lib", default=os.path.join(root, "build/release/src/libdeepface.so"))
    p.add_argument("--photos", default=os.path.join(root, "build/photos"))
    p.add_argument("--detectors", default="opencv,skip")
    p.add_argument("--models", default=",".join(FILES))
    p.add_argument("--ranges", default=",".join(RANGES))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--precision", default="fast")
    args = p.parse_args()
    home = tempfile.mkdtemp(prefix="recognisers-")
    weights = os.path.join(home, ".deepface", "weights")
    os.makedirs(weights)
    own = os.path.expanduser("~/.deepface/weights")
    for name in os.listdir(own):
        os.symlink(os.path.join(own, name), os.path.join(weights, name))
    for name in FILES.values():
        at = os.path.abspath(os.path.join(args.graphs, name + ".onnx"))
        if os.path.exists(at):
            os.symlink(at, os.path.join(weights, name + ".onnx"))
    os.environ.update(DEEPFACE_HOME=home, DEEPFACE_CACHE=os.path.join(home, "cache"), DEEPFACE_LOG_LEVEL="40")
    import cv2
    import onnxruntime

    cv2.setNumThreads(args.threads)
    if args.threads:  # upstream makes its sessions with the defaults, all cores
        real = onnxruntime.InferenceSession
        def session(path, sess_options=None, **how):
            sess_options = sess_options or onnxruntime.SessionOptions()
            sess_options.intra_op_num_threads = args.threads
            return real(path, sess_options=sess_options, **how)
        onnxruntime.InferenceSession = session
    from deepface import DeepFace

    ours = Ours(args.lib, weights, args.threads, args.precision)
    print("model,detector,normalization,least_cosine,ours_ms,upstream_ms", flush=True)
    photos = [os.path.join(args.photos, n) for n in PHOTOS]
    for model in args.models.split(","):
        if not os.path.exists(os.path.join(weights, FILES[model] + ".onnx")):
            print(f"{model}: no {FILES[model]}.onnx in {args.graphs}", file=sys.stderr)
            continue
        for detector in args.detectors.split(","):
            for name in args.ranges.split(","):
                def mine(photo):
                    return ours.represent(photo, model=model, detector=detector, align="none" if detector == "skip" else "eyes", border="on", normalization=name)

                def upstream(photo):
                    faces = DeepFace.represent(photo, model_name=model, detector_backend=detector, align=True, normalization=name)
                    return [np.ravel(f["embedding"][i] if np.ndim(f["embedding"]) > 1 else f["embedding"]) for i, f in enumerate(faces)]

                least = min(compare(mine(f), upstream(f)) for f in photos)
                times = {mine: [], upstream: []}
                for _ in range(args.rounds if name == "base" else 0):
                    for run in times:
                        begun = time.perf_counter()
                        run(photos[0])
                        times[run].append((time.perf_counter() - begun) * 1e3)
                ms = [f"{min(t):.1f}" if t else "" for t in times.values()]
                print(f"{model},{detector},{name},{least:.7f},{ms[0]},{ms[1]}", flush=True)


main()
