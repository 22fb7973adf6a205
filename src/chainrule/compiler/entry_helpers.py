"""What the code of entry points is put together from: the roots, CPython's functions, and shared helpers."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from . import abi
from .abi import FUNCTIONS, TYPE, VALUE
from .builder import NULL, Function, Module, Value, i64, number

OBJECTS = {
    "None": None, "float": float, "int": int, "str": str, "tuple": tuple, "ndarray": np.ndarray,
    "Tensor": Tensor,
}  # fmt: skip
NAMED = (*FUNCTIONS, "new_array", "new_tensor", *OBJECTS)
_PLACE = {name: i for i, name in enumerate(NAMED)}
MODES = {"any": 0, "nonzero": 1, "zero": 2}


class Roots:
    """The addresses that the code loads, in order; first those that all entry points have (NAMED)."""

    def __init__(self, f: Function, pointer: Value) -> None:
        layout = abi.layout()
        if layout is None:
            raise RuntimeError("native entry points are not possible on this interpreter")
        self.f, self.pointer = f, pointer
        self.kept: list[Any] = []
        self.values = [
            *(layout.functions[name] for name in FUNCTIONS), layout.new_array, abi.allocator(Tensor),
            *map(id, OBJECTS.values()),
        ]  # fmt: skip

    def _place(self, value: int) -> int:
        self.values.append(value % 2**64)
        return 8 * (len(self.values) - 1)

    def object(self, kept: Any, address: int | None = None) -> Value:
        """An address: of the object itself, or of what it keeps alive."""
        self.kept.append(kept)
        return self.f.load(
            "ptr", self.f.offset(self.pointer, self._place(id(kept) if address is None else address))
        )

    def word(self, value: int) -> Value:
        """A number that is not part of the text."""
        return self.f.load("i64", self.f.offset(self.pointer, self._place(value)))

    def words(self, values: Iterable[int]) -> Value:
        """Numbers in a row; the pointer to the first."""
        first = 8 * len(self.values)
        for value in values:
            self._place(value)
        return self.f.offset(self.pointer, first)

    def counter(self) -> int:
        """The address of a fresh word that lives as long as the roots."""
        word = ctypes.c_int64(0)
        self.kept.append(word)
        return ctypes.addressof(word)


def named(f: Function, roots: Value, name: str) -> Value:
    """One of the addresses that all entry points have."""
    return f.load("ptr", f.offset(roots, 8 * _PLACE[name]))


def call_api(f: Function, roots: Value, name: str, *arguments: Value, result: str = "ptr") -> Value:
    """Call a function of CPython."""
    return f.call_pointer(named(f, roots, name), *arguments, result=result)


def drop(f: Function, roots: Value, objects: Value, count: int) -> None:
    """Let go of `count` objects, some of which may be NULL."""
    name = "chainrule.drop"
    if not f.module.has(name):
        g = f.module.function(name, ("ptr", "ptr", "i64"))
        with g.loop(0, g.parameters[2]) as each:
            held = g.load("ptr", g.offset(g.parameters[1], each.index, "ptr"))
            call_api(g, g.parameters[0], "Py_DecRef", held, result="void")
        g.ret()
    f.call(name, roots, objects, i64(count))


def type_is(f: Function, roots: Value, thing: Value, name: str) -> Value:
    return f.compare("eq", f.load("ptr", f.offset(thing, TYPE)), named(f, roots, name))


def same_value(f: Function, roots: Value, found: Value, expected: Value) -> Value:
    """i1: the expected object itself, or an exact int, float or str of the same value (floats: bitwise)."""
    name = "chainrule.same_value"
    if not f.module.has(name):
        _write_same_value(f.module, name)
    return f.call(name, roots, found, expected, result="i1")


def _write_same_value(module: Module, name: str) -> None:
    f = module.function(name, ("ptr", "ptr", "ptr"), "i1")
    roots, found, expected = f.parameters
    yes, no, look, types, bits, deep = map(f.label, ("yes", "no", "look", "types", "bits", "deep"))
    f.branch(f.compare("eq", found, expected), yes, look)
    f.begin(look)
    either = [f.compare("eq", x, NULL) for x in (found, expected)]
    f.branch(f.binary("or", *either), no, types)
    f.begin(types)
    kinds = [f.load("ptr", f.offset(x, TYPE)) for x in (found, expected)]
    simple = [f.compare("eq", kinds[0], named(f, roots, name)) for name in ("float", "int", "str")]
    known = f.binary("or", simple[0], f.binary("or", simple[1], simple[2]))
    alike = f.label("alike")
    f.branch(f.binary("and", f.compare("eq", *kinds), known), alike, no)
    f.begin(alike)
    f.branch(simple[0], bits, deep)
    f.begin(bits)
    values = [f.load("i64", f.offset(x, VALUE)) for x in (found, expected)]
    f.ret(f.compare("eq", *values))
    f.begin(deep)
    equal = call_api(f, roots, "PyObject_RichCompareBool", found, expected, Value("2", "i32"), result="i32")
    f.ret(f.compare("eq", equal, Value("1", "i32")))
    f.begin(yes)
    f.ret(Value("true", "i1"))
    f.begin(no)
    f.ret(Value("false", "i1"))


def read_number(f: Function, roots: Value, found: Value, target: Value, mode: Value) -> Value:
    """i1: an exact float or int that is as the mode says; it is then at the target as a double."""
    name = "chainrule.read_number"
    if not f.module.has(name):
        _write_read_number(f.module, name)
    return f.call(name, roots, found, target, mode, result="i1")


def _write_read_number(module: Module, name: str) -> None:
    f = module.function(name, ("ptr", "ptr", "ptr", "i64"), "i1")
    roots, found, target, mode = f.parameters
    no, there, direct, other, whole, odd, bad, put = map(
        f.label, ("no", "there", "direct", "other", "whole", "odd", "bad", "put")
    )
    f.branch(f.compare("eq", found, NULL), no, there)
    f.begin(there)
    f.branch(type_is(f, roots, found, "float"), direct, other)
    f.begin(direct)
    real = f.load("double", f.offset(found, VALUE))
    f.jump(put)
    f.begin(other)
    f.branch(type_is(f, roots, found, "int"), whole, no)
    f.begin(whole)
    converted = call_api(f, roots, "PyLong_AsDouble", found, result="double")
    f.branch(f.compare("oeq", converted, number(-1.0, "double")), odd, put)
    f.begin(odd)  # -1, or an int that no double can hold
    f.branch(f.compare("eq", call_api(f, roots, "PyErr_Occurred"), NULL), put, bad)
    f.begin(bad)
    call_api(f, roots, "PyErr_Clear", result="void")
    f.jump(no)
    f.begin(put)
    value = f.phi("double", [(real, direct), (converted, whole), (converted, odd)])
    f.store(value, target)
    nonzero = f.compare("une", value, number(0.0, "double"))
    wanted = f.compare("eq", mode, i64(MODES["nonzero"]))
    agrees = f.compare("eq", nonzero, wanted)
    f.ret(f.binary("or", f.compare("eq", mode, i64(MODES["any"])), agrees))
    f.begin(no)
    f.ret(Value("false", "i1"))
