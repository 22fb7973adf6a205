"""What no emitter takes is computed by its NumPy forward, called from inside the step by its first thread."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.program import TraceError


def matrices(count, n=48):
    source = np.random.default_rng(4)
    return [source.normal(size=(n, n)) + n * np.eye(n) for _ in range(count)]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_kernels_around_a_call_wait_for_it(threads):
    """Each call with other numbers: what an earlier one has left in memory would be seen."""

    def plain(x):
        y = x * 2 + 1
        z = cr.linalg.inv(y)
        u = (z * 3).exp()
        return y, u, cr.linalg.inv(u + 50 * cr.eye(len(x), dtype=x.dtype)) - z

    step = cr.compile(plain, threads=threads)
    for a in matrices(40):
        x = cr.from_numpy(a)
        for got, want in zip(step(x), plain(x)):
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-10, atol=1e-12)
    assert len(step._any().runner.assembled.calls) == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_a_call_that_fails_ends_the_step_in_all_threads(threads):
    step = cr.compile(lambda x: (cr.linalg.inv(x) * 2).exp(), threads=threads)
    first, second = matrices(2)
    step(cr.from_numpy(first))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="The diagonal element 1 is zero"):
            step(cr.zeros(48, 48, dtype=cr.float64))
        want = np.exp(np.linalg.inv(second) * 2)
        np.testing.assert_allclose(step(cr.from_numpy(second)).numpy(), want, rtol=1e-12)


@pytest.mark.parametrize("driver", [None, "gels", "gelsy"])
def test_least_squares_in_a_step(driver):
    a, b, step_size = cr.linspace(-1, 1, 15).reshape(5, 3).sin(), cr.ones(5, 2), 0.1

    def step(a, b):
        a = a.detach().requires_grad_()
        found = cr.linalg.lstsq(a + cr.eye(5, 3), b, driver=driver)
        loss = (found.solution**2).sum() + found.residuals.sum()
        (g,) = cr.autograd.grad(loss, a)
        return loss, a.detach() - step_size * g

    compiled, eager = cr.compile(step), a
    for _ in range(4):
        want, eager = step(a, b)
        got, a = compiled(a, b)
        np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=2e-5)
        np.testing.assert_allclose(a.numpy(), eager.numpy(), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("driver", ["gelsd", "gelss"])
def test_residuals_that_depend_on_the_rank_are_refused(driver):
    words = (
        f"find the residuals of linalg.lstsq.driver='{driver}'.: the shape of the result depends on values"
    )
    with pytest.raises(TraceError, match=words):
        cr.compile(lambda a, b: cr.linalg.lstsq(a, b, driver=driver)[0])(cr.ones(5, 3), cr.ones(5, 2))
