"""The face of nobody: the mean of many faces, on whose points they are laid, turned by some degrees onto a plain ground. A photo for pictures in docs/,
since the repository holds none of people. Needs numpy and Pillow; a folder of photos with one person each, such as LFW's.

    python tools/mean_face.py build/release/cli/deepface PHOTOS OUT.png [--turn 18] [--most 600]
"""
import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

WIDTH, HEIGHT = 320, 400
EYES = np.array([[128.0, 180.0], [192.0, 180.0]])  # where they come to lie, right one first
MOUTH = np.array([160.0, 252.0])
BATCH = 100


def faces(cli, photos):
    """(path, five points) of photos with one face."""
    for i in range(0, len(photos), BATCH):
        run = subprocess.run([cli, "detect", "--json", *photos[i:i + BATCH]], capture_output=True, text=True, check=False)
        for line in run.stdout.splitlines():
            photo = json.loads(line)
            if len(photo.get("faces", [])) == 1:
                yield photo["path"], photo["faces"][0]["facial_area"]


def onto(points):
    """Pillow's affine map, from places of the mean face to those of the photo: the similarity of least squares of eyes and mouth."""
    right, left, mouth_right, mouth_left = (np.array(points[k], float) for k in ("right_eye", "left_eye", "mouth_right", "mouth_left"))
    source, target = np.vstack([right, left, (mouth_right + mouth_left) / 2]), np.vstack([EYES, MOUTH])
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        values += [u, v]
    a, b, c, d = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return a, -b, c, b, a, d


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("cli")
    p.add_argument("photos")
    p.add_argument("out")
    p.add_argument("--turn", type=float, default=18)
    p.add_argument("--most", type=int, default=600)
    args = p.parse_args()
    first = [str(sorted(d.glob("*.jpg"))[0]) for d in sorted(Path(args.photos).iterdir()) if d.is_dir()][:args.most]
    total, weight = np.zeros((HEIGHT, WIDTH, 3)), np.zeros((HEIGHT, WIDTH, 1))
    for path, points in faces(args.cli, first):
        image = Image.open(path).convert("RGBA").transform((WIDTH, HEIGHT), Image.Transform.AFFINE, onto(points), Image.Resampling.BICUBIC)
        pixels = np.asarray(image, float)
        total += pixels[..., :3] * (pixels[..., 3:] > 0)
        weight += pixels[..., 3:] > 0
    mean = Image.fromarray(np.clip(total / np.maximum(weight, 1), 0, 255).astype(np.uint8)).filter(ImageFilter.UnsharpMask(3, 120, 0))
    oval = Image.new("L", (WIDTH, HEIGHT))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    oval.putdata((np.clip((1.05 - np.hypot((x - 160) / 135, (y - 205) / 175)) * 8, 0, 1) * 255).astype(np.uint8).ravel().tolist())
    ground = Image.new("RGB", (480, 480), (150, 165, 180))
    mean.putalpha(oval)
    turned = mean.rotate(args.turn, Image.Resampling.BICUBIC, expand=True)
    ground.paste(turned, (240 - turned.width // 2, 245 - turned.height // 2), turned)
    ground.save(args.out)


main()
