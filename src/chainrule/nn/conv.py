"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from . import functional as F
from . import init
from ._make import empty, ntuple, optional_parameter, repeated
from .module import Module
from .parameter import Parameter

_MODES = {"zeros", "reflect", "replicate", "circular"}
_STRINGS = {"same", "valid"}


def _check(module: Any, padding_mode: str) -> None:
    """Refuse channels, padding and modes that do not fit together."""
    if module.groups <= 0:
        raise ValueError("groups must be a positive integer")
    if module.in_channels % module.groups:
        raise ValueError("in_channels must be divisible by groups")
    if module.out_channels % module.groups:
        raise ValueError("out_channels must be divisible by groups")
    if isinstance(module.padding, str):
        if module.padding not in _STRINGS:
            raise ValueError(f"Invalid padding string {module.padding!r}, should be one of {_STRINGS}")
        if module.padding == "same" and any(s != 1 for s in module.stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _MODES:
        raise ValueError(f"padding_mode must be one of {_MODES}, but got padding_mode='{padding_mode}'")


class _ConvNd(Module):
    """What all convolutions share: the attributes, the parameters and their initialisation."""

    __constants__ = [
        "stride", "padding", "dilation", "groups", "padding_mode", "output_padding", "in_channels",
        "out_channels", "kernel_size",
    ]  # fmt: skip
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: tuple[int, ...], stride: tuple[int, ...],
        padding: str | tuple[int, ...], dilation: tuple[int, ...], transposed: bool,
        output_padding: tuple[int, ...], groups: int, bias: bool, padding_mode: str, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        _check(self, padding_mode)
        self._reversed_padding_repeated_twice = self._sides()
        self.weight = Parameter(empty(self._weight_shape(), device, dtype))
        optional_parameter(self, "bias", (out_channels,) if bias else None, device, dtype)
        self.reset_parameters()

    def _sides(self) -> tuple[int, ...]:
        """The padding of each side as F.pad takes it: last dimension first."""
        if not isinstance(self.padding, str):
            return repeated(self.padding, 2)
        sides: list[int] = []
        for d, k in reversed(tuple(zip(self.dilation, self.kernel_size))):
            total = d * (k - 1) if self.padding == "same" else 0
            sides += [total // 2, total - total // 2]
        return tuple(sides)

    def _weight_shape(self) -> tuple[int, ...]:
        if self.transposed:
            return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw weight and bias from U(-1/√fan_in, 1/√fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        n = len(self.kernel_size)
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}",
            f"padding={self.padding}" if self.padding != (0,) * len(self.padding) else "",
            f"dilation={self.dilation}" if self.dilation != (1,) * n else "",
            f"output_padding={self.output_padding}" if self.output_padding != (0,) * n else "",
            f"groups={self.groups}" if self.groups != 1 else "",
            "bias=False" if self.bias is None else "",
            f"padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "",
        ]
        return ", ".join(part for part in parts if part)


class _Conv(_ConvNd):
    """A convolution of `_dims` spatial dimensions."""

    _dims: int
    _function: Callable[..., Tensor]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        sizes = ntuple(self._dims)
        super().__init__(
            in_channels, out_channels, sizes(kernel_size), sizes(stride),
            padding if isinstance(padding, str) else sizes(padding), sizes(dilation), False, sizes(0), groups,
            bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolve = type(self)._function
        if self.padding_mode == "zeros":
            return convolve(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return convolve(padded, weight, bias, self.stride, (0,) * self._dims, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Cross-correlation of (N, C, L): weight (out_channels, in_channels/groups, k), bias (out_channels)."""

    _dims = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Cross-correlation of (N, C, H, W): weight (out_channels, in_channels/groups, kH, kW).

    >>> import chainrule as cr
    >>> cr.nn.Conv2d(1, 20, 5, padding=2)
    Conv2d(1, 20, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    """

    _dims = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Cross-correlation of (N, C, D, H, W): weight (out_channels, in_channels/groups, kD, kH, kW)."""

    _dims = 3
    _function = staticmethod(F.conv3d)


class _ConvTranspose(_ConvNd):
    """A transposed convolution of `_dims` spatial dimensions: the gradient of a convolution, as a layer."""

    _dims: int
    _function: Callable[..., Tensor]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        sizes = ntuple(self._dims)
        super().__init__(
            in_channels, out_channels, sizes(kernel_size), sizes(stride), sizes(padding), sizes(dilation),
            True, sizes(output_padding), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding_for(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output padding with which the result has `output_size`; ValueError if none does."""
        n = self._dims
        before = 2 if input.ndim == n + 2 else 1
        size = list(output_size)
        if len(size) == before + n:
            size = size[before:]
        if len(size) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.ndim}D input, output_size must have {n} or {before + n} "
                f"elements (got {len(size)})"
            )
        padding: Any = self.padding
        low = [
            (input.shape[before + d] - 1) * self.stride[d] - 2 * padding[d]
            + self.dilation[d] * (self.kernel_size[d] - 1) + 1
            for d in range(n)
        ]  # fmt: skip
        high = [a + s - 1 for a, s in zip(low, self.stride)]
        if any(not a <= want <= b for want, a, b in zip(size, low, high)):
            raise ValueError(
                f"requested an output size of {size}, but valid sizes range from {low} to {high} (for an "
                f"input of {input.shape[2:]})"
            )
        return tuple(want - a for want, a in zip(size, low))

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        extra = self.output_padding if output_size is None else self._output_padding_for(input, output_size)
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution of (N, C, L): weight (in_channels, out_channels/groups, kernel)."""

    _dims = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution of (N, C, H, W): weight (in_channels, out_channels/groups, kH, kW)."""

    _dims = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution of (N, C, D, H, W): weight (in_channels, out_channels/groups, kD, kH, kW)."""

    _dims = 3
    _function = staticmethod(F.conv_transpose3d)
