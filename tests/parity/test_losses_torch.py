"""Losses of class indices against PyTorch's: what is ignored, weights, smoothing, means over nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch", reason="compares with PyTorch's own losses")

SHAPES = [(4, 3), (2, 3, 4), (3,), (0, 3), (2, 3, 0)]
IGNORED = {"none": -100, "some": -100, "all": -100, "all of a class": 1, "all beyond": 255, "all at -1": -1}
SMOOTHING = [("nll_loss", 0.0), ("cross_entropy", 0.0), ("cross_entropy", 0.1), ("cross_entropy", 1.0)]


def found(lib, name, x, target, weight, options, compiled=False):
    """The loss, its gradient, and the gradient of this one's square, where there is one."""
    loss = getattr(lib.nn.functional, name)
    whole = np.issubdtype(target.dtype, np.integer)

    def step(x, target):
        value = loss(x, target, **options)
        (g,) = lib.autograd.grad((value * value).sum() if value.ndim else value, x, create_graph=True)
        if name == "nll_loss":
            return value, g
        return value, g, *lib.autograd.grad((g * g).sum(), x)

    options = {**options, "weight": None if weight is None else lib.tensor(weight, dtype=lib.float64)}
    t = lib.tensor(target, dtype=lib.int64 if whole else lib.float64)

    def numbers(scale):
        return lib.tensor(x * scale, dtype=lib.float64, requires_grad=True)

    function = step
    if compiled:
        function = cr.compile(step)
        function(numbers(0.5), t)  # the first call is an eager one
    return [y.detach().numpy() for y in function(numbers(1), t)]


def agree(*args, compiled=False):
    for got, want in zip(found(cr, *args, compiled), found(torch, *args)):
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def targets(shape, which, source):
    """Class indices, as many of them ignored as `which` says."""
    size = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    classes, ignored = source.integers(0, 3, size), IGNORED[which]
    share = {"none": 0.0, "some": 0.5}.get(which, 1.0)
    return np.where(source.random(size) < share, ignored, classes)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "smoothing"), SMOOTHING)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_ignored(weighted, reduction, name, smoothing):
    source = np.random.default_rng(2)
    for shape, which in product(SHAPES, IGNORED):
        weight = source.uniform(0.5, 2, 3) if weighted else None
        options = {"reduction": reduction, "ignore_index": IGNORED[which]}
        if smoothing:
            options["label_smoothing"] = smoothing
        agree(name, source.normal(size=shape), targets(shape, which, source), weight, options)


@pytest.mark.parametrize("which", ["some", "all"])
@pytest.mark.parametrize(("name", "smoothing"), SMOOTHING)
@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_ignored_compiled(weighted, name, smoothing, which):
    source = np.random.default_rng(3)
    weight = source.uniform(0.5, 2, 3) if weighted else None
    options = {"label_smoothing": smoothing} if smoothing else {}
    for shape in [(4, 3), (2, 3, 4)]:
        given = source.normal(size=shape), targets(shape, which, source), weight, options
        agree(name, *given, compiled=True)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_term_counts_whatever_its_weight(reduction):
    """∞ with the weight 0 is NaN; where all weights are 0, so is the mean, and its gradient."""
    x, weight, options = (
        np.array([[-np.inf, 0, 1], [0, 1, 2]]),
        np.array([0.0, 1, 1]),
        {"reduction": reduction},
    )
    for name in ("nll_loss", "cross_entropy"):
        want = found(torch, name, x, np.array([0, 1]), weight, options)
        got = found(cr, name, x, np.array([0, 1]), weight, options)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-12)
        agree(name, np.ones((2, 3)), np.array([0, 0]), weight, options)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_probabilities(weighted, reduction, smoothing):
    source = np.random.default_rng(4)
    weight = source.uniform(0.5, 2, 3) if weighted else None
    for shape in SHAPES:
        target = source.uniform(size=shape)
        target.reshape(-1)[:3] = 0
        options = {"reduction": reduction, "label_smoothing": smoothing}
        agree("cross_entropy", source.normal(size=shape), target, weight, options)


def test_the_gradient_of_an_ignored_term_is_0_whatever_arrives():
    for name in ("nll_loss", "cross_entropy"):
        for reduction in ("mean", "sum", "none"):
            x = cr.ones(2, 3, requires_grad=True)
            loss = getattr(cr.nn.functional, name)(x, cr.tensor([-100, -100]), reduction=reduction)
            (loss.sum() * float("inf")).backward()
            assert not x.grad.any()
