"""Photos a second of `represent` over many photos, ours and upstream's, model Dlib: rows of CSV
tool,detector,align,threads,photos,seconds,cpu_seconds,photos_per_second,photos_per_cpu_second.

    python bench/peers/represent_many.py FOLDER [--cli build/release/cli/deepface] [--photos 1000] [--upstream-photos 200] [--detectors opencv,ssd]

FOLDER holds the photos in sub-folders. Ours is a whole process from its start to its end, with its output as JSON thrown away; upstream is counted
in a process that has its models loaded, without its import. Both are told to use so many threads; upstream's list of photos is one call of
DeepFace.represent a photo, since a photo without a face ends its batch call. Where other programs run on the machine, only the processor's time tells
(user and system, of all threads). Run it with a Python that has bench/peers/requirements.txt.
"""
import argparse
import os
import resource
import subprocess
import sys
import time

UPSTREAM = """
import sys, time
import cv2
cv2.setNumThreads({threads})
from deepface import DeepFace
photos = sys.stdin.read().split("\\n")
def one(photo):
    try:
        DeepFace.represent(photo, model_name="Dlib", detector_backend={detector!r}, align=True)
    except Exception:
        pass
one(photos[0])
begun, cpu = time.perf_counter(), time.process_time()
for photo in photos:
    one(photo)
print(time.perf_counter() - begun, time.process_time() - cpu)
"""


def row(tool, detector, align, threads, photos, seconds, cpu):
    print(f"{tool},{detector},{align},{threads},{photos},{seconds:.2f},{cpu:.2f},{photos / seconds:.1f},{photos / cpu:.1f}", flush=True)


def children():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def ours(cli, names, threads, detector, align):
    begun, cpu = time.perf_counter(), children()
    subprocess.run([cli, "represent", "--json", "--no-enforce", "--threads", threads, "--detector", detector, "--align", align, *names],
                   stdout=subprocess.DEVNULL, check=False)
    row("ours", detector, align, threads, len(names), time.perf_counter() - begun, children() - cpu)


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--cli", default=os.path.join(root, "build/release/cli/deepface"))
    p.add_argument("--photos", type=int, default=1000)
    p.add_argument("--upstream-photos", type=int, default=200)
    p.add_argument("--detectors", default="opencv,ssd")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--rounds", type=int, default=1, help="of all; on a busy machine the best of each row counts")
    args = p.parse_args()
    names = sorted(os.path.join(d, f) for d, _, fs in os.walk(args.folder) for f in fs if f.endswith(".jpg"))
    names = [names[i * len(names) // args.photos] for i in range(args.photos)]
    few = [names[i * len(names) // args.upstream_photos] for i in range(args.upstream_photos)]
    print("tool,detector,align,threads,photos,seconds,cpu_seconds,photos_per_second,photos_per_cpu_second")
    for threads in args.threads.split(",") * args.rounds:
        ours(args.cli, names, threads, "retinaface", "points")
        for detector in args.detectors.split(","):  # in turns, so that what else the machine does hits both
            ours(args.cli, names, threads, detector, "eyes")
            env = dict(os.environ, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads, DEEPFACE_LOG_LEVEL="40")
            out = subprocess.run([sys.executable, "-W", "ignore", "-c", UPSTREAM.format(threads=threads, detector=detector)], input="\n".join(few), text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, check=True).stdout
            row("upstream", detector, "eyes", threads, len(few), *map(float, out.split()))


main()
