"""Conversion of a whole module: dtype, device, sharing, gradients on and off."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..autograd.mode import no_grad
from ..device import device as Device
from ..device import require_cpu
from ..tensor import Tensor
from ..types import DType, bfloat16, float16, float32, float64
from .parameter import Parameter

M = TypeVar("M", bound="ConvertMethods")


class ConvertMethods:
    """The methods of Module that change all its parameters and buffers; each returns the module itself."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    parameters: Callable[..., Iterator[Parameter]]
    children: Callable[[], Iterator[Any]]

    def _apply(self: M, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> M:
        """Replace the data of every parameter, gradient and buffer by fn of it; the objects stay."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        with no_grad():
            for param in self._parameters.values():
                if param is None:
                    continue
                grad = param._grad
                param.data = fn(param)
                if grad is not None:
                    grad.data = fn(grad)
            for name, buffer in list(self._buffers.items()):
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """`to(device, dtype)`, `to(dtype)` or `to(tensor)`: floating parameters and buffers take the dtype.

        Raises TypeError for a dtype that is neither floating nor complex.
        """
        dtype = _parse_to(args, kwargs)
        if dtype is None:
            return self
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        if dtype.is_complex:
            warnings.warn(
                "Complex modules are a new feature under active development whose design may change, and "
                "some modules might not work as expected when using complex tensors as parameters or "
                "buffers.",
                stacklevel=2,
            )
        return self._apply(lambda t: t.to(dtype) if t.dtype.is_floating_point or t.dtype.is_complex else t)

    def _float_to(self: M, dtype: DType) -> M:
        return self._apply(lambda t: t.to(dtype) if t.dtype.is_floating_point else t)

    def float(self: M) -> M:
        """Floating parameters and buffers become float32."""
        return self._float_to(float32)

    def double(self: M) -> M:
        """Floating parameters and buffers become float64."""
        return self._float_to(float64)

    def half(self: M) -> M:
        """Floating parameters and buffers become float16."""
        return self._float_to(float16)

    def bfloat16(self: M) -> M:
        """Floating parameters and buffers become bfloat16."""
        return self._float_to(bfloat16)

    def type(self: M, dst_type: Any) -> M:
        """All parameters and buffers, integers too, become `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def cpu(self: M) -> M:
        """The module itself: it is on the CPU already."""
        return self

    def cuda(self: M, device: Any = None) -> M:
        """Refuse, as PyTorch does where it was built without CUDA."""
        require_cpu(Device("cuda"))
        return self

    def to_empty(self: M, *, device: Any, recurse: bool = True) -> M:
        """Give every parameter and buffer new, uninitialised memory."""
        require_cpu(device)
        return self._apply(lambda t: t.new_empty(t.shape), recurse=recurse)

    def share_memory(self: M) -> M:
        """Move every parameter and buffer to memory that worker processes share."""
        return self._apply(lambda t: t.share_memory_())

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Ask for the gradients of all parameters, or freeze them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with set_to_none=False fill them with zeros."""
        for p in self.parameters():
            grad = p._grad
            if grad is None:
                continue
            if set_to_none:
                p._grad = None
                continue
            if grad.grad_fn is not None:
                grad.detach_()
            else:
                grad.requires_grad_(False)
            grad.zero_()


def _parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> DType | None:
    """The dtype asked for in any of the forms of `to`; a device other than the CPU is refused."""
    dtype = kwargs.get("dtype")
    require_cpu(kwargs.get("device"))
    for a in args[:2]:
        if isinstance(a, Tensor):
            dtype = a.dtype
        elif isinstance(a, DType):
            dtype = a
        elif isinstance(a, (str, Device)) or (isinstance(a, int) and not isinstance(a, bool)):
            require_cpu(a)
        elif a is not None and not isinstance(a, bool):
            raise TypeError(
                f"to() received an invalid combination of arguments - got ({type(a).__name__}), but expected "
                "one of: (device, dtype), (dtype) or (tensor)"
            )
    other = kwargs.get("tensor", kwargs.get("other"))
    return other.dtype if other is not None else dtype
