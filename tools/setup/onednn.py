#!/usr/bin/env python3
"""Fetch oneDNN 3.2 for x86-64, where Debian 12 has 2.6: Intel's two wheels (Apache-2.0), pinned by version and sha256, into build/onednn/include and
build/onednn/lib. `make onednn3` builds with it and runs the engine's tests.

    tools/setup/onednn.py [FOLDER]"""
import pathlib
import platform
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/weights"))
import package  # noqa: E402

LIBRARY = {"package": "onednn-cpu-gomp", "version": "2023.2.0", "kind": "wheel", "file": "onednn_cpu_gomp-2023.2.0-py2.py3-none-manylinux1_x86_64.whl",
           "bytes": "38888991", "sha256": "2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb"}
HEADERS = {"package": "onednn-devel-cpu-gomp", "version": "2023.2.0", "kind": "wheel",
           "file": "onednn_devel_cpu_gomp-2023.2.0-py2.py3-none-manylinux1_x86_64.whl", "bytes": "188103",
           "sha256": "9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284"}


def unpack(wheel, below, folder):
    """The files below data/BELOW of a wheel into FOLDER/BELOW."""
    with zipfile.ZipFile(wheel) as z:
        for name in z.namelist():
            _, found, path = name.partition(f".data/data/{below}/")
            if found and path and ".." not in path and not name.endswith("/"):
                to = folder / below / path
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_bytes(z.read(name))


if platform.machine() not in ("x86_64", "AMD64"):
    sys.exit(f"onednn: its wheels are for x86-64, this is {platform.machine()}")
root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/onednn"
try:
    for part, below in ((HEADERS, "include"), (LIBRARY, "lib")):
        unpack(package.cached(part, ROOT / "build/packages", print), below, root)
except package.Failed as why:
    sys.exit(f"onednn: {why}")
print(f"onednn: 3.2 is in {root}")
