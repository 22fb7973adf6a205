"""Running an update rule on plain arrays: small parameters laid end to end, large ones block by block.

NOTE [Buckets] NumPy's cost is per call for small arrays and per pass through memory for large ones. So the
small parameters of a group share flat buffers and the rule runs once on those; `optimizer.state[p]` holds
tensors that are views of them. A large array goes through the rule in blocks whose temporaries stay in cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter, is_, itemgetter
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..types import default
from .rules.rule import Entry, Rule

SMALL = 16384  # elements: a larger parameter pays for its own calls
BLOCK = 131072  # elements in a block: NumPy reuses temporaries of 256 KiB and more

Array = np.ndarray[Any, Any]
array_of: Callable[[Any], Any] = attrgetter("_a")


class Bucket:
    """Parameters that one call of the rule updates: of one dtype and at one step count."""

    __slots__ = (
        "arrays",
        "buffers",
        "copies",
        "direct",
        "entries",
        "g",
        "numbers",
        "p",
        "params",
        "rule",
        "unset",
    )

    def __init__(
        self, rule: Rule, params: list[Tensor], state: Mapping[Any, Any], group: dict[str, Any]
    ) -> None:
        self.rule, self.params = rule, params
        self.arrays = [p._array() for p in params]
        first = self.arrays[0]
        self.direct = len(params) == 1 and (not rule.elementwise or first.flags.c_contiguous)
        self._lay_out(first)
        self.entries: list[tuple[str, list[Array]]] = []
        self.unset = any(
            e.start is None and is_kept(e, group) and state[params[0]].get(e.name) is None
            for e in rule.buffers
        )
        self.numbers = [self._number(entry, state, group) for entry in rule.numbers]
        self.buffers = [self._buffer(entry, state, group) for entry in rule.buffers]

    def _lay_out(self, first: Array) -> None:
        """Flat room for parameters and gradients, with a view per parameter."""
        if self.direct:
            self.p = _flat(first) if self.rule.elementwise else first
            return
        self.p, p_views = self._room()
        self.g, g_views = self._room()
        self.copies = list(zip(p_views, self.arrays, g_views, self.params))

    def _room(self) -> tuple[Array, list[Array]]:
        """A flat real buffer for all parameters, and its parts in their shapes."""
        kind = self.arrays[0].dtype
        flat = np.zeros(sum(a.size for a in self.arrays), kind)
        parts, start = [], 0
        for a in self.arrays:
            parts.append(flat[start : start + a.size].reshape(a.shape))
            start += a.size
        return _real(flat), parts

    def _number(self, entry: Entry, state: Mapping[Any, Any], group: dict[str, Any]) -> Array:
        flat = np.empty(len(self.params), default.dtype.np)
        self._adopt(entry, [flat[i : i + 1].reshape(()) for i in range(len(flat))], flat, state, group)
        return flat

    def _buffer(self, entry: Entry, state: Mapping[Any, Any], group: dict[str, Any]) -> Array | None:
        if not is_kept(entry, group):
            return None
        if entry.shape is not None:
            shape = entry.shape(self.arrays[0].shape)
            if shape is None:
                return None
            flat = np.empty(shape, self.arrays[0].dtype)
            self._adopt(entry, [flat], flat, state, group)
            return flat
        flat, parts = self._room()
        self._adopt(entry, parts, flat, state, group)
        return flat if self.rule.elementwise else parts[0]

    def _adopt(
        self, entry: Entry, parts: list[Array], flat: Array, state: Mapping[Any, Any], group: dict[str, Any]
    ) -> None:
        """Fill the parts from the state or with the start value, and make them the state's memory."""
        flat[...] = start_value(entry, group)
        for p, part in zip(self.params, parts):
            kept = state[p]
            tensor = kept.get(entry.name)
            if tensor is None:
                kept[entry.name] = Tensor._wrap(part)
                continue
            if tensor._a.shape != part.shape:
                raise RuntimeError(
                    f"optimizer state {entry.name!r} has shape {list(tensor._a.shape)}, but its parameter "
                    f"needs {list(part.shape)}. Clear optimizer.state[p] after replacing a parameter's data."
                )
            part[...] = tensor._a
            tensor._a = part
        self.entries.append((entry.name, parts))

    def current(self, state: Mapping[Any, Any]) -> bool:
        """Whether parameters and state still live in this bucket's memory, at one step count."""
        params = self.params
        if not all(map(is_, map(array_of, params), self.arrays)):
            return False
        kept = [state[p] for p in params] if self.entries else params
        for name, parts in self.entries:
            if not all(map(is_, map(array_of, map(itemgetter(name), kept)), parts)):
                return False
        for flat in self.numbers:
            values = flat.tolist()
            if values.count(values[0]) != len(values):
                return False
        return True

    def run(self, hyper: dict[str, Any]) -> None:
        """One step: the rule's results go into the parameters' own memory and into the state."""
        numbers = [flat.item(0) for flat in self.numbers]
        p = self.p
        if self.direct:
            g = self.params[0]._grad._a  # type: ignore[union-attr]
            g = _flat(g) if self.rule.elementwise else g
        else:
            g = self.g
            for p_view, a, g_view, t in self.copies:
                p_view[...] = a
                g_view[...] = t._grad._a  # type: ignore[union-attr]
        if p.size <= BLOCK or not self.rule.elementwise:
            found = self._update(hyper, p, g, numbers, self.buffers)
        else:
            found = self._blocks(hyper, p, g, numbers)
        for flat, value in zip(self.numbers, found):
            flat.fill(value)
        self.unset = False
        if not self.direct:
            for p_view, a, _, _ in self.copies:
                a[...] = p_view

    def _update(
        self, hyper: dict[str, Any], p: Array, g: Array, numbers: list[Any], buffers: Any
    ) -> tuple[Any, ...]:
        """The rule on (part of) the arrays, written back; the new numbers."""
        given = [None] * len(buffers) if self.unset else buffers
        new = self.rule.update(p, g, *numbers, *given, **hyper)
        p[...] = new[0]
        count = len(numbers)
        for buffer, value in zip(buffers, new[count + 1 :]):
            if buffer is not None:
                buffer[...] = value
        return new[1 : count + 1]

    def _blocks(self, hyper: dict[str, Any], p: Array, g: Array, numbers: list[Any]) -> tuple[Any, ...]:
        found: tuple[Any, ...] = ()
        for start in range(0, p.size, BLOCK):
            part = slice(start, start + BLOCK)
            buffers = [None if b is None else b[part] for b in self.buffers]
            found = self._update(hyper, p[part], g[part], numbers, buffers)
        return found


class Plan:
    """The buckets of a group's parameters that have a gradient, kept while nothing has moved."""

    __slots__ = ("buckets", "conditions", "hyper", "params", "rule", "settings")

    def __init__(
        self, rule: Rule, params: list[Tensor], state: Mapping[Any, Any], group: dict[str, Any]
    ) -> None:
        self.rule, self.params = rule, params
        self.conditions = _conditions(rule, group)
        self._read([group[key] for key in rule.hyper])
        together: dict[Any, list[Tensor]] = {}
        twice = len(set(params)) != len(params)
        for p in dict.fromkeys(params):
            together.setdefault(p if twice else _key(rule, p, state.get(p, {})), []).append(p)
        buckets = {key: Bucket(rule, members, state, group) for key, members in together.items()}
        self.buckets = [buckets[p] for p in params] if twice else list(buckets.values())

    def _read(self, settings: list[Any]) -> None:
        """Keep the settings as Python numbers, so that a tensor changed in place is seen to differ."""
        self.hyper = {key: _number(value) for key, value in zip(self.rule.hyper, settings)}
        self.settings = list(self.hyper.values())

    def fits(self, params: list[Tensor], state: Mapping[Any, Any], group: dict[str, Any]) -> bool:
        """Whether it can still be used, with the group's settings as they are: nothing else has changed."""
        if len(params) != len(self.params) or not all(map(is_, params, self.params)):
            return False
        settings = [group[key] for key in self.rule.hyper]
        if settings != self.settings:
            if self.conditions != _conditions(self.rule, group):
                return False
            self._read(settings)
        try:
            for bucket in self.buckets:
                if not bucket.current(state):
                    return False
        except (KeyError, AttributeError):  # an entry was removed, or replaced by something else
            return False
        return True

    def step(self) -> None:
        """Run the rule on every bucket."""
        for bucket in self.buckets:
            bucket.run(self.hyper)


def _number(value: Any) -> Any:
    """A setting without tensors."""
    if isinstance(value, (tuple, list)):
        return tuple([_number(v) for v in value])
    return value.item() if isinstance(value, Tensor) else value


def start_value(entry: Entry, group: dict[str, Any]) -> float:
    """What a state entry is before the first step."""
    start = entry.start
    return float(group[start]) if isinstance(start, str) else start or 0.0


def is_kept(entry: Entry, group: dict[str, Any]) -> bool:
    """Whether the group's settings call for this state entry."""
    return not entry.when or bool(group[entry.when])


def _conditions(rule: Rule, group: dict[str, Any]) -> list[bool]:
    return [bool(group[e.when]) for e in rule.buffers if e.when]


def _key(rule: Rule, p: Tensor, kept: dict[str, Any]) -> Any:
    """Parameters with equal keys may share a bucket."""
    if p._a.size > SMALL or not rule.elementwise:
        return id(p)
    numbers = tuple([float(kept[e.name]) if kept.get(e.name) is not None else None for e in rule.numbers])
    missing = tuple([kept.get(e.name) is None for e in rule.buffers if e.start is None])
    return p._a.dtype, numbers, missing


def _real(flat: Array) -> Array:
    """Complex numbers as twice as many real ones, which is how the rules treat them."""
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _flat(a: Any) -> Array:
    return _real(a.reshape(-1))
