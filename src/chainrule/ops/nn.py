"""Dense layers and softmax: the primitives of a multilayer perceptron, with derivatives in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .exponential import exp
from .forms import affine
from .movement import reshape
from .record import ADD, Bad, Op, Spec, structured
from .reduce import sum

# ----- linear


def _linear(x: Any, w: Any, b: Any) -> Any:
    if x.ndim > 2:  # one GEMM over all leading dimensions
        y = np.matmul(x.reshape(-1, x.shape[-1]), w.T).reshape(*x.shape[:-1], *w.shape[:-1])
    else:
        y = np.matmul(x, w.T)
    if y.dtype != x.dtype:  # NumPy multiplies bfloat16 matrices in float32
        y = y.astype(x.dtype)
    if b is None:
        return y
    if y.ndim and b.dtype == y.dtype and b.ndim <= y.ndim:
        return np.add(y, b, out=y)
    return y + b


def _linear_shape(x: Spec, w: Spec, b: Spec | None) -> Shape:
    if w.ndim > 2 or (w.ndim and x.ndim and x.shape[-1] != w.shape[-1]) or not x.ndim:
        rows = int(np.prod(x.shape[:-1]))
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1] if x.ndim else 1} and "
            f"{'x'.join(map(str, w.shape[::-1]))}): linear() got input {list(x.shape)} and weight "
            f"{list(w.shape)}; the last size of both must be in_features"
        )
    out = (*x.shape[:-1], *w.shape[:-1])
    if b is not None and b.shape not in ((), (1,), w.shape[:-1]):
        raise RuntimeError(
            f"The expanded size of the tensor ({out[-1] if out else 1}) must match the existing size "
            f"({b.shape[-1]}) at non-singleton dimension {len(out) - 1}.  Target sizes: {list(out)}.  "
            f"Tensor sizes: {list(b.shape)}"
        )
    return out


def _linear_input(g: Any, y: Any, x: Any, w: Any, b: Any) -> Any:
    if w.ndim == 1:
        return reshape(g, (*g.shape, 1)) * w
    if g.ndim == 2:
        return g @ w
    return reshape(reshape(g, (-1, w.shape[0])) @ w, (*g.shape[:-1], w.shape[1]))


def _linear_weight(g: Any, y: Any, x: Any, w: Any, b: Any) -> Any:
    if w.ndim == 1:
        return sum(reshape(g, (*g.shape, 1)) * x, tuple(range(g.ndim)), False)
    if g.ndim != 2:
        g, x = reshape(g, (-1, g.shape[-1])), reshape(x, (-1, x.shape[-1]))
    return g.mT @ x


linear: Op = structured(
    "linear",
    _linear,
    nargs=3,
    shape=_linear_shape,
    vjp=(_linear_input, _linear_weight, lambda g, y, x, w, b: g),
    tex=r"{0} {1}^\top + {2}",
    prec=ADD,
    form=affine,
    grad_name="AddmmBackward0",
    samples=lambda rng: [
        (rng.normal(size=(3, 4)), rng.normal(size=(2, 4)), rng.normal(size=2)),
        (rng.normal(size=4), rng.normal(size=(2, 4)), rng.normal(size=2)),
        (rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4)), None),
    ],
    bad=[
        Bad(
            lambda: (np.zeros((2, 3)), np.zeros((4, 5)), None),
            RuntimeError,
            "mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)",
        )
    ],
)

# ----- softmax


def peak(a: Any, dim: int) -> Any:
    """The largest value along `dim`, kept as a dimension of size 1."""
    if (
        a.ndim == 2 and dim == 1 and a.shape[1] <= 64
    ):  # NumPy takes short rows one by one; columns it takes all at once
        return np.maximum.reduce(a.T.copy(), axis=0)[:, None]
    return np.maximum.reduce(a, axis=dim, keepdims=True)


def _softmax(a: Any, dim: int) -> Any:
    if not a.size:
        return np.array(a)
    if not a.ndim:
        return np.exp(a - a)
    e = a - peak(a, dim)
    np.exp(e, out=e)
    e /= np.add.reduce(e, axis=dim, keepdims=True)
    return e


softmax: Op = structured(
    "softmax",
    _softmax,
    vjp=(lambda g, y, a, dim: softmax_pull(g, y, dim),),
    shape=lambda a, dim: a.shape,
    tex=r"\operatorname{{softmax}}({0})",
    grad_name="SoftmaxBackward0",
    samples=lambda rng: [(rng.normal(size=(2, 3)), 1), (rng.normal(size=(2, 3, 2)), 0)],
)


def softmax_pull(g: Any, p: Any, dim: int) -> Any:
    """p·(g − Σ g·p): the softmax Jacobian diag(p) − p pᵀ applied to g."""
    gp = g * p
    return gp - p * sum(gp, (dim,) if p.ndim else (), True)


def _log_softmax(a: Any, dim: int) -> Any:
    if not a.size:
        return np.array(a)
    if not a.ndim:
        return a - a
    shifted = a - peak(a, dim)
    shifted -= np.log(np.add.reduce(np.exp(shifted), axis=dim, keepdims=True))
    return shifted


log_softmax: Op = structured(
    "log_softmax",
    _log_softmax,
    shape=lambda a, dim: a.shape,
    tex=r"\ln \operatorname{{softmax}}({0})",
    vjp=(lambda g, y, a, dim: g - exp(y) * sum(g, (dim,) if g.ndim else (), True),),
    samples=lambda rng: [(rng.normal(size=(2, 3)), 1), (rng.normal(size=(2, 3, 2)), 0)],
)
