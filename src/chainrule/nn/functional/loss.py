"""Losses on pairs of equal shape: regression, binary classification, divergences."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...dispatch import bind, cast
from ...functional.api import tensor_argument
from ...inplace import plain
from ...ops import loss as ops
from ...ops.exponential import exp, log, log_sigmoid
from ...ops.movement import expand
from ...tensor import Tensor
from ...types import broadcast_shapes, promote_types, scalar_type
from ._arguments import reduction_of

Flag = bool | None


def reduce_loss(e: Tensor, reduction: str) -> Tensor:
    """The values themselves, their mean or their sum."""
    if reduction == "none":
        return e
    return e.mean() if reduction == "mean" else e.sum()


def _pair(name: str, input: Tensor, target: Tensor, *, warn: bool = True) -> tuple[Tensor, Tensor]:
    """Both in one dtype and shape; sizes that differ are broadcast, with PyTorch's warning."""
    a, b = input._a, target._a
    if a.shape == b.shape and a.dtype is b.dtype and a.dtype.kind == "f":
        return input, target
    if a.shape != b.shape:
        if warn:
            warnings.warn(
                f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
                "This will likely lead to incorrect results due to broadcasting. Please ensure they have "
                "the same size.",
                UserWarning, stacklevel=3,
            )  # fmt: skip
        shape = broadcast_shapes(a.shape, b.shape)
        input = input if a.shape == shape else bind(expand, (input, shape))
        target = target if b.shape == shape else bind(expand, (target, shape))
    if a.dtype != b.dtype:
        common = promote_types(input.dtype, target.dtype)
        input, target = cast(input, common), cast(target, common)
    return input, target


def mse_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The mean squared error Σ (input - target)² / n.

    Warns if the sizes differ (they are broadcast). Raises ValueError for an unknown reduction.

    >>> import chainrule as cr
    >>> cr.nn.functional.mse_loss(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 4.0]))
    tensor(2.)
    """
    if size_average is not None or reduce is not None or reduction not in ("mean", "sum", "none"):
        reduction = reduction_of(reduction, size_average, reduce)
    try:
        input, target = _pair("mse_loss", input, target)
    except AttributeError:
        tensor_argument("mse_loss", input)
        tensor_argument("mse_loss", target, 2, "target")
        raise
    if weight is None:
        return bind(ops.mse_loss, (input, target, reduction))
    return _weighted(bind(ops.mse_loss, (input, target, "none")), weight, reduction)


def _weighted(e: Tensor, weight: Tensor, reduction: str) -> Tensor:
    if weight._a.shape != e._a.shape:
        raise ValueError("Weights and input must have the same size.")
    e = e * weight
    if reduction == "mean":
        return e.sum() / weight.sum()
    return reduce_loss(e, reduction)


def l1_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The mean absolute error Σ |input - target| / n.

    >>> import chainrule as cr
    >>> cr.nn.functional.l1_loss(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 4.0]))
    tensor(1.)
    """
    tensor_argument("l1_loss", input)
    tensor_argument("l1_loss", target, 2, "target")
    reduction = reduction_of(reduction, size_average, reduce)
    input, target = _pair("l1_loss", input, target)
    e = (input - target).abs()
    return reduce_loss(e, reduction) if weight is None else _weighted(e, weight, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """d²/(2·beta) for |d| < beta, else |d| - beta/2, with d = input - target.

    >>> import chainrule as cr
    >>> cr.nn.functional.smooth_l1_loss(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 4.0]))
    tensor(0.7500)
    """
    tensor_argument("smooth_l1_loss", input)
    tensor_argument("smooth_l1_loss", target, 2, "target")
    reduction = reduction_of(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    input, target = _pair("smooth_l1_loss", input, target)
    return bind(ops.smooth_l1_loss, (input, target, reduction, float(beta)))


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d²/2 for |d| <= delta, else delta·(|d| - delta/2), with d = input - target.

    >>> import chainrule as cr
    >>> cr.nn.functional.huber_loss(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 4.0]))
    tensor(0.7500)
    """
    tensor_argument("huber_loss", input)
    tensor_argument("huber_loss", target, 2, "target")
    reduction = reduction_of(reduction, None, None)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    input, target = _pair("huber_loss", input, target)
    if weight is None:
        return bind(ops.huber_loss, (input, target, reduction, float(delta)))
    return _weighted(bind(ops.huber_loss, (input, target, "none", float(delta))), weight, reduction)


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
    """ln(1 + exp(-target·input)) for targets of -1 and 1.

    >>> import chainrule as cr
    >>> cr.nn.functional.soft_margin_loss(cr.tensor([0.0]), cr.tensor([1.0]))
    tensor(0.6931)
    """
    tensor_argument("soft_margin_loss", input)
    reduction = reduction_of(reduction, size_average, reduce)
    input, target = _pair("soft_margin_loss", input, target, warn=False)
    return bind(ops.soft_margin_loss, (input, target, reduction))


# ----- probabilities


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-(t·ln p + (1 - t)·ln(1 - p)) for probabilities p = input; logarithms are held at -100.

    Raises ValueError if the sizes differ, RuntimeError for p outside [0, 1].

    >>> import chainrule as cr
    >>> cr.nn.functional.binary_cross_entropy(cr.tensor([0.5]), cr.tensor([1.0]))
    tensor(0.6931)
    """
    tensor_argument("binary_cross_entropy", input)
    tensor_argument("binary_cross_entropy", target, 2, "target")
    reduction = reduction_of(reduction, size_average, reduce)
    if target._a.shape != input._a.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    if target._a.dtype != input._a.dtype:
        raise RuntimeError(f"Found dtype {scalar_type(target.dtype)} but expected {scalar_type(input.dtype)}")
    if weight is None:
        return bind(ops.binary_cross_entropy, (input, target, reduction))
    return reduce_loss(bind(ops.binary_cross_entropy, (input, target, "none")) * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Flag = None,
    reduce: Flag = None,
    reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Binary cross-entropy of p = σ(input), computed from the logits without overflow.

    pos_weight weighs the positive targets. Raises ValueError if the sizes differ.

    >>> import chainrule as cr
    >>> cr.nn.functional.binary_cross_entropy_with_logits(cr.tensor([0.0]), cr.tensor([1.0]))
    tensor(0.6931)
    """
    tensor_argument("binary_cross_entropy_with_logits", input)
    tensor_argument("binary_cross_entropy_with_logits", target, 2, "target")
    reduction = reduction_of(reduction, size_average, reduce)
    if target._a.shape != input._a.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    input, target = _pair("binary_cross_entropy_with_logits", input, target)
    if weight is None and pos_weight is None:
        return bind(ops.binary_cross_entropy_with_logits, (input, target, reduction))
    if pos_weight is None:
        e = bind(ops.binary_cross_entropy_with_logits, (input, target, "none"))
    else:
        lifted = (pos_weight - 1) * target + 1  # -ln σ(-x) = x - ln σ(x)
        e = (1 - target) * input - lifted * bind(log_sigmoid, (input,))
    return reduce_loss(e if weight is None else e * weight, reduction)


def kl_div(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:  # fmt: skip
    """target·(ln target - input) for log-probabilities `input`; "batchmean": the sum by the batch size.

    With log_target the target holds logarithms as well.

    >>> import chainrule as cr
    >>> cr.nn.functional.kl_div(cr.tensor([0.0]), cr.tensor([1.0]), reduction="sum")
    tensor(0.)
    """
    tensor_argument("kl_div", input)
    tensor_argument("kl_div", target, 2, "target")
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            UserWarning, stacklevel=2,
        )  # fmt: skip
    by_batch = reduction == "batchmean"
    reduction = reduction_of("sum" if by_batch else reduction, size_average, reduce)
    if log_target:
        e = exp(target) * (target - input)
    else:
        e = target.xlogy(target) - target * input
    total = reduce_loss(e, reduction)
    return total / input._a.shape[0] if by_batch and input._a.ndim else total


# ----- negative log likelihoods of distributions


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: Flag = None,
    eps: float = 1e-8, reduce: Flag = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-ln of the Poisson probability of `target` at the rate exp(input), or at `input` if not log_input.

    `full` adds Stirling's approximation of ln target!.

    >>> import chainrule as cr
    >>> cr.nn.functional.poisson_nll_loss(cr.tensor([0.0]), cr.tensor([1.0]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    e = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        stirling = target * log(target) - target + 0.5 * log(2 * math.pi * target)
        e = e + stirling.masked_fill(target <= 1, 0)
    return reduce_loss(e, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """½·(ln var + (input - target)²/var), the variance held at eps or more; `full` adds ½·ln 2π.

    Raises ValueError for a negative variance or one that does not fit the input.

    >>> import chainrule as cr
    >>> cr.nn.functional.gaussian_nll_loss(cr.tensor([0.0]), cr.tensor([1.0]), cr.tensor([1.0]))
    tensor(0.5000)
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input * 0 + var
    elif plain(var._a) and (var._a < 0).any():
        raise ValueError("var has negative entry/entries")
    if var._a.shape != input._a.shape:
        if input._a.shape[:-1] == var._a.shape:
            var = var.unsqueeze(-1)
        elif not (
            var._a.ndim == input._a.ndim and all(m in (n, 1) for n, m in zip(input._a.shape, var._a.shape))
        ):
            raise ValueError(
                f"var is of incorrect size: {list(var._a.shape)} for an input of size {list(input._a.shape)}"
            )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    var = var + (eps - var.detach()).clamp_min(0)  # added as a constant: the gradient is that of var
    e = 0.5 * (log(var) + (input - target) ** 2 / var)
    return reduce_loss(e + 0.5 * math.log(2 * math.pi) if full else e, reduction)


__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "huber_loss", "kl_div",
    "l1_loss",
    "mse_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
]  # fmt: skip
