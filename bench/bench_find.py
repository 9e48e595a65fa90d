#!/usr/bin/env python3
"""bench_find.py - how fast `deepface find` takes in a folder of photos, and how fast it answers afterwards, as CSV.

    bench/bench_find.py DEEPFACE PHOTOS [--photos 13000] [--folder DIR] [--probe IMG] [--runs 20]

PHOTOS is a folder of people's folders (LFW). Its photos are copied to DIR, as often as it takes, with other bytes behind the end of each copy, so that
no two have the same content. Then: the first run over all of them; runs with nothing changed; runs with one photo more, each a new one. Wall clock and
processor seconds (user and system, all threads): on a machine that does other things too, the second is the one that can be compared."""
import argparse, os, resource, shutil, subprocess, sys, time


def copies(source, folder, n):
    files = sorted(os.path.join(d, f) for d, _, names in os.walk(source) for f in names if f.endswith(".jpg"))
    for i in range(n):
        path = files[i % len(files)]
        person, name = os.path.split(os.path.relpath(path, source))
        os.makedirs(os.path.join(folder, person), exist_ok=True)
        with open(path, "rb") as f, open(os.path.join(folder, person, f"{i // len(files)}_{name}"), "wb") as out:
            out.write(f.read() + b"copy %d" % (i // len(files)))
    return files


def timed(command):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(what, photos, times):
    wall, cpu = sorted(t[0] for t in times), sorted(t[1] for t in times)
    print(f"{what},{photos},{len(times)},{wall[0]:.3f},{wall[len(wall) // 2]:.3f},{cpu[0]:.3f},{cpu[len(cpu) // 2]:.3f}", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("deepface")
    p.add_argument("source")
    p.add_argument("--photos", type=int, default=13000)
    p.add_argument("--folder", default="/tmp/bench_find")
    p.add_argument("--probe")
    p.add_argument("--runs", type=int, default=20)
    a = p.parse_args()
    if os.path.exists(a.folder):
        sys.exit(f"bench_find: {a.folder} is there already")
    files = copies(a.source, a.folder, a.photos)
    find = [a.deepface, "find", a.probe or files[0], a.folder, "-q"]
    print("run,photos,times,wall_least,wall_median,cpu_least,cpu_median")
    row("first", a.photos, [timed(find)])
    row("unchanged", a.photos, [timed(find) for _ in range(a.runs)])
    times = []
    for i in range(a.runs):
        with open(files[i], "rb") as f, open(os.path.join(a.folder, f"new{i}.jpg"), "wb") as out:
            out.write(f.read() + b"new")
        times.append(timed(find))
    row("one new", a.photos, times)
    row("probe alone", 1, [timed([a.deepface, "represent", a.probe or files[0], "-q"]) for _ in range(a.runs)])
    shutil.rmtree(a.folder)


main()
