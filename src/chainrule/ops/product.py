"""Products of vectors, matrices and batches of them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..types import Shape, broadcast_shapes
from .forms import matrix_product
from .movement import expand, reshape
from .record import DOT, MUL, Bad, Op, Spec, structured
from .rules import sum_dtype


def adjoint(a: Any) -> Any:
    """The conjugate transpose of each matrix."""
    return a.mT.conj()


def low_precision(f: Any) -> Any:
    """`f` on two arrays, with float16 and bfloat16 computed in float32 and bool as integers."""

    def forward(a: Any, b: Any) -> Any:
        kind = a.dtype
        if kind.itemsize == 2 and kind.kind not in "iu":
            return f(a.astype(np.float32), b.astype(np.float32)).astype(kind)
        return f(a, b)

    return forward


def matmul_shape(a: Spec, b: Spec) -> Shape:
    """The shape of a @ b: the last dimension of a meets the last but one of b, the others broadcast."""
    if not a.ndim or not b.ndim:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D"
        )
    if a.ndim == 1 and b.ndim == 1 and a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {list(a.shape)} and src {list(b.shape)} to have the "
            f"same number of "
            f"elements, but got {a.shape[0]} and {b.shape[0]} elements respectively"
        )
    rows, inner = ((), a.shape[0]) if a.ndim == 1 else ((a.shape[-2],), a.shape[-1])
    columns, other = ((), b.shape[0]) if b.ndim == 1 else ((b.shape[-1],), b.shape[-2])
    if inner != other:
        raise RuntimeError(_mismatch(a.shape, b.shape))
    return (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *rows, *columns)


def _mismatch(a: Shape, b: Shape) -> str:
    if len(a) == 2 and len(b) == 1:
        return f"size mismatch, got input ({a[0]}), mat ({a[0]}x{a[1]}), vec ({b[0]})"
    if len(a) > 2 and len(b) > 2:
        batch = int(np.prod(broadcast_shapes(a[:-2], b[:-2])))
        return (
            f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {a[-1]}] but got: "
            f"[{batch}, {b[-2]}]."
        )
    left = (1, a[0]) if len(a) == 1 else (int(np.prod(a[:-1])), a[-1])
    right = (b[0], 1) if len(b) == 1 else (b[-2], b[-1])
    return f"mat1 and mat2 shapes cannot be multiplied ({left[0]}x{left[1]} and {right[0]}x{right[1]})"


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """∂/∂a = g @ bᴴ, with vectors as one-row or one-column matrices."""
    if b.ndim == 1:
        if a.ndim == 1:
            return g * b.conj()
        return reshape(g, (*g.shape, 1)) * b.conj()
    if a.ndim == 1:
        if b.ndim == 2:
            return matmul(b.conj(), g)
        g = reshape(g, (*g.shape[:-1], 1, g.shape[-1]))
        row = matmul(g, adjoint(b))
        return reshape(row, (*row.shape[:-2], row.shape[-1]))
    return matmul(g, adjoint(b))


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """∂/∂b = aᴴ @ g."""
    if a.ndim == 1:
        if b.ndim == 1:
            return g * a.conj()
        return reshape(a.conj(), (a.shape[0], 1)) * reshape(g, (*g.shape[:-1], 1, g.shape[-1]))
    if b.ndim == 1:
        column = matmul(adjoint(a), reshape(g, (*g.shape, 1)))
        return reshape(column, column.shape[:-1])
    if a.ndim > 2 and b.ndim == 2:  # one product over all rows instead of a batch of products to be summed
        n, m, rows = a.shape[-1], g.shape[-1], prod(a.shape[:-1])
        return matmul(adjoint(reshape(a, (rows, n))), reshape(g, (rows, m)))
    return matmul(adjoint(a), g)


matmul = structured(
    "matmul",
    low_precision(np.matmul),
    nargs=2,
    vjp=(_matmul_left, _matmul_right),
    shape=matmul_shape,
    tex="{0} {1}",
    prec=DOT,
    form=matrix_product,
    samples=lambda rng: [
        (rng.normal(size=s), rng.normal(size=t))
        for s, t in [
            ((2, 3), (3, 4)),
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 2)),
            ((5, 2, 3), (3, 4)),
            ((3,), (2, 3, 4)),
            ((2, 1, 2, 3), (5, 3, 2)),
            ((2, 4, 3), (3,)),
        ]
    ],
    bad=[
        Bad(
            lambda: (np.zeros((2, 3)), np.zeros((4, 5))),
            RuntimeError,
            "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
        )
    ],
)

# The same product under the names that PyTorch gives it by the number of dimensions.
mm: Op = structured(
    "mm",
    low_precision(np.matmul),
    nargs=2,
    shape=matmul_shape,
    tex="{0} {1}",
    prec=DOT,
    form=matrix_product,
    vjp=(lambda g, y, a, b: mm(g, adjoint(b)), lambda g, y, a, b: mm(adjoint(a), g)),
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=(3, 4)))],
)
bmm: Op = structured(
    "bmm",
    low_precision(np.matmul),
    nargs=2,
    shape=matmul_shape,
    tex="{0} {1}",
    prec=DOT,
    form=matrix_product,
    vjp=(lambda g, y, a, b: bmm(g, adjoint(b)), lambda g, y, a, b: bmm(adjoint(a), g)),
    samples=lambda rng: [(rng.normal(size=(2, 2, 3)), rng.normal(size=(2, 3, 4)))],
)
mv: Op = structured(
    "mv",
    low_precision(np.matmul),
    nargs=2,
    shape=matmul_shape,
    tex="{0} {1}",
    prec=DOT,
    form=matrix_product,
    vjp=(_matmul_left, lambda g, y, a, b: mv(adjoint(a), g)),
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=3))],
)
dot = structured(
    "dot",
    low_precision(np.dot),
    nargs=2,
    shape=matmul_shape,
    tex=r"{0} \cdot {1}",
    prec=MUL,
    vjp=(lambda g, y, a, b: g * b.conj(), lambda g, y, a, b: g * a.conj()),
    samples=lambda rng: [(rng.normal(size=3), rng.normal(size=3))],
)


def _cross(a: Any, b: Any, dim: int) -> Any:
    return np.cross(a, b, axis=dim)


cross: Op = structured(
    "cross",
    _cross,
    nargs=2,
    shape=lambda a, b, dim: broadcast_shapes(a.shape, b.shape),
    tex=r"{0} \times {1}",
    prec=MUL,
    vjp=(lambda g, y, a, b, dim: cross(b.conj(), g, dim), lambda g, y, a, b, dim: cross(g, a.conj(), dim)),
    grad_name="LinalgCrossBackward0",
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), 1)],
)


# ----- einsum


def _einsum(xs: Any, inputs: tuple[str, ...], output: str) -> Any:
    kind = xs[0].dtype
    small = kind.itemsize == 2 and kind.kind not in "iu"
    arrays = [x.astype(np.float32) for x in xs] if small else list(xs)
    out = np.einsum(f"{','.join(inputs)}->{output}", *arrays, optimize=len(arrays) > 1)
    if small:
        out = out.astype(kind)
    return np.array(out) if any(out is x or np.may_share_memory(out, x) for x in xs) else out


def _einsum_shape(xs: Any, inputs: tuple[str, ...], output: str) -> Shape:
    sizes: dict[str, int] = {}
    for x, letters in zip(xs, inputs):
        for letter, n in zip(letters, x.shape):
            sizes[letter] = n if sizes.get(letter, 1) == 1 else sizes[letter]
    return tuple(sizes[letter] for letter in output)


def _einsum_rule(g: Any, y: Any, xs: Any, inputs: tuple[str, ...], output: str, *, needs: Any) -> Any:
    """Each cotangent is an einsum of g with the other operands; its own letters are spread out."""
    found: list[Any] = []
    for k, x in enumerate(xs):
        if not needs[k]:
            found.append(None)
            continue
        letters = inputs[k]
        rest = [xs[i].conj() for i in range(len(xs)) if i != k]
        known = set(output).union(*(inputs[i] for i in range(len(xs)) if i != k))
        unique = "".join(dict.fromkeys(letters))
        have = "".join(c for c in unique if c in known)
        back = einsum([g, *rest], (output, *(inputs[i] for i in range(len(xs)) if i != k)), have)
        found.append(place_diagonal(back, have, letters, tuple(x.shape)))
    return found


def _place_diagonal(a: Any, have: str, want: str, shape: Shape) -> Any:
    """Spread `a` (dimensions `have`) over `want`: missing letters repeat it, repeated ones are diagonals."""
    unique = "".join(dict.fromkeys(want))
    sizes = dict(zip(want, shape))
    full = a.reshape([a.shape[have.index(c)] if c in have else 1 for c in unique])
    full = np.broadcast_to(full, [sizes[c] if n == 1 else n for c, n in zip(unique, full.shape)])
    if unique == want:
        return np.array(full)
    out = np.zeros(shape, a.dtype)
    np.einsum(f"{want}->{unique}", out)[...] = full
    return out


place_diagonal = structured(
    "place_diagonal",
    _place_diagonal,
    tex=r"\operatorname{{diag}}({0})",
    shape=lambda a, have, want, shape: shape,
    vjp=(lambda g, y, a, have, want, shape: einsum([g], (want,), have),),
    samples=lambda rng: [(rng.normal(size=3), "i", "ii", (3, 3)), (rng.normal(size=3), "i", "ij", (3, 2))],
)


def _trace_shape(a: Spec) -> Shape:
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise RuntimeError(f"trace: A must be batches of square matrices, but they are {list(a.shape)}")
    return ()


trace = structured(
    "trace",
    lambda a: np.trace(a, dtype=np.int64 if a.dtype.kind in "biu" else a.dtype),
    tex=r"\operatorname{{tr}}({0})",
    lower="by its NumPy forward: a walk along one diagonal",
    shape=_trace_shape,
    dtype=sum_dtype,
    vjp=(lambda g, y, a: place_diagonal(expand(g, a.shape[:1]), "i", "ii", a.shape),),
    samples=lambda rng: [(rng.normal(size=(3, 3)),)],
)
einsum: Op = structured(
    "einsum",
    _einsum,
    nargs=-1,
    shape=_einsum_shape,
    vjp=_einsum_rule,
    tex=r"\operatorname{{einsum}}({0})",
    samples=lambda rng: [
        ([rng.normal(size=(2, 3)), rng.normal(size=(3, 4))], ("ij", "jk"), "ik"),
        ([rng.normal(size=(3, 3))], ("ii",), "i"),
        ([rng.normal(size=(2, 3)), rng.normal(size=(3,)), rng.normal(size=(2,))], ("ij", "j", "i"), ""),
    ],
)
