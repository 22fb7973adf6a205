"""Simplification: equations that algebra makes shorter, by the identities of their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ops.movement import expand
from ...ops.record import Op
from ...types import broadcast_shapes
from ..ir import Equation, Program, Var
from . import layouts as layouts  # registers its identities
from .identities import FAST, SAFE, operand
from .rewrite import NO_MATCH, Rewriter, Rule, Writer, called


def simplify(program: Program, fast: bool = False) -> Program:
    """The program after algebraic identities, such as x·1 = x and (xᵀ)ᵀ = x.

    Without `fast` only those that keep NaN, infinities and the sign of zero; with it also those that hold for
    finite numbers, such as x·0 = 0, or up to rounding, such as x/3 = x·(1/3). What is left over is dce's.
    """

    def rules(op: Op) -> Sequence[Rule]:
        listed = [*SAFE.get(op, ()), *(FAST.get(op, ()) if fast else ())]
        found = [called(rule) for rule in listed]
        return [*found, _unexpanded] if op.promote else found

    return Rewriter(program, rules).run()


def _unexpanded(writer: Writer, equation: Equation) -> Any:
    """An elementwise operation broadcasts by itself: operands need not be expanded first."""
    before = list(writer.arguments(equation)[: equation.op.nargs])
    after = [x if (small := operand(x, expand)) is None else small for x in before]
    shapes = [x.shape for x, a in zip(after, equation.operands) if isinstance(a, Var)]
    if all(a is b for a, b in zip(before, after)):
        return NO_MATCH
    if broadcast_shapes(*shapes) != equation.output.shape:
        return NO_MATCH
    return writer.add(equation.op, (*after, *equation.attributes))
