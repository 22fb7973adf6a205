"""Programs from derivatives: of a program, equation by equation, and of a tape that an eager run has left.

Each gradient equation keeps, as `origin`, the equation whose rule wrote it, and the line that one came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.tape import clock
from ..ops.movement import sum_to
from ..tensor import Tensor
from ..types import FLOAT, FROM_NUMPY
from .build import Builder, Symbol
from .ir import Equation, Program, Var


def differentiate(program: Program, wrt: Sequence[Var] | None = None) -> Program:
    """The program of vᵀ·∂(outputs)/∂x for each x of `wrt` (all floating inputs if none are named).

    Its inputs are the program's own, then a cotangent v for each output; its outputs are the gradients,
    zeros for an input that does not matter.

    Raises NotImplementedError for an operation without a derivative on the way.

    >>> from chainrule.program import parse
    >>> print(differentiate(parse("program(x: f32[2]):\\n    y: f32[2] = exp(x)\\n    return y")))
    program(x: f32[2], dy: f32[2]):
        y: f32[2] = exp(x)
        v3: f32[2] = mul(dy, y)
        return v3
    """
    return _Reverse(program).gradients(
        [v for v in program.inputs if v.dtype.category >= FLOAT] if wrt is None else list(wrt)
    )


class _Reverse:
    """The equations backwards, with the cotangents that have arrived at each variable."""

    def __init__(self, program: Program) -> None:
        self.program, self.builder = program, Builder()
        self.builder.inputs = list(program.inputs)
        self.builder.constants = dict(program.constants)
        self.builder.equations = list(program.equations)
        self.arrived: dict[Var, Symbol] = {}

    def gradients(self, wrt: list[Var]) -> Program:
        builder = self.builder
        for v in self.program.outputs:
            self._send(v, builder.input(v.shape, v.dtype, f"d{v.name}" if v.name else ""))
        needed = self._leading_to(set(wrt))
        for equation in reversed(self.program.equations):
            cotangents = [self.arrived.get(v) for v in equation.outputs]
            if any(c is not None for c in cotangents) and needed.intersection(equation.inputs):
                self._through(equation, cotangents, needed)
        found = [self.arrived[v] if v in self.arrived else self._zeros(v) for v in wrt]
        return builder.program(found)

    def _leading_to(self, wrt: set[Var]) -> set[Var]:
        """The variables that depend on one of `wrt`, which are among them."""
        needed = set(wrt)
        for equation in self.program.equations:
            if needed.intersection(equation.inputs):
                needed.update(v for v in equation.outputs if v.dtype.category >= FLOAT)
        return needed

    def _send(self, v: Var, g: Any) -> None:
        self.arrived[v] = g if v not in self.arrived else self.arrived[v] + g

    def _zeros(self, v: Var) -> Symbol:
        return self.builder.constant(np.zeros(v.shape, v.dtype.np))

    def _through(self, equation: Equation, cotangents: list[Any], needed: set[Var]) -> None:
        """Send what has arrived at an equation's results on to its operands, by the record's rule."""
        op, builder = equation.op, self.builder
        if not op.differentiable:
            raise NotImplementedError(f"{op.name} has no derivative: {op.nondiff}")
        builder.where, builder.origin = equation.where, equation
        symbols = tuple(Symbol(builder, x) if isinstance(x, Var) else x for x in equation.operands)
        args = equation.with_operands(symbols)
        results: Any = [Symbol(builder, v) for v in equation.outputs]
        g: Any = [c if c is not None else self._zeros(v) for c, v in zip(cotangents, equation.outputs)]
        if op.outputs == 1:
            results, g = results[0], g[0]
        wanted = [isinstance(x, Var) and x in needed for x in equation.operands]
        rule: Any = op.pulls[0]
        if op.joint:
            found = rule(g, results, *args, **({"needs": wanted} if op.needs else {}))
        else:
            pulls = [*op.pulls, *[None] * (len(wanted) - len(op.pulls))]
            found = [p(g, results, *args) if w and p is not None else None for p, w in zip(pulls, wanted)]
        for x, w, value in zip(equation.operands, wanted, found):
            if w and value is not None:
                self._send(x, value if value.shape == x.shape else sum_to(value, x.shape))


def from_tape(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> Program:
    """The backward pass that a tape stands for, as a program: cotangents in, gradients of `inputs` out.

    What the forward pass has saved is in it as constants; the tape stays as it is. An input that does not
    matter gets zeros.

    Raises RuntimeError if the tape has been used up, or an input is not on it.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
    >>> print(from_tape([x * x * x], [x]).equations[0].op)
    <op mul>
    """
    from ..autograd.engine import grad_of
    from .trace import Tracer

    tracer = Tracer([])
    before = clock.tracer
    cotangents = []
    for t in outputs:
        var = Var(t._a.shape, FROM_NUMPY[t._a.dtype], "g")
        tracer.inputs.append(var)
        cotangents.append(Tensor._wrap(tracer.wrap(np.ones(t._a.shape, t._a.dtype), var)))
    clock.tracer = tracer
    try:
        found = grad_of(outputs, cotangents, inputs, True, False)
        tracer.lift(*found)
        gradients = [
            tracer.constant(np.zeros_like(t._a)) if g is None else g._a.read() for g, t in zip(found, inputs)
        ]
    finally:
        clock.tracer = before
        tracer.close()
    return Program(tuple(tracer.inputs), tracer.constants, tuple(tracer.equations), tuple(gradients))
