"""Inputs that Python and Rust (tests/pytorch_formula/mod.rs) compute alike, so that only results are stored."""

import numpy as np
import torch

MASK = np.uint64(0xFFFF_FFFF)


def values(count, salt):
    """`count` values in -1..1 that look random, as float32; every one is a multiple of 2^-23.

    Element i is a 32-bit mix of i and the salt (C. Wellons' lowbias32), of which the upper 24 bits count.
    """
    h = (np.arange(count, dtype=np.uint64) + np.uint64(salt) * np.uint64(0x9E37_79B9)) & MASK
    h ^= h >> np.uint64(16)
    h = h * np.uint64(0x7FEB_352D) & MASK
    h ^= h >> np.uint64(15)
    h = h * np.uint64(0x846C_A68B) & MASK
    h ^= h >> np.uint64(16)
    return ((h >> np.uint64(8)).astype(np.float64) / 2.0**23 - 1.0).astype(np.float32)


def tensor(shape, salt, scale=1.0):
    """`values` times `scale`, rounded to float32, in this shape."""
    count = int(np.prod(shape))
    scaled = (values(count, salt).astype(np.float64) * scale).astype(np.float32)
    return torch.from_numpy(scaled.reshape(shape))
