"""Sums over the lanes of many vectors at once."""

from __future__ import annotations

from collections.abc import Sequence

from .builder import Function, Value


def added_lanes(f: Function, vectors: Sequence[Value], lanes: int) -> list[Value]:
    """The sums of the lanes of each vector, as lanes of as few vectors as can be."""
    out = []
    for start in range(0, len(vectors), lanes):
        part = list(vectors[start : start + lanes])
        part += [Value("poison", part[0].type)] * (lanes - len(part))
        out.append(_folded(f, [part[k] for k in _places(lanes)], lanes))
    return out


def _folded(f: Function, vectors: list[Value], lanes: int) -> Value:
    """Halves of pairs are added, then quarters, …: in the end every lane is a sum."""
    group = lanes
    while group > 1:
        first, second = _halves(lanes, group)
        vectors = [
            f.binary("fadd", f.shuffle(a, b, first), f.shuffle(a, b, second))
            for a, b in zip(vectors[::2], vectors[1::2])
        ]
        group //= 2
    return vectors[0]


def _halves(lanes: int, group: int) -> tuple[list[int], list[int]]:
    """Of every `group` lanes of both vectors the first halves, and the second."""
    half = group // 2
    starts = [s + source for s in range(0, lanes, group) for source in (0, lanes)]
    return [s + i for s in starts for i in range(half)], [s + half + i for s in starts for i in range(half)]


def _places(lanes: int) -> list[int]:
    """In which order vectors are folded so that their sums come out in order."""
    labels = [[k] * lanes for k in range(lanes)]
    group = lanes
    while group > 1:
        first, _ = _halves(lanes, group)
        labels = [[(a + b)[i] for i in first] for a, b in zip(labels[::2], labels[1::2])]
        group //= 2
    order = labels[0]
    return [order.index(k) for k in range(lanes)]
