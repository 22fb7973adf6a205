"""Derivatives of functions: autograd.functional, func, gradcheck and anomaly mode."""

from __future__ import annotations

import linecache

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import (
    Function,
    detect_anomaly,
    functional,
    gradcheck,
    gradgradcheck,
    set_detect_anomaly,
)
from chainrule.autograd.anomaly import is_anomaly_enabled
from chainrule.autograd.check import GradcheckError

A = np.array([[1.0, 2.0, -1.0], [0.5, -3.0, 4.0]])
X = np.array([0.3, -0.7, 1.1])
V = np.array([1.0, -2.0])
U = np.array([0.5, 2.0, -1.0])


def t(array):
    return cr.tensor(np.asarray(array))


def close(found, expected):
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def f(x):
    """sin(A x): Jacobian diag(cos(A x)) A."""
    return (t(A) @ x).sin()


JACOBIAN = np.cos(A @ X)[:, None] * A


def cubic(x):
    """Σ x³ + (Σ x)²: gradient 3x² + 2Σx, Hessian diag(6x) + 2."""
    return (x**3).sum() + x.sum() ** 2


GRADIENT = 3 * X**2 + 2 * X.sum()
HESSIAN = np.diag(6 * X) + 2

# ----- autograd.functional


def test_vjp_and_jvp():
    y, g = functional.vjp(f, t(X), t(V))
    close(y, np.sin(A @ X))
    close(g, V @ JACOBIAN)
    y, out = functional.jvp(f, t(X), t(U))
    close(y, np.sin(A @ X))
    close(out, JACOBIAN @ U)
    assert not y.requires_grad
    assert not out.requires_grad


def test_jacobian_and_hessian():
    close(functional.jacobian(f, t(X)), JACOBIAN)
    close(functional.hessian(cubic, t(X)), HESSIAN)


def test_vhp_and_hvp():
    for product in (functional.vhp, functional.hvp):
        y, found = product(cubic, t(X), t(U))
        close(y, (X**3).sum() + X.sum() ** 2)
        close(found, HESSIAN @ U)


def test_several_inputs_and_outputs():
    def g(a, b):
        return a * b, a.sum()

    a, b = t([1.0, 2.0]), t([3.0, 4.0])
    ((aa, ab), (sa, sb)) = functional.jacobian(g, (a, b))
    close(aa, np.diag([3, 4]))
    close(ab, np.diag([1, 2]))
    close(sa, [1, 1])
    close(sb, [0, 0])
    ((haa, hab), (hba, hbb)) = functional.hessian(lambda a, b: (a * b**2).sum(), (a, b))
    close(haa, np.zeros((2, 2)))
    close(hab, np.diag([6, 8]))
    close(hba, np.diag([6, 8]))
    close(hbb, np.diag([2, 4]))


def test_create_graph_connects_the_derivative_to_the_inputs():
    x = t(X).requires_grad_()
    jacobian = functional.jacobian(lambda x: x**3, x, create_graph=True)
    jacobian.sum().backward()
    close(x.grad, 6 * X)


def test_an_independent_output_has_a_zero_jacobian_unless_strict():
    constant = lambda x: cr.ones(2, dtype=cr.float64)
    close(functional.jacobian(constant, t(X)), np.zeros((2, 3)))
    with pytest.raises(RuntimeError, match="independent of the inputs"):
        functional.jacobian(constant, t(X), strict=True)


def test_wrong_arguments_of_the_functionals():
    with pytest.raises(TypeError, match="must be either a Tensor or a tuple of Tensors"):
        functional.vjp(f, [1.0, 2.0])
    with pytest.raises(RuntimeError, match="can only be None if"):
        functional.vjp(f, t(X))
    with pytest.raises(RuntimeError, match="v has invalid size"):
        functional.vjp(f, t(X), t(U))
    with pytest.raises(RuntimeError, match="should contain a single element"):
        functional.hessian(f, t(X))


# ----- func


def test_func_grad():
    close(cr.func.grad(cubic)(t(X)), GRADIENT)
    g, value = cr.func.grad_and_value(cubic)(t(X))
    close(g, GRADIENT)
    close(value, (X**3).sum() + X.sum() ** 2)
    assert not g.requires_grad


def test_func_grad_nested_to_third_order():
    third = cr.func.grad(cr.func.grad(cr.func.grad(lambda x: x.sin())))
    close(third(t(0.4)), -np.cos(0.4))


def test_func_grad_of_chosen_arguments_and_with_aux():
    def g(a, b):
        return (a * b).sum(), "aux"

    (ga, gb), aux = cr.func.grad(g, argnums=(0, 1), has_aux=True)(t([1.0, 2.0]), t([3.0, 4.0]))
    close(ga, [3, 4])
    close(gb, [1, 2])
    assert aux == "aux"


def test_func_grad_of_nested_containers():
    g = cr.func.grad(lambda p: (p["w"] * 3).sum() + p["b"][0])({"w": t([1.0, 2.0]), "b": [t(5.0)]})
    close(g["w"], [3, 3])
    close(g["b"][0], 1)


def test_func_grad_keeps_the_graph_of_other_tensors():
    w = t(3.0).requires_grad_()
    cr.func.grad(lambda x: w * x**2)(t(2.0)).backward()
    close(w.grad, 4)


def test_func_grad_needs_a_scalar():
    with pytest.raises(RuntimeError, match="Expected f.*to return a scalar tensor, got tensor with 1 dims"):
        cr.func.grad(f)(t(X))


def test_func_vjp_jvp_and_jacobians():
    y, pull = cr.func.vjp(f, t(X))
    close(y, np.sin(A @ X))
    close(pull(t(V))[0], V @ JACOBIAN)
    close(pull(t(2 * V))[0], 2 * V @ JACOBIAN)
    close(cr.func.jvp(f, (t(X),), (t(U),))[1], JACOBIAN @ U)
    close(cr.func.jacrev(f)(t(X)), JACOBIAN)
    close(cr.func.jacfwd(f)(t(X)), JACOBIAN)
    close(cr.func.hessian(cubic)(t(X)), HESSIAN)


def test_vmap():
    rows = t(np.stack([X, 2 * X]))
    close(cr.func.vmap(f)(rows), np.sin(np.stack([A @ X, A @ (2 * X)])))
    close(cr.func.vmap(cr.func.grad(cubic))(rows)[0], GRADIENT)
    close(cr.func.vmap(cr.dot, in_dims=(0, None))(rows, t(U)), [X @ U, 2 * X @ U])
    close(cr.func.vmap(f, in_dims=1, out_dims=1)(rows.T), np.sin(np.stack([A @ X, A @ (2 * X)], 1)))
    with pytest.raises(ValueError, match="same size in the mapped dimension"):
        cr.func.vmap(cr.dot)(rows, t(U))


def test_functional_call_leaves_the_module_alone():
    layer = cr.nn.Linear(2, 1)
    before = layer.weight
    w = cr.ones(1, 2, requires_grad=True)
    y = cr.func.functional_call(layer, {"weight": w, "bias": cr.zeros(1)}, (cr.tensor([2.0, 3.0]),))
    assert y.item() == 5
    assert layer.weight is before
    y.backward()
    assert w.grad.tolist() == [[2, 3]]
    assert before.grad is None


# ----- gradcheck


class Wrong(Function):
    """x² with the derivative of x³."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0] ** 2


class Drifting(Function):
    """A backward that gives another number each time it runs."""

    runs = 0

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        Drifting.runs += 1
        return g * (2 + 1e-7 * Drifting.runs)


class Offset(Function):
    """Right for the cotangent 1, but not linear in it."""

    @staticmethod
    def forward(ctx, x):
        return x.sum()

    @staticmethod
    def backward(ctx, g):
        return cr.ones(2, dtype=cr.float64)


def double(*values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


def test_gradcheck_accepts_what_is_right():
    assert gradcheck(lambda x, y: (x * y, x.sin()), (double(0.5, 2.0), double(1.0, 3.0)))
    assert gradcheck(
        lambda x: x.T.contiguous() ** 2, double(1.0, 2.0).reshape(2, 1).detach().requires_grad_()
    )
    assert gradcheck(lambda x, n: x**n, (double(2.0), 3))


def test_gradcheck_shows_both_jacobians():
    with pytest.raises(GradcheckError) as error:
        gradcheck(Wrong.apply, (double(1.0, 2.0),))
    text = str(error.value)
    assert text.startswith("Jacobian mismatch for output 0 with respect to input 0,\nnumerical:")
    assert "analytical:[[ 3.  0.]\n [ 0. 12.]]" in text
    assert issubclass(GradcheckError, RuntimeError)
    assert gradcheck(Wrong.apply, (double(1.0, 2.0),), raise_exception=False) is False


def test_gradcheck_names_the_input_and_the_output():
    with pytest.raises(GradcheckError, match="output 1 with respect to input 1"):
        gradcheck(lambda a, b: (a * b, Wrong.apply(b)), (double(1.0), double(2.0)))


def test_gradcheck_finds_a_backward_that_is_not_reentrant():
    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(Drifting.apply, (double(1.0),))
    assert gradcheck(Drifting.apply, (double(1.0),), nondet_tol=1e-3)


def test_gradcheck_finds_a_backward_that_ignores_its_cotangent():
    with pytest.raises(GradcheckError, match="backward not multiplied by grad_output"):
        gradcheck(Offset.apply, (double(1.0, 2.0),))


def test_gradcheck_of_complex_functions():
    z = cr.tensor([1 + 2j, -0.5 + 0.3j], dtype=cr.complex128, requires_grad=True)
    assert gradcheck(lambda z: z**2 * z.exp(), (z,))
    assert gradcheck(lambda z: (z * z.conj()).real, (z,))  # not holomorphic
    assert gradcheck(lambda x: x * (2 + 1j), (double(1.0, 2.0),))
    with pytest.raises(GradcheckError):
        gradcheck(Wrong.apply, (z,))


def test_gradcheck_needs_a_double_that_requires_grad():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(cr.sin, (cr.ones(2),))
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precision"):
        gradcheck(cr.sin, (cr.ones(2, requires_grad=True),), raise_exception=False)


def test_gradcheck_leaves_the_inputs_as_they_were():
    x = double(1.0, 2.0)
    gradcheck(cr.sin, (x,))
    assert x.tolist() == [1, 2]
    assert x.grad is None


def test_gradgradcheck():
    assert gradgradcheck(lambda x, y: (x * y).sin(), (double(0.5, 2.0), double(1.0, 3.0)))

    class Stuck(Function):
        """The first derivative of x³ is right, but hidden from the second."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.saved_tensors[0].detach() ** 2

    assert gradcheck(Stuck.apply, (double(2.0),))
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradgradcheck(Stuck.apply, (double(2.0),))


# ----- anomaly mode

NAN = """x = torch.tensor([0.0, 4.0], requires_grad=True)
y = x.sqrt()
(y * torch.tensor([0.0, 1.0])).sum().backward()
"""


def test_anomaly_mode_names_the_forward_line():
    linecache.cache["nan.py"] = (len(NAN), None, NAN.splitlines(True), "nan.py")
    with detect_anomaly(), pytest.raises(RuntimeError) as error:
        exec(compile(NAN, "nan.py", "exec"), {"torch": cr, "__name__": "__main__"})
    assert str(error.value) == (
        "Function 'SqrtBackward0' returned nan values in its 0th output.\n"
        "  came:     a gradient of shape (2,) with 1 NaN of 2\n"
        "  expected: finite gradients\n"
        "  fix:      look at the forward line: nan.py:2: y = x.sqrt()"
    )


def test_without_anomaly_mode_the_nan_arrives():
    scope = {"torch": cr, "__name__": "__main__"}
    exec(NAN, scope)
    assert np.isnan(scope["x"].grad.numpy()).tolist() == [True, False]


def test_anomaly_mode_may_ignore_nan():
    with detect_anomaly(check_nan=False):
        exec(NAN, {"torch": cr, "__name__": "__main__"})


def test_anomaly_mode_is_switched_back():
    assert not is_anomaly_enabled()
    with pytest.raises(KeyError), detect_anomaly():
        assert is_anomaly_enabled()
        raise KeyError
    assert not is_anomaly_enabled()
    with set_detect_anomaly(True):
        assert is_anomaly_enabled()
    assert not is_anomaly_enabled()
    set_detect_anomaly(True)
    assert is_anomaly_enabled()
    set_detect_anomaly(False)
    assert not is_anomaly_enabled()
