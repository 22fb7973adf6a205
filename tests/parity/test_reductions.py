"""Reductions, scans and sorting against PyTorch: values, dtypes, gradients, printed form, error texts."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch", reason="PyTorch is the reference here")

RNG = np.random.default_rng(3)
WHOLE_NAMES = ["sum", "prod", "count_nonzero", "argmax", "all", "any", "cumsum", "unique", "mode", "sort"]
MATRIX = RNG.normal(size=(3, 4))
ZEROS = np.array([[1.5, 0.0, 2.0], [0.0, 3.0, 0.0]])
WHOLE = RNG.integers(0, 4, size=(3, 4))
TIES = np.array([[2.0, 2.0, 1.0], [0.0, 2.0, 2.0]])

CALLS = [
    ("sum", (), {}), ("sum", ((0, 1),), {"keepdim": True}), ("mean", (1,), {}), ("nansum", (0,), {}),
    ("nanmean", (), {}),
    ("prod", (), {}), ("prod", (1,), {}), ("logsumexp", (1,), {}), ("var", (), {}), ("std", (0,), {}),
    ("var", (1,), {"correction": 0}), ("std_mean", (1,), {}), ("var_mean", (), {}), ("amax", (0,), {}),
    ("amin", ((0, 1),), {}), ("max", (), {}), ("max", (1,), {}), ("min", (0, True), {}), ("aminmax", (), {}),
    ("median", (), {}), ("median", (1,), {}), ("nanmedian", (0,), {}), ("mode", (1,), {}),
    ("kthvalue", (2, 1), {}),
    ("quantile", (0.3, 1), {}), ("quantile", (0.5,), {"interpolation": "nearest"}), ("cumsum", (0,), {}),
    ("cumprod", (1,), {}), ("logcumsumexp", (1,), {}), ("cummax", (1,), {}), ("cummin", (0,), {}),
    ("diff", (), {}),
    ("diff", (2, 0), {}), ("trapezoid", (), {}), ("cumulative_trapezoid", (), {"dx": 0.5}),
    ("gradient", (), {}),
    ("topk", (2,), {}), ("topk", (2, 0, False), {}), ("msort", (), {}),
]  # fmt: skip


def flat(result):
    return [r for part in result for r in flat(part)] if isinstance(result, (tuple, list)) else [result]


@pytest.mark.parametrize("array", [MATRIX, ZEROS, MATRIX[:, ::-1].T.copy()], ids=["normal", "zeros", "tall"])
@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=[f"{n}{a}{k}" for n, a, k in CALLS])
def test_values_and_gradients(name, args, kwargs, array):
    if name in ("median", "mode", "kthvalue", "topk", "nanmedian"):  # no ties: their order is open
        array = array + np.arange(array.size).reshape(array.shape) * 1e-3
    theirs, ours = torch.tensor(array, requires_grad=True), cr.tensor(array, requires_grad=True)
    expected = flat(getattr(torch, name)(theirs, *args, **kwargs))
    found = flat(getattr(cr, name)(ours, *args, **kwargs))
    loss_t, loss = 0.0, 0.0
    for e, f in zip(expected, found, strict=True):
        assert str(e.dtype) == repr(f.dtype)
        np.testing.assert_allclose(f.detach().numpy(), e.detach().numpy(), rtol=1e-10, atol=1e-12)
        if e.requires_grad:
            w = np.random.default_rng(1).normal(size=tuple(e.shape))
            loss_t, loss = loss_t + (e * torch.tensor(w)).sum(), loss + (f * cr.tensor(w)).sum()
    loss_t.backward()
    loss.backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin"])
def test_ties_of_full_reductions_share_the_gradient(name):
    theirs, ours = torch.tensor(TIES, requires_grad=True), cr.tensor(TIES, requires_grad=True)
    getattr(torch, name)(theirs).backward()
    getattr(cr, name)(ours).backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy())


@pytest.mark.parametrize("name", WHOLE_NAMES)
def test_dtypes_of_whole_numbers(name):
    args = (0,) if name == "cumsum" else ()
    expected = flat(getattr(torch, name)(torch.tensor(WHOLE), *args))
    for e, f in zip(expected, flat(getattr(cr, name)(cr.tensor(WHOLE), *args)), strict=True):
        assert str(e.dtype) == repr(f.dtype)
    np.testing.assert_array_equal(
        flat(getattr(cr, name)(cr.tensor(WHOLE), *args))[0].numpy(), expected[0].numpy()
    )


def test_named_results_print_as_pytorch_prints_them():
    x = [[1.0, 5.0], [3.0, 2.0]]
    assert repr(cr.max(cr.tensor(x), 1)) == repr(torch.max(torch.tensor(x), 1))
    assert repr(cr.aminmax(cr.tensor(x))) == repr(torch.aminmax(torch.tensor(x)))


@pytest.mark.parametrize(
    "array", [np.ones(3, np.int64), np.ones((0, 3)), np.ones((2, 2), bool), np.ones((2, 2)) * 1j]
)
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("mean", ()), ("var", ()), ("max", ()), ("argmax", ()), ("amax", (0,)), ("median", (0,)),
        ("kthvalue", (9,)), ("topk", (9,)), ("quantile", (1.5,)), ("sum", (7,)), ("sum", ((0, 0),)),
        ("logcumsumexp", (0,)),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_errors_have_pytorchs_type_and_words(name, args, array):
    def attempt(module):
        try:
            getattr(module, name)(module.tensor(array), *args)
        except Exception as error:
            return type(error), str(error).partition("\n")[0]
        return None

    assert attempt(cr) == attempt(torch)


def test_sums_down_a_tall_float32_matrix_are_accurate():
    tall = np.random.default_rng(0).normal(size=(200_000, 3)).astype(np.float32)
    error = np.abs(cr.tensor(tall).sum(0).numpy() - tall.astype(np.float64).sum(0))
    assert error.max() < 2e-3
