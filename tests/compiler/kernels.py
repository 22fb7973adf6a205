"""Functions of arrays, compiled from what is written for one register: a loop over vectors and its tail."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler import engine, target
from chainrule.compiler.builder import Function, Module, Value, lanes, like, vector
from chainrule.compiler.target import Target

ELEMENTS = {"float": np.float32, "double": np.float64}
TARGETS = [target.host()]  # and the lesser ones of its family, which it runs too
if target.host().triple.startswith("x86_64"):
    lesser = [target.named(name) for name in ("avx2", "x86-64")]
    TARGETS += [t for t in lesser if t.width < target.host().width]

Write = Callable[[Function, list[Value]], Value]
_MEMORY = {"f4": "float", "f8": "double", "b1": "i8", "i1": "i8", "u1": "i8", "i2": "i16", "u2": "i16",
           "i4": "i32", "u4": "i32", "i8": "i64", "u8": "i64"}  # fmt: skip


def in_memory(dtype: Any) -> str:
    """The IR type of an array's elements."""
    return _MEMORY[np.dtype(dtype).str[1:]]


def _load(f: Function, dtype: np.dtype[Any], p: Value, width: int) -> Value:
    x = f.load(vector(in_memory(dtype), width), p, align=1)
    return f.cast("trunc", x, like(x.type, "i1")) if dtype.kind == "b" else x


def write_loop(m: Module, name: str, write: Write, dtypes: Sequence[Any], result: Any, width: int) -> None:
    """The function name(result, *arguments, count) for arrays of `count` elements, a multiple of `width`."""
    dtypes, result = [np.dtype(d) for d in dtypes], np.dtype(result)
    f = m.function(name, ["ptr"] * (1 + len(dtypes)) + ["i64"], internal=False)
    out, *inputs, count = f.parameters
    with f.loop(0, count, width) as loop:
        xs = [_load(f, d, f.offset(p, loop.index, in_memory(d)), width) for d, p in zip(dtypes, inputs)]
        y = write(f, xs)
        if lanes(y.type) != width:
            y = f.splat(y, width)
        if result.kind == "b":
            y = f.cast("zext", y, like(y.type, "i8"))
        f.store(y, f.offset(out, loop.index, in_memory(result)), align=1)
    f.ret()


class Kernels:
    """Compiled functions `name(*arrays)`; arrays are of one length, a multiple of 16."""

    def __init__(self, module: Module, results: dict[str, Any], target: Target) -> None:
        self._library = engine.load(str(module), tuple(results), target, verify=True)
        self._results = {k: np.dtype(v) for k, v in results.items()}

    def __call__(self, name: str, *arrays: Any) -> np.ndarray:
        out = np.empty(arrays[0].shape, self._results[name])
        pointers = [ctypes.c_void_p(x.ctypes.data) for x in (out, *arrays)]
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(pointers), ctypes.c_int64)
        signature(self._library.address(name))(*pointers, out.size)
        return out


def compiled(write: Write, dtypes: Sequence[Any], result: Any, target: Target, width: int = 8) -> Kernels:
    """The functions "kernel", of this many lanes, and "single", of one."""
    m = Module(target)
    write_loop(m, "kernel", write, dtypes, result, width)
    write_loop(m, "single", write, dtypes, result, 1)
    return Kernels(m, {"kernel": result, "single": result}, target)


def native(t: Target, write: Callable[..., None], pointers: int) -> Callable[..., None]:
    """The function of arrays whose body write(f, *pointers) emits."""
    module = Module(t)
    f = module.function("kernel", ["ptr"] * pointers, internal=False)
    write(f, *f.parameters)
    f.ret()
    library = engine.load(str(module), ("kernel",), t, verify=True)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * pointers)(library.address("kernel"))
    call.library = library  # type: ignore[attr-defined]
    return lambda *arrays: call(*(a.ctypes.data for a in arrays))


def padded(x: Any) -> np.ndarray:
    """The array, its last element repeated up to a multiple of 16."""
    x = np.ascontiguousarray(x)
    return np.concatenate([x, np.repeat(x[-1:], -len(x) % 16)])


def specials(dtype: Any) -> np.ndarray:
    """Infinities, NaN, both zeros, denormals, the largest, and numbers around the functions' edges."""
    i = np.finfo(dtype)
    positive = [0.0, 1.0, 0.5, 0.1, 2.0, 3.0, 10.0, 100.0, 1000.0, 1e6, 1e10, i.tiny, i.tiny / 4, i.tiny * 3,
                i.smallest_subnormal, i.max, np.inf, 1 + i.eps, 1 - i.epsneg, 0.55, 0.9, 88.7, 104.0, 709.5,
                745.5]  # fmt: skip
    return np.array([s * x for x in positive for s in (1, -1)] + [np.nan], dtype)
