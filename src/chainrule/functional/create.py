"""Making tensors from data: numbers, nested sequences, arrays, buffers, DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.mode import set_grad
from ..autograd.tape import clock
from ..device import require_cpu
from ..dispatch import bind, cast
from ..dispatch import where as spot
from ..inplace import assign, plain, require_writable, touch
from ..ops.rearrange import clone
from ..tensor import Tensor
from ..types import FROM_NUMPY, DType, as_dtype, default, dtype_of, promote_types, scalar_dtype
from .api import method

ndarray = np.ndarray


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new leaf that holds a copy of `data`: numbers, nested sequences, arrays, tensors.

    Python floats become the default dtype (float32), ints int64, bools bool; arrays keep theirs.

    >>> import chainrule as cr
    >>> cr.tensor([1.0, 2.0], requires_grad=True)
    tensor([1., 2.], requires_grad=True)
    """
    if device is not None:
        require_cpu(device)
    if isinstance(data, Tensor) and clock.tracing():
        with set_grad(False):
            kind = dtype_of(data._a) if dtype is None else as_dtype(dtype)
            t = bind(clone, (data,)) if data._a.dtype == kind.np else cast(data, kind)
    else:
        t = Tensor._wrap(to_array(data, dtype))
    if requires_grad:
        t.requires_grad = True
    return t


# ----- from Python's data to an array


def to_array(data: Any, dtype: DType | None = None) -> Any:
    """A fresh array of `data` with PyTorch's choice of dtype."""
    target = None if dtype is None else as_dtype(dtype)
    if isinstance(data, Tensor):
        return np.array(data._a, None if target is None else target.np)
    if isinstance(data, (ndarray, np.generic)):
        _from_outside()
        dtype_of(data)
        native = data.dtype.newbyteorder("=")
        return np.array(data, native) if target is None else _converted(np.array(data), target)
    leaf = _first_leaf(data)
    if isinstance(leaf, (ndarray, np.generic)):
        _from_outside()
    if isinstance(leaf, (Tensor, ndarray)):
        return _from_nested(data, target)
    try:
        array = np.array(data) if type(data) is not range else np.arange(data.start, data.stop, data.step)
    except (ValueError, OverflowError, TypeError):
        _explain(data)
        return _from_nested(data, target)
    if array.dtype not in FROM_NUMPY:
        _explain(data)
        return _from_nested(data, target)
    if (
        array.dtype == np.uint64
        and not isinstance(leaf, np.generic)
        and (target is None or target.np != np.uint64)
    ):
        raise ValueError("Overflow when unpacking long long")
    if target is not None:
        return _converted(array, target)
    if not isinstance(leaf, np.generic):
        if array.dtype == np.float64:
            return array.astype(default.dtype.np)
        if array.dtype == np.complex128:
            return array.astype(default.dtype.to_complex().np)
    return array


def _from_outside() -> None:
    """Called where a tensor is made from another library's data: a trace would freeze it."""
    if clock.tracer is not None:
        clock.tracer.from_numpy()


def _converted(array: Any, dtype: DType) -> Any:
    if array.dtype.kind == "c" and dtype.np.kind != "c":
        raise TypeError("must be real number, not complex")
    if array.dtype.kind in "iu" and dtype.np.kind in "iu" and array.size and array.dtype != dtype.np:
        limits = np.iinfo(dtype.np)
        low = limits.min if limits.min else -limits.max
        if array.max() > limits.max or array.min() < low:
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    with np.errstate(over="ignore"):
        return array.astype(dtype.np)


def _first_leaf(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _from_nested(data: Any, dtype: DType | None) -> Any:
    """Sequences with tensors or arrays in them, converted leaf by leaf."""
    array = np.array(_plain(data))
    return array.astype((dtype or _inferred(data)).np)


def _plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        if data._a.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return data.tolist()
    if isinstance(data, ndarray):
        return data.tolist()
    return [_plain(x) for x in data] if isinstance(data, (list, tuple)) else data


def _inferred(data: Any) -> DType:
    if isinstance(data, (Tensor, ndarray, np.generic)):
        return dtype_of(data._a if isinstance(data, Tensor) else data)
    if not isinstance(data, (list, tuple)):
        return scalar_dtype(data)
    found: DType | None = None
    for x in data:
        found = _inferred(x) if found is None else promote_types(found, _inferred(x))
    return found or default.dtype


def _explain(data: Any) -> None:
    """Say what is wrong with data that NumPy could not make a numeric array of; PyTorch's words."""
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(data, int):
        raise ValueError("Overflow when unpacking long long")
    if not hasattr(data, "__len__") or not hasattr(data, "__getitem__") or isinstance(data, dict):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    _check_nested(data, _nested_shape(data), 0)


def _nested_shape(data: Any) -> list[int]:
    shape = []
    while isinstance(data, (list, tuple)) or (isinstance(data, (Tensor, ndarray)) and data.ndim):
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    return shape


def _check_nested(data: Any, shape: list[int], depth: int) -> None:
    if depth == len(shape):
        if isinstance(data, (list, tuple)):
            raise TypeError(
                f"'{type(data).__name__}' object cannot be interpreted as a number: expected a number at "
                f"depth {depth}, as in the elements before"
            )
        if isinstance(data, str):
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        if isinstance(data, (int, np.integer)) and not -(2**63) <= data < 2**63:
            raise ValueError("Overflow when unpacking long long")
        if not isinstance(data, (int, float, complex, np.generic, Tensor, ndarray)):
            raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
        return
    if not isinstance(data, (list, tuple, Tensor, ndarray)):
        raise TypeError(
            f"not a sequence: a {type(data).__name__} where a sequence of length {shape[depth]} was expected"
        )
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    if isinstance(data, (list, tuple)):
        for x in data:
            _check_nested(x, shape, depth + 1)


# ----- sharing memory


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory (and history) where no conversion is needed."""
    if device is not None:
        require_cpu(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if (
        isinstance(data, ndarray)
        and data.dtype in FROM_NUMPY
        and (dtype is None or as_dtype(dtype).np == data.dtype)
    ):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor, array, DLPack capsule, buffer or sequence as a tensor; copy=True copies, False never does."""
    require_cpu(device)
    source = obj
    if not isinstance(obj, (Tensor, ndarray, np.generic, list, tuple, int, float, complex)):
        if hasattr(obj, "__dlpack__") or type(obj).__name__ == "PyCapsule":
            source = from_dlpack(obj)
        elif isinstance(obj, (bytes, bytearray, memoryview)):
            source = frombuffer(obj, dtype=dtype or default.dtype)
    result = as_tensor(source, dtype)
    shares = isinstance(source, (Tensor, ndarray)) and np.may_share_memory(
        result._a, source._a if isinstance(source, Tensor) else source
    )
    if copy is False and not shares:
        if not isinstance(source, (Tensor, ndarray)):
            raise ValueError("can't alias arbitrary sequence into a tensor without copying.")
        raise ValueError(f"can't alias tensor with dtype '{source.dtype}' into dtype '{dtype}'.")
    if isinstance(obj, Tensor) and requires_grad is False and result._node is not None:
        result = result.detach()
    if copy and shares:
        result = result.clone()
    if requires_grad and result._node is None:
        result.requires_grad = True
    return result


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the array's own memory: changes on either side are seen on the other."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    _from_outside()
    dtype_of(ndarray)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are "
            "not currently supported. (You can probably work around this by making a copy of your array  "
            "with array.copy().) "
        )
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte "
            "orders is currently not supported."
        )
    return Tensor._wrap(np.asarray(ndarray))


def frombuffer(
    buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A 1-D tensor on the memory of an object with the buffer protocol (bytes, bytearray, array, mmap)."""
    _from_outside()
    size = memoryview(buffer).nbytes
    item = dtype.itemsize
    if not size or count == 0:
        raise ValueError(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({size} bytes) "
            f"- 1"
        )
    if count > 0 and offset + count * item > size:
        raise ValueError(
            f"requested buffer length ({count} * {item} bytes) after offset ({offset} bytes) must not be "
            f"greater than actual buffer length ({size} bytes)"
        )
    if count < 0 and (size - offset) % item:
        raise ValueError(
            f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a multiple of "
            f"element size ({item})"
        )
    t = Tensor._wrap(np.frombuffer(buffer, dtype.np, count, offset))
    if requires_grad:
        t.requires_grad = True
    return t


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of another library's array, through the DLPack protocol."""
    require_cpu(device)
    _from_outside()
    source = ext_tensor
    if type(source).__name__ == "PyCapsule":
        source = _Capsule(source)
    elif not hasattr(source, "__dlpack__"):
        raise AttributeError(f"'{type(source).__name__}' object has no attribute '__dlpack__'")
    array = np.from_dlpack(source)
    return Tensor._wrap(array.copy() if copy else array)


class _Capsule:
    """An exported capsule dressed as an exporter, which is what NumPy takes."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def to_dlpack(tensor: Tensor) -> Any:
    """The tensor's memory as a DLPack capsule, for other libraries."""
    return _dlpack(tensor)


def _dlpack(
    self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None
) -> Any:
    """The memory as a DLPack capsule."""
    if self._node is not None:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    options = {} if max_version is None else {"max_version": max_version, "copy": copy}
    return self._array().__dlpack__(**options)


def _dlpack_device(self: Tensor) -> Any:
    """(1, 0): the CPU."""
    return 1, 0


# ----- values written in place


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write the values of `src`, broadcast and converted, into this tensor."""
    a: Any = self._a
    b: Any = getattr(src, "_a", None)
    free = self._node is None and self._base is None and type(a) is ndarray is type(b) and src._node is None
    if (
        free
        and plain(a)
        and a.shape == b.shape
        and a.dtype is b.dtype
        and a.flags.writeable
        and 0 not in a.strides
    ):
        np.copyto(a, b)
        touch(self, spot())
        return self
    require_writable(self)
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    shape, have = self._a.shape, src._a.shape
    if have != shape:
        extra = len(have) - len(shape)
        if extra > 0 and set(have[:extra]) == {1}:
            src = src.reshape(have[extra:])
        src = src.expand(shape)
    value = src.to(dtype_of(self._a))
    return assign(self, value.clone() if np.may_share_memory(value._a, self._a) else value, spot())


method(copy_)
method(_dlpack, "__dlpack__")
method(_dlpack_device, "__dlpack_device__")

__all__ = ["as_tensor", "asarray", "from_dlpack", "from_numpy", "frombuffer", "tensor", "to_dlpack"]
