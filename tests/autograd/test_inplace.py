"""In-place changes: what is recorded, who sees it, and which saved values it spoils."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import grad

SPOILED = "modified by an inplace operation"


def leaf(*values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


def ramp(*shape):
    return (cr.arange(float(np.prod(shape)), dtype=cr.float64) / 7 + 0.3).reshape(shape)


# ----- leaves


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.add_(1),
        lambda w: w.mul_(cr.ones(3) * 2),
        lambda w: w.zero_(),
        lambda w: w.copy_(cr.ones(3)),
        lambda w: w.__setitem__(0, 5.0),
        lambda w: w.__setitem__(w > 1, 5.0),
        lambda w: w[0].add_(1),
        lambda w: w[1:][0].fill_(9),
        lambda w: w.view(3, 1).exp_(),
        lambda w: w.__iadd__(1),
    ],
)
def test_a_leaf_that_requires_grad_keeps_its_values(change):
    w = leaf(1.0, 2.0, 3.0)
    with pytest.raises(
        RuntimeError, match="leaf Variable that requires grad is being used in an in-place operation"
    ):
        change(w)
    assert w.tolist() == [1, 2, 3]
    with cr.no_grad():
        change(w)
    assert w.tolist() != [1, 2, 3]
    assert w.is_leaf
    assert w.requires_grad


@pytest.mark.parametrize(
    "alias",
    [
        lambda w: w.detach(),
        lambda w: w.detach()[:2],
        lambda w: w.detach().view(3, 1)[:2, 0],
        lambda w: w[:2].detach(),
        lambda w: w.data,
        lambda w: w.data[:2],
    ],
)
def test_detached_memory_of_a_leaf_may_be_changed(alias):
    w = leaf(1.0, 2.0, 3.0)
    alias(w).zero_()
    alias(w)[...] = 1.0
    alias(w).copy_(alias(w) * 5)
    alias(w).add_(10)
    assert w.tolist()[:2] == [15, 15]
    assert w.is_leaf
    w.sum().backward()
    assert w.grad.tolist() == [1, 1, 1]


def test_a_constant_becomes_part_of_the_graph():
    w, x = leaf(2.0, 3.0), cr.ones(2, dtype=cr.float64)
    x.mul_(w)
    assert x.requires_grad
    assert not x.is_leaf
    (x * x).sum().backward()
    assert w.grad.tolist() == [4, 6]


def test_a_detached_alias_gets_a_graph_of_its_own():
    w, y = leaf(2.0, 3.0), cr.ones(2, dtype=cr.float64)
    d = y.detach()
    part = d[0]
    d.mul_(w)
    assert d.requires_grad
    assert part.requires_grad
    assert not y.requires_grad
    assert y.tolist() == [2, 3]
    (part * 5).backward(retain_graph=True)
    assert w.grad.tolist() == [5, 0]
    d.sum().backward()
    assert w.grad.tolist() == [6, 1]


def test_a_view_of_a_detached_alias_writes_into_it():
    w, y = leaf(2.0), ramp(3) * leaf(1.0)
    d = y.detach()
    other = y.detach()
    d[1:].mul_(w)
    assert d.requires_grad
    assert not other.requires_grad
    before = y.grad_fn
    d.sum().backward()
    assert y.grad_fn is before
    np.testing.assert_allclose(w.grad.tolist(), [ramp(3)[1:].sum().item()])


def test_a_view_of_a_detached_alias_that_is_gone():
    w, y = leaf(2.0), ramp(3)
    v = y.detach()[1:]
    inner = v[0]
    v.mul_(w)
    inner.backward()
    np.testing.assert_allclose(w.grad.tolist(), [ramp(3)[1].item()])


def test_a_change_of_the_root_leaves_detached_graphs_alone():
    w, y = leaf(2.0), cr.ones(1, dtype=cr.float64)
    d = y.detach()
    d.mul_(w)
    y.add_(leaf(1.0))
    assert d.grad_fn.name() == "MulBackward0"


# ----- the same gradients as out of place


UPDATES = {
    "add": (lambda x, w: x.add_(w), lambda x, w: x + w),
    "add_alpha": (lambda x, w: x.add_(w, alpha=3), lambda x, w: x + 3 * w),
    "sub": (lambda x, w: x.sub_(w), lambda x, w: x - w),
    "mul": (lambda x, w: x.mul_(w), lambda x, w: x * w),
    "div": (lambda x, w: x.div_(w), lambda x, w: x / w),
    "pow": (lambda x, w: x.pow_(2), lambda x, w: x**2 + 0 * w),
    "exp": (lambda x, w: x.exp_() * w, lambda x, w: x.exp() * w),
    "tanh": (lambda x, w: x.tanh_() + w, lambda x, w: x.tanh() + w),
    "sigmoid": (lambda x, w: x.sigmoid_() + w, lambda x, w: x.sigmoid() + w),
    "relu": (lambda x, w: x.sub_(0.6).relu_() + w, lambda x, w: (x - 0.6).relu() + w),
    "clamp": (lambda x, w: x.clamp_(0.4, 0.8).add_(w), lambda x, w: x.clamp(0.4, 0.8) + w),
    "sqrt": (lambda x, w: x.sqrt_() + w, lambda x, w: x.sqrt() + w),
    "iadd": (lambda x, w: x.__iadd__(w * 2), lambda x, w: x + w * 2),
    "copy": (lambda x, w: x.copy_(w), lambda x, w: x * 0 + w),
    "zero": (lambda x, w: x.zero_().add_(w), lambda x, w: x * 0 + w),
    "addcmul": (lambda x, w: x.addcmul_(x, w, value=2), lambda x, w: x + 2 * x * w),
    "lerp": (lambda x, w: x.lerp_(w, 0.3), lambda x, w: x + 0.3 * (w - x)),
    "masked_fill": (
        lambda x, w: x.masked_fill_(x > 0.6, 9).add_(w),
        lambda x, w: cr.where(x > 0.6, 9.0, x) + w,
    ),
}
SAVES_ITS_INPUT = {"addcmul"}  # reads x itself, which it then overwrites


@pytest.mark.parametrize("name", sorted(UPDATES.keys() - SAVES_ITS_INPUT))
def test_in_place_gradients_are_those_out_of_place(name):
    change, expression = UPDATES[name]
    found = []
    for f in (lambda x, w: change(x.clone(), w), expression):
        x, w = ramp(2, 3).requires_grad_(), ramp(3).requires_grad_()
        y = f(x, w)
        first = grad((y * y).sum(), [x, w], create_graph=True, materialize_grads=True)
        second = grad(sum((g * g).sum() for g in first), [x, w], materialize_grads=True)
        found.append([y, *first, *second])
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_an_operation_that_overwrites_what_it_saved_says_so():
    x = leaf(1.0, 2.0) * 1
    x.mul_(x)
    with pytest.raises(RuntimeError, match=SPOILED):
        x.sum().backward()


def test_a_result_must_fit_the_memory():
    x = cr.ones(3)
    with pytest.raises(RuntimeError, match=r"doesn't match the broadcast shape \[2, 3\]"):
        x.add_(cr.ones(2, 3))
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type Long"):
        cr.ones(3, dtype=cr.int64).add_(0.5)
    for overlapping in (x.expand(2, 3), cr.ones(6)[::2].expand(2, 3)):
        with pytest.raises(RuntimeError, match="refers to a single memory location"):
            overlapping.add_(1)
        with pytest.raises(RuntimeError, match="refers to a single memory location"):
            overlapping[:] = 2.0
        assert overlapping.tolist() == [[1, 1, 1]] * 2


def test_a_narrower_tensor_keeps_its_dtype():
    w = leaf(2.0, 3.0)
    x = cr.ones(2)
    x.mul_(w)
    assert x.dtype == cr.float32
    x.sum().backward()
    assert w.grad.dtype == cr.float64


# ----- saved values


def square_of(x):
    return x, (x**2).sum()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda h: h.add_(1),
        lambda h: h.__iadd__(1),
        lambda h: h.__imul__(2),
        lambda h: h.__setitem__(0, 7.0),
        lambda h: h.__setitem__(slice(1, None), 7.0),
        lambda h: h.__setitem__(h > 0, 7.0),
        lambda h: h[0].mul_(2),
        lambda h: h[1:][0].mul_(2),
        lambda h: h.view(-1, 1).exp_(),
        lambda h: h.detach().add_(1),
        lambda h: h.detach()[0].add_(1),
        lambda h: h.T.zero_() if h.ndim > 1 else h.unsqueeze(0).zero_(),
        lambda h: h.copy_(cr.zeros(2)),
        lambda h: h.fill_(3),
        lambda h: h.index_fill_(0, cr.tensor([0]), 3.0),
        lambda h: h.masked_fill_(h > 0, 1.0),
        lambda h: h.clamp_(0, 1),
        lambda h: cr.autograd.graph.increment_version(h),
        lambda h: h.normal_(),
    ],
)
@pytest.mark.parametrize("rule", ["input", "output"])
def test_a_spoiled_saved_value_is_found(spoil, rule):
    h = leaf(0.5, 1.5) * 1
    if rule == "input":
        loss = (h**2).sum()
    else:
        h = h.exp()
        loss = h.sum()
    with cr.no_grad():
        spoil(h)
    with pytest.raises(RuntimeError, match=SPOILED):
        loss.backward()


@pytest.mark.parametrize("reader", [lambda b: b.sum(), lambda b: b[0], lambda b: b.view(2, 1)])
def test_a_change_is_found_through_any_alias_of_a_saved_view(reader):
    h = leaf(0.5, 1.5) * 1
    v = reader(h).exp() * reader(h)
    loss = (v * h[0]).sum()
    h.mul_(2)
    with pytest.raises(RuntimeError, match=SPOILED):
        loss.backward()


def test_an_optimizer_step_between_forward_and_backward_is_found():
    first, second = cr.nn.Linear(2, 2), cr.nn.Linear(2, 1)
    opt = cr.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1)
    x = cr.ones(3, 2)
    one, two = second(first(x)).sum(), second(first(x)).sum()
    one.backward()
    opt.step()
    with pytest.raises(RuntimeError, match=SPOILED):
        two.backward()


def test_a_step_on_values_that_no_wanted_gradient_reads_is_allowed():
    layer = cr.nn.Linear(2, 1)
    opt = cr.optim.SGD(layer.parameters(), lr=0.1)
    x = cr.ones(3, 2)
    one, two = layer(x).sum(), layer(x).sum()
    one.backward()
    opt.step()
    two.backward()
    assert layer.weight.grad.tolist() == [[6, 6]]


@pytest.mark.parametrize("change", [lambda h: h.data.mul_(2), lambda h: h.detach().numpy().__imul__(2)])
def test_changes_that_autograd_does_not_see(change):
    h = leaf(0.5, 1.5) * 1
    loss = (h**2).sum()
    change(h)
    loss.backward()


def test_values_that_are_not_read_may_change():
    x, c = leaf(1.0, 2.0), cr.tensor([3.0, 4.0], dtype=cr.float64)
    h = x * 1
    y = h * c  # ∂y/∂h reads c only
    z = h + h
    h.add_(100)
    (y + z).sum().backward()
    assert x.grad.tolist() == [5, 6]


def test_a_value_changed_before_it_is_saved():
    x = leaf(1.0, 2.0)
    h = x * 1
    h.add_(1)
    (h**2).sum().backward()
    assert x.grad.tolist() == [4, 6]


def test_the_version_grows_and_is_shared_by_aliases():
    x = cr.ones(2)
    v, d = x[0], x.detach()
    assert x._version == 0
    v.add_(1)
    assert x._version == v._version == d._version > 0
    before = x._version
    x.data.add_(1)
    assert x._version == before


@pytest.mark.parametrize(
    ("make", "change", "refused"),
    [
        (lambda x: cr.linalg.eigh(x @ x.mT), lambda y: y[1].mul_(2), True),
        (lambda x: x.max(1), lambda y: y.indices.zero_(), True),
        (lambda x: x.max(1), lambda y: y.values.mul_(2), False),
        (lambda x: x.sort(1), lambda y: y[1].add_(1), True),
        (lambda x: x.topk(2), lambda y: y.values.add_(1), False),
    ],
)
def test_changing_one_of_several_results_is_refused_exactly_if_the_rule_reads_it(make, change, refused):
    x = cr.tensor([[1.0, 5.0, 2.0], [4.0, 0.0, 3.0], [2.0, 1.0, 7.0]], requires_grad=True)
    y = make(x)
    change(y)
    if refused:
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y[0].sum().backward()
    else:
        y[0].sum().backward()
        assert x.grad is not None
