"""What a function finds when it runs: the values behind the names that its code mentions.

NOTE [Mentioned] Python code reaches an attribute through its name. So the names that all code mentions are
looked up in everything that it can reach — objects, their classes, modules of the user's — and the code
found there is read in turn, until there is nothing new. Globals are looked up function by function, and only
those that it reads as such: `x.t()` does not mean the global `t`, which may change all the time. Code that is
not the user's — of this package, of Python's library, of installed packages — is not read (they are large,
and do not change under way), but what it was given is: the function of a `partial`, the closure of a function
transform, the attributes of a SimpleNamespace.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from opcode import opmap
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from ..ops.record import Carrier
from .draws import is_generator

SIMPLE = (int, float, bool, str, bytes, complex, type(None))
_PACKAGE = __name__.partition(".")[0]
_OWN = frozenset({_PACKAGE, "numpy"})
_FEW = 64  # items that are followed from one place


class _Absent:
    """Stands for a name that is bound to nothing."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


class Binding(NamedTuple):
    """holder[key], an object's attribute in a slot, or the content of a cell, must be `value`: equal if it is
    simple, else the same object.
    """

    holder: Any
    key: Any
    value: Any

    def holds(self) -> bool:
        """Whether it still does."""
        return same(content(self.holder, self.key), self.value)

    def words(self) -> str:
        """What is there instead."""
        name = "a variable of the function around it" if self.key is None else repr(self.key)
        was, now = (_shown(x) for x in (self.value, content(self.holder, self.key)))
        return f"{name} was {was} and is {now}" if was != now else f"{name} is another object, {now}"


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, (*SIMPLE, _Absent)) else f"a {type(value).__name__}"


def content(holder: Any, key: Any) -> Any:
    """What is there now, or ABSENT."""
    if isinstance(holder, CellType):
        try:
            return holder.cell_contents
        except ValueError:
            return ABSENT
    return holder.get(key, ABSENT) if isinstance(holder, dict) else getattr(holder, key, ABSENT)


def same(a: Any, b: Any) -> bool:
    """Equal and of one type if simple, else identical; NaN counts as equal to itself."""
    if a is b:
        return True
    return type(a) is type(b) and isinstance(a, SIMPLE) and (a == b or (a != a and b != b))


class _Space(NamedTuple):
    """Names and what they stand for.

    holder   where they are looked up: the names themselves, or an object with slots
    classes  of an object: those whose attributes its own may come to hide
    kind     "object", "class", or "module" for an nn.Module, whose attributes are compared otherwise
    called   the names of methods that are called without being mentioned
    known    the names that have been looked up
    """

    names: dict[str, Any]
    holder: Any
    kind: str
    known: set[str]
    classes: tuple[dict[str, Any], ...] = ()
    called: frozenset[str] = frozenset()


class Reach:
    """The walk: `bindings`, `lists` with their items, `modules` and random `generators` that it met."""

    def __init__(self, values: Iterable[Any]) -> None:
        self.bindings: list[Binding] = []
        self.lists: list[tuple[list[Any], tuple[Any, ...]]] = []
        self.modules: list[Any] = []
        self.generators: list[Any] = []
        self._seen: dict[int, Any] = {}
        self._names: set[str] = set()
        self._spaces: list[_Space] = []
        self._classes: dict[type, _Space] = {}
        for value in values:
            self._value(value)
        self._look_up()

    def _look_up(self) -> None:
        """NOTE [Mentioned]."""
        before = None
        while before != (before := (len(self._names), len(self._spaces))):
            for space in self._spaces:  # which grow meanwhile
                for name in self._new(space):
                    space.known.add(name)
                    self._found(space, name)

    def _new(self, space: _Space) -> list[str]:
        """The names of a space that have been mentioned since it was last looked at."""
        wanted, known = self._names, space.known
        found = [n for n in space.names if n not in known and (n in wanted or n in space.called)]
        for each in space.classes:
            found += [n for n in each if n in wanted and n not in known]
        return found

    def _found(self, space: _Space, name: str) -> None:
        value = content(space.holder, name)
        if space.kind == "module" or (space.kind == "class" and _is_code(value)):
            self._value(value)
        elif value is not ABSENT or not any(_is_code(c.get(name)) for c in space.classes):
            self._bound(space.holder, name)

    def _bound(self, holder: Any, key: Any) -> None:
        """A name in use: what it stands for, and what follows from that."""
        value = content(holder, key)
        if not isinstance(value, (ModuleType, type)):
            self.bindings.append(Binding(holder, key, value))
        self._value(value)

    # ----- values

    def _value(self, value: Any) -> None:
        """What a function may find behind a value: elements, attributes, other functions."""
        if isinstance(value, (*SIMPLE, Carrier, _Absent)) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, _WRAPPERS):
            for part in _parts(value):
                self._value(part)
        elif isinstance(value, (list, tuple)):
            if isinstance(value, list):
                self.lists.append((value, tuple(value)))
            for item in value[:_FEW]:
                self._value(item)
        elif isinstance(value, dict):
            for key, item in list(value.items())[:_FEW]:
                if type(value) is dict and isinstance(key, SIMPLE) and key is not None:
                    self.bindings.append(Binding(value, key, item))
                self._value(item)
        elif isinstance(value, ModuleType):
            if not _is_foreign(value.__name__):
                self._spaces.append(_Space(value.__dict__, value.__dict__, "object", set()))
        elif isinstance(value, type):
            self._class(value, _MAKERS)
        elif is_generator(value):
            self.generators.append(value)
        elif hasattr(type(value), "named_modules"):
            self._module(value)
        else:
            self._object(value)

    def _function(self, function: FunctionType) -> None:
        """The names that a function reads: its globals, its closure; its defaults."""
        foreign = _is_foreign(function.__globals__.get("__name__"))
        if not foreign:
            code = function.__code__
            self._names |= _names(code)
            for name in sorted(_globals(code) & function.__globals__.keys()):
                self._bound(function.__globals__, name)
        for cell in function.__closure__ or ():
            if foreign:
                self._value(content(cell, None))
            else:
                self._bound(cell, None)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._value(default)

    def _object(self, value: Any) -> None:
        """Its attributes, its slots and its class; of something that wraps a function, the function."""
        kind = type(value)
        names = getattr(value, "__dict__", None)
        if isinstance(names, dict):
            self._value(names.get("__wrapped__"))
        if kind.__module__.partition(".")[0] in _OWN:
            return
        classes = [base for base in kind.__mro__ if not _is_foreign(base.__module__)]
        if isinstance(names, dict):
            self._spaces.append(_Space(names, names, "object", set(), tuple(map(_names_of, classes))))
        for base in classes:
            slots = base.__dict__.get("__slots__", ())
            if slots:
                names = dict.fromkeys((slots,) if isinstance(slots, str) else slots)
                self._spaces.append(_Space(names, value, "object", {"__dict__", "__weakref__"}))
        self._class(kind)

    def _class(self, kind: type, makers: frozenset[str] = frozenset()) -> None:
        """The attributes and methods of classes of the user's; those that make an object if it is at hand."""
        for i, base in enumerate(kind.__mro__):
            if _is_foreign(base.__module__):
                continue
            if base not in self._classes:
                names, above = _names_of(base), kind.__mro__[i + 1 :]
                called = frozenset(n for n, m in names.items() if _is_called(n, m, above))
                space = _Space(names, names, "class", set(_MAKERS), called=called)
                self._classes[base] = space
                self._spaces.append(space)
            for name in makers & self._classes[base].names.keys():
                self._value(self._classes[base].names[name])

    def _module(self, module: Any) -> None:
        """A network: all its modules, their hooks, and what the user's own kinds of them hold and call."""
        for part in module.modules():
            if id(part) in self._seen and part is not module:
                continue
            self._seen[id(part)] = part
            self.modules.append(part)
            for entries in vars(part).values():
                if isinstance(entries, dict):
                    for value in entries.values():
                        self._value(value)
            if type(part).__module__.partition(".")[0] not in _OWN:
                forward = getattr(type(part), "forward", None)
                if isinstance(forward, FunctionType):  # of an installed network
                    self._names |= _names(forward.__code__)
                self._spaces.append(_Space(vars(part), vars(part), "module", set()))
                self._class(type(part))


_MAKERS = frozenset({"__new__", "__init__", "__post_init__"})
_WRAPPERS = (
    MethodType, BuiltinFunctionType, partial, staticmethod, classmethod, property, cached_property,
)  # fmt: skip


def _parts(value: Any) -> Iterator[Any]:
    """What calling it will use."""
    if isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, property):
        yield from (value.fget, value.fset)
    else:
        for name in ("__func__", "__self__", "func"):
            yield getattr(value, name, None)


def _is_code(value: Any) -> bool:
    return isinstance(value, (FunctionType, *_WRAPPERS)) or hasattr(type(value), "__get__")


def _is_called(name: str, member: Any, above: tuple[type, ...]) -> bool:
    """Whether a method is called without being mentioned: by Python, or by a foreign class above."""
    if not _is_code(member):
        return False
    return name[:2] == "__" == name[-2:] or any(
        name in base.__dict__ for base in above if base is not object and _is_foreign(base.__module__)
    )


def _names_of(kind: type) -> dict[str, Any]:
    """The dictionary behind a class's __dict__, which is a read-only view of it."""
    (names,) = (d for d in gc.get_referents(kind.__dict__) if type(d) is dict)
    return names


def _names(code: CodeType) -> frozenset[str]:
    """All names that a function's code mentions, also as strings, nested functions included."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
        elif type(constant) is str and constant.isidentifier():
            found.add(constant)
    return frozenset(found)


_LOADS = frozenset(opmap[n] for n in ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") if n in opmap)
_LOOKS_UP = frozenset({"globals", "vars", "eval", "exec"})


def _globals(code: CodeType) -> frozenset[str]:
    """The names that a function's code reads as globals, nested functions included: `x.t()` reads no `t`."""
    found, extended = set(), 0
    for op, low in zip(code.co_code[::2], code.co_code[1::2]):
        argument = extended << 8 | low
        extended = argument if op == opmap["EXTENDED_ARG"] else 0
        if op == opmap["LOAD_GLOBAL"]:
            found.add(code.co_names[argument >> 1])  # the last bit says whether it is called
        elif op in _LOADS:
            found.add(code.co_names[argument])
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _globals(constant)
    return _names(code) if found & _LOOKS_UP else frozenset(found)


_FOREIGN = dict.fromkeys((*_OWN, *sys.stdlib_module_names - {"__main__"}), True)


def _is_foreign(module: str | None) -> bool:
    """Whether what a module defines is not the user's own."""
    top = (module or "").partition(".")[0]
    found = _FOREIGN.get(top)
    if found is None:
        home = getattr(sys.modules.get(top), "__file__", None) or ""
        found = _FOREIGN[top] = any(f"{name}-packages" in home for name in ("site", "dist"))
    return found


__all__ = ["ABSENT", "SIMPLE", "Binding", "Reach", "content", "same"]
