"""What the registry tests share: all records, sample arguments, and derivatives found without rules."""

from __future__ import annotations

import pkgutil
import warnings
from importlib import import_module
from typing import Any

import numpy as np
from tests.registry.analytic import NOT_ANALYTIC

import chainrule as cr
import chainrule.ops
from chainrule.ops.record import REGISTRY, Op, Spec
from chainrule.types import DType, dtype_of

for _module in pkgutil.iter_modules(chainrule.ops.__path__):
    import_module(f"chainrule.ops.{_module.name}")

RECORDS = sorted(REGISTRY)
Args = tuple[Any, ...]


def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)


def ranges(op: Op) -> list[tuple[float, float]]:
    """The domain of each tensor argument."""
    return list(op.domain) if isinstance(op.domain[0], tuple) else [op.domain] * op.nargs


def points(op: Op, *shapes: tuple[int, ...]) -> Args:
    """Random arguments of an elementwise record inside its domain, one shape per argument."""
    draw = rng()

    def one(low: Any, high: Any, shape: tuple[int, ...]) -> Any:
        if "f" in op.refuses:  # an operation on whole numbers
            return np.asarray(draw.integers(0, 8, size=shape))
        return np.asarray(draw.uniform(low, high, size=shape))

    return tuple(one(low, high, s) for (low, high), s in zip(ranges(op), shapes))


def broadcasting(op: Op) -> Args:
    """Arguments whose shapes differ and broadcast to (2, 3)."""
    return points(op, *[[(2, 3), (3,), (2, 1)][i % 3] for i in range(op.nargs)])


def elementwise_samples(op: Op) -> list[Args]:
    if op.samples is not None:
        return list(op.samples(rng()))
    return [points(op, *[(2, 3)] * op.nargs), broadcasting(op), points(op, *[()] * op.nargs)]


def samples(op: Op) -> list[Args]:
    """Argument tuples of any record, as arrays and attributes."""
    return elementwise_samples(op) if op.samples is None else [tuple(a) for a in op.samples(rng())]


def tensors_of(op: Op, args: Args) -> list[Any]:
    """The array arguments in a flat list."""
    return list(args[0]) if op.nargs < 0 else list(args[: op.nargs])


def with_tensors(op: Op, args: Args, arrays: list[Any]) -> Args:
    """`args` with other arrays in the places of its tensors."""
    return (arrays, *args[1:]) if op.nargs < 0 else (*arrays, *args[op.nargs :])


def results(op: Op, args: Args) -> list[np.ndarray]:
    """What forward returns, as a list of arrays."""
    out = op.forward(*args)
    return [np.asarray(o) for o in (out if isinstance(out, (list, tuple)) else [out])]


def specs(op: Op, args: Args) -> list[Any]:
    def spec(x: Any) -> Any:
        return Spec(np.shape(x), dtype_of(np.asarray(x))) if isinstance(x, (np.ndarray, np.generic)) else x

    return [[spec(x) for x in args[0]], *args[1:]] if op.nargs < 0 else [spec(x) for x in args]


def expected_dtypes(op: Op, args: Args, count: int) -> list[DType]:
    """The result dtypes by the record's type rule."""
    rule = op.dtype
    if callable(rule):
        found = rule(*specs(op, args))
        return list(found) if isinstance(found, (list, tuple)) else [found] * count
    if rule != "same":
        return [cr.types.DTYPES[rule]] * count
    tensors = tensors_of(op, args)
    kept = [tensors[i] for i in op.promote] if op.promote else tensors
    return [dtype_of(np.result_type(*kept).type(0))] * count


# ----- derivatives without rules


def is_floating(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fc"


def projected(op: Op, args: Args, weights: list[Any]) -> Any:
    """Σ w·y over the floating results, as the real number whose gradient backward computes."""
    total: Any = 0.0
    for y, w in zip(results(op, args), weights):
        if y.dtype.kind in "fc":
            total = total + np.sum(y * w)
    return total


def direction(x: Any, source: np.random.Generator) -> Any:
    """A random direction in the space of `x`: symmetric, triangular, log-probabilities stay so."""
    v = source.normal(size=np.shape(x))
    if np.ndim(x) and np.allclose(np.exp(x).sum(-1), 1):
        return v - np.sum(np.exp(x) * v, -1, keepdims=True)
    if np.ndim(x) < 2 or not x.shape[-1] == x.shape[-2] > 1:
        return v
    if np.array_equal(x, np.conj(np.swapaxes(x, -1, -2))):
        return (v + np.swapaxes(v, -1, -2)) / 2
    if np.array_equal(x, np.tril(x)):
        return np.tril(v)
    return np.triu(v) if np.array_equal(x, np.triu(x)) else v


def complex_step(op: Op, args: Args, i: int, v: Any, weights: list[Any]) -> float | None:
    """Im Σw·f(x + ihv)/h: exact to rounding; None where NumPy does not compute f on complex numbers."""
    h = 1e-30
    moved = [t + 0j if is_floating(t) else t for t in tensors_of(op, args)]
    moved[i] = moved[i] + 1j * h * v
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            value = projected(op, with_tensors(op, args, moved), weights)
    except (TypeError, np.exceptions.ComplexWarning):
        return None
    return float(np.imag(value)) / h


def expected_derivative(op: Op, args: Args, i: int, v: Any, weights: list[Any]) -> float:
    """The directional derivative of Σw·f without its rule: by a complex step, else by differences.

    Differences serve where the arguments are complex, where NumPy refuses complex numbers, and for the
    records whose forward is listed as not analytic; nowhere else.
    """
    listed = op.name in NOT_ANALYTIC or any(np.iscomplexobj(t) for t in tensors_of(op, args))
    exact = None if listed else complex_step(op, args, i, v, weights)
    return difference(op, args, i, v, weights) if exact is None else exact


def richardson(f: Any, h: float = 1e-3, rounds: int = 2) -> float:
    """f'(0) by central differences, extrapolated to h → 0: error O(h⁶) and rounding of about 1e-12/h.

    The step is short, so that it crosses no kink of a maximum or a sort at the samples.
    """
    table = [[(f(h) - f(-h)) / (2 * h)]]
    for k in range(1, rounds + 1):
        step = h / 2**k
        row = [(f(step) - f(-step)) / (2 * step)]
        for j in range(k):
            row.append(row[j] + (row[j] - table[k - 1][j]) / (4 ** (j + 1) - 1))
        table.append(row)
    return float(np.real(table[-1][-1]))


def difference(op: Op, args: Args, i: int, v: Any, weights: list[Any]) -> float:
    """The directional derivative of Σw·f by extrapolated differences."""
    tensors = tensors_of(op, args)

    def along(t: float) -> Any:
        moved = list(tensors)
        moved[i] = tensors[i] + t * v
        return np.real(projected(op, with_tensors(op, args, moved), weights))

    return richardson(along)


# ----- derivatives by the rules


def as_tensors(op: Op, args: Args, wanted: list[int]) -> tuple[Args, list[Any]]:
    """The arguments with tensors for arrays; those in `wanted` require grad and are returned too."""
    made = []
    for i, a in enumerate(tensors_of(op, args)):
        array = isinstance(a, (np.ndarray, np.generic))
        made.append(cr.Tensor._wrap(np.array(a), i in wanted) if array else a)
    return with_tensors(op, args, made), [made[i] for i in wanted]


def weighted_sum(op: Op, args: Args, weights: list[Any]) -> Any:
    """Σ w·y on tensors, over the results that have a derivative."""
    out = op(*args)
    outs = list(out) if isinstance(out, (list, tuple)) else [out]
    terms = [(o * cr.Tensor._wrap(np.array(w))).sum() for o, w in zip(outs, weights) if o.requires_grad]
    total = terms[0]
    for t in terms[1:]:
        total = total + t
    return total.real if total.dtype.is_complex else total
