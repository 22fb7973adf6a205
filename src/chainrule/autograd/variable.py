"""Variable: PyTorch's old name of a tensor that takes part in differentiation."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor


class _VariableType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableType):
    """`Variable(tensor, requires_grad=False)` is the tensor itself, as in PyTorch since 0.4."""

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        if requires_grad and data._node is None:
            data.requires_grad_()
        return data
