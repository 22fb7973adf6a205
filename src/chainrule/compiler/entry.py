"""The callable that stands for a compiled step: it checks that all is as it was traced, then runs the code.

`make_entry(plan)` writes a C-API function where the interpreter is known (abi.py), and a Python function with
the same checks elsewhere. Whatever does not fit — an argument, a replaced parameter, a changed flag, a
keyword — goes to `plan.slow` with the same arguments, and its result is returned.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CellType
from typing import Any, Literal

import numpy as np

from ..autograd.tape import Where
from ..tensor import Tensor
from .rendezvous import HEADER

__all__ = [
    "ABSENT", "HEADER", "Captured", "EntryPlan", "Expected", "FloatArgument", "Given", "Number",
    "ObjectArgument", "Result",
    "TensorArgument", "make_entry",
]  # fmt: skip

Array = np.ndarray[Any, Any]


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""As an expected value: the key must not be there, or the cell must be empty."""


@dataclass(frozen=True)
class TensorArgument:
    """A positional argument that was a tensor.

    slot           where in the step's table its data pointer goes
    types          the exact types that are accepted
    strides        in bytes; those of sizes 0 and 1 do not matter
    requires_grad  whether it had a place on the tape
    written        whether the step changes it
    align          what the data pointer must be a multiple of (0: the element's own size)
    same_as        the earlier argument that was the same object; None: it was no other argument
    """

    slot: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    types: tuple[type, ...] = (Tensor,)
    requires_grad: bool = False
    written: bool = False
    align: int = 0
    same_as: int | None = None

    def bounds(self) -> tuple[int, int]:
        """The bytes it covers, from the data pointer: [low, high)."""
        if 0 in self.shape:
            return 0, 0
        reach = [s * (n - 1) for s, n in zip(self.strides, self.shape)]
        return sum(r for r in reach if r < 0), sum(r for r in reach if r > 0) + self.dtype.itemsize

    def alignment(self) -> int:
        """What the data pointer must be a multiple of."""
        return self.align or self.dtype.alignment


@dataclass(frozen=True)
class ObjectArgument:
    """A positional argument that must be this object, or for exact int, float and str of the same value."""

    value: Any


@dataclass(frozen=True)
class FloatArgument:
    """A positional argument that must be a float (exactly), written to `address` as a double."""

    address: int


@dataclass(frozen=True)
class Captured:
    """A tensor that the step uses without being given it: it must still hold that array, at that node."""

    tensor: Tensor
    array: Any
    node: Any

    @classmethod
    def now(cls, tensor: Tensor) -> Captured:
        """The tensor as it is."""
        return cls(tensor, tensor._a, tensor._node)


@dataclass(frozen=True)
class Number:
    """A hyper-parameter, read before each run: holder[key] or its part [index], as a double at `address`."""

    holder: dict[Any, Any]
    key: str
    address: int
    must_be: Literal["any", "nonzero", "zero"] = "any"
    index: int | None = None


@dataclass(frozen=True)
class Expected:
    """holder[key], or what a cell holds, must be this object (int, float and str: of the same value)."""

    holder: dict[Any, Any] | CellType
    key: str | None
    value: Any


@dataclass(frozen=True, eq=False)
class Result:
    """A fresh tensor in row-major order; the step finds where to write it at table[slot].

    The same Result at two places of a template is one tensor.
    """

    slot: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Given:
    """An argument, returned as it came."""

    index: int


@dataclass
class EntryPlan:
    """Everything an entry point checks, passes on and returns.

    table     the step's words (NOTE [Step table]); constants, state and arena are in place already
    step      the address of `i64 step(ptr table, i64 thread)`
    slow      called when a check fails
    failed    called with the error number of the step and the detail in table[0]; it raises
    written   the tensors among `captured` that the step changes: autograd must know (NOTE [Clock])
    ranges    memory [start, stop) that the step writes and that arguments must not overlap, beyond `written`
    lists     lists that must hold the same objects in the same order
    epoch     (address of an i64, what it must be)
    release   let other Python threads run meanwhile: for steps of more than about 50 µs
    where     the user's line, for errors about saved values that the step changed
    keep      what must live as long as the entry: the library of the code, for one
    """

    table: Array
    step: int
    slow: Callable[..., Any]
    failed: Callable[[int, int], Any]
    arguments: Sequence[TensorArgument | ObjectArgument | FloatArgument] = ()
    captured: Sequence[Captured] = ()
    numbers: Sequence[Number] = ()
    objects: Sequence[Expected] = ()
    written: Sequence[Tensor] = ()
    ranges: Sequence[tuple[int, int]] = ()
    lists: Sequence[tuple[list[Any], tuple[Any, ...]]] = ()
    epoch: tuple[int, int] | None = None
    result: Any = None
    threads: int = 1
    release: bool = False
    where: Where | None = None
    name: str = "step"
    keep: Any = field(default=())

    def tensors(self) -> Iterator[tuple[int, TensorArgument]]:
        """The positions and descriptions of the tensor arguments."""
        return ((i, a) for i, a in enumerate(self.arguments) if isinstance(a, TensorArgument))

    def writes_arguments(self) -> bool:
        return any(a.written for _, a in self.tensors())

    def distinct(self) -> list[tuple[int, int]]:
        """Pairs of arguments that must be two objects: one of them is written, or gathers a gradient."""
        own = [(i, a) for i, a in self.tensors() if a.same_as is None]
        return [
            (i, j) for k, (j, b) in enumerate(own) for i, a in own[:k]
            if a.written or b.written or a.requires_grad or b.requires_grad
        ]  # fmt: skip

    def apart(self) -> list[tuple[int, int]]:
        """Pairs of arguments whose memory must not overlap: one of them is written."""
        own = dict(self.tensors())
        return [(i, j) for i, j in self.distinct() if own[i].written or own[j].written]

    def occupied(self) -> list[tuple[int, int]]:
        """All memory that the step writes, as few ranges [start, stop), in order."""
        found = [bounds(t._a) for t in self.written] + [*self.ranges]
        merged: list[tuple[int, int]] = []
        for start, stop in sorted(r for r in found if r[0] < r[1]):
            if merged and start <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(stop, merged[-1][1])
            else:
                merged.append((start, stop))
        return merged

    def results(self) -> list[Result]:
        """The fresh tensors of the template, each once."""
        return list(dict.fromkeys(leaf for leaf in leaves(self.result) if isinstance(leaf, Result)))


def leaves(template: Any) -> Iterator[Any]:
    """What a template of tuples, lists and dicts holds, in order."""
    if type(template) in (tuple, list):
        for part in template:
            yield from leaves(part)
    elif type(template) is dict:
        for part in template.values():
            yield from leaves(part)
    else:
        yield template


def bounds(a: Array) -> tuple[int, int]:
    """The memory [start, stop) of an array."""
    described = TensorArgument(0, a.dtype, a.shape, a.strides)
    low, high = described.bounds()
    start = a.ctypes.data
    return start + low, start + high


def _require(holds: Any, what: str) -> None:
    if not holds:
        raise ValueError(what)


def check(plan: EntryPlan) -> None:
    """A plan that does not hold together is refused here: the entry point could only crash."""
    size = len(plan.table)
    a = plan.table
    _require(a.dtype == np.int64 and a.ndim == 1 and a.flags.c_contiguous, "the table is a row of int64")
    slots = [a.slot for _, a in plan.tensors()] + [r.slot for r in plan.results()]
    _require(size >= HEADER and all(HEADER <= s < size for s in slots), "a slot is outside the table")
    _require(plan.step, "the step has no address")
    for i, argument in plan.tensors():
        first = argument.same_as
        _require(len(argument.shape) == len(argument.strides), "shape and strides differ in length")
        _require(all(issubclass(t, Tensor) for t in argument.types), "an accepted type is no tensor")
        _require(
            first is None or (first < i and isinstance(plan.arguments[first], TensorArgument)), "same_as"
        )
    for e in plan.objects:
        fits = (
            type(e.holder) is dict and type(e.key) is str if e.key is not None else type(e.holder) is CellType
        )
        _require(fits, "an expected object is found by a str in a dict, or in a cell")
    for n in plan.numbers:
        _require(
            type(n.holder) is dict and type(n.key) is str and n.address,
            "a number is found by a str in a dict",
        )
    for leaf in leaves(plan.result):
        _require(
            not isinstance(leaf, Given) or 0 <= leaf.index < len(plan.arguments),
            "a given result is no argument",
        )
    held = {id(c.tensor) for c in plan.captured}
    for t in plan.written:
        _require(id(t) in held, "a written tensor must be among the captured ones")
        _require(
            type(t._a) is np.ndarray and t._a.flags.writeable, "a written tensor must have writable memory"
        )
        for each in (t, t._base):
            leaf = each is None or (each.is_leaf and each._read_by is None)
            _require(leaf, "a written tensor must be a leaf: the tape may hold the values of others")


generation = ctypes.c_int64(
    1
)  # counts up in a child process: a step that ran in the parent does not run there


def _forked() -> None:
    generation.value += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def make_entry(plan: EntryPlan, *, native: bool | None = None) -> Callable[..., Any]:
    """The callable for a step: in machine code where that is possible (`native` says so), else in Python.

    Raises ValueError for a plan that does not hold together.
    """
    from . import abi, entry_native, entry_python

    check(plan)
    if native is None:
        native = abi.layout() is not None
    return entry_native.make(plan) if native else entry_python.make(plan)
