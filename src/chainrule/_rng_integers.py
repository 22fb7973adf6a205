"""Uniform integers and random permutations: PyTorch's CPU samplers as ndarrays."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._mt19937 import Generator, size_of
from ._rng_continuous import (
    BF16,
    BOOL,
    F16,
    F32,
    F64_,
    FLOATS,
    INT64,
    Array,
    Shape,
    cpp_type,
    largest_float,
    not_implemented,
    outside,
    scalar_type,
)  # fmt: skip
from ._rng_normal import narrow
from .errors import message

_DIGITS = {F16: 11, BF16: 8, F32: 24, F64_: 53}
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_SIGNED_AND_BYTE = tuple(np.dtype(t) for t in (np.uint8, np.int8, np.int16, np.int32, np.int64))
NUMBER_DTYPES = (*_SIGNED_AND_BYTE, *FLOATS)
SAMPLE_DTYPES = (BOOL, *NUMBER_DTYPES)
NUMBER_DTYPES_NAMED = "uint8, a signed integer or a floating dtype"
SAMPLE_DTYPES_NAMED = f"bool, {NUMBER_DTYPES_NAMED}"
# Above this many elements PyTorch's shuffle takes 64-bit words, for the remainder to stay uniform.
_LARGE_PERMUTATION = (2**32 - 1) // 20


def randint(generator: Generator, low: int, high: int, shape: Shape, dtype: Any = np.int64) -> Array:
    """Whole numbers of [low, high): low + word mod (high - low), 64-bit words for a range of 2^28 or more.

    Raises RuntimeError for low >= high or bounds outside the dtype; warns where a floating dtype has gaps.

    >>> randint(Generator().manual_seed(0), 0, 10, (4,)).tolist()
    [4, 9, 3, 0]
    """
    return random_(generator, shape, dtype, low, high)


def random_(
    generator: Generator, shape: Shape, dtype: Any, low: int | None = None, high: int | None = None
) -> Array:
    """What `Tensor.random_` draws: [low, high), [low, dtype's largest], or with no bounds [0, the largest].

    For a floating dtype the largest is 2^digits (2^24 for float32); low = -2^63 alone draws all 64-bit
    integers. Raises RuntimeError for an empty range or bounds outside the dtype, NotImplementedError for
    other dtypes.

    >>> random_(Generator().manual_seed(0), (2,), np.uint8).tolist()
    [172, 47]
    """
    dtype = np.dtype(dtype)
    if low is None:
        return _random_unbounded(generator, shape, dtype)
    require_int64(low, high)
    if high is None and low == _INT64_MIN:
        return _random_all_64_bits(generator, shape, dtype)
    start, last = _range_with_high(low, high, dtype) if high is not None else _range_to_largest(low, dtype)
    span, n = last - start + 1, size_of(shape)
    if span < 2**28:
        words: Array = generator.random32(n)
        words %= np.uint32(span)
        values = words.astype(np.int64)
    else:
        words = generator.random64(n)
        words %= np.uint64(span)
        values = words.view(np.int64)
    if start:
        values += start
    return narrow(values, dtype).reshape(shape)


def require_int64(*bounds: int | None) -> None:
    """Raise ValueError for a bound that no int64 holds."""
    for bound in bounds:
        if bound is not None and not _INT64_MIN <= bound <= _INT64_MAX:
            text = "Overflow when unpacking long long"
            raise ValueError(message(text, came=f"bound {bound}", expected="-2**63 <= bound <= 2**63 - 1"))


def _random_unbounded(generator: Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    n = size_of(shape)
    if dtype not in SAMPLE_DTYPES:
        raise not_implemented("random_kernel_cpu", dtype, SAMPLE_DTYPES_NAMED)
    if dtype == F64_:
        return (generator.random64(n) % np.uint64(2**53 + 1)).astype(dtype).reshape(shape)
    if dtype == INT64:
        return (generator.random64(n) & np.uint64(_INT64_MAX)).view(np.int64).reshape(shape)
    words = generator.random32(n)
    if dtype in _DIGITS:
        return narrow(words % np.uint32(2 ** _DIGITS[dtype] + 1), dtype).reshape(shape)
    largest = 1 if dtype == BOOL else int(np.iinfo(dtype).max)
    return narrow(words & np.uint32(largest), dtype).reshape(shape)


def _random_all_64_bits(generator: Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    expected = "int64, float64, float32 or bfloat16"
    if dtype not in (*_SIGNED_AND_BYTE, F64_, F32, BF16):
        raise not_implemented("random_full_64_bits_range_kernel_cpu", dtype, expected)
    if dtype not in (INT64, F64_, F32, BF16):
        text = "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
        raise outside(text, f"dtype {dtype}", expected)
    return narrow(generator.random64(size_of(shape)).view(np.int64), dtype).reshape(shape)


def _range_with_high(low: int, high: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The first and last integer of [low, high) that stay inside after rounding to dtype."""
    if low >= high:
        text = f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        raise outside(text, f"low={low}, high={high}", "low < high")
    if dtype in _DIGITS:
        low, high = _inner_low(low, dtype), _inner_high(high, dtype)
        if low >= high:
            text = (
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                f"but got from={low} >= to={high}"
            )
            raise outside(text, f"low={low}, high={high} in {dtype}", "low < high after rounding")
    _check_range(low, high - 1, dtype)
    return low, high - 1


def _range_to_largest(low: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The first and last integer of [low, the largest of dtype]."""
    if dtype in _DIGITS:
        last = 2 ** _DIGITS[dtype]
        low = _inner_low(low, dtype)
        if low >= last:
            text = (
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' "
                f"casted to dtype, but got from={low} > to_inc={last}"
            )
            raise outside(text, f"low={low}", f"low < {last} for {dtype}")
    else:
        last = 1 if dtype == BOOL else _largest_integer(dtype)
    _check_range(low, last, dtype)
    return low, last


def _inner_low(low: int, dtype: np.dtype[Any]) -> int:
    """low, moved up to a value of dtype where low + 1 would round to below low."""
    above = _rounded(low + 1, dtype)
    return int(above) + _gap(low + 1, dtype) if math.isfinite(above) and above < low else low


def _inner_high(high: int, dtype: np.dtype[Any]) -> int:
    """high, moved down to a value of dtype where high - 1 would round to high or above."""
    below = _rounded(high - 1, dtype)
    # PyTorch converts a rounded 2^63 back to -2^63, and so leaves such a bound as it is.
    return int(below) - _gap(high - 1, dtype) if high <= below < 2.0**63 else high


def _gap(value: int, dtype: np.dtype[Any]) -> int:
    """The distance between the values of dtype near a large whole number."""
    return 1 << max(abs(value).bit_length() - _DIGITS[dtype], 0)


def _rounded(value: int, dtype: np.dtype[Any]) -> float:
    with np.errstate(over="ignore"):
        return float(narrow(np.array(value), dtype))


def _largest_integer(dtype: np.dtype[Any]) -> int:
    if dtype.kind not in "iu":
        text = "check_random_bounds handles only integral, floating-point and boolean types"
        raise outside(text, f"dtype {dtype}", "an integer, floating or bool dtype")
    return int(np.iinfo(dtype).max)


def _check_range(low: int, last: int, dtype: np.dtype[Any]) -> None:
    if dtype in _DIGITS:
        largest = largest_float(dtype)
        smallest = -largest
    elif dtype == BOOL:
        smallest, largest = 0, 1
    else:
        largest = min(_largest_integer(dtype), _INT64_MAX)
        smallest = int(np.iinfo(dtype).min)
    for name, value in (("from", low), ("to - 1", last)):
        if not smallest <= value <= largest:
            text = f"{name} is out of bounds for {cpp_type(dtype)}"
            raise outside(text, f"{name} = {value}", f"{smallest} <= {name} <= {largest} for {dtype}")
    for name, value in (("from", low), ("to - 1", last)):
        if dtype in _DIGITS and abs(value) > 2 ** _DIGITS[dtype]:
            limit = f"[-(2^{_DIGITS[dtype]}), 2^{_DIGITS[dtype]}]"
            warnings.warn(
                f"{name} is out of bounds {limit}. Due to precision limitations {cpp_type(dtype)} can "
                "support discrete uniform distribution only within this range. "
                "Draw int64 numbers and convert them.",
                stacklevel=8,
            )


def randperm(generator: Generator, n: int, dtype: Any = np.int64) -> Array:
    """A random permutation of 0 .. n - 1, shape (n,), by exchanging entry i with one at or after it.

    Raises RuntimeError for n < 0 or numbers that dtype cannot hold, NotImplementedError for other dtypes.

    >>> randperm(Generator().manual_seed(0), 4).tolist()
    [0, 1, 3, 2]
    """
    dtype = np.dtype(dtype)
    _check_permutation(n, dtype)
    if n < _LARGE_PERMUTATION:
        return narrow(_shuffled(generator, n), dtype)
    order = np.empty(n, np.int64)
    for i in range(n):
        j = int(generator.random64(1)[0]) % (i + 1)
        order[i] = order[j]
        order[j] = i
    return narrow(order, dtype)


def _shuffled(generator: Generator, n: int) -> NDArray[np.int64]:
    """0 .. n - 1 after exchanging entries i and partner[i] >= i, for i = 0, 1, .., without a loop over i.

    Step i leaves in place what entry partner[i] holds, and moves what entry i holds, moved[i], there. An
    entry holds what the last step with it as partner moved, or else its own index; so moved follows chains of
    earlier steps, which doubling shortens.
    """
    index = np.arange(n)
    partner = index.copy()
    words = generator.random32(max(n - 1, 0))
    words %= np.arange(n, 1, -1, dtype=np.uint32)
    partner[:-1] += words
    source = index.copy()
    earlier = np.flatnonzero(partner != index)
    source[partner[earlier]] = earlier  # of equal partners the last assignment stays: the latest step
    moved = source
    while True:
        shorter = moved[moved]
        if np.array_equal(shorter, moved):
            break
        moved = shorter
    order = partner.copy()
    by_partner = np.sort((partner << 32) | index)
    same = (by_partner[1:] >> 32) == (by_partner[:-1] >> 32)
    step = by_partner & 0xFFFFFFFF
    order[step[1:][same]] = moved[step[:-1][same]]
    return order


def _check_permutation(n: int, dtype: np.dtype[Any]) -> None:
    if n < 0:
        text = f"Trying to create tensor with negative dimension {n}: [{n}]"
        raise outside(text, f"n={n}", "n >= 0")
    if dtype not in NUMBER_DTYPES:
        raise not_implemented("randperm", dtype, NUMBER_DTYPES_NAMED)
    if dtype.kind in "iu" and n - 1 > np.iinfo(dtype).max:
        kind = "uint8_t" if dtype == np.uint8 else f"{dtype}_t"
        text = f"value cannot be converted to type {kind} without overflow"
        raise outside(text, f"n={n}", f"n <= {np.iinfo(dtype).max + 1} for {dtype}")
    if dtype in (F16, F32, F64_) and n > 2 ** _DIGITS[dtype] + 1:
        limit = "2049" if dtype == F16 else f"2^{_DIGITS[dtype]}+1"
        text = f"n cannot be greater than {limit} for {scalar_type(dtype)} type."
        raise outside(text, f"n={n}", f"n <= {limit}, beyond which {dtype} skips whole numbers")
