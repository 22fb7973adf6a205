"""Values and derivatives at the awkward points - 0, ties, bounds, infinities, nan - against PyTorch."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
import chainrule.nn.functional as F
import chainrule.special as special

torch = pytest.importorskip("torch", reason="parity tests compare with PyTorch")

INF, NAN = math.inf, math.nan
POINTS = [
    -INF,
    -30.0,
    -3.0,
    -1.5,
    -1.0,
    -0.5,
    -1e-9,
    -0.0,
    0.0,
    1e-9,
    0.3,
    0.5,
    1.0,
    2.5,
    3.0,
    6.0,
    25.0,
    INF,
    NAN,
]
UNARY = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "deg2rad",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "frac",
    "log",
    "log10",
    "log1p",
    "log2",
    "nan_to_num",
    "neg",
    "rad2deg",
    "reciprocal",
    "relu",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
    "logit",
    "lgamma",
    "digamma",
    "i0",
    "angle",
]
BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "pow",
    "remainder",
    "fmod",
    "hypot",
    "copysign",
    "xlogy",
    "logaddexp",
    "logaddexp2",
    "clamp_min",
    "clamp_max",
    "rsub",
    "eq",
    "ge",
    "lt",
]
ACTIVATIONS: dict[str, tuple[Any, ...]] = {
    "relu6": (),
    "leaky_relu": (0.1,),
    "elu": (1.5,),
    "celu": (1.5,),
    "selu": (),
    "silu": (),
    "mish": (),
    "gelu": (),
    "softplus": (),
    "softsign": (),
    "softshrink": (),
    "hardshrink": (),
    "tanhshrink": (),
    "hardtanh": (),
    "hardsigmoid": (),
    "hardswish": (),
    "logsigmoid": (),
    "threshold": (0.5, -1.0),
}
SPECIAL = ["entr", "i0e", "i1", "i1e", "ndtr", "log_ndtr", "erfcx"]
# Where the two differ: PyTorch rounds to 0 what has a digit or two (sinc, tanhshrink, ndtr, expm1),
# has nan where there is a limit (softsign, hypot, copysign, log_ndtr), a number where there is none (acosh).
CONVENTIONS: dict[str, tuple[float, ...]] = {
    "sinc": (-1e-9, 1e-9),
    "tanhshrink": (-1e-9, 1e-9),
    "ndtr": (-30.0,),
    "expm1": (-30.0,),
    "softsign": (-INF, INF),
    "hypot": (0.0,),
    "copysign": (-INF, INF, NAN),
    "log_ndtr": (-INF,),
    "acosh": (-INF, -30.0, -3.0, -1.5, -1.0),
    "digamma": (-INF, -30.0, -3.0, -1.0),
    "i1": (NAN,),
    "i1e": (NAN,),
}


def both(
    ours: Callable[..., Any], theirs: Callable[..., Any], *columns: list[float]
) -> list[tuple[str, Any, Any]]:
    """The value and each derivative, of chainrule and of PyTorch."""
    arrays = [np.array(c) for c in columns]
    xs = [cr.tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y, t = ours(*xs), theirs(*ts)
        found = [("value", y.detach().numpy(), t.detach().numpy())]
        if t.requires_grad:
            y.sum().backward()
            t.sum().backward()
            found += [(f"d{i}", x.grad.numpy(), s.grad.numpy()) for i, (x, s) in enumerate(zip(xs, ts))]
    return found


def agree(
    found: list[tuple[str, Any, Any]],
    columns: tuple[list[float], ...],
    but: tuple[float, ...] = (),
    rtol: float = 1e-9,
) -> None:
    for what, mine, torchs in found:
        assert mine.dtype == torchs.dtype
        spared = np.isin(columns[0], but) | (np.isnan(columns[0]) if any(map(math.isnan, but)) else False)
        good = np.isclose(mine, torchs, rtol=rtol, atol=1e-15, equal_nan=True) | spared
        bad = [(*(c[i] for c in columns), mine[i], torchs[i]) for i in np.flatnonzero(~good)]
        assert not bad, (what, bad)


@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str) -> None:
    agree(both(getattr(cr, name), getattr(torch, name), POINTS), (POINTS,), CONVENTIONS.get(name, ()))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    extra = ACTIVATIONS[name]
    found = both(
        lambda x: getattr(F, name)(x, *extra), lambda x: getattr(torch.nn.functional, name)(x, *extra), POINTS
    )
    # PyTorch's hardsigmoid multiplies by 1/6 in single precision
    agree(found, (POINTS,), CONVENTIONS.get(name, ()), rtol=1e-7 if name == "hardsigmoid" else 1e-9)


@pytest.mark.parametrize("name", SPECIAL)
def test_special(name: str) -> None:
    agree(
        both(getattr(special, name), getattr(torch.special, name), POINTS),
        (POINTS,),
        CONVENTIONS.get(name, ()),
    )


@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str) -> None:
    left, right = (list(c) for c in zip(*itertools.product(POINTS, repeat=2)))
    agree(
        both(getattr(cr, name), getattr(torch, name), left, right), (left, right), CONVENTIONS.get(name, ())
    )


def test_clamp_between_tensors() -> None:
    values, low, high = (list(c) for c in zip(*itertools.product([-2.0, -1.0, 0.0, 1.0, 2.0, NAN], repeat=3)))
    agree(both(cr.clamp, torch.clamp, values, low, high), (values, low, high))


PAIRS = [
    "t([3, -3]) // 2",
    "t([3, -3]) % 2",
    "2 - t([3])",
    "2 / t([4])",
    "2 ** t([3])",
    "t([3]) / t([2])",
    "t([True]) + t([True])",
    "t([True]) * 2",
    "t([1]) * 2.5",
    "t(1.5) * t([1])",
    "t([7]) // 2.0",
    "t([1, 2]) > 1.5",
    "~t([True])",
    "~t([5])",
    "t([6]) & 3",
    "6 | t([1])",
    "t([6]) ^ t([3])",
    "1 << t([3])",
    "t([8]) >> 1",
    "t([1], dtype=uint8) + 255",
    "t([1.0], dtype=float16) * 2",
    "t([1j]) * t([2.0])",
    "abs(t([3 + 4j]))",
    "t([1.0]) * 1j",
    "+t([1.0])",
    "-t([2])",
    "t([1.0]) == None",
    "t([2.5]).round()",
    "t([5.0]).float_power(2)",
    "t([2]).true_divide(4)",
    "t([7]).div(-2, rounding_mode='trunc')",
]


@pytest.mark.parametrize("text", PAIRS)
def test_operator_results_print_alike(text: str) -> None:
    mine, torchs = (eval(text, {"t": m.tensor, "uint8": m.uint8, "float16": m.float16}) for m in (cr, torch))
    assert repr(mine) == repr(torchs)


REFUSED = [
    "t([True]) - t([True])",
    "t([1]) - True",
    "1 - t([True])",
    "-t([True])",
    "t([1]) // 0",
    "t([1]) % 0",
    "t([1.0]) & t([1.0])",
    "t([1.0]) << 1",
    "t([1]) ** -1",
    "t([1j]) < t([1j])",
    "t([1j]).floor()",
    "t([1j]).sign()",
    "t([1.0]) + 'a'",
    "m.maximum(t([1]), 2)",
    "m.exp(1.0)",
    "t([1]).exp_()",
    "m.add(t([1]), t([1]), alpha=1.5)",
    "m.imag(t([1.0]))",
    "m.complex(t([1.0]), t([1]))",
    "m.clamp(t([1.0]))",
    "m.where(t([1, 0]), t([1.0, 1.0]), t([0.0, 0.0]))",
    "m.div(t([1.0]), 2, rounding_mode='x')",
    "m.polygamma(-1, t([1.0]))",
    "m.nn.functional.gelu(t([1]))",
    "m.nn.functional.glu(t([1.0]))",
    "t([1.0, 2.0]) + t([1.0, 2.0, 3.0])",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refusals_are_of_the_same_type(text: str) -> None:
    with pytest.raises(Exception) as theirs:
        eval(text, {"t": torch.tensor, "m": torch})
    with pytest.raises(theirs.type):
        eval(text, {"t": cr.tensor, "m": cr})


@pytest.mark.parametrize(
    "name", ["exp", "tanh", "arctan2", "maximum", "hypot", "power", "logaddexp", "square"]
)
def test_numpy_functions_are_recorded(name: str) -> None:
    ufunc = getattr(np, name)
    x = cr.tensor([0.5, 1.5], dtype=cr.float64, requires_grad=True)
    others = [np.array([2.0, 1.0])] * (ufunc.nin - 1)
    y = ufunc(x, *others)
    np.testing.assert_allclose(y.detach().numpy(), ufunc(x.detach().numpy(), *others), rtol=1e-15)
    y.sum().backward()
    h = 1e-6
    a = x.detach().numpy()
    np.testing.assert_allclose(
        x.grad.numpy(), (ufunc(a + h, *others) - ufunc(a - h, *others)) / (2 * h), rtol=1e-8
    )


def test_numpy_array_on_the_left_and_reductions() -> None:
    x = cr.tensor([1.0, 2.0], dtype=cr.float64, requires_grad=True)
    y = np.add.reduce(np.array([3.0, 4.0]) * x)
    y.backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_unsupported_numpy_function_is_named() -> None:
    with pytest.raises(TypeError, match=r"np\.cbrt\(\) has no differentiable counterpart"):
        np.cbrt(cr.tensor([1.0]))


def test_out_array_never_detaches() -> None:
    x = cr.tensor([1.0], dtype=cr.float64, requires_grad=True)
    with pytest.raises(TypeError, match="would lose the gradient"):
        np.exp(x, out=np.zeros(1))
