"""Pictures and vectors made by whole-number formulas; tests/golden/synthetic.h has the same ones."""
import numpy as np


def mix(x, y, c, seed):
    """32 bits out of four numbers."""
    x, y, c, seed = (np.asarray(v, np.uint32) for v in (x, y, c, seed))
    with np.errstate(over="ignore"):
        h = x * np.uint32(73856093) ^ y * np.uint32(19349663) ^ c * np.uint32(83492791) ^ seed * np.uint32(2654435761)
        h ^= h >> np.uint32(13)
        h *= np.uint32(0x5BD1E995)
        h ^= h >> np.uint32(15)
    return h


def picture(width, height, seed):
    """RGB: two triangle waves across the picture and 5 bits of noise."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    wave = abs(((5 * x + 3 * y + 60 * c) & 511) - 256) // 2 + abs(((2 * x + 7 * y + 90 * c) & 511) - 256) // 4
    return (wave + (mix(x, y, c, seed) & 31)).astype(np.uint8)


def vector(dims, seed):
    return (mix(np.arange(dims), 0, 0, seed).astype(np.float64) / 2**31 - 1).astype(np.float32)
