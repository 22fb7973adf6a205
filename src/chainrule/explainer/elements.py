"""Trees of formulas written out over elements: x_{ij}, Σ_k.

    tree    = Expr of trees (an operation on numbers) | Sum(indices, tree) | At(array, indices) | number
    array   = Symbol | Expr, where an operation has no form over elements
    indices = of Index, a counter, or int, a fixed place

NOTE [Elements] A tree has its own evaluator, `value_at`, which computes one element from the symbols:
the tests compare every printed line with the arrays, element by element.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product as pairs
from typing import Any

import numpy as np

from ..ops import arithmetic
from ..ops.record import ATOM, BIG, POW, Op, Spec
from ..types import FROM_NUMPY, float64
from .counts import Count
from .expr import Expr, Symbol, is_number, symbols_in, value_of
from .notation import limit, written


class Index:
    """A counter from 1 to its size; its letter is chosen when it is printed."""

    __slots__ = ("letter", "size")

    def __init__(self, size: int) -> None:
        self.size, self.letter = size, ""

    def __repr__(self) -> str:
        return self.letter or f"<{self.size}>"


Place = Index | int


class At:
    """One element of an array: of a symbol, or of a formula that is not written out."""

    __slots__ = ("array", "indices")
    spec = Spec((), float64)

    def __init__(self, array: Any, indices: tuple[Place, ...]) -> None:
        self.array, self.indices = array, indices

    def written(self) -> tuple[str, int]:
        """LaTeX and binding power."""
        return subscripted(self.array, [_place(i) for i in self.indices])


class Sum:
    """Σ over indices."""

    __slots__ = ("body", "indices")
    spec = Spec((), float64)

    def __init__(self, indices: tuple[Index, ...], body: Any) -> None:
        self.indices, self.body = indices, body

    def written(self) -> tuple[str, int]:
        """LaTeX and binding power."""
        text, power = written(self.body)
        signs = "".join(rf"\sum_{{{i.letter}=1}}^{{{limit(i.size)}}} " for i in self.indices)
        return signs + (text if power >= BIG else rf"\left({text}\right)"), BIG


class Same:
    """1 where a whole number is an index's place, else 0: [y_i = j]."""

    __slots__ = ("index", "number")
    spec = Spec((), float64)

    def __init__(self, number: At, index: Place) -> None:
        self.number, self.index = number, index

    def written(self) -> tuple[str, int]:
        """LaTeX and binding power."""
        return f"[{self.number.written()[0]} = {_place(self.index)}]", ATOM


Tree = Any  # Expr | Sum | At | Same | a number
Rule = Callable[[Expr, tuple[Place, ...]], Tree]
RULES: dict[Op, Rule] = {}


def element(x: Any, indices: tuple[Place, ...] = ()) -> Tree:
    """The element of a formula at some indices, as a tree."""
    if isinstance(x, Symbol):
        return At(x, indices)
    if not isinstance(x, Expr):
        return x
    if x.op.domain is not None:  # elementwise
        operands = tuple(element(a, aligned(a, indices)) for a in x.operands)
        return combined(x.op, operands, x)
    rule = RULES.get(x.op)
    found = rule(x, indices) if rule is not None and x.op.outputs == 1 else None
    return found if found is not None else At(x, indices)


def combined(op: Op, operands: tuple[Any, ...], like: Expr) -> Tree:
    """An operation on numbers."""
    return Expr(op, (*operands, *like.attributes), Spec((), like.spec.dtype), like.index)


def aligned(a: Any, indices: tuple[Place, ...]) -> tuple[Place, ...]:
    """The indices of an operand that is broadcast: from the right, none along what is repeated."""
    if not isinstance(a, (Expr, Symbol)):
        return ()
    shape = a.spec.shape
    return tuple(0 if n == 1 else i for n, i in zip(shape, indices[len(indices) - len(shape) :]))


def fresh(shape: tuple[int, ...]) -> tuple[Place, ...]:
    """Counters over an array; none along a dimension of size 1."""
    return tuple(Index(n) if n != 1 else 0 for n in shape)


# ----- what is the same for every element goes in front of its Σ


def total(indices: tuple[Place, ...], body: Tree) -> Tree:
    """Σ body, with the factors that do not depend on the indices in front."""
    counted = tuple(i for i in indices if isinstance(i, Index))
    if not counted:
        return body
    factors = [f for f in factors_of(body) if not _is(f, 1)]
    outside = [f for f in factors if not any(i in counted for i in indices_in(f))]
    inside = [f for f in factors if f not in outside]
    if not inside:
        return multiplied([*outside, Sum(counted, 1)])
    core = multiplied(inside)
    merged = Sum((*counted, *core.indices), core.body) if isinstance(core, Sum) else Sum(counted, core)
    return multiplied([*outside, merged])


def factors_of(x: Tree) -> list[Tree]:
    """The factors of a product, the signs as -1."""
    if isinstance(x, Expr) and x.op is arithmetic.mul:
        return [f for a in x.operands for f in factors_of(a)]
    if isinstance(x, Expr) and x.op is arithmetic.neg:
        return [-1, *factors_of(x.operands[0])]
    if isinstance(x, Expr) and x.op is arithmetic.div and not _is(x.operands[0], 1):
        share = Expr(x.op, (1, x.operands[1]), x.spec)
        return [*factors_of(x.operands[0]), share]
    return [x]


def multiplied(factors: list[Tree]) -> Tree:
    """A product in the usual order: the number, the rest, Σ last."""
    above, below, rest = 1.0, 1, []
    for f in factors:
        if is_number(f):
            above *= f
        elif _is_share(f):
            above, below = _divided(above, below, f.operands[1])
        else:
            rest.append(f)
    rest.sort(key=lambda f: isinstance(f, Sum))
    sign, above = (above < 0), abs(above)
    spec = next((f.spec for f in rest if isinstance(f, Expr)), _NUMBER)
    if below != 1 and above % below == 0:
        above, below = above / below, 1
    share = next((f for f in rest if _is_one_over(f)), None) if below == 1 and above != 1 else None
    if share is not None:  # 2 · 1/n is 2/n
        rest.remove(share)
        below = share.operands[1]
    front = [_whole(above)] if _is(below, 1) else [Expr(arithmetic.div, (_whole(above), _whole(below)), spec)]
    if _is(front[0], 1) and rest:
        front = []
    found = None
    for f in [*front, *rest]:
        found = f if found is None else Expr(arithmetic.mul, (found, f), spec)
    return Expr(arithmetic.neg, (found,), spec) if sign else found


_NUMBER = Spec((), float64)


def _divided(above: float, below: Any, by: Any) -> tuple[float, Any]:
    """above/below over one number more; a count stays below, alone."""
    if isinstance(by, Count) and not isinstance(below, Count):
        return above / below, by
    if isinstance(below, Count) and not isinstance(by, Count):
        return above / by, below
    return above, below * by


def _is_one_over(x: Tree) -> bool:
    """Whether it is 1/n of a symbol n."""
    return (
        isinstance(x, Expr)
        and x.op is arithmetic.div
        and _is(x.operands[0], 1)
        and isinstance(x.operands[1], At)
        and not x.operands[1].indices
    )


def _whole(x: Any) -> Any:
    return int(x) if isinstance(x, float) and x == int(x) else x


def _is(x: Any, value: float) -> bool:
    return is_number(x) and x == value


def _is_share(x: Tree) -> bool:
    """Whether it is 1/n."""
    return isinstance(x, Expr) and x.op is arithmetic.div and all(map(is_number, x.operands))


def indices_in(x: Tree) -> Iterator[Index]:
    """The counters of a tree, in the order in which they stand there."""
    if isinstance(x, At):
        yield from (i for i in x.indices if isinstance(i, Index))
    elif isinstance(x, Same):
        yield from indices_in(x.number)
        if isinstance(x.index, Index):
            yield x.index
    elif isinstance(x, Sum):
        yield from x.indices
        yield from indices_in(x.body)
    elif isinstance(x, Expr):
        for a in x.operands:
            yield from indices_in(a)


def tidied(x: Tree) -> Tree:
    """Numbers of products in front."""
    if isinstance(x, Expr):
        x = combined(x.op, tuple(map(tidied, x.operands)), x)
        halved = x.op is arithmetic.div and any(isinstance(f, Sum) for f in factors_of(x.operands[0]))
        if x.op in (arithmetic.mul, arithmetic.neg) or (halved and is_number(x.operands[1])):
            return multiplied(factors_of(x))
    return Sum(x.indices, tidied(x.body)) if isinstance(x, Sum) else x


def value_at(x: Tree, where: Mapping[Index, int], values: Callable[[Symbol], Any]) -> Any:
    """The value of a tree where its free indices have these values, from 0."""
    if isinstance(x, At):
        array = np.asarray(value_of(x.array, values))
        return array[tuple(where[i] if isinstance(i, Index) else i for i in x.indices)]
    if isinstance(x, Same):
        place = where[x.index] if isinstance(x.index, Index) else x.index
        return float(value_at(x.number, where, values) == place)
    if isinstance(x, Sum):
        ranges = [range(i.size) for i in x.indices]
        parts = [value_at(x.body, {**where, **dict(zip(x.indices, at))}, values) for at in pairs(*ranges)]
        return sum(parts)
    if not isinstance(x, Expr):
        return x
    operands = [value_at(a, where, values) for a in x.operands]
    held = [a if is_number(a) or a is None else _scalar(v) for a, v in zip(x.operands, operands)]
    known = {s: v for s, v in zip(held, operands) if isinstance(s, Symbol)}
    return value_of(Expr(x.op, (*held, *x.attributes), x.spec, x.index), known.__getitem__)


def _scalar(value: Any) -> Symbol:
    return Symbol("", "", "", Spec((), FROM_NUMPY[np.asarray(value).dtype]))


def arrays_in(x: Tree) -> Iterator[Symbol]:
    """The symbols of a tree."""
    if isinstance(x, At):
        yield from symbols_in(x.array)
    elif isinstance(x, Same):
        yield from arrays_in(x.number)
    elif isinstance(x, Sum):
        yield from arrays_in(x.body)
    elif isinstance(x, Expr):
        for a in x.operands:
            yield from arrays_in(a)


# ----- in LaTeX


def _place(i: Place) -> str:
    return i.letter if isinstance(i, Index) else str(i + 1)


def subscripted(array: Any, places: list[str]) -> tuple[str, int]:
    """An array's LaTeX with indices: W^{(1)}_{jk}, U_{1,ij}, ∂L/∂W_{jk}."""
    text, power = written(array)
    if isinstance(array, Symbol) and array.tex.startswith(r"\frac{\partial"):
        head, _, by = text[:-1].rpartition(r"{\partial ")
        return f"{head}{{\\partial {_with_places(by, places)}}}", power
    if isinstance(array, Symbol):
        loose = bool(places) and power < POW  # data that stands for an expression
        text, power = (rf"\left({text}\right)", ATOM) if loose else (text, power)
        return _with_places(text, places), power
    if not places:
        return text, power
    closed = power >= ATOM and text.endswith((")", "]"))
    return _with_places(text if closed else rf"\left({text}\right)", places), ATOM


def _with_places(text: str, places: list[str]) -> str:
    if not places:
        return text
    joined = _joined(places)
    part = _PART.search(text)
    if part is not None:
        return _picked(text, part, places)
    opened = _subscript(text)
    if opened < 0:
        return rf"{text}_{{{joined}}}"
    below = text[opened + 1 :]
    if below.startswith("{") and _closes(below) == len(below) - 1:
        return f"{text[:-1]},{joined}}}"
    return rf"{{{text}}}_{{{joined}}}"


_PART = re.compile(r"_\{([^{}]*:[^{}]*)\}$")  # x_{:,0}, W_{:, 1:3}


def _picked(text: str, part: re.Match[str], places: list[str]) -> str:
    """An element of a part: of the column x_{:,0} it is x_{i1}, counted from one."""
    inside = [p.strip() for p in part[1].split(",")]
    free = iter(places)
    if all(p == ":" or p.isdigit() for p in inside) and inside.count(":") <= len(places):
        found = [next(free) if p == ":" else str(int(p) + 1) for p in inside] + list(free)
        return f"{text[: part.start()]}_{{{_joined(found)}}}"
    return rf"\left({text}\right)_{{{_joined(places)}}}"


def _joined(places: list[str]) -> str:
    return "".join(places) if all(len(p) == 1 for p in places) else ",".join(places)


def _subscript(text: str) -> int:
    """Where a subscript of the whole begins; -1 if there is none."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "{(") - (c in "})")
        if c == "_" and not depth and text[i - 1 : i] != "\\":
            return i
    return -1


def _closes(text: str) -> int:
    """Where the brace that begins a text is closed."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "{") - (c == "}")
        if not depth:
            return i
    return -1
