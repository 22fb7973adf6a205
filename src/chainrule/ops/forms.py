"""Notations that depend on the arguments: a record's `form` facet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from ..types import broadcast_shapes
from .record import ADD, ATOM, BIG, DOT, HAD, MUL, NEG, POW, Spec

Form = tuple[str, int]
_INDICES = "i,j,k,l"


def is_scalar(a: Any) -> bool:
    """Whether it is one number, whatever its shape."""
    return not isinstance(a, Spec) or prod(a.shape) == 1


def product(a: Any, b: Any) -> Form:
    """A number times something, or the product of arrays, number by number."""
    return (r"{0} \, {1}", MUL) if is_scalar(a) or is_scalar(b) else (r"{0} \odot {1}", HAD)


def quotient(a: Any, b: Any) -> Form | None:
    """A fraction; a whole number below is a count."""
    if isinstance(a, Spec) or isinstance(b, Spec) or b != int(b) or b < 1:
        return None
    return rf"\frac{{{{{{0}}}}}}{{{{\count{{{{{int(b)}}}}}}}}}", POW


def reshaped(a: Any, shape: Sequence[int]) -> Form | None:
    """The same numbers: nothing to see if only dimensions of size 1 come or go; a row is a transpose."""
    have = [n for n in getattr(a, "shape", ()) if n != 1]
    if have != [n for n in shape if n != 1]:
        return r"\operatorname{{reshape}}({0})", ATOM
    row = len(shape) == 2 and shape[0] == 1 and getattr(a, "shape", ()) == (*have[:1],)
    return (r"{0}^\top", POW) if row else None


def unsqueezed(a: Any, dim: int) -> Form | None:
    """As reshaped."""
    return reshaped(a, (*a.shape[:dim], 1, *a.shape[dim:])) if isinstance(a, Spec) else None


def transposed(a: Any, *dims: Any) -> Form | None:
    """ᵀ where matrices are transposed; the two dimensions, or their order, in any other case."""
    n = getattr(a, "ndim", 2)
    last = {n - 1, n - 2}
    if not dims or n < 2 or (len(dims) == 2 and {d % n for d in dims} == last):
        return None
    order = [*dims[0]] if len(dims) == 1 else [*dims]
    if len(dims) == 1 and order == [*range(n - 2), n - 1, n - 2]:
        return None
    return rf"{{0}}^{{{{\top_{{{{{''.join(str(d % n) for d in order)}}}}}}}}}", POW


def matrix_product(a: Any, b: Any) -> Form:
    """Matrices side by side; a vector in front is a row."""
    return (r"{0}^\top {1}", DOT) if getattr(a, "ndim", 2) == 1 else ("{0} {1}", DOT)


def affine(x: Any, w: Any, b: Any) -> Form:
    """x Wᵀ + b with the samples in rows; W x + b for one sample."""
    alone = getattr(x, "ndim", 2) == 1
    body = "{1} {0}" if alone else r"{0} {1}^\top"
    return (body, DOT) if b is None else (f"{body} + {{2}}", ADD)


def with_bias(body: str, power: int = HAD) -> Callable[..., Form]:
    """An operation whose third operand is added if there is one."""
    return lambda a, b, c, *_: (body, power) if c is None else (f"{body} + {{2}}", ADD)


def total(a: Any, dim: Sequence[int], keepdim: bool = False, head: str = "") -> Form:
    """A sum: Σ with indices over all dimensions, 1ᵀA over the rows of a matrix, A 1 over its columns."""
    n = getattr(a, "ndim", 0)
    if not n or not dim:
        return f"{head}{{0}}", MUL if head else ATOM
    if n == 2 and len(dim) == 1:
        text = r"{0} \mathbf{{1}}" if dim[0] in (1, -1) else r"\mathbf{{1}}^\top {0}"
        return head + text, DOT
    if len(dim) == n:
        return rf"{head}\sum_{{{{{_INDICES[: 2 * n - 1]}}}}} {{0}}", BIG
    named = ", ".join(str(d % n) for d in dim)
    return rf"{head}\sum_{{{{\text{{{{axes {named}}}}}}}}} {{0}}", BIG


def average(a: Any, dim: Sequence[int], keepdim: bool = False) -> Form:
    """The sum over the count."""
    shape = getattr(a, "shape", ())
    n = prod(shape[d] for d in dim)
    return total(a, dim, keepdim, rf"\frac{{{{1}}}}{{{{\count{{{{{n}}}}}}}}} ") if n != 1 else total(a, dim)


def total_to(a: Any, shape: Sequence[int]) -> Form:
    """The sum over the dimensions that a broadcast has made."""
    have = getattr(a, "shape", ())
    extra = len(have) - len(shape)
    grown = [i for i, n in enumerate(shape, extra) if n == 1 and have[i] != 1]
    return total(a, [*range(extra), *grown])


def entropy(inside: str) -> Callable[..., Form]:
    """The negative logarithm at the target class, reduced."""

    def form(x: Any, target: Any, weight: Any, reduction: str, *_: Any) -> Form:
        picked = inside + (r"_{{i,{1}_i}}" if target.ndim else "_{{{1}}}")
        if weight is not None:
            picked = (r"{2}_{{{1}_i}} \, " if target.ndim else r"{2}_{{{1}}} \, ") + picked
        if reduction == "none" or not target.ndim:
            return "-" + picked, NEG
        share = r"\sum_{{i}} {2}_{{{1}_i}}" if weight is not None else _count(target)
        head = rf"\frac{{{{1}}}}{{{{{share}}}}} " if reduction == "mean" else ""
        return rf"-{head}\sum_{{{{i}}}} {picked}", ADD

    return form


def _count(target: Any) -> str:
    return rf"\count{{{{{prod(target.shape)}}}}}"


def entropy_pull(g: Any, target: Any, reduction: str, body: Form, negative: bool = False) -> Form:
    """What the mean or sum over the samples sends back: `body` times the sample's share of g."""
    text, power = body
    if reduction == "none":
        return rf"{{0}} \odot {text if power > NEG else f'({text})'}", HAD
    one = not isinstance(g, Spec) and g == 1
    n = _count(target) if reduction == "mean" and prod(target.shape) != 1 else ""
    if one and not n:
        return text, power
    if power <= NEG:
        text = f"({text})"
    if not n:
        return rf"{{0}} \, {text}", MUL
    return rf"\frac{{{{{'1' if one else '{0}'}}}}}{{{{{n}}}}} {text}", MUL


def pairwise(body: Form) -> Callable[..., Form]:
    """A loss of pairs of numbers, its mean or its sum."""

    def form(a: Any, b: Any, reduction: str, *_: Any) -> Form:
        text, power = body
        shape = broadcast_shapes(a.shape, b.shape)
        if shape:
            text = text.replace(r"\,", r"\odot")
        if reduction == "none" or not shape:
            return text, power
        if power <= NEG:
            text = rf"\left({text}\right)"
        n = prod(shape)
        head = rf"\frac{{{{1}}}}{{{{\count{{{{{n}}}}}}}}} " if reduction == "mean" and n != 1 else ""
        indices = _INDICES[: 2 * len(shape) - 1]
        return rf"{head}\sum_{{{{{indices}}}}} {text}", BIG

    return form


def squares(a: Any, b: Any, reduction: str) -> Form:
    """The squared distance, or its mean."""
    shape = broadcast_shapes(a.shape, b.shape)
    if reduction == "none" or prod(shape) == 1:
        return r"({0} - {1})^2", POW
    norm = r"\lVert {0} - {1} \rVert^2" if len(shape) == 1 else r"\lVert {0} - {1} \rVert_F^2"
    return (
        (norm, POW)
        if reduction == "sum"
        else (rf"\frac{{{{1}}}}{{{{\count{{{{{prod(shape)}}}}}}}}} {norm}", MUL)
    )


def normalized(x: Any, w: Any, b: Any, *_: Any) -> list[Form]:
    """The normalized values, the mean and the variance."""
    spread = r"\sqrt{{\sigma^2_{{{0}}} + {5}}}"
    text, power = rf"\frac{{{{{{0}} - \mu_{{{{{{0}}}}}}}}}}{{{{{spread}}}}}", POW
    if w is not None:
        text, power = rf"{text} \odot {{1}}", HAD
    if b is not None:
        text, power = f"{text} + {{2}}", ADD
    return [(text, power), (r"\mu_{{{0}}}", ATOM), (r"\sigma^2_{{{0}}}", POW)]


def choice(c: Any, a: Any, b: Any) -> Form:
    """Indicators times the two choices; what is chosen as zero is left out."""
    zero = [not isinstance(v, Spec) and v == 0 for v in (a, b)]
    if zero[1]:
        return r"{0} \odot {1}" if not is_scalar(a) else r"{0} \, {1}", HAD if not is_scalar(a) else MUL
    times = [r"\," if is_scalar(v) else r"\odot" for v in (a, b)]
    other = rf"(1 - {{0}}) {times[1]} {{2}}"
    return (other, HAD) if zero[0] else (rf"{{0}} {times[0]} {{1}} + {other}", ADD)


def constant_choice(c: Any, like: Any, yes: float, no: float) -> Form | None:
    """An indicator, if that is what it is."""
    if (yes, no) == (1, 0):
        return "{0}", ATOM
    return ("1 - {0}", ADD) if (yes, no) == (0, 1) else None
