"""Softmax and the losses of classification: cross-entropy, negative log likelihood."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...dispatch import bind, cast
from ...functional.api import tensor_argument
from ...functional.softmax import along
from ...ops import classes as ops
from ...ops import nn
from ...ops.index import INDEX, index
from ...ops.random import exponential
from ...ops.scatter import scatter
from ...random import default_generator
from ...tensor import Tensor
from ...types import DType, scalar_type
from ._arguments import reduction_of

Flag = bool | None

# ----- softmax


def _implicit(name: str, dim: int | None, ndim: int, stacklevel: int) -> int:
    if dim is not None:
        return dim
    import warnings

    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
        "argument.",
        UserWarning, stacklevel=stacklevel,
    )  # fmt: skip
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """exp(x) / Σ exp(x) along `dim`.

    >>> import chainrule as cr
    >>> cr.nn.functional.softmax(cr.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    tensor_argument("softmax", input)
    return along(nn.softmax, input, _implicit("softmax", dim, input._a.ndim, _stacklevel), dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """x - ln Σ exp(x) along `dim`.

    >>> import chainrule as cr
    >>> cr.nn.functional.log_softmax(cr.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    tensor_argument("log_softmax", input)
    return along(nn.log_softmax, input, _implicit("log_softmax", dim, input._a.ndim, _stacklevel), dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """softmax(-x) along `dim`.

    >>> import chainrule as cr
    >>> cr.nn.functional.softmin(cr.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    tensor_argument("softmin", input)
    if dtype is not None:
        input = cast(input, dtype)
    return along(nn.softmax, -input, _implicit("softmin", dim, input._a.ndim, _stacklevel), None)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((logits + Gumbel noise) / tau): a sample with a gradient; hard: one-hot in value."""
    drawn: Tensor = bind(exponential, (default_generator, logits._a.shape, logits.dtype, 1.0))
    soft = softmax((logits - drawn.log()) / tau, dim)
    if not hard:
        return soft
    value = soft.detach()
    zeros = Tensor._wrap(np.zeros(value._a.shape, value._a.dtype))
    one_hot = bind(scatter, (zeros, value.argmax(dim, keepdim=True), 1.0, dim % max(value._a.ndim, 1)))
    return one_hot - value + soft


# ----- class indices


def _as_rows(name: str, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Input as (N, C, L) or (N, C), target as (N, L) or (N); checked as PyTorch does."""
    size, wanted = x._a.shape, target._a.shape
    if len(size) == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if len(size) == 1:
        if len(wanted) > 1 or (len(wanted) == 1 and wanted != (1,)):
            if len(wanted) > 1:
                raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
            raise RuntimeError(f"size mismatch (got input: {list(size)}, target: {list(wanted)})")
        return x.reshape(1, -1), target.reshape(1)
    if size[0] != (wanted[0] if wanted else None):
        if len(wanted) > 0:
            raise ValueError(
                f"Expected input batch_size ({size[0]}) to match target batch_size ({wanted[0]})."
            )
        raise RuntimeError(f"size mismatch (got input: {list(size)}, target: {list(wanted)})")
    if len(size) == 2:
        if len(wanted) != 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        return x, target
    if wanted != (size[0], *size[2:]):
        if len(size) == 4 and len(wanted) != 3:
            raise RuntimeError(
                "only batches of spatial targets supported (3D tensors) but got targets of dimension: "
                f"{len(wanted)}"
            )
        raise RuntimeError(f"Expected target size {[size[0], *size[2:]]}, got {list(wanted)}")
    length = prod(size[2:])
    return x.reshape(size[0], size[1], length), target.reshape(size[0], length)


def _check_indices(name: str, x: Tensor, target: Tensor, weight: Tensor | None) -> None:
    tensor_argument(name, x)
    tensor_argument(name, target, 2, "target")
    if x._a.dtype.kind not in "fV":
        raise NotImplementedError(
            f"\"{name}_out_frame\" not implemented for '{scalar_type(x.dtype)}': use input.float()"
        )
    if target._a.dtype.kind not in "iu" or target._a.dtype.itemsize not in (1, 8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {scalar_type(target.dtype)}: class indices "
            "are integers, use target.long()"
        )
    if weight is not None:
        classes = x._a.shape[1] if x._a.ndim > 1 else x._a.shape[0]
        if weight._a.shape != (classes,):
            raise RuntimeError(
                f"weight tensor should be defined either for all {classes} classes or no classes but got "
                f"weight tensor of shape: {list(weight._a.shape)}"
            )
        if weight._a.dtype != x._a.dtype:
            raise RuntimeError(
                f"expected scalar type {scalar_type(x.dtype)} but found {scalar_type(weight.dtype)}"
            )


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-Σ w·input at the target class / Σ w, for log-probabilities (N, C, *) and class indices (N, *).

    Targets equal to ignore_index do not count. Raises IndexError for a target outside [0, C).

    >>> import chainrule as cr
    >>> cr.nn.functional.nll_loss(cr.tensor([[-1.0, -2.0]]), cr.tensor([1]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    _check_indices("nll_loss", input, target, weight)
    return _over_classes(ops.nll_loss, "nll_loss", input, target, weight, reduction, ignore_index)


def _over_classes(
    op: Any, name: str, x: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore_index: int
) -> Tensor:
    if x._a.ndim == 2 and target._a.ndim == 1 and x._a.shape[0] == target._a.shape[0]:
        return bind(op, (x, target, weight, reduction, ignore_index))
    rows, flat = _as_rows(name, x, target)
    loss: Tensor = bind(op, (rows, flat, weight, reduction, ignore_index))
    return loss.reshape(target._a.shape) if reduction == "none" else loss


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Flag = None,
    ignore_index: int = -100,
    reduce: Flag = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """-ln softmax(input) at the target class, averaged, for logits (N, C, *).

    The target holds class indices (N, *) or probabilities (N, C, *). Weights count in the mean, targets equal
    to ignore_index do not; label_smoothing mixes in the uniform distribution. Raises IndexError for a target
    outside [0, C), ValueError for batch sizes that differ.

    >>> import chainrule as cr
    >>> cr.nn.functional.cross_entropy(cr.tensor([[0.0, 0.0]]), cr.tensor([1]))
    tensor(0.6931)
    """
    if size_average is not None or reduce is not None or reduction not in ("mean", "sum", "none"):
        reduction = reduction_of(reduction, size_average, reduce)
    if type(input) is Tensor and type(target) is Tensor and weight is None and label_smoothing == 0.0:
        a, t = input._a, target._a  # the everyday case needs no further checks
        if (
            a.ndim == 2
            and t.ndim == 1
            and t.dtype == np.int64
            and a.dtype.kind == "f"
            and a.shape[0] == t.shape[0]
        ):
            return bind(ops.cross_entropy, (input, target, None, reduction, ignore_index))
    tensor_argument("cross_entropy", input)
    tensor_argument("cross_entropy", target, 2, "target")
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target._a.shape == input._a.shape:
        return _probabilities(input, target, weight, reduction, label_smoothing)
    _check_indices("cross_entropy", input, target, weight)
    if label_smoothing == 0.0:
        return _over_classes(
            ops.cross_entropy, "cross_entropy", input, target, weight, reduction, ignore_index
        )
    return _smoothed(input, target, weight, reduction, ignore_index, label_smoothing)


def _smoothed(
    x: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore: int, smoothing: float
) -> Tensor:
    dim = 0 if x._a.ndim == 1 else 1
    logp = bind(nn.log_softmax, (x, dim))
    sharp = nll_loss(logp, target, weight, None, ignore, None, reduction)
    classes = x._a.shape[dim]
    shape = [1] * x._a.ndim
    shape[dim] = classes
    spread = -(logp if weight is None else logp * weight.reshape(shape)).sum(dim)
    ignored = target == ignore
    spread = spread.masked_fill(ignored, 0.0)
    if reduction == "mean":
        shares = kept = cast(~ignored, x.dtype)
        if weight is not None:
            first = (target * cast(~ignored, target.dtype)).reshape((target._a.size,))
            shares = kept * bind(index, (weight.detach(), first, (INDEX,))).reshape(target._a.shape)
        spread = spread.sum() / shares.sum()
    elif reduction == "sum":
        spread = spread.sum()
    return (1 - smoothing) * sharp + spread * (smoothing / classes)


def _probabilities(
    x: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    if target._a.dtype.kind not in "fV":
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{scalar_type(target.dtype)}"
        )
    dim = 0 if x._a.ndim == 1 else 1
    if weight is not None and weight._a.shape != (x._a.shape[dim],):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {x._a.shape[dim]} classes or no "
            f"classes but got weight tensor of shape: {list(weight._a.shape)}"
        )
    if smoothing > 0.0:
        target = target * (1 - smoothing) + smoothing / x._a.shape[dim]
    terms = bind(nn.log_softmax, (x, dim)) * target
    if weight is not None:
        shape = [1] * x._a.ndim
        shape[dim] = x._a.shape[dim]
        terms = terms * weight.reshape(shape)
    if reduction == "none":
        return -terms.sum(dim)
    total = -terms.sum()
    return total if reduction == "sum" else total / (prod(x._a.shape) // x._a.shape[dim])


__all__ = ["cross_entropy", "gumbel_softmax", "log_softmax", "nll_loss", "softmax", "softmin"]
