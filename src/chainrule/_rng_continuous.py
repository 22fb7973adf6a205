"""Continuous distributions: PyTorch's CPU transformations of the engine's words, as ndarrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from ._mt19937 import Generator, size_of
from ._rng_normal import F64, fill_normal, fused_multiply_add, libm, narrow, standard_pairs
from .errors import message

Shape = int | tuple[int, ...]
Array = NDArray[Any]

BOOL, INT64 = np.dtype(np.bool_), np.dtype(np.int64)
F16, BF16 = np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)
F32, F64_ = np.dtype(np.float32), np.dtype(np.float64)
FLOATS = (F32, F64_, F16, BF16)
_MASK24, _STEP24 = np.uint32(2**24 - 1), np.float32(2.0**-24)
_CHUNK = 16384  # elements a pass, for the float64 temporaries to stay in the cache

# PyTorch's messages name an element type in two ways: its ScalarType and its C++ type.
_TYPE_NAMES: dict[np.dtype[Any], tuple[str, str]] = {
    BOOL: ("Bool", "bool"),
    np.dtype(np.uint8): ("Byte", "unsigned char"),
    np.dtype(np.int8): ("Char", "signed char"),
    np.dtype(np.int16): ("Short", "short int"),
    np.dtype(np.int32): ("Int", "int"),
    INT64: ("Long", "long int"),
    np.dtype(np.uint16): ("UInt16", "short unsigned int"),
    np.dtype(np.uint32): ("UInt32", "unsigned int"),
    np.dtype(np.uint64): ("UInt64", "long unsigned int"),
    F16: ("Half", "c10::Half"),
    BF16: ("BFloat16", "c10::BFloat16"),
    F32: ("Float", "float"),
    F64_: ("Double", "double"),
    np.dtype(np.complex64): ("ComplexFloat", "c10::complex<float>"),
    np.dtype(np.complex128): ("ComplexDouble", "c10::complex<double>"),
}


def scalar_type(dtype: np.dtype[Any]) -> str:
    """PyTorch's ScalarType name of a dtype: "Long" for int64."""
    return _TYPE_NAMES[dtype][0]


def cpp_type(dtype: np.dtype[Any]) -> str:
    """The C++ name of a dtype in PyTorch's messages: "long int" for int64."""
    return _TYPE_NAMES[dtype][1]


def not_implemented(kernel: str, dtype: np.dtype[Any], expected: str) -> NotImplementedError:
    """The error for a dtype that a kernel does not take."""
    return NotImplementedError(
        message(
            f"\"{kernel}\" not implemented for '{scalar_type(dtype)}'",
            came=f"dtype {dtype}",
            expected=expected,
            fix="draw in one of these dtypes and convert the result",
        )
    )


def require_float(dtype: np.dtype[Any], kernel: str) -> None:
    """Raise NotImplementedError unless dtype is a real floating type."""
    if dtype not in FLOATS:
        raise not_implemented(kernel, dtype, "a floating dtype: float32, float64, float16 or bfloat16")


def outside(text: str, came: str, expected: str) -> RuntimeError:
    """The error for a parameter outside its range."""
    return RuntimeError(message(text, came=came, expected=expected, fix="pass a value inside this range"))


def _as_complex(
    draw: Callable[[tuple[int, ...], np.dtype[Any]], Array], shape: Shape, dtype: np.dtype[Any]
) -> Array:
    """Draw the real and imaginary parts, interleaved, as one complex array."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    parts = draw((*sizes, 2), F32 if dtype == np.complex64 else F64_)
    return parts.view(dtype).reshape(sizes)


def largest_float(dtype: np.dtype[Any]) -> float:
    """The largest finite number of a floating dtype."""
    return float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]


def _check_bounds(low: float, high: float, dtype: np.dtype[Any]) -> None:
    largest = largest_float(dtype)
    for name, value in (("from", low), ("to", high)):
        if not -largest <= value <= largest:
            expected = f"a finite number within [-{largest:g}, {largest:g}]"
            raise outside(f"{name} is out of bounds for {cpp_type(dtype)}", f"{name}={value:g}", expected)
    if low > high:
        text = f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        raise outside(text, f"from={low:g}, to={high:g}", "from <= to")
    if high - low > largest:
        text = (
            f"uniform_ expects to-from <= std::numeric_limits<{scalar_type(dtype)}>::max(), but found "
            f"to={high:g} and from={low:g} which result in to-from to exceed the limit"
        )
        raise outside(text, f"to - from = {high - low:g}", f"at most {largest:g}")


def uniform(generator: Generator, shape: Shape, dtype: Any, low: float = 0.0, high: float = 1.0) -> Array:
    """Uniform samples x = low + (high - low) u of [low, high): u has 24 random bits, for float64 53.

    A complex dtype takes its real and imaginary parts from the same range. Raises RuntimeError for low > high
    or bounds outside the dtype, NotImplementedError for an integer dtype.

    >>> uniform(Generator().manual_seed(0), (2,), np.float32).tolist()
    [0.49625658988952637, 0.7682217955589294]
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return _as_complex(lambda sizes, part: uniform(generator, sizes, part, low, high), shape, dtype)
    require_float(dtype, "check_uniform_bounds")
    scaled = low != 0 or high != 1
    if scaled:
        _check_bounds(low, high, dtype)
    x: Array
    if dtype == F64_:
        x = generator.doubles(size_of(shape))
        if scaled:
            x = fused_multiply_add(x, high - low, low)
    else:
        x = narrow(_uniform_f32(generator, size_of(shape), low, high), dtype)
    if x.size and (scaled or dtype.itemsize == 2):
        end = dtype.type(high)
        if x.max() == end:
            x[x == end] = dtype.type(low)  # rounding reached the excluded end: PyTorch gives the lower end
    return x.reshape(shape)


def _uniform_f32(generator: Generator, n: int, low: float, high: float) -> NDArray[np.float32]:
    """low + (high - low) k / 2^24 with one rounding; k is the low 24 bits of a word."""
    if low == 0 and high == 1:
        out = (generator.random32(n) & _MASK24).view(np.int32).astype(np.float32)
        out *= _STEP24
        return out
    start = np.float32(low)
    step = float(np.float32(high) - start) * 2.0**-24
    out = np.empty(n, np.float32)
    for i in range(0, n, _CHUNK):
        part = out[i : i + _CHUNK]
        x = (generator.random32(part.size) & _MASK24).view(np.int32).astype(np.float64)
        x *= step
        x += float(start)
        part[...] = x
    return out


def normal(generator: Generator, shape: Shape, dtype: Any, mean: float = 0.0, std: float = 1.0) -> Array:
    """Normal samples mean + std z: z comes in pairs of doubles below 16 elements, from 16 on in blocks of 16.

    A complex dtype gets variance std^2 / 2 in each part. Raises RuntimeError for std < 0, NotImplementedError
    for an integer dtype.

    >>> normal(Generator().manual_seed(0), (2,), np.float32).tolist()
    [1.5409960746765137, -0.293428897857666]
    """
    dtype = np.dtype(dtype)
    if not std >= 0:
        raise outside(f"normal expects std >= 0.0, but found std {std:g}", f"std={std:g}", "std >= 0")
    if dtype.kind == "c":
        part_std = std / math.sqrt(2)
        return _as_complex(lambda sizes, part: normal(generator, sizes, part, mean, part_std), shape, dtype)
    require_float(dtype, "normal_kernel_cpu")
    return fill_normal(generator, size_of(shape), dtype, mean, std).reshape(shape)


def exponential(generator: Generator, shape: Shape, dtype: Any, lambd: float = 1.0) -> Array:
    """Exponential samples x = -log(1 - u) / lambd, with mean 1 / lambd.

    Raises RuntimeError for lambd <= 0 or an integer dtype.

    >>> exponential(Generator().manual_seed(0), (1,), np.float64).tolist()
    [3.508326186707642]
    """
    dtype = np.dtype(dtype)
    if not lambd > 0:
        raise outside(
            f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}",
            f"lambda={lambd:g}",
            "lambda > 0",
        )
    _require_continuous(dtype, "Exponential", scalar_type(dtype))
    x = _by_libm(math.log1p, np.log1p, -generator.doubles(size_of(shape)), dtype)
    x *= -1.0 / lambd
    return narrow(x, dtype).reshape(shape)


def cauchy(generator: Generator, shape: Shape, dtype: Any, median: float = 0.0, sigma: float = 1.0) -> Array:
    """Cauchy samples x = median + sigma tan(pi (u - 1/2)).

    Raises RuntimeError for sigma <= 0 or an integer dtype.

    >>> cauchy(Generator().manual_seed(0), (1,), np.float32).tolist()
    [10.597729682922363]
    """
    dtype = np.dtype(dtype)
    if not sigma > 0:
        raise outside(
            f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}", f"sigma={sigma:g}", "sigma > 0"
        )
    _require_continuous(dtype, "Cauchy", cpp_type(dtype))
    angle = math.pi * (generator.doubles(size_of(shape)) - 0.5)
    tangent = _by_libm(math.tan, np.tan, angle, dtype)
    return narrow(fused_multiply_add(tangent, sigma, median), dtype).reshape(shape)


def log_normal(generator: Generator, shape: Shape, dtype: Any, mean: float = 1.0, std: float = 2.0) -> Array:
    """Log-normal samples x = exp(mean + std z); z always comes in pairs in double precision.

    Raises RuntimeError for std <= 0, NotImplementedError for an integer dtype.

    >>> log_normal(Generator().manual_seed(0), (1,), np.float32, 0.0, 1.0).tolist()
    [4.669239044189453]
    """
    dtype = np.dtype(dtype)
    if not std > 0:
        raise outside(f"log_normal_ expects std > 0.0, but found std={std:g}", f"std={std:g}", "std > 0")
    require_float(dtype, "log_normal_cpu")
    z = np.array(standard_pairs(generator, size_of(shape)), np.float64)
    x = _by_libm(math.exp, np.exp, fused_multiply_add(z, std, mean), dtype)
    return narrow(x, dtype).reshape(shape)


def _require_continuous(dtype: np.dtype[Any], name: str, printed: str) -> None:
    if dtype not in FLOATS:
        text = (
            f"{name} distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {printed}"
        )
        raise outside(text, f"dtype {dtype}", "float32, float64, float16 or bfloat16")


def _by_libm(
    exact: Callable[[float], float], fast: Callable[[F64], F64], x: F64, dtype: np.dtype[Any]
) -> F64:
    """The C library's function for float64, else NumPy's, whose last bit the rounding to dtype hides."""
    if dtype == F64_:
        return _libm_or_infinity(exact, x)
    with np.errstate(over="ignore"):
        return fast(x)


def _libm_or_infinity(function: Callable[[float], float], x: F64) -> F64:
    try:
        return libm(function, x)
    except OverflowError:  # math.exp raises where C returns infinity
        with np.errstate(over="ignore"):
            return np.exp(x)
