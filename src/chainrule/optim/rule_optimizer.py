"""Optimizers that are an update rule: step() runs it on plain arrays, or recorded to be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..autograd.mode import set_grad
from ..dispatch import where
from ..inplace import assign, old_value, require_writable, touch
from ..tensor import Tensor
from ..types import default
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
        if self.defaults.get("differentiable"):
            with set_grad(True):
                for group in self.param_groups:
                    self._step_recorded(group)
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

    def _step_recorded(self, group: dict[str, Any]) -> None:
        """The rule on tensors: the new parameters and state are recorded as functions of all that went in."""
        rule = self.rule
        hyper = {key: group[key] for key in rule.hyper}
        stateless = not rule.numbers and not any(is_kept(entry, group) for entry in rule.buffers)
        for p in group["params"]:
            if p._grad is None:
                continue
            kept = {} if stateless else self.state[p]
            numbers = [self._number(entry, kept, group) for entry in rule.numbers]
            buffers = [self._buffer(entry, p, kept, group) for entry in rule.buffers]
            require_writable(p)
            new = rule.update(old_value(p, True), p._grad, *[n.item() for n in numbers], *buffers, **hyper)
            assign(p, new[0], where())
            for number, value in zip(numbers, new[1:]):
                number._array()[...] = value.item() if isinstance(value, Tensor) else value
            for entry, value in zip(rule.buffers, new[len(numbers) + 1 :]):
                if value is not None:
                    kept[entry.name] = value

    def _number(self, entry: Entry, kept: dict[str, Any], group: dict[str, Any]) -> Tensor:
        if entry.name not in kept:
            kept[entry.name] = Tensor._wrap(np.array(start_value(entry, group), default.dtype.np))
        return kept[entry.name]

    def _buffer(self, entry: Entry, p: Tensor, kept: dict[str, Any], group: dict[str, Any]) -> Any:
        if not is_kept(entry, group):
            return None
        if kept.get(entry.name) is None and entry.start is not None:
            kept[entry.name] = Tensor._wrap(np.full_like(p._array(), start_value(entry, group)))
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
