"""Values of LLVM IR and their types, as text."""

from __future__ import annotations

import struct
from typing import NamedTuple


class Value(NamedTuple):
    """An operand as IR text, and its type: `float`, `<8 x float>`, `i64`, `ptr` …"""

    text: str
    type: str


FLOATS = frozenset({"float", "double"})
BITS = {"float": 32, "double": 64, "i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "ptr": 64}


def vector(element: str, lanes: int) -> str:
    """The type of `lanes` elements; one lane is the element itself."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def element(type: str) -> str:
    """The element type of a vector, or the type itself."""
    return type[1:-1].split(" x ")[1] if type[0] == "<" else type


def lanes(type: str) -> int:
    """How many elements a value of the type has."""
    return int(type[1:].split(" x ")[0]) if type[0] == "<" else 1


def like(type: str, element: str) -> str:
    """`type` with another element type."""
    return vector(element, lanes(type))


def mangled(type: str) -> str:
    """How intrinsics name the type: `v8f32`."""
    name = {"float": "f32", "double": "f64", "ptr": "p0"}.get(element(type), element(type))
    return name if type[0] != "<" else f"v{lanes(type)}{name}"


def number(value: float | int | bool, type: str) -> Value:
    """A constant of a scalar or vector type."""
    kind = element(type)
    if kind in FLOATS:
        x = float(value)
        if kind == "float":
            x = _as_float32(x)
        text = f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"
    elif kind == "ptr":
        text = "null" if not value else f"inttoptr (i64 {int(value)} to ptr)"
    else:
        text = str(int(value))
    return Value(text if type[0] != "<" else f"splat ({kind} {text})", type)


def _as_float32(x: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", x))[0])
    except OverflowError:
        return float("inf") if x > 0 else float("-inf")


def i64(value: int) -> Value:
    return Value(str(value), "i64")


NULL = Value("null", "ptr")
