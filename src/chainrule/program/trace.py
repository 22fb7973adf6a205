"""Tracing: run a function once, for real, and keep what it computed as a program.

The function's arguments, and every tensor it reaches on its own (parameters, buffers, optimizer state),
become inputs; tensors that it changes in place and the gradients it leaves behind become outputs: the
program's state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

import numpy as np

from ..autograd.tape import clock, mode
from ..errors import message
from ..tensor import Tensor
from ..types import FROM_NUMPY, default, float64
from .draws import random_states, refuse_draws
from .guards import Guards
from .ir import Program, Var
from .numbers import Number as Scalar
from .numbers import numbers_in, replaced
from .passes.state import draws
from .results import template, tensors_in, unwrap
from .traced import INSIDE, NUMBER, OUTSIDE, SHAPE, Recorder, Traced, TraceError, raw, refuse
from .traces import Backward, Number, Trace, contents


class Tracer(Recorder):
    """The trace that is being made; `clock.tracer` while the function runs."""

    def __init__(self, arguments: list[Tensor]) -> None:
        super().__init__()
        self.thread = get_ident()
        self.lifted: dict[int, tuple[Tensor, Any]] = {}
        self.fresh: dict[
            int, Any
        ] = {}  # arrays made by the function itself, kept so that their ids stay theirs
        self.known: dict[Any, Traced] = {}
        self.arguments = arguments
        self.captured: list[Tensor] = []
        self.inputs_of: list[Traced] = []
        self.numbers: dict[tuple[int, Any, int | None], tuple[Number, Traced, Any]] = {}
        self.settings: dict[tuple[int, Any], tuple[dict[Any, Any], Any, Any]] = {}
        self.scalars: dict[tuple[Any, ...], Scalar] = {}
        self.pinned: set[Any] = set()
        self.provisional = False
        self.kept: list[Tensor] = []
        self.tables: dict[int, dict[Any, Any]] = {}
        self.leaves: dict[int, tuple[Tensor, Any]] = {}
        for t in arguments:
            self.inputs_of.append(self._enter(t, "x"))

    def here(self) -> bool:
        """Whether the running code belongs to the traced function, not to another thread."""
        return get_ident() == self.thread

    sees = here

    def _enter(self, t: Tensor, name: str) -> Traced:
        a = t._a if isinstance(t._a, np.ndarray) else np.asarray(t._a)
        self.lifted[id(t)] = (t, a)
        var = Var(a.shape, FROM_NUMPY[a.dtype], name)
        self.inputs.append(var)
        traced = self.wrap(a, var)
        traced.tracer = self
        t._a = traced
        return traced

    # ----- what the engine calls

    def entered(self, op: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """An operation's arguments: tensors lifted, numbers as tensors, or pinned if they are attributes."""
        self.lift(*args)
        if any(isinstance(x, Scalar) for x in args):
            kind = next((x.dtype for x in args if isinstance(x, Tensor)), default.dtype)
            args = tuple(
                (x.tensor(kind) if i in op.promote else float(x)) if isinstance(x, Scalar) else x
                for i, x in enumerate(args)
            )
            self.lift(*args)
        return args

    def storage(self, t: Tensor) -> Any:
        """A tensor's storage, once the tensor is lifted."""
        self.lift(t)
        return t._a

    def lift(self, *values: Any) -> None:
        """Give tensors that the function meets for the first time their traced arrays."""
        for x in values:
            if isinstance(x, Tensor):
                if not isinstance(x._a, Traced) and get_ident() == self.thread:
                    self._lift(x)
            elif type(x) in (list, tuple):
                self.lift(*x)

    def _lift(self, t: Tensor) -> None:
        a = t._a if isinstance(t._a, np.ndarray) else np.asarray(t._a)
        if id(t._a) in self.fresh or id(a) in self.fresh:
            self.lifted[id(t)] = (t, a)
            t._a = self.wrap(a, self.constant(a))
            self.known[_place(a)] = t._a
            return
        place = _place(a)
        if place in self.known:
            self.lifted[id(t)] = (t, a)
            t._a = self.known[place]
            return
        traced = self._enter(t, getattr(t, "_name", "") or "p")
        self.known[place] = traced
        self.captured.append(t)
        self.inputs_of.append(traced)

    def to_numpy(self, t: Tensor) -> Any:
        """Refuse to let a tensor leave for NumPy, which does not record what it computes."""
        if self.here():
            raise refuse("use NumPy on its tensors", OUTSIDE)
        return t._array()

    def from_numpy(self) -> None:
        """Refuse data that comes from outside by way of NumPy: it would be frozen in the program."""
        if self.here():
            raise refuse("make a tensor from NumPy's data, which would be the same at every call", INSIDE)

    def looked_at(self, t: Tensor) -> Any:
        """The storage of a tensor whose values are asked for: refused, but for constants of the step."""
        a = t._a
        if isinstance(a, Traced) or id(a) in self.fresh or not self.here():
            return a  # a traced array refuses by itself
        raise refuse(NUMBER, OUTSIDE)

    def shaping(self, what: str, t: Tensor) -> Any:
        """The values of a tensor that decide the shape of a result: those of constants, of what is made of
        them.
        """
        if not self.here() or id(t._a) in self.fresh:
            return t._a
        self.lift(t)
        made = {v: e for e in self.equations for v in e.outputs}
        todo = [t._a.read()]
        while todo:
            v = todo.pop()
            if v in made and not draws(made[v]):
                todo.extend(made[v].inputs)
            elif v not in self.constants:
                raise refuse(f"{what}: the shape of the result depends on values", SHAPE)
        return raw(t._a)

    def made(self, array: Any) -> None:
        """Note an array that the function has made itself: a constant, not somebody's state."""
        if not isinstance(array, Traced) and get_ident() == self.thread:
            self.fresh[id(array)] = array

    def outlives(self, array: Any) -> None:
        """Note that an array the function has just made is state for the steps to come, not a constant."""
        self.fresh.pop(id(array), None)

    def first_time(self, t: Tensor) -> None:
        """Note a state entry whose first value the function has computed: the next run will differ."""
        self.provisional = True
        self.kept.append(t)

    def found_in(self, table: dict[Any, Any]) -> None:
        """Note a table (of an optimizer) whose entries must stay the same objects; numbers may change."""
        self.tables[id(table)] = table

    def leaf(self, t: Tensor, before: Any) -> None:
        """Note a leaf whose `.grad` is about to change, and what it was."""
        self.leaves.setdefault(id(t), (t, before))

    def number(self, table: dict[Any, Any], key: Any) -> Any:
        """A hyper-parameter for an update rule: a variable where its value may change without a new trace."""
        value = table[key]
        if isinstance(value, (tuple, list)):
            return tuple(self._number(table, key, i, v) for i, v in enumerate(value))
        return self._number(table, key, None, value)

    def _number(self, table: dict[Any, Any], key: Any, index: int | None, value: Any) -> Any:
        if isinstance(value, Tensor):
            return value
        if type(value) not in (float, int) or value == 0:
            self.setting(table, key)
            return value
        place = (id(table), key, index)
        if place not in self.numbers:
            array = np.array(float(value))
            var = Var((), float64, str(key) if index is None else f"{key}{index}")
            self.numbers[place] = (Number(table, key, index), self.wrap(array, var), value)
        return Tensor._wrap(self.numbers[place][1])

    def scalar(self, path: tuple[Any, ...], value: float) -> Scalar:
        """A float argument that may be another one at each call."""
        var = Var((), float64, "n")
        self.scalars[path] = Scalar(self, self.wrap(np.array(value), var), value, frozenset([path]))
        return self.scalars[path]

    def setting(self, table: dict[Any, Any], key: Any) -> Any:
        """A setting that the function reads as a constant: the trace holds while it stays the same."""
        value = table[key]
        self.settings.setdefault((id(table), key), (table, key, value))
        return value

    # ----- the end

    def finish(self, value: Any) -> Trace:
        """Close the trace: the program, and everything back to plain arrays."""
        outputs: list[Var] = []
        found: list[Tensor] = []
        known = [*self.arguments, *self.captured]
        result = template(value, outputs, found, {id(t): i for i, t in enumerate(known)})
        written = []
        for i, traced in enumerate(self.inputs_of):
            if traced.cell is not None and traced.cell.changes:
                written.append(i)
                outputs.append(traced.cell.var)
        gradients, cleared = [], []
        for t, before in self.leaves.values():
            after = t._grad
            if after is None:
                cleared.append(t)
            elif after is not before:
                gradients.append(t)
                outputs.append(after._a.read() if isinstance(after._a, Traced) else self.constant(after._a))
        numbers = [n for n, _, _ in self.numbers.values()]
        self._check_unchanged()
        equations = tuple(self.equations)
        backward = self._derivative(found)
        read = [t for _, t, _ in self.numbers.values()] + [n.traced for n in self.scalars.values()]
        inputs = (*self.inputs, *(t.cell.var for t in read))
        program = Program(inputs, self.constants, equations, tuple(outputs))
        return Trace(
            program, self.arguments, self.captured, numbers, written, gradients, cleared, result, value,
            list(self.scalars), frozenset(self.pinned), self.provisional, list(self.settings.values()),
            [(table, contents(table)) for table in self.tables.values()], None, backward,
        )  # fmt: skip

    def _derivative(self, results: list[Tensor]) -> Backward | None:
        """Differentiate the results, if they can still be: the function has not called backward itself."""
        from ..autograd.engine import grad_of

        roots = [i for i, t in enumerate(results) if t._node is not None]
        everything = [*self.arguments, *self.captured]
        targets = [i for i, t in enumerate(everything) if t._node is not None]
        if not roots or not targets or not mode.grad:
            return None
        cotangents = []
        for i in roots:
            a = results[i]._a
            var = Var(a.shape, FROM_NUMPY[a.dtype], f"d{i}")
            cotangents.append((Tensor._wrap(self.wrap(np.ones(a.shape, a.dtype), var)), var))
        before = len(self.equations)
        try:
            found = grad_of([results[i] for i in roots], [g for g, _ in cotangents],
                            [everything[i] for i in targets], True, False)  # fmt: skip
        except RuntimeError:  # backward() inside the function has freed what it needs
            del self.equations[before:]
            return None
        wanted = [(i, g) for i, g in zip(targets, found) if g is not None]
        for _, g in wanted:
            self.lift(g)
        gradients = [g._a.read() for _, g in wanted]  # reading may write equations
        return Backward(
            tuple(self.equations[before:]),
            roots,
            [v for _, v in cotangents],
            [i for i, _ in wanted],
            gradients,
        )

    def _check_unchanged(self) -> None:
        for number, _, before in self.numbers.values():
            if number.value() != before:
                raise TraceError(
                    message(
                        f"a compiled step changes its own setting {number.key!r}",
                        came=f"{number.key} was {before} before the step and is {number.value()} after it",
                        expected="a step that only reads its settings: its code runs once, at the trace",
                        fix="call scheduler.step() behind the compiled step, not inside it",
                    )
                )

    def close(self, *values: Any) -> None:
        """Put the plain arrays back; traced arrays that are left anywhere refuse to be used."""
        self.open = False
        for t, a in self.lifted.values():
            t._a = a
        for t, _ in self.leaves.values():
            unwrap(t._grad)
        for value in (*self.kept, *values):
            unwrap(value)


def _place(a: Any) -> Any:
    return (a.__array_interface__["data"][0], a.shape, a.strides, a.dtype.str)


def trace(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None,
    scalars: Iterable[tuple[Any, ...]] = (),
) -> Trace:  # fmt: skip
    """Run function(*args) once and return its trace; the run has its ordinary effects.

    The floats at the ways `scalars` through (args, kwargs) become inputs instead of constants.

    Raises TraceError, with the line, for what cannot be written as a program: a branch on a value, `.item()`.
    """
    if clock.tracer is not None:
        raise TraceError("a compiled step cannot be traced inside the trace of another one")
    guards = Guards(function, args, kwargs)
    tracer = Tracer(list(tensors_in((args, kwargs or {}))))
    clock.tracer = tracer
    value = None
    try:
        given = dict(numbers_in((args, kwargs or {})))
        chosen = {path: tracer.scalar(path, given[path]) for path in scalars}
        args, kwargs = replaced((args, kwargs or {}), chosen)
        before = random_states(guards.generators)
        value = function(*args, **kwargs)
        refuse_draws(before)
        found = tracer.finish(value)
        found.guards = guards
        return found
    finally:
        clock.tracer = None
        tracer.close(value)


__all__ = ["TraceError", "Tracer", "trace"]
