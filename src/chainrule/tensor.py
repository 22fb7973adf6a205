"""Tensor: a thin object on a NumPy array and its place on the tape.

NOTE [Storage] `_a` is the array, or, for a fresh 0-dim result, the scalar that NumPy returned (ten times
quicker to compute with). `_array()` turns it into an array for whoever shares or writes its memory.
NOTE [Views] A view knows its root `_base` and the operations `_chain` that lead from the root to it; the root
keeps weak references to its views, so that an in-place change can give each its new place on the tape.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._names import TorchNamed
from ._size import Size, size_of
from ._structure import changed
from .autograd.tape import RETAIN, AccumulateGrad, Node, Output, Removable, clock, last_change, mode
from .device import device as Device
from .ops.record import Carrier
from .types import FLOAT, FROM_NUMPY, DType, as_dtype, default, dtype_of

if TYPE_CHECKING:
    from ._operators import Operators as _Base
else:
    _Base = Carrier

new_tensor: Callable[[type[Any]], Any] = object.__new__
ndarray = np.ndarray


class Tensor(_Base, metaclass=TorchNamed):
    """An n-dimensional array that remembers how it was made.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
    >>> (x ** 2).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ("__dict__", "__weakref__", "_a", "_node")
    torch_name = "torch.Tensor"
    __hash__ = object.__hash__
    __array_priority__ = 1000

    _a: Any
    _node: Node | None
    _grad: Tensor | None = None
    _base: Tensor | None = None
    _chain: tuple[Any, ...] = ()
    _views: list[Any] | None = None
    _stamp: int = 0
    _touched: Any = None
    _cells: tuple[Any, ...] = ()  # of the compiled steps that write this memory
    _read_by: Any = None  # weak reference to the node whose rule reads this output, of an integer output

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """The legacy constructor; results of operations are made without it (`new_tensor`)."""
        return _legacy(args, kwargs)

    @classmethod
    def _wrap(cls, array: Any, requires_grad: bool = False) -> Tensor:
        if (tracer := clock.tracer) is not None:
            tracer.made(array)
        t: Tensor = new_tensor(cls)
        t._a = array
        t._node = None
        if requires_grad:
            t._node = AccumulateGrad(t)
        return t

    def _array(self) -> np.ndarray[Any, Any]:
        """The storage as an array that can be shared and written (see NOTE [Storage])."""
        a = self._a if (tracer := clock.tracer) is None else tracer.storage(self)
        if type(a) is not ndarray:
            self._a = a = np.asanyarray(a)
        return a

    def _values(self) -> Any:
        """The storage, for code that looks at the values themselves: a trace lets it see constants only."""
        return self._a if (tracer := clock.tracer) is None else tracer.looked_at(self)

    # ----- what it is

    @property
    def shape(self) -> Size:
        return size_of(self._a.shape)

    @property
    def dtype(self) -> DType:
        return dtype_of(self._a)

    @property
    def ndim(self) -> int:
        return int(self._a.ndim)

    @property
    def device(self) -> Device:
        return Device("cpu")

    @property
    def is_leaf(self) -> bool:
        return self._node is None or type(self._node) is AccumulateGrad

    @property
    def grad_fn(self) -> Node | None:
        node = self._node
        if node is None or type(node) is AccumulateGrad:
            return None
        return node.edges[0] if type(node) is Output else node

    @property
    def _version(self) -> int:
        """Grows with every in-place change of the memory (0: never changed)."""
        return last_change(self._base if self._base is not None else self)[0]

    @property
    def output_nr(self) -> int:
        return self._node.index if isinstance(self._node, Output) else 0

    @property
    def requires_grad(self) -> bool:
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf:
            if value:
                return
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed "
                "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if not value:
            self._node = None
        elif self._node is None:
            if FROM_NUMPY[self._a.dtype].category < FLOAT:
                raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
            self._node = AccumulateGrad(self)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for (or stop) gradients of this leaf, in place."""
        self.requires_grad = requires_grad
        return self

    @property
    def data(self) -> Tensor:
        """The same values with no history; changes through it are not seen by autograd."""
        return self._wrap_like(self._array())

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._a = value._array()
        if type(self._node) is AccumulateGrad:
            self._node.shape, self._node.dtype = self._a.shape, self._a.dtype

    def _wrap_like(self, array: Any) -> Tensor:
        return Tensor._wrap(array)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward() has added up here; None before, and None on non-leaf tensors."""
        grad = self._grad
        if grad is None and (self._cells or not self.is_leaf) and "_keeps" not in self.__dict__:
            warnings.warn(faults.no_gradient(self), UserWarning, stacklevel=2)
        return grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                kind = type(value).__name__
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {kind}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._a.dtype != self._a.dtype:
                raise RuntimeError(
                    f"assigned grad has data of a different type: expected {self.dtype}, got {value.dtype}"
                )
            if value._a.shape != self._a.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value._a.shape)}' to a tensor of size "
                    f"'{list(self._a.shape)}'. Please ensure that the gradient and the tensor are the same "
                    "size"
                )
        self._grad = value
        changed()

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    # ----- autograd

    def backward(
        self, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False,
        inputs: Any = None,
    ) -> None:  # fmt: skip
        """Add ∂self/∂leaf to every leaf's `.grad`; a non-scalar needs `gradient`, the cotangent v of vᵀJ."""
        node = self._node
        plain = gradient is None and inputs is None and not create_graph
        if plain and node is not None and self._a.size == 1:
            engine.run_one(node, cotangents.one_like(self._a), bool(retain_graph))
        else:
            engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach_(self) -> Tensor:
        """Forget the history, in place; gradients no longer flow through."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node = None
        return self

    def retain_grad(self) -> None:
        """Keep this non-leaf's gradient in `.grad` as well."""
        if self._node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.is_leaf or "_keeps" in self.__dict__:
            return
        me = weakref.ref(self)

        def keep(g: Tensor) -> None:
            t = me()
            if t is not None:
                t._grad = g.clone() if t._grad is None else t._grad + g

        self.__dict__["_keeps"] = keep
        self._node.more().prehooks[RETAIN] = keep

    @property
    def retains_grad(self) -> bool:
        return "_keeps" in self.__dict__

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Removable:
        """Call hook(grad) when this tensor's gradient is known; a returned tensor replaces it."""
        if self._node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return self._node._tensor_hook(hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Removable:
        """Call hook(leaf) after a backward pass has added to its `.grad`."""
        node = self._node
        if not isinstance(node, AccumulateGrad):
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        node.post_hooks = node.post_hooks if node.post_hooks is not None else {}
        return Removable(node.post_hooks, hook)

    # ----- out of the tensor

    def item(self) -> Any:
        """The one element as a Python number."""
        a = self._a if (tracer := clock.tracer) is None else tracer.looked_at(self)
        if a.size != 1:
            raise RuntimeError(f"a Tensor with {a.size} elements cannot be converted to Scalar")
        return a.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers (0-dim: the number)."""
        return self._values().tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The array itself, no copy: changes on either side are seen on the other."""
        if self._node is not None and mode.grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        return self._array() if (tracer := clock.tracer) is None else tracer.to_numpy(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        a = self.numpy()
        if dtype is not None and a.dtype != dtype:
            if copy is False:
                raise ValueError("Unable to avoid copy while creating an array as requested.")
            return a.astype(dtype)
        return a.copy() if copy else a

    def __len__(self) -> int:
        if not self._a.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._a)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._a.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __bool__(self) -> bool:
        a = self._a if (tracer := clock.tracer) is None else tracer.looked_at(self)
        if a.size != 1:
            if a.size == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(a)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        a = self._values()
        if a.size != 1 or a.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(a.item())

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, Tensor):
            return bool((self._values() == element._values()).any())
        if isinstance(element, (int, float, complex, bool)):
            return bool((self._values() == element).any())
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
        )

    # ----- printing, copying, files

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        from ._repr import tensor_str

        node = self.grad_fn
        return tensor_str(
            self._array(), dtype=self.dtype.name, requires_grad=self._node is not None and node is None,
            grad_fn=None if node is None else node.name(), default_dtype=default.dtype.name,
        )  # fmt: skip

    def __format__(self, spec: str) -> str:
        if not self._a.ndim and type(self) is Tensor:
            return format(self.item(), spec)
        if spec and self._a.ndim:
            from ._repr import format_scalar

            return format_scalar(self._array(), spec, type_name=type(self).__name__)  # words the error
        return object.__format__(self, spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
                "the moment."
            )
        if id(self) in memo:
            return memo[id(self)]
        copy = type(self)._wrap(self._array().copy(order="K"), self._node is not None)
        memo[id(self)] = copy
        if self._grad is not None:
            copy._grad = self._grad.__deepcopy__(memo)
        return copy

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "Pickling a tensor that was computed from others would drop its history: pickle x.detach()."
            )
        return _rebuild, (type(self), self._array(), self.dtype.name, self._node is not None)


def _rebuild(cls: type[Tensor], array: Any, dtype: str, requires_grad: bool) -> Tensor:
    return cls._wrap(np.asarray(array), requires_grad)


def _legacy(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """`Tensor(2, 3)` is uninitialised, `Tensor([1, 2])` holds the values, both of the default dtype."""
    kwargs.pop("device", None)
    if kwargs:
        raise TypeError(f"Tensor() got unexpected keyword arguments {sorted(kwargs)}")
    dtype = default.dtype.np
    if len(args) == 1 and isinstance(args[0], Tensor):
        return Tensor._wrap(args[0]._array())
    if all(isinstance(a, (int, np.integer)) for a in args) and args:
        return Tensor._wrap(np.zeros(args, dtype))
    if len(args) == 1 and isinstance(args[0], Size):
        return Tensor._wrap(np.zeros(args[0], dtype))
    if len(args) > 1:
        raise TypeError("new(): data must be a sequence; sizes must all be ints")
    return Tensor._wrap(np.array(args[0] if args else [], dtype=dtype))


from .autograd import cotangents, engine, faults  # noqa: E402  (they need Tensor, its methods need them)

__all__ = ["Tensor", "as_dtype", "new_tensor"]
