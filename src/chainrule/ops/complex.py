"""Complex numbers: parts, conjugate, argument, and the views between them and pairs of reals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import float32, float64
from .movement import to
from .record import ADD, BIG, POW, Bad, Op, Spec, broadcast_shape, structured
from .rules import is_complex, real_dtype

_LOWER = "by its NumPy forward: complex numbers are not compiled"


def _numbers(rng: Any, *shape: int) -> Any:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


_PART: dict[str, Any] = {
    "view": True,
    "shape": lambda a: a.shape,
    "dtype": real_dtype,
    "samples": lambda rng: [(_numbers(rng, 2, 3),)],
}

real: Op = structured(
    "real",
    lambda a: a.real,
    vjp=(lambda g, y, a: to(g, a.dtype),),
    tex=r"\operatorname{{Re}} {0}",
    prec=BIG,
    **_PART,
)
imag: Op = structured(
    "imag", lambda a: a.imag, vjp=(lambda g, y, a: g * 1j,), tex=r"\operatorname{{Im}} {0}", prec=BIG, **_PART
)

conj: Op = structured(
    "conj",
    lambda a: a.conj() if a.dtype.kind == "c" else a,
    vjp=(lambda g, y, a: conj(g),),
    shape=lambda a: a.shape,
    tex=r"\overline{{{0}}}",
    samples=lambda rng: [(_numbers(rng, 2, 3),)],
)


def _angle(a: Any) -> Any:
    if a.dtype.kind == "c":
        return np.angle(a)
    return np.where(np.isnan(a), a, np.where(a < 0, np.pi, 0)).astype(a.dtype)


def _angle_rule(g: Any, y: Any, a: Any) -> Any:
    """g·i·a/|a|²: turning is moving at a right angle. A real number does not turn."""
    from .select import where

    if not is_complex(a):
        return g * 0
    size = real(a * conj(a))
    return where(size == 0, 0.0, g * (a * 1j) / size)


angle = structured(
    "angle",
    _angle,
    vjp=(_angle_rule,),
    shape=lambda a: a.shape,
    dtype=real_dtype,
    tex=r"\arg {0}",
    prec=BIG,
    samples=lambda rng: [(_numbers(rng, 2, 3),), (rng.normal(size=(3,)),)],
    singular="a = 0: 0",
)


def _complex_sgn_rule(g: Any, y: Any, a: Any) -> Any:
    """(g - y·Re(ȳg))/|a|: what is left of g at a right angle to a, and 0 at 0."""
    from .rounding import abs
    from .select import where

    size = abs(a)
    return where(size == 0, 0.0, (g - y * real(conj(y) * g)) / size)


complex_sgn = structured(
    "complex_sgn",
    np.sign,
    vjp=(_complex_sgn_rule,),
    shape=lambda a: a.shape,
    lower=_LOWER,
    tex=r"\frac{{{0}}}{{\left|{0}\right|}}",
    prec=POW,
    samples=lambda rng: [(_numbers(rng, 2, 3),)],
    singular="a = 0: 0",
    grad_name="SgnBackward0",
)


def _join(re: Any, im: Any) -> Any:
    out = np.empty(np.broadcast_shapes(re.shape, im.shape), np.result_type(re.dtype, np.complex64))
    out.real, out.imag = re, im
    return out


complex = structured(
    "complex",
    _join,
    nargs=2,
    vjp=(lambda g, y, re, im: real(g), lambda g, y, re, im: imag(g)),
    shape=broadcast_shape,
    dtype=lambda re, im: re.dtype.to_complex(),
    lower=_LOWER,
    tex=r"{0} + i \, {1}",
    prec=ADD,
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=(3,)))],
)


def _from_pairs(a: Any) -> Any:
    if not a.ndim or a.shape[-1] != 2:
        raise ValueError("the last dimension holds the real and the imaginary part")
    pair = np.ascontiguousarray(a)
    return pair.view(np.result_type(a.dtype, np.complex64))[..., 0]


def _to_pairs(a: Any) -> Any:
    return a[..., None].view(a.real.dtype)


def _pair_shape(a: Spec) -> Any:
    if a.dtype not in (float32, float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of "
            f"scalar type: {a.dtype}"
        )
    if not a.shape or a.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return a.shape[:-1]


view_as_real: Op = structured(
    "view_as_real",
    _to_pairs,
    vjp=(lambda g, y, a: view_as_complex(g),),
    shape=lambda a: (*a.shape, 2),
    view=True,
    dtype=real_dtype,
    tex="{0}",
    samples=lambda rng: [(_numbers(rng, 2, 3),)],
)
view_as_complex: Op = structured(
    "view_as_complex",
    _from_pairs,
    vjp=(lambda g, y, a: view_as_real(g),),
    shape=_pair_shape,
    view=True,
    dtype=lambda a: a.dtype.to_complex(),
    tex="{0}",
    samples=lambda rng: [(rng.normal(size=(3, 2)),)],
    bad=[Bad(lambda: (np.zeros((2, 3)),), RuntimeError, "last dimension of size 2")],
)
