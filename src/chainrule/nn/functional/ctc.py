"""The loss of connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dispatch import bind
from ...functional.api import tensor_argument
from ...ops import ctc as ops
from ...tensor import Tensor


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
        if given.size != batch:
            raise RuntimeError(f"{name} must be of size batch_size: expected {batch}, but got {given.size}")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if lengths.size and lengths.max() > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {int(lengths.max())}"
        )
    rows = _rows(targets._a, sizes, batch)
    args = (x, Tensor._wrap(rows), Tensor._wrap(lengths), Tensor._wrap(sizes), blank, zero_infinity)
    loss: Tensor = bind(ops.ctc, args)
    if reduction == "mean":
        return (loss / Tensor._wrap(np.maximum(sizes, 1).astype(x._a.dtype))).mean()
    if reduction == "sum":
        return loss.sum()
    return loss.squeeze(0) if single else loss


def _lengths(given: Any) -> Any:
    array = given._a if isinstance(given, Tensor) else np.asarray(given)
    if array.size and array.dtype.kind not in "iu":
        raise RuntimeError(f"input_lengths and target_lengths must be integral, but got {array.dtype}")
    return array.reshape(-1).astype(np.int64)


def _rows(targets: Any, sizes: Any, batch: int) -> Any:
    """The targets as (N, longest), filled up with zeros that are not read."""
    width = int(sizes.max(initial=0))
    if targets.ndim == 2 and targets.shape[0] == batch:
        if targets.shape[1] < width:
            raise RuntimeError(
                f"Expected tensor to have size at least {width} at dimension 1, but got size "
                f"{list(targets.shape)}"
            )
        return targets[:, :width].astype(np.int64)
    flat = targets.reshape(-1)
    if flat.size != sizes.sum():
        raise RuntimeError(
            f"Expected the {int(sizes.sum())} targets that target_lengths announce, but got {flat.size}"
        )
    rows = np.zeros((batch, width), np.int64)
    rows[np.arange(width) < sizes[:, None]] = flat
    return rows


__all__ = ["ctc_loss"]
