"""Get a package file into the cache folder with pip: pinned version, pinned sha256, nothing installed.

pip is the ordinary client and uses whatever index this machine is set up with. A source package makes pip ask its setup.py
for the package's name; with setuptools and wheel on the machine (Debian: python3-setuptools, python3-wheel) that needs nothing else from the network.
"""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import extract


class Failed(Exception):
    """What went wrong, in a person's words."""


def command(package, folder):
    """The pip command that fetches a package, by name and version."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "-d", str(folder)]
    kind, *tags = package["kind"].split("-")
    if kind == "sdist":
        pip += ["--no-binary", ":all:"]
        if importlib.util.find_spec("setuptools") and importlib.util.find_spec("wheel"):
            pip += ["--no-build-isolation"]
    else:
        pip += ["--only-binary", ":all:"]
    if tags:
        python, platform = tags
        pip += ["--implementation", "cp", "--abi", python, "--python-version", python[2:], "--platform", platform]
    return pip


def by_hand(package):
    """The same for a person to type, on any machine that has Python and the network; a Debian package: on this one."""
    if package["kind"] == "debian":
        return f"apt-get install --no-install-recommends {package['package']}"
    return " ".join(["python3"] + command(package, ".")[1:] + [f"{package['package']}=={package['version']}"])


def reason(log):
    """What stopped pip, in one line of its output."""
    for pattern in (r"connection broken by .*?(\[Errno -?\d+\] [^'\")]*)", r"connection broken by .*?(certificate verify failed[^'\")]*|[Tt]imed out)",
                    r"connection broken by '(.{1,160})", r"^.*?(No module named \S+)", r"^ERROR: (.*)", r"^\s*error: (.*)"):
        found = re.search(pattern, log, re.M)
        if found:
            return "pip: " + found[1]
    return "pip ended without a file"


def watch(process, folder, package):
    """On a terminal, show how much has arrived until pip ends."""
    total = int(package["bytes"])
    while process.poll() is None:
        time.sleep(0.1)
        have = 0
        for root, _, files in os.walk(folder):
            for name in files:
                try:
                    have += os.path.getsize(os.path.join(root, name))
                except OSError:
                    pass  # pip moved it meanwhile
        part = min(1.0, have / total)
        bar = "#" * int(part * 30)
        print(f"\r  [{bar:<30}] {part * total / 1e6:6.1f} of {total / 1e6:.1f} MB", end="", flush=True)
    print("\r" + " " * 60 + "\r", end="", flush=True)


def download(package, folder):
    """Fetch into `folder` (a temporary one); the path of the file, or Failed."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{package['package']}=={package['version']} --hash=sha256:{package['sha256']}\n")
    words = command(package, folder) + ["--no-cache-dir", "--progress-bar", "off", "--retries", "2", "--require-hashes", "-r", str(requirement)]
    environment = dict(os.environ, TMPDIR=str(folder), PIP_REQUIRE_VIRTUALENV="0")
    with open(folder / "log", "w+") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            if sys.stdout.isatty():
                watch(process, folder, package)
            process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        log.seek(0)
        path = folder / package["file"]
        if process.returncode != 0 or not path.exists():
            raise Failed(reason(log.read()))
    return path


def cached(package, cache, say):
    """The package file in `cache`, fetched when it is not there or is damaged. Failed says why it could not be.

    Of a Debian package: the folder under which `make deps` installed it."""
    if package["kind"] == "debian":
        return type(cache)(package["file"])
    path = cache / package["file"]
    if path.exists():
        if extract.sha256(path) == package["sha256"]:
            return path
        say(f"{path} is damaged (its sha256 is not {package['sha256'][:12]}...): fetching it again")
        path.unlink()
    cache.mkdir(parents=True, exist_ok=True)
    say(f"fetching {package['package']} {package['version']}, {int(package['bytes']) / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory(prefix=".part-", dir=cache) as part:
        got = download(package, type(cache)(part))
        have = extract.sha256(got)
        if have != package["sha256"]:
            raise Failed(f"{package['file']}: sha256 is {have}, expected {package['sha256']}")
        shutil.move(str(got), path)
    return path
