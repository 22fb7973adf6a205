"""Numbers of elements: the n of a mean, told apart from a number that happens to be as large."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import prod
from typing import Any

from ..ops import arithmetic, loss, reduce
from ..program.ir import Equation, Var

_LETTERS = ("n", "N", "M", "K", "D")


class Count(int):
    """How many elements a mean is over; times one it stays what it is."""

    def __mul__(self, other: Any) -> Any:
        return self if other == 1 else int(self) * other

    __rmul__ = __mul__


def mean_over(e: Equation | None) -> int:
    """How many elements an operation takes the mean of; 0 if it takes none."""
    if e is None or not e.operands or not isinstance(e.operands[0], Var):
        return 0
    shape = e.operands[0].shape
    if e.op is reduce.mean:
        return prod(shape[d] for d in e.attributes[0])
    if "reduction" not in e.op.attrs or e.attributes[e.op.attrs.index("reduction")] != "mean":
        return 0
    specs = [a.spec if isinstance(a, Var) else a for a in e.operands]
    attributes = ["none" if a == "mean" else a for a in e.attributes]
    found = e.op.shape(*specs, *attributes)
    return prod(found) if isinstance(found, tuple) else 0


def told_apart(e: Equation) -> tuple[Any, ...]:
    """The operands of an equation, with the count of a mean whose derivative it is part of.

    The 0.4 that the derivative of a mean of 5 squares multiplies with is the pair (2, count).
    """
    n = mean_over(e.origin)
    operands = e.operands
    if n < 2 or e.op not in (arithmetic.div, arithmetic.mul) or isinstance(operands[1], Var):
        return operands
    if e.op is arithmetic.div:
        return (operands[0], Count(n)) if operands[1] == n else operands
    twice = e.origin.op is loss.mse_loss and operands[1] == 2 / n
    return (operands[0], (2, Count(n))) if twice else operands


def letters_of(equations: Iterable[Equation], batch: int | None, taken: Collection[str]) -> dict[int, str]:
    """Letters for the numbers of elements of the means of a pass; the batch's is the first."""
    found = {n for e in equations if (n := mean_over(e)) > 1}
    order = sorted(found, key=lambda n: (n != batch, n))
    return dict(zip(order, (c for c in _LETTERS if c not in taken)))
