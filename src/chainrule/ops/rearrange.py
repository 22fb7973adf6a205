"""Rearranging copies: flip, roll, pad, repeat, triangles, diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .movement import reshape, sum_to
from .record import Bad, Op, Spec, structured
from .view import diagonal

Pads = tuple[tuple[int, int], ...]  # before and after, per dimension

clone = structured(
    "clone",
    lambda a: a.copy("K") if isinstance(a, np.ndarray) else a,
    vjp=(lambda g, y, a: g,),
    shape=lambda a: a.shape,
    tex="{0}",
    samples=lambda rng: [(rng.normal(size=(2, 3)),)],
)

contiguous = structured(
    "contiguous",
    lambda a: a.copy("C"),
    vjp=(lambda g, y, a: g,),
    shape=lambda a: a.shape,
    tex="{0}",
    samples=lambda rng: [(rng.normal(size=(2, 3)).T,)],
    grad_name="CloneBackward0",
)

fill = structured(
    "fill",
    lambda a, value: np.full(a.shape, value, a.dtype),
    nargs=2,
    vjp=(lambda g, y, a, value: g * 0, lambda g, y, a, value: sum_to(g, ())),
    shape=lambda a, value: a.shape,
    tex="{1}",
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=()))],
)

flip: Op = structured(
    "flip",
    lambda a, dims: a[
        tuple(slice(None, None, -1) if i in dims else slice(None) for i in range(a.ndim))
    ].copy(),
    vjp=(lambda g, y, a, dims: flip(g, dims),),
    shape=lambda a, dims: a.shape,
    tex=r"\operatorname{{flip}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 3)), (1,)), (rng.normal(size=(2, 3)), (0, 1))],
)

roll: Op = structured(
    "roll",
    lambda a, shifts, dims: np.roll(a, shifts, dims),  # noqa: PLW0108  (its parameters name the attributes)
    vjp=(lambda g, y, a, shifts, dims: roll(g, tuple(-s for s in shifts), dims),),
    shape=lambda a, shifts, dims: a.shape,
    tex=r"\operatorname{{roll}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 5)), (2, 1), (1, 0))],
)

# ----- repetition


def _repeat_rule(g: Any, y: Any, a: Any, counts: tuple[int, ...]) -> Any:
    """Every element appears ∏counts times: the sum of the cotangents over the copies."""
    shape = (1,) * (len(counts) - a.ndim) + tuple(a.shape)
    blocks = tuple(n for pair in zip(counts, shape) for n in pair)
    ones = tuple(n for size in shape for n in (1, size))
    return reshape(sum_to(reshape(g, blocks), ones), a.shape)


repeat = structured(
    "repeat",
    lambda a, counts: np.tile(a, counts),  # noqa: PLW0108  (its parameters name the attributes)
    vjp=(_repeat_rule,),
    tex=r"\operatorname{{repeat}}({0})",
    shape=lambda a, counts: tuple(
        n * c for n, c in zip((1,) * (len(counts) - a.ndim) + tuple(a.shape), counts)
    ),
    samples=lambda rng: [(rng.normal(size=(2, 3)), (2, 1, 2)), (rng.normal(size=(3,)), (4,))],
)


repeat_interleave = structured(
    "repeat_interleave",
    lambda a, counts, dim: np.repeat(a, counts, dim),  # noqa: PLW0108  (its parameters name the attributes)
    vjp=(lambda g, y, a, counts, dim: sum_runs(g, counts, dim),),
    shape=lambda a, counts, dim: (*a.shape[:dim], int(np.sum(counts)), *a.shape[dim + 1 :]),
    tex=r"\operatorname{{repeat}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 3)), (1, 0, 2), 1)],
    grad_name="IndexSelectBackward0",
)


def _sum_runs(g: Any, counts: tuple[int, ...], dim: int) -> Any:
    out = np.zeros((*g.shape[:dim], len(counts), *g.shape[dim + 1 :]), g.dtype)
    np.add.at(np.moveaxis(out, dim, 0), np.repeat(np.arange(len(counts)), counts), np.moveaxis(g, dim, 0))
    return out


sum_runs: Op = structured(
    "sum_runs",
    _sum_runs,
    vjp=(lambda g, y, a, counts, dim: repeat_interleave(g, counts, dim),),
    shape=lambda a, counts, dim: (*a.shape[:dim], len(counts), *a.shape[dim + 1 :]),
    tex=r"\sum {0}",
    samples=lambda rng: [(rng.normal(size=(2, 3)), (1, 0, 2), 1)],
)

# ----- triangles and diagonals

tril: Op = structured(
    "tril",
    lambda a, diagonal: np.tril(a, diagonal),  # noqa: PLW0108  (its parameters name the attributes)
    vjp=(lambda g, y, a, diagonal: tril(g, diagonal),),
    shape=lambda a, diagonal: a.shape,
    tex=r"\operatorname{{tril}}({0})",
    samples=lambda rng: [(rng.normal(size=(3, 4)), 1)],
)

triu: Op = structured(
    "triu",
    lambda a, diagonal: np.triu(a, diagonal),  # noqa: PLW0108  (its parameters name the attributes)
    vjp=(lambda g, y, a, diagonal: triu(g, diagonal),),
    shape=lambda a, diagonal: a.shape,
    tex=r"\operatorname{{triu}}({0})",
    samples=lambda rng: [(rng.normal(size=(3, 4)), -1)],
)


def _diag_embed(a: Any, offset: int, dim1: int, dim2: int) -> Any:
    out = np.zeros(_diag_embed_shape(a, offset, dim1, dim2), a.dtype)
    diagonal.forward(out, offset, dim1, dim2)[...] = a
    return out


def _diag_embed_shape(a: Any, offset: int, dim1: int, dim2: int) -> Shape:
    side = a.shape[-1] + abs(offset)
    shape = list(a.shape[:-1])
    for d in sorted((dim1, dim2)):
        shape.insert(d, side)
    return tuple(shape)


diag_embed = structured(
    "diag_embed",
    _diag_embed,
    vjp=(lambda g, y, a, offset, dim1, dim2: diagonal(g, offset, dim1, dim2),),
    shape=_diag_embed_shape,
    tex=r"\operatorname{{diag}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 3)), 1, 1, 2), (rng.normal(size=(3,)), -1, 1, 0)],
)

# ----- padding


def _padded(shape: Shape, pads: Pads) -> Shape:
    return tuple(n + before + after for n, (before, after) in zip(shape, pads))


def _cut(n: int, before: int, after: int) -> slice:
    return slice(max(-before, 0), n - max(-after, 0))


def _pad_constant(a: Any, pads: Pads, value: Any) -> Any:
    shape = _padded(a.shape, pads)
    out = np.full(shape, value, a.dtype) if value else np.zeros(shape, a.dtype)
    inner = tuple(slice(max(b, 0), n - max(e, 0)) for n, (b, e) in zip(shape, pads))
    out[inner] = a[tuple(_cut(n, b, e) for n, (b, e) in zip(a.shape, pads))]
    return out


def _pad_shape(a: Spec, pads: Pads, value: Any) -> Shape:
    shape = _padded(a.shape, pads)
    for n, new, (before, after) in zip(a.shape, shape, pads):
        if new < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {before} and {after} resulted in a negative "
                f"output size, "
                "which is invalid. Check dimension of your input."
            )
    return shape


pad_constant: Op = structured(
    "pad_constant",
    _pad_constant,
    tex=r"\operatorname{{pad}}({0})",
    shape=_pad_shape,
    grad_name="ConstantPadNdBackward0",
    vjp=(lambda g, y, a, pads, value: pad_constant(g, tuple((-b, -e) for b, e in pads), 0),),
    samples=lambda rng: [(rng.normal(size=(2, 3)), ((0, 1), (2, -1)), 1.5)],
    bad=[
        Bad(
            lambda: (np.zeros((2, 3)), ((0, 0), (-2, -2)), 0),
            RuntimeError,
            "resulted in a negative output size",
        )
    ],
)

MODES = ("reflect", "replicate", "circular")


def padding_source(n: int, before: int, after: int, mode: str) -> Any:
    """For every place along a padded dimension, the place of the input that it copies."""
    if mode == "replicate":
        return np.clip(np.arange(-before, n + after), 0, n - 1)
    if mode == "circular":  # cut first, then wrapped around what is left
        return np.pad(np.arange(n)[_cut(n, before, after)], (max(before, 0), max(after, 0)), mode="wrap")
    index = np.pad(np.arange(n), (max(before, 0), max(after, 0)), mode="reflect")
    return index[max(-before, 0) : len(index) - max(-after, 0)]


def _pad(a: Any, pads: Pads, mode: str) -> Any:
    for dim, (before, after) in enumerate(pads):
        if before or after:
            a = np.take(a, padding_source(a.shape[dim], before, after, mode), dim)
    return a


pad = structured(
    "pad",
    _pad,
    vjp=(lambda g, y, a, pads, mode: unpad(g, a.shape, pads, mode),),
    shape=lambda a, pads, mode: _padded(a.shape, pads),
    tex=r"\operatorname{{pad}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 4)), ((0, 0), (2, 1)), m) for m in MODES],
)


def _unpad(g: Any, shape: Shape, pads: Pads, mode: str) -> Any:
    """Each padded element's cotangent added where it was copied from, dimension by dimension."""
    for dim in reversed(range(len(shape))):
        before, after = pads[dim]
        if not before and not after:
            continue
        source = padding_source(shape[dim], before, after, mode)
        out = np.zeros((*g.shape[:dim], shape[dim], *g.shape[dim + 1 :]), g.dtype)
        ends = (slice(None),) * dim
        first, length = max(before, 0), len(source)
        last = max(length - max(after, 0), first)
        out[(*ends, slice(max(-before, 0), max(-before, 0) + last - first))] = g[(*ends, slice(first, last))]
        for i in (*range(min(first, length)), *range(last, length)):
            out[(*ends, source[i])] += g[(*ends, i)]
        g = out
    return g


unpad: Op = structured(
    "unpad",
    _unpad,
    vjp=(lambda g, y, a, shape, pads, mode: pad(g, pads, mode),),
    shape=lambda a, shape, pads, mode: shape,
    tex=r"\operatorname{{unpad}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 7)), (2, 4), ((0, 0), (2, 1)), m) for m in MODES],
)
