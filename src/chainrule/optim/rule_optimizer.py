"""Optimizers that are an update rule: step() runs it on plain arrays, or recorded to be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..autograd.mode import set_grad
from ..autograd.tape import clock
from ..dispatch import cast, where
from ..inplace import assign, old_value, require_writable, touch
from ..tensor import Tensor
from ..types import default, float64
from .buckets import Plan, is_kept, start_value
from .optimizer import Optimizer
from .rules.rule import Entry, Rule


class RuleOptimizer(Optimizer):
    """Base of the optimizers whose step is one update rule on every parameter."""

    rule: ClassVar[Rule]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; `closure` first recomputes the loss to return."""
        loss = None
        if closure is not None:
            with set_grad(True):
                loss = closure()
        traced = clock.tracing()
        if traced or self.defaults.get("differentiable"):
            with set_grad(not traced):
                for group in self.param_groups:
                    self._step_recorded(group, clock.tracer if traced else None)
            return loss
        plans = self.__dict__.setdefault("_plans", {})
        rule, state, spot = self.rule, self.state, where()
        for i, group in enumerate(self.param_groups):
            params = [p for p in group["params"] if p._grad is not None]
            if not params:
                continue
            plan = plans.get(i)
            if plan is None or not plan.fits(params, state, group):
                self._check_gradients(params)
                plans[i] = plan = Plan(rule, params, state, group)
            plan.step()
            for p in params:
                touch(p, spot)
        return loss

    def _check_gradients(self, params: list[Tensor]) -> None:
        """Refuse what the rule cannot be applied to; called when the set of gradients has changed."""

    def _step_recorded(self, group: dict[str, Any], tracer: Any) -> None:
        """The rule on tensors: the new parameters and state are recorded as functions of all that went in.

        In a trace the state's memory stays the same and takes the new values, and hyper-parameters are
        variables where the rule allows it.
        """
        rule = self.rule
        read = group.get if tracer is None else _reader(tracer, rule, group)
        if tracer is not None:
            tracer.found_in(self.__dict__)
            tracer.found_in(group)
        hyper = {key: read(key) for key in rule.hyper}
        stateless = not rule.numbers and not any(is_kept(entry, group) for entry in rule.buffers)
        for p in group["params"]:
            if p._grad is None:
                continue
            kept = {} if stateless else self.state[p]
            numbers = [self._number(entry, kept, group) for entry in rule.numbers]
            buffers = [self._buffer(entry, p, kept, group) for entry in rule.buffers]
            if tracer is not None:
                tracer.found_in(kept)
            require_writable(p)
            given = [n.item() if tracer is None else cast(n, float64) for n in numbers]
            new = rule.update(old_value(p, True), p._grad, *given, *buffers, **hyper)
            assign(p, new[0], where())
            for number, value in zip(numbers, new[1:]):
                if tracer is not None:
                    assign(number, cast(value, number.dtype), where())
                    continue
                number._array()[...] = value.item() if isinstance(value, Tensor) else value
            for entry, buffer, value in zip(rule.buffers, buffers, new[len(numbers) + 1 :]):
                if value is None:
                    continue
                if tracer is not None and buffer is not None:
                    assign(buffer, value, where())
                    continue
                kept[entry.name] = value
                if tracer is not None:
                    tracer.first_time(value)

    def _number(self, entry: Entry, kept: dict[str, Any], group: dict[str, Any]) -> Tensor:
        if entry.name not in kept:
            kept[entry.name] = _state(np.array(start_value(entry, group), default.dtype.np))
        return kept[entry.name]

    def _buffer(self, entry: Entry, p: Tensor, kept: dict[str, Any], group: dict[str, Any]) -> Any:
        if not is_kept(entry, group):
            return None
        if kept.get(entry.name) is None and entry.start is not None:
            a = p._array()
            kept[entry.name] = _state(np.full(a.shape, start_value(entry, group), a.dtype))
        return kept.get(entry.name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.pop("_plans", None)
        for group in self.param_groups:
            for p in group["params"]:
                kept = self.state.get(p, {})
                for entry in self.rule.numbers:  # older releases kept Python numbers
                    value = kept.get(entry.name)
                    if value is not None and not isinstance(value, Tensor):
                        kept[entry.name] = Tensor._wrap(np.array(float(value), default.dtype.np))


def _state(array: Any) -> Tensor:
    """A new entry of the state; a trace takes it for one that was there before the step."""
    t = Tensor._wrap(array)
    if clock.tracer is not None:
        clock.tracer.outlives(array)
    return t


def _reader(tracer: Any, rule: Rule, group: dict[str, Any]) -> Callable[[str], Any]:
    """How a trace reads hyper-parameters: those of elementwise rules may change without a new trace."""
    return lambda key: tracer.number(group, key) if rule.elementwise else tracer.setting(group, key)
