"""Storages, the blocks of memory that tensors share in a file, and tensors rebuilt on them.

Everything here is reached with values that a file chose, so everything is checked: a view must lie inside its
storage.
"""

from __future__ import annotations

import pickle
from math import prod
from typing import Any

import numpy as np

from ..device import device
from ..nn.parameter import Parameter
from ..ops.view import owner
from ..tensor import Tensor
from ..types import (
    DType,
    bfloat16,
    bool_,
    complex64,
    complex128,
    dtype_of,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)  # fmt: skip

__all__ = [
    "STORAGE_TYPES", "UNTYPED", "Storage", "StorageType", "locate", "rebuild_device_tensor",
    "rebuild_from_type", "rebuild_parameter", "rebuild_parameter_with_state", "rebuild_tensor",
    "rebuild_tensor_v2", "rebuild_tensor_v3", "reduced_device",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]


class StorageType:
    """PyTorch's storage classes as files name them: `torch.FloatStorage` is memory of float32."""

    __slots__ = ("dtype", "name")

    def __init__(self, name: str, dtype: DType) -> None:
        self.name = name
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"<class 'torch.{self.name}'>"


UNTYPED = StorageType("UntypedStorage", uint8)
STORAGE_TYPES: dict[DType, StorageType] = {
    dtype: StorageType(f"{name}Storage", dtype)
    for name, dtype in {
        "Bool": bool_, "Byte": uint8, "Char": int8, "Short": int16, "Int": int32, "Long": int64,
        "Half": float16,
        "BFloat16": bfloat16, "Float": float32, "Double": float64, "ComplexFloat": complex64,
        "ComplexDouble": complex128,
    }.items()
}  # fmt: skip


class Storage:
    """A one-dimensional array that tensors are views of."""

    __slots__ = ("array", "type")

    def __init__(self, array: Array, kind: StorageType) -> None:
        self.array = array
        self.type = kind

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    def nbytes(self) -> int:
        return int(self.array.nbytes)

    def __len__(self) -> int:
        return len(self.array)


# ----- from a tensor's array to a storage


def locate(a: Array) -> tuple[Storage, int, Ints, Array]:
    """The storage that holds `a`, the offset and strides of `a` in elements, and the array to keep alive.

    Memory that is no plain run of such elements (negative strides, another alignment) is copied.
    """
    a = a if a.dtype.isnative else a.astype(a.dtype.newbyteorder("="))
    root = _root(a)
    size = a.itemsize
    start = _address(a) - _address(root)
    end = start + size + sum((n - 1) * s for n, s in zip(a.shape, a.strides))
    fits = a.size == 0 or (start >= 0 and end <= root.nbytes and min(a.strides, default=0) >= 0)
    aligned = not (
        start % size or root.nbytes % size or any(s % size for s, n in zip(a.strides, a.shape) if n > 1)
    )
    if not (root.flags.forc and fits and aligned):
        root = a = np.ascontiguousarray(a).reshape(a.shape)
        start = 0
    flat = root.reshape(-1, order="A").view(a.dtype)
    kind = STORAGE_TYPES.get(dtype_of(a))
    storage = Storage(flat, kind) if kind is not None else Storage(flat.view(np.uint8), UNTYPED)
    strides = tuple(
        stride // size if n > 1 and a.size else prod(a.shape[i + 1 :])
        for i, (n, stride) in enumerate(zip(a.shape, a.strides))
    )
    return storage, start // size if a.size else 0, strides, root


def _root(a: Array) -> Array:
    """The array that owns the memory of `a`, also behind a view made with strides of its own."""
    root: Array = owner(a)
    keep = getattr(root.base, "keep", None)
    return _root(keep) if isinstance(keep, np.ndarray) else root


def _address(a: Array) -> int:
    return int(a.__array_interface__["data"][0])


# ----- from a storage to a tensor


def rebuild_tensor(storage: Any, storage_offset: Any, size: Any, stride: Any) -> Tensor:
    """The tensor of the given geometry on a storage."""
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError(
            f"a tensor's first argument must be a storage, got {type(storage).__name__}"
        )
    return Tensor._wrap(_strided(storage.array, storage_offset, size, stride))


def rebuild_tensor_v2(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any, backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:  # fmt: skip
    """rebuild_tensor that knows whether it requires a gradient, and PyTorch's lazy conjugate and negative."""
    t = rebuild_tensor(storage, storage_offset, size, stride)
    if metadata:
        t = Tensor._wrap(_resolved(t._array(), metadata))
    t.requires_grad = bool(requires_grad)
    return t


def rebuild_tensor_v3(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any, backward_hooks: Any,
    dtype: Any, metadata: Any = None,
) -> Tensor:  # fmt: skip
    """rebuild_tensor_v2 on an untyped storage, for dtypes without a storage class."""
    if not isinstance(storage, Storage) or not isinstance(dtype, DType):
        raise pickle.UnpicklingError("a tensor of this kind is made of a storage and a dtype")
    if storage.nbytes() % dtype.itemsize:
        raise RuntimeError(f"a storage of {storage.nbytes()} bytes does not hold whole elements of {dtype}")
    typed = Storage(storage.array.view(dtype.np), storage.type)
    return rebuild_tensor_v2(typed, storage_offset, size, stride, requires_grad, backward_hooks, metadata)


def _resolved(a: Array, metadata: dict[str, bool]) -> Array:
    a = a.conj() if metadata.get("conj") else a
    return -a if metadata.get("neg") else a


def _strided(flat: Array, offset: Any, size: Any, stride: Any) -> Array:
    sizes, strides = _lengths("size", size), _lengths("stride", stride)
    (start,) = _lengths("storage_offset", (offset,))
    if len(sizes) != len(strides):
        raise RuntimeError(f"a tensor has as many strides as sizes, got sizes {sizes} and strides {strides}")
    end = start + 1 + sum((n - 1) * s for n, s in zip(sizes, strides))
    if 0 in sizes:
        return np.empty(sizes, flat.dtype)
    if end > len(flat):
        raise RuntimeError(
            f"setStorage: sizes {list(sizes)}, strides {list(strides)}, storage offset {start} are out of "
            f"bounds for storage of size {len(flat)}: the file is corrupt"
        )
    width = flat.itemsize
    try:
        return np.ndarray(sizes, flat.dtype, flat, start * width, [s * width for s in strides])
    except (ValueError, OverflowError) as error:
        raise RuntimeError(f"no tensor can have sizes {sizes} and strides {strides}: {error}") from None


def _lengths(what: str, values: Any) -> Ints:
    if not isinstance(values, (tuple, list)) or any(
        type(v) is not int or v < 0 or v >= 2**62 for v in values
    ):
        raise RuntimeError(
            f"a tensor's {what} must be integers from 0 on, got {values!r:.100}: the file is corrupt"
        )
    return tuple(values)


def _require_tensor(data: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise pickle.UnpicklingError(f"expected a tensor, got {type(data).__name__}")
    return data


def rebuild_parameter(data: Any, requires_grad: Any = True, backward_hooks: Any = None) -> Parameter:
    """A Parameter on the memory of `data`."""
    return Parameter(_require_tensor(data), bool(requires_grad))


def rebuild_parameter_with_state(data: Any, requires_grad: Any, backward_hooks: Any, state: Any) -> Any:
    """A Parameter with attributes of the user's."""
    return _with_state(rebuild_parameter(data, requires_grad), state)


def rebuild_device_tensor(data: Any, dtype: Any, device: Any, requires_grad: Any) -> Tensor:
    """A tensor saved on another device as a copy from the CPU."""
    array = np.asarray(data) if isinstance(data, np.ndarray) else _require_tensor(data)._array()
    return Tensor._wrap(array.astype(dtype.np), bool(requires_grad))


_REBUILDS: tuple[Any, ...] = (
    rebuild_tensor, rebuild_tensor_v2, rebuild_tensor_v3, rebuild_parameter, rebuild_device_tensor,
)  # fmt: skip


def rebuild_from_type(function: Any, new_type: Any, args: Any, state: Any) -> Any:
    """A tensor of a subclass, or one with attributes of the user's."""
    if function not in _REBUILDS:
        raise pickle.UnpicklingError(f"a tensor is not made by {function!r:.100}")
    if not isinstance(new_type, type) or not issubclass(new_type, Tensor):
        raise pickle.UnpicklingError(f"expected a subclass of Tensor, got {new_type!r:.100}")
    t: Tensor = function(*args)
    if type(t) is not new_type:
        t = new_type._wrap(t._array(), t.requires_grad)
    return _with_state(t, state)


def _with_state(t: Tensor, state: Any) -> Tensor:
    """Set the attributes; none that a tensor has of itself, or a file could change what tensors do."""
    if isinstance(state, tuple) and len(state) == 2:
        state = {**(state[0] or {}), **(state[1] or {})}
    for name, value in (state or {}).items():
        if not isinstance(name, str) or hasattr(Tensor, name):
            raise pickle.UnpicklingError(f"a file may not set the attribute {name!r:.50} of a tensor")
        setattr(t, name, value)
    return t


def reduced_device(d: device) -> tuple[Any, ...]:
    """What device() is called with to make `d` again."""
    return device, (d.type,) if d.index is None else (d.type, d.index)
