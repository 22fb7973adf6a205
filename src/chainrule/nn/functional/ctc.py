"""The loss of connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dispatch import bind, cast
from ...functional.api import tensor_argument
from ...inplace import plain
from ...ops import ctc as ops
from ...ops.masked import masked_scatter
from ...tensor import Tensor
from ...types import int64


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """-ln of the probability that log_probs (T, N, C) or (T, C) spell the targets.

    The targets are (N, S), or all of them in one row. The mean divides each loss by its target's length
    first. zero_infinity makes impossible targets count as zero. Raises RuntimeError for lengths that do not
    fit.
    """
    tensor_argument("ctc_loss", log_probs)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    single = log_probs._a.ndim == 2
    x = log_probs.unsqueeze(1) if single else log_probs
    steps, batch, classes = x._a.shape
    lengths, sizes = _lengths(input_lengths), _lengths(target_lengths)
    for name, given in (("input_lengths", lengths), ("target_lengths", sizes)):
        if given._a.size != batch:
            raise RuntimeError(
                f"{name} must be of size batch_size: expected {batch}, but got {given._a.size}"
            )
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if batch and plain(lengths._a) and lengths._a.max() > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {lengths._a.max()}"
        )
    args = (x, _rows(targets, sizes, batch), lengths, sizes, blank, zero_infinity)
    loss: Tensor = bind(ops.ctc, args)
    if reduction == "mean":
        return (loss / cast(sizes.clamp_min(1), x.dtype)).mean()
    if reduction == "sum":
        return loss.sum()
    return loss.squeeze(0) if single else loss


def _lengths(given: Any) -> Tensor:
    t = given if isinstance(given, Tensor) else Tensor._wrap(np.asarray(given))
    if t._a.size and t._a.dtype.kind not in "iu":
        raise RuntimeError(f"input_lengths and target_lengths must be integral, but got {t._a.dtype}")
    return cast(t.reshape(-1), int64)


def _rows(targets: Tensor, sizes: Tensor, batch: int) -> Tensor:
    """The targets as (N, longest), filled up with zeros that are not read."""
    a = targets._a
    if a.ndim == 2 and a.shape[0] == batch and not plain(sizes._a):
        return cast(targets, int64)
    counts = sizes.tolist()
    width = max(counts, default=0)
    if a.ndim == 2 and a.shape[0] == batch:
        if a.shape[1] < width:
            raise RuntimeError(
                f"Expected tensor to have size at least {width} at dimension 1, but got size {list(a.shape)}"
            )
        return cast(targets.narrow(1, 0, width), int64)
    if a.size != sum(counts):
        raise RuntimeError(
            f"Expected the {sum(counts)} targets that target_lengths announce, but got {a.size}"
        )
    inside = Tensor._wrap(np.arange(width) < np.array(counts, np.int64)[:, None])
    zeros = Tensor._wrap(np.zeros((batch, width), np.int64))
    return bind(masked_scatter, (zeros, inside, cast(targets, int64)))


__all__ = ["ctc_loss"]
