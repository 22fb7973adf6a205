"""Broadcasting: expand, broadcast_to, sum_to_size, and at least so many dimensions."""

from __future__ import annotations

from typing import Any

from .._size import Size, size_of
from ..dispatch import bind
from ..ops import movement as core
from ..tensor import Tensor
from ..types import broadcast_shapes as _broadcast
from .api import method, tensor_argument
from .movement import _reshape, sizes, unsqueeze
from .viewing import view_of


def _expand(self: Tensor, *size: Any, implicit: bool = False) -> Tensor:
    """Dimensions of size 1 repeated to `size` without copying; -1 keeps a size, new ones come in front."""
    wanted = sizes(size)
    have = self._a.shape
    extra = len(wanted) - len(have)
    if -1 in wanted and extra >= 0:
        for i in range(extra):
            if wanted[i] == -1:
                raise RuntimeError(
                    f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                    f"dimension {i}"
                )
        wanted = tuple([have[i - extra] if n == -1 else n for i, n in enumerate(wanted)])
    return view_of(core.expand, self, wanted)


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """expand() to the shape of `other`."""
    return view_of(core.expand, self, other._a.shape)


def broadcast_to(input: Tensor, size: Any, *more: int) -> Tensor:
    """expand() as a function."""
    tensor_argument("broadcast_to", input)
    return _expand(input, size, *more)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that all `shapes` broadcast to.

    >>> import chainrule as cr
    >>> cr.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    listed = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    if any(n < 0 for s in listed for n in s):
        raise RuntimeError("Trying to create tensor with negative dimension: sizes must be non-negative")
    try:
        return size_of(_broadcast(*listed))
    except RuntimeError as error:
        raise RuntimeError(
            f"Shape mismatch: objects cannot be broadcast to a single shape. {error}"
        ) from None


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors expanded to the shape they broadcast to."""
    listed = tensor_list(tensors)
    shape = _broadcast(*[x._a.shape for x in listed])
    return tuple([x if x._a.shape == shape else view_of(core.expand, x, shape) for x in listed])


def tensor_list(args: Any) -> list[Tensor]:
    """Tensors given as arguments or as one sequence."""
    if len(args) == 1 and not isinstance(args[0], Tensor):
        args = args[0]
    return list(args)


def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The inverse of expand(): summed over the dimensions in which `size` is 1 or missing."""
    shape = sizes(size)
    have = self._a.shape
    tail = have[len(have) - len(shape) :]
    if len(shape) > len(have) or any(n not in (1, m) for n, m in zip(shape, tail)):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(have)}}}.")
    return bind(core.sum_to, (self, shape))


def atleast_1d(*tensors: Any) -> Any:
    """Each input with at least one dimension."""
    return _at_least(tensors, lambda x: _reshape(x, (1,)) if x._a.ndim == 0 else x)


def atleast_2d(*tensors: Any) -> Any:
    """Each input with at least two dimensions; a vector becomes a row."""
    return _at_least(tensors, lambda x: x if x._a.ndim >= 2 else _reshape(x, (1, -1)))


def atleast_3d(*tensors: Any) -> Any:
    """Each input with at least three dimensions: (n,) becomes (1, n, 1), (m, n) becomes (m, n, 1)."""

    def grow(x: Tensor) -> Tensor:
        n = x._a.ndim
        return x if n >= 3 else unsqueeze(x, -1) if n == 2 else _reshape(x, (1, -1, 1))

    return _at_least(tensors, grow)


def _at_least(tensors: Any, grow: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return grow(tensors[0])
    return tuple(grow(x) for x in tensor_list(tensors))


method(_expand, "expand")
for _function in (expand_as, broadcast_to, sum_to_size):
    method(_function)

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_shapes", "broadcast_tensors", "broadcast_to",
]  # fmt: skip
