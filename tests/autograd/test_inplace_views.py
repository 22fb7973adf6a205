"""In-place changes through views and by assignment: every alias sees them, gradients follow."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import grad


def leaf(*values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


def ramp(*shape):
    return (cr.arange(float(np.prod(shape)), dtype=cr.float64) / 7 + 0.3).reshape(shape)


# ----- views


def test_a_view_sees_a_change_of_its_root():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[1:]
    y.mul_(cr.tensor([5.0, 6.0, 7.0], dtype=cr.float64))
    assert v.tolist() == [12, 21]
    v.sum().backward()
    assert x.grad.tolist() == [0, 6, 7]


def test_the_root_sees_a_change_of_a_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[1:].mul_(10)
    (y * y).sum().backward()
    assert x.grad.tolist() == [2, 400, 600]


def test_sibling_views_see_each_others_changes():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    a, b = y[:2], y.view(3, 1)[1:]
    a.mul_(10)
    b.sum().backward()
    assert x.grad.tolist() == [0, 10, 1]


def test_a_view_of_a_view_of_a_view():
    x = ramp(2, 3).requires_grad_()
    y = x * 1
    v = y.t()[1:].unsqueeze(0)[0, :, 1]
    v.mul_(10)
    y.sum().backward()
    assert x.grad.tolist() == [[1, 1, 1], [1, 10, 10]]


def test_a_chain_of_changes_through_different_views():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    y = x * 1
    y[:2].mul_(2)
    m = y.view(2, 2)
    m[:, 0].add_(y[3])
    m[1].mul_(0.5)
    y.exp_()
    expected_y = np.exp([1 * 2 + 4, 4, (3 + 4) / 2, 4 / 2])
    np.testing.assert_allclose(y.tolist(), expected_y)
    y.sum().backward()
    a, b, c, d = expected_y
    np.testing.assert_allclose(x.grad.tolist(), [2 * a, 2 * b, c / 2, a + c / 2 + d / 2])


def test_a_view_of_a_constant_joins_the_graph_with_its_root():
    w, x = leaf(2.0), cr.zeros(3, dtype=cr.float64)
    v, before = x[1:], x[0]
    v.copy_(w.expand(2))
    assert x.requires_grad
    assert v.requires_grad
    x.sum().backward()
    assert w.grad.tolist() == [2]
    assert before.item() == 0


def test_an_earlier_result_of_a_view_is_unchanged():
    x = leaf(1.0, 2.0)
    y = x * 1
    early = y[0] + 0
    y.mul_(5)
    (early + y[0]).backward()
    assert x.grad.tolist() == [6, 0]


def test_dead_views_are_forgotten():
    x = leaf(1.0, 2.0) * 1
    for _ in range(500):
        x[0]
    alive = x[1]
    assert len(x._views) < 200
    x.mul_(3)
    (g,) = grad(alive, x)
    assert g.tolist() == [0, 1]


def test_unbind_and_split_make_views():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    first, *_ = y.unbind()
    rest = y.split([1, 2])[1]
    y.mul_(4)
    (first + rest.sum()).backward()
    assert x.grad.tolist() == [4, 4, 4]


def test_overwritten_values_get_no_gradient():
    x, w = leaf(1.0, 2.0), leaf(5.0)
    y = x * 1
    y[0] = w[0]
    (y * cr.tensor([3.0, 4.0], dtype=cr.float64)).sum().backward()
    assert x.grad.tolist() == [0, 4]
    assert w.grad.tolist() == [3]


def test_an_infinite_gradient_of_overwritten_values_stays_away():
    x, w = leaf(1.0, 1.0), leaf(0.0)
    y = x * 1
    y[0] = w[0]
    y.sqrt().sum().backward()
    assert x.grad.tolist() == [0, 0.5]
    assert w.grad.item() == np.inf


# ----- x[key] = value


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        (1, 2),
        slice(None),
        (slice(None), 1),
        (slice(None, None, 2), slice(1, None)),
        (Ellipsis, 0),
        (None, 1),
        cr.tensor([0, 2]),
        (cr.tensor([0, 2]), cr.tensor([1, 0])),
        (slice(None), cr.tensor([2, 0])),
        cr.tensor([True, False, True]),
        [0, 2],
    ],
    ids=str,
)
@pytest.mark.parametrize("value", ["tensor", "number"])
def test_assignment_and_its_gradients(key, value):
    x = ramp(3, 3).requires_grad_()
    part = ramp(3, 3)[key]
    w = (ramp(*part.shape) * 2 if part.shape else ramp(1)[0] * 2).detach().requires_grad_()
    weight = ramp(3, 3) ** 2
    y = x * 1
    y[key] = w if value == "tensor" else 0.5
    (y * weight).sum().backward()
    inside = np.zeros((3, 3), bool)
    numpy_key = key.numpy() if isinstance(key, cr.Tensor) else key
    if isinstance(key, tuple):
        numpy_key = tuple(k.numpy() if isinstance(k, cr.Tensor) else k for k in key)
    inside[numpy_key] = True
    np.testing.assert_allclose(x.grad.numpy(), np.where(inside, 0, weight.numpy()))
    if value == "tensor":
        np.testing.assert_allclose(w.grad.numpy(), weight.numpy()[numpy_key])


def test_an_assigned_value_is_broadcast_and_its_gradient_summed():
    w, y = leaf(5.0), cr.zeros(2, 3, dtype=cr.float64)
    y[:, 1:] = w
    (y * ramp(2, 3)).sum().backward()
    np.testing.assert_allclose(w.grad.item(), ramp(2, 3)[:, 1:].sum().item())


def test_assigning_a_tensor_to_itself_shifted():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[1:] = y[:-1].clone()
    assert y.tolist() == [1, 1, 2]
    (y * cr.tensor([1.0, 10.0, 100.0], dtype=cr.float64)).sum().backward()
    assert x.grad.tolist() == [11, 100, 0]


def test_overlapping_memory_is_copied_as_it_was():
    x = cr.arange(5.0)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]


def test_detach_in_place_forgets_the_history():
    x = leaf(1.0)
    y = x * 2
    y.detach_()
    assert y.is_leaf
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        (x * 1)[0].detach_()
