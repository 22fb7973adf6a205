"""The steps of sequences whose rows lie below each other: which rows belong to a step, and the state's rows.

NOTE [Steps] The rows of all steps lie below each other, as in a packed sequence: `counts` says how many
sequences take part in each step, never more than in the step before. The state has one row per sequence; a
step reads and writes its first rows, so that those of shorter sequences stay as they are, or wait for their
turn in reverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from .index import part, unpart
from .join import cat, split

Counts = tuple[int, ...]


@lru_cache(64)
def spans(counts: Counts, reverse: bool) -> tuple[tuple[int, int, int], ...]:
    """Start and end of each step's rows and their number, in the order of computation: see NOTE [Steps]."""
    out, start = [], 0
    for n in counts:
        out.append((start, start + n, n))
        start += n
    return tuple(out[::-1] if reverse else out)


def joined(parts: Sequence[Any]) -> Any:
    """Rows below each other."""
    return cat(parts, 0, tuple([p.shape[0] for p in parts])) if len(parts) > 1 else parts[0]


def top(state: Any, n: int) -> Any:
    """The state's first rows."""
    return state if state.shape[0] == n else part(state, (slice(0, n),))


def renewed(state: Any, rows: Any) -> Any:
    """The state with other first rows."""
    n = rows.shape[0]
    return rows if state.shape[0] == n else joined((rows, part(state, (slice(n, None),))))


def before(after: Any, start: Any, counts: Counts, reverse: bool) -> Any:
    """The state's rows before each step, from those after it and the initial state."""
    if counts[0] == counts[-1]:
        n = counts[0]
        if reverse:
            return joined((part(after, (slice(n, None),)), start))
        return joined((start, part(after, (slice(0, after.shape[0] - n),))))
    pieces = []
    have, rows = 0, start
    for a, b, n in spans(counts, reverse):
        m = min(n, have)
        pieces.append(joined((part(rows, (slice(0, m),)), part(start, (slice(m, n),)))))
        have, rows = n, part(after, (slice(a, b),))
    return joined(pieces[::-1] if reverse else pieces)


def backwards(counts: Counts, reverse: bool, *of_rows: Any) -> list[tuple[Any, ...]]:
    """Each step's number of rows and its share of `of_rows`, the step computed last first."""
    steps = list(zip(counts, *[split(a, counts, 0) for a in of_rows]))
    return steps if reverse else steps[::-1]


def in_order(parts: list[Any], reverse: bool) -> Any:
    """What the walk back has collected, by row."""
    return joined(parts if reverse else parts[::-1])


def after(g: Any, counts: Counts, reverse: bool) -> tuple[Any, Any]:
    """The pullback of `before`: the cotangents of the states after each step, and of the initial one."""
    rows: list[Any] = []
    first: list[Any] = []
    pieces = split(g, counts, 0)
    have = 0
    for n, piece in list(zip(counts, pieces))[:: -1 if reverse else 1]:
        m = min(n, have)
        if have:
            known = top(piece, m)
            rows.append(known if m == have else unpart(known, (have, g.shape[1]), (slice(0, m),)))
        if n > m:
            first.append(part(piece, (slice(m, n),)))
        have = n
    rows.append(unpart(part(g, (slice(0, 0),)), (have, g.shape[1]), (slice(0, 0),)))
    return joined(rows[::-1] if reverse else rows), joined(first)
