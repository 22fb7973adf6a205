"""The printed form of tensors, sizes and scalars is PyTorch's, over random arrays and print options."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule._repr import (
    format_scalar,
    get_printoptions,
    parameter_str,
    printoptions,
    set_printoptions,
    tensor_str,
)
from chainrule._size import Size

torch = pytest.importorskip("torch", reason="compares with PyTorch's own printing")

FLOATS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
COMPLEX = {"complex64": np.complex64, "complex128": np.complex128}
INTEGERS = {name: np.dtype(name) for name in ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint64")}
NUMPY = FLOATS | COMPLEX | INTEGERS | {"bool": np.bool_}

SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf]
THRESHOLDS = [1.0, -2.5, 1e-4, 9.99996, 0.99995, 1000.0, 999.9996, 1e8, 100000008.0, 5e-324, 1e100, -1e-100]


def to_torch(data: np.ndarray[Any, Any]) -> Any:
    if data.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(np.array(data).view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(np.array(data))


def shapes() -> st.SearchStrategy[tuple[int, ...]]:
    small = st.lists(st.integers(0, 9), max_size=4).map(tuple)
    large = st.sampled_from([(1000,), (1001,), (2, 600), (600, 2), (7, 8, 20), (4, 5, 6, 9), (40, 1, 30)])
    return st.one_of(small, small, large)


def reals(draw: st.DrawFn, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sign = rng.choice([-1.0, 1.0], shape) if draw(st.booleans()) else np.ones(shape)
    kind = draw(st.sampled_from(["normal", "mixed", "integers", "large integers", "extreme", "special"]))
    if kind == "normal":
        values = rng.normal(size=shape)
    elif kind == "mixed":
        values = sign * 10.0 ** rng.uniform(-8, 8, shape)
    elif kind == "integers":
        values = rng.integers(-9, 10, shape).astype(np.float64)
    elif kind == "large integers":
        values = sign * np.round(10.0 ** rng.uniform(0, 9, shape))
    elif kind == "extreme":
        values = sign * 10.0 ** rng.uniform(-320, 308, shape)
    else:
        values = sign * rng.choice(SPECIAL + THRESHOLDS, shape)
    if draw(st.booleans()):
        values = np.where(rng.random(shape) < 0.2, rng.choice(SPECIAL, shape), values)
    return np.asarray(values)


@st.composite
def arrays(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], str]:
    dtype, shape = draw(st.sampled_from(sorted(NUMPY))), draw(shapes())
    if dtype == "bool":
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        return np.asarray(rng.random(shape) < draw(st.sampled_from([0.0, 0.5, 1.0]))), dtype
    if dtype in INTEGERS:
        info = np.iinfo(INTEGERS[dtype])
        low, high = sorted(draw(st.tuples(*[st.integers(int(info.min), int(info.max))] * 2)))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        return np.asarray(rng.integers(low, high, shape, dtype=INTEGERS[dtype], endpoint=True)), dtype
    with np.errstate(all="ignore"):
        if dtype in FLOATS:
            return reals(draw, shape).astype(FLOATS[dtype]), dtype
        data = np.empty(shape, COMPLEX[dtype])
        data.real, data.imag = reals(draw, shape), reals(draw, shape)
        return data, dtype


def options() -> st.SearchStrategy[dict[str, Any]]:
    changed = st.fixed_dictionaries(
        {},
        optional={
            "profile": st.sampled_from(["default", "short", "full"]),
            "precision": st.integers(0, 9),
            "threshold": st.sampled_from([0, 1, 5, 20, 100, 1000]),
            "edgeitems": st.integers(0, 4),
            "linewidth": st.sampled_from([0, 1, 10, 40, 79, 80, 81, 120, 120.5]),
            "sci_mode": st.sampled_from([True, False, None]),
        },
    )
    return st.one_of(st.just({}), changed)


@settings(max_examples=400, deadline=None)
@given(
    arrays(),
    options(),
    st.sampled_from(["float32", "float64", "float16", "bfloat16"]),
    st.sampled_from(["constant", "leaf", "result"]),
)
def test_tensor_text(array: tuple[Any, str], opts: dict[str, Any], default: str, role: str) -> None:
    data, dtype = array
    tensor, kwargs = to_torch(data), {}
    if role != "constant" and dtype in FLOATS | COMPLEX:
        tensor.requires_grad_()
        kwargs["requires_grad"] = True
        if role == "result":
            tensor = tensor.view(tensor.shape)
            kwargs["grad_fn"] = "ViewBackward0"
    torch.set_default_dtype(getattr(torch, default))
    try:
        with torch._tensor_str.printoptions(**opts):
            expected = repr(tensor)
    finally:
        torch.set_default_dtype(torch.float32)
    with printoptions(**opts):
        assert tensor_str(data, dtype=dtype, default_dtype=default, **kwargs) == expected


@settings(max_examples=60, deadline=None)
@given(arrays())
def test_parameter_and_subclass_text(array: tuple[Any, str]) -> None:
    class Masked(torch.Tensor):
        pass

    data, dtype = array
    trainable = dtype in FLOATS | COMPLEX
    parameter = torch.nn.Parameter(to_torch(data), requires_grad=trainable)
    assert parameter_str(data, dtype=dtype, requires_grad=trainable) == repr(parameter)
    assert tensor_str(data, dtype=dtype, prefix="Masked(") == repr(to_torch(data).as_subclass(Masked))


@settings(max_examples=60, deadline=None)
@given(st.lists(options(), max_size=4))
def test_options_change_as_in_torch(changes: list[dict[str, Any]]) -> None:
    with printoptions(), torch._tensor_str.printoptions():
        for change in changes:
            set_printoptions(**change)
            torch.set_printoptions(**change)
            assert get_printoptions() == torch._tensor_str.get_printoptions()


def outcome(action: Callable[[], object]) -> tuple[type, str]:
    """The type and text of a result or of the error that came instead."""
    try:
        result = action()
    except (TypeError, ValueError) as error:
        return type(error), str(error)
    return type(result), str(result)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int64", "bool", "complex64"])
@pytest.mark.parametrize("spec", ["", ".3f", "d", ">12", "+.2e", "g", ",", "s", "zz"])
def test_formatted_scalar(dtype: str, spec: str) -> None:
    data = np.array(1.7).astype(NUMPY[dtype])
    assert outcome(lambda: format_scalar(data, spec)) == outcome(lambda: format(to_torch(data), spec))


@pytest.mark.parametrize("shape", [(2,), (1, 1), (0,)])
def test_formatted_vector_is_refused_in_torch_words(shape: tuple[int, ...]) -> None:
    data = np.ones(shape)
    kind, text = outcome(lambda: format(to_torch(data), ".3f"))
    own_kind, own_text = outcome(lambda: format_scalar(data, ".3f"))
    assert own_kind is kind is TypeError
    assert own_text.startswith(text)


@pytest.mark.parametrize(
    "sizes", [[], [3], [2, 3, 4], (0, 5), range(3), [True], [np.array(3)], [1.5], ["a"], [None], 5]
)
def test_size_accepts_and_refuses_as_torch(sizes: Any) -> None:
    own, theirs = outcome(lambda: Size(sizes)), outcome(lambda: torch.Size(sizes))
    assert own[1] == theirs[1]
    assert own[0].__name__ == theirs[0].__name__


@pytest.mark.parametrize(
    "use",
    [
        lambda size: size[0],
        lambda size: size[1:],
        lambda size: size[::-2],
        lambda size: size + (1,),
        lambda size: (1,) + size,
        lambda size: size + size,
        lambda size: size + [1],
        lambda size: size + 1,
        lambda size: size + ("a",),
        lambda size: size * 2,
        lambda size: 0 * size,
        lambda size: size * 1.5,
        lambda size: 1.5 * size,
        lambda size: size * "a",
        lambda size: size * [1],
        lambda size: size * np.ones(3),
        lambda size: size + 2j,
        lambda size: size + np.float64(2),
        lambda size: size + np.ones(3),
        lambda size: size * np.int64(2),
        lambda size: size.numel(),
        lambda size: size == (2, 3, 4),
        lambda size: size["x"],
        lambda size: f"{size}",
        lambda size: operator.index(size.count(2)),
    ],
)
def test_size_operations(use: Callable[[Any], object]) -> None:
    own, theirs = outcome(lambda: use(Size([2, 3, 4]))), outcome(lambda: use(torch.Size([2, 3, 4])))
    assert own[1] == theirs[1]
    assert own[0].__name__ == theirs[0].__name__
