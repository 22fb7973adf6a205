"""Calling the user's hooks during a backward pass; hooks are recorded only under create_graph."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .mode import set_grad
from .tape import AccumulateGrad, Node


def as_tensor(g: Any) -> Tensor:
    return g if isinstance(g, Tensor) else Tensor._wrap(g)


def hooked(hooks: dict[int, Any], g: Any, create: bool) -> Any:
    """The cotangent after the tensor's hooks: each may return another."""
    for hook in list(hooks.values()):
        with set_grad(create):
            changed = hook(as_tensor(g))
        if changed is not None:
            g = _replaced(g, changed, hook, create)
    return g


def _replaced(g: Any, changed: Any, hook: Any, create: bool) -> Any:
    new = _unwrapped(changed, create)
    name = getattr(hook, "__name__", type(hook).__name__)
    if new.shape != g.shape:
        raise RuntimeError(
            f"hook '{name}' has changed the size of value (was {list(g.shape)} got {list(new.shape)}): "
            "return a gradient of the shape of the tensor, or None to leave it as it is"
        )
    if new.dtype != g.dtype:
        raise RuntimeError(f"hook '{name}' has changed the type of value (was {g.dtype} got {new.dtype})")
    return new


def before_node(node: Node, given: Any, create: bool) -> Any:
    """The cotangents of a node's outputs after its prehooks."""
    gs = _listed(given)
    for hook in list(node.more().node_prehooks.values()):
        with set_grad(create):
            changed = hook(gs)
        if changed is not None:
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != len(gs):
                raise RuntimeError(_wrong_number(hook, changed, gs))
            gs = changed
    values = [None if g is None else _unwrapped(g, create) for g in gs]
    return values if type(given) is list else values[0]


def after_node(node: Node, results: Any, given: Any, create: bool) -> Any:
    """The cotangents of a node's inputs after its hooks(grad_inputs, grad_outputs)."""
    ins = tuple(None if r is None else as_tensor(r) for r in results)
    outs = _listed(given)
    for hook in list(node.more().hooks.values()):
        with set_grad(create):
            changed = hook(ins, outs)
        if changed is not None:
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != len(ins):
                raise RuntimeError(_wrong_number(hook, changed, ins))
            ins = changed
    return [None if r is None else _unwrapped(r, create) for r in ins]


def after_accumulation(node: AccumulateGrad, leaf: Tensor) -> None:
    """Call the leaf's post-accumulate-grad hooks."""
    for hook in list((node.post_hooks or {}).values()):
        with set_grad(False):
            hook(leaf)


def _listed(given: Any) -> tuple[Tensor | None, ...]:
    return tuple(None if g is None else as_tensor(g) for g in (given if type(given) is list else [given]))


def _wrong_number(hook: Any, got: tuple[Any, ...], expected: tuple[Any, ...]) -> str:
    name = getattr(hook, "__name__", type(hook).__name__)
    return (
        f"hook '{name}' has returned an incorrect number of values "
        f"(got {len(got)}, but expected {len(expected)})"
    )


def _unwrapped(g: Any, create: bool) -> Any:
    if not isinstance(g, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(g).__name__}'")
    return g if create else g._a
