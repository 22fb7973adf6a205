"""Initialisation of parameters, in place and without recording: PyTorch's numbers from the same seed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from .._missing import module_getattr
from ..dispatch import where
from ..inplace import touch
from ..tensor import Tensor

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal",
    "kaiming_normal_", "kaiming_uniform", "kaiming_uniform_", "normal", "normal_", "ones_", "orthogonal",
    "orthogonal_", "sparse", "sparse_", "trunc_normal_", "uniform", "uniform_", "xavier_normal",
    "xavier_normal_", "xavier_uniform", "xavier_uniform_", "zeros_",
]  # fmt: skip

Generator = random.Generator | None
_LINEAR = (
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "sigmoid",
)  # fmt: skip


def _write(tensor: Tensor, values: Any) -> Tensor:
    """Put the values into the tensor's own memory."""
    tensor._array()[...] = values
    touch(tensor, where())
    return tensor


def _draw(sample: Any, tensor: Tensor, generator: Generator, *parameters: float) -> Any:
    a = tensor._array()
    return sample(generator or random.default_generator, a.shape, a.dtype, *parameters)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The gain that keeps the variance behind `nonlinearity`: √2 for relu, √(2/(1 + param²)) for leaky_relu.

    Raises ValueError for a nonlinearity it does not know.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ValueError(f"negative_slope {param} not a valid number")
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


# ----- plain distributions and constants


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator = None) -> Tensor:
    """Fill with draws from U(a, b)."""
    return _write(tensor, _draw(random.uniform, tensor, generator, a, b))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator = None) -> Tensor:
    """Fill with draws from N(mean, std²)."""
    return _write(tensor, _draw(random.normal, tensor, generator, mean, std))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`."""
    return _write(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return _write(tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return _write(tensor, 0)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator = None,
) -> Tensor:
    """Fill with draws from N(mean, std²) limited to [a, b]; draws outside are drawn again."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
            "incorrect.",
            stacklevel=2,
        )
    inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    draw = _redraw_normal if inside > 0.3 else _reject_uniform
    return _write(tensor, draw(tensor, mean, std, a, b, generator))


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _redraw_normal(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator) -> Any:
    """Normal draws, whole tensors again until none is outside: quick where [a, b] holds most of the mass."""
    kind = tensor._a.dtype.type
    low, high = kind(a), kind(b)
    result = _draw(random.normal, tensor, generator, mean, std)
    while (outside := (result < low) | (result > high)).any():
        result = np.where(outside, _draw(random.normal, tensor, generator, mean, std), result)
    return result


def _reject_uniform(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator) -> Any:
    """Uniform draws in [a, b], each kept with probability density/peak: quick where [a, b] lies in a tail."""
    log_peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2

    def refused(candidates: Any) -> Any:
        density = ((candidates - mean) / std) ** 2 * -0.5 - log_peak
        with np.errstate(divide="ignore"):
            return np.log(_draw(random.uniform, tensor, generator, 0.0, 1.0)) > density

    result = _draw(random.uniform, tensor, generator, a, b)
    pending = refused(result)
    while pending.any():
        candidates = _draw(random.uniform, tensor, generator, a, b)
        result = np.where(pending, candidates, result)
        pending = pending & refused(candidates)
    return result


# ----- structured values


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _write(tensor, np.eye(*tensor._a.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight (3, 4 or 5 dimensions) so that it passes its input on unchanged."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    shape = tensor._a.shape
    if shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = shape[0] // groups
    values = np.zeros(shape)
    centre = tuple(n // 2 for n in shape[2:])
    for group in range(groups):
        for d in range(min(per_group, shape[1])):
            values[(group * per_group + d, d, *centre)] = 1
    return _write(tensor, values)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator = None) -> Tensor:
    """Fill with `gain` times a random (semi-)orthogonal matrix of (size 0, all other sizes)."""
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor._a.size == 0:
        return tensor
    rows = tensor._a.shape[0]
    flat = _draw(random.normal, tensor, generator, 0.0, 1.0).reshape(rows, -1)
    wide = rows < flat.shape[1]
    q, r = np.linalg.qr(flat.T if wide else flat)
    q = q * np.sign(np.diag(r))  # makes the draw uniform over the orthogonal matrices
    return _write(tensor, (q.T if wide else q).reshape(tensor._a.shape) * tensor._a.dtype.type(gain))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator = None) -> Tensor:
    """Fill a matrix with draws from N(0, std²), of which a fraction `sparsity` of each column is set to 0."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor._a.shape
    zeros = math.ceil(sparsity * rows)
    values = _draw(random.normal, tensor, generator, 0.0, std)
    for column in range(columns):
        values[random.randperm(random.default_generator, rows)[:zeros], column] = 0
    return _write(tensor, values)


# ----- scaled by the fan


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    shape = tensor._a.shape
    if len(shape) < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    mode = mode.lower()
    if mode not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode)]


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """Fill from U(-a, a) with a = gain·√(6/(fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    a = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -a, a, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """Fill from N(0, std²) with std = gain·√(2/(fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    """The standard deviation gain/√fan; None (and a warning) for a tensor without elements."""
    if 0 in tensor._a.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
) -> Tensor:
    """Fill from U(-b, b) with b = gain·√(3/fan), `a` being leaky_relu's slope (He et al., 2015)."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
) -> Tensor:
    """Fill from N(0, std²) with std = gain/√fan, `a` being leaky_relu's slope (He et al., 2015)."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


# ----- the old names


def _deprecated(new: Callable[..., Tensor]) -> Callable[..., Tensor]:
    old = new.__name__[:-1]

    @wraps(new)
    def renamed(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new.__name__}`.",
            FutureWarning,
            stacklevel=2,
        )
        return new(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)

if not TYPE_CHECKING:
    __getattr__ = module_getattr(__name__)
