#!/usr/bin/env python3
"""Writes the seeds of fuzz_weight_cache to tests/fuzz/corpus/weight_cache: files in the layout of src/nn/weight_cache.c."""
import hashlib
import os
import struct

OUT = os.path.join(os.path.dirname(__file__), "corpus", "weight_cache")
IDENTITY = bytes([1, 2, 3]) + bytes(29)


def chain(state, data):
    return hashlib.sha256(state + data).digest()


def cache(sizes):
    pieces = sorted((hashlib.sha256(bytes([i])).digest()[:16], n) for i, n in enumerate(sizes))
    end = 128 + 32 * len(pieces)
    index, body = b"", b""
    for key, n in pieces:
        step = 64 if n < 4096 else 4096
        at = (end + step - 1) // step * step
        index += key + struct.pack("<QQ", at, n)
        body += bytes(at - end) + b"\x07" * n
        end = at + n
    head = b"dfpacked" + struct.pack("<IIQQ", 0x01020304, 1, len(pieces), end) + b"0.1.0".ljust(16, b"\0") + IDENTITY + bytes(16)
    checksum = chain(chain(bytes(32), head), index + body)
    return head + checksum + index + body


os.makedirs(OUT, exist_ok=True)
for name, sizes in {"empty": [], "one": [8], "small": [4, 8, 64, 100, 8], "large": [8, 4096, 5000]}.items():
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(cache(sizes))
