"""New tensors by size: zeros, ones, full, empty, ranges, the identity; their *_like and new_* forms."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..device import require_cpu
from ..dispatch import bind
from ..dispatch import where as spot
from ..inplace import assign, old_value, require_writable, touch
from ..ops.rearrange import fill as fill_op
from ..tensor import Tensor
from ..types import COMPLEX, DType, as_dtype, default, dtype_of, int64, scalar_dtype, wrap_dim
from .api import method, tensor_argument, write
from .create import tensor

Array = np.ndarray[Any, Any]
ndarray = np.ndarray


def sized(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """The sizes of a factory call: ints, one sequence, or size=…"""
    if not args:
        if "size" not in options:
            raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
        args = (options.pop("size"),)
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
                f"{name}(): argument 'size' failed to unpack the object at pos {i} with error \"type must be tuple of "
                f'ints,but got {type(n).__name__}"'
            ) from None
        if out[-1] < 0:
            raise RuntimeError(f"{name}: Dimension size must be non-negative.")
    return tuple(out)


def finish(
    array: Any, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool | None = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A factory's array as a tensor, with the options that all factories take."""
    if device is not None:
        require_cpu(device)
    t = Tensor._wrap(array)
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
            raise TypeError(f"{name}_like(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        a = input._a
        if not options:
            return Tensor._wrap(make(a.shape, a.dtype))
        return finish(make(a.shape, a.dtype if options.get("dtype") is None else dtype_for(options)), **options)

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
        return finish(make(shape, self._a.dtype if options.get("dtype") is None else dtype_for(options)), **options)

    create.__name__ = create.__qualname__ = "new_" + name
    create.__doc__ = f"{name}() with this tensor's dtype."
    return create


new_zeros, new_ones, new_empty = _new("zeros", np.zeros), _new("ones", np.ones), _new("empty", np.zeros)


def new_full(self: Tensor, size: Any, fill_value: Any, **options: Any) -> Tensor:
    """full() with this tensor's dtype."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    dtype = self._a.dtype if options.get("dtype") is None else dtype_for(options)
    return finish(_filled(sized("new_full", (size,), {}), value, dtype), **options)


def new_tensor(self: Tensor, data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
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
            f"Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {len(size)} is "
            f"not equal to len(physical_layout) = {len(order)}"
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


# ----- ranges


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, (Tensor, np.generic)) else x


def arange(*bounds: Any, **options: Any) -> Tensor:
    """arange(end), arange(start, end), arange(start, end, step): evenly spaced values without the end.

    int64 if all are integers, else the default float.

    >>> import chainrule as cr
    >>> cr.arange(1, 2, 0.5)
    tensor([1.0000, 1.5000])
    """
    given = list(bounds) + [options.pop(k) for k in ("start", "end", "step") if k in options and len(bounds) < 3]
    if "step" not in options and len(bounds) == 1 and len(given) == 2 and given[1] is None:
        given.pop()
    if not 1 <= len(given) <= 3:
        raise TypeError("arange() takes (end), (start, end) or (start, end, step), got " + str(len(given)) + " arguments")
    values = [_number(v) for v in given]
    start, end, step = [*values, 1] if len(values) == 2 else values if len(values) == 3 else (0, values[0], 1)
    if options.get("dtype") is None and options.get("out") is None:
        whole = all(isinstance(v, int) for v in (start, end, step))
        options["dtype"] = int64 if whole else default.dtype
    _check_range(start, end, step)
    count = math.ceil((end - start) / step) if not isinstance(start, int) or not isinstance(step, int) or not isinstance(
        end, int) else -((start - end) // step)  # fmt: skip
    return finish(_steps(start, step, count, dtype_for(options)), **options)


def _check_range(start: Any, end: Any, step: Any) -> None:
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start:g} -> {end:g}")
    if (end - start) / step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def _steps(start: Any, step: Any, count: int, dtype: Any) -> Array:
    if dtype.kind in "iu":
        return (int(start) + int(step) * np.arange(count)).astype(dtype)
    return (start + step * np.arange(count, dtype=np.float64)).astype(dtype)


def range(start: Any = 0, end: Any = None, step: Any = 1, **options: Any) -> Tensor:
    """Like arange() with the end included; of the default float."""
    if end is None:
        start, end = 0, start
    _check_range(start, end, step)
    count = int((end - start) / step + 1)
    return finish(_steps(start, step, count, dtype_for(options)), **options)


def linspace(start: Any, end: Any, steps: int, **options: Any) -> Tensor:
    """`steps` evenly spaced values from start to end, both included.

    >>> import chainrule as cr
    >>> cr.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    first, last = _ends("linspace", start, end)
    return finish(_spaced(first, last, _step_count(steps), _space_dtype((first, last), options)), **options)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **options: Any) -> Tensor:
    """`steps` values base^e with evenly spaced exponents e from start to end."""
    first, last = _ends("logspace", start, end)
    dtype = _space_dtype((first, last), options)
    exact = np.dtype(np.complex128 if dtype.kind == "c" else np.float64)
    exponents = _spaced(first, last, _step_count(steps), exact if dtype.kind != "i" and dtype.kind != "u" else np.dtype(np.float64))
    return finish((float(base) ** exponents).astype(dtype), **options)


def _ends(name: str, *values: Any) -> list[Any]:
    for v in values:
        if isinstance(v, Tensor) and v._a.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got start with {v._a.ndim} dimension(s)."
            )
    return [_number(v) for v in values]


def _step_count(steps: Any) -> int:
    count = operator.index(steps)
    if count < 0:
        raise RuntimeError("number of steps must be non-negative")
    return count


def _space_dtype(ends: Any, options: dict[str, Any]) -> Any:
    if any(isinstance(v, complex) for v in ends):
        if options.get("dtype") is None and options.get("out") is None:
            options["dtype"] = default.dtype.to_complex()
        elif options.get("dtype") is not None and as_dtype(options["dtype"]).category < COMPLEX:
            raise RuntimeError(f"linspace(): inferred dtype complex64 can't be safely cast to passed dtype {options['dtype']}")
    return dtype_for(options)


def _spaced(start: Any, end: Any, steps: int, dtype: Any) -> Array:
    """Computed from the nearer end, so that both ends are exact."""
    if steps == 1:
        return np.array([start]).astype(dtype)
    if steps == 0:
        return np.empty(0, dtype)
    if dtype.kind in "iu":
        start, end, work = int(start), int(end), np.dtype(np.float32)
    else:
        work = np.dtype(np.float32) if dtype.itemsize == 2 else dtype
    first, last = work.type(start), work.type(end)
    step = (last - first) / work.type(steps - 1)
    index = np.arange(steps).astype(work)
    values = np.where(np.arange(steps) < steps // 2, first + step * index, last - step * (steps - 1 - index).astype(work))
    return values.astype(dtype)


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
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value._a.ndim} dimensions.")
    return value.to(dtype_of(x._a))  # type: ignore[no-any-return]


def fill_(self: Tensor, value: Any) -> Tensor:
    """Every element set to `value`, a number or a 0-dim tensor."""
    a = self._a
    if type(value) in (int, float) and self._node is None and self._base is None and a.dtype.kind == "f" and type(a) is ndarray:
        if a.flags.writeable:
            a.fill(value)
            touch(self, spot())
            return self
    require_writable(self)
    return assign(self, bind(fill_op, (old_value(self, False), _value(self, value))), spot())


def zero_(self: Tensor) -> Tensor:
    """Every element set to 0."""
    return fill_(self, 0)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of the same shape with every element `value`."""
    tensor_argument("fill", input)
    return bind(fill_op, (input, _value(input, value)))  # type: ignore[no-any-return]


def zero(input: Tensor) -> Tensor:
    """A tensor of the same shape filled with 0."""
    return fill(input, 0)


for _function in (
    new_zeros, new_ones, new_empty, new_full, new_tensor, new_empty_strided, fill_, zero_,
):  # fmt: skip
    method(_function)

__all__ = [
    "arange", "empty", "empty_like", "empty_permuted", "empty_strided", "eye", "fill", "fill_", "full", "full_like",
    "linspace", "logspace", "ones", "ones_like", "range", "scalar_tensor", "zero", "zero_", "zeros", "zeros_like",
]  # fmt: skip
