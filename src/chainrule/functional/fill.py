"""New tensors by size: zeros, ones, full, empty, ranges, the identity; their *_like and new_* forms."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..device import require_cpu
from ..dispatch import bind
from ..dispatch import where as spot
from ..inplace import assign, old_value, plain, require_writable, touch
from ..ops.rearrange import fill as fill_op
from ..tensor import Tensor
from ..types import DType, as_dtype, default, dtype_of, scalar_dtype, wrap_dim
from .api import method, tensor_argument, write
from .create import tensor

Array = np.ndarray[Any, Any]
ndarray = np.ndarray


_OPTIONS = {
    "out", "dtype", "layout", "device", "requires_grad", "pin_memory", "memory_format", "generator",
}  # fmt: skip


def sized(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """The sizes of a factory call: ints, one sequence, or size=…"""
    if not args:
        if "size" not in options:
            raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
        args = (options.pop("size"),)
    if options and (unknown := options.keys() - _OPTIONS):
        raise TypeError(f"{name}() got an unexpected keyword argument '{sorted(unknown)[0]}'")
    if len(args) == 1 and not isinstance(args[0], int):
        first = args[0]
        if not isinstance(first, (tuple, list)) and not hasattr(first, "__index__"):
            raise TypeError(
                f"{name}(): argument 'size' (position 1) must be tuple of ints, not {type(first).__name__}"
            )
        args = tuple(first) if isinstance(first, (tuple, list)) else args
    out = []
    for i, n in enumerate(args, 1):
        try:
            out.append(n if type(n) is int else operator.index(n))
        except TypeError:
            raise TypeError(
                f"{name}(): argument 'size' failed to unpack the object at pos {i} with error \"type must "
                f"be tuple of "
                f'ints,but got {type(n).__name__}"'
            ) from None
        if out[-1] < 0:
            raise RuntimeError(f"{name}: Dimension size must be non-negative.")
    return tuple(out)


def finish(
    made: Any, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool | None = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A factory's array (or tensor) as a tensor, with the options that all factories take."""
    if device is not None:
        require_cpu(device)
    t = made if isinstance(made, Tensor) else Tensor._wrap(made)
    if out is not None:
        return write(out, t)
    if requires_grad:
        t.requires_grad = True
    return t


def dtype_for(options: dict[str, Any]) -> Any:
    """NumPy's dtype for a factory: `dtype`, else that of `out`, else the default."""
    dtype = options.get("dtype")
    if dtype is None:
        out = options.get("out")
        return default.dtype.np if out is None else out._a.dtype
    return dtype.np if isinstance(dtype, DType) else as_dtype(dtype).np


# ----- constant


def _factory(name: str, make: Callable[..., Array], what: str) -> Callable[..., Tensor]:
    def create(*size: Any, **options: Any) -> Tensor:
        shape = sized(name, size, options)
        if not options:
            return Tensor._wrap(make(shape, default.dtype.np))
        return finish(make(shape, dtype_for(options)), **options)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = f"""A tensor of the given sizes, {what}.

    Options: dtype (the default float), requires_grad, out, device, layout, pin_memory.

    >>> import chainrule as cr
    >>> cr.{name}(2, 3).shape
    torch.Size([2, 3])
    """
    return create


zeros = _factory("zeros", np.zeros, "filled with 0")
ones = _factory("ones", np.ones, "filled with 1")
empty = _factory("empty", np.zeros, "with any values (0, so that runs repeat)")


def full(size: Any, fill_value: Any, **options: Any) -> Tensor:
    """A tensor of the given size filled with one value, whose type decides the dtype.

    >>> import chainrule as cr
    >>> cr.full((2,), 3.5)
    tensor([3.5000, 3.5000])
    """
    shape = sized("full", (size,) if not isinstance(size, int) else (size,), {})
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    if options.get("dtype") is None and options.get("out") is None:
        dtype = dtype_of(fill_value._a) if isinstance(fill_value, Tensor) else scalar_dtype(value)
        options["dtype"] = dtype
    return finish(_filled(shape, value, dtype_for(options)), **options)


def _filled(shape: Any, value: Any, dtype: Any) -> Array:
    if isinstance(value, complex) and dtype.kind != "c":
        raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    if dtype.kind in "iu" and isinstance(value, int) and not isinstance(value, bool):
        limits = np.iinfo(dtype)
        if not (limits.min or -limits.max) <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    with np.errstate(all="ignore"):
        return np.full(shape, np.array(value).astype(dtype), dtype)


def _like(name: str, make: Callable[..., Array]) -> Callable[..., Tensor]:
    def create(input: Tensor, **options: Any) -> Tensor:
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}_like(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
            )
        a = input._a
        if not options:
            return Tensor._wrap(make(a.shape, a.dtype))
        return finish(
            make(a.shape, a.dtype if options.get("dtype") is None else dtype_for(options)), **options
        )

    create.__name__ = create.__qualname__ = name + "_like"
    create.__doc__ = f"{name}() with the shape and dtype of `input`."
    return create


zeros_like, ones_like, empty_like = _like("zeros", np.zeros), _like("ones", np.ones), _like("empty", np.zeros)


def full_like(input: Tensor, fill_value: Any, **options: Any) -> Tensor:
    """full() with the shape and dtype of `input`."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    dtype = input._a.dtype if options.get("dtype") is None else dtype_for(options)
    return finish(_filled(input._a.shape, value, dtype), **options)


def _new(name: str, make: Callable[..., Array]) -> Callable[..., Tensor]:
    def create(self: Tensor, *size: Any, **options: Any) -> Tensor:
        shape = sized("new_" + name, size, options)
        return finish(
            make(shape, self._a.dtype if options.get("dtype") is None else dtype_for(options)), **options
        )

    create.__name__ = create.__qualname__ = "new_" + name
    create.__doc__ = f"{name}() with this tensor's dtype."
    return create


new_zeros, new_ones, new_empty = _new("zeros", np.zeros), _new("ones", np.ones), _new("empty", np.zeros)


def new_full(self: Tensor, size: Any, fill_value: Any, **options: Any) -> Tensor:
    """full() with this tensor's dtype."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    dtype = self._a.dtype if options.get("dtype") is None else dtype_for(options)
    return finish(_filled(sized("new_full", (size,), {}), value, dtype), **options)


def new_tensor(
    self: Tensor, data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """tensor(data) with this tensor's dtype."""
    return tensor(data, dtype=dtype or dtype_of(self._a), device=device, requires_grad=requires_grad)


def _strided_array(size: Any, stride: Any, dtype: Any) -> Array:
    shape, steps = tuple(size), tuple(stride)
    if len(shape) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(steps)})"
        )
    length = 1 + sum((n - 1) * s for n, s in zip(shape, steps)) if 0 not in shape else 0
    memory = np.zeros(max(length, 0), dtype)
    return np.lib.stride_tricks.as_strided(memory, shape, tuple(s * memory.itemsize for s in steps))


def empty_strided(size: Any, stride: Any, **options: Any) -> Tensor:
    """empty() with the given strides (in elements)."""
    return finish(_strided_array(size, stride, dtype_for(options)), **options)


def new_empty_strided(self: Tensor, size: Any, stride: Any, **options: Any) -> Tensor:
    """empty_strided() with this tensor's dtype."""
    dtype = self._a.dtype if options.get("dtype") is None else dtype_for(options)
    return finish(_strided_array(size, stride, dtype), **options)


def empty_permuted(size: Any, physical_layout: Any, **options: Any) -> Tensor:
    """empty() whose dimensions lie in memory in the order `physical_layout`."""
    order = tuple(physical_layout)
    if len(order) != len(size):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(size)} is not equal to len(physical_layout) = {len(order)}"
        )
    order = tuple(wrap_dim(d, len(order)) for d in order)
    if sorted(order) != list(builtins.range(len(size))):
        raise RuntimeError("Duplicate dim not allowed")
    memory = np.zeros([size[d] for d in order], dtype_for(options))
    return finish(memory.transpose(np.argsort(order)), **options)


def scalar_tensor(s: Any, **options: Any) -> Tensor:
    """A 0-dim tensor of the default dtype."""
    value = s.item() if isinstance(s, Tensor) else s
    return finish(_filled((), value, dtype_for(options)), **options)


def eye(n: int, m: int | None = None, **options: Any) -> Tensor:
    """The identity matrix, n × n or n × m."""
    m = n if m is None else m
    for word, size in (("n", n), ("m", m)):
        if size < 0:
            raise RuntimeError(f"{word} must be greater or equal to 0, got {size}")
    return finish(np.eye(n, m, dtype=dtype_for(options)), **options)


# ----- in place


def _value(x: Tensor, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        return Tensor._wrap(_filled((), value, x._a.dtype))
    if value._a.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value._a.ndim} dimensions."
        )
    return value.to(dtype_of(x._a))


def fill_(self: Tensor, value: Any) -> Tensor:
    """Every element set to `value`, a number or a 0-dim tensor."""
    a = self._a
    if self._node is None and self._base is None and a.base is None and type(a) is ndarray and plain(a):
        kind = type(value)
        if kind is int or kind is float and a.dtype.kind == "f":
            try:
                a.fill(value)
            except (ValueError, OverflowError):  # read-only memory, a value that does not fit
                pass
            else:
                touch(self, spot())
                return self
    require_writable(self)
    return assign(self, bind(fill_op, (old_value(self, False), _value(self, value))), spot())


def zero_(self: Tensor) -> Tensor:
    """Every element set to 0."""
    a = self._a
    if (
        self._node is None
        and self._base is None
        and type(a) is ndarray
        and plain(a)
        and a.base is None
        and a.flags.writeable
    ):
        a.fill(0)
        touch(self, spot())
        return self
    return fill_(self, 0)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of the same shape with every element `value`."""
    tensor_argument("fill", input)
    return bind(fill_op, (input, _value(input, value)))


def zero(input: Tensor) -> Tensor:
    """A tensor of the same shape filled with 0."""
    return fill(input, 0)


for _function in (
    new_zeros, new_ones, new_empty, new_full, new_tensor, new_empty_strided, fill_, zero_,
):  # fmt: skip
    method(_function)

__all__ = [
    "empty", "empty_like", "empty_permuted", "empty_strided", "eye", "fill", "fill_", "full",
    "full_like",
    "ones", "ones_like", "scalar_tensor", "zero", "zero_", "zeros",
    "zeros_like",
]  # fmt: skip
