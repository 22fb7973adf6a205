"""Distances, similarities, and the losses with margins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...dispatch import bind, cast
from ...functional.api import tensor_argument
from ...inplace import plain
from ...ops.index import INDEX, index
from ...ops.pool import pool_pick
from ...ops.scatter import scatter_add
from ...ops.select import where
from ...tensor import Tensor
from ...types import INT, broadcast_shapes, int64, promote_types
from ._arguments import reduction_of
from .loss import reduce_loss

Flag = bool | None


def _hinge(z: Tensor) -> Tensor:
    """max(z, 0), without a gradient at 0."""
    return where(z > 0, z, 0.0)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """‖x₁ - x₂ + eps‖_p over the last dimension.

    >>> import chainrule as cr
    >>> cr.nn.functional.pairwise_distance(cr.tensor([[0.0, 0.0]]), cr.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x₁·x₂ / (max(‖x₁‖, eps) · max(‖x₂‖, eps)) along `dim`; the two broadcast.

    >>> import chainrule as cr
    >>> cr.nn.functional.cosine_similarity(cr.tensor([[1.0, 0.0]]), cr.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    tensor_argument("cosine_similarity", x1, 1, "x1")
    tensor_argument("cosine_similarity", x2, 2, "x2")
    common = promote_types(x1.dtype, x2.dtype)
    if common.category <= INT:
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {common}")
    shape = broadcast_shapes(x1._a.shape, x2._a.shape)
    units = []
    for x in (cast(x1, common).expand(shape), cast(x2, common).expand(shape)):
        length = x.norm(2, dim, True)
        units.append(x / (length + (eps - length.detach()).clamp_min(0)))
    return (units[0] * units[1]).sum(dim)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos(x₁, x₂) where the target is 1, max(0, cos(x₁, x₂) - margin) where it is -1.

    Raises RuntimeError for sizes that do not fit.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    rank, wanted = target._a.ndim, target._a.ndim + 1
    if rank not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1._a.ndim != wanted or input2._a.ndim != wanted:
        raise RuntimeError(
            f"{rank}D target tensor expects {wanted}D input tensors, but found inputs with sizes "
            f"{list(input1._a.shape)} and {list(input2._a.shape)}."
        )
    dot = (input1 * input2).sum(rank)
    squares = ((input1 * input1).sum(rank) + 1e-12) * ((input2 * input2).sum(rank) + 1e-12)
    cos = dot / squares.sqrt()
    alike, apart = cast(target == 1, cos.dtype), cast(target == -1, cos.dtype)
    return reduce_loss((1 - cos) * alike + (cos - margin).clamp_min(0) * apart, reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: Flag = None, reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """x where the target is 1, max(0, margin - x) where it is -1.

    >>> import chainrule as cr
    >>> cr.nn.functional.hinge_embedding_loss(cr.tensor([0.5, 0.5]), cr.tensor([1.0, -1.0]))
    tensor(0.5000)
    """
    tensor_argument("hinge_embedding_loss", input)
    reduction = reduction_of(reduction, size_average, reduce)
    apart = where(target != 1, (margin - input).clamp_min(0), 0.0)
    return reduce_loss(apart + where(target != -1, input, 0.0), reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, -target·(x₁ - x₂) + margin): the target 1 asks x₁ to rank higher, -1 x₂.

    >>> import chainrule as cr
    >>> cr.nn.functional.margin_ranking_loss(cr.tensor([1.0]), cr.tensor([3.0]), cr.tensor([1.0]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if not input1._a.ndim == input2._a.ndim == target._a.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduce_loss((-target * (input1 - input2) + margin).clamp_min(0), reduction)


# ----- triplets


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with the p-norm distance.

    With swap the smaller of d(anchor, negative) and d(positive, negative) counts. Raises ValueError for
    margin <= 0.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    ranks = anchor._a.ndim, positive._a.ndim, negative._a.ndim
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, "
            f"but got: anchor {ranks[0]}D, positive {ranks[1]}D, and negative {ranks[2]}D inputs"
        )
    return _triplet(
        anchor, positive, negative, lambda a, b: pairwise_distance(a, b, p, eps), margin, swap, reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *,
    distance_function: Callable[..., Tensor] | None = None,
    margin: float = 1.0, swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """triplet_margin_loss with any distance function of two tensors; the Euclidean one by default."""
    reduction = reduction_of(reduction, None, None)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return _triplet(
        anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction
    )


def _triplet(
    a: Tensor, p: Tensor, n: Tensor, d: Callable[..., Tensor], margin: float, swap: bool, reduction: str
) -> Tensor:
    near, far = d(a, p), d(a, n)
    if swap:
        far = far.minimum(d(p, n))
    return reduce_loss((near - far + margin).clamp_min(0), reduction)


# ----- several classes


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    size_average: Flag = None, reduce: Flag = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Σ over the other classes of max(0, margin - x[target] + x)^p / C; p is 1 or 2.

    Raises RuntimeError for targets outside [0, C) or sizes that do not fit, ValueError for another p.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight._a.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    rows, t = _rows("multi_margin_loss", input, target, one=True)
    classes = rows._a.shape[1]
    if weight is not None and weight._a.shape != (classes,):
        raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight._a.shape)}")
    if plain(t._a) and t._a.size and (t._a.min() < 0 or t._a.max() >= classes):
        raise RuntimeError("target out of range")
    column = t.unsqueeze(1)
    z = _hinge(rows - bind(pool_pick, (rows, column, 1)) + margin)
    z = z * z if p == 2 else z
    factors = cast(column != Tensor._wrap(np.arange(classes)), rows.dtype) / classes
    if weight is not None:
        factors = factors * cast(bind(index, (weight.detach(), t, (INDEX,))), rows.dtype).unsqueeze(1)
    e = (z * factors).sum(1)
    return reduce_loss(e if input._a.ndim > 1 else e.reshape(()), reduction)


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
    """Σ max(0, 1 - (x[t] - x[i])) / C over targets t, other classes i; a row of targets ends at its first -1.

    Raises RuntimeError for targets outside [-1, C) or sizes that do not fit.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    rows, t = _rows("multilabel_margin_loss", input, target, one=False)
    n, classes = rows._a.shape
    if plain(t._a) and t._a.size and (t._a.min() < -1 or t._a.max() >= classes):
        raise RuntimeError(f"multilabel_margin_loss: target out of range [-1, {classes})")
    given = cast(t >= 0, int64).cumprod(1)  # a row ends at its first -1
    places = t * given
    hits = bind(scatter_add, (Tensor._wrap(np.zeros((n, classes), np.int64)), places, given, 1))
    at = bind(pool_pick, (rows, places, 1))
    z = _hinge(1 - at.unsqueeze(2) + rows.unsqueeze(1))
    counts = cast(given.unsqueeze(2) * cast(hits == 0, int64).unsqueeze(1), rows.dtype)
    e = (z * (counts / max(classes, 1))).sum((1, 2))
    return reduce_loss(e if input._a.ndim > 1 else e.reshape(()), reduction)


def _rows(name: str, x: Tensor, target: Tensor, *, one: bool) -> tuple[Tensor, Tensor]:
    """Input as (N, C) and the targets as (N) if there is one per row, else (N, C)."""
    tensor_argument(name, x)
    tensor_argument(name, target, 2, "target")
    size, wanted = x._a.shape, target._a.shape
    if len(size) > 2 or (len(size) == 2 and size[1] == 0) or (len(size) == 1 and size[0] == 0):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(size)}"
        )
    if target._a.dtype.kind not in "iu":
        raise RuntimeError(f"expected scalar type Long but found {target.dtype}: targets are class indices")
    n = size[0] if len(size) == 2 else 1
    rows = x.reshape(n, -1)
    if one:
        if target._a.size != n or len(wanted) > 1:
            raise RuntimeError(f"inconsistent target size, expected {n} but got {list(wanted)}")
        return rows, cast(target.reshape(n), int64)
    if wanted != size and not (len(size) <= 1 and target._a.size == x._a.size and len(wanted) <= 1):
        raise RuntimeError(f"inconsistent target size: {list(wanted)} for input of size: {list(size)}")
    return rows, cast(target.reshape(rows._a.shape), int64)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-(t·ln σ(x) + (1 - t)·ln σ(-x)), the mean over the classes (the last dimension)."""
    from ...ops.exponential import log_sigmoid

    reduction = reduction_of(reduction, size_average, reduce)
    e = -(target * log_sigmoid(input) + (1 - target) * log_sigmoid(-input))
    if weight is not None:
        e = e * weight
    return reduce_loss(e.sum(-1) / input._a.shape[-1], reduction)


__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "hinge_embedding_loss", "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss", "multilabel_soft_margin_loss", "pairwise_distance", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip
