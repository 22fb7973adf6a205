"""Results that are put together from parts: each part is a copy into a view of the result.

A record here says which views of its result hold which operands; the copies are elementwise equations like
any other, so a part that is computed in a loop is computed in place.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

from ..ops import index, join, movement
from ..ops.record import Op
from ..program.ir import Equation
from .layout import Layout, view_of

Part = tuple[Any, Layout | None]  # an operand (a variable or a number) and where it goes


def _along(out: Layout, dim: int, part: Any) -> Layout | None:
    return view_of(out, index.part, ((*(slice(None),) * dim, part),))


def _cat(equation: Equation, out: Layout) -> list[Part]:
    dim, sizes = equation.attributes
    ends = list(accumulate(sizes))
    return [
        (x, _along(out, dim, slice(end - n, end))) for x, n, end in zip(equation.operands, sizes, ends) if n
    ]


def _stack(equation: Equation, out: Layout) -> list[Part]:
    (dim,) = equation.attributes
    return [(x, _along(out, dim, i)) for i, x in enumerate(equation.operands)]


def _through(out: Layout, chain: Any) -> Layout | None:
    """The view of the result that a chain of operations makes."""
    found: Layout | None = out
    for op, attributes in chain:
        found = None if found is None else view_of(found, op, attributes)
    return found


def _embed(equation: Equation, out: Layout) -> list[Part]:
    return [(0, out), (equation.operands[0], _through(out, equation.attributes[1]))]


def _view_scatter(equation: Equation, out: Layout) -> list[Part]:
    a, b = equation.operands
    return [(a, out), (b, _through(out, equation.attributes[0]))]


def _unpart(equation: Equation, out: Layout) -> list[Part]:
    return [(0, out), (equation.operands[0], view_of(out, index.part, equation.attributes[1:]))]


PARTS: dict[Op, Callable[[Equation, Layout], list[Part]]] = {
    join.cat: _cat,
    movement.stack: _stack,
    movement.embed: _embed,
    movement.view_scatter: _view_scatter,
    index.unpart: _unpart,
}
