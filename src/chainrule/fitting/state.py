"""The whole state of a run: copied, put back in place, compared in structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..inplace import touch
from ..optim.buckets import start_value
from ..optim.rule_optimizer import RuleOptimizer
from ..random import Generator, default_generator
from ..tensor import Tensor
from .problem import problem

__all__ = ["RunState"]

State = dict[str, Any]


class RunState:
    """What a training step reads and writes: parameters, buffers, optimizer, scheduler and generators.

    NOTE [In place] Compiled code knows tensors by their memory. Values are therefore written into the tensors
    that are there, and new ones are made only where the optimizer has no state yet, or another one.
    """

    def __init__(
        self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], optimizer: Any,
        scheduler: Any, generator: Generator | None,
    ) -> None:  # fmt: skip
        self.parameters, self.tensors = dict(parameters), {**parameters, **buffers}
        self.optimizer, self.scheduler = optimizer, scheduler
        self.generator = default_generator if generator is None else generator

    # ----- parameters and buffers alone

    def values(self) -> State:
        """Copies of all parameters and buffers by name."""
        return {name: np.array(t._array()) for name, t in self.tensors.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Write these into parameters and buffers."""
        for name, t in self.tensors.items():
            _write(t, values[name])
            if t.is_leaf:
                t.grad = None

    # ----- generators

    def draws(self) -> State:
        """The states of the default generator and of the run's own."""
        default = default_generator.get_state()
        own = default if self.generator is default_generator else self.generator.get_state()
        return {"default": default, "own": own}

    def set_draws(self, draws: Mapping[str, Any]) -> None:
        """Put both generators back."""
        self.generator.set_state(draws["own"])
        default_generator.set_state(draws["default"])

    # ----- everything

    def copy(self) -> State:
        """A copy of everything; nothing in it changes later."""
        scheduler = None if self.scheduler is None else _copied(self.scheduler.state_dict())
        return {
            "values": self.values(),
            "optimizer": _copied(self.optimizer.state_dict()),
            "scheduler": scheduler,
            "draws": self.draws(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put a copy back: in place where the optimizer has the same state tensors."""
        self.set_values(state["values"])
        saved = state["optimizer"]
        if not self._refilled(saved):
            self.optimizer.load_state_dict(saved)
        if self.scheduler is not None:
            self.scheduler.load_state_dict(_copied(state["scheduler"]))
        self.set_draws(state["draws"])

    def structure(self) -> list[Any]:
        """What a first step adds to: which entries the optimizer keeps for which parameter."""
        return _structure(self.optimizer.state_dict())

    def start_over(self, state: Mapping[str, Any]) -> None:
        """Go back to a copy from before the first step, but keep the optimizer's tensors: NOTE [In place]."""
        now = _copied(self.optimizer.state_dict())
        self.restore({**state, "optimizer": {**now, "param_groups": state["optimizer"]["param_groups"]}})
        before = state["optimizer"]["state"]
        if _structure(state["optimizer"]) == self.structure():
            self._refilled(state["optimizer"])
        elif isinstance(self.optimizer, RuleOptimizer) and not before:
            entries = (*self.optimizer.rule.numbers, *self.optimizer.rule.buffers)
            for group in self.optimizer.param_groups:
                for p in group["params"]:
                    kept = self.optimizer.state.get(p, {})
                    for entry in entries:
                        if isinstance(kept.get(entry.name), Tensor):
                            fresh = 0.0 if entry.start is None else start_value(entry, group)
                            _write(kept[entry.name], fresh)
        else:
            self.optimizer.load_state_dict(state["optimizer"])

    def _refilled(self, saved: Mapping[str, Any]) -> bool:
        """Whether the optimizer could take the saved state up in the tensors it has."""
        now = self.optimizer.state_dict()
        if _structure(now) != _structure(saved):
            return False
        for group, old in zip(self.optimizer.param_groups, saved["param_groups"]):
            for key, value in old.items():
                if key != "params" and group.get(key) != value:
                    group[key] = value
        for number, entries in saved["state"].items():
            for name, value in entries.items():
                if isinstance(value, Tensor):
                    _write(now["state"][number][name], value._array())
                else:
                    now["state"][number][name] = _copied(value)  # the very dict that the optimizer reads
        return True

    def check(self, state: Mapping[str, Any], name: str) -> None:
        """Refuse the values of other tensors: InputError that names the first."""
        values = state["values"]
        for key, t in self.tensors.items():
            a, b = t._array(), values.get(key)
            if not isinstance(b, np.ndarray) or (a.shape, a.dtype) != (b.shape, b.dtype):
                came = "nothing" if b is None else f"{b.dtype} {b.shape}"
                raise problem(
                    f"{name} is of another model: {key!r} does not fit",
                    came=came,
                    expected=f"{a.dtype} {a.shape}",
                    fix="go on with the same network and options, or start anew without --resume",
                )


def _write(t: Tensor, value: Any) -> None:
    t._array()[...] = value
    touch(t, None)


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Tensor._wrap(np.array(value._array()))
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(v) for v in value)
    return value


def _structure(state: Mapping[str, Any]) -> list[Any]:
    def kind(value: Any) -> Any:
        if isinstance(value, Tensor):
            return tuple(value.shape), value._array().dtype.str
        return type(value).__name__

    entries: Callable[[Any], Any] = lambda kept: sorted((k, kind(v)) for k, v in kept.items())
    return [
        [g["params"] for g in state["param_groups"]],
        *((number, entries(kept)) for number, kept in sorted(state["state"].items())),
    ]
