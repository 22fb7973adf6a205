"""Complex tensors: parts, conjugates, angles, and making them from parts."""

from __future__ import annotations

from typing import Any

from ..dispatch import bind, cast
from ..inplace import inplace
from ..ops import complex as ops
from ..ops import rounding
from ..tensor import Tensor
from ..types import FLOAT, default, scalar_type
from .api import method, tensor_argument, write


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.dtype.is_complex


def real(input: Tensor) -> Tensor:
    """The real part, a view; a real tensor is its own.

    >>> import chainrule as cr
    >>> cr.real(cr.tensor([1 + 2j]))
    tensor([1.])
    """
    tensor_argument("real", input)
    return bind(ops.real, (input,)) if is_complex(input) else input


def imag(input: Tensor) -> Tensor:
    """The imaginary part of a complex tensor, a view."""
    tensor_argument("imag", input)
    if not is_complex(input):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return bind(ops.imag, (input,))


def conj(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor is its own."""
    tensor_argument("conj", input)
    return bind(ops.conj, (input,)) if is_complex(input) else input


def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate, computed at once (conj() is, too)."""
    result = conj(input)
    return result if out is None else write(out, result)


def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugation is never left pending."""
    tensor_argument("resolve_conj", input)
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: negation is never left pending."""
    tensor_argument("resolve_neg", input)
    return input


def is_conj(input: Tensor) -> bool:
    """Whether a conjugation is pending: never."""
    return False


def is_neg(input: Tensor) -> bool:
    """Whether a negation is pending: never."""
    return False


def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The argument of each complex number in radians; π for negative real numbers, else 0."""
    tensor_argument("angle", input)
    if input.dtype.category < FLOAT:
        input = cast(input, default.dtype)
    result: Tensor = bind(ops.angle, (input,))
    return result if out is None else write(out, result)


def sgn(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x/|x| of complex numbers, the sign of real ones; 0 at 0."""
    tensor_argument("sgn", input)
    result: Tensor = bind(ops.complex_sgn if is_complex(input) else rounding.sgn, (input,))
    return result if out is None else write(out, result)


def complex(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex tensor real + i·imag of two float tensors of one dtype.

    >>> import chainrule as cr
    >>> cr.complex(cr.tensor([1.0]), cr.tensor([2.0]))
    tensor([1.+2.j])
    """
    _require_pair("complex", real, imag)
    result: Tensor = bind(ops.complex, (real, imag))
    return result if out is None else write(out, result)


def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex tensor abs·(cos angle + i·sin angle)."""
    _require_pair("polar", abs, angle)
    result = complex(abs * angle.cos(), abs * angle.sin())
    return result if out is None else write(out, result)


def _require_pair(name: str, a: Any, b: Any) -> None:
    tensor_argument(name, a)
    tensor_argument(name, b, 2)
    for x in (a, b):
        if x.dtype.category != FLOAT:
            raise RuntimeError(
                f"Expected both inputs to be Half, Float or Double tensors but got {scalar_type(a.dtype)} "
                f"and {scalar_type(b.dtype)}"
            )
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {scalar_type(a.dtype)} but got scalar type "
            f"{scalar_type(b.dtype)} for second argument"
        )


def view_as_real(input: Tensor) -> Tensor:
    """A view of a complex tensor as pairs of reals along a new last dimension."""
    tensor_argument("view_as_real", input)
    if not is_complex(input):
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return bind(ops.view_as_real, (input,))


def view_as_complex(input: Tensor) -> Tensor:
    """A view of pairs of reals along the last dimension as complex numbers."""
    tensor_argument("view_as_complex", input)
    if input.dtype.category != FLOAT:
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of "
            "scalar type: " + scalar_type(input.dtype)
        )
    return bind(ops.view_as_complex, (input,))


def _set_real(self: Tensor, value: Any) -> None:
    real(self).copy_(value if isinstance(value, Tensor) else Tensor._wrap(_array(value)))


def _set_imag(self: Tensor, value: Any) -> None:
    imag(self).copy_(value if isinstance(value, Tensor) else Tensor._wrap(_array(value)))


def _array(value: Any) -> Any:
    import numpy as np

    return np.asarray(value, default.dtype.np)


for _function in (conj, conj_physical, resolve_conj, resolve_neg, is_conj, is_neg, angle, sgn):
    method(_function)
Tensor.is_complex = is_complex  # type: ignore[attr-defined]
Tensor.sgn_ = inplace(rounding.sgn, sgn)  # type: ignore[attr-defined]
Tensor.real = property(real, _set_real)  # type: ignore[attr-defined]
Tensor.imag = property(imag, _set_imag)  # type: ignore[attr-defined]
conj_physical_ = inplace(ops.conj, conj_physical)
Tensor.conj_physical_ = conj_physical_  # type: ignore[attr-defined]

__all__ = [
    "angle",
    "complex",
    "conj",
    "conj_physical",
    "conj_physical_",
    "imag",
    "is_complex",
    "is_conj",
    "is_neg",
    "polar",
    "real",
    "resolve_conj",
    "resolve_neg",
    "sgn",
    "view_as_complex",
    "view_as_real",
]
