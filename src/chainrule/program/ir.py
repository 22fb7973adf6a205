"""A program: straight-line equations over typed variables, as data.

    program  = "program" "(" [var ":" type {"," var ":" type}] ")" ":" {constant} {equation} "return" vars
    constant = var ":" type "=" "constant" "(" values ")"
    equation = vars "=" operation "(" operands {"," attribute} ")" ["#" place]
    type     = dtype "[" sizes "]"

Every variable is defined once, before it is used. An operand is a variable or a number; an operation is a
record of `ops/`, so a program holds nothing that the records do not say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops.record import Op, Spec
from ..types import DTYPES, DType, Shape

SHORT = {
    "float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "int32": "i32",
    "int16": "i16", "int8": "i8", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64",
    "bool": "bool", "complex64": "c64", "complex128": "c128",
}  # fmt: skip
LONG = {short: DTYPES[name] for name, short in SHORT.items()}


class Var:
    """A value of a program: its type and, for people, a name; two variables are equal only if identical."""

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, shape: Shape, dtype: DType, name: str = "") -> None:
        self.shape, self.dtype, self.name = tuple(shape), dtype, name

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        n = 1
        for s in self.shape:
            n *= s
        return n

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def type(self) -> str:
        """Such as f32[64,10]."""
        return f"{SHORT[self.dtype.name]}[{','.join(map(str, self.shape))}]"

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, self.dtype)

    def __repr__(self) -> str:
        return f"{self.name or '?'}: {self.type}"


class Equation:
    """outputs = op(*args): `args` are the record's arguments in order, variables where tensors stand.

    where   the user's line, as dispatch.where() gives it
    origin  of an equation of a derivative: the equation it is the derivative of
    """

    __slots__ = ("args", "op", "origin", "outputs", "where")

    def __init__(
        self, op: Op, args: tuple[Any, ...], outputs: Sequence[Var], where: Any = None, origin: Any = None
    ) -> None:
        self.op, self.args, self.outputs = op, args, tuple(outputs)
        self.where, self.origin = where, origin

    @property
    def operands(self) -> tuple[Any, ...]:
        """The arguments at the places of tensors: variables, numbers or None."""
        n = self.op.nargs
        return tuple(self.args[0]) if n < 0 else self.args[:n]

    @property
    def attributes(self) -> tuple[Any, ...]:
        """The arguments behind the tensors."""
        n = self.op.nargs
        return self.args[1:] if n < 0 else self.args[n:]

    @property
    def inputs(self) -> list[Var]:
        """The variables it reads."""
        return [a for a in self.operands if isinstance(a, Var)]

    @property
    def output(self) -> Var:
        return self.outputs[0]

    def with_operands(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Its arguments with other tensors in their places."""
        return (tuple(operands), *self.args[1:]) if self.op.nargs < 0 else (*operands, *self.attributes)

    def __repr__(self) -> str:
        from .text import equation_text

        return equation_text(self)


class Program(NamedTuple):
    """Inputs, constants, equations in order, outputs."""

    inputs: tuple[Var, ...]
    constants: Mapping[Var, np.ndarray[Any, Any]]
    equations: tuple[Equation, ...]
    outputs: tuple[Var, ...]

    def __str__(self) -> str:
        from .text import program_text

        return program_text(self)

    def replaced(self, **parts: Any) -> Program:
        """The program with other parts."""
        return self._replace(**parts)

    def variables(self) -> Iterator[Var]:
        """All variables in the order of their definition."""
        yield from self.inputs
        yield from self.constants
        for equation in self.equations:
            yield from equation.outputs


def uses(program: Program) -> dict[Var, list[Equation]]:
    """The equations that read each variable."""
    found: dict[Var, list[Equation]] = {}
    for equation in program.equations:
        for v in dict.fromkeys(equation.inputs):
            found.setdefault(v, []).append(equation)
    return found
