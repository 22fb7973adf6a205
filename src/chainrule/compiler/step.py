"""compile(): a training step, or a function of tensors, traced at its first call and machine code from then
on.
"""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from types import MethodType
from typing import Any

from ..autograd.tape import clock, mode
from ..errors import message
from ..program.ir import Program
from ..program.numbers import numbers_in
from ..program.passes.state import draws
from ..program.results import tensors_in
from ..program.trace import TraceError, trace
from ..tensor import Tensor
from ..types import default
from .binding import entry_of
from .options import Options
from .report import report
from .runner import NativeRunner
from .specialisation import Specialisation

Key = tuple[Any, ...]
_PACKAGE = __name__.partition(".")[0]
_KINDS = 8  # specialisations for one kind of arguments: training and evaluation, a few values of a constant


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


class Compiled:
    """A compiled function: call it like the original."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.function, self.options = function, options
        self._kinds: dict[Key, list[Specialisation]] = {}
        self._first: dict[Any, float] = {}  # the first value of each float argument,
        self._varying: set[Any] = set()  # … those that have had another one, and are inputs,
        self._pinned: set[Any] = set()  # … and those that cannot be: see numbers.py
        self._warned = False
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
        return next((s for s in self._kinds.get(key, ()) if not s.change()), None)

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
            if len(kinds) == _KINDS:
                self._again(kinds.pop())
            kinds.insert(0, self._latest)
            self._enter(self._latest, args, kwargs)
            self._latest.calibrate()
        value, traced.value = traced.value, None
        return value

    def _again(self, oldest: Specialisation) -> None:
        """Say once that the step is compiled again and again, and what changes."""
        change = oldest.change()
        if change and not self._warned:
            self._warned = True
            warnings.warn(
                message(
                    f"{self.function.__name__} is compiled again and again: {_KINDS + 1} times by now",
                    came=f"what has changed: {change}",
                    expected="the same things outside the step at each call, or few values",
                    fix="pass what changes as an argument: a tensor, or a float",
                ),
                stacklevel=_level_of_the_caller(),
            )

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


def _level_of_the_caller() -> int:
    """For a warning of the function that calls this: the level of the first frame outside this package."""
    frame: Any = sys._getframe(1)
    level = 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    return level


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
