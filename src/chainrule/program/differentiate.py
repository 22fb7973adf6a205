"""Programs from derivatives: of a program, equation by equation, and of a tape that an eager run has left.

Each gradient equation keeps, as `origin`, the equation whose rule wrote it, and the line that one came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd.cotangents import as_tuple
from ..autograd.tape import clock
from ..errors import message
from ..ops.movement import sum_to
from ..tensor import Tensor
from ..types import COMPLEX, FLOAT, FROM_NUMPY
from .build import Builder, Symbol
from .ir import Equation, Program, Var


def differentiate(program: Program, wrt: Sequence[Var] | None = None) -> Program:
    """The program of vᵀ·∂(outputs)/∂x for each x of `wrt` (all floating inputs if none are named).

    Its inputs are the program's own, then a cotangent v for each floating output; its outputs are the
    gradients, zeros for an input that does not matter. As on the tape, the result of an operation without a
    derivative, detach() among them, is a constant. no_grad() leaves no trace in a program.

    Raises ValueError if a variable of `wrt` has no gradient, and NotImplementedError where a derivative
    exists that nobody has written down (igamma by its first argument).

    >>> from chainrule.program import parse
    >>> print(differentiate(parse("program(x: f32[2]):\\n    y: f32[2] = exp(x)\\n    return y")))
    program(x: f32[2], dy: f32[2]):
        y: f32[2] = exp(x)
        v3: f32[2] = mul(dy, y)
        return v3
    """
    if wrt is None:
        return _Reverse(program).gradients([v for v in program.inputs if v.dtype.category >= FLOAT])
    known = set(program.variables())
    for v in wrt:
        if v not in known or v.dtype.category < FLOAT:
            raise ValueError(
                message(
                    "a variable to differentiate by has no gradient",
                    came=f"{v}, {'which holds whole numbers' if v in known else 'of another program'}",
                    expected="floating variables of the program",
                )
            )
    return _Reverse(program).gradients(list(wrt))


class Contribution(NamedTuple):
    """What one equation sends to the gradient of one of its operands."""

    equation: Equation
    value: Var


def with_contributions(program: Program, wrt: Sequence[Var]) -> tuple[Program, dict[Var, list[Contribution]]]:
    """differentiate(program, wrt), and for each variable the terms that its gradient is the sum of."""
    reverse = _Reverse(program)
    return reverse.gradients(list(wrt)), reverse.contributions


class _Reverse:
    """The equations backwards, with the cotangents that have arrived at each variable."""

    def __init__(self, program: Program) -> None:
        self.program, self.builder = program, Builder()
        self.builder.inputs = list(program.inputs)
        self.builder.constants = dict(program.constants)
        self.builder.equations = list(program.equations)
        self.arrived: dict[Var, Symbol] = {}
        self.contributions: dict[Var, list[Contribution]] = {}

    def gradients(self, wrt: list[Var]) -> Program:
        builder = self.builder
        for v in self.program.outputs:
            if v.dtype.category >= FLOAT:
                self._send(v, builder.input(v.shape, v.dtype, f"d{v.name}" if v.name else ""))
        needed = self._leading_to(set(wrt))
        for equation in reversed(self.program.equations):
            cotangents = [self.arrived.get(v) for v in equation.outputs]
            if any(c is not None for c in cotangents) and self._depends(equation, needed):
                self._through(equation, cotangents, needed)
        found = [self.arrived[v] if v in self.arrived else self._zeros(v) for v in wrt]
        return builder.program(found)

    def _leading_to(self, wrt: set[Var]) -> set[Var]:
        """The variables that depend on one of `wrt`, which are among them."""
        needed = set(wrt)
        for equation in self.program.equations:
            if self._depends(equation, needed):
                needed.update(v for v in equation.outputs if v.dtype.category >= FLOAT)
        return needed

    def _depends(self, equation: Equation, needed: set[Var]) -> bool:
        """Whether the results change with a variable that does; what has no derivative is a constant."""
        return equation.op.differentiable and bool(needed.intersection(equation.inputs))

    def _send(self, v: Var, g: Any) -> None:
        self.arrived[v] = g if v not in self.arrived else self.arrived[v] + g

    def _zeros(self, v: Var) -> Symbol:
        return self.builder.constant(np.zeros(v.shape, v.dtype.np))

    def _through(self, equation: Equation, cotangents: list[Any], needed: set[Var]) -> None:
        """Send what has arrived at an equation's results on to its operands, by the record's rule."""
        op, builder = equation.op, self.builder
        builder.where, builder.origin = equation.where, equation
        symbols = tuple(Symbol(builder, x) if isinstance(x, Var) else x for x in equation.operands)
        args = equation.with_operands(symbols)
        results: Any = [Symbol(builder, v) for v in equation.outputs]
        g: Any = [
            self._zeros(v) if c is None and v.dtype.category >= FLOAT else c  # whole numbers have none
            for c, v in zip(cotangents, equation.outputs)
        ]
        if op.outputs == 1:
            results, g = results[0], g[0]
        wanted = [isinstance(x, Var) and x in needed for x in equation.operands]
        rule: Any = op.pulls[0]
        if op.joint:
            found = rule(g, results, *args, **({"needs": wanted} if op.needs else {}))
        else:
            numbers = any(v.dtype.category == COMPLEX for v in (*equation.inputs, *equation.outputs))
            pulls: Any = op.complex_pulls if numbers else op.pulls
            pulls = [*pulls, *[None] * (len(wanted) - len(pulls))]
            found = [p(g, results, *args) if w and p is not None else None for p, w in zip(pulls, wanted)]
        for x, w, value in zip(equation.operands, wanted, found):
            if w and value is not None:
                value = value if value.shape == x.shape else sum_to(value, x.shape)
                self.contributions.setdefault(x, []).append(Contribution(equation, value.var))
                self._send(x, value)


def from_tape(outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor]) -> Program:
    """The backward pass that a tape stands for, as a program: cotangents in, gradients of `inputs` out.

    What the forward pass has saved is in it as constants; the tape stays as it is. An input that does not
    matter gets zeros.

    Raises RuntimeError if the tape has been used up, an input is not on it, or a trace is running.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
    >>> print(from_tape(x * x * x, x).equations[0].op)
    <op mul>
    """
    from ..autograd.engine import grad_of
    from .trace import TraceError, Tracer

    if clock.tracer is not None:
        raise TraceError("from_tape() cannot be called inside a trace, which records backward() itself")
    roots, targets = as_tuple(outputs), as_tuple(inputs)
    tracer = Tracer([])
    cotangents = []
    for t in roots:
        var = Var(t._a.shape, FROM_NUMPY[t._a.dtype], "g")
        tracer.inputs.append(var)
        cotangents.append(Tensor._wrap(tracer.wrap(np.ones(t._a.shape, t._a.dtype), var)))
    clock.tracer = tracer
    try:
        found = grad_of(roots, cotangents, targets, True, False)
        tracer.lift(*found)
        gradients = [
            tracer.constant(np.zeros_like(t._a)) if g is None else g._a.read() for g, t in zip(found, targets)
        ]
    finally:
        clock.tracer = None
        tracer.close()
    reached = dict(zip(tracer.inputs[len(roots) :], (np.array(t._a) for t in tracer.captured)))
    constants = {**tracer.constants, **reached}
    return Program(tuple(tracer.inputs[: len(roots)]), constants, tuple(tracer.equations), tuple(gradients))
