"""Normalisation layers as functions."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...autograd.mode import set_grad
from ...dispatch import bind, cast
from ...dispatch import where as spot
from ...functional.api import tensor_argument, write
from ...inplace import assign
from ...ops import norm as ops
from ...tensor import Tensor
from ...types import FLOAT


def _floating(name: str, x: Tensor) -> None:
    tensor_argument(name, x)
    if x.dtype.category < FLOAT:
        raise RuntimeError(
            f"{name}: expected a floating-point input, but got {x.dtype}: convert it with .float()"
        )


# ----- batch norm


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: Any = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """(x - E[x]) / sqrt(Var[x] + eps) · weight + bias per channel, over batch and space; input (N, C, *).

    While training with the batch's statistics (the running ones are updated), else with the running ones.
    Raises ValueError for one value per channel in training, RuntimeError for sizes that do not fit.

    >>> import chainrule as cr
    >>> cr.nn.functional.batch_norm(cr.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    _floating("batch_norm", input)
    shape = input._a.shape
    if training:
        values = prod(shape) // (shape[1] if len(shape) > 1 and shape[1] else 1)
        if values == 1:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size {input.shape}"
            )
    elif running_mean is None or running_var is None:
        raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
    if len(shape) < 2 and prod(shape):
        raise IndexError(
            "Dimension out of range (expected to be in range of [-1, 0], but got 1): batch_norm needs (N, C, "
            "*)"
        )
    if len(shape) < 2:
        return input * 1
    channels = shape[1]
    for name, t in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if t is not None and prod(t._a.shape) != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {prod(t._a.shape)}")
    if not training:
        return _with_statistics(input, running_mean, running_var, weight, bias, eps)  # type: ignore[arg-type]
    dims = (0, *range(2, len(shape)))
    y, mean, var = bind(ops.batch_norm, (input, weight, bias, dims, 1, eps))
    if running_mean is not None or running_var is not None:
        _update(running_mean, running_var, mean, var, momentum, prod(shape) // channels)
    return y


def _update(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    mean: Tensor,
    var: Tensor,
    momentum: float,
    n: int,
) -> None:
    """Move the running statistics towards the batch's; the variance is the unbiased one."""
    if running_mean is not None:
        assign(running_mean, bind(ops.running, (running_mean, mean, momentum, 1.0)), spot())
    if running_var is not None:
        assign(running_var, bind(ops.running, (running_var, var, momentum, n / max(n - 1, 1))), spot())


def _with_statistics(
    x: Tensor, mean: Tensor, var: Tensor, w: Tensor | None, b: Tensor | None, eps: float
) -> Tensor:
    tail = (-1, *(1,) * (x._a.ndim - 2))
    kind = x.dtype
    scale, center = cast((var + eps).rsqrt(), kind), cast(mean, kind).reshape(tail)
    if w is not None:
        scale = w * scale
    y = (x - center) * scale.reshape(tail)
    return y if b is None else y + b.reshape(tail)


# ----- layer, group, instance, RMS


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - E[x]) / sqrt(Var[x] + eps) · weight + bias over the last dimensions, of sizes normalized_shape.

    Raises RuntimeError if those sizes or those of weight and bias differ from normalized_shape.

    >>> import chainrule as cr
    >>> cr.nn.functional.layer_norm(cr.tensor([1.0, 3.0]), (2,))
    tensor([-1.0000,  1.0000])
    """
    _floating("layer_norm", input)
    dims = _normalized(input, normalized_shape, weight, bias)
    return bind(ops.layer_norm, (input, weight, bias, dims, -1, eps))[0]


def _normalized(x: Tensor, normalized_shape: Any, w: Tensor | None, b: Tensor | None) -> tuple[int, ...]:
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not wanted:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
            "but got normalized_shape = []"
        )
    for name, t in (("weight", w), ("bias", b)):
        if t is not None and t._a.shape != wanted:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(t._a.shape)} and normalized_shape = {list(wanted)}"
            )
    shape = x._a.shape
    if shape[len(shape) - len(wanted) :] != wanted or len(shape) < len(wanted):
        expected = ", ".join(["*", *map(str, wanted)])
        raise RuntimeError(
            f"Given normalized_shape={list(wanted)}, expected input with shape [{expected}], but got input "
            f"of size{list(shape)}"
        )
    return tuple(range(len(shape) - len(wanted), len(shape)))


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / sqrt(E[x²] + eps) · weight over the last dimensions; eps defaults to the dtype's machine epsilon.

    >>> import chainrule as cr
    >>> cr.nn.functional.rms_norm(cr.tensor([3.0, 4.0]), (2,))
    tensor([0.8485, 1.1314])
    """
    _floating("rms_norm", input)
    dims = _normalized(input, normalized_shape, weight, None)
    if eps is None:
        eps = float(np.finfo(input._a.dtype).eps)
    y = input * ((input * input).mean(dims, keepdim=True) + eps).rsqrt()
    return y if weight is None else y * weight


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalisation of (N, C, *) over groups of channels and space, per sample; weight and bias per channel.

    Raises RuntimeError if num_groups does not divide C, or there is one value per group.

    >>> import chainrule as cr
    >>> cr.nn.functional.group_norm(cr.tensor([[1.0, 3.0, 5.0, 5.0]]), 2)
    tensor([[-1.0000,  1.0000,  0.0000,  0.0000]])
    """
    _floating("group_norm", input)
    shape = input._a.shape
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    n, c = shape[:2]
    if num_groups <= 0 or c % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    if prod(shape) == n * num_groups and n * num_groups == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._a.shape != (c,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got "
                f"{name} of shape {list(t._a.shape)} and input of shape {list(shape)}"
            )
    groups = input.reshape(n, num_groups, prod(shape[1:]) // num_groups)
    y = bind(ops.layer_norm, (groups, None, None, (2,), -1, eps))[0].reshape(shape)
    return _per_channel(y, weight, bias)


def _per_channel(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    tail = (-1, *(1,) * (y._a.ndim - 2))
    if weight is not None:
        y = y * weight.reshape(tail)
    return y if bias is None else y + bias.reshape(tail)


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalisation over space, per sample and channel; input (N, C, *).

    Raises ValueError for one value per channel, RuntimeError without statistics to use.

    >>> import chainrule as cr
    >>> cr.nn.functional.instance_norm(cr.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    _floating("instance_norm", input)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return _with_statistics(input, running_mean, running_var, weight, bias, eps)
    shape = input._a.shape
    count = prod(shape[2:])
    if count == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._a.shape != (shape[1],):
            raise RuntimeError(f"{name} should contain {shape[1]} elements not {prod(t._a.shape)}")
    y, mean, var = bind(ops.layer_norm, (input, None, None, tuple(range(2, len(shape))), -1, eps))
    if running_mean is not None or running_var is not None:
        with set_grad(False):
            means, variances = (t.reshape(shape[:2]).mean(0) for t in (mean, var))
        _update(running_mean, running_var, means, variances, momentum, count)
    return _per_channel(y, weight, bias)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha · mean of x² over `size` neighbouring channels)^beta; input (N, C, *).

    >>> import chainrule as cr
    >>> cr.nn.functional.local_response_norm(cr.ones(1, 2, 1), 2, alpha=2.0, k=0.0).shape
    torch.Size([1, 2, 1])
    """
    tensor_argument("local_response_norm", input)
    if input._a.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input._a.ndim} "
            "dimensions)"
        )
    if not input._a.size:
        return input
    from ...ops import resample

    shape = input._a.shape
    squares = (input * input).reshape(shape[0], shape[1], -1)
    taps = resample.neighbour_taps(shape[1], size), resample.same_taps(squares._a.shape[2])
    mean = bind(resample.avg_pool, (squares, taps)).reshape(shape)
    return input / (mean * alpha + k) ** beta


def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """x / max(‖x‖_p, eps) along `dim`.

    >>> import chainrule as cr
    >>> cr.nn.functional.normalize(cr.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    tensor_argument("normalize", input)
    length = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    result = input / length
    return result if out is None else write(out, result)


__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
]  # fmt: skip
