"""Common subexpressions: what is computed twice is computed once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import arithmetic, bitwise, compare
from ..ir import Equation, Program, Var
from .rewrite import renamed
from .state import draws

# Operations whose operands may be exchanged without a change of any bit but a NaN's payload; of maximum and
# minimum the sign of a zero may depend on the order.
COMMUTATIVE = frozenset(
    {
        arithmetic.add, arithmetic.mul, compare.eq, compare.ne, compare.logical_and, compare.logical_or,
        compare.logical_xor, bitwise.bitwise_and, bitwise.bitwise_or, bitwise.bitwise_xor,
    }
)  # fmt: skip


def cse(program: Program) -> Program:
    """The program with equal equations and equal constants merged; random draws are all different."""
    names: dict[Var, Var] = {}
    seen: dict[Any, tuple[Var, ...]] = {}
    constants: dict[Var, Any] = {}
    for v, array in program.constants.items():
        first = seen.setdefault(frozen(array), (v,))
        if first[0] is v:
            constants[v] = array
        names[v] = first[0]
    kept: list[Equation] = []
    for equation in program.equations:
        equation = renamed(equation, names)
        if draws(equation):
            kept.append(equation)
            continue
        first = seen.setdefault(_key(equation), equation.outputs)
        if first is equation.outputs:
            kept.append(equation)
        else:
            names.update(zip(equation.outputs, first))
    outputs = tuple(names.get(v, v) for v in program.outputs)
    return Program(program.inputs, constants, tuple(kept), outputs)


def _key(equation: Equation) -> Any:
    operands = [frozen(a) for a in equation.operands]
    if equation.op in COMMUTATIVE:
        operands.sort(key=hash)
    return equation.op, tuple(operands), frozen(equation.attributes)


def frozen(x: Any) -> Any:
    """A hashable stand-in, equal for equal arguments only: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if isinstance(x, (tuple, list)):
        return (type(x), *map(frozen, x))
    if isinstance(x, (float, complex)):
        return type(x), repr(x)
    if isinstance(x, slice):
        return slice, x.start, x.stop, x.step
    if isinstance(x, np.ndarray):
        return np.ndarray, x.dtype.str, str(x.dtype), x.shape, x.tobytes()
    if isinstance(x, (bool, int, str)) or x is None:
        return type(x), x
    return type(x), id(x)
