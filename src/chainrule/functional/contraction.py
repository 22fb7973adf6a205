"""Contractions: einsum, tensordot, kron, chain_matmul, cross, trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import bind, cast
from ..ops import product as ops
from ..ops.movement import permute, reshape
from ..tensor import Tensor
from ..types import broadcast_shapes, dtype_of, promote_types, scalar_type, wrap_dim
from .api import method, tensor_argument, write
from .matrices import multi_dot

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def einsum(*args: Any) -> Tensor:
    """Products of elements, summed over the subscripts that the output does not name.

    In einsum("ij,jk->ik", a, b) that is j. "..." stands for dimensions that broadcast; without "->" the
    output has the subscripts that occur once, in alphabetical order. The sublist form
    einsum(a, [0, 1], b, [1, 2], [0, 2]) is accepted too.

    >>> import chainrule as cr
    >>> cr.einsum("ii->", cr.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    if not args:
        raise ValueError("einsum(): must specify the equation string and at least one operand")
    if isinstance(args[0], str):
        equation, operands = args[0], args[1:]
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = tuple(operands[0])
    else:
        equation, operands = _from_sublists(args)
    if not operands:
        raise ValueError("einsum(): must specify at least one operand")
    for i, x in enumerate(operands, 1):
        tensor_argument("einsum", x, i, "operands")
        if x._a.dtype != operands[0]._a.dtype:
            raise RuntimeError(
                f"expected scalar type {scalar_type(operands[0].dtype)} but found {scalar_type(x.dtype)}"
            )
    inputs, output = parse(equation, [x._a.shape for x in operands])
    return bind(ops.einsum, (list(operands), inputs, output))


def _from_sublists(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or pairs of operand and "
            "subscripts"
        )

    def letters(sublist: Any) -> str:
        return "".join("..." if s is Ellipsis else _subscript(s) for s in sublist)

    pairs, rest = args[: len(args) // 2 * 2], args[len(args) // 2 * 2 :]
    equation = ",".join(letters(s) for s in pairs[1::2])
    return (f"{equation}->{letters(rest[0])}" if rest else equation), pairs[0::2]


def _subscript(s: Any) -> str:
    if not 0 <= s < 52:
        raise ValueError(f"einsum(): subscripts in the sublist format must be within [0, 52), got {s}")
    return _LETTERS[s]


def parse(equation: str, shapes: list[tuple[int, ...]]) -> tuple[tuple[str, ...], str]:
    """The subscripts of each operand and of the output, with "..." replaced by unused letters."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) < len(shapes):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    if len(terms) > len(shapes):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    spare = [c for c in reversed(_LETTERS) if c not in equation]
    hidden = [len(s) - len(t.replace("...", "")) if "..." in t else 0 for t, s in zip(terms, shapes)]
    dots = "".join(spare[: max(hidden, default=0)])
    inputs = []
    for k, (term, shape, n) in enumerate(zip(terms, shapes, hidden)):
        named = term.replace("...", "")
        for c in named:
            if c not in _LETTERS:
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {term.index(c)} in the equation string, "
                    "subscripts must be in [a-zA-Z]"
                )
        letters = term.replace("...", dots[len(dots) - n :] if n > 0 else "")
        if n < 0 or len(letters) != len(shape):
            more = n < 0 or len(letters) > len(shape)
            ellipsis = "" if "..." in term else " and no ellipsis was given"
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(named)}) "
                f"{'is more than' if more else 'does not match'} the number of dimensions ({len(shape)}) "
                f"for operand {k}{ellipsis}"
            )
        inputs.append(letters)
    sizes = _check_sizes(inputs, shapes)
    if not arrow:
        joined = "".join(inputs)
        once = sorted(c for c in set(joined) if joined.count(c) == 1 and c not in dots)
        return tuple(inputs), dots + "".join(once)
    output = right.replace("...", dots)
    for c in output:
        if output.count(c) > 1:
            raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
        if c not in sizes:
            raise RuntimeError(
                f"einsum(): output subscript {c} does not appear in the equation for any input operand"
            )
    return tuple(inputs), output


def _check_sizes(inputs: list[str], shapes: list[tuple[int, ...]]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for k, (letters, shape) in enumerate(zip(inputs, shapes)):
        for i, (c, n) in enumerate(zip(letters, shape)):
            if letters.index(c) != i and shape[letters.index(c)] != n:
                raise RuntimeError(
                    f"einsum(): subscript {c} is repeated for operand {k} but the sizes don't match, {n} != "
                    f"{shape[letters.index(c)]}"
                )
            if sizes.get(c, 1) != 1 and n not in (1, sizes[c]):
                raise RuntimeError(
                    "einsum(): operands do not broadcast with remapped shapes [original->remapped]: "
                    f"subscript {c} has sizes {sizes[c]} and {n}"
                )
            sizes[c] = max(sizes.get(c, 1), n) if n else 0
    return sizes


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Σ over pairs of dimensions: the last `dims` of a with the first of b, or the two lists given.

    >>> import chainrule as cr
    >>> cr.tensordot(cr.tensor([1.0, 2.0]), cr.tensor([3.0, 4.0]), dims=1)
    tensor(11.)
    """
    tensor_argument("tensordot", a)
    tensor_argument("tensordot", b, 2, "other")
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a._a.ndim, b._a.ndim):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims} for {a._a.ndim} and "
                f"{b._a.ndim} dimensions"
            )
        dims = (list(range(a._a.ndim - dims, a._a.ndim)), list(range(dims)))
    left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(left) != len(right):
        raise RuntimeError(f"both dimension lists should have same length, got {len(left)} and {len(right)}")
    if a._a.dtype != b._a.dtype:
        raise RuntimeError("tensordot: both inputs should have same dtype")
    left = [wrap_dim(d, a._a.ndim) for d in left]
    right = [wrap_dim(d, b._a.ndim) for d in right]
    for i, j in zip(left, right):
        n, m = a._a.shape[i], b._a.shape[j]
        if n != m and n != 1 and m != 1:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {n} in dim {i} and second has "
                f"size {m} in dim {j}"
            )
    x, y = _broadcast_pairs(a, b, left, right)
    result = _contract(x, y, left, right)
    return result if out is None else write(out, result)


def _broadcast_pairs(a: Tensor, b: Tensor, left: list[int], right: list[int]) -> tuple[Tensor, Tensor]:
    """A contracted dimension of size 1 meets one of another size: the other is summed."""
    for i, j in zip(left, right):
        n, m = a._a.shape[i], b._a.shape[j]
        if n == 1 and m != 1:
            b = b.sum(j, keepdim=True)
        elif m == 1 and n != 1:
            a = a.sum(i, keepdim=True)
    return a, b


def _contract(a: Tensor, b: Tensor, left: list[int], right: list[int]) -> Tensor:
    free_a = [d for d in range(a._a.ndim) if d not in left]
    free_b = [d for d in range(b._a.ndim) if d not in right]
    rows = tuple(a._a.shape[d] for d in free_a)
    columns = tuple(b._a.shape[d] for d in free_b)
    inner = int(np.prod([a._a.shape[d] for d in left], dtype=np.int64))
    x = reshape(_permuted(a, free_a + left), (int(np.prod(rows, dtype=np.int64)), inner))
    y = reshape(_permuted(b, right + free_b), (inner, int(np.prod(columns, dtype=np.int64))))
    return reshape(bind(ops.mm, (x, y)), rows + columns)


def _permuted(x: Tensor, dims: list[int]) -> Tensor:
    return x if dims == sorted(dims) else permute(x, tuple(dims))


def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Σ over the last dimension of both, for all pairs of the others; a product if one is 0-dim."""
    tensor_argument("inner", input)
    tensor_argument("inner", other, 2, "other")
    if not input._a.ndim or not other._a.ndim:
        result = input * other
    else:
        if input._a.shape[-1] != other._a.shape[-1]:
            raise RuntimeError(
                "inner() the last dimension must match on both input tensors but got shapes "
                f"{list(input._a.shape)} and {list(other._a.shape)}"
            )
        result = tensordot(input, other, ([-1], [-1]))
    return result if out is None else write(out, result)


def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Kronecker product: every element of `input` times the whole of `other`."""
    tensor_argument("kron", input)
    tensor_argument("kron", other, 2, "other")
    n = max(input._a.ndim, other._a.ndim)
    p = (1,) * (n - input._a.ndim) + input._a.shape
    q = (1,) * (n - other._a.ndim) + other._a.shape
    x = reshape(input, tuple(v for s in p for v in (s, 1)))
    y = reshape(other, tuple(v for s in q for v in (1, s)))
    result = reshape(x * y, tuple(s * t for s, t in zip(p, q)))
    return result if out is None else write(out, result)


def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of a chain of matrices, in the order with the fewest multiplications."""
    chain = matrices[0] if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)) else matrices
    for m in chain:
        if m._a.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {m._a.ndim}, expected 2 instead.")
    return chain[0] if len(chain) == 1 else multi_dot(chain, out=out)


def cross(input: Tensor, other: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """The vector product along `dim` (by default the first dimension of size 3)."""
    tensor_argument("cross", input)
    tensor_argument("cross", other, 2, "other")
    if dim is None:
        dim = next((d for d, n in enumerate(input._a.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, dim=dim, out=out)


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The vector product along `dim`, which must have size 3; the other dimensions broadcast."""
    if input._a.ndim != other._a.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    d = wrap_dim(dim, input._a.ndim)
    if input._a.shape[d] != 3 or other._a.shape[d] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input._a.shape[d]} and "
            f"{other._a.shape[d]}"
        )
    broadcast_shapes(input._a.shape, other._a.shape)
    kind_ = promote_types(dtype_of(input._a), dtype_of(other._a))
    result = bind(ops.cross, (cast(input, kind_), cast(other, kind_), d))
    return result if out is None else write(out, result)


def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal: Σ xᵢᵢ."""
    tensor_argument("trace", input)
    if input._a.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._a.ndim}")
    rows, columns = input._a.shape
    return bind(ops.trace, (input,)) if rows == columns else input.diagonal().sum()


__all__ = ["chain_matmul", "cross", "einsum", "inner", "kron", "tensordot", "trace"]
for _f in (cross, inner, kron, trace):
    method(_f)
