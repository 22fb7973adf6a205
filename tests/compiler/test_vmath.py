"""The vector functions against NumPy's long double: errors in units in the last place, and special values."""

from __future__ import annotations

import math
import platform
from functools import cache
from typing import Any

import numpy as np
import pytest
from tests.compiler.kernels import Kernels, in_memory, padded, specials, write_loop

from chainrule.compiler import engine, target
from chainrule.compiler.builder import Module, Value, vector
from chainrule.compiler.vmath import ARITY, FUNCTIONS
from chainrule.compiler.vmath.power import pow as power

WIDTHS = (1, 4, 8, 16)
HERE = ["host", "x86-64"] if platform.machine() == "x86_64" else ["host"]
FLOATS = [np.float32, np.float64]
LONG = np.longdouble
EXACT = {"floor", "ceil", "trunc", "rint", "copysign", "fabs", "fmod", "remainder", "floor_divide"}
NUMPY = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
         "acosh": "arccosh", "atanh": "arctanh", "pow": "power"}  # fmt: skip
RANGE = {"exp": 104, "exp2": 160, "expm1": 100, "sigmoid": 106, "tanh": 12, "sinh": 90, "cosh": 90}
BOUND = {"sigmoid": 2.4}  # by its three roundings; all others stay within 2 ulp

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@cache
def kernels(name: str, dtype: Any, on: str) -> Kernels:
    """The function in all widths, as "w1" … "w16"."""
    t = target.named(on)
    m = Module(t)
    for w in WIDTHS:
        write_loop(m, f"w{w}", lambda f, xs: FUNCTIONS[name](f, *xs), [dtype] * ARITY[name], dtype, w)
    return Kernels(m, {f"w{w}": dtype for w in WIDTHS}, t)


def reference(name: str, *xs: np.ndarray) -> np.ndarray:
    """In long double; floor_divide in its own precision, where its rounded quotient is defined."""
    if name == "floor_divide":
        return np.floor_divide(*xs).astype(LONG)
    if name in ("erf", "erfc"):
        return np.array([getattr(math, name)(x) for x in xs[0].astype(np.float64)], LONG)
    wide = [x.astype(LONG) for x in xs]
    if name == "sigmoid":
        return 1 / (1 + np.exp(-wide[0]))
    if name == "rsqrt":
        return 1 / np.sqrt(wide[0])
    return getattr(np, NUMPY.get(name, name))(*wide)


def ulps(y: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|y - exact| in units in the last place of y's dtype at the exact value; NaN must meet NaN."""
    i = np.finfo(y.dtype)
    rounded = exact.astype(y.dtype)
    same = (np.isnan(y) & np.isnan(exact)) | (y == rounded)
    size = np.maximum(np.abs(exact), LONG(i.tiny))
    unit = np.ldexp(LONG(1), np.floor(np.log2(np.where(np.isfinite(size), size, 1))).astype(int) - i.nmant)
    error = np.abs(y.astype(LONG) - exact) / unit
    error = np.where(same & ~np.isfinite(rounded), 0, error)
    return np.where(np.isnan(error), np.inf, error)


def samples(name: str, dtype: Any, count: int = 6000) -> list[np.ndarray]:
    """Any bit pattern, the function's range, around 0, around 1, and all special values (or their pairs)."""
    rng = np.random.default_rng(7)
    integer = np.uint32 if dtype is np.float32 else np.uint64
    any_bits = rng.integers(0, np.iinfo(integer).max, count, dtype=integer, endpoint=True).view(dtype)
    wide = RANGE.get(name, 40) * (7 if dtype is np.float64 and name in RANGE else 1)
    x = np.concatenate(
        [any_bits, rng.uniform(-wide, wide, count), rng.uniform(-3, 3, count), rng.uniform(0.4, 1.6, count)]
    ).astype(dtype)
    s = specials(dtype)
    if ARITY[name] == 1:
        return [padded(np.concatenate([x, s]))]
    pairs = np.stack(np.meshgrid(s, s)).reshape(2, -1)
    return [padded(np.concatenate([x, pairs[0]])), padded(np.concatenate([rng.permutation(x), pairs[1]]))]


@pytest.mark.parametrize("on", HERE)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_and_special_values(name: str, dtype: Any, on: str) -> None:
    if dtype is np.float64 and np.finfo(LONG).nmant < 60 and name not in EXACT:
        pytest.skip("long double is no wider than double here")
    xs = samples(name, dtype)
    exact = reference(name, *xs)
    y = kernels(name, dtype, on)("w1", *xs)
    error = ulps(y, exact)
    worst = int(np.argmax(error))
    bound = 0.501 if name in EXACT else BOUND.get(name, 2.0) if on == "host" else 3.0
    assert error[worst] <= bound, f"{error[worst]} ulp at {[float(x[worst]) for x in xs]}: {y[worst]}"
    zero = (exact == 0) & (y == 0)
    assert np.array_equal(np.signbit(y[zero]), np.signbit(exact[zero]))
    for w in WIDTHS[1:]:
        again = kernels(name, dtype, on)(f"w{w}", *xs)
        assert np.array_equal(y, again, equal_nan=True), f"{w} lanes differ from one"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["exp", "expm1", "exp2", "sigmoid", "tanh", "log", "log1p", "erf", "sin"])
def test_a_nan_with_any_payload_stays_a_nan(name: str, dtype: Any) -> None:
    integer, quiet = (np.uint32, 0x7FC00000) if dtype is np.float32 else (np.uint64, 0x7FF8 << 48)
    x = padded(np.array([quiet + k for k in (0, 1, 2, 3, 255, 256, 511, 1 << 20)], integer)).view(dtype)
    for sign in (x, -x):
        for w in WIDTHS:
            assert np.all(np.isnan(kernels(name, dtype, "host")(f"w{w}", sign)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_large_arguments_do_not_disturb_their_neighbours(name: str, dtype: Any) -> None:
    small = padded(np.linspace(-30, 30, 64, dtype=dtype))
    mixed = small.copy()
    mixed[::3] = np.linspace(1e7, 1e30, len(mixed[::3]), dtype=dtype)
    run = kernels(name, dtype, "host")
    plain, y = run("w8", small), run("w8", mixed)
    kept = mixed == small
    assert np.array_equal(y[kept], plain[kept])
    assert np.max(ulps(y, reference(name, mixed))) < 2


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sine_and_cosine_hold_up_to_the_bound_of_the_reduction(name: str) -> None:
    """The floats closest to multiples of π/2 are where a short reduction loses everything."""
    n = np.arange(1, 20800, dtype=np.float64)
    near = (n * (np.pi / 2)).astype(np.float32)
    x = padded(np.concatenate([near, np.nextafter(near, np.float32(0)), -near]))
    assert np.max(ulps(kernels(name, np.float32, "host")("w8", x), reference(name, x))) < 2


def test_powers_of_two_and_ten_are_exact() -> None:
    n = np.arange(-149, 128)
    x = padded(np.ldexp(np.float32(1), n))
    assert np.array_equal(kernels("log2", np.float32, "host")("w8", x)[: len(n)], n.astype(np.float32))
    whole = padded(n.astype(np.float32))
    assert np.array_equal(kernels("exp2", np.float32, "host")("w8", whole), x)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, 5, 7, -1, -2, -3, -5, 0.5, -0.5, 1.5, math.inf])
def test_constant_exponents(exponent: float, dtype: Any) -> None:
    t = target.host()
    m = Module(t)
    write_loop(m, "kernel", lambda f, xs: power(f, xs[0], exponent), [dtype], dtype, 8)
    x = samples("pow", dtype)[0]
    if exponent == 0.5:
        expected = np.sqrt(x.astype(LONG))  # as NumPy has it, also of -0 and -inf
    else:
        expected = np.power(x.astype(LONG), LONG(exponent))
    y = Kernels(m, {"kernel": dtype}, t)("kernel", x)
    normal = (np.abs(expected) >= np.finfo(dtype).tiny) | (expected == 0) | ~np.isfinite(expected)
    reciprocal = exponent >= 0 or np.abs(x) < 1 / np.finfo(dtype).tiny  # 1/x of the rest is denormal
    bound = 3.5 if exponent < -2 else 2.5 if exponent < 0 else 2  # powers of the rounded 1/x
    assert np.max(ulps(y, expected)[normal & reciprocal]) <= bound
    zero = expected == 0
    assert np.array_equal(np.signbit(y[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("on", target.NAMES)
def test_every_function_compiles_for_every_target(on: str) -> None:
    t = target.named(on)
    m = Module(t)
    for name, write in FUNCTIONS.items():
        for dtype in FLOATS:
            for w in (1, t.lanes(in_memory(dtype))):
                kind = vector(in_memory(dtype), w)
                f = m.function(f"{name}.{kind.strip('<>').replace(' ', '')}", [kind] * ARITY[name], kind)
                f.ret(write(f, *f.parameters))
    assert len(engine.object_code(str(m), t, verify=True)) > 1000


def test_a_helper_is_written_once() -> None:
    m = Module(target.host())
    f = m.function("twice", ["<4 x float>"], "<4 x float>")
    x = FUNCTIONS["sinh"](f, f.parameters[0])
    y = FUNCTIONS["sinh"](f, x)
    f.ret(y)
    assert isinstance(y, Value)
    assert str(m).count("define") == 2
