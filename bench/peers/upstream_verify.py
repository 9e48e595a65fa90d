"""Upstream's verify of two photos of one person, cold and warm, as rows of CSV: stage,tool,version,threads,median_ms,min_ms.

    python bench/peers/upstream_verify.py [--photos build/photos] [--cold 5] [--warm 9]

Run it with a Python that has bench/peers/requirements.txt. Weights where upstream looks for them (~/.deepface/weights): deploy.prototxt,
res10_300x300_ssd_iter_140000.caffemodel, dlib_face_recognition_resnet_model_v1.dat. Cold is a whole process, from `python -c` to its end,
the files in the page cache; warm is a call in a process that has called before. Verdict and peak memory go to standard error.
"""
import argparse
import importlib.metadata
import os
import statistics
import subprocess
import sys
import time

STAGES = ["ssd", "opencv"]  # detectors; eyes alignment and the model Dlib after both
CALL = "from deepface import DeepFace; r = DeepFace.verify({a!r}, {b!r}, model_name='Dlib', detector_backend={detector!r})"
WARM = """
import resource, sys, time
{call}
times = []
for _ in range({runs}):
    begun = time.perf_counter()
    r = DeepFace.verify({a!r}, {b!r}, model_name='Dlib', detector_backend={detector!r})
    times.append((time.perf_counter() - begun) * 1e3)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print({detector!r}, 'verified', r['verified'], 'distance', r['distance'], 'peak MB', round(peak), file=sys.stderr)
print(*times)
"""


def run(code, **how):
    return subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, **how)


def row(stage, times):
    version, threads = importlib.metadata.version("deepface"), os.cpu_count()
    print(f"{stage},deepface,{version},{threads},{statistics.median(times):.1f},{min(times):.1f}", flush=True)


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p = argparse.ArgumentParser()
    p.add_argument("--photos", default=os.path.join(root, "build", "photos"))
    p.add_argument("--cold", type=int, default=5)
    p.add_argument("--warm", type=int, default=9)
    args = p.parse_args()
    a, b = (os.path.join(args.photos, n) for n in ("obama.jpg", "obama2.jpg"))
    print("stage,tool,version,threads,median_ms,min_ms")
    for detector in STAGES:
        call = CALL.format(a=a, b=b, detector=detector)
        run(call)  # files into the page cache, bytecode onto the disk
        times = []
        for _ in range(args.cold):
            begun = time.perf_counter()
            run(call)
            times.append((time.perf_counter() - begun) * 1e3)
        row(f"verify cold {detector}+eyes+Dlib", times)
        out = run(WARM.format(call=call, a=a, b=b, detector=detector, runs=args.warm), stdout=subprocess.PIPE, text=True).stdout
        row(f"verify warm {detector}+eyes+Dlib", [float(v) for v in out.split()])


main()
