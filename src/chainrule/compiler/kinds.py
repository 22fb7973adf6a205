"""What sort of kernel computes a record: the tables that the scheduler and the emitters read.

A record without an entry runs by its NumPy forward, called from the compiled step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from ..ops import extreme, movement, product, rearrange, reduce
from ..ops.record import Op
from ..program.build import promoted
from ..program.ir import Equation, Var
from ..types import BOOL, DType
from . import scalar
from .builder import Function, Value
from .checks import CHECKS
from .domain import Access
from .layout import Buffer, Layouts
from .target import Target


class Reduction(NamedTuple):
    """How a record combines elements: the value to start from, and the operation that joins two."""

    start: Callable[[DType], Any]
    joins: str  # a name of nest_reduce's table


def _lowest(dtype: DType) -> Any:
    import numpy as np

    if dtype.category == BOOL:
        return False
    return -np.inf if dtype.is_floating_point else np.iinfo(dtype.np).min


def _highest(dtype: DType) -> Any:
    import numpy as np

    if dtype.category == BOOL:
        return True
    return np.inf if dtype.is_floating_point else np.iinfo(dtype.np).max


REDUCTIONS: dict[Op, Reduction] = {
    reduce.sum: Reduction(lambda _: 0, "add"),
    reduce.prod: Reduction(lambda _: 1, "mul"),
    extreme.amax: Reduction(_lowest, "max"),
    extreme.amin: Reduction(_highest, "min"),
    reduce.all: Reduction(lambda _: True, "and"),
    reduce.any: Reduction(lambda _: False, "or"),
}
COPIES: frozenset[Op] = frozenset({rearrange.clone, rearrange.contiguous, movement.to})
PRODUCTS: frozenset[Op] = frozenset({product.matmul})


class Kernel(Protocol):
    """A kernel with an emitter of its own; loops and products are kernels, too.

    accesses  what it reads and writes: a buffer, an offset in elements, strides, a dtype
    stores    the place among the accesses of each variable that it writes
    buffers   the buffers of the accesses, each once, in the order of the function's parameters
    """

    @property
    def accesses(self) -> list[Access]: ...

    @property
    def stores(self) -> dict[Var, int]: ...

    @property
    def buffers(self) -> list[Buffer]: ...

    def scratch(self, target: Target, threads: int) -> int:
        """Bytes of scratch memory that each thread needs."""

    def reach(self, share: int, threads: int, target: Target) -> list[tuple[int, int, int]]:
        """(access, low, high) for each access: the elements of its buffer that a thread may touch."""

    def emit(self, f: Function, pointers: dict[Buffer, Value], share: Any, scratch: Value | None) -> None:
        """Write it into a function; `share` is (thread, threads), or None if it is not divided.

        The function's last parameter is the step's table, for checks (checks.py).
        """


class Lowering(NamedTuple):
    """An emitter of a record's own.

    takes       which equations it takes
    kernel      the kernel of a group whose `first` is such an equation
    domain      over which it hands its results on in registers, so that elementwise equations may join
    contiguous  whether its operands must lie in order, without gaps
    """

    takes: Callable[[Equation], bool]
    kernel: Callable[[Any, Layouts], Kernel]
    domain: Callable[[Equation], tuple[int, ...]] | None = None
    contiguous: bool = False


SPECIAL: dict[Op, Lowering] = {}  # filled by the modules of `special`

LOWERED = frozenset(
    {"float32", "float64", "bool", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64"}
)


def lowered_types(equation: Equation) -> bool:
    """Whether all values are of dtypes that kernels compute with."""
    return all(v.dtype.name in LOWERED for v in (*equation.inputs, *equation.outputs))


def is_elementwise(equation: Equation) -> bool:
    """Whether the equation is computed element by element in a loop."""
    op = equation.op
    if not lowered_types(equation):
        return False
    if op in COPIES or op in CHECKS:
        return True
    return bool(op.promote) and scalar.supported(op, promoted(op, equation.args), equation.output.dtype)


def is_reduction(equation: Equation) -> bool:
    return equation.op in REDUCTIONS and lowered_types(equation)


def is_product(equation: Equation) -> bool:
    """A matrix product of floats."""
    floats = all(v.dtype.name in ("float32", "float64") for v in (*equation.inputs, equation.output))
    return equation.op in PRODUCTS and floats and all(v.ndim >= 2 for v in equation.inputs)
