"""Where fractional max pooling (Graham, 2014) takes its values: windows at pseudo-random places."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .record import structured


def _starts(samples: Any, size: int, out: int, kernel: int) -> Any:
    """Where the windows start, per sample and channel: ⌊(i + u)·α⌋ - ⌊u·α⌋, the last one at the end."""
    u = samples[..., None]
    alpha = u.dtype.type(size - kernel) / u.dtype.type(max(out - 1, 1))
    starts = ((np.arange(out) + u).astype(u.dtype) * alpha).astype(np.int64) - (u * alpha).astype(np.int64)
    starts[..., -1] = size - kernel
    return starts


def _places(a: Any, samples: Any, out: tuple[int, ...], kernel: tuple[int, ...]) -> Any:
    """The flat index of each window's largest value, (N, C, *out)."""
    d = len(out)
    size = a.shape[2:]
    flat: Any = 0
    for i in range(d):
        sample = samples[
            ..., i if d == 3 else d - 1 - i
        ]  # in two dimensions PyTorch draws for the width first
        at = _starts(sample, size[i], out[i], kernel[i])[..., None] + np.arange(kernel[i])
        shape = [1] * (2 * d)
        shape[i], shape[d + i] = out[i], kernel[i]
        flat = flat * size[i] + at.reshape(*a.shape[:2], *shape)
    flat = flat.reshape(*a.shape[:2], *out, prod(kernel))
    rows = a.reshape(*a.shape[:2], prod(size))
    found = np.take_along_axis(rows, flat.reshape(*a.shape[:2], prod(flat.shape[2:])), 2).reshape(flat.shape)
    return np.take_along_axis(flat, np.argmax(found, -1)[..., None], -1)[..., 0]


fractional_places = structured(
    "fractional_places",
    _places,
    nargs=2,
    shape=lambda a, samples, out, kernel: (*a.shape[:2], *out),
    dtype="int64",
    tex=r"\operatorname{{argmax}}({0})",
    lower="by its NumPy forward: its windows lie at random places",
    nondiff="places are whole numbers",
    samples=lambda rng: [
        (rng.normal(size=(2, 1, 7, 6)), rng.uniform(size=(2, 1, 2)), (3, 2), (2, 3)),
        (rng.normal(size=(1, 2, 5, 4, 4)), rng.uniform(size=(1, 2, 3)), (2, 2, 2), (2, 2, 2)),
    ],
)
