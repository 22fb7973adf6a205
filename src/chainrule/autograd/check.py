"""Checking a gradient against numbers: gradcheck and gradgradcheck."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .engine import grad
from .mode import set_grad


class GradcheckError(RuntimeError):
    """The analytical and the numerical gradient differ."""


def gradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False, check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False, check_forward_ad: bool = False,
    check_backward_ad: bool = True, fast_mode: bool = False, masked: bool | None = None,
) -> bool:  # fmt: skip
    """Compare the Jacobian from the tape with central differences (f(x+ε) - f(x-ε)) / 2ε, entry by entry.

    Raises GradcheckError with both Jacobians, or returns False if raise_exception is False. Inputs should be
    float64.

    >>> import chainrule as cr
    >>> cr.autograd.gradcheck(lambda x: x ** 3, (cr.ones(2, dtype=cr.float64, requires_grad=True),))
    True
    """
    try:
        _check(func, inputs if isinstance(inputs, (tuple, list)) else (inputs,), eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(
    func: Callable[..., Any], inputs: Any, eps: float, atol: float, rtol: float, nondet: float
) -> None:
    wanted = [t for t in inputs if isinstance(t, Tensor) and t._node is not None]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for i, t in enumerate(inputs):
        if isinstance(t, Tensor) and t._node is not None and t._a.dtype.itemsize < 8:
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. "
                "This check will likely fail if all the "
                "inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
    outputs = _outputs(func, inputs)
    for j, y in enumerate(outputs):
        for i, x in enumerate(wanted):
            exact = _analytical(func, inputs, j, x)
            if np.abs(exact - _analytical(func, inputs, j, x)).max(initial=0) > nondet:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output "
                    f"multiple times gives different values: output {j}, input {i}. "
                    f"The tolerance for nondeterminism was {nondet}."
                )
            numeric = _numerical(func, inputs, j, x, eps)
            if not np.allclose(exact, numeric, rtol=rtol, atol=atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {j} with respect to input {i},\nnumerical:{numeric}\n"
                    f"analytical:{exact}\n"
                )
        if y._node is not None:
            _check_zero(y, wanted)


def _outputs(func: Callable[..., Any], inputs: Any) -> list[Tensor]:
    with set_grad(True):
        y = func(*inputs)
    listed = y if isinstance(y, (tuple, list)) else [y]
    return [t for t in listed if isinstance(t, Tensor) and t._a.dtype.kind in "fcV"]


def _reals(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The entries in one row; a complex one as its real and its imaginary part."""
    flat = np.ascontiguousarray(a).reshape(-1)
    return flat.view(flat.real.dtype)


def _directions(a: np.ndarray[Any, Any]) -> tuple[complex, ...]:
    return (1, 1j) if a.dtype.kind == "c" else (1,)


def _analytical(func: Callable[..., Any], inputs: Any, j: int, x: Tensor) -> np.ndarray[Any, Any]:
    """Rows of xᵢ, columns of yⱼ, as PyTorch prints them; of the real and imaginary parts if complex."""
    y = _outputs(func, inputs)[j]
    jacobian = np.zeros((_reals(x._a).size, _reals(y._a).size), _reals(x._a).dtype)
    if y._node is None:
        return jacobian
    directions = _directions(y._a)
    for column in range(jacobian.shape[1]):
        k, part = divmod(column, len(directions))
        v = np.zeros(y._a.shape, y._a.dtype)
        v.flat[k] = directions[part]
        (g,) = grad(y, x, Tensor._wrap(v), retain_graph=True, allow_unused=True)
        if g is not None:
            if g._a.shape != x._a.shape:
                raise GradcheckError(f"grad has shape {tuple(g._a.shape)}, its input {tuple(x._a.shape)}")
            jacobian[:, column] = _reals(g._a)
    return jacobian


def _numerical(func: Callable[..., Any], inputs: Any, j: int, x: Tensor, eps: float) -> np.ndarray[Any, Any]:
    a = x._array()
    rows = []
    for k in range(a.size):
        at = np.unravel_index(k, a.shape)
        old = a[at]
        for direction in _directions(a):
            a[at] = old + eps * direction
            high = _reals(_outputs(func, inputs)[j]._a).copy()
            a[at] = old - eps * direction
            low = _reals(_outputs(func, inputs)[j]._a).copy()
            a[at] = old
            rows.append((high - low) / (2 * eps))
    return np.array(rows).reshape(len(rows), -1)


def _check_zero(y: Tensor, wanted: list[Tensor]) -> None:
    found = grad(y, wanted, Tensor._wrap(np.zeros_like(y._array())), retain_graph=True, allow_unused=True)
    for g in found:
        if g is not None and np.any(g._a != 0):
            raise GradcheckError("backward not multiplied by grad_output")


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True,
    nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
    check_batched_grad: bool = False, check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True,
    fast_mode: bool = False, masked: bool = False,
) -> bool:  # fmt: skip
    """gradcheck of the gradient itself: the second derivatives, by inputs and by cotangents."""
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    outputs = _outputs(func, given)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        vs = tuple(Tensor._wrap(rng.uniform(0.5, 1.5, y._a.shape).astype(y._a.dtype), True) for y in outputs)
    else:
        vs = tuple(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else (grad_outputs,)
    count = len(vs)

    def gradient(*args: Any) -> Any:
        xs, cotangents = args[:-count], args[-count:]
        targets = [x for x in xs if isinstance(x, Tensor) and x._node is not None]
        found = grad(_outputs(func, xs), targets, cotangents, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(gradient, (*given, *vs), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
                     nondet_tol=nondet_tol)  # fmt: skip
