"""What the recording scripts share: where things lie, which photos, and the head of a golden file."""
import argparse
import csv
import importlib.metadata
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(ROOT, "tests", "golden")
DEMO = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"]


def arguments():
    home = os.environ.get("DEEPFACE_HOME", os.path.expanduser("~"))
    p = argparse.ArgumentParser()
    p.add_argument("--data", default=os.path.join(ROOT, "..", "shared", "data"), help="folder of the research sets")
    p.add_argument("--photos", default=os.path.join(ROOT, "build", "photos"), help="folder of the demo photos")
    p.add_argument("--weights", default=os.path.join(home, ".deepface", "weights"))
    return p.parse_args()


def lfw(args):
    """Every photo of the pairs, sorted: the same list on every machine."""
    with open(os.path.join(args.data, "lfw_dev", "pairs.csv"), encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    return sorted({r["img1"] for r in rows} | {r["img2"] for r in rows})


def lfw_path(args, name):
    return os.path.join(args.data, "lfw_dev", "images", name)


def spread(names, n):
    """n of the names, evenly spaced."""
    return [names[i * len(names) // n] for i in range(n)]


def detector_photos(args, close=60, crowds=40):
    """(name in the golden, path): faces close up, crowds, the demo photos. The name's first folder is the set."""
    photos = [("lfw_dev/images/" + n, lfw_path(args, n)) for n in spread(lfw(args), close)]
    wider = os.path.join(args.data, "widerface_dev")
    names = sorted(os.path.relpath(os.path.join(d, f), wider) for d, _, fs in os.walk(wider) for f in fs if f.endswith(".jpg"))
    photos += [("widerface_dev/" + n, os.path.join(wider, n)) for n in spread(names, crowds)]
    photos += [("photos/" + n, os.path.join(args.photos, n)) for n in DEMO]
    return photos


def versions(*packages):
    text = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    print(f"{os.path.basename(sys.argv[0])}: {text}")
    return text


def write(name, head, rows):
    """A CSV file whose first lines, each with a '#', tell where it comes from."""
    path = os.path.join(OUT, name)
    with open(path + ".part", "w", encoding="utf-8") as f:
        f.writelines(f"# {line}\n" for line in head)
        f.writelines(",".join(str(v) for v in row) + "\n" for row in rows)
    os.replace(path + ".part", path)
    print(f"{os.path.relpath(path, ROOT)}: {len(rows)} rows, {os.path.getsize(path)} bytes")
