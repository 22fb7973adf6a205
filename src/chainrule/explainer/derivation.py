"""The chain rule of one pass: forward steps, and for each variable the gradient that reaches it.

A step is a variable that a reader wants to see: the user's own, the inputs and outputs of matrix products,
what is used more than once. What lies between is put into the formulas. The backward steps are read off the
program that `differentiate` writes, which is the one that runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..ops import movement
from ..program.differentiate import with_contributions
from ..program.ir import Equation, Program, Var, uses
from ..types import FLOAT
from .expr import Composer, Expr, Formula, Symbol
from .notation import tex
from .signs import with_signs
from .simplify import simplified
from .symbols import Letters, gradient, symbols_of
from .unicode import plain

_LONG = 12  # operations in one formula, before a variable of its own is made of a part


class Term(NamedTuple):
    """One edge of the graph: what a consumer sends back."""

    consumer: Symbol
    formula: Formula


@dataclass
class Step:
    """A line of the derivation.

    kind      "input", "forward" or "backward"
    symbol    what is computed: v, or ∂L/∂v
    formula   from the symbols before; None for an input
    terms     of a backward step: the edges that it sums over
    value     the array; None in a derivation without data
    where     the user's line
    """

    kind: str
    symbol: Symbol
    formula: Formula | None
    shape: tuple[int, ...]
    terms: list[Term] = field(default_factory=list)
    value: Any = None
    where: Any = None

    @property
    def tex(self) -> str:
        """symbol = formula, in LaTeX."""
        return self.symbol.tex + (f" = {tex(self.formula)}" if self.formula is not None else "")

    def __str__(self) -> str:
        return plain(self.tex)


@dataclass
class Derivation:
    """All steps, in the order in which they are computed, and what the letters stand for."""

    program: Program
    joint: Program
    steps: list[Step]
    symbols: dict[Var, Symbol]
    gradients: dict[Var, Symbol]
    legend: dict[str, str]
    loss: Symbol
    sizes: dict[int, str] = field(default_factory=dict)  # letters of sizes that nobody has chosen

    @property
    def batch(self) -> int | None:
        """The first dimension of the data, if all of it has the same."""
        rows = {v.shape[0] for v in self.program.constants if v.ndim}
        return rows.pop() if len(rows) == 1 else None

    @property
    def forward(self) -> list[Step]:
        return [s for s in self.steps if s.kind != "backward"]

    @property
    def backward(self) -> list[Step]:
        return [s for s in self.steps if s.kind == "backward"]


def cuts_of(program: Program, named: Mapping[Var, Any]) -> list[Var]:
    """The variables that are shown: NOTE above."""
    readers = uses(program)
    chosen: dict[Var, None] = dict.fromkeys([*program.constants, *program.inputs])
    depth: dict[Var, int] = {}
    for e in program.equations:
        depth_here = 1 + sum(depth.get(v, 0) for v in e.inputs if v not in chosen)
        for v in e.outputs:
            depth[v] = depth_here
            if (
                v in named
                or v in program.outputs
                or depth_here > _LONG
                or _worth_a_letter(v, e, readers.get(v, []))
            ):
                chosen[v] = None
    return list(chosen)


def _worth_a_letter(v: Var, maker: Equation, readers: Sequence[Equation]) -> bool:
    if not readers:
        return len(maker.outputs) == 1
    if _transparent(maker):
        return False
    several = len(readers) > 1
    return several or not _in_place(maker) or any(not _in_place(r) and not _transparent(r) for r in readers)


def _in_place(e: Equation) -> bool:
    """Whether a formula may go on with its result: elementwise operations, reductions."""
    return bool(e.op.promote) or "keepdim" in e.op.attrs


def _transparent(e: Equation) -> bool:
    """Whether it only shows the same numbers in another way."""
    return e.op.view or e.op.tex == "{0}"


def derive(program: Program, letters: Letters, wrt: Sequence[Var] | None = None) -> Derivation:
    """The derivation of a program with one output; `wrt` are the inputs whose gradients are wanted."""
    result = program.outputs[0]
    wanted = list(wrt) if wrt is not None else [v for v in program.inputs if v.dtype.category >= FLOAT]
    cuts = cuts_of(program, letters.names.of)
    symbols = symbols_of(program, cuts, letters)
    numbers = {v: a.item() for v, a in program.constants.items() if not a.ndim and v not in letters.names.of}
    known: dict[Var, Any] = {**symbols, **numbers}
    inputs = [
        Step("input", symbols[v], None, v.shape)
        for v in (*program.constants, *program.inputs)
        if v not in numbers
    ]
    composer = Composer(program.equations, known)
    made = [v for e in program.equations for v in e.outputs if v in symbols]
    where = {v: e.where for e in program.equations for v in e.outputs}
    forward = [
        Step("forward", symbols[v], simplified(composer.formula(v)), v.shape, where=where[v]) for v in made
    ]
    on_path = _between(program, wanted)
    through = [v for v in made if v in on_path and v is not result and v.dtype.category >= FLOAT]
    order = [*reversed(through), *wanted]
    joint, parts = with_contributions(program, order)
    gradients = {v: gradient(symbols[result], symbols[v]) for v in order}
    seed = joint.inputs[len(program.inputs)]
    zeros = {v: _constant(v, a) for v, a in joint.constants.items() if v not in program.constants}
    reverse = Composer(joint.equations, {**known, **zeros, seed: 1, **_arrivals(joint, order, gradients)})
    ready = {v: i for i, e in enumerate(joint.equations) for v in e.outputs}
    arrived = sorted(zip(order, joint.outputs), key=lambda pair: ready.get(pair[1], -1))
    readers = uses(program)
    backward = [
        _backward(v, g, parts.get(v, ()), reverse, gradients, symbols, readers, where) for v, g in arrived
    ]
    known_as = {s.symbol: s.formula for s in forward}
    for s in backward:
        s.formula = with_signs(s.formula, known_as)
        s.terms = [t._replace(formula=with_signs(t.formula, known_as)) for t in s.terms]
    return Derivation(
        program, joint, [*inputs, *forward, *backward], symbols, gradients, letters.legend, symbols[result]
    )


def _constant(v: Var, array: Any) -> Formula:
    """An array of one number: what a result that the loss does not use sends back is zero."""
    number = array.flat[0].item() if array.size else 0.0
    return Expr(movement.expand, (number, v.shape), v.spec) if v.ndim else number


def _between(program: Program, wrt: Sequence[Var]) -> set[Var]:
    """The variables that depend on one of `wrt`."""
    found = set(wrt)
    for e in program.equations:
        if e.op.differentiable and found.intersection(e.inputs):
            found.update(e.outputs)
    return found


def _arrivals(joint: Program, order: Sequence[Var], gradients: Mapping[Var, Symbol]) -> dict[Var, Symbol]:
    """The gradient's symbol for the variable that holds it; where one holds two, for the first."""
    found: dict[Var, Symbol] = {}
    for v, g in zip(order, joint.outputs):
        if g not in joint.inputs and g not in joint.constants:
            found.setdefault(g, gradients[v])
    return found


def _backward(
    v: Var, arrived: Var, parts: Any, reverse: Composer, gradients: Mapping[Var, Symbol],
    symbols: Mapping[Var, Symbol], readers: Mapping[Var, list[Equation]], where: Mapping[Var, Any],
) -> Step:  # fmt: skip
    mine = reverse.symbols.get(arrived)
    formula = reverse.formula(arrived) if mine is gradients[v] or mine is None else mine
    if isinstance(formula, Symbol) and arrived in reverse.made and mine is None:
        formula = reverse.formula(arrived)
    found = simplified(formula)
    terms = [
        Term(
            _consumer(readers, c.equation, symbols),
            found
            if c.value is arrived and mine is not formula
            else simplified(_term(reverse, c.value, arrived)),
        )
        for c in parts
    ]
    return Step("backward", gradients[v], found, v.shape, terms, where=where.get(v))


def _term(reverse: Composer, value: Var, arrived: Var) -> Formula:
    return reverse.formula(value) if value is arrived else reverse.inside(value)


def _consumer(
    readers: Mapping[Var, list[Equation]], equation: Equation, symbols: Mapping[Var, Symbol]
) -> Symbol:
    """The shown variable whose formula an equation is part of."""
    v = equation.outputs[0]
    while v not in symbols:
        v = readers[v][0].outputs[0]
    return symbols[v]


__all__ = ["Derivation", "Step", "Term", "cuts_of", "derive"]
