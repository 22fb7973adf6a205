"""Joining and cutting: several tensors into one along a dimension, and one into several."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..types import Shape
from . import index
from .record import Bad, Spec, structured


def _cat_shape(xs: Sequence[Spec], dim: int, sizes: tuple[int, ...]) -> Shape:
    first = xs[0].shape
    for i, x in enumerate(xs):
        if len(x.shape) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(x.shape)}"
            )
        for d, (n, m) in enumerate(zip(first, x.shape)):
            if d != dim and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {n} but got size "
                    f"{m} for "
                    f"tensor number {i} in the list."
                )
    return (*first[:dim], sum(x.shape[dim] for x in xs), *first[dim + 1 :])


def _cat_rule(g: Any, y: Any, xs: Any, dim: int, sizes: tuple[int, ...]) -> list[Any]:
    """The parts of g; a copied tuple of sizes, so that the joined values need not be kept."""
    out, start = [], 0
    before = (slice(None),) * dim
    for n in sizes:
        out.append(index.part(g, (*before, slice(start, start + n))))
        start += n
    return out


cat = structured(
    "cat",
    lambda xs, dim, sizes: np.concatenate(xs, dim),
    nargs=-1,
    vjp=_cat_rule,
    shape=_cat_shape,
    tex="[{0}]",
    samples=lambda rng: [([rng.normal(size=(2, n)) for n in (1, 3, 2)], 1, (1, 3, 2))],
    bad=[
        Bad(
            lambda: ([np.zeros((2, 3)), np.zeros((3, 2))], 1, (3, 2)),
            RuntimeError,
            "Sizes of tensors must match except",
        )
    ],
)


def split_keys(sizes: tuple[int, ...], dim: int) -> list[index.Key]:
    """What split() takes, as keys of `index.part`."""
    ends = list(accumulate(sizes))
    return [(*(slice(None),) * dim, slice(end - n, end)) for n, end in zip(sizes, ends)]


def unbind_keys(count: int, dim: int) -> list[index.Key]:
    """What unbind() takes, as keys of `index.pick`."""
    return [(*(slice(None),) * dim, i) for i in range(count)]


def _split(a: Any, sizes: tuple[int, ...], dim: int) -> list[Any]:
    return [a[key] for key in split_keys(sizes, dim)]


split = structured(
    "split",
    _split,
    outputs=-1,
    view=True,
    vjp=(lambda g, y, a, sizes, dim: cat(g, dim, sizes),),
    shape=lambda a, sizes, dim: [(*a.shape[:dim], n, *a.shape[dim + 1 :]) for n in sizes],
    tex="{0}",
    samples=lambda rng: [(rng.normal(size=(2, 5)), (2, 0, 3), 1)],
)
