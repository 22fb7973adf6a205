"""The functions of a formula: records by their names, with the attributes that a mathematician leaves out."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any, NamedTuple

from ..ops import activation as _activation  # noqa: F401  (they register what they define)
from ..ops import distance, exponential, extreme, movement, nn, product, reduce, select, solve, view
from ..ops import special as _special  # noqa: F401
from ..ops.record import REGISTRY, Op

ELEMENTS, NUMBER, SQUARE, SQUARE_TO_NUMBER, TURNED, PRODUCT, OUTER, MEAN, ROWS = range(9)


class Function(NamedTuple):
    """What a name in a formula stands for.

    apply   on symbols of a program
    kind    how the result's shape comes from those of the arguments: one of the constants above
    counts  how many arguments it takes
    """

    apply: Callable[..., Any]
    kind: int
    counts: tuple[int, ...]


def _all_dims(a: Any) -> tuple[int, ...]:
    return tuple(range(a.ndim))


def outer(a: Any, b: Any) -> Any:
    """a bᵀ of two vectors."""
    return movement.reshape(a, (*a.shape, 1)) @ movement.reshape(b, (1, *b.shape))


def turned(a: Any) -> Any:
    """aᵀ; a vector is its own."""
    return view.transpose(a, 0, 1) if a.ndim > 1 else a


def _extreme(of_one: Op, of_two: Op) -> Function:
    def apply(a: Any, *b: Any) -> Any:
        return of_two(a, *b) if b else of_one(a, _all_dims(a), False) if a.ndim else a

    return Function(apply, NUMBER, (1, 2))


_OTHER_NAMES = {
    "ln": "log", "tr": "trace", "inverse": "inv", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
}  # fmt: skip
_KINDS = {product.trace: SQUARE_TO_NUMBER, solve.det: SQUARE_TO_NUMBER, solve.inv: SQUARE}
_OWN: dict[str, Function] = {
    "mean": Function(reduce.sum, MEAN, (1,)),
    "max": _extreme(extreme.amax, select.maximum),
    "min": _extreme(extreme.amin, select.minimum),
    "norm": Function(lambda a: distance.vector_norm(a, _all_dims(a), False, 2.0), NUMBER, (1,)),
    "norm1": Function(lambda a: distance.vector_norm(a, _all_dims(a), False, 1.0), NUMBER, (1,)),
    "logdet": Function(lambda a: solve.slogdet(a)[1], SQUARE_TO_NUMBER, (1,)),
    "softmax": Function(lambda a: nn.softmax(a, a.ndim - 1), ROWS, (1,)),
    "log_softmax": Function(lambda a: nn.log_softmax(a, a.ndim - 1), ROWS, (1,)),
    "softplus": Function(lambda a: exponential.log1p(exponential.exp(a)), ELEMENTS, (1,)),
    "transpose": Function(turned, TURNED, (1,)),
    "matmul": Function(product.matmul, PRODUCT, (2,)),
    "dot": Function(product.matmul, PRODUCT, (2,)),
    "outer": Function(outer, OUTER, (2,)),
}


def function(name: str) -> Function | None:
    """The function of this name; None if there is none in formulas."""
    if name in _OWN:
        return _OWN[name]
    op = REGISTRY.get(_OTHER_NAMES.get(name, name))
    if op is None or not op.differentiable or op.outputs != 1:
        return None
    if op in _KINDS:
        return Function(op, _KINDS[op], (1,))
    if op.promote:
        attributes = _defaults(op)
        if attributes is None:
            return None
        return Function(lambda *a: op(*a, *attributes), ELEMENTS, (op.nargs,))
    if op.nargs == 1 and op.attrs == ("dim", "keepdim"):
        return Function(lambda a: op(a, _all_dims(a), False) if a.ndim else a, NUMBER, (1,))
    return None


def known(name: str) -> Function:
    """The function of a name that has been checked."""
    found = function(name)
    if found is None:
        raise KeyError(name)
    return found


def _defaults(op: Op) -> list[Any] | None:
    """The attributes of an elementwise record as its public function has them by default."""
    if not op.attrs:
        return []
    from ..nn import functional

    public = getattr(functional, op.name, None)
    parameters = signature(public).parameters if public is not None else {}
    found = [parameters[a].default if a in parameters else Parameter.empty for a in op.attrs]
    return None if Parameter.empty in found else found


def nearest(name: str) -> str:
    """The function that was probably meant, or ""."""
    known = [*_OWN, *_OTHER_NAMES, *(n for n in list(REGISTRY) if function(n) is not None)]
    found = get_close_matches(name, known, 1)
    return found[0] if found else ""
