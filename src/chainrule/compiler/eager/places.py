"""What eager's native functions know of tensors and nodes: offsets of slots, and functions of CPython.

Checked on live objects when first asked for, like everything in abi.py; where anything does not hold,
`places()` is None and eager stays with NumPy.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ...autograd.tape import AccumulateGrad, Node, clock, mode, tick
from ...ops.record import Op
from ...tensor import Tensor
from .. import abi

FUNCTIONS = (
    "Py_IncRef", "Py_DecRef", "PyLong_AsDouble", "PyErr_Occurred", "PyErr_Clear", "PyObject_Vectorcall",
    "PyLong_FromSsize_t", "PyTuple_New", "PyEval_GetFrame", "PyFrame_GetCode", "PyFrame_GetLasti",
    "PyFrame_GetBack", "PyObject_GetAttr", "PyObject_SetAttr", "PyType_IsSubtype", "PyLong_AsSsize_t",
    "PyObject_IsTrue", "PyNumber_Add", "PyErr_GivenExceptionMatches",
)  # fmt: skip
BASE = 48  # PyArrayObject_fields.base
NODE = ("args", "edges", "extra", "g", "op", "saved", "seq", "shape", "where", "y")
RECORD = ("joint", "pulls", "reads", "reads_y")
LEAF = ("dtype", "post_hooks", "ref")


class Places(NamedTuple):
    """Offsets in bytes, and addresses."""

    layout: abi.Layout
    node: dict[str, int]
    record: dict[str, int]
    leaf: dict[str, int]
    clock: dict[str, int]
    counter: int  # the address of the tape's next number
    functions: dict[str, int]
    allocators: dict[str, int]


@cache
def places() -> Places | None:
    """What the native functions need to know; None where they cannot be used."""
    found = abi.layout()
    if found is None or not all(map(abi.scalar_type, (np.dtype(np.float32), np.dtype(np.float64)))):
        return None
    try:
        return _found(found)
    except (AttributeError, LookupError):
        return None


def _found(layout: abi.Layout) -> Places:
    whole = np.arange(6, dtype=np.float32)
    part = whole[1:]
    if abi.read(id(part) + BASE) != id(whole) or abi.read(id(whole) + BASE):
        raise LookupError("an array's base")
    counter: Any = tick
    leaf = Tensor._wrap(np.zeros(1, np.float32))
    at = id(counter.__self__) + 16
    before = abi.read(at)
    if tick() != before or abi.read(at) != before + 1:
        raise LookupError("the tape's counter")
    addresses = {}
    for name in FUNCTIONS:
        addresses[name] = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
    return Places(
        layout,
        _slots(lambda: object.__new__(Node), NODE),
        _slots(lambda: object.__new__(Op), RECORD),
        _slots(lambda: AccumulateGrad(leaf), LEAF),
        _slots(type(clock), ("complex", "touched", "tracer")),
        at,
        addresses,
        {"Tensor": abi.allocator(Tensor), "Node": abi.allocator(Node), "float32": abi.allocator(np.float32),
         "float64": abi.allocator(np.float64)},
    )  # fmt: skip


def _slots(make: Callable[[], Any], names: tuple[str, ...]) -> dict[str, int]:
    """Where instances keep their slots: each looked for in one object, confirmed in another."""
    found = {}
    for name in names:
        places = []
        for _ in range(2):
            holder, mark = make(), object()
            setattr(holder, name, mark)
            words = range(16, type(holder).__basicsize__, 8)
            places.append([at for at in words if abi.read(id(holder) + at) == id(mark)])
        if len(places[0]) != 1 or places[0] != places[1]:
            raise LookupError(f"slot {name}")
        found[name] = places[0][0]
    return found


OBJECTS: dict[str, Any] = {
    "None": None, "True": True, "float": float, "int": int, "tuple": tuple, "Op": Op,
    "ndarray": np.ndarray, "Tensor": Tensor, "Node": Node, "AccumulateGrad": AccumulateGrad, "clock": clock,
    "mode": mode, "dtype.float32": np.dtype(np.float32), "dtype.float64": np.dtype(np.float64),
    "type.float32": np.float32, "type.float64": np.float64,
    **{f"name.{name}": name for name in ("grad", "_grad", "_base", "_read_by", "_stamp", "_touched")},
}  # fmt: skip
