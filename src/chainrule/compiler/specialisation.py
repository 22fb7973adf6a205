"""A traced and compiled step for certain arguments."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .._structure import changed
from ..inplace import touch
from ..program.ir import Program
from ..program.results import Passed, Result, rebuilt
from ..program.traces import Backward, Trace, contents
from ..tensor import Tensor
from .cost import cost
from .differentiable import Bridge, halves
from .layout import contiguous_strides
from .options import Options
from .pipeline import Passes
from .runner import NativeRunner, NumPyRunner, Role


class Specialisation:
    """A traced and compiled step for certain arguments, and what must stay as it was at the trace."""

    def __init__(self, traced: Trace, options: Options, name: str = "step") -> None:
        self.trace, self.options = traced, options
        self.program, self.roles = _own_outputs(traced)
        self.passes = Passes(options.fast)
        self.cost = cost(self.program)
        tensors = [*traced.arguments, *traced.captured]
        self.strides = [_strides(t._array()) for t in tensors]
        # Numbers have one home: a native call writes them where every other way to run the code reads them.
        self.numbers = np.zeros(len(traced.numbers) + len(traced.scalars))
        self.strides += [()] * len(self.numbers)
        self.fixed = [(t, t._array(), t._node is not None) for t in traced.captured]
        self.written = [tensors[i] for i in traced.written]
        self.dropped = [*traced.gradients, *traced.cleared]
        for t in self.dropped:
            _watch(t)
        self.bridge: Bridge | None = None
        self.pace = 1  # steps that train() makes between two looks at the keyboard
        self.name = name
        if traced.backward is None:
            self.runner = self._runner(self.program, self.strides, self.roles, self.passes)
        else:
            self._in_halves(traced.backward)

    @cached_property
    def optimised(self) -> Program:
        """The program after all passes."""
        return self.passes(self.program) if self.bridge is not None else self.runner.program

    def _runner(self, program: Program, strides: list[Any], roles: list[Role], passes: Any = None) -> Any:
        if self.options.native:
            return NativeRunner(program, strides, roles, None, self._threads(), passes)
        return NumPyRunner(program if passes is None else passes(program), roles)

    def _threads(self) -> int:
        """As many as were asked for; else as many as pay and set_num_threads allows."""
        from .threads import threads_for

        return self.options.threads or threads_for(*self.cost)

    def calibrate(self) -> None:
        """Let no more threads run than pay, unless their number was asked for.

        The code is made by then, and the trace's last product with NumPy long ago: OpenBLAS's threads are
        idle.
        """
        if self.options.native and not self.options.threads and self.runner.threads > 1:
            from .threads import calibration

            calibration()

    def _in_halves(self, backward: Backward) -> None:
        """Forward and backward as two programs, for use on the tape."""
        results = sum(r.kind == "result" for r in self.roles)
        parts = halves(self.passes(self.program), len(self.roles), backward)
        roles = [*self.roles, *(Role("result", results + i) for i in range(len(parts.kept)))]
        self.runner = self._runner(parts.forward, self.strides, roles)
        strides = [self.strides[i] for i in parts.read]
        strides += [contiguous_strides(v.shape) for v in parts.backward.inputs[len(strides) :]]
        outputs = [Role("result", i) for i in range(len(parts.backward.outputs))]
        self.pull = self._runner(parts.backward, strides, outputs)
        self.bridge = Bridge(parts, backward, results, self.runner, self.pull)

    def change(self) -> str:
        """What the trace took for granted and is no longer so, in words; "" if all is."""
        for t, array, tracked in self.fixed:
            a = t._a
            if a is not array and not _alike(a, array):
                return f"a tensor from outside: {_kind(array)} was here, {_kind(a)} is now"
            if (t._node is not None) is not tracked:
                return f"requires_grad of a tensor from outside, {_kind(a)}"
        for table, held in self.trace.tables:
            if contents(table) != held:
                return f"an optimizer's table with {', '.join(map(repr, list(table)[:6]))}"
        for n in self.trace.numbers:
            value = n.value()
            if type(value) not in (int, float) or value == 0:
                return f"the hyper-parameter {n.key!r}: {value!r} is another case than other numbers"
        for table, key, held in self.trace.settings:
            if not _as_read(now := table.get(key), held):
                return f"the hyper-parameter {key!r}: {held!r} was here, {now!r} is now"
        return self.trace.guards.change()

    @cached_property
    def looping(self) -> Any:
        """The loop of train() that is written for this step alone, if there is one."""
        return self.runner.scalars(len(self.trace.arguments))

    def numbered(self, floats: dict[Any, float]) -> list[Any]:
        """The numbers' present values as 0-dim arrays; a forward half keeps its own for its backward half."""
        now = [float(n.value()) for n in self.trace.numbers]
        now += [floats[path] for path in self.trace.scalars if path in floats]
        self.numbers[: len(now)] = now
        home = self.numbers if self.bridge is None else self.numbers.copy()
        return [home[i : i + 1].reshape(()) for i in range(len(home))]

    def bind(self) -> list[Any]:
        """Put everything but the arguments into the table of the code; what must be kept meanwhile."""
        inputs = [t._array() for t in self.trace.captured] + self.numbered({})
        self.runner.bind(inputs, len(self.trace.arguments))
        return inputs

    def after(self, inputs: Any = None) -> None:
        """Note what steps that ran natively have changed."""
        for t in self.written:
            touch(t, None)
        for t in self.dropped:
            t._grad = None

    def run(self, arguments: list[Tensor], floats: dict[Any, float]) -> Any:
        """One step on these arguments."""
        tensors = [*arguments, *self.trace.captured]
        arrays = [t._array() for t in tensors] + self.numbered(floats)
        if self.bridge is None:
            results = [Tensor._wrap(a) for a in self.runner(arrays)]
        else:
            results = self.bridge(arrays, tensors)
        for i in self.trace.written:
            touch(tensors[i], None)
        for t in self.dropped:
            t._grad = None
        return _filled(self.trace.result, results, tensors)


_GRADIENT = -2  # the key of the hook below, among a leaf's hooks


def _watch(t: Tensor) -> None:
    """Let the compiled step know when an eager backward pass leaves a gradient here: it would be stale."""
    t._grad = None
    node: Any = t._node
    if node is not None:
        node.post_hooks = {**(node.post_hooks or {}), _GRADIENT: lambda _: changed()}


def _own_outputs(traced: Trace) -> tuple[Program, list[Role]]:
    """The program with the outputs that a call has use for, and what becomes of each.

    The gradients that a step leaves behind are not kept; those of its results follow its own outputs.
    """
    roles = _roles(traced)
    outputs = traced.program.outputs[: len(roles)]
    inputs, equations = traced.program.inputs, traced.program.equations
    if traced.backward is not None:
        equations = (*equations, *traced.backward.equations)
        inputs = (*inputs, *traced.backward.cotangents)
        outputs = (*outputs, *traced.backward.gradients)
    return traced.program.replaced(inputs=inputs, equations=equations, outputs=outputs), roles


def _roles(traced: Trace) -> list[Role]:
    """What becomes of each output; the gradients that a step leaves behind are not kept."""
    results = len(traced.program.outputs) - len(traced.written) - len(traced.gradients)
    return [Role("result", i) for i in range(results)] + [Role("update", i) for i in traced.written]


def _strides(array: Any) -> tuple[int, ...]:
    return tuple(s // array.itemsize for s in array.strides)


def _kind(a: Any) -> str:
    return f"{a.dtype}{list(a.shape)}"


def _as_read(now: Any, held: Any) -> bool:
    """Whether a setting is what the trace took for a constant."""
    return now is held or (type(now) is type(held) and not isinstance(now, Tensor) and bool(now == held))


def _alike(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and a.dtype == b.dtype and getattr(a, "strides", None) == b.strides)


def _filled(template: Any, results: list[Tensor], tensors: list[Tensor]) -> Any:
    """What the function returned, with these tensors in the places of the traced ones."""
    if isinstance(template, Result):
        return results[template.place]
    if isinstance(template, Passed):
        return tensors[template.place]
    if type(template) in (list, tuple):
        return type(template)(_filled(t, results, tensors) for t in template)
    if isinstance(template, tuple):
        return rebuilt(template, [_filled(t, results, tensors) for t in template])
    if type(template) is dict:
        return {k: _filled(t, results, tensors) for k, t in template.items()}
    return template
