"""Elementwise records compiled from their `lower` facet against NumPy's forward, for each dtype they have."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.compiler.kernels import compiled, padded, specials
from tests.registry.helpers import RECORDS, ranges

from chainrule.compiler import engine, target
from chainrule.compiler.builder import Module, vector
from chainrule.compiler.expression import LoweringError, Operand, parse
from chainrule.compiler.lanes import ARGUMENTS
from chainrule.compiler.scalar import REGISTER, convert, emit, expression, supported
from chainrule.ops.record import REGISTRY, Op
from chainrule.types import (
    DType,
    bfloat16,
    bool_,
    complex64,
    dtype_of,
    float16,
    float32,
    float64,
    int8,
    int32,
    int64,
    uint8,
    uint64,
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

ELEMENTWISE = [name for name in RECORDS if REGISTRY[name].domain is not None]
LOWERED = [name for name in ELEMENTWISE if expression(REGISTRY[name]) is not None]
DTYPES = [bool_, int8, uint8, int32, int64, uint64]
MORE_ATTRIBUTES = {  # besides those of the record: other branches of the expression
    "logit": [(None,)],
    "isclose": [(0.1, 0.01, True)],
    "round": [(2,), (-1,)],
    "hardtanh": [(-2.0, 0.5)],
    "elu": [(1.0, 1.0, 1.0)],
    "threshold": [(-0.5, 7.0)],
}
NOT_ON_INTEGERS = {
    "pow", "floor_divide", "trunc_divide", "remainder", "fmod",  # they may raise: 0 divides, 2 ** -1
    "addcdiv", "isclose",  # by way of floats
    "round",  # its decimals divide
    "neg", "sub", "rsub", "bitwise_left_shift", "bitwise_right_shift",  # of bools only, as PyTorch
}  # fmt: skip
# an exact 0 whose sign NumPy leaves to its loop (the larger of -0 and +0), or to the order of roundings
SIGN_OF_ZERO_IS_OPEN = {"fmax", "fmin", "addcmul", "addcdiv", "lerp", "logaddexp2"}


def attributes_of(op: Op) -> list[tuple[Any, ...]]:
    own = tuple(op.samples(np.random.default_rng(1))[0][op.nargs :]) if op.samples else ()
    return [own, *MORE_ATTRIBUTES.get(op.name, [])]


def combined(columns: list[np.ndarray]) -> list[np.ndarray]:
    return [padded(c.ravel()) for c in np.meshgrid(*columns)]


def floats(op: Op, dtype: DType) -> list[np.ndarray]:
    """Samples of the domain, and all special values with one another (ten of them for three arguments)."""
    rng = np.random.default_rng(5)
    inside = [rng.uniform(*r, size=400).astype(dtype.np) for r in ranges(op)]
    around = [rng.normal(size=400).astype(dtype.np) * 3 for _ in ranges(op)]
    edge = specials(dtype.np)
    if op.nargs == 3:
        edge = np.array([0, -0.0, 1, -1.5, 0.5, np.inf, -np.inf, np.nan, 1e30, 1e-39], dtype.np)
    return [padded(np.concatenate(x)) for x in zip(inside, around, combined([edge] * op.nargs))]


def whole_numbers(op: Op, dtype: DType) -> list[np.ndarray]:
    if dtype is bool_:
        return combined([np.array([False, True])] * op.nargs)
    i = np.iinfo(dtype.np)
    near = np.array([i.min, i.min + 1, i.max, i.max - 1, 0, 1, 2, 3, 5, 7, 8, 31, 63, 64, 100], dtype.np)
    signed = near if i.min == 0 else np.concatenate([near, -near[4:]])
    return combined([signed] * op.nargs)


def forward(op: Op, arrays: list[np.ndarray], attributes: tuple[Any, ...]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(op.forward(*arrays, *attributes))


def run(op: Op, arrays: list[Any], attributes: tuple[Any, ...], dtype: DType, result: DType) -> np.ndarray:
    """The compiled record in 8 lanes; one lane must agree with it."""
    numbers = {i: x for i, x in enumerate(arrays) if not isinstance(x, np.ndarray)}
    given_arrays = [x for x in arrays if isinstance(x, np.ndarray)]

    def write(f: Any, xs: list[Any]) -> Any:
        rest = iter(xs)
        operands = [numbers[i] if i in numbers else next(rest) for i in range(len(arrays))]
        return emit(f, op, operands, attributes, dtype, result)

    types = [x.dtype for x in given_arrays]
    kernels = compiled(write, types, result.np, target.host())
    y = kernels("kernel", *given_arrays)
    assert np.array_equal(y, kernels("single", *given_arrays), equal_nan=result.category > 1)
    return y


ERROR = {"erfc": 100}  # of SciPy's far tail itself; else 4 ulp between the two


def assert_close(op: Op, y: np.ndarray, arrays: list[Any], attributes: tuple[Any, ...]) -> None:
    """As close as forward, to forward or to what it gives in double (where float overflows on the way)."""
    expected = forward(op, arrays, attributes)
    if y.dtype.kind != "f":
        assert np.array_equal(y, expected)
        return
    wide = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in arrays]
    exact = forward(op, wide, attributes).astype(y.dtype).astype(np.float64)
    eps, tiny = np.finfo(y.dtype).eps, float(np.finfo(y.dtype).smallest_subnormal)
    scale = np.zeros(y.shape)
    for x in arrays:  # an error of the largest operand's rounding: differences cancel in forward too
        scale = np.maximum(scale, np.where(np.isfinite(x), np.abs(x.astype(np.float64)), 0))
    good = np.zeros(y.shape, bool)
    for z in (expected.astype(np.float64), exact):
        size = np.maximum(np.where(np.isfinite(z), np.abs(z), 0), scale if op.name in CANCELS else 0)
        good |= (
            (np.isnan(y) & np.isnan(z))
            | (y == z)
            | (np.abs(y - z) <= ERROR.get(op.name, 4) * eps * size + 2 * tiny)
        )
    bad = np.flatnonzero(~good)
    assert not len(bad), [([float(x[k]) for x in arrays], float(y[k]), float(expected[k])) for k in bad[:5]]
    if op.name not in SIGN_OF_ZERO_IS_OPEN:
        zero = (y == 0) & (expected == 0)
        assert np.array_equal(np.signbit(y[zero]), np.signbit(expected[zero]))


# differences of operands or of what is as large: forward loses as many digits
CANCELS = {
    "addcdiv", "addcmul", "gelu", "gelu_tanh", "lerp", "log_sigmoid", "logaddexp", "logaddexp2", "logit",
    "tanhshrink", "frac", "softplus", "mish", "entr", "sinc", "hardswish", "softshrink", "xlogy", "xlog1py",
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_each_record_is_lowered_or_says_by_what_and_why(name: str) -> None:
    op = REGISTRY[name]
    if expression(op) is None:
        assert re.fullmatch(r"by [^:]+: \S.*|checked: \S.*", op.lower)


@pytest.mark.parametrize("dtype", [float32, float64], ids=repr)
@pytest.mark.parametrize("name", LOWERED)
def test_floats_give_what_forward_gives(name: str, dtype: DType) -> None:
    op = REGISTRY[name]
    if "f" in op.refuses:
        assert not supported(op, dtype, dtype)
        return
    arrays: list[Any] = floats(op, dtype)
    for attributes in attributes_of(op):
        result = dtype_of(forward(op, arrays, attributes))
        assert supported(op, dtype, result)
        assert_close(op, run(op, arrays, attributes, dtype, result), arrays, attributes)


@pytest.mark.parametrize("dtype", DTYPES, ids=repr)
@pytest.mark.parametrize("name", LOWERED)
def test_integers_and_bools_give_what_forward_gives(name: str, dtype: DType) -> None:
    op = REGISTRY[name]
    arrays: list[Any] = whole_numbers(op, dtype)
    attributes = attributes_of(op)[0]
    if not supported(op, dtype, dtype):
        assert "bi"[dtype.category] in op.refuses or op.floats or name in NOT_ON_INTEGERS
        return
    try:
        expected = forward(op, arrays, attributes)
    except (TypeError, OverflowError) as e:  # bools cannot be subtracted, -1 is not unsigned
        assert dtype is bool_ or not dtype.is_signed, e
        return
    result = dtype_of(expected)
    y = run(op, arrays, attributes, dtype, result)
    bad = np.flatnonzero(y != expected)
    assert not len(bad), [([x[k] for x in arrays], y[k], expected[k]) for k in bad[:5]]


@pytest.mark.parametrize("dtype", [float16, bfloat16, complex64], ids=repr)
def test_half_and_complex_numbers_are_not_lowered(dtype: DType) -> None:
    assert not any(supported(REGISTRY[name], dtype, dtype) for name in LOWERED)
    with pytest.raises(ValueError, match="add is not lowered for"):
        emit(None, REGISTRY["add"], [1, 2], [], dtype, dtype)  # type: ignore[arg-type]


def test_what_computes_in_floats_is_not_lowered_for_integers() -> None:
    assert supported(REGISTRY["deg2rad"], float32, float32)
    assert not supported(REGISTRY["deg2rad"], int64, int64)


# ----- Python numbers among the operands

X = padded(
    np.concatenate([np.random.default_rng(2).uniform(-4, 4, 200), specials(np.float32)]).astype(np.float32)
)


@pytest.mark.parametrize(
    ("name", "operands"),
    [
        ("add", (X, 2)), ("sub", (3.5, X)), ("rsub", (X, 1)), ("mul", (X, 1)), ("mul", (X, 0.1)),
        ("div", (X, 8)), ("div", (X, 3.0)), ("div", (1, X)), ("maximum", (X, 0)), ("maximum", (0.0, X)),
        ("minimum", (X, float("nan"))), ("fmax", (X, 1)), ("fmin", (X, float("nan"))), ("lt", (X, 1)),
        ("ge", (0.5, X)), ("where", (X > 0, X, 0)), ("where", (X > 0, 1.0, X)), ("clamp", (X, -1, 1.5)),
        ("pow", (X, 2)), ("pow", (X, 0.5)), ("pow", (X, -1)), ("pow", (X, 3)), ("pow", (2, X)),
        ("pow", (X, 0)), ("pow", (3.0, X)), ("atan2", (X, 1.0)), ("lerp", (X, 2.0, 0.25)),
        ("copysign", (1.0, X)),
    ],
)  # fmt: skip
def test_python_numbers_among_the_operands(name: str, operands: tuple[Any, ...]) -> None:
    op = REGISTRY[name]
    full = [x if isinstance(x, np.ndarray) else np.full(X.shape, x, np.float32) for x in operands]
    exponent_is_number = name == "pow" and not isinstance(operands[1], np.ndarray)
    expected = forward(op, list(operands) if exponent_is_number else full, ())
    result = dtype_of(expected)
    y = run(op, list(operands), (), float32, result)
    near = np.isclose(y, expected, rtol=4e-7, atol=1e-44, equal_nan=True)
    assert np.all(near), [(full[-1][k], y[k], expected[k]) for k in np.flatnonzero(~near)[:4]]


def test_a_number_between_two_integers_is_compared_as_it_is() -> None:
    x = padded(np.arange(-128, 128).astype(np.int8))
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        for y in (0.5, -0.5, 1.0, 127.5, -128.5, 300, float("inf"), float("-inf"), float("nan")):
            found = run(REGISTRY[name], [x, y], (), int8, bool_)
            assert np.array_equal(found, REGISTRY[name].forward(x, y)), (name, y)


def test_a_condition_keeps_its_own_dtype() -> None:
    a, b = padded(np.arange(12.0)), padded(-np.arange(12.0))
    c = padded(np.array([0, 1, -2, 0] * 3, np.int64))
    assert np.array_equal(run(REGISTRY["where"], [c, a, b], (), float64, float64), np.where(c, a, b))


def test_equal_parts_are_written_once() -> None:
    m = Module(target.host())
    f = m.function("f", ["float"], "float")
    f.ret(emit(f, REGISTRY["softplus"], f.parameters, (1.5, 20.0), float32, float32))
    assert len(re.findall(r"fmul contract float %p0, ", str(f))) == 1  # a * beta stands there four times


@pytest.mark.parametrize("on", target.NAMES)
def test_every_record_compiles_for_every_target(on: str) -> None:
    t = target.named(on)
    m = Module(t)
    for name in LOWERED:
        op = REGISTRY[name]
        for dtype in (float32, int64, uint8, bool_):
            result = bool_ if op.dtype == "bool" else dtype
            attributes = attributes_of(op)[0]
            negative = any(isinstance(x, (int, float)) and x < 0 for x in attributes)
            if not supported(op, dtype, result) or (dtype is uint8 and negative):
                continue
            kind = vector(REGISTER[dtype], 8)
            f = m.function(f"{name}.{dtype.name}", [kind] * op.nargs, vector(REGISTER[result], 8))
            f.ret(emit(f, op, f.parameters, attributes, dtype, result))
    assert len(engine.object_code(str(m), t, verify=True)) > 1000


def test_a_number_that_the_dtype_does_not_hold_is_refused() -> None:
    x = padded(np.arange(8, dtype=np.uint8))
    with pytest.raises(OverflowError, match="Python integer -1 out of bounds for uint8"):
        run(REGISTRY["hardtanh"], [x], (-1, 1), uint8, uint8)


# ----- conversion


@cache
def numbers_of(dtype: DType) -> np.ndarray:
    if dtype is bool_:
        return padded(np.array([False, True]))
    if dtype.is_floating_point:
        return padded(np.array([0, -0.0, 0.5, -0.5, 1, -1, 1.9, -1.9, 100.7, -100.7, 126.99], dtype.np))
    i = np.iinfo(dtype.np)
    return padded(np.array([i.min, i.max, 0, 1, 2, 100, i.max // 2], dtype.np))


@pytest.mark.parametrize("source", REGISTER, ids=repr)
@pytest.mark.parametrize("to", REGISTER, ids=repr)
def test_conversion_is_numpys(source: DType, to: DType) -> None:
    x = numbers_of(source)
    if source.is_floating_point and not to.is_signed and to is not bool_:
        x = np.abs(x)  # a negative float as an unsigned integer is undefined in C
    run = compiled(lambda f, xs: convert(f, xs[0], source, to), [source.np], to.np, target.host())
    for name in ("kernel", "single"):
        assert np.array_equal(run(name, x), x.astype(to.np))


@pytest.mark.parametrize("to", [int8, uint8, int32, int64, uint64], ids=repr)
@pytest.mark.parametrize("source", [float32, float64], ids=repr)
def test_floats_out_of_range_become_the_nearest_bound(source: DType, to: DType) -> None:
    x = padded(np.array([1e30, -1e30, np.inf, -np.inf, np.nan], source.np))
    i = np.iinfo(to.np)
    y = compiled(lambda f, xs: convert(f, xs[0], source, to), [source.np], to.np, target.host())("kernel", x)
    assert y[:5].tolist() == [i.max, i.min, i.max, i.min, 0]


# ----- the language

WRONG = [
    ("a + slope * b", 5, "unknown name 'slope'; known are pi, inf, nan, a, b, alpha"),
    ("a + sinus(b)", 5, "unknown function 'sinus'"),
    ("select(a, b)", 1, "select takes 3 arguments, not 2"),
    ("a + (b", 5, "not an expression"),
    ("0 < a < b", 1, "a chain of comparisons"),
    ("a if b else 1", 1, "IfExp is not part of the language"),
    ("exp(a).real", 1, "Attribute is not part of the language"),
    ("a + 'x'", 5, "Constant is not part of the language"),
    ("__import__('os').system(a)", 1, "Call is not part of the language"),
    ("a // b", 1, "BinOp is not part of the language"),
    ("exp(x=a)", 1, "Call is not part of the language"),
    ("a and b", 1, "BoolOp is not part of the language"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "column", "words"), WRONG)
def test_errors_name_the_column(source: str, column: int, words: str) -> None:
    with pytest.raises(LoweringError, match="column") as found:
        parse(source, 2, ["alpha"], ARGUMENTS)
    assert f"column {column}: " in str(found.value)
    assert words in str(found.value)


PIECES = st.sampled_from(
    ["a", "b", "alpha", "é", "1", "2.5", "+", "-", "**", "*", "(", ")", ",", "exp(", "select(", "lambda",
     "[", "<", "&", "~", " ", "\n", ".", "x", ":=", "'", '"', "\0", "=="]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12))
def test_whatever_is_written_is_parsed_or_refused_at_a_column(pieces: list[str]) -> None:
    source = "".join(pieces)
    try:
        parse(source, 2, ["alpha"], ARGUMENTS)
    except LoweringError as e:
        column = re.search(r", column (\d+): ", str(e))
        assert column is not None
        assert 1 <= int(column[1]) <= len(source) + 1


def test_operands_of_a_record_are_its_tensors_alone() -> None:
    assert parse("b", 2, [], ARGUMENTS) == Operand(1)
    with pytest.raises(LoweringError, match="unknown name 'c'"):
        parse("c", 2, [], ARGUMENTS)
