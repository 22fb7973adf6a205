"""Average pooling and interpolation: separable linear maps of the spatial dimensions, a few taps per output.

Along each dimension every output value is Σ_t weight[t, i] · x[index[t, i]]; the vjp is the same operation
with the transposed taps, so one record per name serves pooling, adaptive pooling and every mode of
interpolation, to any order.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from .record import Op, structured


class Taps:
    """A sparse matrix (out x n) as `index` and `weight` of shape (taps, out); index n means: nothing."""

    def __init__(self, n: int, index: Any, weight: Any) -> None:
        self.n, self.index, self.weight = n, index, weight
        self.out = index.shape[1]

    @cached_property
    def transposed(self) -> Taps:
        """The taps of the adjoint map: for each input, the outputs that read it."""
        t, i = np.nonzero(self.index < self.n)
        target, weight = self.index[t, i], self.weight[t, i]
        order = np.argsort(target, kind="stable")
        target, source, weight = target[order], i[order], weight[order]
        counts = np.bincount(target, minlength=self.n)
        slot = np.arange(len(target)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = int(counts.max(initial=0)) or 1
        index, table = np.full((rows, self.n), self.out), np.zeros((rows, self.n))
        index[slot, target], table[slot, target] = source, weight
        return Taps(self.out, index, table)

    @cached_property
    def places(self) -> list[Any]:
        """Per tap a slice where its indices are evenly spaced, else the indices."""
        return [_as_slice(row) for row in self.index]

    @cached_property
    def has_gaps(self) -> bool:
        return bool((self.index >= self.n).any())

    @lru_cache(8)  # noqa: B019  (tables are few, cached themselves and small)
    def weights(self, dtype: Any) -> list[Any]:
        """Per tap one number where all outputs share it, else a row."""
        return [dtype.type(w[0]) if w.size and (w == w[0]).all() else w.astype(dtype) for w in self.weight]

    def __call__(self, a: Any, axis: int) -> Any:
        """The map along one axis of `a`."""
        if self.has_gaps:
            a = np.concatenate(
                [a, np.zeros_like(a[(slice(None),) * axis + (slice(0, 1),)], shape=_one(a, axis))], axis
            )
        tail = (1,) * (a.ndim - 1 - axis)
        total: Any = None
        for place, w in zip(self.places, self.weights(a.dtype)):
            v = a[(slice(None),) * axis + (place,)]
            if np.ndim(w):
                w = w.reshape(-1, *tail)
            if total is None:
                total = v * w
            else:
                total += v if np.ndim(w) == 0 and w == 1 else v * w
        return total


def _one(a: Any, axis: int) -> tuple[int, ...]:
    return (*a.shape[:axis], 1, *a.shape[axis + 1 :])


def _as_slice(row: Any) -> Any:
    if len(row) == 0:
        return row
    step = int(row[1] - row[0]) if len(row) > 1 else 1
    if step > 0 and (np.diff(row) == step).all():
        return slice(int(row[0]), int(row[-1]) + 1, step)
    return row


# ----- tables


@lru_cache(256)
def pooling_taps(
    n: int, kernel: int, stride: int, padding: int, out: int, include_pad: bool, divisor: int | None
) -> Taps:
    """Means over windows; without include_pad the padding does not count; a divisor replaces the count."""
    start = np.arange(out) * stride - padding
    stop = np.minimum(start + kernel, n + padding)
    count = stop - start
    first, last = np.maximum(start, 0), np.minimum(stop, n)
    if not include_pad:
        count = last - first
    if divisor is not None:
        count = np.full(out, divisor)
    index = start + np.arange(kernel)[:, None]
    index = np.where((index >= first) & (index < last), index, n)
    return Taps(n, index, np.broadcast_to(1.0 / np.where(count == 0, 1, count), index.shape))


@lru_cache(256)
def adaptive_taps(n: int, out: int) -> Taps:
    """Means over `out` stretches that cover 0 … n evenly."""
    start, stop = adaptive_bounds(n, out)
    index = start + np.arange(int((stop - start).max(initial=1)))[:, None]
    index = np.where(index < stop, index, n)
    return Taps(n, index, np.broadcast_to(1.0 / np.maximum(stop - start, 1), index.shape))


def adaptive_bounds(n: int, out: int) -> tuple[Any, Any]:
    """Where the stretches of adaptive pooling start and stop."""
    i = np.arange(out)
    return i * n // max(out, 1), -((-(i + 1) * n) // max(out, 1))


def _positions(n: int, out: int, scale: float | None, corners: bool) -> Any:
    """Where output i lies on the input's axis."""
    i = np.arange(out, dtype=np.float64)
    if corners:
        return i * ((n - 1) / (out - 1)) if out > 1 else i * 0
    return (i + 0.5) * (1 / scale if scale else n / out) - 0.5


@lru_cache(256)
def interpolation_taps(n: int, out: int, mode: str, scale: float | None, corners: bool) -> Taps:
    """nearest, nearest-exact, linear or cubic (a = -0.75) interpolation of n values at `out` places."""
    step = 1 / scale if scale else n / max(out, 1)
    if mode.startswith("nearest"):
        at = np.floor((np.arange(out) + (0.5 if mode == "nearest-exact" else 0.0)) * np.float32(step)).astype(
            int
        )
        return Taps(n, np.minimum(at, n - 1)[None], np.ones((1, out)))
    x = _positions(n, out, scale, corners)
    if mode == "linear":
        x = np.maximum(x, 0)
        low = np.minimum(np.floor(x).astype(int), n - 1)
        t = np.clip(x - low, 0, 1)
        return Taps(n, np.stack([low, np.minimum(low + 1, n - 1)]), np.stack([1 - t, t]))
    low = np.floor(x).astype(int)
    t = x - low
    index = np.clip(low + np.arange(-1, 3)[:, None], 0, n - 1)
    return Taps(n, index, np.stack([_cubic(1 + t), _cubic(t), _cubic(1 - t), _cubic(2 - t)]))


def _cubic(t: Any, a: float = -0.75) -> Any:
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, far)


@lru_cache(256)
def antialias_taps(n: int, out: int, mode: str, scale: float | None, corners: bool) -> Taps:
    """Linear or cubic (a = -0.5) interpolation with the kernel widened to the step when shrinking."""
    step = (n - 1) / (out - 1) if corners and out > 1 else 0.0 if corners else 1 / scale if scale else n / out
    reach = 1.0 if mode == "linear" else 2.0
    wide = max(step, 1.0)
    center = step * (np.arange(out) + 0.5)
    first = np.maximum((center - reach * wide + 0.5).astype(int), 0)
    last = np.minimum((center + reach * wide + 0.5).astype(int), n)
    index = first + np.arange(max(math.ceil(reach * wide) * 2 + 1, 1))[:, None]
    t = np.abs((index - center + 0.5) / wide)
    w = np.maximum(1 - t, 0) if mode == "linear" else np.where(t < 2, _cubic(t, -0.5), 0)
    w = np.where(index < last, w, 0)
    return Taps(n, np.where(index < last, index, n), w / w.sum(0))


@lru_cache(64)
def neighbour_taps(n: int, size: int) -> Taps:
    """Means over `size` neighbours, size // 2 of them before; what is missing at the ends counts as zeros."""
    index = np.arange(n) + np.arange(-(size // 2), size - size // 2)[:, None]
    index = np.where((index < 0) | (index >= n), n, index)
    return Taps(n, index, np.full(index.shape, 1 / size))


@lru_cache(64)
def same_taps(n: int) -> Taps:
    """The identity."""
    return Taps(n, np.arange(n)[None], np.ones((1, n)))


# ----- records


def _forward(a: Any, taps: tuple[Taps, ...]) -> Any:
    for axis, t in enumerate(taps, a.ndim - len(taps)):
        a = t(a, axis)
    return a


def _resampler(name: str, tex: str, grad_name: str, samples: Any) -> Op:
    op: Op = structured(
        name,
        _forward,
        tex=tex,
        grad_name=grad_name,
        samples=samples,
        shape=lambda a, taps: (*a.shape[: a.ndim - len(taps)], *(t.out for t in taps)),
        vjp=(lambda g, y, a, taps: op(g, tuple(t.transposed for t in taps)),),
    )
    return op


avg_pool = _resampler(
    "avg_pool",
    r"\operatorname{{mean}}_{{\text{{window}}}} {0}",
    "AvgPool2DBackward0",
    lambda rng: [
        (
            rng.normal(size=(2, 5, 6)),
            (pooling_taps(5, 2, 2, 0, 2, True, None), pooling_taps(6, 3, 2, 1, 3, False, None)),
        )
    ],
)
adaptive_avg_pool = _resampler(
    "adaptive_avg_pool",
    r"\operatorname{{mean}}_{{\text{{window}}}} {0}",
    "AdaptiveAvgPool2DBackward0",
    lambda rng: [(rng.normal(size=(2, 5, 6)), (adaptive_taps(5, 3), adaptive_taps(6, 2)))],
)
upsample = _resampler(
    "upsample",
    r"\operatorname{{interpolate}} {0}",
    "UpsampleBackward0",
    lambda rng: [
        (
            rng.normal(size=(2, 3, 4)),
            (interpolation_taps(3, 5, "linear", None, False), interpolation_taps(4, 3, "cubic", None, True)),
        )
    ],
)
