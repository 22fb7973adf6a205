"""compile(): a training step, or a function of tensors, traced at its first call and machine code from then
on.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, update_wrapper
from types import MethodType
from typing import Any

import numpy as np

from .._structure import changed
from ..autograd.tape import clock, mode
from ..inplace import touch
from ..program.ir import Program
from ..program.numbers import numbers_in
from ..program.passes.state import draws
from ..program.results import Passed, Result, rebuilt, tensors_in
from ..program.trace import Backward, Trace, TraceError, contents, trace
from ..tensor import Tensor
from ..types import default
from .binding import entry_of
from .cost import cost
from .differentiable import Bridge, halves
from .layout import contiguous_strides
from .options import Options
from .pipeline import Passes
from .report import report
from .runner import NativeRunner, NumPyRunner, Role

Key = tuple[Any, ...]
_KINDS = 8  # specialisations for one kind of arguments: training and evaluation, a few values of a constant


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

        The code is made by then, and what the trace computed with NumPy long ago: OpenBLAS's threads are idle.
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

    def holds(self) -> bool:
        """Whether everything that the trace took for granted is still so."""
        for t, array, tracked in self.fixed:
            a = t._a
            if (a is not array and not _alike(a, array)) or (t._node is not None) is not tracked:
                return False
        if any(contents(table) != held for table, held in self.trace.tables):
            return False
        if not all(type(v := n.value()) in (int, float) and v != 0 for n in self.trace.numbers):
            return False
        return bool(self.trace.guards.holds())

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


@contextmanager
def uncollected() -> Iterator[None]:
    """A block that makes many objects and no garbage: the collector would only walk over them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


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
    inputs = traced.program.inputs
    if traced.backward is not None:
        inputs = (*inputs, *traced.backward.cotangents)
        outputs = (*outputs, *traced.backward.gradients)
    return traced.program.replaced(inputs=inputs, outputs=outputs), roles


def _roles(traced: Trace) -> list[Role]:
    """What becomes of each output; the gradients that a step leaves behind are not kept."""
    results = len(traced.program.outputs) - len(traced.written) - len(traced.gradients)
    return [Role("result", i) for i in range(results)] + [Role("update", i) for i in traced.written]


def _strides(array: Any) -> tuple[int, ...]:
    return tuple(s // array.itemsize for s in array.strides)


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


class Compiled:
    """A compiled function: call it like the original."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.function, self.options = function, options
        self._kinds: dict[Key, list[Specialisation]] = {}
        self._first: dict[Any, float] = {}  # the first value of each float argument,
        self._varying: set[Any] = set()  # … those that have had another one, and are inputs,
        self._pinned: set[Any] = set()  # … and those that cannot be: see numbers.py
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if clock.tracer is not None:
            return self.function(*args, **kwargs)
        arguments = tensors_in((args, kwargs))
        floats = dict(numbers_in((args, kwargs)))
        self._look_at(floats)
        found = self._known(_key(args, kwargs, arguments, self._varying))
        if found is None:
            return self._traced(args, kwargs, arguments)
        self._enter(found, args, kwargs)
        return found.run(arguments, floats)

    def _look_at(self, floats: dict[Any, float]) -> None:
        """A float that has come with a second value becomes an input, unless it was asked for its value."""
        for path, value in floats.items():
            if self._first.setdefault(path, value) != value and path not in self._pinned:
                self._varying.add(path)

    def _enter(self, known: Specialisation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Let the next calls like this one go straight to the code."""
        entry = None if kwargs else entry_of(known, args, self._slow)
        type(self).__call__ = Compiled.__call__ if entry is None else entry  # type: ignore[method-assign]

    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        return Compiled.__call__(self, *args, **kwargs)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else MethodType(self, owner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["function"], name)

    def known(self, args: Sequence[Any]) -> Specialisation | None:
        """The specialisation for these arguments, if there is one that holds."""
        return self._known(_key(tuple(args), {}, tensors_in(args), self._varying))

    def _known(self, key: Key) -> Specialisation | None:
        return next((s for s in self._kinds.get(key, ()) if s.holds()), None)

    def _traced(self, args: tuple[Any, ...], kwargs: dict[str, Any], arguments: list[Tensor]) -> Any:
        """Run the function once, traced, and compile what it did."""
        with uncollected():
            return self._compiled(args, kwargs, arguments)

    def _compiled(self, args: tuple[Any, ...], kwargs: dict[str, Any], arguments: list[Tensor]) -> Any:
        here = [path for path, _ in numbers_in((args, kwargs)) if path in self._varying]
        traced = trace(self.function, args, kwargs, here)
        self._pinned |= traced.pinned
        self._varying -= traced.pinned
        key = _key(args, kwargs, arguments, self._varying)
        if not traced.provisional:
            self._latest = Specialisation(traced, self.options, getattr(self.function, "__name__", "step"))
            kinds = self._kinds.setdefault(key, [])
            kinds.insert(0, self._latest)
            del kinds[_KINDS:]
            self._enter(self._latest, args, kwargs)
            self._latest.calibrate()
        value, traced.value = traced.value, None
        return value

    @property
    def draws(self) -> bool | None:
        """Whether a step draws random numbers; None if it has not been called yet."""
        return (
            None
            if not self._kinds
            else any(draws(e) for kinds in self._kinds.values() for s in kinds for e in s.program.equations)
        )

    # ----- looking inside

    def _any(self) -> Specialisation:
        if not self._kinds:
            raise RuntimeError(
                f"{self.function.__name__} has not been called yet: it is compiled at its first call"
            )
        return self._latest

    @property
    def program(self) -> Program:
        """What the latest trace wrote down: forward, backward and update."""
        return self._any().program

    @property
    def optimized(self) -> Program:
        """The program after all passes."""
        return self._any().optimised

    def report(self) -> str:
        """The kernels of the latest specialisation: what fused with what, memory, threads, times."""
        known = self._any()
        if not isinstance(known.runner, NativeRunner):
            return f"{known.name}: {len(known.optimised.equations)} equations, run by NumPy"
        return report(known.name, known.runner.assembled, known.runner.threads, known.runner.seconds)

    @property
    def ir(self) -> str:
        """The LLVM IR of the latest specialisation."""
        runner = self._any().runner
        return runner.assembled.text if isinstance(runner, NativeRunner) else ""


def _key(args: Any, kwargs: Any, tensors: list[Tensor], varying: set[Any]) -> Key:
    """What a specialisation depends on: the arguments' types, shapes and values that are no tensors."""

    def kind(x: Any, path: Any) -> Any:
        if path in varying and type(x) is float:
            return float
        if isinstance(x, Tensor):
            a = x._array()
            place = next(i for i, t in enumerate(tensors) if t is x)
            return place, a.shape, a.strides, a.dtype.str, x._node is not None, type(x)
        if isinstance(x, (list, tuple)):
            return type(x), tuple(kind(v, (*path, i)) for i, v in enumerate(x))
        if isinstance(x, dict):
            return tuple((k, kind(v, (*path, k))) for k, v in x.items())
        if x is None or isinstance(x, (int, float, str, bool, complex)):
            return type(x), x
        return id(x)

    return kind(args, (0,)), kind(kwargs, (1,)), mode.grad, default.dtype


def compile(
    function: Callable[..., Any] | None = None,
    *,
    fast: bool = False,
    threads: int | None = None,
    backend: str = "native",
    mode: str | None = None,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Compile a step: forward, backward and optimizer update become one piece of machine code.

    Use it as a decorator or on a function. The first call runs the function as it is and traces it; calls
    with other shapes are traced anew. Parameters, buffers and optimizer state that the function reaches are
    read and written in place; a learning rate that a scheduler changes is read at each call.

    fast     allow identities that change NaN and infinity, such as x * 0 = 0
    threads  that share a step; by default as many as set_num_threads allows at the first call, or one where
             the step is too short for more
    backend  "native" or PyTorch's "inductor", the same; "numpy" or "eager" for the records' own forwards
    disable  return the function as it is

    `mode`, `fullgraph`, `dynamic` and `options` are taken as torch.compile takes them, and change nothing:
    a step is one whole graph for given shapes.

    Raises TraceError at the first call, with the line, for what cannot be compiled: a decision by a
    tensor's value, or a Python number made from one; ValueError for an unknown backend or mode.

    >>> import chainrule as cr
    >>> w = cr.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = cr.optim.SGD([w], lr=0.1)
    >>> @cr.compile
    ... def step(x):
    ...     optimizer.zero_grad()
    ...     loss = ((w - x) ** 2).sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> x = cr.tensor([0.0, 0.0])
    >>> [round(step(x).item(), 4) for _ in range(3)]
    [5.0, 3.2, 2.048]
    """
    if function is None:
        return lambda f: compile(f, fast=fast, threads=threads, backend=backend, mode=mode, disable=disable)
    chosen = Options(fast, threads, backend, mode)
    if disable:
        return function
    kind = type("Compiled", (Compiled,), {})  # its own type: calls go to the code through the type's __call__
    made: Compiled = kind(function, chosen)
    return made


__all__ = ["Compiled", "TraceError", "compile"]
