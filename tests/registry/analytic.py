"""The records whose forward takes complex numbers but is no analytic function of them, each with the reason.

A derivative by a complex step would be wrong there; everywhere else it is the measure, exact to rounding.
"""

from __future__ import annotations

_MODULUS = "it computes with |x|"
_SIGN = "the sign of a complex number is z/|z|"
_SPREAD = "the spread of complex numbers is the mean of |x − mean|²"
_CONJUGATE = "it computes with the conjugate transpose, or reads one half of a Hermitian matrix"
_COMPLEX_RESULT = "its results are complex for real arguments too"

NOT_ANALYTIC: dict[str, str] = {
    "abs": _MODULUS,
    "binary_cross_entropy_with_logits": _MODULUS,
    "cholesky": _CONJUGATE,
    "cholesky_inverse": _CONJUGATE,
    "cholesky_solve": _CONJUGATE,
    "eig": _COMPLEX_RESULT,
    "eigh": _CONJUGATE,
    "eigvalsh": _CONJUGATE,
    "huber_loss": _MODULUS,
    "log_sigmoid": _MODULUS,
    "mish": _MODULUS,
    "pinv": _CONJUGATE,
    "qr": _CONJUGATE,
    "sgn": _SIGN,
    "sign": _SIGN,
    "slogdet": "it splits the determinant into its sign and its modulus",
    "smooth_l1_loss": _MODULUS,
    "soft_margin_loss": _MODULUS,
    "softplus": _MODULUS,
    "softsign": _MODULUS,
    "std": _SPREAD,
    "std_mean": _SPREAD,
    "svd": _CONJUGATE,
    "svdvals": _CONJUGATE,
    "to": "it converts to a real dtype, which drops the imaginary part",
    "var": _SPREAD,
    "var_mean": _SPREAD,
    "vector_norm": _MODULUS,
    "view_as_complex": _COMPLEX_RESULT,
}
