"""Programs written in the traced language: a `Symbol` stands for a variable, an operation on it adds an
equation.

Rules of records, decompositions and derivatives are functions of arrays or of anything like arrays. Called
with symbols, they write the program that they would have computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import arithmetic, bitwise, compare, movement, product, rounding, view
from ..ops.record import Carrier, Op
from ..types import BOOL, FLOAT, FROM_NUMPY, INT, DType, bool_, default, int64, result_type, scalar_dtype
from .ir import Equation, Program, Var


class Builder:
    """A program being written."""

    def __init__(self) -> None:
        self.inputs: list[Var] = []
        self.constants: dict[Var, np.ndarray[Any, Any]] = {}
        self.equations: list[Equation] = []
        self.where: Any = None
        self.origin: Any = None

    def input(self, shape: Sequence[int], dtype: DType, name: str = "") -> Symbol:
        """A new input."""
        var = Var(tuple(shape), dtype, name)
        self.inputs.append(var)
        return Symbol(self, var)

    def symbol(self, var: Var) -> Symbol:
        """The symbol of a variable that is there already."""
        return Symbol(self, var)

    def constant(self, array: Any) -> Symbol:
        """An array as a variable."""
        array = np.array(array)
        array.flags.writeable = False
        var = Var(array.shape, FROM_NUMPY[array.dtype])
        self.constants[var] = array
        return Symbol(self, var)

    def add(self, op: Op, args: tuple[Any, ...]) -> Any:
        """op(*args) as a new equation; its result, or list of results, as symbols."""
        args = self._plain(op, args)
        if op.promote:
            args = self._promoted(op, args)
        outputs = result_vars(op, args)
        self.equations.append(Equation(op, args, outputs, self.where, self.origin))
        symbols = [Symbol(self, v) for v in outputs]
        return symbols[0] if op.outputs == 1 else symbols

    def _plain(self, op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments with variables for symbols and arrays."""

        def plain(x: Any) -> Any:
            if isinstance(x, Symbol):
                return x.var
            return self.constant(x).var if isinstance(x, (np.ndarray, np.generic)) else x

        if op.nargs < 0:
            return (tuple(plain(x) for x in args[0]), *args[1:])
        return (*map(plain, args[: op.nargs]), *args[op.nargs :])

    def _promoted(self, op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Elementwise operands in one dtype, cast by equations, as dispatch does it for tensors."""
        target = promoted(op, args)
        out = list(args)
        for i in op.promote:
            x = out[i]
            if isinstance(x, Var) and x.dtype is not target:
                out[i] = self.add(movement.to, (Symbol(self, x), target)).var
        return tuple(out)

    def program(self, outputs: Sequence[Symbol]) -> Program:
        """What was written, with these results."""
        return Program(
            tuple(self.inputs), dict(self.constants), tuple(self.equations), tuple(s.var for s in outputs)
        )


def promoted(op: Op, args: tuple[Any, ...]) -> DType:
    """The dtype in which an elementwise operation computes."""
    operands: list[tuple[DType, int | None]] = []
    for i in op.promote:
        x = args[i]
        if isinstance(x, Var):
            operands.append((x.dtype, x.ndim))
        elif x is not None:
            operands.append((scalar_dtype(x), None))
    target = result_type(operands)
    return default.dtype if op.floats and target.category <= INT else target


def result_vars(op: Op, args: tuple[Any, ...]) -> list[Var]:
    """New variables for the results of op(*args), typed by the record's rules."""

    def spec(x: Any) -> Any:
        return x.spec if isinstance(x, Var) else x

    specs = [[spec(x) for x in args[0]], *args[1:]] if op.nargs < 0 else [spec(x) for x in args]
    shape = op.shape(*specs)
    shapes = shape if isinstance(shape, list) else [shape]
    dtype: Any = op.dtype
    if callable(dtype):
        dtype = dtype(*specs)
    elif dtype == "same":
        dtype = promoted(op, args) if op.promote else _first_dtype(op, args)
    elif isinstance(dtype, str):
        dtype = {"bool": bool_, "int64": int64}[dtype]
    dtypes = dtype if isinstance(dtype, (list, tuple)) else [dtype] * len(shapes)
    return [Var(s, d) for s, d in zip(shapes, dtypes)]


def _first_dtype(op: Op, args: tuple[Any, ...]) -> DType:
    tensors = args[0] if op.nargs < 0 else args[: op.nargs]
    return next(x.dtype for x in tensors if isinstance(x, Var))


class Symbol(Carrier):
    """A variable as rules see it: with operators, a shape and a dtype, and no values."""

    __slots__ = ("builder", "var")
    __array_ufunc__ = None  # NumPy leaves operators with an array on the left to the symbol

    def __init__(self, builder: Builder, var: Var) -> None:
        self.builder, self.var = builder, var

    @property
    def shape(self) -> tuple[int, ...]:
        return self.var.shape

    @property
    def ndim(self) -> int:
        return self.var.ndim

    @property
    def dtype(self) -> DType:
        return self.var.dtype

    @property
    def size(self) -> int:
        return self.var.size

    @property
    def mT(self) -> Any:
        return view.transpose(self, self.ndim - 2, self.ndim - 1)

    def conj(self) -> Any:
        if self.var.dtype.category <= FLOAT:
            return self
        from ..ops.scan import conj

        return conj(self)

    def _apply(self, op: Op, args: tuple[Any, ...]) -> Any:
        return self.builder.add(op, args)

    def __matmul__(self, other: Any) -> Any:
        return product.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return product.matmul(other, self)

    def __invert__(self) -> Any:
        return (compare.logical_not if self.var.dtype.category == BOOL else bitwise.bitwise_not)(self)

    def __bool__(self) -> bool:
        raise TypeError(f"{self.var} has no value yet: a rule must not branch on one")

    __hash__ = object.__hash__


_UNARY = {"neg": arithmetic.neg, "abs": rounding.abs}
_BINARY = {
    "add": arithmetic.add, "sub": arithmetic.sub, "mul": arithmetic.mul, "truediv": arithmetic.div,
    "pow": arithmetic.pow, "floordiv": arithmetic.floor_divide, "mod": arithmetic.remainder,
    "and": bitwise.bitwise_and, "or": bitwise.bitwise_or, "xor": bitwise.bitwise_xor,
}  # fmt: skip
_COMPARE = {
    "eq": compare.eq, "ne": compare.ne, "lt": compare.lt, "le": compare.le, "gt": compare.gt, "ge": compare.ge
}  # fmt: skip


def _attach() -> None:
    """The operators of Symbol, each the record's own operation."""

    def unary(op: Op) -> Any:
        return lambda self: op(self)  # noqa: PLW0108  (a method, not a record: it is bound)

    def binary(op: Op) -> Any:
        return lambda self, other: op(self, other)  # noqa: PLW0108

    def reflected(op: Op) -> Any:
        return lambda self, other: self._apply(op, (other, self))

    for name, op in _UNARY.items():
        setattr(Symbol, f"__{name}__", unary(op))
    for name, op in {**_BINARY, **_COMPARE}.items():
        setattr(Symbol, f"__{name}__", binary(op))
    for name, op in _BINARY.items():
        setattr(Symbol, f"__r{name}__", reflected(op))


_attach()
