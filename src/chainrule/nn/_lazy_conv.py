"""Convolutions that take in_channels from their first input."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .lazy import LazyModuleMixin
from .parameter import UninitializedParameter


class _LazyConv(LazyModuleMixin):
    """The arguments of the convolution it becomes, without in_channels."""

    def __init__(
        self, out_channels: int, kernel_size: Any, *args: Any, bias: bool = True, device: Any = None,
        dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        this: Any = self
        order = _AFTER_KERNEL[this.cls_to_become.__mro__[1].__name__]
        named = dict(zip(order, args))
        twice = named.keys() & kwargs.keys()
        if twice or len(args) > len(order):
            raise TypeError(
                f"{type(self).__name__}.__init__() got too many values for {sorted(twice) or list(order)}"
            )
        named.update(kwargs)
        bias = named.pop("bias", bias)
        super().__init__(0, 0, kernel_size, bias=False, device=device, dtype=dtype, **named)
        this.weight = UninitializedParameter(device=device, dtype=dtype)
        this.out_channels = out_channels
        if bias:
            this.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        this: Any = self
        if not self.has_uninitialized_params() and this.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        if not self.has_uninitialized_params():
            return
        this: Any = self
        this.in_channels = self._get_in_channels(input)
        if this.in_channels % this.groups:
            raise ValueError("in_channels must be divisible by groups")
        this.weight.materialize(this._weight_shape())
        if this.bias is not None:
            this.bias.materialize((this.out_channels,))
        self.reset_parameters()

    def _get_in_channels(self, input: Tensor) -> int:
        this: Any = self
        n = this._dims
        if input.ndim not in (n + 1, n + 2):
            raise RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {type(self).__name__}, but "
                f"got input of size: {input.shape}"
            )
        return int(input.shape[-n - 1])


_AFTER_KERNEL = {
    "_Conv": ("stride", "padding", "dilation", "groups", "bias", "padding_mode"),
    "_ConvTranspose": ("stride", "padding", "output_padding", "groups", "bias", "dilation", "padding_mode"),
}


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d that takes in_channels from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d that takes in_channels from its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d that takes in_channels from its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConv, ConvTranspose1d):
    """A ConvTranspose1d that takes in_channels from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, ConvTranspose2d):
    """A ConvTranspose2d that takes in_channels from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, ConvTranspose3d):
    """A ConvTranspose3d that takes in_channels from its first input."""

    cls_to_become = ConvTranspose3d
