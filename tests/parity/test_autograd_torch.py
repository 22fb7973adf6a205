"""Random small programs give PyTorch's values, first and second gradients; misuse gives its error types."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr

torch = pytest.importorskip("torch", reason="parity tests compare with PyTorch")

# Operations on tensors x, y that stay near 1 in size, away from singular points; all are of shape
# (3, 3), so that any result can be any operand.
STEPS: dict[str, Any] = {
    "add": lambda t, x, y: x + y * 0.5,
    "sub": lambda t, x, y: x - y * 0.3,
    "mul": lambda t, x, y: x * y,
    "div": lambda t, x, y: x / (y * y + 1),
    "tanh": lambda t, x, y: x.tanh(),
    "exp": lambda t, x, y: (-x * x).exp(),
    "sin": lambda t, x, y: t.sin(x) + y.cos(),
    "sigmoid": lambda t, x, y: t.sigmoid(x * 2),
    "log": lambda t, x, y: (x * x + 0.5).log(),
    "sqrt": lambda t, x, y: (x * x + 0.1).sqrt(),
    "pow": lambda t, x, y: x**3 * 0.1 + 2.0 ** (-y * y),
    "matmul": lambda t, x, y: x @ y / 3,
    "mv": lambda t, x, y: x + (y @ x[0]) / 3,
    "einsum": lambda t, x, y: t.einsum("ij,kj->ik", x, y) / 3,
    "sum": lambda t, x, y: x - y.sum(0, keepdim=True) / 3,
    "mean": lambda t, x, y: x - y.mean(),
    "var": lambda t, x, y: x / (1 + y.var(1, keepdim=True)),
    "softmax": lambda t, x, y: x.softmax(1) + y.log_softmax(0) * 0.1,
    "logsumexp": lambda t, x, y: x + y.logsumexp(1).unsqueeze(1) * 0.2,
    "prod": lambda t, x, y: x + (y * 0.5 + 1).prod(0),
    "cumsum": lambda t, x, y: x.cumsum(1) / 3,
    "norm": lambda t, x, y: x / (y.norm() + 1),
    "transpose": lambda t, x, y: x.t() + y.mT,
    "permute": lambda t, x, y: x.permute(1, 0).reshape(3, 3),
    "view": lambda t, x, y: x.contiguous().view(9).flip(0).view(3, 3),
    "expand": lambda t, x, y: x * y[:1].expand(3, 3),
    "index": lambda t, x, y: x[[2, 0, 0]] + y[:, [1, 1, 2]],
    "gather": lambda t, x, y: t.gather(x, 1, t.tensor([[0, 2, 1], [1, 1, 0], [2, 2, 2]])),
    "diagonal": lambda t, x, y: x + y.diagonal().diag_embed(),
    "cat": lambda t, x, y: t.cat([x[1:], y[:1]]),
    "stack": lambda t, x, y: t.stack([x[0], y[1], x[2]], 1),
    "split": lambda t, x, y: t.cat([*reversed(x.split([1, 2])[::1])]) + t.cat(y.chunk(3, 1)[::-1], 1),
    "unbind": lambda t, x, y: x * y.unbind(1)[2],
    "where": lambda t, x, y: t.where(t.arange(9.0).reshape(3, 3) > 4, x, y * 2),
    "triu": lambda t, x, y: x.triu() + y.tril(-1),
    "sort": lambda t, x, y: x + 0.1 * (y * t.tensor([1.0, 2.0, 3.0], dtype=y.dtype)).roll(1, 0),
    "detach": lambda t, x, y: x * y.detach(),
    "add_": lambda t, x, y: x.clone().add_(y, alpha=0.5),
    "mul_": lambda t, x, y: x.clone().mul_(y),
    "tanh_": lambda t, x, y: (x * 1).tanh_(),
    "row_": lambda t, x, y: _changed(x, lambda z: z[1].mul_(y[0])),
    "set_row": lambda t, x, y: _changed(x, lambda z: z.__setitem__(0, y[2] * 2)),
    "set_cell": lambda t, x, y: _changed(x, lambda z: z.__setitem__((slice(None), 1), y[:, 0])),
    "set_mask": lambda t, x, y: _changed(x, lambda z: z.__setitem__(t.eye(3) > 0, 0.25)),
    "view_": lambda t, x, y: _changed(x, lambda z: (z.t()[1:].add_(y[1:]), z.view(9)[::2].mul_(0.5))),
    "index_add": lambda t, x, y: x.index_add(0, t.tensor([0, 2, 0]), y * 0.3),
    "masked_fill": lambda t, x, y: x.masked_fill(t.eye(3) > 0, 0.5),
}


def _changed(x: Any, change: Any) -> Any:
    z = x.clone()
    change(z)
    return z


LEAVES = (
    np.linspace(-1.0, 1.2, 9).reshape(3, 3),
    np.cos(np.arange(9.0) * 1.7).reshape(3, 3) * 0.8,
)
Program = list[tuple[str, int, int]]


def run(t: Any, program: Program) -> list[Any]:
    """The result, the gradients of its weighted sum, and the gradients of the sum of their squares."""
    xs = [t.from_numpy(a.copy()).requires_grad_() for a in LEAVES]
    values = list(xs)
    for name, i, j in program:
        values.append(STEPS[name](t, values[-1 - i % len(values)], values[-1 - j % len(values)]))
    weight = t.from_numpy(np.sin(np.arange(9.0)).reshape(3, 3) + 1.5)
    loss = (values[-1] * weight).sum() + sum((v * v).sum() for v in values) * 0.01
    first = t.autograd.grad(loss, xs, create_graph=True, materialize_grads=True)
    again = sum((g * g * weight).sum() for g in first)
    second = t.autograd.grad(again, xs, retain_graph=True, materialize_grads=True)
    loss.backward()
    return [values[-1], *first, *second, *[x.grad for x in xs]]


steps = st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 4), st.integers(0, 4))


def agree(program: Program) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = run(cr, program), run(torch, program)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_each_step_agrees(name: str) -> None:
    agree([(name, 0, 1)])
    agree([("sin", 0, 1), (name, 0, 0), ("mul", 0, 1)])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(steps, min_size=2, max_size=7))
def test_random_programs_agree(program: Program) -> None:
    agree(program)


# ----- in place, on tensors that others have read: both compute the same, or both refuse

CHANGES: dict[str, Any] = {
    "add_": lambda t, x, y: x.add_(y),
    "mul_": lambda t, x, y: x.mul_(y),
    "exp_": lambda t, x, y: x.mul_(0.1).exp_(),
    "row": lambda t, x, y: x[0].mul_(2),
    "set": lambda t, x, y: x.__setitem__(1, y[1]),
    "detached": lambda t, x, y: x.detach().add_(1),
    "no_grad": lambda t, x, y: _without_grad(t, x),
    "transposed": lambda t, x, y: x.t()[0].add_(y[0]),
    "mul_self": lambda t, x, y: x.mul_(x),
}
READS: dict[str, Any] = {
    "square": lambda t, x, y: x * x,
    "mul": lambda t, x, y: x * y,
    "add": lambda t, x, y: x + y,
    "tanh": lambda t, x, y: x.tanh(),
    "matmul": lambda t, x, y: x @ y,
    "constant": lambda t, x, y: x * 3,
    "with_constant": lambda t, x, y: x * t.from_numpy(LEAVES[1].copy()),
    "row": lambda t, x, y: x[0] * y,
    "softmax": lambda t, x, y: x.softmax(0),
    "max": lambda t, x, y: x * 1 + x.max(0)[0],
    "view": lambda t, x, y: x.view(3, 3),
    "alias": lambda t, x, y: x.detach(),
}
moves = st.tuples(st.sampled_from(sorted(CHANGES) + sorted(READS)), st.integers(0, 3), st.integers(0, 3))


def _without_grad(t: Any, x: Any) -> None:
    with t.no_grad():
        x.mul_(1.5)


def play(t: Any, program: Program) -> tuple[str, list[Any]]:
    w = t.from_numpy(LEAVES[0].copy()).requires_grad_()
    values = [w, w * 1, w.exp()]
    try:
        for name, i, j in program:
            x, y = values[-1 - i % len(values)], values[-1 - j % len(values)]
            if name in READS:
                values.append(READS[name](t, x, y))
            else:
                CHANGES[name](t, x, y)
        sum(v.sum() for v in values).backward()
    except Exception as error:
        return type(error).__name__, []
    return "", [w.grad, *values]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(moves, min_size=2, max_size=6))
def test_changed_values_agree_or_are_refused_alike(program: Program) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (our_error, ours), (their_error, theirs) = play(cr, program), play(torch, program)
    assert our_error == their_error
    for a, b in zip(ours, theirs, strict=True):
        assert a.requires_grad == b.requires_grad
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, equal_nan=True)


# ----- misuse


def _twice(t: Any) -> None:
    y = t.ones(1, requires_grad=True).exp()
    y.backward()
    y.backward()


def _function(t: Any, forward: Any, backward: Any) -> Any:
    made = type(
        "F", (t.autograd.Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    )
    return made.apply


def _leaf(t: Any, *shape: int) -> Any:
    return t.ones(*shape, requires_grad=True)


MISUSE: dict[str, Any] = {
    "twice": _twice,
    "not scalar": lambda t: (_leaf(t, 2) * 2).backward(),
    "nothing requires grad": lambda t: t.ones(1).backward(),
    "wrong cotangent shape": lambda t: (_leaf(t, 2) * 2).backward(t.ones(3)),
    "unused": lambda t: t.autograd.grad(_leaf(t, 1) * 2, _leaf(t, 1)),
    "input without grad": lambda t: t.autograd.grad(_leaf(t, 1) * 2, t.ones(1)),
    "grad of a number": lambda t: t.autograd.grad(3.0, _leaf(t, 1)),
    "contradicting options": lambda t: t.autograd.grad(
        _leaf(t, 1) * 2, _leaf(t, 1), allow_unused=False, materialize_grads=True
    ),
    "empty inputs": lambda t: (_leaf(t, 1) * 2).backward(inputs=[]),
    "leaf in place": lambda t: _leaf(t, 1).add_(1),
    "view of a leaf in place": lambda t: _leaf(t, 2)[0].add_(1),
    "integer leaf": lambda t: t.ones(1, dtype=t.int64).requires_grad_(),
    "requires_grad of a non-leaf": lambda t: (_leaf(t, 1) * 2).requires_grad_(False),
    "retain_grad": lambda t: t.ones(1).retain_grad(),
    "hook without grad": lambda t: t.ones(1).register_hook(lambda g: g),
    "hook returns a number": lambda t: _hooked(t, lambda g: 3.0),
    "hook changes the shape": lambda t: _hooked(t, lambda g: t.ones(7)),
    "hook changes the dtype": lambda t: _hooked(t, lambda g: g.double()),
    "post hook of a non-leaf": lambda t: (_leaf(t, 1) * 2).register_post_accumulate_grad_hook(lambda p: None),
    "numpy of a tracked tensor": lambda t: _leaf(t, 1).numpy(),
    "deepcopy of a non-leaf": lambda t: __import__("copy").deepcopy(_leaf(t, 1) * 2),
    "grad of another shape": lambda t: setattr(_leaf(t, 2), "grad", t.ones(3)),
    "grad of another dtype": lambda t: setattr(_leaf(t, 2), "grad", t.ones(2, dtype=t.float64)),
    "grad that is no tensor": lambda t: setattr(_leaf(t, 2), "grad", 3.0),
    "expanded in place": lambda t: t.ones(1).expand(3).add_(1),
    "in place of another shape": lambda t: t.ones(3).add_(t.ones(2, 3)),
    "in place of another kind": lambda t: t.ones(3, dtype=t.int64).mul_(0.5),
    "saved value changed": lambda t: (lambda x, y: (x.add_(1), y.sum().backward()))(
        *(lambda x: (x, x * x))(_leaf(t, 2) * 1)
    ),
    "detach_ of a view": lambda t: (_leaf(t, 2) * 1)[0].detach_(),
    "complex result": lambda t: (_leaf(t, 1) * 1j).backward(),
    "too few gradients": lambda t: _function(t, lambda c, a, b: a * b, lambda c, g: g)(
        _leaf(t, 1), _leaf(t, 1)
    ).backward(),
    "too many gradients": lambda t: _function(t, lambda c, a: a * 1, lambda c, g: (g, g))(
        _leaf(t, 1)
    ).backward(),
    "gradient of a wrong type": lambda t: _function(t, lambda c, a: a * 1, lambda c, g: 1.0)(
        _leaf(t, 1)
    ).backward(),
    "gradient of a wrong shape": lambda t: (
        _function(t, lambda c, a: a * 1, lambda c, g: t.ones(2, 5))(_leaf(t, 3)).sum().backward()
    ),
    "saving a number": lambda t: _function(t, lambda c, a: (c.save_for_backward(1.0), a)[1], lambda c, g: g)(
        _leaf(t, 1)
    ),
    "dirty leaf": lambda t: _function(t, lambda c, a: (c.mark_dirty(a), a.add_(1))[1], lambda c, g: g)(
        _leaf(t, 1)
    ),
    "no forward": lambda t: type("F", (t.autograd.Function,), {}).apply(_leaf(t, 1)),
    "no backward": lambda t: (
        type("F", (t.autograd.Function,), {"forward": staticmethod(lambda c, a: a * 1)})
        .apply(_leaf(t, 1))
        .backward()
    ),
    "gradcheck without grad": lambda t: t.autograd.gradcheck(t.sin, (t.ones(1),)),
    "jacobian of a list": lambda t: t.autograd.functional.jacobian(lambda x: x, [1.0]),
    "vjp without v": lambda t: t.autograd.functional.vjp(lambda x: x, t.ones(2)),
    "hessian of a vector": lambda t: t.autograd.functional.hessian(lambda x: x, t.ones(2)),
    "func.grad of a vector": lambda t: t.func.grad(lambda x: x)(t.ones(2)),
}


def _hooked(t: Any, hook: Any) -> None:
    x = _leaf(t, 1)
    x.register_hook(hook)
    (x * 2).backward()


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_raises_the_same_type(name: str) -> None:
    found = []
    for t in (cr, torch):
        with pytest.raises(Exception) as error:  # noqa: PT011  (the type is what is compared)
            MISUSE[name](t)
        found.append(error.type)
    assert found[0] is found[1]
