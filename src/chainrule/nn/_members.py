"""The registries of a Module: dicts of its parameters, buffers and submodules that its attributes mirror.

NOTE [Mirror] Python asks `__getattr__` only after a failed search, which costs more than a small layer's
arithmetic. So each registered member also lies in the module's `__dict__`, where `self.weight` finds it at
once. `Members` keeps the two in step when a registry is changed directly (`del m._parameters["weight"]`).
"""

from __future__ import annotations

import weakref
from typing import Any

from .._structure import changed
from ..tensor import Tensor

_LEGACY = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor", "int64": "LongTensor", "int32": "IntTensor", "int16": "ShortTensor",
    "int8": "CharTensor", "uint8": "ByteTensor", "bool": "BoolTensor", "complex64": "ComplexFloatTensor",
    "complex128": "ComplexDoubleTensor",
}  # fmt: skip


class Members(dict[str, Any]):
    """One registry; what is put into it becomes an attribute of the owning module (see NOTE [Mirror])."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Any, members: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._owner = weakref.ref(owner)
        if members:
            self.update(members)

    def __setitem__(self, name: str, value: Any) -> None:
        changed()
        super().__setitem__(name, value)
        owner = self._owner()
        if owner is not None:
            owner.__dict__[name] = value

    def __delitem__(self, name: str) -> None:
        changed()
        super().__delitem__(name)
        owner = self._owner()
        if owner is not None:
            owner.__dict__.pop(name, None)

    def pop(self, name: str, *default: Any) -> Any:
        """Remove a member and return it (`default` if there is none)."""
        if name not in self and default:
            return default[0]
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the member registered last."""
        if not self:
            raise KeyError("popitem(): the module has no such members")
        name = next(reversed(self))
        return name, self.pop(name)

    def clear(self) -> None:
        """Remove all members."""
        for name in list(self):
            del self[name]

    def update(self, *others: Any, **named: Any) -> None:
        """Register every member of a mapping or of pairs."""
        for name, value in dict(*others, **named).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The member of that name, registered as `default` if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, other: Any) -> Members:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def typename(value: Any) -> str:
    """How PyTorch names a value's type in its messages: 'torch.FloatTensor', 'int', 'mypackage.Net'."""
    if isinstance(value, Tensor):
        return "torch." + _LEGACY[value.dtype.name]
    cls = value if isinstance(value, type) else type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
