#!/usr/bin/env python3
"""Record tests/golden/image anew: small synthetic image files, what OpenCV reads from them, and what OpenCV and dlib make of a
synthetic picture when they resize, warp and cut chips.

    python tools/golden/image.py            needs numpy, Pillow, opencv-python-headless 5.0, dlib-bin 20.0

Pictures are stored as binary PPM. All content comes from the formulas below; tests/unit/image/samples.h has the same ones."""
import io
import struct
import zlib
from pathlib import Path

import cv2
import dlib
import numpy as np
import PIL
from PIL import Image

OUT = Path(__file__).resolve().parents[2] / "tests" / "golden" / "image"


def smooth(w, h):
    """A picture with slopes, waves and some noise, by whole numbers only."""
    y, x = np.mgrid[0:h, 0:w]
    noise = ((x * 7919 + y * 104729 + x * y * 31) % 257) % 32
    planes = [(x * 255 // max(w - 1, 1) + noise) % 256, (y * 199 // max(h - 1, 1) + noise) % 256, ((x * x + 3 * y * y) // 8 + noise) % 256]
    return np.stack(planes, -1).astype(np.uint8)


def save(name, data):
    (OUT / name).write_bytes(data)


def save_ppm(name, rgb):
    h, w, _ = rgb.shape
    save(name + ".ppm", b"P6\n%d %d\n255\n" % (w, h) + np.ascontiguousarray(rgb).tobytes())


def record(name, data):
    """An image file and OpenCV's reading of it."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None, name
    save(name, data)
    save_ppm(name, bgr[:, :, ::-1])


def pillow(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png(w, h, depth, colour, rows, interlaced=False, extra=b""):
    """A PNG by hand: Pillow writes neither all depths nor Adam7. rows(y) gives the samples of a row as a list of numbers."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]

    def packed(samples):
        bits = "".join(format(s, "0%db" % depth) for s in samples)
        bits += "0" * (-len(bits) % 8)
        return bytes([0]) + int(bits, 2).to_bytes(len(bits) // 8, "big")

    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]
    raw = b""
    for x0, y0, dx, dy in passes:
        for y in range(y0, h, dy):
            row = rows(y)
            samples = [s for x in range(x0, w, dx) for s in row[x * channels:(x + 1) * channels]]
            if samples:
                raw += packed(samples)
    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def record_png():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    w, h = 19, 11
    rng = np.random.default_rng(7)
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
            samples = rng.integers(0, 1 << depth, (h, w * channels)).tolist()
            extra = b""
            if colour == 3:
                extra = chunk(b"PLTE", rng.integers(0, 256, 3 << depth, dtype=np.uint8).tobytes())
                extra += chunk(b"tRNS", rng.integers(0, 256, min(1 << depth, 9), dtype=np.uint8).tobytes())
            elif colour == 0:
                extra = chunk(b"tRNS", struct.pack(">H", 1))
            elif colour == 2:
                extra = chunk(b"tRNS", struct.pack(">HHH", *samples[0][:3]))
            record("png-c%d-%d.png" % (colour, depth), png(w, h, depth, colour, lambda y: samples[y], extra=extra))
            if depth in (1, 8):
                record("png-c%d-%d-i.png" % (colour, depth), png(w, h, depth, colour, lambda y: samples[y], True, extra))
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    samples = rng.integers(0, 256, (h, w * 3)).tolist()
    record("png-exif-6.png", png(w, h, 8, 2, lambda y: samples[y], extra=chunk(b"eXIf", exif)))


def record_jpeg():
    image = Image.fromarray(smooth(45, 34))
    record("jpeg-420.jpg", pillow(image, "JPEG", quality=85))
    record("jpeg-422.jpg", pillow(image, "JPEG", quality=85, subsampling=1))
    record("jpeg-444.jpg", pillow(image, "JPEG", quality=85, subsampling=0))
    record("jpeg-progressive.jpg", pillow(image, "JPEG", quality=85, progressive=True))
    record("jpeg-grey.jpg", pillow(image.convert("L"), "JPEG", quality=85))
    cmyk = pillow(image.convert("CMYK"), "JPEG", quality=85)
    record("jpeg-cmyk.jpg", cmyk)
    at = cmyk.index(b"Adobe") + 11  # the transform byte: 2 says that the first three are YCbCr
    record("jpeg-ycck.jpg", cmyk[:at] + b"\2" + cmyk[at + 1:])
    exif = Image.Exif()
    exif[0x112] = 6
    record("jpeg-exif-6.jpg", pillow(image, "JPEG", quality=85, exif=exif))
    record("jpeg-restart.jpg", pillow(image, "JPEG", quality=85, restart_marker_blocks=2))


def record_others():
    image = Image.fromarray(smooth(31, 22))
    alpha = image.copy()
    alpha.putalpha(image.getchannel(0))
    record("webp-lossy.webp", pillow(image, "WEBP", quality=80))
    record("webp-lossless.webp", pillow(image, "WEBP", lossless=True))
    record("webp-alpha.webp", pillow(alpha, "WEBP", lossless=True, exact=True))
    record("webp-animated.webp", pillow(image, "WEBP", lossless=True, save_all=True, append_images=[image.rotate(180)], duration=40))
    exif = Image.Exif()
    exif[0x112] = 8
    record("webp-exif-8.webp", pillow(image, "WEBP", lossless=True, exif=exif))

    palette = image.quantize(16)
    record("gif-plain.gif", pillow(palette, "GIF", interlace=0))
    record("gif-interlaced.gif", pillow(palette, "GIF", interlace=1))
    record("gif-animated.gif", pillow(palette, "GIF", save_all=True, append_images=[palette.rotate(180)], duration=40))

    record("bmp-1.bmp", pillow(image.convert("1"), "BMP"))
    record("bmp-8.bmp", pillow(palette, "BMP"))
    record("bmp-24.bmp", pillow(image, "BMP"))
    record("bmp-32.bmp", pillow(alpha, "BMP"))

    record("tiff-rgb-lzw.tif", pillow(image, "TIFF", compression="tiff_lzw"))
    record("tiff-rgb-jpeg.tif", pillow(image, "TIFF", compression="jpeg", quality=90))
    record("tiff-palette.tif", pillow(palette, "TIFF"))
    record("tiff-cmyk.tif", pillow(image.convert("CMYK"), "TIFF", compression="packbits"))
    record("tiff-1.tif", pillow(image.convert("1"), "TIFF", compression="group4"))
    record("tiff-exif-5.tif", pillow(image, "TIFF", tiffinfo={274: 5}))


def record_geometry():
    picture = smooth(53, 41)
    filters = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
    for name, code in filters.items():
        for w, h in ((20, 15), (27, 13), (70, 60), (11, 50)):
            save_ppm("resize-%s-%dx%d" % (name, w, h), cv2.resize(picture, (w, h), interpolation=code))
    maps = {"turn": [0.82, 0.41, -6.3, -0.39, 0.85, 11.7], "shrink": [1.9, 0.2, -9.0, -0.15, 2.1, -7.0], "grow": [0.31, -0.08, 20.2, 0.09, 0.3, 14.1]}
    for name, m in maps.items():
        for kind in ("linear", "cubic"):
            matrix = np.array(m).reshape(2, 3)
            save_ppm("warp-%s-%s" % (name, kind), cv2.warpAffine(picture, matrix, (30, 24), flags=filters[kind] | cv2.WARP_INVERSE_MAP))


def record_chips():
    """Rows of chips.csv: name, side of the chip, left, top, right, bottom of dlib's rectangle, its angle."""
    picture = smooth(211, 173)
    cases = [("full", 24, 90.0, 60.0, 112.5, 82.5, 0.3), ("half", 24, 60.2, 40.1, 120.7, 100.6, -0.5), ("quarter", 24, 50.0, 30.0, 170.0, 150.0, 1.0),
             ("edge", 24, -30.0, -20.0, 60.0, 70.0, 0.2), ("all", 16, 1.0, 2.0, 170.0, 171.0, 2.9)]
    lines = []
    for name, side, *box, angle in cases:
        details = dlib.chip_details(dlib.drectangle(*box), dlib.chip_dims(side, side), angle)
        save_ppm("chip-" + name, dlib.extract_image_chip(picture, details))
        lines.append("%s,%d,%r,%r,%r,%r,%r\n" % (name, side, *box, angle))
    save("chips.csv", "".join(lines).encode())


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    record_png()
    record_jpeg()
    record_others()
    record_geometry()
    record_chips()
    save("README.md", ("Small synthetic image files, OpenCV's and dlib's answers as PPM. Recorded by tools/golden/image.py with OpenCV %s, "
                       "dlib %s, Pillow %s.\n" % (cv2.__version__, dlib.__version__, PIL.__version__)).encode())


if __name__ == "__main__":
    main()
