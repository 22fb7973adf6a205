"""Max pooling: the largest value of each window and where it was found; unpooling puts values back there."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..types import Shape, int64
from .record import Bad, Op, Spec, structured
from .resample import adaptive_bounds
from .windows import Ints, offsets, output_size, pad_spatial, steps_of

_LOWER = "by its NumPy forward: windows and places that vary"


def pooled_size(
    size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> Ints:
    """The number of windows per dimension; with ceil_mode none starts in the right padding."""
    out = []
    for n, k, s, p, q in zip(size, kernel, stride, padding, dilation):
        m = output_size(n, k, s, 2 * p, q, ceil_mode)
        out.append(m - 1 if ceil_mode and (m - 1) * s >= n + p else m)
    return tuple(out)


def paired(a: Spec, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool) -> bool:
    """Whether the windows are 2 x 2 side by side, and whole: with padding there is one more than that."""
    size = a.shape[a.ndim - len(kernel) :]
    out = pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    whole = all(2 * m <= n for m, n in zip(out, size))
    return kernel == stride == (2, 2) and dilation == (1, 1) and whole


def _lowest(dtype: Any) -> Any:
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return False if dtype.kind == "b" else -np.inf


def _max_pool(
    a: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> list[Any]:
    d = len(kernel)
    size = a.shape[a.ndim - d :]
    out = pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    pads = tuple(
        (p, max((m - 1) * s + (k - 1) * q + 1 - n - p, 0))
        for n, m, k, s, p, q in zip(size, out, kernel, stride, padding, dilation)
    )
    x = pad_spatial(a, pads, _lowest(a.dtype))
    steps = steps_of(size)
    best: Any = None
    where: Any = None
    shifts = []
    for number, (at, place) in enumerate(offsets(kernel, out, stride, dilation)):
        v = x[place]
        shifts.append(int(np.dot([k * q for k, q in zip(at, dilation)], steps)))
        if best is None:
            best, where = np.array(v), np.zeros(v.shape, np.int16 if prod(kernel) < 32768 else np.int64)
            continue
        larger = v > best
        if a.dtype.kind not in "iub":
            larger |= v != v
        where[larger] = number
        np.maximum(best, v, out=best)
    index = np.array(shifts, np.int64)[where]
    for i in range(d):
        index += ((np.arange(out[i]) * stride[i] - padding[i]) * steps[i]).reshape(-1, *(1,) * (d - 1 - i))
    if any(padding):
        np.clip(index, 0, max(prod(size) - 1, 0), out=index)  # a window of -inf alone may name its padding
    return [best, index]


def _max_pool_shape(
    a: Spec, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> list[Shape]:
    lead = a.ndim - len(kernel)
    shape = (*a.shape[:lead], *pooled_size(a.shape[lead:], kernel, stride, padding, dilation, ceil_mode))
    return [shape, shape]


def _place(a: Any, index: Any, size: Ints) -> Any:
    """Values to their flat places in blocks of `size`; values that share a place add up."""
    d = len(size)
    lead, block = a.shape[: a.ndim - d], prod(size)
    rows = prod(lead)
    flat = index.reshape(rows, prod(index.shape[a.ndim - d :])) + (np.arange(rows) * block)[:, None]
    out = (
        np.bincount(flat.ravel(), a.ravel(), rows * block)
        if a.dtype.kind != "c"
        else _add_at(flat, a, rows * block)
    )
    return out.astype(a.dtype, copy=False).reshape(*lead, *size)


def _add_at(flat: Any, a: Any, size: int) -> Any:
    out = np.zeros(size, a.dtype)
    np.add.at(out, flat.ravel(), a.ravel())
    return out


def _pick(a: Any, index: Any, dims: int) -> Any:
    lead = a.shape[: a.ndim - dims]
    rows = prod(lead)
    flat = a.reshape(rows, prod(a.shape[a.ndim - dims :]))
    return np.take_along_axis(flat, index.reshape(rows, prod(index.shape[a.ndim - dims :])), 1).reshape(
        index.shape
    )


max_pool: Op = structured(
    "max_pool",
    _max_pool,
    outputs=2,
    shape=_max_pool_shape,
    tex=r"\max_{{\text{{window}}}} {0}",
    dtype=lambda a, *_: [a.dtype, int64],
    grad_name="MaxPool2DWithIndicesBackward0",
    vjp=(
        lambda g, y, a, kernel, stride, padding, dilation, ceil_mode: pool_place(
            g[0], y[1], a.shape[a.ndim - len(kernel) :]
        ),
    ),
    samples=lambda rng: [(rng.normal(size=(2, 3, 6, 5)), (2, 3), (2, 2), (1, 0), (1, 1), True)],
    singular="equal values: the first in the window gets the whole cotangent",
)

pool_place: Op = structured(
    "pool_place",
    _place,
    nargs=2,
    shape=lambda a, index, size: (*a.shape[: a.ndim - len(size)], *size),
    tex="{0}_{{{1}}}",
    vjp=(lambda g, y, a, index, size: pool_pick(g, index, len(size)), None),
    grad_name="MaxUnpool2DBackward0",
    samples=lambda rng: [(rng.normal(size=(2, 3)), np.array([[0, 4, 2], [1, 1, 0]]), (5,))],
)

pool_pick: Op = structured(
    "pool_pick",
    _pick,
    nargs=2,
    shape=lambda a, index, dims: index.shape,
    tex="{0}_{{{1}}}",
    vjp=(lambda g, y, a, index, dims: pool_place(g, index, a.shape[a.ndim - dims :]), None),
    grad_name="GatherBackward0",
    samples=lambda rng: [(rng.normal(size=(2, 5)), np.array([[0, 4, 2], [1, 1, 0]]), 1)],
)


def _max_pool_input(g: Any, a: Any, *windows: Any) -> Any:
    return _place(g, _max_pool(a, *windows)[1], a.shape[a.ndim - len(windows[0]) :])


max_pool_input: Op = structured(
    "max_pool_input",
    _max_pool_input,
    nargs=2,
    shape=lambda g, a, kernel, stride, padding, dilation, ceil_mode: a.shape,
    tex="{0}_{{\\operatorname{{argmax}} {1}}}",
    vjp=(
        lambda u, y, g, a, kernel, stride, padding, dilation, ceil_mode: pool_pick(
            u, max_pool(a, kernel, stride, padding, dilation, ceil_mode)[1], len(kernel)
        ),
        None,
    ),
    grad_name="MaxPool2DWithIndicesBackward0",
    samples=lambda rng: [
        (rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 6, 7)), (2, 2), (2, 2), (0, 0), (1, 1), False),
        (rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 6, 5)), (2, 3), (2, 2), (0, 0), (1, 1), False),
    ],
    singular="equal values: the first in the window gets the whole cotangent",
)


def _unpool(a: Any, index: Any, size: Ints) -> Any:
    """As `_place`, but of values that share a place the last one stays."""
    d = len(size)
    outside = (index < 0) | (index >= prod(size))
    if outside.any():
        raise RuntimeError(
            f"Found an invalid max index: {index[outside][0]} (output volumes are of size "
            f"{'x'.join(map(str, size))})"
        )
    lead = a.shape[: a.ndim - d]
    rows = prod(lead)
    out = np.zeros((rows, prod(size)), a.dtype)
    count = prod(a.shape[a.ndim - d :])
    np.put_along_axis(out, index.reshape(rows, count), a.reshape(rows, count), 1)
    return out.reshape(*lead, *size)


max_unpool: Op = structured(
    "max_unpool",
    _unpool,
    nargs=2,
    shape=lambda a, index, size: (*a.shape[: a.ndim - len(size)], *size),
    lower=_LOWER,
    tex="{0}_{{{1}}}",
    vjp=(lambda g, y, a, index, size: pool_pick(g, index, len(size)), None),
    grad_name="MaxUnpool2DBackward0",
    samples=lambda rng: [(rng.normal(size=(2, 3)), np.array([[0, 4, 2], [3, 1, 0]]), (5,))],
    singular="indices that meet: only the last value is kept",
    bad=[
        Bad(lambda: (np.zeros((1, 1)), np.array([[5]]), (5,)), RuntimeError, "Found an invalid max index: 5")
    ],
)

# ----- windows given by tables: adaptive and fractional max pooling


def _table_max(a: Any, bounds: list[Any], widths: Ints) -> list[Any]:
    """Largest values of windows from start to stop per dimension, at most widths[i] wide."""
    d = len(bounds)
    size = a.shape[a.ndim - d :]
    flat = np.zeros(
        (1,) * (2 * d), np.int64
    )  # (out…, kernel…), repeats of the first value fill short windows
    for i, (first, stop) in enumerate(bounds):
        at = first[:, None] + np.arange(widths[i])
        at = np.where(at < stop[:, None], at, first[:, None])
        flat = flat * size[i] + at.reshape(tuple(at.shape[j // d] if j % d == i else 1 for j in range(2 * d)))
    out = flat.shape[:d]
    flat = flat.reshape(*out, -1)
    rows = a.reshape(*a.shape[: a.ndim - d], -1)
    found = rows[..., flat]
    which = np.argmax(found, axis=-1)
    index = flat[(*np.indices(out, sparse=True), which)]
    return [np.take_along_axis(found, which[..., None], -1)[..., 0], index]


def _adaptive_max(a: Any, out: Ints) -> list[Any]:
    size = a.shape[a.ndim - len(out) :]
    bounds = [adaptive_bounds(n, m) for n, m in zip(size, out)]
    return _table_max(a, bounds, tuple(int((stop - start).max(initial=1)) for start, stop in bounds))


adaptive_max_pool: Op = structured(
    "adaptive_max_pool",
    _adaptive_max,
    outputs=2,
    lower=_LOWER,
    tex=r"\max_{{\text{{window}}}} {0}",
    shape=lambda a, out: [(*a.shape[: a.ndim - len(out)], *out)] * 2,
    dtype=lambda a, out: [a.dtype, int64],
    vjp=(lambda g, y, a, out: pool_place(g[0], y[1], a.shape[a.ndim - len(out) :]),),
    grad_name="AdaptiveMaxPool2DBackward0",
    samples=lambda rng: [(rng.normal(size=(2, 5, 7)), (3, 4))],
    singular="equal values: the first in the window gets the whole cotangent",
)
