"""Dropout and its relatives; the masks are PyTorch's own for the same seed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import random
from ...dispatch import bind
from ...functional.api import tensor_argument
from ...ops import random as draws
from ...ops.movement import permute
from ...tensor import Tensor
from ...types import FROM_NUMPY


def _probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _mask(shape: Any, p: float, dtype: Any) -> Tensor:
    """0 with probability p, else 1 / (1 - p)."""
    if p == 1:
        return Tensor._wrap(np.zeros(shape, dtype))
    return bind(draws.dropout_mask, (random.default_generator, tuple(shape), FROM_NUMPY[dtype], p))


def _mask_like(x: Tensor, p: float) -> Tensor:
    """The mask of a tensor, drawn in the order in which its elements lie in memory, as PyTorch does."""
    a = x._a
    if a.flags.c_contiguous:
        return _mask(a.shape, p, a.dtype)
    order = sorted(range(a.ndim), key=lambda i: -a.strides[i])
    drawn = _mask(tuple(a.shape[i] for i in order), p, a.dtype)
    back = sorted(range(a.ndim), key=order.__getitem__)
    return bind(permute, (drawn, tuple(back)))


def _feature_shape(x: Tensor) -> tuple[int, ...]:
    """One value per sample and channel."""
    shape = x._a.shape
    if len(shape) < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return (*shape[:2], *(1,) * (len(shape) - 2))


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """x with each value zeroed with probability p, the others times 1 / (1 - p); x itself when not training.

    Raises ValueError for p outside [0, 1].

    >>> import chainrule as cr
    >>> cr.nn.functional.dropout(cr.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    tensor_argument("dropout", input)
    _probability(p)
    if not training or p == 0 or not input._a.size:
        return input
    mask = _mask_like(input, p)
    return input.mul_(mask) if inplace else input * mask


def _channels(x: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    _probability(p)
    if not training or p == 0 or not x._a.size:
        return x
    mask = _mask(_feature_shape(x), p, x._a.dtype)
    return x.mul_(mask) if inplace else x * mask


def _feature_dropout(d: int) -> Callable[..., Tensor]:
    name = f"dropout{d}d"

    def function(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        tensor_argument(name, input)
        _probability(p)
        rank = input._a.ndim
        if rank not in (d + 1, d + 2):
            warnings.warn(
                f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in an "
                "error in a future release. To retain the behavior and silence this warning, please use "
                f"dropout instead. Note that {name} exists to provide channel-wise dropout on inputs with "
                f"{d} spatial dimensions, a channel dimension, and an optional batch dimension (i.e. "
                f"{d + 1}D or {d + 2}D inputs).",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        if d == 2 and rank == 3:
            warnings.warn(
                "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
                "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel dim. "
                "This behavior will change in a future release to interpret the input as one without a "
                "batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout behavior, "
                "please switch to using dropout1d instead.",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        if rank == d + 1 and d != 2:
            return _channels(input.unsqueeze(0), p, training, inplace).squeeze(0)
        return _channels(input, p, training, inplace)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Dropout of whole channels of (N, C, …{d} dimensions) at a time.

    Raises ValueError for p outside [0, 1].
    """
    return function


dropout1d, dropout2d, dropout3d = map(_feature_dropout, (1, 2, 3))

_SATURATION = 1.7580993408473766  # minus SELU's limit for x -> -inf


def _alpha(x: Tensor, p: float, training: bool, inplace: bool, shape: Any) -> Tensor:
    _probability(p)
    if not training or p == 0 or not x._a.size:
        return x
    if p == 1:
        return x.mul_(0) if inplace else x * 0
    kept = bind(draws.bernoulli, (random.default_generator, tuple(shape), x.dtype, 1.0 - p))
    a = 1 / math.sqrt((_SATURATION**2 * p + 1) * (1 - p))
    shift = (kept - 1) * (_SATURATION * a) + _SATURATION * a * p
    scale = kept * a
    return x.mul_(scale).add_(shift) if inplace else x * scale + shift


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout to SELU's negative limit that keeps mean and variance.

    Raises ValueError for p outside [0, 1].
    """
    tensor_argument("alpha_dropout", input)
    return _alpha(input, p, training, inplace, input._a.shape)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """alpha_dropout of whole channels at a time.

    Raises ValueError for p outside [0, 1].
    """
    tensor_argument("feature_alpha_dropout", input)
    shape = input._a.shape if not training or p == 0 else _feature_shape(input)
    return _alpha(input, p, training, inplace, shape)


__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]
