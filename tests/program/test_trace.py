"""Tracing: the run itself is unchanged, the program repeats it, and what cannot be traced says so."""

from __future__ import annotations

import random

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.program import interpret, verify
from chainrule.program.results import Passed, Result
from chainrule.program.trace import TraceError, trace
from chainrule.program.traced import Traced


def _training_step(optimizer=None, seed=0):
    cr.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    make = optimizer or (lambda p: cr.optim.SGD(p, lr=0.1))
    opt = make(model.parameters())
    x, y = cr.randn(5, 4), cr.randint(0, 3, (5,))

    def step(x, y):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step, model, (x, y)


def _inputs(traced):
    tensors = [*traced.arguments, *traced.captured]
    return [t._array().copy() for t in tensors] + [np.array(float(n.value())) for n in traced.numbers]


OPTIMIZERS = [
    lambda p: cr.optim.SGD(p, lr=0.1),
    lambda p: cr.optim.Adam(p, lr=0.01),
    lambda p: cr.optim.AdamW(p, lr=0.01, amsgrad=True),
    lambda p: cr.optim.RMSprop(p, lr=0.01, momentum=0.5),
    lambda p: cr.optim.Adagrad(p),
    lambda p: cr.optim.NAdam(p),
    lambda p: cr.optim.RAdam(p),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_program_computes_the_next_step(optimizer):
    """The traced step has run for real; the program, on the state that it left, is the step after it."""
    step, model, batch = _training_step(optimizer)
    other, twin, same = _training_step(optimizer)
    step(*batch), other(*same)
    traced = trace(step, batch)
    other(*same)
    for p, q in zip(model.parameters(), twin.parameters()):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6, atol=1e-8)
        assert not isinstance(p._a, Traced)
    found = interpret(verify(traced.program), _inputs(traced))
    loss = other(*same)
    np.testing.assert_allclose(found[0], loss.item(), rtol=1e-6)
    tensors = [*traced.arguments, *traced.captured]
    new = {id(tensors[i]): v for i, v in zip(traced.written, found[1:])}
    for p, q in zip(model.parameters(), twin.parameters()):
        np.testing.assert_allclose(new[id(p)], q.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_a_first_step_that_makes_state_is_provisional():
    step, _, batch = _training_step(lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9))
    assert trace(step, batch).provisional
    assert not trace(step, batch).provisional


def test_in_place_changes_and_views_become_new_variables():
    def change(x):
        y = x * 2
        y[1:] += 10
        y.view(2, 2)[0].mul_(x[:2])
        return y

    x = cr.tensor([1.0, 2.0, 3.0, 4.0])
    traced = trace(change, (x,))
    np.testing.assert_array_equal(traced.value.numpy(), [2.0, 28.0, 16.0, 18.0])
    np.testing.assert_array_equal(interpret(verify(traced.program), [x.numpy()])[0], [2.0, 28.0, 16.0, 18.0])


def test_tensors_that_are_reached_and_changed_are_state():
    total = cr.zeros(2)

    def add(x):
        total.add_(x)
        return total

    traced = trace(add, (cr.tensor([1.0, 2.0]),))
    assert [t is total for t in traced.captured] == [True]
    assert traced.written == [1]
    assert traced.result == Passed(1)
    np.testing.assert_array_equal(total.numpy(), [1.0, 2.0])


def test_constants_made_inside_are_no_state():
    def count(x):
        n = cr.zeros(2)
        n += x
        return n

    traced = trace(count, (cr.ones(2),))
    assert not traced.captured
    assert not traced.written
    assert traced.result == Result(0)
    np.testing.assert_array_equal(interpret(traced.program, [np.float32([3, 4])])[0], [3, 4])


def test_second_derivatives_are_traced():
    def curvature(x):
        x.requires_grad_(True)
        (g,) = cr.autograd.grad((x**3).sum(), x, create_graph=True)
        (h,) = cr.autograd.grad(g.sum(), x)
        return h

    traced = trace(curvature, (cr.tensor([1.0, 2.0]),))
    np.testing.assert_allclose(interpret(verify(traced.program), [np.float32([3.0, 5.0])])[0], [18.0, 30.0])


def test_the_program_stands_without_the_derivative_of_its_results():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    found = trace(lambda a: (a * a).sum(), (x,))
    verify(found.program)
    assert [e.op.name for e in found.program.equations] == ["mul", "sum"]
    assert interpret(found.program, [x.detach().numpy()])[0] == 5.0
    assert found.backward is not None
    joint = found.program.replaced(
        inputs=(*found.program.inputs, *found.backward.cotangents),
        equations=(*found.program.equations, *found.backward.equations),
        outputs=tuple(found.backward.gradients),
    )
    assert interpret(verify(joint), [x.detach().numpy(), np.float32(1.0)])[0].tolist() == [2.0, 4.0]


def test_draws_are_equations_with_the_generator():
    def noisy(x):
        return nn.functional.dropout(x, 0.5, True)

    cr.manual_seed(1)
    traced = trace(noisy, (cr.ones(8),))
    ops = [e.op.name for e in traced.program.equations]
    assert ops == ["dropout_mask", "mul"]
    after = cr.rand(3)
    cr.manual_seed(1)
    again = interpret(traced.program, [np.ones(8, np.float32)])[0]
    np.testing.assert_array_equal(again, traced.value.numpy())
    np.testing.assert_array_equal(cr.rand(3).numpy(), after.numpy())


kept = cr.tensor([1, 0, 2])  # tensors from outside, of which a step must not read the values
number = cr.tensor(2.0)

REFUSED = [
    (lambda x: x.sum().item(), "turn a tensor into a Python number or print it"),
    (lambda x: float(x.sum()), "turn a tensor into a Python number or print it"),
    (lambda x: print(x), "turn a tensor into a Python number or print it"),
    (lambda x: x if x.sum() > 0 else -x, "decide by the value of a tensor"),
    (lambda x: np.linalg.norm(x._a), "use np.norm on its tensors"),
    (lambda x: x._array().sum(), "use NumPy (sum) on its tensors"),
    (lambda x: x + cr.from_numpy(np.ones(3)), "make a tensor from NumPy's data"),
    (lambda x: x + cr.tensor(np.float32(2)), "make a tensor from NumPy's data"),
    (lambda x: x + cr.as_tensor([np.ones(3)]), "make a tensor from NumPy's data"),
    (lambda x: x + cr.frombuffer(bytearray(12), dtype=cr.float32), "make a tensor from NumPy's data"),
    (lambda x: x * number.item(), "turn a tensor into a Python number or print it"),
    (lambda x: x * float(number), "turn a tensor into a Python number or print it"),
    (lambda x: x * kept.tolist()[0], "turn a tensor into a Python number or print it"),
    (lambda x: x[: kept[0]], "turn a tensor into a Python number or print it"),
    (lambda x: x * (2 if 1 in kept else 3), "turn a tensor into a Python number or print it"),
    (lambda x: x * (2 if number else 3), "turn a tensor into a Python number or print it"),
    (lambda x: x * cr.full((3,), number), "turn a tensor into a Python number or print it"),
    (lambda x: x * cr.tensor([number, number, number]), "turn a tensor into a Python number or print it"),
    (lambda x: nn.functional.pad(x, (0, 1), value=number), "turn a tensor into a Python number or print it"),
    (lambda x: x * len(f"{number:.1f}"), "turn a tensor into a Python number or print it"),
    (lambda x: x[x > 0], "select by a mask: the shape of the result depends on values"),
    (lambda x: x[kept > 0], "select by a mask: the shape of the result depends on values"),
    (lambda x: x.masked_select(kept > 0), "select by a mask: the shape of the result depends on values"),
    (lambda x: x[None, kept > 0][0], "select by a mask: the shape of the result depends on values"),
    (lambda x: x.nonzero(), "find the elements that are not 0: the shape of the result depends on values"),
    (lambda x: kept.nonzero() * 1, "find the elements that are not 0"),
    (lambda x: cr.where(kept > 0)[0] * 1, "find the elements that are not 0"),
    (lambda x: x.repeat_interleave(kept), "repeat elements as often as a tensor says"),
    (lambda x: x.repeat_interleave((x > 0).long()), "repeat elements as often as a tensor says"),
    (
        lambda x: nn.utils.rnn.pack_padded_sequence(x[:, None, None], kept[:1]).data,
        "pack sequences of lengths that a tensor says",
    ),
    (lambda x: x * random.random(), "draw numbers from Python's `random`"),
    (lambda x: x * float(np.random.rand()), "draw numbers from `numpy.random`"),  # noqa: NPY002
]


@pytest.mark.parametrize(("function", "words"), REFUSED)
def test_what_needs_a_value_is_refused_with_the_line(function, words):
    x = cr.ones(3)
    with pytest.raises(TraceError) as caught:
        trace(function, (x,))
    assert f"a compiled step cannot {words}" in str(caught.value)
    assert "test_trace.py" in str(caught.value)
    assert type(x._a) is np.ndarray


def test_values_of_constants_may_be_asked_for():
    """What a step makes of numbers alone is the same at every run."""

    def function(x):
        mask = ~cr.eye(3).bool()
        size = cr.tensor([1, 2])
        part = x[size.tolist()[0] :].repeat_interleave(size)
        ones, squares = cr.ones(3).bool(), x.expand(3, 3) * x[:, None]
        chosen = squares[mask] + squares.masked_select(mask) + squares[:, ones].sum()
        return chosen + ones.nonzero().sum() + part[cr.tensor([0] * 6)]

    traced = trace(function, (cr.tensor([1.0, 2.0, 3.0]),))
    x = np.float32([4.0, 5.0, 6.0])
    want = function(cr.from_numpy(x)).numpy()
    np.testing.assert_array_equal(interpret(verify(traced.program), [x])[0], want)


@pytest.mark.parametrize("name", ["inv_ex", "cholesky_ex", "solve_ex"])
def test_a_matrix_that_cannot_be_factored_at_the_trace_is_refused(name):
    """Outside of a trace these functions report it; inside they did not know of later matrices."""
    function = getattr(cr.linalg, name)
    more = (cr.ones(3, 1),) if name == "solve_ex" else ()
    with pytest.raises(RuntimeError, match="could not be completed|the input matrix is singular"):
        trace(lambda x: function(x, *more)[0], (cr.zeros(3, 3),))
    assert not function(cr.zeros(3, 3), *more)[0].isfinite().all()


def test_a_tensor_that_is_kept_outside_refuses_to_be_used():
    kept = []
    trace(lambda x: kept.append(x * 2), (cr.ones(2),))
    with pytest.raises(TraceError, match="keep a tensor for later use outside of it"):
        kept[0] + 1


def test_a_step_that_changes_its_own_learning_rate_is_refused():
    step, _, batch = _training_step()

    def with_schedule(x, y, group={}):  # noqa: B006  (found by the closure below)
        loss = step(x, y)
        optimizer.param_groups[0]["lr"] = 0.5
        return loss

    cell = dict(zip(step.__code__.co_freevars, step.__closure__))
    optimizer = cell["opt"].cell_contents
    with pytest.raises(TraceError, match="changes its own setting 'lr'"):
        trace(with_schedule, batch)
