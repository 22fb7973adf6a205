"""Derivatives of functions of tensors: vjp, jvp, jacobian, hessian, vhp, hvp (torch.autograd.functional)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .engine import grad
from .mode import set_grad

Tensors = tuple[Tensor, ...]


def _as_tuple(x: Any, name: str, function: str) -> tuple[Tensors, bool]:
    single = not isinstance(x, tuple)
    listed = (x,) if single else x
    for i, t in enumerate(listed):
        if not isinstance(t, Tensor):
            where = f"the {name} of {function}" if single else f"Tensor {i} of the {name} of {function}"
            raise TypeError(
                f"The {name} given to {function} must be either a Tensor or a tuple of Tensors "
                f"but {where} has type {type(t)}."
            )
    return listed, single


def _prepared(inputs: Tensors, create_graph: bool) -> Tensors:
    """Fresh tensors to differentiate by: connected to the caller's graph only if that is wanted."""
    if create_graph:
        return tuple(t.view_as(t) if t._node is not None else t.detach().requires_grad_() for t in inputs)
    return tuple(t.detach().requires_grad_() for t in inputs)


def _result(values: Any, single: bool, create_graph: bool) -> Any:
    if not create_graph:
        values = tuple(v.detach() for v in values)
    return values[0] if single else tuple(values)


def _gradients(outputs: Tensors, inputs: Tensors, vs: Any, create_graph: bool, strict: bool) -> Tensors:
    """Gradients, zeros where an input was not used (an error if strict)."""
    live = [
        (o, v)
        for o, v in zip(outputs, vs if vs is not None else (None,) * len(outputs))
        if o._node is not None
    ]
    if not live:
        if strict:
            raise RuntimeError(
                "The output of the user-provided function is independent of the inputs; strict=True."
            )
        return tuple(Tensor._wrap(np.zeros_like(t._a)) for t in inputs)
    outs, cots = zip(*live)
    weights = None if cots[0] is None else cots
    found = grad(outs, inputs, weights, retain_graph=True, create_graph=create_graph, allow_unused=True)
    for i, g in enumerate(found):
        if g is None and strict:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {i}; strict=True."
            )
    return tuple(Tensor._wrap(np.zeros_like(t._a)) if g is None else g for g, t in zip(found, inputs))


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """(func(inputs), vᵀJ): the cotangent v carried back through func.

    >>> import chainrule as cr
    >>> cr.autograd.functional.vjp(lambda x: x ** 2, cr.tensor([1.0, 2.0]), cr.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with set_grad(True):
        xs, single = _as_tuple(inputs, "inputs", "vjp")
        xs = _prepared(xs, create_graph)
        ys, single_out = _as_tuple(func(*xs), "outputs", "vjp")
        vs = _directions(v, ys, "vjp")
        found = _gradients(ys, xs, vs, create_graph, strict)
    return _result(ys, single_out, create_graph), _result(found, single, create_graph)


def _directions(v: Any, like: Tensors, function: str) -> Tensors:
    if v is None:
        if len(like) != 1 or like[0]._a.size != 1:
            raise RuntimeError(
                f"The vector v can only be None if the user-provided function returns a single Tensor with a single element: pass v to {function}()."  # noqa: E501
            )
        return (Tensor._wrap(np.ones_like(like[0]._array())),)
    vs, _ = _as_tuple(v, "v", function)
    if len(vs) != len(like):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}.")
    for i, (a, b) in enumerate(zip(vs, like)):
        if a._a.shape != b._a.shape:
            raise RuntimeError(f"v has invalid size: entry {i} should be {b.shape} but got {a.shape}.")
    return vs


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """(func(inputs), Jv), by differentiating the vjp once more (the double-backward trick)."""
    with set_grad(True):
        xs, single = _as_tuple(inputs, "inputs", "jvp")
        xs = _prepared(xs, create_graph)
        vs = _directions(v, xs, "jvp")
        ys, single_out = _as_tuple(func(*xs), "outputs", "jvp")
        dummies = tuple(Tensor._wrap(np.zeros_like(y._array()), True) for y in ys)
        pulled = _gradients(ys, xs, dummies, True, strict)
        found = _gradients(pulled, dummies, vs, create_graph, False)
    return _result(ys, single_out, create_graph), _result(found, single_out, create_graph)


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The matrix of all ∂yᵢ/∂xⱼ, shape y.shape + x.shape; nested tuples for several inputs or outputs.

    >>> import chainrule as cr
    >>> cr.autograd.functional.jacobian(lambda x: x ** 2, cr.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(f"Expected strategy to be either 'forward-mode' or 'reverse-mode', got {strategy!r}")
    with set_grad(True):
        xs, single = _as_tuple(inputs, "inputs", "jacobian")
        xs = _prepared(xs, create_graph)
        ys, single_out = _as_tuple(func(*xs), "outputs", "jacobian")
        rows = tuple(_jacobian_of(y, xs, create_graph, strict) for y in ys)
    if not create_graph:
        rows = tuple(tuple(j.detach() for j in row) for row in rows)
    if single:
        columns = tuple(row[0] for row in rows)
        return columns[0] if single_out else columns
    return rows[0] if single_out else rows


def _jacobian_of(y: Tensor, xs: Tensors, create_graph: bool, strict: bool) -> Tensors:
    from ..ops.movement import reshape, stack

    parts = []
    for k in range(y._a.size):
        v = np.zeros(y._a.shape, y._a.dtype)
        v.flat[k] = 1
        parts.append(_gradients((y,), xs, (Tensor._wrap(v),), create_graph, strict))
    if not parts:
        return tuple(Tensor._wrap(np.zeros(y._a.shape + x._a.shape, x._a.dtype)) for x in xs)
    return tuple(reshape(stack([p[i] for p in parts], 0), y._a.shape + x._a.shape) for i, x in enumerate(xs))


def _scalar_function(func: Callable[..., Any], name: str) -> Callable[..., Tensor]:
    def checked(*xs: Tensor) -> Tensor:
        y = func(*xs)
        if not isinstance(y, Tensor):
            raise TypeError(
                f"The outputs of the user-provided function given to {name} must be a Tensor, got {type(y)}"
            )
        if y._a.size != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single element, "
                f"got shape {tuple(y._a.shape)}"
            )
        return y.squeeze() if y._a.ndim else y

    return checked


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The matrix of second derivatives of a scalar function: the jacobian of its gradient."""
    checked = _scalar_function(func, "hessian")
    _, single = _as_tuple(inputs, "inputs", "hessian")

    def gradient(*xs: Tensor) -> Any:
        xs = tuple(x if x._node is not None else x.requires_grad_() for x in xs)
        found = _gradients((checked(*xs),), xs, None, True, strict)
        return found[0] if single else found

    return jacobian(gradient, inputs, create_graph=create_graph, strict=strict)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """(func(inputs), vᵀH): one more backward pass through the gradient, never the whole Hessian."""
    with set_grad(True):
        xs, single = _as_tuple(inputs, "inputs", "vhp")
        xs = _prepared(xs, create_graph)
        y = _scalar_function(func, "vhp")(*xs)
        first = _gradients((y,), xs, None, True, strict)
        found = _gradients(first, xs, _directions(v, xs, "vhp"), create_graph, False)
    return _result((y,), True, create_graph), _result(found, single, create_graph)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """(func(inputs), Hv); H is symmetric, so this is vhp."""
    return vhp(func, inputs, v, create_graph, strict)
