"""In-place changes of a tensor's sizes (unsqueeze_, t_, resize_ …) and the *_copy forms of the views.

NOTE [Restructure] These change how a tensor shows its memory, not the memory. A root with living views hands
its old form over to a hidden root, of which it becomes a view itself: the views keep the sizes they were made
from.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..inplace import require_writable
from ..ops.view import element_offset, owner
from ..tensor import Tensor, new_tensor
from .api import method, tensor_argument
from .broadcast import _expand
from .join import chunk, select, split, split_with_sizes, unbind
from .movement import _view, permute, sizes, squeeze, swapaxes, swapdims, t, transpose, unsqueeze
from .rearrange import _diagonal, as_strided, unfold


def _in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`x.f_(…)` of a view operation f (see NOTE [Restructure])."""

    def changed(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        require_writable(self)
        old: Tensor = new_tensor(Tensor)
        old._a, old._node = self._array(), self._node
        if self._base is not None:
            old._base, old._chain = self._base, self._chain
        result = function(old, *args, **kwargs)
        alive = [v for v in self._views or () if v() is not None]
        if alive:
            for reference in alive:
                reference()._base = old
            old._views = [*alive, weakref.ref(self)]
            self._views = None
        if self._base is not None or alive:
            self._base, self._chain = result._base, result._chain
        self._a, self._node = result._a, result._node
        return self

    changed.__name__ = function.__name__ + "_"
    changed.__doc__ = f"{function.__name__}(), in place: the same memory, shown differently."
    return changed


for _function in (squeeze, swapaxes, swapdims, t, transpose, unsqueeze, as_strided):
    method(_in_place(_function), _function.__name__ + "_")


def resize_(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor other sizes, in place: values keep their order in memory, missing ones are 0."""
    if self._node is not None:
        raise RuntimeError("cannot resize variables that require grad")
    shape = sizes(size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    old = self._array()
    length, root = int(np.prod(shape)), owner(old)
    start = element_offset(old) if old.size else 0
    held = root.ravel("K").view(old.dtype)
    if start + length <= root.nbytes // old.itemsize:
        self._a = held[start : start + length].reshape(shape)
    else:
        self._a = np.zeros(shape, old.dtype)
        self._a.reshape(-1)[: held.size - start] = held[start:]
    return self


def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """resize_() to the sizes of another tensor."""
    return resize_(self, the_template._a.shape)


def set_(self: Tensor, source: Tensor | None = None) -> Tensor:
    """Show the memory of `source` (none: become empty), in place."""
    require_writable(self)
    self._a = np.zeros(0, self._a.dtype) if source is None else source._array()
    return self


def _copy_of(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def copied(input: Tensor, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        tensor_argument(name, input)
        result = function(input, *args, **kwargs)
        if isinstance(result, tuple):
            return tuple(x.clone() for x in result)
        return result.clone() if out is None else out.copy_(result)

    copied.__name__ = copied.__qualname__ = name
    copied.__doc__ = f"{name.removesuffix('_copy')}() into memory of its own."
    return copied


def _alias(input: Tensor) -> Tensor:
    return input


_VIEWS: dict[str, Callable[..., Any]] = {
    "alias": _alias, "as_strided": as_strided, "chunk": chunk, "diagonal": _diagonal, "expand": _expand,
    "permute": permute, "select": select, "split": split, "split_with_sizes": split_with_sizes,
    "squeeze": squeeze,
    "t": t, "transpose": transpose, "unbind": unbind, "unfold": unfold, "unsqueeze": unsqueeze, "view": _view,
}  # fmt: skip
__all__ = []
for _name, _function in _VIEWS.items():
    globals()[_name + "_copy"] = _copy_of(_function, _name + "_copy")
    __all__.append(_name + "_copy")
method(resize_)
method(resize_as_)
method(set_)

if TYPE_CHECKING:  # the names that the loop above makes

    def __getattr__(name: str) -> Any: ...
