"""from_tape(): the backward pass of a tape as a program, which computes the tape's gradients."""

from __future__ import annotations

import numpy as np
import pytest
from tests.program.derivatives import gradients_on_tape, like, outputs_on_tape, same, tensor
from tests.program.functions import FUNCTIONS, V, X
from tests.program.programs import names

import chainrule as cr
from chainrule.program import from_tape, interpret, trace, verify


def taped(name):
    """The outputs of a function that have a gradient, its leaves, and cotangents."""
    function, *inputs = FUNCTIONS[name]
    leaves = [tensor(a, True) for a in inputs]
    outputs = [t for t in outputs_on_tape(function, leaves, []) if t.requires_grad]
    return outputs, [t for t in leaves if t.requires_grad], like([t._array() for t in outputs], 1)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "no output that matters"])
def test_the_program_gives_the_gradients_of_the_tape(name):
    outputs, leaves, cotangents = taped(name)
    program = verify(from_tape(outputs, leaves))
    assert [v.shape for v in program.inputs] == [v.shape for v in cotangents]
    got = interpret(program, cotangents)
    assert all(type(t._array()) is np.ndarray for t in [*outputs, *leaves])
    same(got, gradients_on_tape(outputs, leaves, map(tensor, cotangents)))


def test_the_tape_stays_as_it_is():
    (y,), leaves, (v,) = taped("attention")
    first = from_tape([y], leaves)
    second = from_tape([y], leaves)
    same(interpret(first, [v]), map(tensor, interpret(second, [v])))
    y.backward(tensor(v))
    same(interpret(first, [v]), [t.grad for t in leaves])


def test_what_was_saved_is_in_the_program_whatever_becomes_of_the_tensors():
    x = tensor(X, True)
    program = from_tape((x * x).sum(), x)
    with cr.no_grad():
        x.zero_()
    np.testing.assert_allclose(interpret(program, [np.array(1.0)])[0], 2 * X)


def test_one_drawing_stays_the_same_at_every_run():
    cr.manual_seed(0)
    x = tensor(X, True)
    y = cr.nn.functional.dropout(x, 0.5)
    program = verify(from_tape(y, x))
    assert names(program) == ["mul"]
    np.testing.assert_allclose(interpret(program, [X])[0], y.detach().numpy())


class Cube(cr.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


def test_rules_and_hooks_of_the_user_are_part_of_the_program():
    x = tensor(X, True)
    y = Cube.apply(x)
    y.register_hook(lambda g: g * 10)
    program = verify(from_tape(y, x))
    assert [v.type for v in program.inputs] == ["f64[3,4]"]
    assert type(x._a) is np.ndarray
    with cr.no_grad():
        x.zero_()
    np.testing.assert_allclose(interpret(program, [np.ones_like(X)])[0], 30 * X**2)


def test_a_rule_that_returns_its_own_numbers():
    class Ones(Cube):
        @staticmethod
        def backward(ctx, g):
            return cr.ones(3, 4, dtype=cr.float64)

    x = tensor(X, True)
    program = verify(from_tape(Ones.apply(x), x))
    np.testing.assert_array_equal(interpret(program, [X])[0], np.ones_like(X))


def test_gradients_by_a_value_in_the_middle_and_by_what_does_not_matter():
    x, unused = tensor(X, True), tensor(V, True)
    y = x * 2
    by_y, by_unused = interpret(verify(from_tape([(y * y).sum()], [y, unused])), [np.array(1.0)])
    np.testing.assert_allclose(by_y, 4 * X)
    np.testing.assert_array_equal(by_unused, np.zeros(4))


# ----- what is refused


def used_up():
    x = tensor(X, True)
    y = (x * x).sum()
    y.backward()
    from_tape(y, x)


def changed():
    x = tensor(X, True)
    y = x * 2
    z = y * y
    with cr.no_grad():
        y.add_(1)
    from_tape(z, x)


def by_numpy():
    class Double(Cube):
        @staticmethod
        def backward(ctx, g):
            return cr.from_numpy(g.numpy() * 2)

    x = tensor(X, True)
    from_tape(Double.apply(x), x)


REFUSED = {
    "used up": (used_up, "Trying to backward through the graph a second time", "came:     MulBackward0, "),
    "an input that is not on it": (
        lambda: from_tape(tensor(X, True).sum(), tensor(V)),
        "One of the differentiated Tensors does not require grad",
        "came:     a tensor of shape (4,) with requires_grad=False",
    ),
    "an output that is not on it": (
        lambda: from_tape(tensor(X), tensor(V, True)),
        "element 0 of tensors does not require grad and does not have a grad_fn",
        "came:     a tensor of shape (3, 4), computed only from tensors with requires_grad=False",
    ),
    "changed": (changed, "modified by an inplace operation", "came:     a value that MulBackward0 saved at"),
    "by NumPy": (by_numpy, "use NumPy on its tensors", "test_from_tape.py"),
    "inside a trace": (
        lambda: trace(lambda x: from_tape(x * 2, x), (tensor(X, True),)),
        "from_tape() cannot be called inside a trace, which records backward() itself",
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_came(name):
    call, happened, came = REFUSED[name]
    with pytest.raises(RuntimeError) as caught:
        call()
    assert happened in str(caught.value)
    assert came in str(caught.value)
    assert trace(lambda x: x * 2, (tensor(X),)).program.equations, "the trace before has come to its end"


def test_other_things_than_tensors_are_refused():
    with pytest.raises(
        TypeError, match="expected Tensor or a sequence of Tensors, but got an element of type float"
    ):
        from_tape([3.0], tensor(X, True))
