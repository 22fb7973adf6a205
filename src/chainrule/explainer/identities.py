"""Identities of single operations for formulas that have been put into one another, keyed by their records.

Proved where they are used: `algebra.collected` compares what comes out with what went in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import activation, bitwise, compare, exponential, index, movement, nn, product, select, solve, view
from ..ops.record import Op, Spec
from .expr import Expr, is_number, spec_of
from .simplify import equal

Rule = Callable[[Expr], Any]
MATRIX_PRODUCTS = frozenset({product.matmul, product.mm, product.mv, product.dot, product.bmm})


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a formula; a number has none."""
    spec = spec_of(x)
    return spec.shape if spec is not None else ()


def is_ones(x: Any) -> bool:
    """Whether it is an array of ones."""
    return isinstance(x, Expr) and x.op is movement.expand and is_number(x.operands[0]) and x.operands[0] == 1


def _is_op(x: Any, *ops: Op) -> bool:
    return isinstance(x, Expr) and x.op in ops


def _product_with_column(x: Expr) -> Any:
    """A column or row matrix beside @ is a vector; a vector as a row is bᵀ."""
    (a,) = x.operands
    if is_number(a):
        return Expr(movement.expand, (a, x.spec.shape), x.spec)
    if _is_op(a, movement.reshape):
        return Expr(x.op, (a.operands[0], x.spec.shape), x.spec)
    if _is_op(a, *MATRIX_PRODUCTS) and len(x.spec.shape) == 1:
        left, right = a.operands
        if _is_op(right, movement.reshape) and shape_of(right) == (*shape_of(right.operands[0]), 1):
            return Expr(product.matmul, (left, right.operands[0]), x.spec)
    if len(shape_of(a)) == 1 and x.spec.shape == (1, *shape_of(a)):
        column = Expr(movement.reshape, (a, (*shape_of(a), 1)), Spec((*shape_of(a), 1), x.spec.dtype))
        return Expr(view.transpose, (column, 0, 1), x.spec)
    return None


def _transposed(x: Expr) -> Any:
    """(AB)ᵀ = BᵀAᵀ, and what is symmetric."""
    (a,) = x.operands
    if len(x.spec.shape) != 2:
        return None
    if _is_op(a, view.transpose):
        return a.operands[0]
    if _is_op(a, *MATRIX_PRODUCTS) and all(len(shape_of(o)) == 2 for o in a.operands):
        left, right = (
            Expr(view.transpose, (o, 0, 1), Spec(shape_of(o)[::-1], x.spec.dtype)) for o in a.operands
        )
        return Expr(product.matmul, (right, left), x.spec)
    return a if _identity(a) else None


def _identity(x: Any) -> bool:
    return _is_op(x, product.place_diagonal) and is_ones(x.operands[0]) and shape_of(x) == shape_of(x)[::-1]


def _inverse_of(x: Any) -> Any:
    """B, if it is B⁻¹ or its transpose."""
    if _is_op(x, view.transpose) and _is_op(x.operands[0], solve.inv):
        (inner,) = x.operands[0].operands
        return Expr(view.transpose, (inner, 0, 1), x.spec)
    return x.operands[0] if _is_op(x, solve.inv) else None


def _with_identity(x: Expr) -> Any:
    a, b = x.operands
    for one, other in ((a, b), (b, a)):
        inverted = _inverse_of(one)
        if inverted is not None and len(x.spec.shape) == 2 and equal(inverted, other):
            ones = Expr(movement.expand, (1, x.spec.shape[:1]), Spec(x.spec.shape[:1], x.spec.dtype))
            return Expr(product.place_diagonal, (ones, "i", "ii", x.spec.shape), x.spec)
    return b if _identity(a) else a if _identity(b) else None


def _generic(x: Expr) -> Any:
    """Where a convention holds at a point that is met by chance only: the other branch."""
    condition = x.operands[_CONDITION[x.op]]
    while _is_op(condition, movement.expand):
        condition = condition.operands[0]
    return x.operands[_OTHERWISE[x.op]] if _by_chance(condition) else None


def _by_chance(condition: Any) -> bool:
    if _is_op(condition, bitwise.bitwise_and):
        return any(map(_by_chance, condition.operands))
    return _is_op(condition, compare.eq) and any(map(is_number, condition.operands))


def _exp_of_log(x: Expr) -> Any:
    (a,) = x.operands
    if _is_op(a, exponential.log):
        return a.operands[0]
    return Expr(nn.softmax, (*a.operands, *a.attributes), x.spec) if _is_op(a, nn.log_softmax) else None


def _active(x: Expr) -> Any:
    """relu(a) ≠ 0 where a > 0."""
    a, b = x.operands
    positive = _is_op(a, activation.relu) and is_number(b) and b == 0
    return Expr(compare.gt, (a.operands[0], 0), x.spec) if positive else None


def _inverse_twice(x: Expr) -> Any:
    (a,) = x.operands
    return a.operands[0] if _is_op(a, solve.inv) else None


def without_determinant(factors: dict[Any, tuple[Any, float]]) -> bool:
    """adj(A)/det(A) is A⁻¹: one such pair of factors is changed in place."""
    for k, (d, e) in factors.items():
        for k2, (x, e2) in factors.items():
            a = x.operands[0] if _is_op(x, view.transpose) else x
            pair = _is_op(d, solve.det) and _is_op(a, solve.adjugate) and e == -1 and e2 == 1
            if pair and equal(d.operands[0], a.operands[0]):
                inverse = Expr(solve.inv, a.operands, a.spec)
                factors[k2] = (inverse if a is x else x.with_operands((inverse,)), 1)
                del factors[k]
                return True
    return False


def _shared_reshape(x: Expr) -> Any:
    (a,) = x.operands
    return a if shape_of(a) == x.spec.shape else None


_CONDITION = {select.where: 0, index.masked_fill: 1}
_OTHERWISE = {select.where: 2, index.masked_fill: 0}
IDENTITIES: dict[Op, tuple[Rule, ...]] = {
    movement.reshape: (_shared_reshape, _product_with_column),
    view.transpose: (_transposed,),
    solve.inv: (_inverse_twice,),
    select.where: (_generic,),
    index.masked_fill: (_generic,),
    exponential.exp: (_exp_of_log,),
    compare.ne: (_active,),
    **dict.fromkeys(MATRIX_PRODUCTS, (_with_identity,)),
}
