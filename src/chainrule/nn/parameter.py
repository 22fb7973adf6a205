"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._names import TorchNamed
from ..device import require_cpu
from ..tensor import Tensor
from ..types import DType, as_dtype, default

__all__ = [
    "Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "UninitializedTensorMixin",
    "is_lazy",
]  # fmt: skip


class _ParameterType(TorchNamed):
    """Tensors of other subclasses count as parameters when `Parameter(t)` has marked them."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False):
            return True
        return super().__instancecheck__(instance)


class _BufferType(TorchNamed):
    """A buffer is an ordinary tensor with a mark."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False):
            return True
        return super().__instancecheck__(instance)


def _require_tensor(data: Any, what: str) -> None:
    if not isinstance(data, Tensor):
        raise AttributeError(
            f"'{type(data).__name__}' object has no attribute 'detach'\n  came:     "
            f"{what}({type(data).__name__})\n  expected: a tensor\n  fix:      {what}(torch.as_tensor(data))"
        )


class Parameter(Tensor, metaclass=_ParameterType):
    """A leaf tensor to train: assigned to a Module it appears in `parameters()`; it shares `data`'s memory.

    >>> import chainrule as cr
    >>> cr.nn.Parameter(cr.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    torch_name = "torch.nn.parameter.Parameter"

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            return cls._wrap(np.empty(0, default.dtype.np), requires_grad)  # type: ignore[return-value]
        _require_tensor(data, "Parameter")
        if type(data) is Tensor or isinstance(data, Parameter):
            made = cls._wrap(data._array())
            made.requires_grad = requires_grad
            return made  # type: ignore[return-value]
        marked: Any = data.detach()
        marked.requires_grad = requires_grad
        marked._is_param = True
        return marked

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        found = memo.get(id(self))
        if found is None:
            found = type(self)._wrap(self._array().copy(order="K"), self.requires_grad)
            memo[id(self)] = found
        return found

    def __repr__(self) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor, metaclass=_BufferType):
    """A tensor that is part of a Module's state but not trained; state_dict() has it if `persistent`."""

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = Tensor._wrap(np.empty(0, default.dtype.np))
        _require_tensor(data, "Buffer")
        made: Any = Tensor._wrap(data._array(), data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


class UninitializedTensorMixin:
    """A parameter or buffer whose shape is known only after the first forward()."""

    cls_to_become: type[Tensor]

    def materialize(self, shape: Any, device: Any = None, dtype: DType | None = None) -> None:
        """Allocate it with `shape` and turn it into an ordinary parameter or buffer."""
        require_cpu(device)
        this: Any = self
        kind = this.dtype if dtype is None else as_dtype(dtype)
        wanted = this.requires_grad
        this.__class__ = self.cls_to_become
        this._a = np.empty(tuple(shape), kind.np)
        this._node = None
        this.requires_grad = wanted

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
            "`forward` to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the "
            "parameters before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> Any:
        this: Any = self
        return type(self), (this.requires_grad,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            this: Any = self
            memo[id(self)] = type(self)(this.requires_grad, None, this.dtype)  # type: ignore[call-arg]
        return memo[id(self)]


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A Parameter without a shape yet, as lazy modules hold until their first forward()."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        require_cpu(device)
        kind = default.dtype if dtype is None else as_dtype(dtype)
        return cls._wrap(np.empty(0, kind.np), requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc]
    """A buffer without a shape yet."""

    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        require_cpu(device)
        kind = default.dtype if dtype is None else as_dtype(dtype)
        made: Any = cls._wrap(np.empty(0, kind.np), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


def is_lazy(param: Any) -> bool:
    """Whether `param` is an uninitialized parameter or buffer."""
    return isinstance(param, UninitializedTensorMixin)
