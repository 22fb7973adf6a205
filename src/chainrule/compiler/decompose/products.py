"""Products: all of them become products of matrices, or of batches of matrices; transposes stay views."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ...ops import product
from ...ops.index import pick
from ...ops.join import cat
from ...ops.movement import expand, permute, reshape
from ...ops.nn import linear
from ...ops.product import matmul
from ...ops.reduce import sum
from ...ops.select import where
from ...ops.view import diagonal, unsqueeze
from ...program.passes.rewrite import NO_MATCH
from .parts import along, converted, positions, scalar
from .registry import decomposition


@decomposition(product.matmul)
def _matmul(a: Any, b: Any) -> Any:
    """Vectors as matrices of one row or column; many rows times one matrix as a single product."""
    if a.ndim == 1 and b.ndim == 1:
        return converted(sum(a * b, (0,), False), a.dtype)
    if a.ndim == 1:
        y = matmul(reshape(a, (1, a.shape[0])), b)
        return reshape(y, (*y.shape[:-2], y.shape[-1]))
    if b.ndim == 1:
        return _times_matrix(a, reshape(b, (b.shape[0], 1)), ())
    return _times_matrix(a, b, b.shape[1:]) if a.ndim > 2 and b.ndim == 2 else NO_MATCH


def _times_matrix(a: Any, b: Any, columns: Any) -> Any:
    y = matmul(_rows(a), b)
    return reshape(y, (*a.shape[:-1], *columns))


def _rows(a: Any) -> Any:
    """The array as one matrix: all leading dimensions are its rows."""
    return a if a.ndim == 2 else reshape(a, (prod(a.shape[:-1]), a.shape[-1]))


@decomposition(product.mm, product.bmm, product.mv, product.dot)
def _product(a: Any, b: Any) -> Any:
    return matmul(a, b)


@decomposition(linear)
def _linear(x: Any, w: Any, b: Any) -> Any:
    """x wᵀ + b, as one product whatever the leading dimensions; the bias is added to its rows."""
    if w.ndim == 1:
        y = matmul(x, w)
        return y if b is None else y + b
    y = matmul(_rows(x), w.mT)
    if b is not None:
        y = y + b
    return y if x.ndim == 2 else reshape(y, (*x.shape[:-1], w.shape[0]))


@decomposition(product.cross)
def _cross(a: Any, b: Any, dim: int) -> Any:
    if a.ndim != b.ndim or a.shape[dim] != 3 or b.shape[dim] != 3:
        return NO_MATCH
    u, v = ([unsqueeze(pick(x, along(dim, i)), dim) for i in range(3)] for x in (a, b))
    parts = tuple(u[i] * v[j] - u[j] * v[i] for i, j in ((1, 2), (2, 0), (0, 1)))
    return cat(parts, dim, (1, 1, 1))


# ----- einsum: operands are joined two at a time, each pair as one batch of matrix products


@decomposition(product.einsum)
def _einsum(xs: Sequence[Any], inputs: tuple[str, ...], output: str) -> Any:
    sizes = _sizes(xs, inputs)
    terms = [_plain(x, letters, sizes) for x, letters in zip(xs, inputs)]
    dtype = xs[0].dtype
    a, have = terms[0]
    for i, (b, letters) in enumerate(terms[1:], 1):
        later = set(output).union(*(other for _, other in terms[i + 1 :]))
        a, have = _pair(a, have, b, letters, later, sizes)
    a, have = _summed(a, have, set(output))
    a = converted(a, dtype)
    missing = [c for c in output if c not in have]
    if missing:  # letters of size 1 that were left out
        a, have = reshape(a, (*a.shape, *[1] * len(missing))), have + "".join(missing)
    return a if have == output else permute(a, tuple(have.index(c) for c in output))


def _sizes(xs: Sequence[Any], inputs: tuple[str, ...]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for x, letters in zip(xs, inputs):
        for letter, n in zip(letters, x.shape):
            sizes[letter] = n if sizes.get(letter, 1) == 1 else sizes[letter]
    return sizes


def _plain(x: Any, letters: str, sizes: dict[str, int]) -> tuple[Any, str]:
    """The operand with each letter once, by diagonals, and without dimensions that only broadcast."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            x = diagonal(x, 0, i, j)
            letters = letters[:i] + letters[i + 1 : j] + letters[j + 1 :] + letter
    kept = [i for i, c in enumerate(letters) if x.shape[i] != 1 or sizes[c] == 1]
    if len(kept) == len(letters):
        return x, letters
    return reshape(x, tuple(x.shape[i] for i in kept)), "".join(letters[i] for i in kept)


def _summed(a: Any, have: str, wanted: set[str]) -> tuple[Any, str]:
    """The sum over all letters that are not wanted any more."""
    dims = tuple(i for i, c in enumerate(have) if c not in wanted)
    return (sum(a, dims, False), "".join(c for c in have if c in wanted)) if dims else (a, have)


def _pair(a: Any, left: str, b: Any, right: str, later: set[str], sizes: dict[str, int]) -> tuple[Any, str]:
    """Two operands as one product, summed over the letters that both have and nobody needs later."""
    a, left = _summed(a, left, later | set(right))
    b, right = _summed(b, right, later | set(left))
    both = [c for c in left if c in right]
    batch, inner = [c for c in both if c in later], [c for c in both if c not in later]
    rows, columns = [c for c in left if c not in right], [c for c in right if c not in left]
    have = "".join([*batch, *rows, *columns])
    if not inner or not (rows or columns):  # elementwise, and then a sum
        wide = "".join([*have, *inner])
        y = _spread(a, left, wide, sizes) * _spread(b, right, wide, sizes)
        return (sum(y, tuple(range(len(have), len(wide))), False), have) if inner else (y, have)
    y = matmul(_laid(a, left, batch, rows, inner, sizes), _laid(b, right, batch, inner, columns, sizes))
    return reshape(y, tuple(sizes[c] for c in have)), have


def _ordered(x: Any, letters: str, wanted: Sequence[str]) -> Any:
    order = tuple(letters.index(c) for c in wanted)
    return permute(x, order) if order != tuple(range(len(order))) else x


def _spread(x: Any, letters: str, wide: str, sizes: dict[str, int]) -> Any:
    """The operand with the dimensions `wide`, of size 1 where it has none."""
    x = _ordered(x, letters, [c for c in wide if c in letters])
    shape = tuple(sizes[c] if c in letters else 1 for c in wide)
    return x if x.shape == shape else reshape(x, shape)


def _laid(x: Any, letters: str, batch: list[str], first: list[str], second: list[str], sizes: Any) -> Any:
    """The operand as a batch of matrices."""
    x = _ordered(x, letters, [*batch, *first, *second])
    shape = (*[sizes[c] for c in batch], prod(sizes[c] for c in first), prod(sizes[c] for c in second))
    return x if x.shape == shape else reshape(x, shape)


@decomposition(product.place_diagonal, moves=True)
def _place_diagonal(a: Any, have: str, want: str, shape: Any) -> Any:
    """`a` spread over `want`: missing letters repeat it, repeated ones keep only their diagonal."""
    sizes = [a.shape[have.index(c)] if c in have and want.index(c) == i else 1 for i, c in enumerate(want)]
    order = [have.index(c) for c in dict.fromkeys(want) if c in have]
    full = reshape(permute(a, tuple(order)) if order != sorted(order) else a, tuple(sizes))
    for i, c in enumerate(want):
        first = want.index(c)
        if first != i:
            row, column = (positions(shape[d], d, len(want)) for d in (first, i))
            full = where(a.builder.constant(row) == column, full, scalar(0, a.dtype))
    return full if full.shape == tuple(shape) else expand(full, tuple(shape))
