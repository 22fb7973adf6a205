"""Backward hooks of a module: identities around its inputs and outputs see the gradients pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from ..autograd.tape import mode
from ..tensor import Tensor

Hook = Callable[..., Any]
_DOCS = "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook"  # noqa: E501


def _identity() -> Any:
    from ..autograd.function import Function  # here: most programs have no backward hooks

    global _IDENTITY
    if _IDENTITY is None:

        class BackwardHookFunction(Function):
            """The identity on several tensors, as one node of the tape."""

            @staticmethod
            def forward(ctx: Any, *args: Any) -> Any:
                ctx.mark_non_differentiable(*[a for a in args if not a.requires_grad])
                return tuple(a.view_as(a) for a in args)

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                return grads

        _IDENTITY = BackwardHookFunction
    return _IDENTITY


_IDENTITY: Any = None


def _pass_through(values: tuple[Any, ...], attach: Callable[[Any], None]) -> tuple[Any, list[int] | None]:
    """The values with their tensors sent through one identity node, and where the tensors are."""
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    if not mode.grad or not any(values[i].requires_grad for i in places):
        return values, None
    seen = _identity().apply(*[values[i] for i in places])
    seen = seen if isinstance(seen, tuple) else (seen,)
    attach(next(t.grad_fn for t in seen if t.grad_fn is not None))
    changed = list(values)
    for i, t in zip(places, seen):
        changed[i] = t
    kind: Any = type(values)
    return (tuple(changed) if kind is tuple else kind(*changed)), places


def _spread(places: Iterable[int], values: Iterable[Any], size: int) -> tuple[Any, ...]:
    """The values at their places, None elsewhere."""
    out: list[Any] = [None] * size
    for i, v in zip(places, values):
        out[i] = v
    return tuple(out)


class BackwardHook:
    """One call of a module whose full backward (pre-)hooks want its grad_input and grad_output."""

    def __init__(self, module: Any, hooks: list[Hook], pre_hooks: list[Hook]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.inputs: list[int] | None = None
        self.n_inputs = 0
        self.n_outputs = 0
        self.outputs: list[int] | None = None

    def on_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with the node behind them that calls the hooks."""
        self.n_inputs = len(args)
        args, self.inputs = _pass_through(args, lambda node: node.register_hook(self._at_inputs))
        return args

    def on_outputs(self, result: Any) -> Any:
        """The result, with the node before it that collects grad_output."""
        values = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(values)
        values, self.outputs = _pass_through(values, lambda node: node.register_hook(self._at_outputs))
        return values if isinstance(result, tuple) else values[0]

    def _at_inputs(self, grad_inputs: tuple[Any, ...], _: Any) -> Any:
        if self.grad_outputs is None:  # the gradient did not come through this module's outputs
            return None
        places = self.inputs or []
        grads = _spread(places, grad_inputs, self.n_inputs)
        for hook in self.hooks:
            out = hook(self.module, grads, self.grad_outputs)
            if out is None:
                continue
            if len(out) != len(grads):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(out)}, but expected "
                    f"{len(grads)}"
                )
            grads = out
        self.grad_outputs = None
        return tuple(grads[i] for i in places)

    def _at_outputs(self, _: Any, grad_outputs: tuple[Any, ...]) -> Any:
        places = self.outputs or []
        grads = _spread(places, grad_outputs, self.n_outputs)
        for hook in self.pre_hooks:
            out = hook(self.module, grads)
            if out is None:
                continue
            if len(out) != len(grads):
                raise RuntimeError(
                    f"Backward pre hook returned an invalid number of grad_output, got {len(out)}, but "
                    f"expected {len(grads)}"
                )
            grads = out
        self.grad_outputs = grads
        if self.inputs is None:
            self._without_inputs(grads)
        return tuple(grads[i] for i in places)

    def _without_inputs(self, grads: tuple[Any, ...]) -> None:
        """No input requires a gradient: the hooks are called here, with None for each."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since "
            f"no inputs require gradients. See {_DOCS} for more details.",
            stacklevel=5,
        )
        for hook in self.hooks:
            out = hook(self.module, (None,) * self.n_inputs, grads)
            if out is not None and not (isinstance(out, tuple) and all(g is None for g in out)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or "
                    "None for all gradients."
                )
        self.grad_outputs = None


# ----- the deprecated kind


def attach_to_grad_fn(module: Any, hooks: list[Hook], inputs: Any, result: Any) -> None:
    """Put the deprecated backward hooks on the node that made the (first) result."""
    first = result
    while not isinstance(first, Tensor):
        first = (
            next(v for v in first.values() if isinstance(v, Tensor)) if isinstance(first, dict) else first[0]
        )
    node = first.grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(lambda ins, outs, hook=hook: hook(module, ins, outs))
    missing = _what_is_missing(inputs, result, node)
    if missing:
        warnings.warn(missing, FutureWarning, stacklevel=5)


def _what_is_missing(inputs: Any, result: Any, node: Any) -> str:
    """Which gradients a hook on one node will not see; empty if it sees all."""
    results = result if isinstance(result, tuple) else (result,)
    full = "Please use register_full_backward_hook to get the documented behavior."
    if not all(isinstance(r, Tensor) for r in results):
        return (
            "Using non-full backward hooks on a Module that does not return a single Tensor or a tuple of "
            "Tensors is deprecated and will be removed in future versions. This hook will be missing some of "
            "the grad_output. " + full
        )
    if not all(isinstance(i, Tensor) for i in inputs):
        return (
            "Using non-full backward hooks on a Module that does not take as input a single Tensor or a "
            "tuple of Tensors is deprecated and will be removed in future versions. This hook will be "
            "missing some of the grad_input. " + full
        )
    made = {r.grad_fn for r in results if r.grad_fn is not None}
    if len(made) > 1:
        return (
            "Using a non-full backward hook when outputs are generated by different autograd Nodes is "
            "deprecated and will be removed in future versions. This hook will be missing some "
            "grad_output. " + full
        )
    before = {i.grad_fn for i in inputs if i.grad_fn is not None}
    if before != {n for n, _ in node.next_functions}:
        return (
            "Using a non-full backward hook when the forward contains multiple autograd Nodes is deprecated "
            "and will be removed in future versions. This hook will be missing some grad_input. " + full
        )
    return ""
