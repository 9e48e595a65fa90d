#!/usr/bin/env python3
"""Fetch NMSLIB, which Debian has not: from its source package, pinned by version and sha256; compile what its graphs need to build/nmslib/libnmslib.a, beside
its headers. Then configure again. On x86-64 it is compiled for AVX2 where this machine has it: the module refuses to run where that lacks.

    tools/setup/nmslib.py [FOLDER]"""
import concurrent.futures
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/weights"))
import package  # noqa: E402

NMSLIB = {"package": "nmslib", "version": "2.1.2", "kind": "sdist", "file": "nmslib-2.1.2.tar.gz", "bytes": "197164",
          "sha256": "6194e6ee4aa3dc561525c6974043483704f71f30d7cb5971b90145ae1f13921c"}
INSIDE = "nmslib-2.1.2/similarity_search/"
# What hnsw and the distances of its optimised index refer to, and no more: the rest is other methods and other spaces.
SOURCES = ("method/hnsw.cc", "method/hnsw_distfunc_opt.cc", "space.cc", "space/space_lp.cc", "space/space_scalar.cc", "space/space_vector.cc",
           "distcomp_lp.cc", "distcomp_scalar.cc", "query.cc", "knnquery.cc", "rangequery.cc", "logging.cc", "utils.cc")


def level():
    """Compiler flags, and what they ask of a processor."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return [], ""
    with open("/proc/cpuinfo") as f:
        flags = next((line.split() for line in f if line.startswith("flags")), [])
    return (["-march=x86-64-v3"], "#define NMSLIB_NEEDS_AVX2 1\n") if "avx2" in flags and "fma" in flags else ([], "")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/nmslib"
    compiler = os.environ.get("CXX", "c++")
    if not shutil.which(compiler):
        sys.exit(f"nmslib: no C++ compiler ({compiler}); on Debian: apt-get install g++")
    try:
        source = package.cached(NMSLIB, ROOT / "build/packages", print)
    except package.Failed as why:
        sys.exit(f"nmslib: {why}")
    flags, header = level()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nmslib.", dir=folder.parent) as part:
        part = pathlib.Path(part)
        with tarfile.open(source) as tar:
            for member in tar.getmembers():
                name = member.name.removeprefix(INSIDE)
                if member.isfile() and name != member.name and ".." not in name:
                    path = part / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(tar.extractfile(member).read())
        (part / "include/nmslib_level.h").write_text(header)

        def compile_one(name):
            out = part / (name.replace("/", "_") + ".o")
            words = [compiler, "-std=c++14", "-O3", "-DNDEBUG", "-fPIC", "-fvisibility=hidden", "-w", *flags, "-I", str(part / "include"), "-c",
                     str(part / "src" / name), "-o", str(out)]
            done = subprocess.run(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                raise package.Failed(f"{name}: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else compiler + ' failed'}")
            return str(out)

        try:
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                objects = list(pool.map(compile_one, SOURCES))
        except package.Failed as why:
            sys.exit(f"nmslib: {why}")
        made = part / "made"
        made.mkdir()
        if subprocess.run(["ar", "rcs", str(made / "libnmslib.a"), *objects]).returncode:
            sys.exit("nmslib: ar failed")
        shutil.move(str(part / "include"), str(made / "include"))
        if folder.exists():
            shutil.rmtree(folder)
        shutil.move(str(made), str(folder))
    print(f"nmslib: library and headers of 2.1.2 are in {folder}")


main()
