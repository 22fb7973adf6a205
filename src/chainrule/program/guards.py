"""What a trace takes for granted: the Python values that the traced function found on its way.

A trace holds only as long as names still stand for the same things. So the function is read for the names
it uses, through the functions it calls: numbers and strings must stay equal, all else must stay the same
object; modules are checked attribute by attribute, once something about modules or optimizers has changed
(`_structure`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import is_
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from .. import _structure
from ..ops.record import Carrier

SIMPLE = (int, float, bool, str, bytes, complex, type(None))
_OWN = __name__.partition(".")[0] + "."
_FEW = 64  # attributes, items and functions that are followed from one place


class _Absent:
    """Stands for a name that is bound to nothing."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


class Binding(NamedTuple):
    """holder[key], or the content of a cell, must be `value`: equal if it is simple, else the same object."""

    holder: Any
    key: str | None
    value: Any

    def holds(self) -> bool:
        """Whether it still does."""
        return same(_content(self.holder, self.key), self.value)


def _content(holder: Any, key: str | None) -> Any:
    if key is not None:
        return holder.get(key, ABSENT)
    try:
        return holder.cell_contents
    except ValueError:
        return ABSENT


def same(a: Any, b: Any) -> bool:
    """Equal and of one type if simple, else identical; NaN counts as equal to itself."""
    if a is b:
        return True
    return type(a) is type(b) and isinstance(a, SIMPLE) and (a == b or (a != a and b != b))


class Guards:
    """Everything that a trace of a function depends on besides its arguments and tensors."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...] = ()) -> None:
        self.bindings: list[Binding] = []
        self.lists: list[tuple[list[Any], tuple[Any, ...]]] = []
        self.modules: list[tuple[Any, list[tuple[Any, Any]]]] = []
        self._seen: dict[int, Any] = {}
        self._function(function, frozenset())
        for value in args:
            self._value(value, _names(_code_of(function)))
        self.count = _structure.count[0]

    def holds(self) -> bool:
        """Whether the function would find the same things again."""
        if not all(b.holds() for b in self.bindings):
            return False
        if not all(len(found) == len(items) and all(map(is_, found, items)) for found, items in self.lists):
            return False
        if _structure.count[0] != self.count:
            if not all(list(_attributes(m)) == known for m, known in self.modules):
                return False
            self.count = _structure.count[0]
        return True

    # ----- what a function uses

    def _function(self, function: Any, names: frozenset[str]) -> None:
        """The names that a function reads: its globals, its closure, attributes of what it finds there."""
        if isinstance(function, MethodType):
            used = _names(_code_of(function))
            self._function(function.__func__, names)
            self._value(function.__self__, used)
            return
        wrapped = getattr(function, "__wrapped__", None)
        if not isinstance(function, FunctionType):
            if wrapped is not None:
                self._function(wrapped, names)
            elif not _is_own(type(function)) and callable(function):
                self._value(function, frozenset())
            return
        if id(function) in self._seen or _is_own(function):
            return
        self._seen[id(function)] = function
        code = function.__code__
        used = _names(code)
        for name in sorted(used & function.__globals__.keys()):
            self._bound(function.__globals__, name, used)
        for cell in function.__closure__ or ():
            self._bound(cell, None, used)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._value(default, used)

    def _bound(self, holder: dict[str, Any] | CellType, key: str | None, used: frozenset[str]) -> None:
        """A name in use: what it stands for, and what follows from that."""
        value = _content(holder, key)
        if isinstance(value, (ModuleType, type)) and not isinstance(value, SIMPLE):
            if isinstance(value, type) and not _is_own(value):
                self._class(value)
            return
        self.bindings.append(Binding(holder, key, value))
        self._value(value, used)

    def _value(self, value: Any, used: frozenset[str]) -> None:
        """What a function may find behind a value: elements, attributes, other functions."""
        if isinstance(value, (*SIMPLE, Carrier, ModuleType)) or id(value) in self._seen:
            return
        if isinstance(value, (FunctionType, MethodType)):
            self._function(value, used)
            return
        self._seen[id(value)] = value
        if isinstance(value, list):
            self.lists.append((value, tuple(value)))
        if isinstance(value, (list, tuple)):
            for item in value[:_FEW]:
                self._value(item, used)
        elif type(value) is dict:
            for key, item in list(value.items())[:_FEW]:
                if isinstance(key, str):
                    self.bindings.append(Binding(value, key, item))
                self._value(item, used)
        elif hasattr(type(value), "named_modules"):
            self._module(value)
        elif not _is_own(type(value)) and isinstance(getattr(value, "__dict__", None), dict):
            self._object(value, used)

    def _object(self, value: Any, used: frozenset[str]) -> None:
        """A plain object: those of its attributes whose names the function mentions."""
        for name in sorted(used & value.__dict__.keys()):
            self._bound(value.__dict__, name, used)
        self._class(type(value), used)

    def _class(self, kind: type, names: frozenset[str] | None = None) -> None:
        """The methods of a class outside this package."""
        for base in kind.__mro__:
            if _is_own(base) or base.__module__ == "builtins" or id(base) in self._seen:
                continue
            self._seen[id(base)] = base
            for name, member in list(vars(base).items()):
                if isinstance(member, FunctionType) and (names is None or name in names or name in _ENTRIES):
                    self._function(member, frozenset())

    def _module(self, module: Any) -> None:
        """A network: each of its modules, attribute by attribute, and the forward of those that are the
        user's.
        """
        for part in module.modules():
            if id(part) in self._seen and part is not module:
                continue
            self._seen[id(part)] = part
            self.modules.append((part, list(_attributes(part))))
            self._class(type(part))


_ENTRIES = frozenset({"forward", "__call__"})


def _attributes(module: Any) -> Iterator[tuple[Any, Any]]:
    """A module's simple attributes by value, all others by identity, hooks and children included."""
    for name, value in vars(module).items():
        if isinstance(value, SIMPLE):
            yield name, (type(value), value)
        elif isinstance(value, dict):
            yield name, tuple((k, id(v)) for k, v in value.items())
        elif isinstance(value, tuple) and all(isinstance(v, SIMPLE) for v in value):
            yield name, value
        else:
            yield name, id(value)


def _names(code: CodeType | None) -> frozenset[str]:
    """All names that a function's code mentions, nested functions included."""
    if code is None:
        return frozenset()
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return frozenset(found)


def _code_of(function: Any) -> CodeType | None:
    found = getattr(function, "__func__", function)
    return getattr(found, "__code__", None)


def _is_own(thing: Any) -> bool:
    """Whether a function or class belongs to this package, to Python's library or to NumPy: it is not
    followed.
    """
    name = getattr(thing, "__module__", None) or ""
    import sys

    return f"{name}.".startswith((_OWN, "numpy.")) or name.partition(".")[0] in sys.stdlib_module_names - {
        "__main__"
    }
