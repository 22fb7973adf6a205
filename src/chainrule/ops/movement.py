"""Movement: conversion, expansion, shapes, stacking; the rest is in view, join and rearrange."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..types import DType, Shape, float64
from .forms import reshaped, total_to, transposed
from .record import BIG, POW, Bad, Op, Spec, structured

# ----- conversion


def _to_forward(a: Any, dtype: DType) -> Any:
    if a.dtype.kind == "c" and dtype.np.kind != "c":
        a = a.real
    return a.astype(dtype.np)


to: Op = structured(
    "to",
    _to_forward,
    vjp=(lambda g, y, a, dtype: to(g, a.dtype),),
    shape=lambda a, dtype: a.shape,
    dtype=lambda a, dtype: dtype,
    tex="{0}",
    grad_name="ToCopyBackward0",
    samples=lambda rng: [(rng.normal(size=(2, 3)), float64), (rng.normal(size=()), float64)],
)

detach = structured(
    "detach",
    lambda a: a[...] if isinstance(a, np.ndarray) else a,
    view=True,
    shape=lambda a: a.shape,
    tex="{0}",
    samples=lambda rng: [(rng.normal(size=(2, 3)),)],
    nondiff="it is the request for no gradient",
)

# ----- shapes


def _sum_to(a: Any, shape: Shape) -> Any:
    if not shape:
        return np.add.reduce(a, axis=None)
    extra = a.ndim - len(shape)
    if extra == 1 and a.shape[1:] == shape:  # the gradient of a bias
        return np.add.reduce(a, 0)
    axes = (*range(extra), *[i for i, n in enumerate(shape, extra) if n == 1 and a.shape[i] != 1])
    out = np.add.reduce(a, axis=axes, keepdims=True) if axes else a
    return out.reshape(shape) if extra else out


sum_to = structured(
    "sum_to",
    _sum_to,
    vjp=(lambda g, y, a, shape: expand(g, a.shape),),
    shape=lambda a, shape: shape,
    tex=r"\sum {0}",
    prec=BIG,
    form=total_to,
    grad_name="SumBackward1",
    samples=lambda rng: [
        (rng.normal(size=(2, 3)), (3,)),
        (rng.normal(size=(2, 3)), (2, 1)),
        (rng.normal(size=(4,)), ()),
    ],
)


def _expand_shape(a: Spec, shape: Shape) -> Shape:
    if len(shape) < a.ndim:
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{list(a.shape)}}}, size={list(shape)}): the number of sizes provided "
            f"({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({a.ndim})"
        )
    for i, (have, want) in enumerate(zip(reversed(a.shape), reversed(shape))):
        if have not in (1, want):
            raise RuntimeError(
                f"The expanded size of the tensor ({want}) must match the existing size ({have}) at "
                f"non-singleton "
                f"dimension {len(shape) - 1 - i}.  Target sizes: {list(shape)}.  Tensor sizes: "
                f"{list(a.shape)}"
            )
    return tuple(shape)


def _expand(a: Any, shape: Shape) -> Any:
    """np.broadcast_to at a tenth of its price: a view with stride 0 along the repeated dimensions."""
    have = a.shape
    extra = len(shape) - len(have)
    if extra < 0 or not a.flags.c_contiguous:
        out = np.broadcast_to(a, shape)
        out.flags.writeable = a.flags.writeable  # read-only by itself, unlike PyTorch's
        return out
    if have == shape[extra:]:
        return np.ndarray(shape, a.dtype, a, 0, (0,) * extra + a.strides)
    steps = [0] * extra
    for n, want, step in zip(have, shape[extra:], a.strides):
        if n != want and n != 1:
            return np.broadcast_to(a, shape)
        steps.append(step if n == want else 0)
    return np.ndarray(shape, a.dtype, a, 0, tuple(steps))


expand: Op = structured(
    "expand",
    _expand,
    vjp=(lambda g, y, a, shape: sum_to(g, a.shape),),
    shape=_expand_shape,
    view=True,
    tex="{0}",
    samples=lambda rng: [(rng.normal(size=(3,)), (2, 3)), (rng.normal(size=(2, 1)), (2, 4))],
    bad=[Bad(lambda: (np.zeros((2, 3)), (2, 4)), RuntimeError, "must match the existing size (3)")],
)


def _reshape_shape(a: Spec, shape: Shape) -> Shape:
    size = int(np.prod(a.shape))
    known = int(np.prod([n for n in shape if n != -1]))
    if list(shape).count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if any(n < -1 for n in shape):
        raise RuntimeError(f"invalid shape dimension {min(shape)}")
    if -1 in shape:
        if known == 0 or size % known:
            if known == 0 and size == 0:
                raise RuntimeError(
                    f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
                    f"dimension "
                    "size -1 can be any value and is ambiguous"
                )
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
        return tuple(size // known if n == -1 else n for n in shape)
    if known != size:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
    return tuple(shape)


reshape: Op = structured(
    "reshape",
    lambda a, shape: a.reshape(shape),
    vjp=(lambda g, y, a, shape: reshape(g, a.shape),),
    shape=_reshape_shape,
    view=True,
    tex="{0}",
    form=reshaped,
    grad_name="ViewBackward0",
    samples=lambda rng: [(rng.normal(size=(2, 6)), (3, 4)), (rng.normal(size=(2, 3)), (-1,))],
    bad=[
        Bad(lambda: (np.zeros((2, 3)), (4, 2)), RuntimeError, "shape '[4, 2]' is invalid for input of size 6")
    ],
)

unsafe_view = structured(
    "unsafe_view",
    reshape.forward,
    vjp=reshape.vjp,
    shape=_reshape_shape,
    tex="{0}",
    samples=reshape.samples,
)


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    out = [0] * len(dims)
    for i, d in enumerate(dims):
        out[d] = i
    return tuple(out)


permute: Op = structured(
    "permute",
    lambda a, dims: a.transpose(dims),
    vjp=(lambda g, y, a, dims: permute(g, _inverse(dims)),),
    shape=lambda a, dims: tuple(a.shape[d] for d in dims),
    view=True,
    tex=r"{0}^\top",
    prec=POW,
    form=transposed,
    samples=lambda rng: [(rng.normal(size=(2, 3, 4)), (2, 0, 1))],
)


def _stack_shape(xs: Sequence[Spec], dim: int) -> Shape:
    first = xs[0].shape
    for i, x in enumerate(xs):
        if x.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(x.shape)} at "
                f"entry {i}"
            )
    return (*first[:dim], len(xs), *first[dim:])


stack = structured(
    "stack",
    lambda xs, dim: np.stack(xs, dim),  # noqa: PLW0108  (its parameters name the attributes)
    nargs=-1,
    vjp=lambda g, y, xs, dim: unbind(g, dim),
    shape=_stack_shape,
    tex=r"[{0}]",
    samples=lambda rng: [([rng.normal(size=(2, 3)) for _ in range(3)], 1)],
)


def _unbind(a: Any, dim: int) -> list[Any]:
    before = (slice(None),) * dim
    return [a[(*before, i, ...)] for i in range(a.shape[dim])]


unbind: Op = structured(
    "unbind",
    _unbind,
    outputs=-1,
    view=True,
    vjp=(lambda g, y, a, dim: stack(g, dim),),
    shape=lambda a, dim: [a.shape[:dim] + a.shape[dim + 1 :]] * a.shape[dim],
    tex="{0}",
    samples=lambda rng: [(rng.normal(size=(2, 3)), 1)],
)


def replay(a: Any, chain: Any) -> Any:
    """The view that `chain` (operations with their attributes) makes of `a`."""
    for op, attrs in chain:
        a = op(a, *attrs)
    return a


def _view_scatter(a: Any, b: Any, chain: Any) -> Any:
    out = np.array(a)
    replay(out, chain)[...] = b
    return out


def _embed(a: Any, shape: Shape, chain: Any) -> Any:
    out = np.zeros(shape, a.dtype)
    replay(out, chain)[...] = a
    return out


embed = structured(
    "embed",
    _embed,
    vjp=(lambda g, y, a, shape, chain: replay(g, chain),),
    shape=lambda a, shape, chain: shape,
    tex=r"\operatorname{{embed}}({0})",
    grad_name="SliceBackward0",
    samples=lambda rng: [(rng.normal(size=(4, 3)), (3, 4), ((permute, ((1, 0),)),))],
)


view_scatter: Op = structured(
    "view_scatter",
    _view_scatter,
    nargs=2,
    shape=lambda a, b, chain: a.shape,
    vjp=(
        lambda g, y, a, b, chain: view_scatter(g, 0.0, chain),
        lambda g, y, a, b, chain: replay(g, chain),
    ),
    tex=r"\operatorname{{put}}({0}, {1})",
    grad_name="CopySlices",
    samples=lambda rng: [(rng.normal(size=(3, 4)), rng.normal(size=(4, 3)), ((permute, ((1, 0),)),))],
)
