"""Convolutions of random geometries against PyTorch's: values, gradients and gradients of gradients."""

from __future__ import annotations

import random

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch", reason="compares with PyTorch's own convolutions")


def drawn(source: random.Random) -> dict:
    """A geometry, with paddings that reach beyond the kernel and kernels that reach beyond the input."""
    d, groups = source.choice([1, 2, 3]), source.choice([1, 1, 2])

    def each(values):
        return tuple(source.choice(values) for _ in range(d))

    stride = (1,) * d if source.random() < 0.4 else each([1, 2, 3])
    dilation = each([1, 1, 2, 3, 6])
    transposed = source.random() < 0.5
    options = {"stride": stride, "padding": each(range(8)), "dilation": dilation, "groups": groups}
    if transposed:
        spare = [max(s, q) for s, q in zip(stride, dilation)]
        options["output_padding"] = tuple(source.randrange(n) for n in spare)
    return {
        "name": f"conv{'_transpose' if transposed else ''}{d}d",
        "options": options,
        "channels": (groups * source.randint(1, 3), groups * source.randint(1, 3)),
        "kernel": each([1, 2, 3]),
        "size": each(range(1, 7)),
        "samples": source.randint(1, 2),
    }


def derivatives(lib, name, options, compiled=False):
    """A function of numbers: the result, its gradients, and those of a function of these."""
    conv = getattr(lib.nn.functional, name)

    def step(x, w, b, g):
        y = conv(x, w, b, **options)
        dx, dw, db = lib.autograd.grad(y, (x, w, b), g, create_graph=True)
        z = (dx * dx).sum() + (dw * dw).sum() + dx.sum() * db.sum()
        return (y, dx, dw, db, *lib.autograd.grad(z, (x, w, g)))

    def run(*arrays):
        tensors = [lib.tensor(a, dtype=lib.float64, requires_grad=True) for a in arrays]
        function = step
        if compiled:
            function = cr.compile(step)
            function(*(t.detach().cos().requires_grad_() for t in tensors))  # the first call is an eager one
        return [t.detach().numpy() for t in function(*tensors)]

    return run


def agrees(seed, compiled=False):
    """Compare one random geometry; whether PyTorch takes it."""
    case, rng = drawn(random.Random(seed)), np.random.default_rng(seed)
    name, options, groups = case["name"], case["options"], case["options"]["groups"]
    inputs, outputs = case["channels"]
    x = rng.normal(size=(case["samples"], inputs, *case["size"]))
    rows, columns = (inputs, outputs) if "transpose" in name else (outputs, inputs)
    w, b = rng.normal(size=(rows, columns // groups, *case["kernel"])), rng.normal(size=outputs)
    try:
        y = getattr(torch.nn.functional, name)(*map(torch.tensor, (x, w, b)), **options)
    except RuntimeError:
        return False
    arrays = (x, w, b, rng.normal(size=y.shape))
    wanted = derivatives(torch, name, options)(*arrays)
    for got, want in zip(derivatives(cr, name, options, compiled)(*arrays), wanted):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=str(case))
    return True


@pytest.mark.parametrize("first", range(0, 300, 60))
def test_random_geometries(first: int) -> None:
    assert sum(agrees(seed) for seed in range(first, first + 60)) > 20


@pytest.mark.parametrize("first", range(0, 24, 8))
def test_random_geometries_compiled(first: int) -> None:
    assert sum(agrees(seed, compiled=True) for seed in range(first, first + 8)) > 1
