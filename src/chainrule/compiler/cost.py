"""What a program costs, about: to choose how many threads share it, and who may run meanwhile."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from ..program.ir import Equation, Program
from ..types import FLOAT


class Cost(NamedTuple):
    """Floating-point operations and bytes moved."""

    flops: float
    bytes: float


def cost(program: Program) -> Cost:
    """The sum over all equations.

    >>> from chainrule.program.text import parse
    >>> cost(parse('''program(x: f32[8,4], w: f32[16,4]):
    ...   y: f32[8,16] = linear(x, w, None)
    ...   z: f32[8,16] = relu(y)
    ...   return z'''))
    Cost(flops=1152.0, bytes=1920)
    """
    equations = [e for e in program.equations if not e.op.view]
    moved = sum(v.nbytes for e in equations for v in (*e.inputs, *e.outputs))
    return Cost(sum(map(flops, equations)), moved)


def flops(equation: Equation) -> float:
    """Operations of one equation.

    An elementwise record needs about one for each element. A product of an [m, k] and a [k, n] matrix needs
    2 m k n = 2 √(mk · kn · mn): the same mean of the sizes is near enough for all that has two operands.
    """
    out = max(v.size for v in equation.outputs)
    sizes = sorted(v.size for v in equation.inputs if v.dtype.category == FLOAT)
    if equation.op.promote or not sizes:
        return float(out)
    if len(sizes) == 1:
        return float(max(out, sizes[-1]))
    return 2.0 * sqrt(float(sizes[-1]) * sizes[-2] * out)
