"""The printed form of tensors and sizes, against texts printed by PyTorch 2.13."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from chainrule._repr import (
    format_scalar,
    get_printoptions,
    parameter_str,
    printoptions,
    set_printoptions,
    tensor_str,
)
from chainrule._size import Size

nan, inf = np.nan, np.inf


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


def show(values: Any, dtype: str = "float32", **kwargs: Any) -> str:
    numpy_dtype = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return tensor_str(np.array(values, dtype=numpy_dtype), dtype=dtype, **kwargs)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (1.5, "float32", "tensor(1.5000)"),
        (2.0, "float32", "tensor(2.)"),
        (-0.0, "float32", "tensor(-0.)"),
        (nan, "float32", "tensor(nan)"),
        (3, "int64", "tensor(3)"),
        (True, "bool", "tensor(True)"),
        ([1.0, 2.0], "float32", "tensor([1., 2.])"),
        ([1.0, nan, -inf], "float32", "tensor([1., nan, -inf])"),
        ([0.0, -0.0], "float32", "tensor([0., -0.])"),
        ([-0.0, 0.25, nan], "float32", "tensor([-0.0000, 0.2500,    nan])"),
        ([1.0, 1000.0, 0.5], "float32", "tensor([1.0000e+00, 1.0000e+03, 5.0000e-01])"),
        ([1.0, 1000.0], "float32", "tensor([   1., 1000.])"),
        ([1e8, 1e8], "float32", "tensor([100000000., 100000000.])"),
        ([2e8], "float32", "tensor([2.0000e+08])"),
        ([1e-4], "float64", "tensor([0.0001], dtype=torch.float64)"),
        ([1e-300, 1.0], "float64", "tensor([1.0000e-300,  1.0000e+00], dtype=torch.float64)"),
        (
            [-1e-300, -1, 1],
            "float64",
            "tensor([-1.0000e-300,  -1.0000e+00,   1.0000e+00], dtype=torch.float64)",
        ),
        ([9e-5], "float32", "tensor([9.0000e-05])"),
        ([1e-300, -1.0], "float64", "tensor([1.0000e-300, -1.0000e+00], dtype=torch.float64)"),
        ([1.5, 2.0], "bfloat16", "tensor([1.5000, 2.0000], dtype=torch.bfloat16)"),
        ([0.1], "float16", "tensor([0.1000], dtype=torch.float16)"),
        ([1, -20, 3], "int64", "tensor([  1, -20,   3])"),
        ([255, 0], "uint8", "tensor([255,   0], dtype=torch.uint8)"),
        ([2**64 - 1], "uint64", "tensor([18446744073709551615], dtype=torch.uint64)"),
        ([True, True], "bool", "tensor([True, True])"),
        ([True, False], "bool", "tensor([ True, False])"),
        ([1 + 2j, 1.5 - 1j], "complex64", "tensor([1.0000+2.j, 1.5000-1.j])"),
        (2 - 0j, "complex128", "tensor(2.+0.j, dtype=torch.complex128)"),
        ([[1.0, 2.0], [3.0, 4.5]], "float32", "tensor([[1.0000, 2.0000],\n        [3.0000, 4.5000]])"),
        (
            [[[1], [2]], [[3], [4]]],
            "int64",
            "tensor([[[1],\n         [2]],\n\n        [[3],\n         [4]]])",
        ),
        ([], "float32", "tensor([])"),
        ([], "int64", "tensor([], dtype=torch.int64)"),
        ([], "complex64", "tensor([], dtype=torch.complex64)"),
        (np.zeros((0, 3)), "float32", "tensor([], size=(0, 3))"),
        (np.zeros((2, 0)), "bool", "tensor([], size=(2, 0), dtype=torch.bool)"),
    ],
)
def test_elements(values: Any, dtype: str, expected: str) -> None:
    assert show(values, dtype) == expected


def test_default_dtype_goes_unsaid() -> None:
    assert show([1.0], "float64", default_dtype="float64") == "tensor([1.])"
    assert show([1.0], "float32", default_dtype="float64") == "tensor([1.], dtype=torch.float32)"
    assert show(1j, "complex128", default_dtype="float64") == "tensor(0.+1.j)"
    assert show(1j, "complex64", default_dtype="float64") == "tensor(0.+1.j, dtype=torch.complex64)"


def test_autograd_suffixes() -> None:
    assert show(3.0, requires_grad=True) == "tensor(3., requires_grad=True)"
    assert show(3.0, requires_grad=True, grad_fn="PowBackward0") == "tensor(3., grad_fn=<PowBackward0>)"


def test_suffix_that_does_not_fit_starts_a_new_line() -> None:
    values = [0.5] * 8
    row = ", ".join(["0.5000"] * 8)
    assert show(values) == f"tensor([{row}])"
    assert show(values, requires_grad=True) == f"tensor([{row}],\n       requires_grad=True)"
    double = f"tensor([{row}],\n       dtype=torch.float64, grad_fn=<MulBackward0>)"
    assert show(values, "float64", grad_fn="MulBackward0") == double


def test_suffix_may_fill_the_line_exactly() -> None:
    ones = [1] * 17
    row = ", ".join(["1"] * 17)
    assert show(ones, "int64", requires_grad=True) == f"tensor([{row}], requires_grad=True)"
    longer = show(ones, "int64", requires_grad=True, prefix="Tensors(")
    assert longer == f"Tensors([{row}],\n        requires_grad=True)"


def test_complex_rows_count_the_width_of_the_unit() -> None:
    with printoptions(linewidth=19):
        assert show([1j, 2j], "complex64") == "tensor([0.+1.j, 0.+2.j])"
    with printoptions(linewidth=18):
        assert show([1j, 2j], "complex64") == "tensor([0.+1.j,\n        0.+2.j])"


def test_long_rows_wrap_at_line_width() -> None:
    lines = show(np.arange(40), "int64").split("\n")
    assert lines[0] == "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,"
    assert lines[2] == "        36, 37, 38, 39])"


def test_summary_shows_the_edges_of_every_long_dimension() -> None:
    assert show(np.arange(1001), "int64") == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    assert "..." not in show(np.arange(1000), "int64")
    grid = np.arange(1200).reshape(300, 2, 2)
    expected = """\
tensor([[[   0,    1],
         [   2,    3]],

        [[   4,    5],
         [   6,    7]],

        [[   8,    9],
         [  10,   11]],

        ...,

        [[1188, 1189],
         [1190, 1191]],

        [[1192, 1193],
         [1194, 1195]],

        [[1196, 1197],
         [1198, 1199]]])"""
    assert show(grid, "int64") == expected


def test_format_is_decided_by_the_shown_elements_only() -> None:
    values = np.ones(2000, dtype=np.float32)
    values[1000] = 1e-20
    assert tensor_str(values, dtype="float32") == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"


def test_large_tensors_are_summarised_before_any_work() -> None:
    values = np.broadcast_to(np.float32(0.5), (100_000, 100_000))
    tracemalloc.start()
    text = tensor_str(values, dtype="float32")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert text.count("0.5000") == 36
    assert peak < 1_000_000


def test_views_print_their_own_elements() -> None:
    base = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert (
        tensor_str(base.T[::-1], dtype="float32")
        == "tensor([[2., 5.],\n        [1., 4.],\n        [0., 3.]])"
    )


def test_prefix_and_indent_move_continuation_lines() -> None:
    text = show([[1, 2], [3, 4]], "int64", prefix="Mask(", indent=2)
    assert text == "Mask([[1, 2],\n        [3, 4]])"
    wide = show([0.5] * 7, prefix="Mask(", indent=10, requires_grad=True)
    assert wide.split("\n")[1] == " " * 15 + "requires_grad=True)"


def test_parameter() -> None:
    text = parameter_str(np.ones(3), dtype="float64")
    assert text == "Parameter containing:\ntensor([1., 1., 1.], dtype=torch.float64, requires_grad=True)"
    frozen = parameter_str(np.array(2.0), dtype="float32", requires_grad=False)
    assert frozen == "Parameter containing:\ntensor(2.)"


def test_print_options() -> None:
    with printoptions(precision=2):
        assert show([1.12345]) == "tensor([1.12])"
    with printoptions(precision=0):
        assert show([1.5, 4.0]) == "tensor([2, 4])"
    with printoptions(sci_mode=True):
        assert show([1.0, 0.0]) == "tensor([1.0000e+00, 0.0000e+00])"
    with printoptions(sci_mode=False):
        assert show([1e-9, 1.5]) == "tensor([0.0000, 1.5000])"
    with printoptions(threshold=5, edgeitems=1):
        assert show(np.arange(10), "int64") == "tensor([0,  ..., 9])"
    with printoptions(linewidth=15):
        assert show([1, 2, 3], "int64") == "tensor([1, 2,\n        3])"
    with printoptions(edgeitems=0, threshold=0):
        assert show([[1, 2]], "int64") == "tensor([...], size=(1, 2))"
        assert show(1.0) == "tensor(1., size=())"


def test_profiles() -> None:
    default = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
    set_printoptions(profile="full")
    assert get_printoptions() == default | {"threshold": inf}
    assert "..." not in show(np.arange(1001), "int64")
    set_printoptions(profile="short", precision=3)
    assert get_printoptions() == default | {"precision": 3, "edgeitems": 2}
    set_printoptions(profile="default")
    assert get_printoptions() == default


def test_sci_mode_left_out_is_decided_from_the_values_again() -> None:
    set_printoptions(sci_mode=True)
    set_printoptions(precision=2)
    assert get_printoptions()["sci_mode"] is None


def test_printoptions_restores_after_an_error() -> None:
    before = get_printoptions()
    with pytest.raises(RuntimeError, match="stop"), printoptions(precision=1, sci_mode=True):
        raise RuntimeError("stop")
    assert get_printoptions() == before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"profile": "tall"}, ValueError, "profile is 'tall', expected one of 'default', 'short', 'full'"),
        ({"precision": "x"}, TypeError, "precision is 'x', expected an int such as 4"),
        ({"edgeitems": -1}, ValueError, "edgeitems is -1, expected 0 or more"),
    ],
)
def test_bad_options_change_nothing(options: Any, error: type[Exception], message: str) -> None:
    before = get_printoptions()
    with pytest.raises(error) as caught:
        set_printoptions(linewidth=40, **options)
    assert str(caught.value) == f"set_printoptions: {message}"
    assert get_printoptions() == before


def test_format_scalar() -> None:
    assert format_scalar(np.array(0.1, dtype=np.float32), ".3f") == "0.100"
    assert format_scalar(np.array(1.5, dtype=np.float32), "") == "1.5"
    assert format_scalar(np.array(1.5, dtype=ml_dtypes.bfloat16), ">7.2f") == "   1.50"
    assert format_scalar(np.array(3), "d") == "3"
    assert format_scalar(np.array(True), "") == "True"
    assert format_scalar(np.array(1 + 2j), ".2f") == "1.00+2.00j"
    with pytest.raises(ValueError, match="Unknown format code 'd' for object of type 'float'"):
        format_scalar(np.array(1.5), "d")


def test_format_scalar_of_a_vector() -> None:
    with pytest.raises(TypeError) as caught:
        format_scalar(np.array([1.0, 2.0]), ".3f", type_name="Parameter")
    assert str(caught.value) == (
        "unsupported format string passed to Parameter.__format__: '.3f' formats one number, but the tensor "
        "has shape [2]; format one element's .item(), or print the whole tensor with "
        "set_printoptions(precision=...)"
    )


def test_size_keeps_its_type() -> None:
    size = Size([2, 3, 4])
    for result, expected in [
        (size[1:], (3, 4)),
        (size + (5,), (2, 3, 4, 5)),
        ((1,) + size, (1, 2, 3, 4)),
        (size[:1] * 2, (2, 2)),
        (2 * size[:1], (2, 2)),
        (Size(size), (2, 3, 4)),
        (pickle.loads(pickle.dumps(size)), (2, 3, 4)),
        (copy.deepcopy(size), (2, 3, 4)),
    ]:
        assert type(result) is Size
        assert result == expected
    assert type(size[-1]) is int
    assert hash(size) == hash((2, 3, 4))


def test_size_text_and_numel() -> None:
    assert repr(Size()) == "torch.Size([])"
    assert f"{Size((2, 3))}" == "torch.Size([2, 3])"
    assert Size().numel() == 1
    assert Size([2, 3]).numel() == 6


def test_size_stores_plain_ints() -> None:
    assert [type(item) for item in Size([np.int64(4), True, np.array(2)])] == [int, int, int]


def test_size_leaves_arrays_to_their_own_operators() -> None:
    assert np.array_equal(Size([1, 2]) + np.array([1, 1]), [2, 3])
    assert np.array_equal(Size([1, 2]) * np.array([1, 3]), [1, 6])
    assert Size([1, 2]) * np.int64(2) == (1, 2, 1, 2)


def test_size_errors() -> None:
    with pytest.raises(TypeError) as caught:
        Size((2, 2.5))
    assert str(caught.value) == "torch.Size() takes an iterable of 'int' (item 1 is 'float')"
    with pytest.raises(TypeError, match=r"iterable of 'int' \(item 1 is 'str'\)"):
        Size([1]) + ("a",)
    for other, name in ([1], "list"), (1, "int"):
        with pytest.raises(TypeError) as caught:
            Size([1]) + other
        assert str(caught.value) == f"can only concatenate tuple (not {name}) to torch.Size"
    with pytest.raises(TypeError, match="can't multiply sequence by non-int of type 'float'"):
        Size([1]) * 1.5
