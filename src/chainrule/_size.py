"""The shape of a tensor: a tuple of ints that keeps its type under slicing, `+` and `*`."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any, SupportsIndex, overload

import numpy as np

__all__ = ["Size", "size_of"]


class Size(tuple[int, ...]):
    """The sizes of a tensor's dimensions, outermost first.

    Equal to and hashed as the plain tuple. Anything with ``__index__`` is accepted and stored as int.

    Raises:
        TypeError: an item is not an integer.

    Example:
        >>> from chainrule._size import Size
        >>> Size([2, 3])[1:] + (4,)
        torch.Size([3, 4])
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[SupportsIndex] = (), /) -> Size:
        return size_of(_integers(sizes))

    def numel(self) -> int:
        """Return the number of elements, the product of the sizes (1 for no dimensions).

        Example:
            >>> from chainrule._size import Size
            >>> Size([2, 3]).numel()
            6
        """
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> Size: ...
    def __getitem__(self, key: SupportsIndex | slice, /) -> int | Size:
        if isinstance(key, slice):
            return size_of(tuple.__getitem__(self, key))
        return tuple.__getitem__(self, key)

    def __add__(self, other: Any, /) -> Size:
        if isinstance(other, tuple):
            return Size(tuple.__add__(self, other))
        if _reflects(other, "__radd__"):
            return NotImplemented
        raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")

    def __radd__(self, other: Any, /) -> Size:
        return Size(tuple.__add__(other, self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, count: Any, /) -> Size:
        if isinstance(count, int | np.integer):
            return size_of(tuple.__mul__(self, count))
        if _reflects(count, "__rmul__"):
            return NotImplemented
        raise TypeError(f"can't multiply sequence by non-int of type '{type(count).__name__}'")

    __rmul__ = __mul__


def _reflects(other: Any, method: str) -> bool:
    """Arrays, tensors and users' types may take the operation over; Python's own types cannot."""
    return type(other).__module__ != "builtins" and hasattr(type(other), method)


def size_of(sizes: tuple[int, ...]) -> Size:
    """Make a Size of an array shape, whose items are known to be plain ints, without checking them again."""
    return tuple.__new__(Size, sizes)


def _integers(sizes: Iterable[SupportsIndex]) -> tuple[int, ...]:
    integers = []
    for position, item in enumerate(sizes):
        try:
            integers.append(int(operator.index(item)))
        except TypeError:
            came = f"item {position} is '{type(item).__name__}'"
            raise TypeError(f"torch.Size() takes an iterable of 'int' ({came})") from None
    return tuple(integers)
