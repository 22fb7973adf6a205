"""What a file may have called by `load(weights_only=True)`, each with its arguments checked."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from .._size import Size
from ..device import device
from ..nn.parameter import Parameter
from . import storages
from .names import PLAIN, TORCH, get_layout

__all__ = ["CALLS"]


def _pairs(*args: Any) -> OrderedDict[Any, Any]:
    return OrderedDict(*args[:1])


def _counter(counts: Any = None) -> Counter[Any]:
    if counts is not None and type(counts) is not dict:
        raise UnpicklingError(f"a Counter is made of a dict, got {type(counts).__name__}")
    return Counter(counts)


def _set(items: Any = ()) -> set[Any]:
    return set(_sequence(items))


def _sequence(items: Any) -> Any:
    if type(items) not in (list, tuple):
        raise UnpicklingError(f"expected a list or tuple, got {type(items).__name__}")
    return items


def _bytearray(data: Any = b"", encoding: str = "latin-1") -> bytearray:
    if type(data) is str:
        return bytearray(_encode(data, encoding))
    if type(data) not in (bytes, bytearray):  # bytearray(10**12) would be a terabyte of zeros
        raise UnpicklingError(f"a bytearray is made of bytes, got {type(data).__name__}")
    return bytearray(data)


def _encode(text: Any, encoding: str = "utf-8") -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1", "ascii", "utf-8"):
        raise UnpicklingError(f"bytes are made of text and one of the plain encodings, got {encoding!r:.50}")
    return text.encode(encoding)


def _complex(real: Any, imag: Any = 0.0) -> complex:
    if type(real) not in (int, float) or type(imag) not in (int, float):
        raise UnpicklingError("a complex number is made of two numbers")
    return complex(real, imag)


def _device(kind: Any, index: Any = None) -> device:
    if type(kind) is not str or type(index) not in (int, type(None)):
        raise UnpicklingError("a device is made of a name and an index")
    return device(kind, index)


CALLS: dict[int, Callable[..., Any]] = {
    id(called): call
    for called, call in (
        (OrderedDict, _pairs), (Counter, _counter), (set, _set), (bytearray, _bytearray),
        (complex, _complex), (PLAIN["_codecs.encode"], _encode), (device, _device),
        (Size, lambda sizes=(): Size(_sequence(sizes))),
        (Parameter, storages.rebuild_parameter), (get_layout, get_layout),
        *((value, value) for name, value in TORCH.items() if "._rebuild_" in name),
    )
}  # fmt: skip
