"""An optimizer's state as a dict with numbers in the place of parameters, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ..tensor import Tensor
from ..types import FLOAT, float32

if TYPE_CHECKING:
    from .optimizer import Optimizer


def state_dict(optimizer: Optimizer) -> dict[str, Any]:
    """{"state": {number: entries}, "param_groups": [settings with the numbers as "params"]}."""
    for hook in optimizer._optimizer_state_dict_pre_hooks.values():
        hook(optimizer)
    numbers: dict[Any, int] = {}
    groups, start = [], 0
    for group in optimizer.param_groups:
        packed = {key: value for key, value in group.items() if key != "params"}
        for i, p in enumerate(group["params"], start):
            numbers.setdefault(p, i)
        packed["params"] = [numbers[p] for p in group["params"]]
        start += len(group["params"])
        groups.append(packed)
    state = {numbers[k] if isinstance(k, Tensor) else k: v for k, v in optimizer.state.items()}
    made = {"state": state, "param_groups": groups}
    for hook in optimizer._optimizer_state_dict_post_hooks.values():
        changed = hook(optimizer, made)
        if changed is not None:
            made = changed
    return made


def load_state_dict(optimizer: Optimizer, given: dict[str, Any]) -> None:
    """Check that the groups match, then take up copies of settings and state."""
    given = given.copy()
    for hook in optimizer._optimizer_load_state_dict_pre_hooks.values():
        changed = hook(optimizer, given)
        if changed is not None:
            given = changed
    groups, loaded = optimizer.param_groups, deepcopy(given["param_groups"])
    if len(groups) != len(loaded):
        raise ValueError("loaded state dict has a different number of parameter groups")
    if any(len(g["params"]) != len(l["params"]) for g, l in zip(groups, loaded)):
        raise ValueError(
            "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
        )
    owner = {
        number: (p, new)
        for group, new in zip(groups, loaded)
        for number, p in zip(new["params"], group["params"])
    }
    state: defaultdict[Any, Any] = defaultdict(dict)
    for key, value in given["state"].items():
        if key in owner:
            p, group = owner[key]
            state[p] = _taken_up(value, p, group, None)
        else:
            state[key] = value
    for group, new in zip(groups, loaded):
        new["params"] = group["params"]
        if "param_names" in group:
            new.setdefault("param_names", group["param_names"])
    optimizer.__setstate__({"state": state, "param_groups": loaded})
    for hook in optimizer._optimizer_load_state_dict_post_hooks.values():
        hook(optimizer)


def _taken_up(value: Any, p: Tensor, group: dict[str, Any], key: object) -> Any:
    """A copy of saved state, its tensors in the dtype of their parameter; "step" keeps its own."""
    if isinstance(value, Tensor):
        array = value._array()
        if key == "step":
            kind = float32.np if group.get("capturable") or group.get("fused") else array.dtype
        else:
            kind = p._a.dtype if p.dtype.category >= FLOAT and p._a.dtype.kind != "c" else array.dtype
        return Tensor._wrap(array.astype(kind))
    if isinstance(value, Mapping):
        return {k: _taken_up(v, p, group, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_taken_up(v, p, group, None) for v in value)
    return value
