"""The module that native eager functions are written in: roots, reference counts, calls of CPython.

NOTE [Roots] The text holds no addresses, so that the cache can keep its code: they lie in a table, whose
address is written into the word `roots` once the code is loaded.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import abi
from ..builder import NULL, Function, Module, Value, i64
from ..target import Target
from .places import OBJECTS, Places

ROOTS = "roots"
_METHOD = 0x80  # METH_FASTCALL


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )  # fmt: skip


class Native:
    """A module with its roots; helpers are written into it when they are first called."""

    def __init__(self, target: Target, places: Places) -> None:
        self.module, self.places = Module(target, contract=False), places
        self._table = self.module.word(ROOTS)
        self._index: dict[Any, int] = {}
        self._values: list[int] = []
        self.kept: list[Any] = []

    # ----- roots

    def _root(self, f: Function, key: Any, address: int) -> Value:
        if key not in self._index:
            self._index[key] = len(self._values)
            self._values.append(address)
        return f.load("ptr", f.offset(f.load("ptr", self._table), 8 * self._index[key]))

    def object(self, f: Function, thing: Any) -> Value:
        """The address of an object, which is kept alive."""
        self.kept.append(thing)
        return self._root(f, id(thing), id(thing))

    def known(self, f: Function, name: str) -> Value:
        """One of OBJECTS."""
        return self.object(f, OBJECTS[name])

    def address(self, f: Function, name: str, address: int) -> Value:
        return self._root(f, name, address)

    def table(self) -> np.ndarray[Any, Any]:
        """The roots, in order."""
        return np.array(self._values, np.int64)

    # ----- CPython

    def api(self, f: Function, name: str, *arguments: Value, result: str = "ptr") -> Value:
        """Call a function of CPython."""
        pointer = self._root(f, name, self.places.functions[name])
        return f.call_pointer(pointer, *arguments, result=result)

    def inc(self, f: Function, thing: Value) -> Value:
        """One reference more; immortal objects (3.12) need the function."""
        if sys.version_info < (3, 12):
            f.store(f.binary("add", f.load("i64", thing), i64(1)), thing)
        else:
            self.api(f, "Py_IncRef", thing, result="void")
        return thing

    def dec(self, f: Function, thing: Value) -> None:
        """One reference less; NULL is left alone."""
        self.api(f, "Py_DecRef", thing, result="void")

    def none(self, f: Function) -> Value:
        return self.known(f, "None")

    def vectorcall(self, f: Function, function: Value, arguments: Value, count: Value | int) -> Value:
        count = i64(count) if isinstance(count, int) else count
        return self.api(f, "PyObject_Vectorcall", function, arguments, count, NULL)

    def alloc(self, f: Function, name: str) -> Value:
        """A new instance of Tensor, Node, or a NumPy scalar; NULL if there is no memory."""
        kind = self.known(f, name if name in OBJECTS else f"type.{name}")
        pointer = self.address(f, f"alloc.{name}", self.places.allocators[name])
        return f.call_pointer(pointer, kind, i64(0), result="ptr")

    def slot(self, f: Function, holder: Value, offset: int) -> Value:
        return f.load("ptr", f.offset(holder, offset))

    def replace(self, f: Function, holder: Value, offset: int, new: Value) -> None:
        """Store an owned reference in a slot and drop what was there."""
        place = f.offset(holder, offset)
        old = f.load("ptr", place)
        f.store(new, place)
        self.dec(f, old)

    # ----- control

    def helper(self, name: str, parameters: Sequence[str], result: str) -> Function | None:
        """A shared function to write, or None if it has been written."""
        if self.module.has(name):
            return None
        return self.module.function(name, parameters, result)


def require(f: Function, holds: Value, otherwise: str) -> None:
    """Go on only if the condition holds."""
    fine = f.label("ok")
    f.branch(holds, fine, otherwise)
    f.begin(fine)


def same(f: Function, a: Value, b: Value) -> Value:
    return f.compare("eq", a, b)


def differ(f: Function, a: Value, b: Value) -> Value:
    return f.compare("ne", a, b)


def method_def(name: str, address: int) -> _Method:
    """How CPython is told of a C function."""
    return _Method(name.encode(), address, _METHOD, None)


def builtin(method: _Method) -> Any:
    """A C function as a Python function without self."""
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return new(ctypes.addressof(method), None, None)


def descriptor(kind: type, method: _Method) -> Any:
    """A C function as a method of a class."""
    new = ctypes.pythonapi.PyDescr_NewMethod
    new.restype, new.argtypes = ctypes.py_object, [ctypes.py_object, ctypes.c_void_p]
    return new(kind, ctypes.addressof(method))


TYPE = abi.TYPE
