"""Rows of a table by index: embedding and embedding_bag (nn.functional's argument order)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.mode import set_grad
from ..dispatch import bind, cast
from ..dispatch import where as spot
from ..inplace import assign, plain
from ..ops import bags as bag_ops
from ..ops import index as index_ops
from ..ops import scatter as ops
from ..ops.index import INDEX, masked_fill
from ..ops.movement import reshape
from ..ops.search import searchsorted
from ..tensor import Tensor
from ..types import int64, scalar_type
from .api import tensor_argument


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of `weight` (V, D) at the indices `input` (…): (…, D).

    The row `padding_idx` gets no gradient; `max_norm` first scales the rows used down to that norm, in place;
    `scale_grad_by_freq` divides a row's gradient by how often it is used.

    >>> import chainrule as cr
    >>> cr.nn.functional.embedding(cr.tensor([1, 0]), cr.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    _require_indices("embedding", input)
    tensor_argument("embedding", weight, 1, "weight")
    if weight._a.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    padding = _padding(padding_idx, weight)
    if max_norm is not None:
        _renormalise(weight, input, max_norm, norm_type)
    return bind(ops.embedding, (weight, input, padding, bool(scale_grad_by_freq)))


def _require_indices(name: str, input: Any) -> None:
    tensor_argument(name, input, 2, "indices")
    if input._a.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
            f"but got torch.{scalar_type(input.dtype)}Tensor instead (while checking arguments for {name})"
        )


def _padding(padding_idx: int | None, weight: Tensor) -> int:
    """padding_idx counted from the front; -1 for none."""
    if padding_idx is None:
        return -1
    n = weight._a.shape[0]
    if not -n <= padding_idx < n:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % n


def _renormalise(weight: Tensor, indices: Tensor, max_norm: float, p: float) -> None:
    with set_grad(False):
        if plain(weight._a) and plain(indices._a):
            rows, values = bag_ops.shortened(weight._a, indices._a, max_norm, p)
            if rows.size:
                weight[Tensor._wrap(rows)] = Tensor._wrap(values)
        else:
            assign(weight, bind(bag_ops.renormed, (weight, indices, float(max_norm), float(p))), spot())


def torch_embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """torch.embedding: the weight first; nn.functional.embedding is the public form."""
    _require_indices("embedding", indices)
    return bind(ops.embedding, (weight, indices, padding_idx, bool(scale_grad_by_freq)))


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None,
        norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
        per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """The sum, mean or max of the rows of each bag: (B, D).

    Bags are the rows of a 2-D `input`, or the stretches of a 1-D one that start at `offsets`. Entries equal
    to `padding_idx` are left out; empty bags are 0.
    """
    _require_indices("embedding_bag", input)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    _check_weights(input, per_sample_weights, mode, scale_grad_by_freq)
    flat, bags, count = _bags(input, offsets, include_last_offset)
    padding = _padding(padding_idx, weight)
    n, width = flat._a.size, weight._a.shape[1]
    if max_norm is not None:
        _renormalise(weight, flat, max_norm, norm_type)
    if not n or not count:
        return Tensor._wrap(np.zeros((count, width), weight._a.dtype))
    keep = bags < count
    if padding >= 0:
        keep = keep & (flat != padding)
    left_out = ~keep
    rows = bind(ops.embedding, (weight, flat, -1, bool(scale_grad_by_freq)))
    if mode == "max":
        return _largest(rows, bind(masked_fill, (bags, left_out, -1)), count)
    if per_sample_weights is not None:
        rows = rows * reshape(per_sample_weights, (n, 1))
    rows = bind(masked_fill, (rows, reshape(left_out, (n, 1)), 0))
    bags = bind(masked_fill, (bags, left_out, 0))
    total = bind(index_ops.unindex, (rows, bags, (count, width), (INDEX,)))
    if mode == "sum":
        return total
    sizes = bind(index_ops.unindex, (cast(keep, weight.dtype), bags, (count,), (INDEX,)))
    return total / reshape(sizes.clamp_min(1), (count, 1))


def _check_weights(input: Tensor, weights: Tensor | None, mode: str, by_frequency: bool) -> None:
    if mode == "max" and by_frequency:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if weights is None:
        return
    if weights._a.shape != input._a.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(weights._a.shape)}) is not None, then it must have "
            f"the same shape as the input ({list(input._a.shape)})"
        )
    if mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for "
            f"mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )


def _bags(input: Tensor, offsets: Tensor | None, last: bool) -> tuple[Tensor, Tensor, int]:
    """The flat indices, the bag that each belongs to, and the number of bags."""
    ix = input._a
    if ix.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed "
                f"length sequences. However, found offsets of type {type(offsets)}"
            )
        bags = Tensor._wrap(np.repeat(np.arange(ix.shape[0]), ix.shape[1]))
        return reshape(input, (ix.size,)), bags, ix.shape[0]
    if ix.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {ix.ndim}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets._a.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    starts = offsets._a
    if plain(starts) and starts.size:
        _check_starts(starts, ix.size)
    places = Tensor._wrap(np.arange(ix.size, dtype=starts.dtype))
    bags = bind(searchsorted, (offsets, places, "right", int64)) - 1
    return input, bags, starts.size - int(last)


def _check_starts(starts: Any, size: int) -> None:
    if starts[0] != 0:
        raise RuntimeError("offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
                           "from position 0. "
                           f"However, got {starts[0]}")  # fmt: skip
    if starts[-1] > size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length ({size}), but got offsets[-1] of "
            f"{starts[-1]}"
        )


def _largest(rows: Tensor, bags: Tensor, count: int) -> Tensor:
    """The largest of each column per bag; ties go to the first."""
    best = bind(bag_ops.bag_argmax, (rows.detach(), bags, count))
    picked = bind(ops.gather, (rows, best.clamp_min(0), 0))
    return bind(masked_fill, (picked, best < 0, 0))


__all__: list[str] = []
