"""Dtypes, PyTorch's promotion rules, shapes and broadcasting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ._structure import changed

Shape = tuple[int, ...]


class DType:
    """A tensor's element type, printed as PyTorch prints it (`torch.float32`).

    >>> float32.itemsize, float32.is_floating_point
    (4, True)
    """

    __slots__ = ("category", "itemsize", "name", "np")

    def __init__(self, name: str, np_dtype: Any, category: int) -> None:
        self.name = name
        self.np = np.dtype(np_dtype)
        self.category = category
        self.itemsize = self.np.itemsize

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOAT

    @property
    def is_complex(self) -> bool:
        return self.category == COMPLEX

    @property
    def is_signed(self) -> bool:
        return self.category >= FLOAT or self.np.kind == "i"

    def to_complex(self) -> DType:
        return complex128 if self in (float64, complex128) else complex64

    def to_real(self) -> DType:
        return {complex64: float32, complex128: float64}.get(self, self)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        return _named, (self.name,)

    def __deepcopy__(self, memo: dict[int, Any]) -> DType:
        return self


def _named(name: str) -> DType:
    return DTYPES[name]


BOOL, INT, FLOAT, COMPLEX = range(4)

bool_ = DType("bool", np.bool_, BOOL)
uint8 = DType("uint8", np.uint8, INT)
int8 = DType("int8", np.int8, INT)
int16 = DType("int16", np.int16, INT)
int32 = DType("int32", np.int32, INT)
int64 = DType("int64", np.int64, INT)
uint16 = DType("uint16", np.uint16, INT)
uint32 = DType("uint32", np.uint32, INT)
uint64 = DType("uint64", np.uint64, INT)
float16 = DType("float16", np.float16, FLOAT)
bfloat16 = DType("bfloat16", ml_dtypes.bfloat16, FLOAT)
float32 = DType("float32", np.float32, FLOAT)
float64 = DType("float64", np.float64, FLOAT)
complex64 = DType("complex64", np.complex64, COMPLEX)
complex128 = DType("complex128", np.complex128, COMPLEX)

DTYPES: dict[str, DType] = {
    d.name: d
    for d in (
        bool_, uint8, int8, int16, int32, int64, uint16, uint32, uint64,
        float16, bfloat16, float32, float64, complex64, complex128,
    )
}  # fmt: skip
ALIASES = {
    "half": float16, "float": float32, "double": float64, "short": int16, "int": int32, "long": int64,
    "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip
FROM_NUMPY: dict[np.dtype[Any], DType] = {d.np: d for d in DTYPES.values()}

_SCALAR_TYPES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64", "float16": "Half", "bfloat16": "BFloat16",
    "float32": "Float", "float64": "Double", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip


def scalar_type(dtype: DType) -> str:
    """What PyTorch's error messages call the dtype, such as Float or Long."""
    return _SCALAR_TYPES[dtype.name]


class _Default:
    """The dtype that Python floats become; a holder, so that every module sees a change."""

    dtype = float32


default = _Default()


def set_default_dtype(dtype: DType) -> None:
    """Make `dtype` the type of new floating tensors (float32 at start; float64 for exact work)."""
    if not isinstance(dtype, DType) or not dtype.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {dtype!r}")
    default.dtype = dtype
    changed()


def get_default_dtype() -> DType:
    """The dtype that new floating tensors get."""
    return default.dtype


def dtype_of(array: Any) -> DType:
    """The DType of an ndarray or NumPy scalar."""
    try:
        return FROM_NUMPY[array.dtype]
    except KeyError:
        return _foreign(array.dtype)


def _foreign(dtype: np.dtype[Any]) -> DType:
    native = dtype.newbyteorder("=")
    if native in FROM_NUMPY:
        return FROM_NUMPY[native]
    raise TypeError(
        f"can't convert np.ndarray of type numpy.{dtype}. The only supported types are: "
        "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, "
        "uint64, uint32, uint16, uint8, and bool."
    )


def as_dtype(value: Any) -> DType:
    """A DType from a DType, a Python type or a NumPy dtype."""
    if isinstance(value, DType):
        return value
    if value is float:
        return default.dtype
    if value is int:
        return int64
    if value is bool:
        return bool_
    if value is complex:
        return default.dtype.to_complex()
    try:
        return FROM_NUMPY[np.dtype(value)]
    except (TypeError, KeyError):
        raise TypeError(f"dtype must be a torch dtype, got {value!r}") from None


def promote_types(a: DType, b: DType) -> DType:
    """The smallest dtype of PyTorch's lattice that both fit in: a higher category wins whole.

    >>> promote_types(int64, float32)
    torch.float32
    """
    if a is b:
        return a
    if a.category != b.category:
        low, high = (a, b) if a.category < b.category else (b, a)
        return complex128 if high is complex64 and low is float64 else high
    if {a, b} == {float16, bfloat16}:
        return float32
    return FROM_NUMPY[np.promote_types(a.np, b.np)]


def scalar_dtype(value: Any) -> DType:
    """The dtype that a Python number counts as when it meets other numbers."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return default.dtype
    if isinstance(value, (complex, np.complexfloating)):
        return default.dtype.to_complex()
    raise TypeError(f"expected a number, got {type(value).__name__}")


def _combine(high: DType | None, low: DType | None) -> DType | None:
    """PyTorch's rule for two priority classes: the lower one counts only by its category."""
    if high is None or low is None:
        return high or low
    if high.category >= low.category and high is not bool_:
        return high
    if high.category == FLOAT and low.category == COMPLEX:
        return high.to_complex()
    return promote_types(high, low)


def result_type(operands: Iterable[tuple[DType, int | None]]) -> DType:
    """PyTorch's result dtype of operands given as (dtype, ndim); ndim None is a Python number."""
    dims: DType | None = None
    zero: DType | None = None
    number: DType | None = None
    for dtype, ndim in operands:
        if ndim is None:
            number = dtype if number is None else promote_types(number, dtype)
        elif ndim == 0:
            zero = dtype if zero is None else promote_types(zero, dtype)
        else:
            dims = dtype if dims is None else promote_types(dims, dtype)
    found = _combine(dims, _combine(zero, number))
    if found is None:
        raise TypeError("result_type() needs at least one tensor or number")
    return found


def broadcast_shapes(*shapes: Sequence[int]) -> Shape:
    """The shape that all `shapes` broadcast to.

    Raises RuntimeError that names the two sizes and the dimension that differ.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    ndim = max((len(s) for s in shapes), default=0)
    out = [1] * ndim
    for shape in shapes:
        for i, size in enumerate(shape, ndim - len(shape)):
            if size == 1 or size == out[i]:
                continue
            if out[i] != 1:
                raise RuntimeError(
                    f"The size of tensor a ({out[i]}) must match the size of tensor b ({size}) "
                    f"at non-singleton dimension {i}"
                )
            out[i] = size
    return tuple(out)


def wrap_dim(dim: int, ndim: int) -> int:
    """A dimension counted from the front; 0-dim tensors accept 0 and -1, as in PyTorch."""
    low, high = (-ndim, ndim - 1) if ndim else (-1, 0)
    if type(dim) is not int:
        dim = _index(dim)
    if not low <= dim <= high:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"
        )
    return dim + ndim if dim < 0 and ndim else (0 if not ndim else dim)


def _index(dim: Any) -> int:
    try:
        return int(dim.__index__())
    except (AttributeError, TypeError):
        raise TypeError(f"dim must be an int, got {type(dim).__name__}") from None


def wrap_dims(dims: Any, ndim: int) -> tuple[int, ...]:
    """All dimensions for None or (), else each wrapped once; a repeated one is an error."""
    if dims is None or dims == ():
        return tuple(range(ndim))
    if isinstance(dims, int):
        only = wrap_dim(dims, ndim)
        return (only,) if ndim else ()
    out = tuple(wrap_dim(d, ndim) for d in dims)
    if len(set(out)) != len(out):
        twice = next(d for d in out if out.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return out if ndim else ()
