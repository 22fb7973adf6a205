"""Whether a traced function drew numbers that its program could not draw again."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from .traced import refuse

FIX = "draw with chainrule's rand, randn, randint …, or before the step, and pass the number as an argument"


class State(NamedTuple):
    """A random generator as it was: what it is called, and what it would draw next."""

    name: str
    generator: Any
    state: Any


def is_generator(value: Any) -> bool:
    """Whether it draws random numbers that no program can draw again."""
    python, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    if python is not None and isinstance(value, python.Random):
        return not isinstance(value, python.SystemRandom)
    return numpy is not None and isinstance(value, (numpy.Generator, numpy.RandomState, numpy.BitGenerator))


def random_states(generators: Iterable[Any] = ()) -> list[State]:
    """The states of the global generators of Python and NumPy, of those that are loaded, and of others.

    >>> import random
    >>> before = random_states()
    >>> refuse_draws(before)
    >>> _ = random.random()
    >>> refuse_draws(before)
    Traceback (most recent call last):
    chainrule.program.traced.TraceError: a compiled step cannot draw numbers from Python's `random`
    ...
    """
    states = []
    python, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    if python is not None:
        states.append(State("Python's `random`", python, _state(python)))
    if numpy is not None:
        states.append(State("`numpy.random`", numpy, _state(numpy)))
    for g in generators:
        kind = type(g)
        home = "numpy.random" if kind.__module__.startswith("numpy.random") else kind.__module__
        states.append(State(f"a `{home}.{kind.__name__}`", g, _state(g)))
    return states


def _state(generator: Any) -> Any:
    """What can be compared, of a generator or of a module that draws from its own."""
    if hasattr(generator, "getstate"):
        return generator.getstate()
    if hasattr(generator, "get_state"):
        return _plain(generator.get_state(legacy=False))
    return _plain(getattr(generator, "bit_generator", generator).state)


def _plain(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return state.tobytes() if hasattr(state, "tobytes") else state


def refuse_draws(before: list[State]) -> None:
    """Raise if a generator moved since `before`: the program would repeat the first run's numbers."""
    for name, generator, state in before:
        if _state(generator) != state:
            raise refuse(f"draw numbers from {name}", FIX)
    known = {s.name for s in before}
    for name, _, state in random_states():  # a module loaded meanwhile was only seeded if its place …
        if name not in known and _place(state) < 623:  # … is still at the end of its 624 words
            raise refuse(f"draw numbers from {name}", FIX)


def _place(state: Any) -> int:
    """How many of its words the Mersenne twister has used."""
    return int(state["state"]["pos"] if isinstance(state, dict) else state[1][-1])


__all__ = ["State", "is_generator", "random_states", "refuse_draws"]
