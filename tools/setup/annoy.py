#!/usr/bin/env python3
"""Fetch Annoy's headers, which Debian has not: from its source package, pinned by version and sha256, into build/annoy. Then configure again.

    tools/setup/annoy.py [FOLDER]"""
import pathlib
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/weights"))
import package  # noqa: E402

ANNOY = {"package": "annoy", "version": "1.17.3", "kind": "sdist", "file": "annoy-1.17.3.tar.gz", "bytes": "647460",
         "sha256": "9cbfebefe0a5f843eba29c6be4c84d601f4f41ad4ded0486f1b88c3b07739c15"}
HEADERS = ("annoylib.h", "kissrandom.h", "mman.h")

folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/annoy"
try:
    source = package.cached(ANNOY, ROOT / "build/packages", print)
except package.Failed as why:
    sys.exit(f"annoy: {why}")
folder.mkdir(parents=True, exist_ok=True)
with tarfile.open(source) as tar:
    for name in HEADERS:
        (folder / name).write_bytes(tar.extractfile(f"annoy-1.17.3/src/{name}").read())
print(f"annoy: headers of 1.17.3 are in {folder}")
