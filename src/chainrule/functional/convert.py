"""Conversions of dtype and device, and what a tensor says about itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._size import size_of
from ..device import device as Device
from ..device import require_cpu
from ..dispatch import bind, cast
from ..ops.rearrange import clone as clone_op
from ..ops.rearrange import contiguous as contiguous_op
from ..ops.view import element_offset, owner
from ..tensor import Tensor
from ..types import (
    DTYPES,
    FLOAT,
    FROM_NUMPY,
    DType,
    as_dtype,
    dtype_of,
    scalar_dtype,
    wrap_dim,
)  # fmt: skip
from ..types import promote_types as _promote
from ..types import result_type as _result
from .api import method, tensor_argument

# ----- memory layouts


class MemoryFormat:
    """How a tensor's elements lie in memory, such as torch.contiguous_format."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class layout(MemoryFormat):
    """The kind of storage: torch.strided, a dense block of memory with a stride for each dimension."""

    __slots__ = ()


memory_format = MemoryFormat
strided = layout("strided")
contiguous_format = MemoryFormat("contiguous_format")
preserve_format = MemoryFormat("preserve_format")
channels_last = MemoryFormat("channels_last")
channels_last_3d = MemoryFormat("channels_last_3d")


def is_contiguous(self: Tensor, memory_format: MemoryFormat = contiguous_format) -> bool:
    """Whether the elements lie in memory in order, without gaps."""
    a = self._a
    if memory_format in (channels_last, channels_last_3d):
        return bool(
            a.ndim == (4 if memory_format is channels_last else 5)
            and np.moveaxis(a, 1, -1).flags.c_contiguous
        )
    return bool(a.flags.c_contiguous)


def contiguous(self: Tensor, memory_format: MemoryFormat = contiguous_format) -> Tensor:
    """The tensor itself if its elements lie in order, else a copy in which they do."""
    return self if self._a.flags.c_contiguous else bind(contiguous_op, (self,))


# ----- to


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """to(dtype), to(device), to(device, dtype), to(other): the tensor in that form; itself if it already is.

    >>> import chainrule as cr
    >>> cr.tensor([1, 2]).to(cr.float64)
    tensor([1., 2.], dtype=torch.float64)
    """
    if len(args) == 1 and type(args[0]) is DType and not kwargs:
        return self if self._a.dtype == args[0].np else cast(self, args[0])
    dtype, copy = _parse_to(args, dict(kwargs))
    if dtype is not None and self._a.dtype != dtype.np:
        return cast(self, dtype)
    return bind(clone_op, (self,)) if copy else self


def _parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[DType | None, bool]:
    """The dtype and `copy` that the arguments of to() ask for; the device must be the CPU."""
    dtype, device = kwargs.pop("dtype", None), kwargs.pop("device", None)
    copy = kwargs.pop("copy", False)
    other = kwargs.pop("other", None)
    rest = list(args)
    kwargs.pop("non_blocking", None), kwargs.pop("memory_format", None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    if rest and isinstance(rest[0], Tensor):
        other = rest.pop(0)
    elif (
        rest
        and not isinstance(rest[0], DType)
        and (rest[0] is None or isinstance(rest[0], (str, Device, int)))
    ):
        device = rest.pop(0)
    if rest and dtype is None and not isinstance(rest[0], bool):
        dtype = rest.pop(0)
    if len(rest) > 1:
        copy = bool(rest[1])
    require_cpu(device)
    if other is not None:
        dtype = dtype_of(other._a)
    if dtype is None and not (args or copy or other is not None or device is not None):
        raise TypeError(
            "to() received an invalid combination of arguments: expected a dtype, a device or a tensor"
        )
    if dtype is not None and not isinstance(dtype, (DType, type, np.dtype)):
        raise TypeError(f"to() received an invalid combination of arguments: {dtype!r} is not a dtype")
    return (None if dtype is None else as_dtype(dtype)), copy


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The type's name, such as 'torch.FloatTensor'; given a dtype or such a name, the tensor in that type."""
    if dtype is None:
        return "torch." + TYPE_NAMES[dtype_of(self._a).name]
    if isinstance(dtype, str):
        found = _BY_TYPE_NAME.get(dtype.removeprefix("torch."))
        if found is None:
            raise ValueError(f"invalid type: '{dtype}'")
        return to(self, found)
    return to(self, dtype if isinstance(dtype, DType) else getattr(dtype, "dtype", dtype))


TYPE_NAMES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor",
    "uint8": "ByteTensor", "int8": "CharTensor", "int16": "ShortTensor", "int32": "IntTensor",
    "int64": "LongTensor",
    "bool": "BoolTensor", "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor",
    "uint16": "UInt16Tensor", "uint32": "UInt32Tensor", "uint64": "UInt64Tensor",
}  # fmt: skip
_BY_TYPE_NAME = {name: DTYPES[key] for key, name in TYPE_NAMES.items()}


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """to() the dtype of `other`."""
    return to(self, dtype_of(other._a))


def _converter(name: str, dtype: DType) -> Callable[..., Tensor]:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        return self if self._a.dtype == dtype.np else cast(self, dtype)

    convert.__name__ = name
    convert.__doc__ = f"to(torch.{dtype.name})."
    return convert


for _name, _dtype in {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "int": "int32",
    "long": "int64",
    "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool", "cfloat": "complex64",
    "cdouble": "complex128",
}.items():  # fmt: skip
    method(_converter(_name, DTYPES[_dtype]), _name)


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in the CPU's memory: itself."""
    return self


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """Refused: there is no GPU here."""
    require_cpu(Device("cuda"))
    return self


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: pinning speeds up copies to a GPU, and there is none."""
    return self


def share_memory_(self: Tensor) -> Tensor:
    """The tensor itself; kept so that scripts for several processes run."""
    return self


# ----- sizes and types


def size(self: Tensor, dim: int | None = None) -> Any:
    """The shape, or the size of one dimension."""
    if dim is None:
        return size_of(self._a.shape)
    shape = self._a.shape
    if not shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return shape[wrap_dim(dim, len(shape))]


def stride(self: Tensor, dim: int | None = None) -> Any:
    """How many elements of memory lie between neighbours along each dimension (or one)."""
    a = self._a
    steps = tuple([s // a.itemsize for s in a.strides])
    if dim is None:
        return steps
    if not steps:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return steps[wrap_dim(dim, len(steps))]


def numel(input: Tensor) -> int:
    """The number of elements."""
    tensor_argument("numel", input)
    return int(input._a.size)


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage object; there are none here."""
    return False


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a real floating one."""
    tensor_argument("is_floating_point", input)
    return FROM_NUMPY[input._a.dtype].category == FLOAT


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not zero."""
    tensor_argument("is_nonzero", input)
    if input._a.size != 1:
        kind = "no values" if not input._a.size else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {kind} is ambiguous")
    return bool(input.item())


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape."""
    return bool(input._a.shape == other._a.shape)


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both show the same memory in the same way."""
    a, b = self._array(), tensor._array()
    same = a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
    return bool(same and a.shape == b.shape and a.strides == b.strides)


def is_signed(self: Tensor) -> bool:
    """Whether the dtype holds negative numbers."""
    return dtype_of(self._a).is_signed


def data_ptr(self: Tensor) -> int:
    """The address of the first element."""
    return int(self._array().__array_interface__["data"][0]) if self._a.size else 0


def storage_offset(self: Tensor) -> int:
    """Where this view begins in the memory it shows, in elements."""
    return element_offset(self._array()) if self._a.size else 0


class UntypedStorage:
    """The memory behind a tensor and its views: its size and address."""

    def __init__(self, array: Any) -> None:
        self._array = owner(array)

    def nbytes(self) -> int:
        """The size in bytes."""
        return int(self._array.nbytes)

    def size(self) -> int:
        """The size in bytes."""
        return self.nbytes()

    __len__ = size

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return int(self._array.__array_interface__["data"][0])


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The memory behind this tensor and its views."""
    return UntypedStorage(self._array())


def _false(self: Tensor) -> bool:
    """False: there are only dense tensors in the CPU's memory."""
    return False


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace every element x by callable(x), in place (slow: one Python call each)."""
    return _map("apply_", self, callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace every element x by callable(x, y) with y of `tensor`, in place."""
    return _map("map_", self, callable, tensor)


def _map(name: str, x: Tensor, function: Callable[..., Any], *others: Tensor) -> Tensor:
    if x._node is not None:
        raise TypeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
        )
    a = x._array()
    lists = [np.broadcast_to(o._values(), a.shape).ravel().tolist() for o in (x, *others)]
    a[...] = np.array([function(*v) for v in zip(*lists)]).astype(a.dtype).reshape(a.shape)
    return x


# ----- promotion


def can_cast(from_: DType, to: DType) -> bool:
    """Whether a result may be converted: never to a lower category of bool, integer, float, complex."""
    return from_.category <= to.category


def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest dtype that both fit in.

    >>> import chainrule as cr
    >>> cr.promote_types(cr.int64, cr.float32)
    torch.float32
    """
    return _promote(type1, type2)


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype of an arithmetic result of two tensors or numbers."""
    return _result(
        [
            (dtype_of(x._a), x._a.ndim) if isinstance(x, Tensor) else (scalar_dtype(x), None)
            for x in (tensor1, tensor2)
        ]
    )


for _function in (
    is_contiguous, contiguous, to, type_as, cpu, cuda, pin_memory, share_memory_, size, stride, numel,
    is_floating_point,
    is_nonzero, is_same_size, is_set_to, is_signed, data_ptr, storage_offset, untyped_storage, apply_, map_,
):  # fmt: skip
    method(_function)
method(type_, "type")
method(numel, "nelement")
method(lambda self: self._a.ndim, "dim", "ndimension")
method(lambda self: self._a.itemsize, "element_size")
method(lambda self: -1, "get_device")
method(_false, "is_pinned", "is_shared", "is_coalesced", "is_inference")
for _name in (
    "is_cuda", "is_sparse", "is_sparse_csr", "is_quantized", "is_mps", "is_xpu", "is_meta", "is_nested",
    "is_mkldnn",
    "is_ipu", "is_xla", "is_mtia", "is_vulkan", "is_maia",
):  # fmt: skip
    setattr(Tensor, _name, property(_false))
_PROPERTIES: dict[str, Callable[[Tensor], Any]] = {
    "is_cpu": lambda self: True,
    "layout": lambda self: strided,
    "names": lambda self: (None,) * self._a.ndim,
    "name": lambda self: None,
    "itemsize": lambda self: int(self._a.itemsize),
    "nbytes": lambda self: int(self._a.nbytes),
}
for _name, _getter in _PROPERTIES.items():
    setattr(Tensor, _name, property(_getter))

__all__ = [
    "can_cast", "channels_last", "channels_last_3d", "contiguous_format", "is_floating_point", "is_nonzero",
    "is_same_size", "is_storage", "is_tensor", "layout", "memory_format", "numel", "preserve_format",
    "promote_types",
    "result_type", "strided",
]  # fmt: skip
