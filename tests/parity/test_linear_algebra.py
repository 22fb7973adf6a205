"""Linear algebra against PyTorch: values, gradients, second-order gradients, error types and texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch", reason="PyTorch is the reference that these tests compare with")


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def positive(n: int, *batch: int) -> Any:
    a = numbers(*batch, n, n, seed=3)
    return a @ a.swapaxes(-1, -2) + np.eye(n)


A33, A34, A43, V3, V4 = numbers(3, 3), numbers(3, 4), numbers(4, 3), numbers(3, seed=1), numbers(4, seed=2)
B, C = numbers(2, 3, 4), numbers(2, 4, 5, seed=5)
S, SB = positive(3), positive(3, 2)
INF = float("inf")


def symmetric(m: Any, a: Any) -> Any:
    return a @ a.mT + m.eye(a.shape[-1], dtype=a.dtype)


CASES: dict[str, tuple[Any, ...]] = {
    **{f"matmul {i}": (lambda m, a, b: a @ b, a, b) for i, (a, b) in enumerate([
        (A34, A43), (V3, V3), (A34, V4), (V3, A34), (B, A43), (B, C), (V4, C), (B, V4), (A34, C),
        (B[:, None], C),
    ])},
    "einsum ij,jk": (lambda m, a, b: m.einsum("ij,jk->ik", a, b), A34, A43),
    "einsum implicit": (lambda m, a, b: m.einsum("ij,jk", a, b), A34, A43),
    "einsum trace": (lambda m, a: m.einsum("ii", a), A33),
    "einsum diagonal": (lambda m, a: m.einsum("ii->i", a), A33),
    "einsum sum out": (lambda m, a: m.einsum("ij->j", a), A34),
    "einsum dots": (lambda m, a, b: m.einsum("...ij,...jk->...ik", a, b), B, C),
    "einsum dots implicit": (lambda m, a, b: m.einsum("i...,i...->...", a, b), A34, numbers(3, 1, seed=6)),
    "einsum three": (lambda m, a, b, c: m.einsum("bij,j,bjk->ik", a, b, c), B, V4, C),
    "einsum sublist": (lambda m, a, b: m.einsum(a, [0, 1], b, [1, 2], [2, 0]), A34, A43),
    "einsum broadcast": (lambda m, a, b: m.einsum("ij,ij->i", a, b), A34, numbers(3, 1, seed=6)),
    "tensordot": (lambda m, a, b: m.tensordot(a, b, dims=([1, 2], [1, 0])), B, numbers(4, 3, 2, seed=4)),
    "addmm": (lambda m, a, b, c: m.addmm(a, b, c, beta=0.5, alpha=2.0), V3, A34, A43),
    "multi_dot": (lambda m, a, b, c: m.linalg.multi_dot([a, b, c]), V3, A34, A43),
    "matrix_power": (lambda m, a: m.linalg.matrix_power(a, 5), A33),
    "matrix_power inverse": (lambda m, a: m.linalg.matrix_power(a, -2), A33),
    "matrix_exp": (lambda m, a: m.linalg.matrix_exp(a), A33),
    "det": (lambda m, a: m.linalg.det(a), A33),
    "det batch": (lambda m, a: m.det(a), SB),
    "slogdet": (lambda m, a: m.linalg.slogdet(a).logabsdet, A33),
    "logdet": (lambda m, a: m.logdet(a), S),
    "inv": (lambda m, a: m.linalg.inv(a), SB),
    "solve": (lambda m, a, b: m.linalg.solve(a, b), SB, numbers(2, 3, 2, seed=7)),
    "solve vector": (lambda m, a, b: m.linalg.solve(a, b), A33, V3),
    "solve right": (lambda m, a, b: m.linalg.solve(a, b, left=False), A33, A43),
    "solve_triangular": (lambda m, a, b: m.linalg.solve_triangular(a, b, upper=True), A33, A34),
    "solve_triangular right unit": (
        lambda m, a, b: m.linalg.solve_triangular(a, b, upper=False, left=False, unitriangular=True),
        A33, A43,
    ),
    "cholesky": (lambda m, a: m.linalg.cholesky(symmetric(m, a)), A33),
    "cholesky upper": (lambda m, a: m.linalg.cholesky(symmetric(m, a), upper=True), SB),
    "cholesky_solve": (lambda m, b, a: m.cholesky_solve(b, a), A34, np.linalg.cholesky(S)),
    "qr": (lambda m, a: m.linalg.qr(a)[1], A43),
    "qr wide": (lambda m, a: m.linalg.qr(a)[1], A34),
    "svd": (lambda m, a: m.linalg.svd(a, full_matrices=False)[0].abs(), A43),
    "svdvals": (lambda m, a: m.linalg.svdvals(a), B),
    "eigh values": (lambda m, a: m.linalg.eigh(symmetric(m, a))[0], A33),
    "eigh vectors": (lambda m, a: m.linalg.eigh(symmetric(m, a))[1].abs(), A33),
    "eigvalsh": (lambda m, a: m.linalg.eigvalsh(symmetric(m, a), UPLO="U"), A33),
    "pinv": (lambda m, a: m.linalg.pinv(a), A43),
    "pinv batch": (lambda m, a: m.linalg.pinv(a), B),
    "lu_solve": (lambda m, a, b: m.linalg.lu_solve(*m.linalg.lu_factor(a), b), A33, A34),
    "lu_solve right adjoint": (
        lambda m, a, b: m.linalg.lu_solve(*m.linalg.lu_factor(a), b, left=False, adjoint=True), A33, A43,
    ),
    "lstsq": (lambda m, a, b: m.linalg.lstsq(a, b).solution, A43, numbers(4, 2, seed=8)),
    "cross": (lambda m, a, b: m.linalg.cross(a, b), numbers(2, 3, seed=1), numbers(1, 3, seed=9)),
    "kron": (lambda m, a, b: m.kron(a, b), A34, numbers(2, 2, seed=1)),
    "vander": (lambda m, a: m.linalg.vander(a, N=4), V3),
    "tensorsolve": (
        lambda m, a, b: m.linalg.tensorsolve(a, b), numbers(2, 3, 6, seed=1), numbers(2, 3, seed=2),
    ),
    "tensorinv": (lambda m, a: m.linalg.tensorinv(a, ind=1), numbers(6, 2, 3, seed=1)),
    "householder": (lambda m, a, t: m.linalg.householder_product(a, t), A43, numbers(2, seed=1)),
    "cov": (lambda m, a: m.cov(a, correction=0), A34),
    "corrcoef": (lambda m, a: m.corrcoef(a), A34),
    "renorm": (lambda m, a: m.renorm(a, 2, 0, 1.0), A34),
    "vecdot": (lambda m, a, b: m.linalg.vecdot(a, b, dim=0), A34, numbers(3, 4, seed=4)),
    "multi_dot of five": (lambda m, a, b: m.linalg.multi_dot((a, b, a, b, a)), A34, A43),
    **{f"vector_norm {p} {dim}": (lambda m, a, p=p, dim=dim: m.linalg.vector_norm(a, p, dim=dim), A34)
       for p in (0, 0.5, 1, 1.5, 2, 3, INF, -INF, -1) for dim in (None, 1, (0, 1))},
    **{f"matrix_norm {p}": (lambda m, a, p=p: m.linalg.matrix_norm(a, p, keepdim=True), B)
       for p in ("fro", "nuc", 1, -1, 2, -2, INF, -INF)},
    **{f"norm {p}": (lambda m, a, p=p: m.norm(a, p), A34) for p in ("fro", "nuc", INF, 1, 2, 3)},
    **{f"cond {p}": (lambda m, a, p=p: m.linalg.cond(a, p), A33) for p in (None, 2, -2, "nuc")},
    **{
        f"cdist {p}": (lambda m, a, b, p=p: m.cdist(a, b, p=p), A34, numbers(5, 4, seed=3))
        for p in (1.0, 1.5, 2.0, 3.0)
    },
    "pdist": (lambda m, a: m.nn.functional.pdist(a), A34),
    "dist": (lambda m, a, b: m.dist(a, b, 3), A34, numbers(3, 4, seed=4)),
}  # fmt: skip


def run(m: Any, f: Any, arrays: tuple[Any, ...], second_order: bool = True) -> list[Any]:
    """The value, the gradients of a weighted sum, and the gradients of the gradients' weighted sum."""
    xs = [m.tensor(a, requires_grad=True) for a in arrays]
    y = f(m, *xs)
    weight = m.tensor(numbers(*y.shape, seed=11))
    grads = m.autograd.grad(
        (y * weight).sum(), xs, create_graph=True, allow_unused=True, materialize_grads=True
    )
    if not second_order:
        return [t.numpy(force=True) for t in (y, *grads)]
    total = sum((g * m.tensor(numbers(*g.shape, seed=12 + i))).sum() for i, g in enumerate(grads))
    second = (
        m.autograd.grad(total, xs, allow_unused=True, materialize_grads=True) if total.requires_grad else []
    )
    return [t.numpy(force=True) for t in (y, *grads, *second)]


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_to_second_order(name: str) -> None:
    f, *arrays = CASES[name]
    second = not name.startswith(("cdist", "pdist"))  # PyTorch has no second derivative of these
    want, got = (run(m, f, tuple(arrays), second) for m in (torch, cr))
    if len(got) != len(want):  # one side may know that the second derivative is zero
        want = want + [np.zeros_like(a) for a in arrays][: len(got) - len(want)]
        got = got + [np.zeros_like(a) for a in arrays][: len(want) - len(got)]
    for g, w in zip(got, want):
        assert g.shape == w.shape
        np.testing.assert_allclose(g, w, rtol=1e-6, atol=1e-8)


def f32(m: Any, *shape: int) -> Any:
    return m.tensor(np.ones(shape, np.float32))


def f64(m: Any, *shape: int) -> Any:
    return m.tensor(np.ones(shape, np.float64))


@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
@pytest.mark.parametrize(
    "shapes", [((5, 3), (5, 2)), ((5, 3), (5,)), ((2, 5, 3), (2, 5)), ((3, 5), (3, 2)), ((4, 4), (4,))]
)
def test_least_squares(shapes: Any, driver: str | None) -> None:
    """Residuals there are only with some drivers, with more equations than unknowns, and full rank."""
    a, b = (numbers(*s, seed=i) for i, s in enumerate(shapes))
    want, got = (m.linalg.lstsq(m.tensor(a), m.tensor(b), driver=driver) for m in (torch, cr))
    for g, w in zip(got, want):
        assert (tuple(g.shape), str(g.dtype)) == (tuple(w.shape), str(w.dtype))
        np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-10, atol=1e-12)


def test_least_squares_without_full_rank() -> None:
    a, b = numbers(5, 3, seed=1), numbers(5, 2, seed=2)
    a[:, 2] = a[:, 1]
    for driver in ("gelsd", "gelss"):
        want, got = (m.linalg.lstsq(m.tensor(a), m.tensor(b), driver=driver) for m in (torch, cr))
        assert got.rank.item() == want.rank.item() == 2
        assert tuple(got.residuals.shape) == tuple(want.residuals.shape) == (0,)
        np.testing.assert_allclose(got.solution.numpy(), want.solution.numpy(), rtol=1e-10)


ERRORS: list[Any] = [
    lambda m: m.linalg.lstsq(f64(m, 5, 3), f64(m, 2, 5, 2)),
    lambda m: m.linalg.lstsq(f64(m, 2, 2, 5, 3), f64(m, 5, 2)),
    lambda m: m.linalg.lstsq(f64(m, 5, 3), f64(m, 4, 2)),
    lambda m: f32(m, 2, 3) @ f32(m, 4, 5),
    lambda m: f32(m, 2, 3) @ f32(m, 4),
    lambda m: f32(m, 2) @ f32(m, 3, 4),
    lambda m: f32(m, 2) @ f32(m, 3),
    lambda m: f32(m, 2, 3) @ f64(m, 3, 5),
    lambda m: f32(m, 2, 2, 3) @ f32(m, 2, 4, 5),
    lambda m: f32(m) @ f32(m, 2),
    lambda m: m.mm(f32(m, 3), f32(m, 3)),
    lambda m: m.mv(f32(m, 2, 3), f32(m, 2)),
    lambda m: m.dot(f32(m, 2), f32(m, 3)),
    lambda m: m.dot(f32(m, 2), f64(m, 2)),
    lambda m: m.bmm(f32(m, 2, 3, 4), f32(m, 2, 3, 4)),
    lambda m: m.linalg.inv(f32(m, 2, 3)),
    lambda m: m.linalg.inv(f32(m, 2, 2)),
    lambda m: m.linalg.solve(f32(m, 2, 2), f32(m, 2)),
    lambda m: m.linalg.solve(f32(m, 2, 2), f32(m, 3, 1)),
    lambda m: m.linalg.cholesky(-f32(m, 2, 2)),
    lambda m: m.linalg.det(f32(m, 3)),
    lambda m: m.linalg.svd(f32(m, 3)),
    lambda m: m.einsum("ij,jk", f32(m, 2, 3)),
    lambda m: m.einsum("i,j", f32(m, 2, 3), f32(m, 2)),
    lambda m: m.einsum("ij->k", f32(m, 2, 3)),
    lambda m: m.einsum("ij->ii", f32(m, 2, 3)),
    lambda m: m.tensordot(f32(m, 2, 3), f32(m, 4, 5), 1),
    lambda m: m.cdist(f32(m, 2, 3), f32(m, 2, 4)),
    lambda m: m.trace(f32(m, 3)),
    lambda m: m.linalg.vector_norm(m.tensor([1, 2])),
]


@pytest.mark.parametrize("call", ERRORS, ids=range(len(ERRORS)))
def test_errors_have_the_type_and_text_of_pytorch(call: Any) -> None:
    with pytest.raises(Exception) as want:  # noqa: PT011
        call(torch)
    with pytest.raises(
        type(want.value) if type(want.value) is not torch.linalg.LinAlgError else RuntimeError
    ) as got:
        call(cr)
    assert str(got.value).split("\n")[0][:50] == str(want.value).split("\n")[0][:50]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int64", "uint8", "complex64"])
def test_matmul_keeps_the_dtype(dtype: str) -> None:
    for shape in ((3, 4), (4,)):
        out = [
            (
                m.tensor([[1, 2, 3, 4]] * 2, dtype=getattr(m, dtype))
                @ m.ones((4, *shape[1:]), dtype=getattr(m, dtype))
            )
            for m in (torch, cr)
        ]
        assert out[1].dtype is getattr(cr, dtype)
        assert out[1].tolist() == out[0].tolist()


def test_chain_matmul_is_multi_dot_of_matrices_alone() -> None:
    a, b = cr.tensor(A34), cr.tensor(A43)
    assert cr.chain_matmul(a, b, a).tolist() == cr.linalg.multi_dot((a, b, a)).tolist()
    assert cr.chain_matmul(a) is a
    with pytest.raises(RuntimeError, match="Tensor dimension is 1, expected 2 instead"):
        cr.chain_matmul(a, cr.ones(4))
