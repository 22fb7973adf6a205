"""Writing in order where a mask is True, and its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .index import masked_fill
from .movement import expand, sum_to
from .rearrange import fill
from .record import Bad, Op, structured

_LOWER = "by its NumPy forward: where elements go depends on how many came before"


def _masked_scatter(a: Any, mask: Any, source: Any) -> Any:
    count = int(np.count_nonzero(mask))
    if count > source.size:
        raise RuntimeError(
            f"Number of elements of source < number of ones in mask (came: {source.size} elements for "
            f"{count} ones)"
        )
    out = np.array(a)
    out[mask] = source.reshape(-1)[:count]
    return out


def _masked_gather(a: Any, mask: Any, shape: Shape) -> Any:
    """The elements where the mask is True, in order, at the front of zeros of this shape."""
    out = np.zeros(shape, a.dtype)
    chosen = a[mask]
    out.reshape(-1)[: chosen.size] = chosen
    return out


def _zeros(like: Any, shape: Shape) -> Any:
    return expand(fill(sum_to(like, ()), 0), shape)


def _samples(rng: Any) -> tuple[Any, Any, Any]:
    return rng.normal(size=(2, 3)), np.array([[True, False, True], [False, True, False]]), rng.normal(size=4)


masked_scatter: Op = structured(
    "masked_scatter",
    _masked_scatter,
    nargs=3,
    shape=lambda a, mask, source: a.shape,
    dtype=lambda a, *_: a.dtype,
    vjp=(
        lambda g, y, a, mask, source: masked_fill(g, mask, 0),
        None,
        lambda g, y, a, mask, source: masked_gather(g, mask, source.shape),
    ),
    lower=_LOWER,
    tex=r"\operatorname{{put}}({0}, {1}, {2})",
    samples=lambda rng: [_samples(rng)],
    bad=[
        Bad(
            lambda: (np.zeros(3), np.ones(3, bool), np.zeros(2)),
            RuntimeError,
            "Number of elements of source < number of ones in mask",
        )
    ],
)

masked_gather: Op = structured(
    "masked_gather",
    _masked_gather,
    nargs=2,
    shape=lambda a, mask, shape: shape,
    dtype=lambda a, *_: a.dtype,
    vjp=(lambda g, y, a, mask, shape: masked_scatter(_zeros(g, a.shape), mask, g), None),
    lower=_LOWER,
    tex=r"\operatorname{{put}}(0, {1}, {0})",
    samples=lambda rng: [(*_samples(rng)[:2], (4,))],
)
