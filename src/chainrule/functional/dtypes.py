"""Limits of the dtypes, the default dtype and device, and the typed constructors FloatTensor, LongTensor …"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from .. import types
from .._size import Size
from ..device import device as Device
from ..device import require_cpu
from ..tensor import Tensor
from ..types import DTYPES, DType, default, get_default_dtype, set_default_dtype
from .convert import TYPE_NAMES
from .create import to_array


class finfo:
    """Limits of a floating dtype: eps, min, max, tiny, smallest_normal, resolution, bits.

    >>> import chainrule as cr
    >>> cr.finfo(cr.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: DType | None = None) -> None:
        dtype = default.dtype if type is None else type
        if not isinstance(dtype, DType):
            raise TypeError(
                f"finfo(): argument 'type' (position 1) must be torch.dtype, not {dtype.__class__.__name__}"
            )
        if dtype.category < types.FLOAT:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        info = ml_dtypes.finfo(dtype.to_real().np)  # type: ignore[no-untyped-call]
        self.bits: int = int(info.bits)
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = 10.0 ** -int(info.precision)
        self.dtype = dtype.to_real().name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


class iinfo:
    """Limits of an integer dtype: min, max, bits.

    >>> import chainrule as cr
    >>> cr.iinfo(cr.int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, type: DType) -> None:
        if not isinstance(type, DType):
            raise TypeError(
                f"iinfo(): argument 'type' (position 1) must be torch.dtype, not {type.__class__.__name__}"
            )
        if type.category >= types.FLOAT:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'"
            )
        if type.category == types.BOOL:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        info = np.iinfo(type.np)
        self.bits, self.min, self.max, self.dtype = int(info.bits), int(info.min), int(info.max), type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


class _TypedTensor(type):
    """The class behind FloatTensor and its kind: calling makes a tensor, isinstance asks for the dtype."""

    dtype: DType

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Tensor) and x._a.dtype == cls.dtype.np

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        return typed(cls.dtype, args, kwargs.pop("device", None))

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def typed(dtype: DType, args: tuple[Any, ...], device: Any = None) -> Tensor:
    """The legacy constructor: sizes make a tensor of that shape, a sequence one that holds it."""
    require_cpu(device)
    if len(args) == 1 and not isinstance(args[0], (int, np.integer, Size)):
        if isinstance(args[0], Tensor):
            if args[0]._a.dtype != dtype.np:
                raise TypeError(f"expected a tensor of dtype {dtype} (got {args[0].dtype})")
            return Tensor._wrap(args[0]._array())
        return Tensor._wrap(to_array(args[0], dtype))
    sizes = args[0] if len(args) == 1 and isinstance(args[0], Size) else args or (0,)
    return Tensor._wrap(np.zeros(sizes, dtype.np))


def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of this dtype from sizes or from a sequence (legacy)."""
    return typed(self.dtype, args, device)


def set_default_device(device: Any) -> None:
    """Accepted for the CPU, the only device."""
    require_cpu(device)


def get_default_device() -> Device:
    """The CPU."""
    return Device("cpu")


def set_default_tensor_type(t: Any) -> None:
    """set_default_dtype() by a tensor type or its name, such as 'torch.DoubleTensor'."""
    dtype = getattr(t, "dtype", None)
    if isinstance(t, str):
        dtype = next((DTYPES[k] for k, v in TYPE_NAMES.items() if v == t.removeprefix("torch.")), None)
    if not isinstance(dtype, DType):
        raise TypeError(f"invalid type object: {t!r}")
    set_default_dtype(dtype)


def typename(obj: Any) -> str:
    """The name of an object's type: 'torch.FloatTensor' for tensors, else with its module."""
    if isinstance(obj, Tensor):
        return str(obj.type())
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


e, inf, nan, pi, newaxis = math.e, math.inf, math.nan, math.pi, None
Tensor.new = new  # type: ignore[attr-defined]
__all__ = [
    "Size", "e", "finfo", "get_default_device", "get_default_dtype", "iinfo", "inf", "nan", "newaxis", "pi",
    "set_default_device", "set_default_dtype",
    "set_default_tensor_type", "typename",
]  # fmt: skip
for _key, _name in TYPE_NAMES.items():
    globals()[_name] = _TypedTensor(_name, (), {"dtype": DTYPES[_key]})
    __all__.append(_name)

if TYPE_CHECKING:  # the names that the loop above makes

    def __getattr__(name: str) -> Any: ...
