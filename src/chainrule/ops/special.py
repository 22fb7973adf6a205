"""Special functions, by SciPy, which is imported when the first of them is used."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .exponential import exp, log
from .record import MUL, NEG, Op, Rule, elementwise
from .select import where
from .trigonometric import cos


def scipy_special(name: str) -> Rule:
    """SciPy's function of that name, in the arguments' dtype."""

    def forward(*arrays: Any) -> Any:
        from scipy import special

        dtype = arrays[0].dtype
        if dtype.kind == "V" or dtype.itemsize == 2:  # half precision is computed in single
            arrays = tuple([a.astype(np.float32) for a in arrays])
        return getattr(special, name)(*arrays).astype(dtype, copy=False)

    return forward


def _special(name: str, scipy_name: str, d: Any, *, tex: str = "", **facets: Any) -> Op:
    facets.setdefault("lower", f"by SciPy: {scipy_name}")
    facets.setdefault("grad_name", f"Special{name.title().replace('_', '')}Backward0")
    return elementwise(
        name,
        scipy_special(scipy_name),
        d,
        tex=tex or rf"\operatorname{{{{{name}}}}}({{0}})",
        floats=True,
        **facets,
    )


_PLAIN: dict[str, Any] = {"grad_name": ""}
_ROOT = 2 / math.sqrt(math.pi)
erf_values = scipy_special("erf")

erf: Op = _special("erf", "erf", lambda y, a: _ROOT * exp(-a * a), lower="erf(a)", **_PLAIN)
erfc: Op = _special("erfc", "erfc", lambda y, a: -_ROOT * exp(-a * a), lower="erfc(a)", **_PLAIN)
erfinv: Op = _special("erfinv", "erfinv", lambda y, a: exp(y * y) / _ROOT, domain=(-0.9, 0.9), **_PLAIN)
erfcx: Op = _special("erfcx", "erfcx", lambda y, a: 2 * a * y - _ROOT)
ndtr: Op = _special("ndtr", "ndtr", lambda y, a: exp(-0.5 * a * a) / math.sqrt(2 * math.pi), tex=r"\Phi({0})")
ndtri: Op = _special(
    "ndtri",
    "ndtri",
    lambda y, a: exp(0.5 * y * y) * math.sqrt(2 * math.pi),
    tex=r"\Phi^{{-1}}({0})",
    domain=(0.1, 0.9),
)
log_ndtr: Op = _special(
    "log_ndtr",
    "log_ndtr",
    lambda y, a: math.sqrt(2 / math.pi) / erfcx(a * -math.sqrt(0.5)),
    tex=r"\ln \Phi({0})",
)


def _entr(a: Any) -> Any:
    out = np.where(a > 0, -a * np.log(np.where(a > 0, a, 1)), np.where(a == 0, 0, -np.inf))
    return np.where(a != a, a, out).astype(a.dtype)


entr: Op = elementwise(
    "entr",
    _entr,
    lambda y, a: -log(a) - 1,
    tex=r"-{0} \, \ln({0})",
    prec=NEG,
    lower="select(a > 0, -a * log(a), select(a == 0, 0, select(isnan(a), a, -inf)))",
    domain=(0.2, 3.0),
    floats=True,
    grad_name="SpecialEntrBackward0",
)

# ----- the gamma function and its kin


def _lgamma(a: Any) -> Any:
    out = scipy_special("gammaln")(a)
    return np.where(a == -np.inf, a.dtype.type(np.inf), out)


lgamma: Op = elementwise(
    "lgamma",
    _lgamma,
    lambda y, a: digamma(a),
    tex=r"\ln\left|\Gamma({0})\right|",
    lower="by SciPy: gammaln",
    floats=True,
    domain=(0.4, 4.0),
)


def _digamma(a: Any) -> Any:
    """SciPy's, with PyTorch's values at the poles: ∓inf at ±0, nan at the negative whole numbers."""
    out = scipy_special("psi")(a)
    out = np.where(a == 0, np.copysign(a.dtype.type(np.inf), -a), out)
    return np.where((a < 0) & (a == np.floor(a)), a.dtype.type(np.nan), out)


digamma: Op = elementwise(
    "digamma",
    _digamma,
    lambda y, a: polygamma(a, 1),
    tex=r"\psi({0})",
    lower="by SciPy: psi",
    floats=True,
    domain=(0.4, 4.0),
)


def _polygamma(a: Any, n: int) -> Any:
    if n == 0:
        return _digamma(a)
    values = scipy_special("zeta")(np.asarray(n + 1.0, a.dtype), a)
    return (a.dtype.type((-1.0) ** (n + 1) * math.factorial(n)) * values).astype(a.dtype)


polygamma: Op = elementwise(
    "polygamma",
    _polygamma,
    lambda y, a, n: polygamma(a, n + 1),
    attrs={"n": 2},
    tex=r"\psi^{{({1})}}({0})",
    lower="by SciPy: zeta",
    floats=True,
    domain=(0.4, 4.0),
)


def _by_a(y: Any, a: Any, x: Any) -> Any:
    raise NotImplementedError(
        "the derivative of igamma and igammac by their first argument is not implemented: PyTorch has "
        "none either; "
        "detach() it if it is constant"
    )


def _gamma_density(a: Any, x: Any) -> Any:
    """xᵃ⁻¹e⁻ˣ/Γ(a), through logarithms, so that the large factors cancel before exp."""
    return exp((a - 1) * log(x) - x - lgamma(a))


igamma: Op = _special(
    "igamma",
    "gammainc",
    (_by_a, lambda y, a, x: _gamma_density(a, x)),
    tex=r"P({0}, {1})",
    domain=((0.4, 4.0), (0.2, 3.0)),
    grad_name="",
)
igammac: Op = _special(
    "igammac",
    "gammaincc",
    (_by_a, lambda y, a, x: -_gamma_density(a, x)),
    tex=r"Q({0}, {1})",
    domain=((0.4, 4.0), (0.2, 3.0)),
    grad_name="",
)


def _by_s(y: Any, s: Any, q: Any) -> Any:
    raise NotImplementedError(
        "the derivative of zeta by its first argument is not implemented: PyTorch has none either"
    )


zeta: Op = _special(
    "zeta",
    "zeta",
    (_by_s, lambda y, s, q: -s * zeta(s + 1, q)),
    tex=r"\zeta({0}, {1})",
    domain=((1.5, 4.0), (0.5, 3.0)),
)

# ----- Bessel functions


def _ratio(numerator: Any, a: Any, at_zero: float) -> Any:
    """numerator/a with its limit at 0."""
    return where(a == 0, at_zero, numerator / where(a == 0, 1.0, a))


i0: Op = _special("i0", "i0", lambda y, a: i1(a), tex="I_0({0})", grad_name="")
i1: Op = _special("i1", "i1", lambda y, a: i0(a) - _ratio(y, a, 0.5), tex="I_1({0})")
i0e: Op = _special(
    "i0e", "i0e", lambda y, a: i1e(a) - sign_of(a) * y, tex=r"e^{{-|{0}|}} \, I_0({0})", prec=MUL
)
i1e: Op = _special(
    "i1e",
    "i1e",
    lambda y, a: i0e(a) - y * sign_of(a) - _ratio(y, a, 0.5),
    tex=r"e^{{-|{0}|}} \, I_1({0})",
    prec=MUL,
)


def sign_of(a: Any) -> Any:
    from .rounding import sign

    return sign(a)


_POSITIVE: dict[str, Any] = {"domain": (0.3, 3.0)}
bessel_j0: Op = _special("bessel_j0", "j0", lambda y, a: -bessel_j1(a), tex="J_0({0})")
bessel_j1: Op = _special("bessel_j1", "j1", lambda y, a: bessel_j0(a) - _ratio(y, a, 0.5), tex="J_1({0})")
bessel_y0: Op = _special("bessel_y0", "y0", lambda y, a: -bessel_y1(a), tex="Y_0({0})", **_POSITIVE)
bessel_y1: Op = _special("bessel_y1", "y1", lambda y, a: bessel_y0(a) - y / a, tex="Y_1({0})", **_POSITIVE)
modified_bessel_k0: Op = _special(
    "modified_bessel_k0", "k0", lambda y, a: -modified_bessel_k1(a), tex="K_0({0})", **_POSITIVE
)
modified_bessel_k1: Op = _special(
    "modified_bessel_k1", "k1", lambda y, a: -modified_bessel_k0(a) - y / a, tex="K_1({0})", **_POSITIVE
)
scaled_modified_bessel_k0: Op = _special(
    "scaled_modified_bessel_k0",
    "k0e",
    lambda y, a: y - scaled_modified_bessel_k1(a),
    tex=r"e^{{{0}}} \, K_0({0})",
    prec=MUL,
    **_POSITIVE,
)
scaled_modified_bessel_k1: Op = _special(
    "scaled_modified_bessel_k1",
    "k1e",
    lambda y, a: y - scaled_modified_bessel_k0(a) - y / a,
    tex=r"e^{{{0}}} \, K_1({0})",
    prec=MUL,
    **_POSITIVE,
)


def _spherical(a: Any) -> Any:
    near = np.abs(a) < 0.5
    s = a * a
    series = 1 - s / 6 * (1 - s / 20 * (1 - s / 42 * (1 - s / 72 * (1 - s / 110))))
    return np.where(near, series, np.sin(a) / np.where(near, 1, a)).astype(a.dtype)


def _spherical_rule(y: Any, a: Any) -> Any:
    """(cos a - sin a/a)/a; near 0, where that cancels, its series."""
    near = (a < 0.5) & (a > -0.5)
    s = a * a
    series = -a / 3 * (1 - s / 10 * (1 - s / 28 * (1 - s / 54 * (1 - s / 88 * (1 - s / 130)))))
    return where(near, series, (cos(a) - y) / where(near, 1.0, a))


spherical_bessel_j0: Op = elementwise(
    "spherical_bessel_j0",
    _spherical,
    _spherical_rule,
    tex="j_0({0})",
    lower="select(abs(a) < 0.5, 1 - a * a / 6 * (1 - a * a / 20 * (1 - a * a / 42 * (1 - a * a / 72"
    " * (1 - a * a / 110)))), sin(a) / a)",
    floats=True,
    grad_name="SpecialSphericalBesselJ0Backward0",
)


def _airy(a: Any) -> Any:
    from scipy import special

    return special.airy(a.astype(np.float64))[0].astype(a.dtype)


def _airy_prime(a: Any) -> Any:
    from scipy import special

    return special.airy(a.astype(np.float64))[1].astype(a.dtype)


airy_ai: Op = elementwise(
    "airy_ai",
    _airy,
    lambda y, a: airy_ai_prime(a),
    tex=r"\operatorname{{Ai}}({0})",
    lower="by SciPy: airy",
    floats=True,
    grad_name="SpecialAiryAiBackward0",
)
airy_ai_prime: Op = elementwise(
    "airy_ai_prime",
    _airy_prime,
    lambda y, a: a * airy_ai(a),
    tex=r"\operatorname{{Ai}}'({0})",
    lower="by SciPy: airy",
    floats=True,
)
