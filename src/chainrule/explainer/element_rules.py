"""What operations on arrays are over elements: matrix products, reductions, other orders, losses."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ..ops import arithmetic, classes, index, loss, movement, nn, product, rearrange, reduce, view
from ..ops.record import Op, Spec
from .counts import Count
from .elements import RULES, At, Index, Place, Rule, Same, Tree, aligned, combined, element, fresh, total
from .expr import Expr, Symbol, is_number


def _rule(*ops: Op) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, rule))
        return rule

    return add


def _shape(a: Any) -> tuple[int, ...]:
    return a.spec.shape if isinstance(a, (Expr, Symbol)) else ()


def _times(x: Expr, *factors: Tree) -> Tree:
    found = factors[0]
    for f in factors[1:]:
        found = Expr(arithmetic.mul, (found, f), Spec((), x.spec.dtype))
    return found


def _over(x: Expr, n: int) -> Tree:
    return Expr(arithmetic.div, (1, Count(n)), Spec((), x.spec.dtype))


# ----- the same numbers in another place


@_rule(movement.to, rearrange.clone, rearrange.contiguous, movement.detach)
def _same(x: Expr, at: tuple[Place, ...]) -> Tree:
    return element(x.operands[0], at)


@_rule(movement.expand)
def _expanded(x: Expr, at: tuple[Place, ...]) -> Tree:
    return element(x.operands[0], aligned(x.operands[0], at))


@_rule(view.transpose)
def _swapped(x: Expr, at: tuple[Place, ...]) -> Tree:
    order = list(at)
    p, q = x.attributes
    order[p], order[q] = order[q], order[p]
    return element(x.operands[0], tuple(order))


@_rule(view.t)
def _turned(x: Expr, at: tuple[Place, ...]) -> Tree:
    return element(x.operands[0], at[::-1])


@_rule(movement.permute)
def _permuted(x: Expr, at: tuple[Place, ...]) -> Tree:
    order: list[Place] = [0] * len(at)
    for i, d in zip(at, x.attributes[0]):
        order[d] = i
    return element(x.operands[0], tuple(order))


@_rule(movement.reshape, view.unsqueeze, view.squeeze, view.squeeze_dim, view.squeeze_dims)
def _reshaped(x: Expr, at: tuple[Place, ...]) -> Tree | None:
    """Where only dimensions of size 1 come or go."""
    a = x.operands[0]
    kept = [i for i, n in zip(at, x.spec.shape) if n != 1]
    if [n for n in _shape(a) if n != 1] != [n for n in x.spec.shape if n != 1]:
        return None
    places = iter(kept)
    return element(a, tuple(next(places) if n != 1 else 0 for n in _shape(a)))


@_rule(index.pick, index.part)
def _part(x: Expr, at: tuple[Place, ...]) -> Tree | None:
    """x[:, 0]: fixed places and whole dimensions."""
    a, (key,) = x.operands[0], x.attributes
    places = iter(at)
    out: list[Place] = []
    for n, k in zip(_shape(a), [*key, *[slice(None)] * (len(_shape(a)) - len(key))]):
        if isinstance(k, int):
            out.append(k % n)
        elif isinstance(k, slice) and k == slice(None):
            out.append(next(places))
        else:
            return None
    return element(a, tuple(out)) if len(key) <= len(_shape(a)) else None


# ----- sums


def _reduced(x: Expr, at: tuple[Place, ...], dims: Any, keepdim: bool) -> tuple[tuple[Place, ...], Tree]:
    """The counters of a reduction and what stands below its Σ."""
    a = x.operands[0]
    shape = _shape(a)
    gone = {d % len(shape) for d in dims} if shape else set()
    kept = iter(at)
    places: list[Place] = []
    new = fresh(tuple(shape))
    for d in range(len(shape)):
        if d not in gone:
            places.append(next(kept))
            continue
        places.append(new[d])
        if keepdim:
            next(kept)
    return tuple(new[d] for d in sorted(gone)), element(a, tuple(places))


@_rule(reduce.sum)
def _sum(x: Expr, at: tuple[Place, ...]) -> Tree:
    return total(*_reduced(x, at, *x.attributes))


@_rule(reduce.mean)
def _mean(x: Expr, at: tuple[Place, ...]) -> Tree:
    counted, body = _reduced(x, at, *x.attributes)
    n = prod(_shape(x.operands[0])[d] for d in x.attributes[0])
    return total(counted, _times(x, _over(x, n), body) if n != 1 else body)


@_rule(movement.sum_to)
def _summed_to(x: Expr, at: tuple[Place, ...]) -> Tree:
    a, have, want = x.operands[0], _shape(x.operands[0]), x.spec.shape
    extra = len(have) - len(want)
    new = fresh(have)
    grown = [i < extra or (want[i - extra] == 1 and n != 1) for i, n in enumerate(have)]
    places = tuple(new[i] if g else at[i - extra] for i, g in enumerate(grown))
    return total(tuple(i for i, g in zip(new, grown) if g), element(a, places))


@_rule(product.matmul, product.mm, product.bmm, product.mv, product.dot)
def _matmul(x: Expr, at: tuple[Place, ...]) -> Tree:
    a, b = x.operands
    (k,) = fresh(_shape(a)[-1:])
    column = at[-1:] if len(_shape(b)) > 1 else ()
    rows = at[: len(at) - len(column)]
    row = rows[-1:] if len(_shape(a)) > 1 else ()
    lead = rows[: len(rows) - len(row)]
    left = (*_lead(a, lead, 2), *row, k)
    right = (*_lead(b, lead, 2), k, *column)
    return total((k,), _times(x, element(a, left), element(b, right)))


def _lead(a: Any, lead: tuple[Place, ...], inner: int) -> tuple[Place, ...]:
    """The indices of the batch dimensions of a factor, which are broadcast."""
    shape = _shape(a)[:-inner] if len(_shape(a)) > inner else ()
    return tuple(0 if n == 1 else i for n, i in zip(shape, lead[len(lead) - len(shape) :]))


@_rule(nn.linear)
def _linear(x: Expr, at: tuple[Place, ...]) -> Tree:
    a, w, b = x.operands
    (k,) = fresh(_shape(a)[-1:])
    found = total((k,), _times(x, element(a, (*at[:-1], k)), element(w, (at[-1], k))))
    if b is None:
        return found
    return Expr(arithmetic.add, (found, element(b, at[-1:])), Spec((), x.spec.dtype))


# ----- losses


@_rule(loss.mse_loss)
def _mse(x: Expr, at: tuple[Place, ...]) -> Tree:
    a, b = x.operands
    reduction = x.attributes[0]
    shape = _shape(a) if len(_shape(a)) >= len(_shape(b)) else _shape(b)
    places = at if reduction == "none" else fresh(shape)
    spec = Spec((), x.spec.dtype)
    pair = tuple(element(v, aligned(v, places)) for v in (a, b))
    square = Expr(arithmetic.square, (Expr(arithmetic.sub, pair, spec),), spec)
    if reduction == "none":
        return square
    share = [_over(x, prod(shape))] if reduction == "mean" and prod(shape) != 1 else []
    return total(places, _times(x, *share, square))


@_rule(classes.cross_entropy_pull)
def _cross_entropy_pull(x: Expr, at: tuple[Place, ...]) -> Tree | None:
    """softmax(z)_{ij} − [y_i = j], over the number of samples."""
    g, z, target, weight = x.operands
    reduction, _ = x.attributes
    if weight is not None or len(_shape(z)) != 2 or not isinstance(target, Symbol) or reduction == "none":
        return None
    spec = Spec((), x.spec.dtype)
    p = At(Expr(nn.softmax, (z, 1), z.spec), at)
    error = Expr(arithmetic.sub, (p, Same(At(target, at[:1]), at[1])), spec)
    share = [_over(x, _shape(target)[0])] if reduction == "mean" and _shape(target)[0] != 1 else []
    return _times(x, *([] if is_number(g) and g == 1 else [element(g)]), *share, error)


__all__ = ["Index", "combined"]
