"""What a trace takes for granted: the Python values that the traced function found on its way.

A trace holds only as long as names still stand for the same things. So the function is read for the names
it uses, through the functions it calls (reach.py): numbers and strings must stay equal, all else must stay
the same object; modules are checked attribute by attribute, once something about modules or optimizers has
changed (`_structure`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from operator import is_
from typing import Any

from .. import _structure
from .reach import ABSENT, SIMPLE, Reach


class Guards:
    """Everything that a trace of a function depends on besides its arguments and tensors."""

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> None:
        found = Reach((function, *_leaves((args, kwargs or {}))))
        self.bindings, self.lists, self.generators = found.bindings, found.lists, found.generators
        self.modules = [(part, list(_attributes(part))) for part in found.modules]
        self.count = _structure.count[0]

    def change(self) -> str:
        """What the function would find changed, in words; "" if it would find the same things again."""
        for b in self.bindings:
            if not b.holds():
                return b.words()
        for found, items in self.lists:
            if len(found) != len(items) or not all(map(is_, found, items)):
                return f"the items of a list of {len(items)}"
        if _structure.count[0] != self.count:
            for module, known in self.modules:
                for now, before in zip_longest(_attributes(module), known):
                    if now != before:
                        return f"{(now or before)[0]!r} of a {type(module).__name__}"
            self.count = _structure.count[0]
        return ""


def _leaves(value: Any) -> Iterator[Any]:
    """The ends of nested containers: what is in an argument may be other things at each call."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict):
        yield from _leaves(list(value.values()))
    else:
        yield value


def _attributes(module: Any) -> Iterator[tuple[Any, Any]]:
    """A module's simple attributes by value, all others by identity, hooks and children included."""
    for name, value in vars(module).items():
        if isinstance(value, SIMPLE):
            yield name, (type(value), value)
        elif isinstance(value, dict):
            yield name, tuple((k, id(v)) for k, v in value.items())
        elif isinstance(value, tuple) and all(isinstance(v, SIMPLE) for v in value):
            yield name, value
        else:
            yield name, id(value)


__all__ = ["ABSENT", "SIMPLE", "Guards"]
