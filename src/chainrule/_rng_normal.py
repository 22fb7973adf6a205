"""Normal samples as PyTorch's CPU kernels make them: Box-Muller in blocks of 16, or two at a time.

The float32 blocks follow the AVX2 build of PyTorch, which takes the logarithm, sine and cosine from Cephes'
single precision polynomials evaluated with fused multiply-adds. A fused multiply-add of float32 values is
computed here as a float64 product (exact) and sum, rounded to float32. Rounding twice differs from rounding
once when the float64 sum falls on a float32 tie, about once in 2^29 operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._mt19937 import Generator

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_CHUNK = 32768  # samples a pass: the float64 temporaries of a pass stay in the cache


def _f32(*values: float) -> tuple[float, ...]:
    return tuple(float(np.float32(v)) for v in values)


_LOG = _f32(
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_SIN = _f32(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = _f32(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_LN2_LOW, _LN2_HIGH = np.float32(-2.12194440e-4), np.float32(0.693359375)
_PIO4_A, _PIO4_B = np.float32(-0.78515625), np.float32(-2.4187564849853515625e-4)
_PIO4_C = np.float32(-3.77489497744594108e-8)  # the three sum to -pi / 4
_SQRT_HALF_BITS = np.int32(np.float32(math.sqrt(0.5)).view(np.int32))
_FOUR_OVER_PI = np.float32(4 / math.pi)
_THETA_STEP = np.float32(2 * math.pi) * np.float32(2.0**-24)
_ONE, _HALF, _MINUS_TWO = np.float32(1), np.float32(0.5), np.float32(-2)


def _round(x: F64) -> F32:
    return x.astype(np.float32)


def _horner(x: F64, coefficients: tuple[float, ...]) -> F32:
    """((c0 x + c1) x + c2) x + ..., rounded to float32 after each fused step."""
    y = x * coefficients[0]
    y += coefficients[1]
    for c in coefficients[2:]:
        y = _round(y).astype(np.float64)
        y *= x
        y += c
    return _round(y)


def _log(count: F32) -> F32:
    """log(count / 2^24) for whole numbers 1 <= count <= 2^24."""
    bits = count.view(np.int32)
    exponent = (bits - _SQRT_HALF_BITS) >> 23
    x = (bits - (exponent << 23)).view(np.float32)
    x -= _ONE
    exponent -= 24
    e = exponent.astype(np.float32)
    wide = x.astype(np.float64)
    square = x * x
    y = _horner(wide, _LOG)
    y *= x
    wide = y.astype(np.float64)
    wide *= square
    wide += e * _LN2_LOW
    y = _round(wide)
    square *= _HALF
    y -= square
    y += x
    e *= _LN2_HIGH
    y += e
    return y


def _sin_cos(theta: F32) -> tuple[F32, F32]:
    """The sine and cosine of angles in [0, 2 pi]."""
    octant = (theta * _FOUR_OVER_PI).astype(np.int32)
    octant += 1
    octant &= ~1
    quarter = octant.astype(np.float32)
    x = theta + quarter * _PIO4_A  # these two products are exact: few bits times a whole number up to 8
    x += quarter * _PIO4_B
    wide = quarter.astype(np.float64)
    wide *= float(_PIO4_C)
    wide += x
    x = _round(wide)
    square = x * x
    z = square.astype(np.float64)
    cos = _horner(z, _COS)
    cos *= square
    wide = cos.astype(np.float64)
    wide *= z
    square *= _HALF
    wide -= square
    cos = _round(wide)
    cos += _ONE
    sin = _horner(z, _SIN)
    sin *= z.astype(np.float32)
    wide = sin.astype(np.float64)
    wide *= x
    wide += x
    sin = _round(wide)
    return _place(octant, sin, cos)


def _place(octant: NDArray[np.int32], sin: F32, cos: F32) -> tuple[F32, F32]:
    """Exchange sine and cosine and set their signs according to the octant, on the bits."""
    sin_bits, cos_bits = sin.view(np.int32), cos.view(np.int32)
    exchange = sin_bits ^ cos_bits
    exchange &= -((octant & 2) >> 1)
    sin_bits ^= exchange
    cos_bits ^= exchange
    sin_bits ^= (octant & 4) << 29
    cos_bits ^= ((octant + 2) & 4) << 29
    return sin, cos


def _scale(z: F32, mean: np.float32, std: np.float32) -> F32:
    """z * std + mean with one rounding; adding a zero mean also turns -0 into +0, as the fused form does."""
    if std == 1:
        z += mean
        return z
    if mean == 0:
        z *= std
        z += mean
        return z
    return _round(z.astype(np.float64) * float(std) + float(mean))


def _blocks_f32(generator: Generator, out: F32, mean: np.float32, std: np.float32) -> None:
    """Fill out, a whole number of blocks of 16, in place: within a block sample j pairs with j + 8."""
    words = generator.random32(out.size)
    words &= np.uint32(0xFFFFFF)
    pairs = words.view(np.int32).reshape(-1, 2, 8)
    radius = _log((2**24 - pairs[:, 0]).astype(np.float32).ravel())
    radius *= _MINUS_TWO
    np.sqrt(radius, out=radius)
    sin, cos = _sin_cos(pairs[:, 1].astype(np.float32).ravel() * _THETA_STEP)
    cos *= radius
    sin *= radius
    blocks = out.reshape(-1, 2, 8)
    blocks[:, 0] = _scale(cos, mean, std).reshape(-1, 8)
    blocks[:, 1] = _scale(sin, mean, std).reshape(-1, 8)


def _fill_f32(generator: Generator, n: int, mean: float, std: float, discard_rest: bool) -> F32:
    out = np.empty(n, np.float32)
    m, s = np.float32(mean), np.float32(std)
    whole = n & ~15
    for start in range(0, whole, _CHUNK):
        _blocks_f32(generator, out[start : min(start + _CHUNK, whole)], m, s)
    if n != whole:
        if discard_rest:
            generator.raw(n - whole)
        _blocks_f32(generator, out[-16:], m, s)
    return out


def narrow(x: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """x as dtype; the half precisions by way of float32, as C++ converts them, which can round twice."""
    if dtype.itemsize == 2 and dtype.kind not in "iu":
        x = x.astype(np.float32, copy=False)
    return x.astype(dtype, copy=False)


def libm(function: Callable[[float], float], x: F64) -> F64:
    """The C library's function on each element: NumPy's vector versions differ in the last bit."""
    return np.fromiter(map(function, x.tolist()), np.float64, x.size)


def fused_multiply_add(a: F64, b: float, c: float) -> F64:
    """a * b + c for doubles with one rounding (Dekker's exact product, Knuth's exact sum)."""
    if c == 0 or b == 1:
        return a * b + c
    split = 134217729.0
    high_a, high_b = a * split - (a * split - a), b * split - (b * split - b)
    low_a, low_b = a - high_a, b - high_b
    product = a * b
    product_error = ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b
    total = product + c
    part = total - product
    total_error = (product - (total - part)) + (c - part)
    return total + (product_error + total_error)


def _blocks_f64(uniforms: F64, mean: float, std: float) -> F64:
    pairs = uniforms.reshape(-1, 2, 8)
    radius = np.sqrt(-2 * libm(math.log, 1 - pairs[:, 0].ravel())).reshape(-1, 8)
    theta = 2 * math.pi * pairs[:, 1]
    blocks = np.empty_like(pairs)
    blocks[:, 0] = fused_multiply_add(radius * np.cos(theta), std, mean)
    blocks[:, 1] = fused_multiply_add(radius * np.sin(theta), std, mean)
    return blocks.ravel()


def _fill_f64(generator: Generator, n: int, mean: float, std: float) -> F64:
    out = generator.doubles(n)
    whole = n & ~15
    out[:whole] = _blocks_f64(out[:whole], mean, std)
    if n != whole:
        out[-16:] = _blocks_f64(generator.doubles(16), mean, std)
    return out


def standard_pairs(generator: Generator, n: int) -> list[float]:
    """n standard normal doubles, made two at a time; an odd one out waits in the generator for the next."""
    samples: list[float] = []
    if n and generator.next_normal is not None:
        samples.append(generator.next_normal)
        generator.next_normal = None
    missing = n - len(samples)
    words = generator.raw(4 * ((missing + 1) // 2)).tolist()
    for i in range(0, len(words), 4):
        u1 = ((words[i] & 0x1FFFFF) << 32 | words[i + 1]) * 2.0**-53
        u2 = ((words[i + 2] & 0x1FFFFF) << 32 | words[i + 3]) * 2.0**-53
        radius = math.sqrt(-2.0 * math.log1p(-u2))
        theta = 2.0 * math.pi * u1
        samples += (radius * math.cos(theta), radius * math.sin(theta))
    if len(samples) > n:
        generator.next_normal = samples.pop()
    return samples


def fill_normal(generator: Generator, n: int, dtype: np.dtype[Any], mean: float, std: float) -> NDArray[Any]:
    """n normal samples of a floating dtype, shape (n,)."""
    if n < 16:
        z = np.array(standard_pairs(generator, n), np.float64)
        if mean != 0 or std != 1:
            z = fused_multiply_add(z, std, mean)
        return narrow(z, dtype)
    if dtype == np.float64:
        return _fill_f64(generator, n, mean, std)
    if dtype == np.float32:
        return _fill_f32(generator, n, mean, std, discard_rest=True)
    # Half precisions draw block by block, so the samples of an unfinished block are never drawn.
    return narrow(_fill_f32(generator, n, mean, std, discard_rest=False), dtype)
