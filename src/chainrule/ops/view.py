"""Views: other shapes, orders and parts of the same memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import DType, Shape, float32, int64
from .forms import transposed, unsqueezed
from .movement import embed, reshape
from .record import POW, Bad, Op, Spec, structured

Geometry = tuple[Shape, tuple[int, ...], int]  # sizes, strides and offset, in elements

# ----- orders


def _swapped(a: Spec, dim0: int, dim1: int) -> Shape:
    shape = list(a.shape)
    shape[dim0], shape[dim1] = shape[dim1], shape[dim0]
    return tuple(shape)


transpose: Op = structured(
    "transpose",
    lambda a, dim0, dim1: a.swapaxes(dim0, dim1),
    vjp=(lambda g, y, a, dim0, dim1: transpose(g, dim0, dim1),),
    shape=_swapped,
    view=True,
    tex=r"{0}^\top",
    prec=POW,
    form=transposed,
    samples=lambda rng: [(rng.normal(size=(2, 3, 4)), 0, 2)],
)

t: Op = structured(
    "t",
    lambda a: a.T,
    vjp=(lambda g, y, a: t(g),),
    shape=lambda a: a.shape[::-1],
    view=True,
    tex=r"{0}^\top",
    prec=POW,
    samples=lambda rng: [(rng.normal(size=(2, 3)),)],
)

# ----- dimensions of size 1

unsqueeze = structured(
    "unsqueeze",
    lambda a, dim: a[(slice(None),) * dim + (None, ...)],
    vjp=(lambda g, y, a, dim: reshape(g, a.shape),),
    shape=lambda a, dim: (*a.shape[:dim], 1, *a.shape[dim:]),
    view=True,
    tex="{0}",
    form=unsqueezed,
    samples=lambda rng: [(rng.normal(size=(2, 3)), 1)],
)


def _squeeze(name: str, grad_name: str) -> Op:
    """squeeze() of all, one or several dimensions: one operation under PyTorch's three node names."""
    return structured(
        name,
        lambda a, dims: a.squeeze(dims) if dims else a[...],
        vjp=(lambda g, y, a, dims: reshape(g, a.shape),),
        shape=lambda a, dims: tuple(n for i, n in enumerate(a.shape) if i not in dims),
        view=True,
        tex="{0}",
        samples=lambda rng: [(rng.normal(size=(2, 1, 3)), (1,)), (rng.normal(size=(1, 2)), ())],
        grad_name=grad_name,
    )


squeeze = _squeeze("squeeze", "SqueezeBackward0")
squeeze_dim = _squeeze("squeeze_dim", "SqueezeBackward1")
squeeze_dims = _squeeze("squeeze_dims", "SqueezeBackward2")

# ----- parts (select and slice are in index)


def _diagonal(a: Any, offset: int, dim1: int, dim2: int) -> Any:
    out = a.diagonal(offset, dim1, dim2)
    if a.flags.writeable:
        out.flags.writeable = True
    return out


def _diagonal_shape(a: Spec, offset: int, dim1: int, dim2: int) -> Shape:
    rows, columns = a.shape[dim1], a.shape[dim2]
    length = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    return (*[n for i, n in enumerate(a.shape) if i not in (dim1, dim2)], length)


diagonal: Op = structured(
    "diagonal",
    _diagonal,
    vjp=(lambda g, y, a, offset, dim1, dim2: embed(g, a.shape, ((diagonal, (offset, dim1, dim2)),)),),
    shape=_diagonal_shape,
    view=True,
    tex=r"\operatorname{{diag}}({0})",
    samples=lambda rng: [(rng.normal(size=(3, 4)), 1, 0, 1), (rng.normal(size=(3, 2, 3)), -1, 0, 2)],
)

# ----- sliding windows


def _unfold(a: Any, dim: int, size: int, step: int) -> Any:
    if not a.ndim:
        return a.reshape(1)[:size]
    windows = np.lib.stride_tricks.sliding_window_view(a, size, dim, writeable=a.flags.writeable)
    return windows[(slice(None),) * dim + (slice(None, None, step),)]


def _unfold_shape(a: Spec, dim: int, size: int, step: int) -> Shape:
    if not a.ndim:
        return (size,)
    if size > a.shape[dim]:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {a.shape[dim]} but size is {size}")
    return (*a.shape[:dim], (a.shape[dim] - size) // step + 1, *a.shape[dim + 1 :], size)


unfold = structured(
    "sliding",
    _unfold,
    vjp=(lambda g, y, a, dim, size, step: fold_back(g, a.shape, dim, size, step),),
    shape=_unfold_shape,
    view=True,
    tex=r"\operatorname{{unfold}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 7)), 1, 3, 2)],
    grad_name="UnfoldBackward0",
    bad=[
        Bad(lambda: (np.zeros((2, 3)), 1, 4, 1), RuntimeError, "maximum size for tensor at dimension 1 is 3")
    ],
)


def _fold_back(g: Any, shape: Shape, dim: int, size: int, step: int) -> Any:
    if not shape:
        return g.sum()
    out = np.zeros(shape, g.dtype)
    count = g.shape[dim]
    before = (slice(None),) * dim
    for k in range(size if count else 0):
        out[(*before, slice(k, k + (count - 1) * step + 1, step))] += g[..., k]
    return out


fold_back: Op = structured(
    "fold_back",
    _fold_back,
    vjp=(lambda g, y, a, shape, dim, size, step: unfold(g, dim, size, step),),
    shape=lambda a, shape, dim, size, step: shape,
    tex=r"\operatorname{{fold}}({0})",
    samples=lambda rng: [(rng.normal(size=(2, 3, 3)), (2, 7), 1, 3, 2)],
)

# ----- any strides


def owner(a: Any) -> Any:
    """The array that owns the memory of `a`."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def element_offset(a: Any) -> int:
    """Where `a` begins in its owner's memory, in elements."""
    start: int = a.__array_interface__["data"][0] - owner(a).__array_interface__["data"][0]
    return start // a.itemsize


class _Memory:
    """A stretch of memory for np.asarray, keeping its owner alive."""

    def __init__(self, keep: Any, pointer: int, dtype: Any, shape: Shape, strides: tuple[int, ...]) -> None:
        self.keep = keep
        self.__array_interface__ = {
            "version": 3,
            "data": (pointer, not keep.flags.writeable),
            "typestr": dtype.str,
            "shape": shape,
            "strides": strides,
        }


def _as_strided(a: Any, size: Shape, stride: tuple[int, ...], offset: int, source: Geometry) -> Any:
    root = owner(a)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride))
    if 0 not in size and (last + 1) * a.itemsize > root.nbytes:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{a.itemsize} requiring a storage size of {(last + 1) * a.itemsize} are out of bounds for "
            f"storage of "
            f"size {root.nbytes}"
        )
    pointer = root.__array_interface__["data"][0] + offset * a.itemsize
    steps = tuple(s * a.itemsize for s in stride)
    plain = np.dtype(f"V{a.itemsize}") if a.dtype.kind == "V" else a.dtype
    return np.asarray(_Memory(root, pointer, plain, size, steps)).view(a.dtype)


as_strided = structured(
    "as_strided",
    _as_strided,
    vjp=(lambda g, y, a, size, stride, offset, source: restride(g, (size, stride, offset), source),),
    shape=lambda a, size, stride, offset, source: size,
    view=True,
    tex="{0}",
    samples=lambda rng: [(rng.normal(size=(3, 4)), (2, 3), (1, 2), 1, ((3, 4), (4, 1), 0))],
)


def memory_places(geometry: Geometry) -> Any:
    """The place in memory of every element of a tensor of this geometry."""
    size, stride, offset = geometry
    out = np.full(size, offset)
    for dim, (n, step) in enumerate(zip(size, stride)):
        out += (np.arange(n) * step).reshape((n,) + (1,) * (len(size) - dim - 1))
    return out


def _restride(g: Any, source: Geometry, target: Geometry) -> Any:
    """Add g up in a zero memory at the places of `source`, shared out evenly to those of `target`."""
    wanted, given = memory_places(target), memory_places(source)
    length = int(max(wanted.max(initial=0), given.max(initial=0))) + 1
    memory = np.zeros(length, g.dtype)
    np.add.at(memory, given.ravel(), g.ravel())
    shares = np.bincount(wanted.ravel(), minlength=length)
    return (memory[wanted] / shares[wanted]).astype(g.dtype)


restride: Op = structured(
    "restride",
    _restride,
    shape=lambda a, source, target: target[0],
    tex="{0}",
    vjp=(lambda g, y, a, source, target: gather_back(g, target, source),),
    samples=lambda rng: [(rng.normal(size=(2, 3)), ((2, 3), (1, 2), 1), ((3, 4), (4, 1), 0))],
)


def _gather_back(g: Any, source: Geometry, target: Geometry) -> Any:
    """The adjoint of `restride`: even shares are taken first, then copied to every place of `target`."""
    given, wanted = memory_places(source), memory_places(target)
    length = int(max(wanted.max(initial=0), given.max(initial=0))) + 1
    shares = np.bincount(given.ravel(), minlength=length)
    memory = np.zeros(length, g.dtype)
    np.add.at(memory, given.ravel(), (g / shares[given]).astype(g.dtype).ravel())
    return memory[wanted]


gather_back: Op = structured(
    "gather_back",
    _gather_back,
    shape=lambda a, source, target: target[0],
    tex="{0}",
    vjp=(lambda g, y, a, source, target: restride(g, target, source),),
    samples=lambda rng: [(rng.normal(size=(3, 4)), ((3, 4), (4, 1), 0), ((2, 3), (1, 2), 1))],
)

# ----- the same bytes


def _view_dtype_shape(a: Spec, dtype: DType) -> Shape:
    old, new = a.dtype.itemsize, dtype.itemsize
    if old == new:
        return a.shape
    if not a.ndim:
        raise RuntimeError(
            f"self.dim() cannot be 0 to view {a.dtype.name} as {dtype.name} (different element sizes)"
        )
    if a.shape[-1] * old % new:
        raise RuntimeError(
            f"self.size(-1) must be divisible by {new // old} to view {a.dtype.name} as {dtype.name} "
            f"(different "
            f"element sizes), but got {a.shape[-1]}"
        )
    return (*a.shape[:-1], a.shape[-1] * old // new)


view_dtype = structured(
    "view_dtype",
    lambda a, dtype: a.view(dtype.np),
    shape=_view_dtype_shape,
    dtype=lambda a, dtype: dtype,
    view=True,
    tex="{0}",
    samples=lambda rng: [(rng.normal(size=(2, 4)), int64), (rng.normal(size=(2, 4)), float32)],
    nondiff="the bits are read as numbers of another kind",
)
