"""What kernels with an emitter of their own share: their accesses, collected one by one."""

from __future__ import annotations

from ...program.ir import Var
from ...types import DType
from ..builder import Function, Value
from ..domain import Access
from ..layout import Buffer, Layout
from ..target import Target


class Places:
    """The accesses of a kernel, the variables it writes, and its buffers (see kinds.Kernel)."""

    def __init__(self) -> None:
        self.accesses: list[Access] = []
        self.stores: dict[Var, int] = {}

    def touches(self, layout: Layout, dtype: DType) -> int:
        """A new access to an array on this layout; its number."""
        self.accesses.append(Access(layout.buffer, layout.offset, layout.strides, dtype))
        return len(self.accesses) - 1

    def writes(self, var: Var, layout: Layout) -> int:
        """A new access that writes a variable."""
        self.stores[var] = self.touches(layout, var.dtype)
        return self.stores[var]

    @property
    def buffers(self) -> list[Buffer]:
        return list(dict.fromkeys(a.buffer for a in self.accesses))

    def starts(self, f: Function, pointers: dict[Buffer, Value]) -> list[Value]:
        """Where each access begins."""
        return [f.offset(pointers[a.buffer], a.offset * a.dtype.itemsize) for a in self.accesses]

    def scratch(self, target: Target, threads: int) -> int:
        return 0
