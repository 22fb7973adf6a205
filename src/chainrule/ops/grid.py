"""Where the places of a sampling grid lie in an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import bool_, int64
from .record import structured


def _places(xs: Any, size: tuple[int, ...]) -> list[Any]:
    """Flat indices of whole places (outermost dimension first), and which of them are inside the image."""
    inside: Any = True
    flat: Any = 0
    for x, n in zip(xs, size):
        inside = inside & (x >= 0) & (x <= n - 1)
        flat = flat * n + np.clip(np.nan_to_num(x), 0, n - 1).astype(np.int64)
    return [flat, inside]


grid_places = structured(
    "grid_places",
    _places,
    nargs=-1,
    outputs=2,
    shape=lambda xs, size: [xs[0].shape] * 2,
    dtype=lambda xs, size: [int64, bool_],
    tex=r"\operatorname{{places}}({0})",
    lower="by its NumPy forward: the places are read by the gather behind it",
    nondiff="places are whole numbers",
    samples=lambda rng: [([np.rint(rng.normal(size=(2, 3)) * 3) for _ in range(2)], (4, 5))],
)
