"""Where CPython and NumPy keep what the entry points read: found or checked at start-up, never assumed.

Facts and their sources: PyObject, PyFloatObject, PyTupleObject from CPython's Include/; PyArrayObject_fields
from numpy/ndarraytypes.h; slot 94 of NumPy's function table (PyArray_NewFromDescr, which takes over a
reference to the dtype) and slot 2 (PyArray_Type) from numpy/__multiarray_api.h. Every offset is tried on live
objects; where one does not hold, `layout()` is None and steps are entered through Python.
"""

from __future__ import annotations

import ctypes
import itertools
import struct
import sys
from collections.abc import Callable
from functools import cache
from types import CellType
from typing import Any, NamedTuple

import numpy as np

from ..autograd.tape import clock, tick
from ..tensor import Tensor

TYPE = 8  # PyObject.ob_type
ARRAY_DATA, ARRAY_NDIM, ARRAY_SHAPE, ARRAY_STRIDES, ARRAY_DTYPE, ARRAY_FLAGS = 16, 24, 32, 40, 56, 64
WRITEABLE = 0x400  # NPY_ARRAY_WRITEABLE
VALUE = 16  # the value of a float, or of a NumPy scalar
TUPLE_SIZE = 16  # also of lists
LIST_ITEMS = 24
_NEW_FROM_DESCR, _ARRAY_TYPE = 94, 2
_TP_ALLOC = 47  # Py_tp_alloc, for PyType_GetSlot

FUNCTIONS = (
    "Py_IncRef", "Py_DecRef", "PyObject_RichCompareBool", "PyLong_AsDouble", "PyErr_Occurred", "PyErr_Clear",
    "PyDict_GetItemWithError", "PyObject_Vectorcall", "PyEval_SaveThread", "PyEval_RestoreThread",
    "PyLong_FromSsize_t", "PyTuple_New", "PyTuple_SetItem", "PyList_New", "PyList_SetItem", "PyDict_New",
    "PyDict_SetItem",
)  # fmt: skip


class Layout(NamedTuple):
    """Offsets in bytes, and the addresses of C functions."""

    tensor_array: int
    tensor_node: int
    cell: int
    tuple_items: int
    counter: int
    clock_touched: int
    clock_tracer: int
    new_array: int
    functions: dict[str, int]


def read(address: int) -> int:
    """The machine word at an address."""
    return ctypes.c_int64.from_address(address).value


def allocator(kind: type) -> int:
    """The address of a type's tp_alloc."""
    slot = ctypes.pythonapi.PyType_GetSlot
    slot.restype, slot.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_int]
    return int(slot(kind, _TP_ALLOC) or 0)


@cache
def layout() -> Layout | None:
    """What the native entry points need to know; None where they cannot be used."""
    ordinary = (
        sys.implementation.name == "cpython"
        and struct.calcsize("P") == 8
        and sys.byteorder == "little"
        and "free-threading" not in sys.version
        and not hasattr(sys, "getobjects")
    )
    try:
        return _found() if ordinary else None
    except (AttributeError, LookupError, ValueError, TypeError):
        return None


def _found() -> Layout:
    _check_numbers()
    _check_arrays()
    api = _array_api()
    _check_new_array(api[_NEW_FROM_DESCR])
    array, node = (_slot(_tensor, name) for name in ("_a", "_node"))
    addresses = {name: _address(getattr(ctypes.pythonapi, name)) for name in FUNCTIONS}
    return Layout(
        array, node, _cell(), _tuple_items(), _count(), _slot(_clock, "touched"), _slot(_clock, "tracer"),
        api[_NEW_FROM_DESCR], addresses,
    )  # fmt: skip


def _address(function: Any) -> int:
    found = ctypes.cast(function, ctypes.c_void_p).value
    return _require(found, "a function of the C API is missing")


def _require(holds: Any, what: str) -> Any:
    if not holds:
        raise LookupError(what)
    return holds


def _slot(make: Callable[[], Any], name: str) -> int:
    """Where instances keep a slot: looked for in one object, confirmed in another."""
    places = []
    for _ in range(2):
        holder, mark = make(), object()
        setattr(holder, name, mark)
        words = range(16, type(holder).__basicsize__, 8)
        places.append([at for at in words if read(id(holder) + at) == id(mark)])
    _require(len(places[0]) == 1 and places[0] == places[1], f"slot {name}")
    return places[0][0]


def _tensor() -> Any:
    return object.__new__(Tensor)


def _clock() -> Any:
    return type(clock)()


def _cell() -> int:
    mark = object()
    full, empty = CellType(mark), CellType()
    _require(read(id(full) + 16) == id(mark) and not read(id(empty) + 16), "cells")
    return 16


def _tuple_items() -> int:
    marks = (object(), object(), object())
    at = tuple.__basicsize__
    _require([read(id(marks) + at + 8 * i) for i in range(3)] == [id(m) for m in marks], "tuples")
    _require(read(id(marks) + TUPLE_SIZE) == 3, "the length of tuples")
    at_list = [*marks]
    _require(read(id(at_list) + TUPLE_SIZE) == 3, "the length of lists")
    items = read(id(at_list) + LIST_ITEMS)
    _require([read(items + 8 * i) for i in range(3)] == [id(m) for m in marks], "lists")
    return at


def _count() -> int:
    """Where itertools.count keeps its next number, tried both ways: read, and written."""
    probe = itertools.count(41)
    word = ctypes.c_int64.from_address(id(probe) + 16)
    _require(word.value == 41 and next(probe) == 41 and word.value == 42, "reading a count")
    word.value = 99
    _require(next(probe) == 99 and next(probe) == 100, "advancing a count")
    counter: Any = tick
    _require(type(counter.__self__) is itertools.count, "the clock is a count")
    return 16


def _check_numbers() -> None:
    for x in (1.5, -0.0, 3e300):
        _require(ctypes.string_at(id(x) + VALUE, 8) == struct.pack("<d", x), "floats")
    _require(read(id(1.5) + TYPE) == id(float), "the type of an object")


def _check_arrays() -> None:
    whole = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for a in (whole, whole[:, 1:, ::2], whole.transpose(2, 0, 1)):
        at = id(a)
        _require(read(at + ARRAY_DATA) == a.ctypes.data, "an array's data")
        _require(ctypes.c_int32.from_address(at + ARRAY_NDIM).value == a.ndim, "an array's dimensions")
        shape, strides = read(at + ARRAY_SHAPE), read(at + ARRAY_STRIDES)
        _require(tuple(read(shape + 8 * i) for i in range(a.ndim)) == a.shape, "an array's shape")
        _require(tuple(read(strides + 8 * i) for i in range(a.ndim)) == a.strides, "an array's strides")
        _require(read(at + ARRAY_DTYPE) == id(a.dtype), "an array's dtype")
        for writeable in (True, False):
            a.flags.writeable = writeable
            flags = ctypes.c_int32.from_address(at + ARRAY_FLAGS).value
            _require(bool(flags & WRITEABLE) is writeable, "an array's flags")


def _array_api() -> Any:
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table: Any = _multiarray_umath
    api = ctypes.cast(pointer(table._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    _require(api[_ARRAY_TYPE] == id(np.ndarray), "NumPy's function table")
    return api


def _check_new_array(address: int) -> None:
    dims = (ctypes.c_ssize_t * 2)(2, 3)
    kind = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.py_object, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p,
    )  # fmt: skip
    dtype = np.dtype(np.float32)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dtype))
    a = kind(address)(np.ndarray, id(dtype), 2, dims, None, None, 0, None)
    fresh = type(a) is np.ndarray and a.shape == (2, 3) and a.dtype is dtype
    _require(fresh and a.flags.c_contiguous and a.flags.owndata and a.flags.writeable, "new arrays")


@cache
def scalar_type(dtype: np.dtype[Any]) -> type | None:
    """The type of NumPy scalars of a dtype, if they keep their value at VALUE; None otherwise."""
    sample = np.frombuffer(bytes(range(1, dtype.itemsize + 1)), dtype)[0] if dtype.kind != "b" else np.True_
    held = ctypes.string_at(id(sample) + VALUE, dtype.itemsize)
    kind = type(sample)
    if not issubclass(kind, np.generic) or held != sample.tobytes() or not allocator(kind):
        return None
    return kind
