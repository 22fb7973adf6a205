"""Convolution in any number of dimensions, and its two gradients.

⟨g, conv(x, w)⟩ is linear in each of x, w and g: its three partial derivatives are the three records here, and
the vjps of each are the other two, so that derivatives of any order exist. conv_transpose is `conv_input`
with another name. Each is one GEMM per group on the windows of the input (im2col).

NOTE [Wide rows] With stride 1 the windows are taken at every place of the padded rows, also where they run
over into the next row: they are then one long run of memory per place in the kernel, which copies five times
quicker. The outputs of the few windows too many are cut off (forward) or are zeros (gradients).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..types import Shape
from .forms import with_bias
from .record import ADD, HAD, Op, Spec, structured
from .reduce import sum
from .windows import (
    Ints,
    Pads,
    flat_windows,
    output_size,
    pad_spatial,
    scatter_flat,
    scatter_windows,
    windows,
)


def _out(x: Any, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints) -> Ints:
    return tuple(
        output_size(n, k, s, lo + hi, q)
        for n, k, s, (lo, hi), q in zip(x.shape[2:], kernel, stride, pads, dilation)
    )


def _plain(kernel: Ints, stride: Ints, pads: Pads) -> bool:
    """Whether every window is one value: a 1x1 convolution needs no im2col."""
    return (
        all(k == 1 for k in kernel) and all(s == 1 for s in stride) and not any(lo or hi for lo, hi in pads)
    )


def _wide(size: Ints, out: Ints, stride: Ints, pads: Pads) -> Ints:
    """The output's sizes with rows as long as the padded input's: see NOTE [Wide rows]."""
    if len(size) == 1 or any(s != 1 for s in stride):
        return out
    return (out[0], *(n + lo + hi for n, (lo, hi) in zip(size[1:], pads[1:])))


def _windows(x: Any, kernel: Ints, out: Ints, stride: Ints, pads: Pads, dilation: Ints) -> tuple[Any, Ints]:
    """A view (N, C, *kernel, outputs…) of the windows, and the outputs' sizes, wide where possible."""
    size = x.shape[2:]
    wide = _wide(size, out, stride, pads)
    if wide is out or _plain(kernel, stride, pads):
        if _plain(kernel, stride, pads):
            return x.reshape(*x.shape[:2], *kernel, *out), out
        return windows(pad_spatial(x, pads), kernel, out, stride, dilation), out
    return flat_windows(x, kernel, prod(wide), pads, dilation), wide


def _chunks(n: int, values: int, cached: int = 1 << 18) -> list[slice]:
    """Samples a few at a time, so that the columns of a chunk (`values` per sample) stay in the cache."""
    step = max(cached // max(values, 1), 1)
    return [slice(i, i + step) for i in range(0, n, step)]


def _conv(x: Any, w: Any, b: Any, stride: Ints, pads: Pads, dilation: Ints, groups: int) -> Any:
    n, o = x.shape[0], w.shape[0]
    kernel = w.shape[2:]
    out = _out(x, kernel, stride, pads, dilation)
    rows = w.shape[1] * prod(kernel)
    matrix = w.reshape(o, rows) if groups == 1 else w.reshape(groups, o // groups, rows)
    bias = None if b is None else _column(b, len(out))
    y = np.empty((n, o, *out), x.dtype)
    view, wide = _windows(x, kernel, out, stride, pads, dilation)
    length = prod(wide)
    inner = (rows, length) if groups == 1 else (groups, rows, length)
    for part in _chunks(n, (groups * rows + o) * prod(out)):
        cols = view[part].reshape(-1, *inner)
        target = y[part]
        if wide == out:
            np.matmul(matrix, cols, out=target.reshape(-1, *matrix.shape[:-1], length))
            if bias is not None:
                target += bias
            continue
        cut = np.matmul(matrix, cols).reshape(-1, o, *wide)[(..., *map(slice, out))]
        if bias is None:
            target[...] = cut
        else:
            np.add(cut, bias, out=target)
    return y


def _column(b: Any, dims: int) -> Any:
    return b.reshape(-1, *(1,) * dims)


def _conv_shape(
    x: Spec, w: Spec, b: Spec | None, stride: Ints, pads: Pads, dilation: Ints, groups: int
) -> Shape:
    return (x.shape[0], w.shape[0], *_out(x, w.shape[2:], stride, pads, dilation))


def _widened(g: Any, wide: Ints) -> Any:
    if g.shape[2:] == wide:
        return g
    out: Any = np.zeros((*g.shape[:2], *wide), g.dtype)
    out[(..., *map(slice, g.shape[2:]))] = g
    return out


def _conv_input(
    g: Any, w: Any, b: Any, size: Ints, stride: Ints, pads: Pads, dilation: Ints, groups: int
) -> Any:
    n, o = g.shape[:2]
    kernel, out = w.shape[2:], g.shape[2:]
    c = w.shape[1] * groups
    back = _back(kernel, out, size, pads, dilation)
    if all(s == 1 for s in stride) and _gathers(o, c, kernel, out, size, pads, back):
        return _conv(g, _flipped(w, groups), b, stride, back, dilation, groups)
    plain = _plain(kernel, stride, pads) and out == size
    wide = out if plain else _wide(size, out, stride, pads)
    length = prod(wide)
    rows = w.reshape(o, -1).T if groups == 1 else w.reshape(groups, o // groups, -1).transpose(0, 2, 1)
    inner = (o, length) if groups == 1 else (groups, o // groups, length)
    y = np.empty((n, c, *size), g.dtype)
    for part in _chunks(n, (c * prod(kernel) + o) * length):
        cols = np.matmul(rows, _widened(g[part], wide).reshape(-1, *inner))
        if plain:
            y[part] = cols.reshape(-1, c, *size)
        elif wide == out:
            y[part] = scatter_windows(cols.reshape(-1, c, *kernel, *out), size, out, stride, pads, dilation)
        else:
            y[part] = scatter_flat(cols.reshape(-1, c, *kernel, length), size, pads, dilation)
    if b is not None:
        y += _column(b, len(size))
    return y


def _back(kernel: Ints, out: Ints, size: Ints, pads: Pads, dilation: Ints) -> Pads:
    """The padding with which the flipped kernel, moved over the outputs, meets every place of the input."""
    return tuple(
        ((k - 1) * q - lo, m + lo - j) for k, q, m, j, (lo, _) in zip(kernel, dilation, size, out, pads)
    )


def _gathers(o: int, c: int, kernel: Ints, out: Ints, size: Ints, pads: Pads, back: Pads) -> bool:
    """Whether to collect what each input gets is quicker than to spread what each output gives.

    Columns that are copied cost half of those that are added up in place.
    """
    if prod(kernel) == 1:
        return False
    one = (1,) * len(size)
    return o * prod(_wide(out, size, one, back)) <= 2 * c * prod(_wide(size, out, one, pads))


def _flipped(w: Any, groups: int) -> Any:
    """The kernel of the adjoint map: turned round, inputs and outputs of each group exchanged."""
    parts = w.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)
    turned = parts[(..., *(slice(None, None, -1),) * (w.ndim - 2))]
    return np.ascontiguousarray(turned).reshape(-1, w.shape[0] // groups, *w.shape[2:])


def _conv_weight(x: Any, g: Any, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints, groups: int) -> Any:
    n, c = x.shape[:2]
    o, out = g.shape[1], g.shape[2:]
    if o < c and prod(kernel) > 1 and all(s == 1 for s in stride):  # the columns of g are fewer
        back = _back(kernel, out, x.shape[2:], pads, dilation)
        return _flipped(_conv_weight(g, x, kernel, stride, back, dilation, groups), groups)
    total = np.zeros((groups, o // groups, c // groups * prod(kernel)), x.dtype)
    view, wide = _windows(x, kernel, out, stride, pads, dilation)
    # (n, C, *kernel, outputs) -> (G, C/G*kernel, n*outputs): the sum over samples is inside the GEMM
    order = (1, *range(2, 2 + len(kernel)), 0, *range(2 + len(kernel), view.ndim))
    for part in _chunks(n, (c * prod(kernel) + o) * prod(out), 1 << 17):
        cols = view[part].transpose(order).reshape(groups, total.shape[2], -1)
        few = _widened(g[part], wide)
        rows = few.reshape(len(few), o, -1).transpose(1, 0, 2).reshape(groups, o // groups, -1)
        total += np.matmul(rows, cols.transpose(0, 2, 1))
    return total.reshape(o, c // groups, *kernel)


def _bias(g: Any) -> Any:
    return sum(g, (0, *range(2, g.ndim)), False)


_ATTRIBUTES = ((2, 1), ((1, 1), (0, 1)), (1, 2), 2)

conv: Op = structured(
    "conv",
    _conv,
    nargs=3,
    shape=_conv_shape,
    tex=r"{0} \star {1} + {2}",
    prec=ADD,
    form=with_bias(r"{0} \star {1}"),
    grad_name="ConvolutionBackward0",
    vjp=(
        lambda g, y, x, w, b, stride, pads, dilation, groups: conv_input(
            g, w, None, x.shape[2:], stride, pads, dilation, groups
        ),
        lambda g, y, x, w, b, stride, pads, dilation, groups: conv_weight(
            x, g, w.shape[2:], stride, pads, dilation, groups
        ),
        lambda g, y, x, w, b, stride, pads, dilation, groups: _bias(g),
    ),
    samples=lambda rng: [
        (rng.normal(size=(2, 4, 5, 6)), rng.normal(size=(6, 2, 3, 2)), rng.normal(size=6), *_ATTRIBUTES),
        (rng.normal(size=(2, 3, 7)), rng.normal(size=(2, 3, 1)), None, (1,), ((0, 0),), (1,), 1),
    ],
)

conv_input: Op = structured(
    "conv_input",
    _conv_input,
    nargs=3,
    tex=r"{0} \star^\top {1} + {2}",
    prec=ADD,
    form=with_bias(r"{0} \star^\top {1}"),
    grad_name="ConvolutionBackward0",
    shape=lambda g, w, b, size, stride, pads, dilation, groups: (g.shape[0], w.shape[1] * groups, *size),
    vjp=(
        lambda u, y, g, w, b, size, stride, pads, dilation, groups: conv(
            u, w, None, stride, pads, dilation, groups
        ),
        lambda u, y, g, w, b, size, stride, pads, dilation, groups: conv_weight(
            u, g, w.shape[2:], stride, pads, dilation, groups
        ),
        lambda u, y, g, w, b, size, stride, pads, dilation, groups: _bias(u),
    ),
    samples=lambda rng: [
        (
            rng.normal(size=(2, 6, 3, 5)),
            rng.normal(size=(6, 2, 3, 2)),
            rng.normal(size=4),
            (5, 6),
            *_ATTRIBUTES,
        ),
    ],
)

conv_weight: Op = structured(
    "conv_weight",
    _conv_weight,
    nargs=2,
    tex=r"{0} \star {1}",
    prec=HAD,
    grad_name="ConvolutionBackward0",
    shape=lambda x, g, kernel, stride, pads, dilation, groups: (g.shape[1], x.shape[1] // groups, *kernel),
    vjp=(
        lambda u, y, x, g, kernel, stride, pads, dilation, groups: conv_input(
            g, u, None, x.shape[2:], stride, pads, dilation, groups
        ),
        lambda u, y, x, g, kernel, stride, pads, dilation, groups: conv(
            x, u, None, stride, pads, dilation, groups
        ),
    ),
    samples=lambda rng: [
        (rng.normal(size=(2, 4, 5, 6)), rng.normal(size=(2, 6, 3, 5)), (3, 2), *_ATTRIBUTES)
    ],
)

# ----- sliding blocks as columns, and back


def _unfold(a: Any, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints) -> Any:
    out = _out(a, kernel, stride, pads, dilation)
    blocks = windows(pad_spatial(a, pads), kernel, out, stride, dilation)
    return blocks.reshape(a.shape[0], a.shape[1] * prod(kernel), prod(out))


def _fold(a: Any, size: Ints, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints) -> Any:
    out = tuple(
        output_size(n, k, s, lo + hi, q) for n, k, s, (lo, hi), q in zip(size, kernel, stride, pads, dilation)
    )
    blocks = a.reshape(a.shape[0], -1, *kernel, *out)
    return scatter_windows(blocks, size, out, stride, pads, dilation)


unfold: Op = structured(
    "im2col",
    _unfold,
    tex=r"\operatorname{{unfold}}({0})",
    grad_name="Im2ColBackward0",
    vjp=(
        lambda g, y, a, kernel, stride, pads, dilation: fold(g, a.shape[2:], kernel, stride, pads, dilation),
    ),
    shape=lambda a, kernel, stride, pads, dilation: (
        a.shape[0],
        a.shape[1] * prod(kernel),
        prod(_out(a, kernel, stride, pads, dilation)),
    ),
    samples=lambda rng: [(rng.normal(size=(2, 2, 5, 4)), (2, 3), (2, 1), ((1, 1), (0, 0)), (1, 1))],
)

fold: Op = structured(
    "col2im",
    _fold,
    tex=r"\operatorname{{fold}}({0})",
    grad_name="Col2ImBackward0",
    vjp=(lambda g, y, a, size, kernel, stride, pads, dilation: unfold(g, kernel, stride, pads, dilation),),
    shape=lambda a, size, kernel, stride, pads, dilation: (a.shape[0], a.shape[1] // prod(kernel), *size),
    samples=lambda rng: [(rng.normal(size=(2, 12, 6)), (5, 4), (2, 3), (2, 1), ((1, 1), (0, 0)), (1, 1))],
)

__all__ = ["conv", "conv_input", "conv_weight", "fold", "unfold"]
