"""Compiled functions inside an eager loop: forward and backward as two programs, joined on the tape.

A function that returns results without calling backward() (a model, a loss) is traced together with its
derivative; the program is then cut in two where the backward pass begins, and what both parts need is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..autograd.function import Function, FunctionRecord
from ..autograd.tape import Node, mode
from ..errors import message
from ..program.ir import Equation, Program, Var
from ..program.traces import Backward
from ..tensor import Tensor


class Halves(NamedTuple):
    """A program and its derivative.

    forward   the program's outputs, then the `kept` values
    backward  its inputs are `read` of the forward program's inputs, the kept values, the cotangents
    """

    forward: Program
    backward: Program
    kept: list[Var]
    read: list[int]


def halves(joint: Program, outputs: int, backward: Backward) -> Halves:
    """Cut a program whose first `outputs` outputs are the function's own and whose last are gradients."""
    made = {v: e for e in joint.equations for v in e.outputs}
    wanted: set[Equation] = set()
    todo = [made[v] for v in joint.outputs[:outputs] if v in made]
    while todo:
        equation = todo.pop()
        if equation not in wanted:
            wanted.add(equation)
            todo.extend(made[v] for v in equation.inputs if v in made)
    first = tuple(e for e in joint.equations if e in wanted)
    second = tuple(e for e in joint.equations if e not in wanted)
    known = {v for e in first for v in e.outputs}
    gradients = joint.outputs[outputs:]
    used = dict.fromkeys([v for e in second for v in e.inputs] + list(gradients))
    kept = [v for v in used if v in known]
    own = joint.inputs[: len(joint.inputs) - len(backward.cotangents)]
    read = [i for i, v in enumerate(own) if v in used]
    forward = Program(own, joint.constants, first, (*joint.outputs[:outputs], *kept))
    inputs = (*(own[i] for i in read), *kept, *joint.inputs[len(own) :])
    return Halves(forward, Program(inputs, joint.constants, second, tuple(gradients)), kept, read)


class Bridge:
    """The tape's view of a compiled function: runs one program forward and the other one backward."""

    def __init__(
        self,
        parts: Halves,
        backward: Backward,
        results: int,
        forward: Callable[..., Any],
        pull: Callable[..., Any],
    ) -> None:
        self.parts, self.backward, self.results = parts, backward, results
        self.forward, self.pull = forward, pull

    def __call__(self, inputs: Sequence[Any], tensors: list[Tensor]) -> list[Tensor]:
        """The results for these arrays; recorded as one operation of the targets among `tensors`."""
        bridge = self
        targets = [tensors[i] for i in self.backward.targets]

        class Compiled(Function):
            @staticmethod
            def forward(ctx: Any, *given: Tensor) -> Any:
                found = bridge.forward(inputs)
                ctx.read = [inputs[i] for i in bridge.parts.read]
                ctx.kept = found[bridge.results :]
                ctx.save_for_backward(*(t for t in tensors if t is not None))
                results = [Tensor._wrap(a) for a in found[: bridge.results]]
                constant = [t for i, t in enumerate(results) if i not in bridge.backward.roots]
                ctx.mark_non_differentiable(*constant)
                return tuple(results)

            @staticmethod
            def backward(ctx: Any, *gs: Any) -> Any:
                cotangents = [_in_order(gs[i]._array()) for i in bridge.backward.roots]
                found = bridge.pull([*ctx.read, *ctx.kept, *cotangents])
                again = tuple(t._node for t in targets) if mode.grad else ()
                return tuple(_final(Tensor._wrap(a), again) for a in found)

        return list(Compiled.apply(*targets))


def _in_order(array: Any) -> Any:
    """The array as the code expects it: a cotangent may be one number, expanded."""
    return array if array.flags.c_contiguous else array.copy()


def _final(gradient: Tensor, edges: tuple[Any, ...]) -> Tensor:
    """A gradient that says what to do instead, if it is to be differentiated once more."""
    if edges:
        record = FunctionRecord("Compiled", 0, _refuse)
        gradient._node = Node(record, (), (), None, edges, gradient._a.shape, None)
    return gradient


def _refuse(*_: Any) -> Any:
    raise RuntimeError(
        message(
            "the gradient of a compiled function cannot be differentiated again",
            came="a second derivative through a function that was compiled on its own",
            expected="first derivatives of it; higher ones inside of a compiled step",
            fix="compile the whole step, with its calls of torch.autograd.grad(..., create_graph=True)",
        )
    )
