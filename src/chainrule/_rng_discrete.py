"""Integers, permutations and discrete distributions: PyTorch's CPU samplers as ndarrays."""

from __future__ import annotations

import math
import warnings
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from ._mt19937 import Generator, size_of
from ._rng_continuous import (
    BF16, BOOL, F16, F32, F64_, FLOATS, INT64, Array, Shape, cpp_type, not_implemented, outside, require_float,
    scalar_type,
)  # fmt: skip
from .errors import message

_DIGITS = {F16: 11, BF16: 8, F32: 24, F64_: 53}
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_SIGNED_AND_BYTE = tuple(np.dtype(t) for t in (np.uint8, np.int8, np.int16, np.int32, np.int64))
_PERMUTATION_DTYPES = (*_SIGNED_AND_BYTE, *FLOATS)
_SAMPLE_DTYPES = (BOOL, *_PERMUTATION_DTYPES)
# Above this many elements PyTorch's shuffle takes 64-bit words, for the remainder to stay uniform.
_LARGE_PERMUTATION = (2**32 - 1) // 20


def _convert(values: Array, dtype: np.dtype[Any], shape: Shape) -> Array:
    if dtype.itemsize == 2 and dtype in FLOATS:
        values = values.astype(np.float32)  # C++ converts an integer to a half precision by way of float
    return values.astype(dtype).reshape(shape)


def randint(generator: Generator, low: int, high: int, shape: Shape, dtype: Any = np.int64) -> Array:
    """Whole numbers of [low, high): low + word mod (high - low), of 64-bit words when the range is 2^28 or more.

    Raises RuntimeError for low >= high or bounds outside the dtype; warns where a floating dtype has gaps.

    >>> randint(Generator().manual_seed(0), 0, 10, (4,)).tolist()
    [4, 9, 3, 0]
    """
    return random_(generator, shape, dtype, low, high)


def random_(
    generator: Generator, shape: Shape, dtype: Any, low: int | None = None, high: int | None = None
) -> Array:
    """What `Tensor.random_` draws: [low, high), [low, the dtype's largest], or with no bounds [0, the largest].

    For a floating dtype the largest is 2^digits (2^24 for float32); low = -2^63 alone draws all 64-bit integers.
    Raises RuntimeError for an empty range or bounds outside the dtype, NotImplementedError for other dtypes.

    >>> random_(Generator().manual_seed(0), (2,), np.uint8).tolist()
    [44, 239]
    """
    dtype = np.dtype(dtype)
    if low is None:
        return _random_unbounded(generator, shape, dtype)
    for bound in (low, high):
        if bound is not None and not _INT64_MIN <= bound <= _INT64_MAX:
            text = "Overflow when unpacking long long"
            raise ValueError(message(text, came=f"bound {bound}", expected="-2**63 <= bound <= 2**63 - 1"))
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
        if span < 2**64:
            words %= np.uint64(span)
        values = words.view(np.int64)
    if start:
        values += start
    return _convert(values, dtype, shape)


def _random_unbounded(generator: Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    n = size_of(shape)
    if dtype not in _SAMPLE_DTYPES:
        raise not_implemented("random_kernel_cpu", dtype, "bool, uint8, a signed integer or a floating dtype")
    if dtype == F64_:
        return (generator.random64(n) % np.uint64(2**53 + 1)).astype(dtype).reshape(shape)
    if dtype == INT64:
        return (generator.random64(n) & np.uint64(_INT64_MAX)).view(np.int64).reshape(shape)
    words = generator.random32(n)
    if dtype in _DIGITS:
        return _convert(words % np.uint32(2 ** _DIGITS[dtype] + 1), dtype, shape)
    largest = 1 if dtype == BOOL else int(np.iinfo(dtype).max)
    return _convert(words & np.uint32(largest), dtype, shape)


def _random_all_64_bits(generator: Generator, shape: Shape, dtype: np.dtype[Any]) -> Array:
    if dtype not in (INT64, F64_, F32, BF16):
        text = "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
        raise outside(text, f"dtype {dtype}", "int64, float64, float32 or bfloat16")
    return _convert(generator.random64(size_of(shape)).view(np.int64), dtype, shape)


def _range_with_high(low: int, high: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The first and last integer of [low, high) that stay inside after rounding to dtype."""
    if low >= high:
        text = f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        raise outside(text, f"low={low}, high={high}", "low < high")
    if dtype in _DIGITS:
        low, high = _round_up(low, dtype), -_round_up(-high, dtype)
        if low >= high:
            text = f"random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from={low} >= to={high}"
            raise outside(text, f"low={low}, high={high} in {dtype}", "low < high after rounding")
    _check_range(low, high - 1, dtype)
    return low, high - 1


def _range_to_largest(low: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    if dtype in _DIGITS:
        last = 2 ** _DIGITS[dtype]
        low = _round_up(low, dtype)
        if low >= last:
            text = (
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
                f"but got from={low} > to_inc={last}"
            )
            raise outside(text, f"low={low}", f"low < {last} for {dtype}")
    else:
        last = 1 if dtype == BOOL else min(_largest_integer(dtype), _INT64_MAX)
    _check_range(low, last, dtype)
    return low, last


def _round_up(low: int, dtype: np.dtype[Any]) -> int:
    """low, moved up to the next value of dtype if low + 1 would round below it (the mirror image serves `high`)."""
    digits = _DIGITS[dtype]
    above = _rounded(low + 1, dtype)
    if above < low:
        low = int(above) + 2 ** (abs(low + 1).bit_length() - digits)
    return low


def _rounded(value: int, dtype: np.dtype[Any]) -> float:
    return float(np.array(value, np.float64).astype(np.float32 if dtype.itemsize == 2 else dtype).astype(dtype))


def _largest_integer(dtype: np.dtype[Any]) -> int:
    if dtype.kind not in "iu":
        text = "check_random_bounds handles only integral, floating-point and boolean types"
        raise outside(text, f"dtype {dtype}", "an integer, floating or bool dtype")
    return int(np.iinfo(dtype).max)


def _check_range(low: int, last: int, dtype: np.dtype[Any]) -> None:
    if dtype in _DIGITS:
        largest: float = float(ml_dtypes.finfo(dtype).max)
        smallest = -largest
    elif dtype == BOOL:
        smallest, largest = 0, 1
    else:
        largest = min(_largest_integer(dtype), _INT64_MAX)
        smallest = int(np.iinfo(dtype).min)
    for name, value in (("from", low), ("to - 1", last)):
        if not smallest <= value <= largest:
            text = f"{name} is out of bounds for {cpp_type(dtype)}"
            raise outside(text, f"{name} = {value}", f"{smallest:g} <= {name} <= {largest:g} for {dtype}")
    for name, value in (("from", low), ("to - 1", last)):
        if dtype in _DIGITS and abs(value) > 2 ** _DIGITS[dtype]:
            limit = f"[-(2^{_DIGITS[dtype]}), 2^{_DIGITS[dtype]}]"
            warnings.warn(
                f"{name} is out of bounds {limit}. Due to precision limitations {cpp_type(dtype)} can support discrete "
                f"uniform distribution only within this range. Draw int64 numbers and convert them.",
                stacklevel=5,
            )


def randperm(generator: Generator, n: int, dtype: Any = np.int64) -> Array:
    """A random permutation of 0 .. n - 1, shape (n,), by exchanging entry i with one at or after it.

    Raises RuntimeError for n < 0 or numbers that dtype cannot hold, NotImplementedError for other dtypes.

    >>> randperm(Generator().manual_seed(0), 4).tolist()
    [2, 0, 1, 3]
    """
    dtype = np.dtype(dtype)
    _check_permutation(n, dtype)
    order = list(range(n))
    if n < _LARGE_PERMUTATION:
        partners = generator.random32(max(n - 1, 0)).astype(np.int64)
        partners %= np.arange(n, 1, -1)
        partners += np.arange(n - 1)
        for i, j in enumerate(partners.tolist()):
            order[i], order[j] = order[j], order[i]
    else:
        targets = (generator.random64(n) % np.arange(1, n + 1, dtype=np.uint64)).tolist()
        for i, j in enumerate(targets):
            order[i], order[j] = order[j], i
    return _convert(np.array(order, np.int64), dtype, n)


def _check_permutation(n: int, dtype: np.dtype[Any]) -> None:
    if n < 0:
        text = f"Trying to create tensor with negative dimension {n}: [{n}]"
        raise outside(text, f"n={n}", "n >= 0")
    if dtype not in _PERMUTATION_DTYPES:
        raise not_implemented("randperm", dtype, "uint8, a signed integer or a floating dtype")
    if dtype.kind in "iu" and n > np.iinfo(dtype).max:
        kind = "uint8_t" if dtype == np.uint8 else f"{dtype}_t"
        text = f"value cannot be converted to type {kind} without overflow"
        raise outside(text, f"n={n}", f"n <= {np.iinfo(dtype).max} for {dtype}")
    if dtype in (F16, F32, F64_) and n > 2 ** _DIGITS[dtype] + 1:
        limit = "2049" if dtype == F16 else f"2^{_DIGITS[dtype]}+1"
        text = f"n cannot be greater than {limit} for {scalar_type(dtype)} type."
        raise outside(text, f"n={n}", f"n <= {limit}, beyond which {dtype} skips whole numbers")


def bernoulli(generator: Generator, p: float | Array, shape: Shape, dtype: Any) -> Array:
    """Ones with probability p, else zeros: 1 where u < p, p a number or an array that broadcasts to shape.

    u has 53 random bits for a number or a float64 array, 24 for other arrays. For a number, PyTorch on an Intel
    processor draws from the MKL library instead; these are the values it gives on every other processor.
    Raises RuntimeError for p outside [0, 1], NotImplementedError for other dtypes.

    >>> bernoulli(Generator().manual_seed(0), 0.5, (4,), np.float32).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    dtype, n = np.dtype(dtype), size_of(shape)
    if isinstance(p, np.ndarray):
        return _bernoulli_array(generator, p, shape, dtype)
    if not 0 <= p <= 1:
        raise outside(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}", f"p={p:g}", "0 <= p <= 1")
    if dtype not in _SAMPLE_DTYPES:
        raise not_implemented("bernoulli_scalar_cpu_", dtype, "bool, uint8, a signed integer or a floating dtype")
    words = generator.random64(n)
    words &= np.uint64(2**53 - 1)
    return (words < np.uint64(math.ceil(p * 2.0**53))).astype(dtype).reshape(shape)


def _bernoulli_array(generator: Generator, p: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    if dtype not in _SAMPLE_DTYPES:
        raise not_implemented("bernoulli_tensor_cpu_self_", dtype, "bool, uint8, a signed integer or a floating dtype")
    require_float(p.dtype, "bernoulli_tensor_cpu_p_")
    n = size_of(shape)
    chances = np.broadcast_to(p, shape).ravel()
    if not ((chances >= 0) & (chances <= 1)).all():
        text = "Expected p_in >= 0 && p_in <= 1 to be true, but got false."
        raise outside(text, "a probability outside the range, or nan", "0 <= p <= 1 for every element")
    if p.dtype == F64_:
        return (generator.doubles(n) < chances).astype(dtype).reshape(shape)
    words = generator.random32(n) & np.uint32(2**24 - 1)
    return (words < chances.astype(np.float32) * np.float32(2.0**24)).astype(dtype).reshape(shape)


def dropout_mask(generator: Generator, shape: Shape, p: float, dtype: Any) -> Array:
    """The factors of dropout: 0 with probability p, else 1 / (1 - p). p = 0 and p = 1 draw nothing.

    Raises ValueError for p outside [0, 1].

    >>> dropout_mask(Generator().manual_seed(0), (4,), 0.5, np.float32).tolist()
    [0.0, 2.0, 0.0, 0.0]
    """
    dtype = np.dtype(dtype)
    if not 0 <= p <= 1:
        text = f"dropout probability has to be between 0 and 1, but got {p}"
        raise ValueError(message(text, came=f"p={p}", expected="0 <= p <= 1", fix="pass the fraction to drop, as in 0.1"))
    if p in (0, 1):
        return np.full(shape, 1 - p, dtype)
    mask = bernoulli(generator, 1 - p, shape, dtype)
    wide = np.dtype(np.float32) if dtype.itemsize == 2 else dtype
    return mask * (wide.type(1) / wide.type(1 - p)).astype(dtype)


def geometric(generator: Generator, shape: Shape, dtype: Any, p: float) -> Array:
    """The number of trials up to the first success, x = ceil(log u / log(1 - p)), of success probability p.

    Raises RuntimeError for p outside (0, 1), NotImplementedError for bool, unsigned wide and complex dtypes.

    >>> geometric(Generator().manual_seed(0), (3,), np.int64, 0.1).tolist()
    [1, 5, 3]
    """
    dtype = np.dtype(dtype)
    if not 0 < p < 1:
        raise outside(f"geometric_ expects p to be in (0, 1), but got p={p:g}", f"p={p:g}", "0 < p < 1")
    if dtype not in _PERMUTATION_DTYPES:
        raise not_implemented("geometric_cpu", dtype, "uint8, a signed integer or a floating dtype")
    trials = np.ceil(np.log(generator.doubles(size_of(shape))) / math.log1p(-p))
    return trials.astype(dtype).reshape(shape)
