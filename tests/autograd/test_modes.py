"""Grad mode: no_grad, enable_grad, set_grad_enabled and inference_mode, in every form PyTorch accepts."""

from __future__ import annotations

import pytest

import chainrule as cr


def recorded() -> bool:
    return (cr.ones(1, requires_grad=True) * 2).requires_grad


OFF = [
    cr.no_grad,
    cr.inference_mode,
    lambda: cr.set_grad_enabled(False),
    lambda: cr.set_grad_enabled(mode=False),
]


@pytest.fixture(autouse=True)
def unchanged():
    yield
    left, inference = cr.is_grad_enabled(), cr.is_inference_mode_enabled()
    cr.set_grad_enabled(True)
    assert left
    assert not inference


@pytest.mark.parametrize("off", OFF)
def test_as_a_context_manager(off):
    with off():
        assert not recorded()
        assert not cr.is_grad_enabled()
    assert recorded()


@pytest.mark.parametrize("off", OFF)
def test_an_exception_restores_the_mode(off):
    with pytest.raises(KeyError), off():
        raise KeyError
    assert recorded()


@pytest.mark.parametrize("off", [cr.no_grad, *OFF[2:]])
def test_enable_grad_inside(off):
    with off():
        with cr.enable_grad():
            assert recorded()
        assert not recorded()


@pytest.mark.parametrize("off", OFF)
def test_as_a_decorator(off):
    @off()
    def f(a, *, b):
        """Doc."""
        return recorded(), a, b

    assert recorded()
    assert f(1, b=2) == (False, 1, 2)
    assert f.__name__ == "f"
    assert f.__doc__ == "Doc."
    assert recorded()


@pytest.mark.parametrize("off", [cr.no_grad, cr.inference_mode])
def test_as_a_decorator_without_parentheses(off):
    @off
    def f():
        return recorded()

    assert f() is False
    assert recorded()


def test_enable_grad_as_a_decorator():
    @cr.enable_grad
    def f():
        return recorded()

    @cr.enable_grad()
    def g():
        return recorded()

    with cr.no_grad():
        assert f() is True
        assert g() is True
        assert not recorded()


def test_a_decorated_function_may_call_itself():
    @cr.no_grad()
    def f(n):
        return recorded() if n == 0 else f(n - 1) or recorded()

    assert f(3) is False
    assert recorded()


def test_a_decorated_generator_runs_in_its_mode_and_its_caller_does_not():
    log = []

    @cr.no_grad()
    def steps():
        try:
            got = yield recorded()
            log.append(got)
            try:
                yield recorded()
            except KeyError:
                log.append(recorded())
            yield recorded()
        finally:
            log.append(("closed", recorded()))

    g = steps()
    assert next(g) is False
    assert recorded()
    assert g.send("sent") is False
    assert g.throw(KeyError) is False
    assert recorded()
    g.close()
    assert log == ["sent", False, ("closed", False)]


def test_a_decorated_generator_returns_its_value():
    @cr.no_grad()
    def one():
        yield 1
        return "end"

    def outer():
        return (yield from one())

    g = outer()
    next(g)
    with pytest.raises(StopIteration) as stop:
        next(g)
    assert stop.value.value == "end"


@pytest.mark.filterwarnings("ignore:Decorating classes")
def test_a_decorated_class_is_made_in_the_mode():
    @cr.no_grad()
    class Model:
        def __init__(self):
            self.inside = recorded()

        def later(self):
            return recorded()

    model = Model()
    assert isinstance(model, Model)
    assert model.inside is False
    assert model.later() is True


def test_set_grad_enabled_switches_at_once():
    cr.set_grad_enabled(False)
    assert not recorded()
    cr.set_grad_enabled(True)
    assert recorded()


@pytest.mark.parametrize("wanted", [False, True])
def test_set_grad_enabled_as_a_context_manager(wanted):
    with cr.set_grad_enabled(wanted):
        assert recorded() is wanted
    assert recorded()


def test_decorating_with_set_grad_enabled_leaves_the_mode():
    @cr.set_grad_enabled(False)
    def f():
        return recorded()

    assert recorded()
    assert f() is False
    assert recorded()


def test_inference_mode():
    with cr.inference_mode():
        assert cr.is_inference_mode_enabled()
        with cr.inference_mode(False):
            assert not cr.is_inference_mode_enabled()
            assert recorded()
        assert cr.is_inference_mode_enabled()
        assert not recorded()
    with cr.inference_mode(mode=False):
        assert recorded()


def test_nothing_is_recorded_inside():
    x = cr.ones(2, requires_grad=True)
    with cr.no_grad():
        y = x * 2
        x.add_(1)  # a leaf may be changed in place here
        assert y.grad_fn is None
        assert y.is_leaf
    assert x.is_leaf
    assert x.requires_grad
    assert x.tolist() == [2, 2]


def test_leaves_made_inside_still_ask_for_gradients():
    with cr.no_grad():
        w = cr.ones(2, requires_grad=True)
    (w * 3).sum().backward()
    assert w.grad.tolist() == [3, 3]


def test_backward_works_inside():
    x = cr.ones(2, requires_grad=True)
    y = (x**2).sum()
    with cr.no_grad():
        y.backward(create_graph=True)
    assert x.grad.requires_grad
    with cr.no_grad():
        assert not cr.is_grad_enabled()


def test_values_changed_inside_are_still_seen_by_backward():
    x = cr.ones(2, requires_grad=True)
    y = x**2
    with cr.no_grad():
        x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
