"""Reverse mode: what arrives where, what is kept, what is freed, what is refused."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import backward, grad


def leaf(*values, dtype=cr.float64):
    return cr.tensor(values if len(values) > 1 else values[0], dtype=dtype, requires_grad=True)


def same(t, values):
    np.testing.assert_allclose(t.detach().numpy(), values, rtol=1e-12)


# ----- .grad


def test_gradients_accumulate_until_cleared():
    x = leaf(3.0)
    for expected in (6.0, 12.0):
        (x * x).backward()
        same(x.grad, expected)
    x.grad = None
    (x * x).backward()
    same(x.grad, 6.0)


def test_accumulation_keeps_the_grad_object():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    first = x.grad
    x.sum().backward()
    assert x.grad is first
    same(first, [2, 2])


def test_the_grad_of_a_leaf_has_no_history():
    x = leaf(2.0)
    (x**3).backward()
    assert not x.grad.requires_grad
    assert x.grad.grad_fn is None


def test_only_leaves_that_require_grad_get_one():
    x, c = leaf(2.0), cr.tensor(5.0, dtype=cr.float64)
    (x * c).backward()
    assert c.grad is None
    same(x.grad, 5)


def test_one_tensor_used_twice():
    x = leaf(3.0)
    (x * x * x + x).backward()
    same(x.grad, 28)


def test_a_diamond_runs_each_node_once():
    x = leaf(2.0)
    calls = []
    shared = x * 3
    shared.register_hook(lambda g: calls.append(g.item()))
    (shared.sin() + shared.cos()).backward()
    assert len(calls) == 1
    same(x.grad, 3 * (np.cos(6) - np.sin(6)))


def test_a_lopsided_diamond_waits_for_the_longer_side():
    x = leaf(0.5)
    shared = x.exp()
    long = shared
    for _ in range(5):
        long = long * 2
    (shared + long).backward()
    same(x.grad, 33 * np.exp(0.5))


def test_broadcasting_is_undone():
    row, column, number = leaf(1.0, 2.0, 3.0), cr.ones(2, 1, dtype=cr.float64, requires_grad=True), leaf(4.0)
    (row * column + number).sum().backward()
    same(row.grad, [2, 2, 2])
    same(column.grad, [[6], [6]])
    assert number.grad.shape == ()
    same(number.grad, 6)


@pytest.mark.parametrize("narrow", [cr.float16, cr.bfloat16, cr.float32])
def test_mixed_dtypes_are_cast_back(narrow):
    x, w = cr.ones(3, dtype=narrow, requires_grad=True), cr.ones(3, dtype=cr.float64, requires_grad=True)
    (x * w * 2).sum().backward()
    assert x.grad.dtype == narrow
    assert w.grad.dtype == cr.float64
    assert x.grad.tolist() == [2, 2, 2]


def test_zero_dim_results_stay_zero_dim():
    x = leaf(2.0)
    (g,) = grad(x.exp(), x)
    assert g.shape == ()
    x.exp().backward()
    assert x.grad.shape == ()
    x.grad.add_(1)  # an array, not a frozen NumPy scalar
    same(x.grad, np.exp(2) + 1)


def test_gradients_are_not_shared_between_leaves():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a + b).sum().backward()
    a.grad.zero_()
    same(b.grad, [1, 1])


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("by_name", [False, True])
def test_gradients_share_no_memory_with_the_cotangent_either(create_graph, by_name):
    a, b, e, v = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(0.0, 0.0), cr.ones(2, dtype=cr.float64)
    later = e.exp()
    out = (a + b) + later
    backward(out, v, create_graph=create_graph, inputs=[a, b, e] if by_name else None)
    arrays = [a.grad.detach().numpy(), b.grad.detach().numpy(), v.numpy()]
    for i, x in enumerate(arrays):
        assert not any(np.shares_memory(x, y) for y in arrays[i + 1 :])


def test_a_kept_intermediate_gradient_is_not_the_leafs():
    a, seen = leaf(1.0, 2.0), []
    y = a + 0
    y.register_hook(seen.append)
    (y * 2).sum().backward()
    a.grad.zero_()
    same(seen[0], [2, 2])


def test_two_runs_give_the_same_bits():
    def run():
        rng = np.random.default_rng(0)
        xs = [cr.from_numpy(rng.normal(size=50).astype(np.float32)).requires_grad_() for _ in range(6)]
        total = xs[0]
        for i in range(40):
            total = total.sin() + xs[i % 6] * xs[(i * 5 + 1) % 6]
        total.sum().backward()
        return b"".join(x.grad.numpy().tobytes() for x in xs)

    assert run() == run()


# ----- grad() and backward(inputs=)


def test_grad_touches_no_grad_attribute():
    x, w = leaf(2.0), leaf(3.0)
    same(grad(x * w, x)[0], 3)
    assert x.grad is None
    assert w.grad is None


def test_grad_of_unused_inputs():
    x, unused = leaf(2.0), leaf(3.0, 4.0)
    y = x * x
    with pytest.raises(
        RuntimeError, match=r"Tensor at index 1 appears to not have been used in the graph.*allow_unused"
    ):
        grad(y, [x, unused], retain_graph=True)
    assert grad(y, [x, unused], allow_unused=True, retain_graph=True)[1] is None
    g = grad(y, [x, unused], materialize_grads=True)[1]
    same(g, [0, 0])


def test_materialize_grads_contradicts_allow_unused_false():
    x = leaf(2.0)
    with pytest.raises(ValueError, match="Expected allow_unused to be True or not passed"):
        grad(x * 1, x, allow_unused=False, materialize_grads=True)


def test_grad_of_non_leaves_and_of_outputs_themselves():
    x = leaf(2.0)
    h = x * 3
    y = h**2
    same(grad(y, h, retain_graph=True)[0], 12)
    same(grad(y, y, retain_graph=True)[0], 1)
    gh, gx = grad(y, [h, x])
    same(gh, 12)
    same(gx, 36)


def test_grad_of_several_outputs_sums():
    x = leaf(2.0)
    (g,) = grad([x * 3, x**2], x, [cr.tensor(10.0, dtype=cr.float64), None])
    same(g, 34)


def test_grad_runs_only_what_leads_to_the_inputs():
    x, w = leaf(2.0), leaf(3.0)
    ran = []
    other = w.exp()
    other.grad_fn.register_hook(lambda *_: ran.append("w"))
    grad(x * other, x)
    assert ran == []


def test_batched_cotangents():
    x = leaf(1.0, 2.0)
    eye = cr.eye(2, dtype=cr.float64)
    (jacobian,) = grad(x**2, x, eye, is_grads_batched=True)
    same(jacobian, [[2, 0], [0, 4]])
    unused = leaf(1.0)
    with pytest.raises(RuntimeError, match="index 1 appears to not have been used"):
        grad(x**2, [x, unused], eye, is_grads_batched=True)
    assert grad(x**2, [x, unused], eye, is_grads_batched=True, allow_unused=True)[1] is None
    found = grad(x**2, [x, unused], eye, is_grads_batched=True, materialize_grads=True)
    same(found[1], [0, 0])


def test_batched_cotangents_free_the_graph():
    x = leaf(1.0, 2.0)
    y = x**2
    grad(y, x, cr.eye(2, dtype=cr.float64), is_grads_batched=True)
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_backward_into_chosen_inputs():
    x, w = leaf(2.0), leaf(3.0)
    h = x * w
    (h * 5).backward(inputs=[x, h], retain_graph=True)
    same(x.grad, 15)
    assert w.grad is None
    h.retain_grad()  # makes reading .grad of a non-leaf unremarkable
    same(h.grad, 5)
    (h * 5).backward(inputs=w)
    same(w.grad, 10)
    with pytest.raises(RuntimeError, match="cannot be empty"):
        h.backward(inputs=[])


def test_one_output_of_several():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    first, _ = x.split(2)
    (first * 3).sum().backward()
    same(x.grad, [3, 3, 0, 0])


def test_outputs_of_one_operation_meet_again():
    x = leaf(3.0, 1.0, 2.0)
    values, order = x.sort()
    assert not order.requires_grad
    (values * cr.tensor([1.0, 10.0, 100.0], dtype=cr.float64)).sum().backward()
    same(x.grad, [100, 1, 10])


def test_a_matrix_factored_into_several_outputs_to_second_order():
    a = cr.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=cr.float64, requires_grad=True)

    def values_and_vectors(a):
        w, v = cr.linalg.eigh((a + a.mT) / 2)
        return w[0] * w[1] + (v[:, 0] ** 2)[0]

    assert cr.autograd.gradcheck(values_and_vectors, (a,))
    assert cr.autograd.gradgradcheck(values_and_vectors, (a,))


def test_a_backward_pass_inside_another():
    """A pass started from a hook must not take, or lose, what waits for the leaf in the pass around it."""
    w = leaf(3.0)
    y = w * 2
    inner = []
    y.register_hook(lambda g: inner.append(grad_of_square(w)))

    def grad_of_square(w):
        with cr.enable_grad():
            return grad(w**2, w)[0]

    (w * 10 + y).backward()
    same(inner[0], 6)
    same(w.grad, 12)


# ----- complex numbers


@pytest.mark.parametrize(("zero", "slope"), [(0, math.inf), (0.0, math.inf), (-0.0, -math.inf)])
def test_a_number_that_is_0_divides_to_any_order(zero, slope):
    x = cr.ones(2, requires_grad=True)
    for create_graph in (False, True):
        (g,) = cr.autograd.grad((x / zero).sum(), x, create_graph=create_graph)
        assert g.tolist() == [slope, slope]


def test_the_gradient_of_a_holomorphic_function_is_conjugated():
    z = cr.tensor(1 + 2j, dtype=cr.complex128, requires_grad=True)
    (z**2).backward(cr.tensor(1 + 0j, dtype=cr.complex128))
    assert z.grad.item() == np.conj(2 * (1 + 2j))


def test_the_gradient_of_a_real_loss_points_uphill():
    z = cr.tensor(3 + 4j, dtype=cr.complex128, requires_grad=True)
    (z * z.conj()).real.backward()
    assert z.grad.item() == 6 + 8j


def test_a_real_leaf_gets_a_real_gradient_from_complex_values():
    x = leaf(2.0)
    (x * cr.tensor(3 + 4j, dtype=cr.complex128)).abs().backward()
    assert x.grad.dtype == cr.float64
    same(x.grad, 5)


def test_complex_results_need_a_cotangent():
    z = cr.tensor(1j, dtype=cr.complex128, requires_grad=True)
    with pytest.raises(RuntimeError, match="only for real scalar outputs"):
        (z * 2).backward()


# ----- refused


def test_wrong_arguments():
    x = leaf(1.0, 2.0)
    y = x * 2
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        y.backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        y.backward(cr.ones(3))
    with pytest.raises(RuntimeError, match="got 1 tensors and 2 gradients"):
        backward([y], [cr.ones(2), cr.ones(2)])
    with pytest.raises(RuntimeError, match="does not require grad"):
        cr.ones(1).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad(y.sum(), cr.ones(2))
    with pytest.raises(TypeError):
        grad(3.0, x)
    with pytest.raises(TypeError, match="element of type float"):
        grad([3.0], x)


def test_a_cotangent_of_another_dtype_is_converted():
    x = leaf(1.0, 2.0)
    (x * 2).backward(cr.tensor([1, 3]))
    assert x.grad.dtype == cr.float64
    same(x.grad, [2, 6])


# ----- threads


def test_grad_mode_belongs_to_the_thread():
    seen = []
    with cr.no_grad():
        thread = threading.Thread(target=lambda: seen.append(cr.is_grad_enabled()))
        thread.start()
        thread.join()
        assert not cr.is_grad_enabled()
    assert seen == [True]


def test_two_threads_run_backward_on_graphs_of_their_own():
    results, errors = {}, []
    start = threading.Barrier(2)

    def work(name):
        try:
            start.wait()
            x = leaf(float(name))
            for _ in range(100):
                y = x
                for _ in range(20):
                    y = y * 1.0 + x
                y.backward()
            results[name] = x.grad.item()
        except Exception as error:  # shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in (1, 2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    assert results == {1: 2100.0, 2: 2100.0}
