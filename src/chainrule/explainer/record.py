"""record(): what an explanation needs to know of code that runs far away, noted while it runs.

NOTE [Observer] While it is on, `clock.tracer` is an observer: operations take the general path, which shows
them to it, and run as they are. A node of the tape belongs to the module that was running at its time, so
modules cost one entry for each call. Everything is kept only as long as what it is about.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from threading import get_ident
from types import FrameType
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..autograd import recent
from ..autograd.tape import AccumulateGrad, clock, tick
from ..dispatch import where
from ..errors import message
from ..ops.record import Op
from ..random import Generator
from ..tensor import Tensor

Path = tuple[str, ...]
_HERE = __name__.partition(".")[0] + "."
_ROOM = 1 << 28  # bytes of untracked values whose formulas are kept
_LOOK = 64  # formulas, after which this is looked at
_CALLS = 1 << 16  # module calls that are remembered


class ById:
    """Values by the identity of objects that may go: then the value goes, too."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[ref[Any], Any]] = {}

    def __setitem__(self, key: Any, value: Any) -> None:
        of, i = self._of, id(key)
        of.pop(i, None)
        of[i] = (ref(key, lambda _: of.pop(i, None)), value)

    def get(self, key: Any, default: Any = None) -> Any:
        found = self._of.get(id(key))
        return default if found is None else found[1]

    def __contains__(self, key: Any) -> bool:
        return id(key) in self._of

    def __len__(self) -> int:
        return len(self._of)

    def values(self) -> list[Any]:
        """All values, the first set first."""
        return [value for _, value in self._of.values()]

    def drop(self, count: int) -> None:
        """Forget the values that were set first."""
        for i in list(self._of)[:count]:
            del self._of[i]


class Made(NamedTuple):
    """How an array that no tape knows was computed: op(*args), at a time, on a line."""

    op: Op
    args: tuple[Any, ...]
    time: int
    where: Any
    nbytes: int


class Call:
    """A call of a module: its path, from when to when, what it was given, and the call around it."""

    __slots__ = ("end", "given", "module", "parent", "path", "start")

    def __init__(self, path: Path, module: Any, parent: Call | None, args: Iterable[Tensor] = ()) -> None:
        self.path, self.parent, self.start = path, parent, tick()
        self.given = [ref(x._array()) for x in args]
        self.module = ref(module)
        self.end: int | None = None

    @property
    def depth(self) -> int:
        """How many calls are around it."""
        return 0 if self.parent is None else 1 + self.parent.depth


class _Kept:
    """What has been recorded and is still about something."""

    def __init__(self) -> None:
        self.names = ById()  # of nodes, and of arrays that no tape knows: a Python variable
        self.parameters = ById()  # likewise: the module's path, the parameter's own name, the module's class
        self.formulas = ById()  # of arrays: Made
        self.tracked = ById()  # arrays that a tape knows
        self.values = ById()  # of leaves' nodes: the latest [(time, copy)], for when they are updated
        self.calls: deque[Call] = deque(maxlen=_CALLS)
        self.noted = 0

    def formula(self, out: Any, made: Made) -> None:
        """Remember how an array was computed; now and then look whether it has become too much."""
        self.formulas[out] = made
        self.noted += 1
        if not self.noted % _LOOK:
            sizes = [m.nbytes for m in self.formulas.values()]
            total, first = sum(sizes), 0
            while total > _ROOM:
                total -= sizes[first]
                first += 1
            self.formulas.drop(first)


kept = _Kept()


def call_at(time: int) -> Call | None:
    """The innermost call of a module that was running at a time of the clock."""
    low, high = 0, len(kept.calls)
    while low < high:
        middle = (low + high) // 2
        if kept.calls[middle].start <= time:
            low = middle + 1
        else:
            high = middle
    call = kept.calls[low - 1] if low else None
    while call is not None and call.end is not None and call.end < time:
        call = call.parent
    return call


def value_before(leaf: AccumulateGrad, time: int) -> Any:
    """The array that the leaf of a node held at a time; None if it was not recorded."""
    for noted, copy in reversed(kept.values.get(leaf, ())):
        if noted <= time:
            return copy
    return None


class _Observer:
    """Stands where a tracer stands, and lets everything through: NOTE [Observer]."""

    def __init__(self) -> None:
        self.thread = get_ident()

    def here(self) -> bool:
        """Nothing is being traced."""
        return False

    def sees(self) -> bool:
        """Whether an operation is run by the thread that records."""
        return get_ident() == self.thread

    def storage(self, t: Tensor) -> Any:
        """The tensor's array, as it is."""
        return t._a

    def looked_at(self, t: Tensor) -> Any:
        """The tensor's array, for a look at its values."""
        return t._a

    def shaping(self, what: str, t: Tensor) -> Any:
        """The tensor's array, for the shape of a result."""
        return t._a

    def to_numpy(self, t: Tensor) -> Any:
        """The tensor's array, for NumPy."""
        return t._array()

    def from_numpy(self) -> None:
        """Data from NumPy is welcome."""

    def made(self, array: Any) -> None:
        """Arrays that are no results of operations are constants."""

    def outlives(self, array: Any) -> None:
        """State of an optimizer is no part of a pass."""

    def entered(self, op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Note what the operands of an operation are called, and what leaves hold."""
        operands = [x for x in (args[0] if op.nargs < 0 else args[: op.nargs]) if isinstance(x, Tensor)]
        frame = None
        for x in operands:
            if x._node is not None:
                kept.tracked[x._array()] = True
                if type(x._node) is AccumulateGrad:
                    _note_value(x)
            if key_of(x) not in kept.names and key_of(x) not in kept.parameters:
                frame = user_frame() if frame is None else frame
                name_in(frame, [x])
        return args

    def apply(self, op: Op, args: tuple[Any, ...]) -> Any:
        """Compute it; note how, unless a tape does."""
        out = op.forward(*args)
        arrays = [a for a in (args[0] if op.nargs < 0 else args[: op.nargs]) if isinstance(a, np.ndarray)]
        if any(a in kept.tracked for a in arrays):
            for o in out if op.outputs != 1 else (out,):
                if isinstance(o, np.ndarray):
                    kept.tracked[o] = True
        elif op.outputs == 1 and arrays and not any(isinstance(a, Generator) for a in args):
            out = np.asarray(out)
            if not any(out is a for a in arrays):
                kept.formula(out, Made(op, args, tick(), where(3), out.nbytes))
        return out


def _is_own(frame: FrameType) -> bool:
    """Whether it runs this package's code, and not an example in it."""
    own = frame.f_globals.get("__name__", "").startswith(_HERE)
    return own and not frame.f_code.co_filename.startswith("<")


def user_frame() -> FrameType | None:
    """The nearest frame of the user's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_own(frame):
        frame = frame.f_back
    return frame


def key_of(x: Tensor) -> Any:
    """What the name of a tensor's value hangs on: its node, or its array if no tape knows it."""
    return x._array() if x._node is None else x._node


def name_in(frame: FrameType | None, tensors: Any) -> None:
    """Note what tensors are called in a frame."""
    if frame is None:
        return
    wanted = {id(x): x for x in tensors}
    for name, value in frame.f_locals.items():
        if id(value) in wanted and not name.startswith("_") and name != "self":
            x = wanted.pop(id(value))
            if key_of(x) not in kept.names:
                kept.names[key_of(x)] = name


def _note_value(leaf: Tensor) -> None:
    """Copy what a leaf holds, unless that is known."""
    array = leaf._array()
    noted = kept.values.get(leaf._node, [])
    if not noted or not np.array_equal(noted[-1][1], array):  # w.data -= … leaves no stamp
        kept.values[leaf._node] = [*noted[-1:], (tick(), array.copy())]


class record(AbstractContextManager["record"]):
    """Keep names, modules and lines of the passes that run inside, for explain() to use.

    For code that runs far away, such as a library's training loop: afterwards explain(loss) knows what values
    were called in the functions that made them, which module each step belongs to, how data was prepared, and
    what the parameters held at the time, even if an optimizer has changed them since. The latest pass can be
    explained after backward(), whatever its size.

    Raises RuntimeError inside a function that is being compiled.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(2, 1)
    >>> with cr.record():
    ...     loss = model(cr.ones(3, 2)).sum()
    ...     loss.backward()
    >>> list(cr.explain(loss).paths.values())
    ['model']
    """

    def __init__(self) -> None:
        self.handles: list[Any] = []
        self.before: Any = None
        self.stack: list[Call] = []
        self.inside: dict[int, Path] = {}  # of the outermost module: the paths of all below it

    def __enter__(self) -> record:
        from ..nn import _hooks as hooks

        if clock.tracing():
            raise RuntimeError(
                message(
                    "record() cannot be used inside a function that is being compiled",
                    came="a trace that is running",
                    expected="code that runs operation by operation",
                    fix="put `with record():` around the call of the compiled function",
                )
            )
        self.before = clock.tracer, recent.room
        clock.tracer, recent.room = _Observer(), sys.maxsize
        self.handles = [
            hooks.register_module_forward_pre_hook(self._enter_module),
            hooks.register_module_forward_hook(self._leave_module, always_call=True),
        ]
        return self

    def __exit__(self, *exc: object) -> None:
        clock.tracer, recent.room = self.before
        for handle in self.handles:
            handle.remove()

    def _enter_module(self, module: Any, args: tuple[Any, ...]) -> None:
        if not clock.tracer.sees():
            return
        parent = self.stack[-1] if self.stack else None
        frame = user_frame()
        if parent is None:
            self._enter_outermost(module, frame)
        tensors = [x for x in args if isinstance(x, Tensor)]
        name_in(frame, tensors)
        path = self.inside.get(id(module))
        if path is None:
            path = (*(parent.path if parent is not None else ()), type(module).__name__)
        call = Call(path, module, parent, tensors)
        self.stack.append(call)
        kept.calls.append(call)

    def _leave_module(self, module: Any, args: tuple[Any, ...], output: Any) -> None:
        if clock.tracer.sees() and self.stack:
            self.stack.pop().end = tick()

    def _enter_outermost(self, module: Any, frame: FrameType | None) -> None:
        name = module_name(module, frame)
        self.inside = {
            id(m): (name, *path.split(".")) if path else (name,) for path, m in module.named_modules()
        }
        for p, place in places_of(module, name):
            if key_of(p) not in kept.parameters:
                kept.parameters[key_of(p)] = place


def places_of(module: Any, name: str) -> Iterator[tuple[Tensor, tuple[str, str, str]]]:
    """The parameters of a module that is called `name`: path, own name and class of where each belongs."""
    within = dict(module.named_modules())
    for path, p in module.named_parameters():
        inner, _, own = path.rpartition(".")
        yield p, (f"{name}.{inner}" if inner else name, own, type(within[inner]).__name__)


def module_name(module: Any, frame: FrameType | None) -> str:
    """What a module is called in a frame or one around it, as a variable or self.name; else its class."""
    while frame is not None:
        for name, value in frame.f_locals.items():
            if value is module and name != "self":
                return name
        held = getattr(frame.f_locals.get("self"), "__dict__", {})
        for name, value in {**held, **held.get("_modules", {})}.items():
            if value is module:
                return str(name)
        frame = frame.f_back
    return type(module).__name__
