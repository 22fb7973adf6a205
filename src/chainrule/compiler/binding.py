"""The entry point of a specialisation: what was seen at the trace, as checks that take nanoseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import _structure
from ..program.guards import ABSENT as NOTHING
from ..program.guards import SIMPLE
from ..program.numbers import numbers_in
from ..program.results import Passed, tensors_in
from ..program.results import Result as Leaf
from ..tensor import Tensor
from . import entry, entry_native, entry_python, threads  # noqa: F401 (all of it before the first call)
from .assemble import FIRST
from .runner import NativeRunner

if TYPE_CHECKING:
    from .specialisation import Specialisation

_LONG = 2.5e6  # floating-point operations of a step that lets other Python threads run meanwhile: about 50 µs


class _Unfit(Exception):
    """The call cannot be checked natively: it is checked in Python."""


def entry_of(known: Specialisation, args: tuple[Any, ...], slow: Callable[..., Any]) -> Any:
    """A callable for calls like the traced one, `slow` for all others; None if it takes Python to tell them
    apart.
    """
    if not isinstance(known.runner, NativeRunner) or known.bridge is not None:
        return None
    try:
        return entry.make_entry(_plan(known, known.runner, args, slow))
    except (_Unfit, ValueError):
        return None


def _plan(
    known: Specialisation, code: NativeRunner, args: tuple[Any, ...], slow: Callable[..., Any]
) -> entry.EntryPlan:
    trace = known.trace
    numbers = known.numbers
    known.numbered(dict(numbers_in((args, {}))))
    first = FIRST + len(trace.arguments)
    for i, t in enumerate(trace.captured, first):
        code.table[i] = t._array().ctypes.data
    at = numbers.ctypes.data
    for i in range(len(numbers)):
        code.table[first + len(trace.captured) + i] = at + 8 * i
    return entry.EntryPlan(
        table=code.table,
        step=code.entry,
        slow=slow,
        failed=code.failed,
        arguments=_arguments(known, args, at + 8 * len(trace.numbers)),
        captured=[entry.Captured.now(t) for t in trace.captured],
        numbers=[
            entry.Number(n.table, n.key, at + 8 * i, "nonzero", n.part) for i, n in enumerate(trace.numbers)
        ],
        objects=[*_bindings(known), *_settings(known)],
        written=[t for t in known.written if not any(t is a for a in trace.arguments)],
        lists=trace.guards.lists,
        epoch=(_structure.count.buffer_info()[0], trace.guards.count),
        result=_template(known, code, trace.result, code.first_result, args),
        threads=code.threads,
        release=known.cost.flops > _LONG,
        name=known.name,
        keep=known,
    )


def _arguments(known: Specialisation, args: tuple[Any, ...], floats: int) -> list[Any]:
    """A check for each positional argument; those that are inputs as floats are written from `floats` on."""
    trace = known.trace
    places = {id(t): i for i, t in enumerate(tensors_in(args))}
    seen: dict[int, int] = {}
    found: list[Any] = []
    for i, x in enumerate(args):
        if isinstance(x, Tensor):
            a, place = x._array(), places[id(x)]
            found.append(
                entry.TensorArgument(
                    FIRST + place, a.dtype, a.shape, a.strides, (type(x),), x._node is not None,
                    place in trace.written, same_as=seen.get(id(x)),
                )
            )  # fmt: skip
            seen.setdefault(id(x), i)
        elif (0, i) in trace.scalars and (0, i) not in trace.pinned:
            found.append(entry.FloatArgument(floats + 8 * trace.scalars.index((0, i))))
        elif isinstance(x, (list, tuple, dict)):
            raise _Unfit
        else:
            found.append(entry.ObjectArgument(x))
    if len(seen) != len(trace.arguments):
        raise _Unfit
    return found


def _bindings(known: Specialisation) -> list[entry.Expected]:
    found = []
    for b in known.trace.guards.bindings:
        if b.key is not None and type(b.holder) is not dict:
            raise _Unfit
        found.append(entry.Expected(b.holder, b.key, entry.ABSENT if b.value is NOTHING else b.value))
    return found


def _settings(known: Specialisation) -> list[entry.Expected]:
    """Flags and numbers of optimizers that the trace took as they were."""
    return [
        entry.Expected(table, key, value)
        for table, key, value in known.trace.settings
        if isinstance(value, SIMPLE)
    ]


def _template(known: Specialisation, code: NativeRunner, value: Any, first: int, args: Sequence[Any]) -> Any:
    """What the step returns, in the entry point's terms."""
    if isinstance(value, Leaf):
        v = code.results[value.place]
        return entry.Result(first + value.place, v.dtype.np, v.shape)
    if isinstance(value, Passed):
        given = tensors_in(args)
        if value.place >= len(given):
            return known.trace.captured[value.place - len(given)]
        return entry.Given(next(i for i, x in enumerate(args) if x is given[value.place]))
    if type(value) in (list, tuple):
        return type(value)(_template(known, code, v, first, args) for v in value)
    if isinstance(value, tuple):
        raise _Unfit
    if type(value) is dict:
        return {k: _template(known, code, v, first, args) for k, v in value.items()}
    return value
