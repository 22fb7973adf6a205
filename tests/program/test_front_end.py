"""No value is lost between Python and the program: traced on some inputs, it is eager's equal on others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import functional as F
from chainrule.program.interpret import interpret
from chainrule.program.trace import trace

Function = Callable[..., Any]

INDEX = [[2, 0, 1], [1, 1, 0]]
MASK = [[True, False, True], [False, True, True], [True, True, False], [True, False, False]]


def tensors_of(value: Any) -> list[Any]:
    """The tensors in a result, in order."""
    if isinstance(value, cr.Tensor):
        return [value]
    return [t for v in value for t in tensors_of(v)] if isinstance(value, (tuple, list)) else []


def agree(function: Function, *shapes: tuple[int, ...], positive: bool = False, integers: int = 0) -> None:
    """Trace function on one set of arrays and run the program on another: eager says what must come out."""
    draw = np.random.default_rng(5)

    def inputs() -> list[np.ndarray]:
        if integers:
            return [draw.integers(0, integers, s) for s in shapes]
        arrays = [draw.normal(size=s).astype(np.float32) for s in shapes]
        return [np.abs(a) + 0.1 for a in arrays] if positive else arrays

    first, second = inputs(), inputs()
    cr.manual_seed(3)
    found = trace(function, tuple(cr.tensor(a) for a in first))
    assert not found.captured
    cr.manual_seed(4)
    outputs = interpret(found.program, second)[: len(tensors_of(found.value))]
    cr.manual_seed(4)
    expected = [t.detach().numpy() for t in tensors_of(function(*map(cr.tensor, second)))]
    assert len(outputs) == len(expected)
    for out, want in zip(outputs, expected):
        assert out.dtype == want.dtype
        np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-6)


def write(change: Function) -> Function:
    """A function of x (4, 3) and v that changes a copy of x in place, and a view of it."""

    def function(x: Any, v: Any) -> Any:
        y = x * 2
        change(y, v)
        z = y.t()
        change(z.t(), v)
        return y, z

    return function


WRITES: dict[str, Function] = {
    "int": lambda x, v: x.__setitem__(1, v[0]),
    "slice": lambda x, v: x.__setitem__((slice(None), slice(0, 2)), v[:, :1]),
    "number": lambda x, v: x.__setitem__((slice(1, 3), 0), 7.0),
    "index": lambda x, v: x.__setitem__(cr.tensor([2, 0]), v[:2]),
    "mask": lambda x, v: x.__setitem__(cr.tensor(MASK), 1.5),
    "add_": lambda x, v: x.add_(v),
    "iadd": lambda x, v: x.__iadd__(v),
    "mul_ number": lambda x, v: x.mul_(3),
    "fill_": lambda x, v: x[0].fill_(4),
    "fill_ tensor": lambda x, v: x.fill_(v[0, 0]),
    "zero_": lambda x, v: x[:, 1].zero_(),
    "copy_": lambda x, v: x.copy_(v),
    "copy_ broadcast": lambda x, v: x.copy_(v[0]),
    "clamp_": lambda x, v: x.clamp_(-0.5, 0.5),
    "exp_": lambda x, v: x.exp_(),
    "index_add_": lambda x, v: x.index_add_(0, cr.tensor([0, 3, 0]), v[:3], alpha=2),
    "index_copy_": lambda x, v: x.index_copy_(0, cr.tensor([1, 0]), v[:2]),
    "index_fill_": lambda x, v: x.index_fill_(1, cr.tensor([2, 0]), 2.5),
    "index_put_": lambda x, v: x.index_put_((cr.tensor([0, 2, 0]),), v[:3], accumulate=True),
    "scatter_": lambda x, v: x.scatter_(0, cr.tensor([[1, 0, 2]]), v[:1]),
    "scatter_add_": lambda x, v: x.scatter_add_(0, cr.tensor(INDEX), v[:2]),
    "masked_fill_": lambda x, v: x.masked_fill_(v > 0, 3.0),
    "uniform_": lambda x, v: x.uniform_(1, 2),
    "normal_": lambda x, v: x.normal_(),
    "bernoulli_": lambda x, v: x.bernoulli_(v.sigmoid()),
    "exponential_": lambda x, v: x.exponential_(),
    "random_": lambda x, v: x.random_(0, 9),
}


@pytest.mark.parametrize("name", WRITES)
def test_in_place_changes(name: str) -> None:
    agree(write(WRITES[name]), (4, 3), (4, 3))


def _swapped(x: Any) -> Any:
    return x.t()[1:].reshape(-1), x[None, ..., 0], x.movedim(0, 1).contiguous(), x.flatten().view(3, 4)


CALLS: dict[str, Function] = {
    "views": _swapped,
    "matmul": lambda x: x @ x.t(),
    "index by a tensor": lambda x: x[cr.tensor([2, 0])],
    "index by a place": lambda x: x[x.argmax() % 4],
    "tensor": lambda x: cr.tensor(x),
    "tensor of a dtype": lambda x: cr.tensor(x, dtype=cr.float64),
    "index_add": lambda x: x.index_add(0, cr.tensor([1, 1]), x[:2]),
    "take": lambda x: cr.take(x, cr.tensor([0, 5, -1])),
    "put": lambda x: x.put(cr.tensor([0, 5]), x[0, :2]),
    "masked_scatter": lambda x: x.masked_scatter(cr.tensor(MASK), x.exp()),
    "masked_scatter where": lambda x: x.masked_scatter(x > 0, x.exp()),
    "select_scatter": lambda x: cr.select_scatter(x, x[0] * 2, 0, 2),
    "scatter_reduce mean": lambda x: x.scatter_reduce(0, cr.tensor(INDEX), x * 2, "mean"),
    "scatter_reduce apart": lambda x: x.scatter_reduce(
        0, cr.tensor(INDEX), x * 2, "mean", include_self=False
    ),
    "quantile": lambda x: x.quantile(0.3, 0),
    "nanquantile": lambda x: cr.nanquantile(x.masked_fill(x > 1, float("nan")), 0.5, 1),
    "searchsorted": lambda x: cr.searchsorted(x[:, 0].sort()[0], x),
    "bucketize": lambda x: cr.bucketize(x, cr.tensor([-1.0, 0.0, 1.0])),
    "isin": lambda x: cr.isin(x.round(), cr.tensor([0.0, 1.0])),
    "histc": lambda x: x.histc(5, -2, 2),
    "unravel_index": lambda x: cr.unravel_index(x.argmax(1), (3, 1)),
    "one_hot": lambda x: F.one_hot(x.argmax(1), 4),
    "matrix_rank": lambda x: cr.linalg.matrix_rank(x),
    "geqrf": lambda x: tuple(cr.geqrf(x)),
    "lu_factor_ex": lambda x: tuple(cr.linalg.lu_factor_ex(x[:3])),
    "lu": lambda x: tuple(cr.linalg.lu(x[:3])),
    "pinv": lambda x: cr.linalg.pinv(x),
    "cosine_similarity": lambda x: F.cosine_similarity(x, x + 1),
    "normalize": lambda x: F.normalize(x),
    "gaussian_nll_loss": lambda x: F.gaussian_nll_loss(x, x + 1, x * x),
    "binary_cross_entropy": lambda x: F.binary_cross_entropy(x.sigmoid(), (x > 0).float()),
    "cross_entropy": lambda x: F.cross_entropy(x, x.argmin(1), label_smoothing=0.1),
    "cross_entropy weighted": lambda x: F.cross_entropy(
        x, x.argmin(1), cr.tensor([1.0, 2.0, 3.0]), ignore_index=1, label_smoothing=0.1
    ),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x, x.argmin(1)),
    "multilabel_margin_loss": lambda x: F.multilabel_margin_loss(x, x.argsort(1) - 1),
    "cosine_embedding_loss": lambda x: F.cosine_embedding_loss(x, x + 1, x[:, 0].sign()),
    "embedding": lambda x: F.embedding(cr.tensor([[0, 2], [2, 1]]), x, 1),
    "embedding renormed": lambda x: F.embedding(cr.tensor([[0, 2], [2, 1]]), x * 2, max_norm=1.0),
    "embedding_bag mean": lambda x: F.embedding_bag(cr.tensor(INDEX), x, padding_idx=1),
    "embedding_bag max": lambda x: F.embedding_bag(
        cr.tensor([0, 2, 2, 1]), x, cr.tensor([0, 0, 3]), mode="max"
    ),
    "gumbel_softmax": lambda x: F.gumbel_softmax(x),
    "gumbel_softmax hard": lambda x: F.gumbel_softmax(x, hard=True),
    "dropout": lambda x: (F.dropout(x), F.dropout(x.t(), 0.3)),
    "dropout1d": lambda x: F.dropout1d(x),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.3, training=True),
    "rrelu": lambda x: F.rrelu(x, training=True),
    "rand": lambda x: (cr.rand(2, 3) + cr.randn_like(x[:2]), cr.randint(9, (3,)), cr.randperm(5)),
    "bernoulli": lambda x: (x.sigmoid().bernoulli(), x.exp().multinomial(2), cr.poisson(x.exp())),
    "normal": lambda x: cr.normal(x, x.exp()),
    "fractional_max_pool2d": lambda x: F.fractional_max_pool2d(x.reshape(1, 1, 4, 3), 2, (2, 2)),
    "max_unpool1d": lambda x: F.max_unpool1d(*F.max_pool1d(x[None], 3, return_indices=True), 3),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "batch_norm eval": lambda x: F.batch_norm(x, x.mean(0), x.var(0)),
    "instance_norm": lambda x: F.instance_norm(x[None]),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "attention masked": lambda x: F.scaled_dot_product_attention(x, x, x, (x @ x.t()) > 0),
    "attention float mask": lambda x: F.scaled_dot_product_attention(
        x, x, x, (x @ x.t()).masked_fill(x[:, :1] > 0, -float("inf"))
    ),
    "distributions": lambda x: (
        cr.distributions.Normal(x, x.exp()).rsample(),
        cr.distributions.Categorical(logits=x).log_prob(x.argmin(1)),
        cr.distributions.Bernoulli(logits=x).sample(),
    ),
    "jacobian": lambda x: cr.autograd.functional.jacobian(lambda v: v.exp().sum(0), x),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions(name: str) -> None:
    agree(CALLS[name], (4, 3))


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grid_sample(mode: str, padding: str) -> None:
    agree(lambda x, grid: F.grid_sample(x, grid, mode, padding, False), (1, 2, 4, 3), (1, 3, 3, 2))


def test_ctc_loss_with_lengths_as_values() -> None:
    def loss(x: Any, targets: Any) -> Any:
        return F.ctc_loss(x.log_softmax(2), targets % 3 + 1, (targets[:, 0] % 2) + 4, targets[:, 1] % 3)

    draw = np.random.default_rng(5)
    x = draw.normal(size=(5, 2, 4)).astype(np.float32)
    first, second = (draw.integers(0, 9, (2, 2)) for _ in range(2))
    found = trace(loss, (cr.tensor(x), cr.tensor(first)))
    want = loss(cr.tensor(x), cr.tensor(second))
    np.testing.assert_allclose(interpret(found.program, [x, second])[0], want.numpy(), rtol=1e-5)


@pytest.mark.parametrize("p", [2.0, 1.0, float("inf")])
def test_gradients_are_clipped_in_the_program(p: float) -> None:
    def step(x: Any, w: Any) -> Any:
        w = w.clone().requires_grad_()
        ((x @ w) ** 2).sum().backward()
        total = cr.nn.utils.clip_grad_norm_([w], 0.5, p)
        cr.nn.utils.clip_grad_value_([w], 0.05)
        return total, w.grad

    agree(step, (4, 3), (3, 2))


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_are_state_of_the_program(momentum: float | None) -> None:
    norm = cr.nn.BatchNorm1d(3, momentum=momentum)
    twin = cr.nn.BatchNorm1d(3, momentum=momentum)
    draw = np.random.default_rng(5)
    first, second = (draw.normal(size=(4, 3)).astype(np.float32) for _ in range(2))
    found = trace(lambda x: norm(x).detach(), (cr.tensor(first),))
    twin(cr.tensor(first))
    state = [t.detach().numpy().copy() for t in found.captured]
    outputs = interpret(found.program, [second, *state])
    y = twin(cr.tensor(second))
    np.testing.assert_allclose(outputs[0], y.detach().numpy(), rtol=1e-5, atol=1e-6)
    names = {id(t): n for n, t in norm.named_buffers()}
    written = {names[id(found.captured[i - 1])]: out for i, out in zip(found.written, outputs[1:])}
    assert set(written) == {"running_mean", "running_var", "num_batches_tracked"}
    for name, out in written.items():
        np.testing.assert_allclose(out, twin.state_dict()[name].numpy(), rtol=1e-5)


def test_a_program_draws_anew_each_time() -> None:
    found = trace(lambda x: F.dropout(x), (cr.ones(64),))
    ones = np.ones(64, np.float32)
    one, other = (interpret(found.program, [ones])[0] for _ in range(2))
    assert not np.array_equal(one, other)


def test_warnings_stay_errors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agree(lambda x: x.std(0), (4, 3))


STATE: dict[str, Function] = {
    "add_": lambda s, x: s.add_(x),
    "mul_": lambda s, x: s.mul_(2.0),
    "fill_": lambda s, x: s.fill_(3.0),
    "zero_": lambda s, x: s.zero_(),
    "copy_": lambda s, x: s.copy_(x),
    "copy_ of a constant": lambda s, x: s.copy_(cr.ones(2, 2)),
    "int": lambda s, x: s.__setitem__(0, 5.0),
    "index": lambda s, x: s.__setitem__(cr.tensor([1]), 5.0),
    "normal_": lambda s, x: s.normal_(),
}


@pytest.mark.parametrize("name", STATE)
def test_state_changed_in_place_is_an_output(name: str) -> None:
    """No short cut writes into memory that the tracer has not seen."""
    state = cr.full((2, 2), 7.0)
    twin = state.clone()
    x = np.arange(4, dtype=np.float32).reshape(2, 2)

    def step(x: Any) -> Any:
        STATE[name](state, x)
        return x + 1

    cr.manual_seed(1)
    found = trace(step, (cr.tensor(x),))
    assert found.captured == [state]
    assert found.written == [1]
    cr.manual_seed(2)
    outputs = interpret(found.program, [x + 1, twin.numpy().copy()])
    cr.manual_seed(2)
    STATE[name](twin, cr.tensor(x + 1))
    np.testing.assert_array_equal(outputs[1], twin.numpy())


def _with_first_row(s: Any, x: Any) -> Any:
    y = x.clone()
    y[0] = s[1]
    return y


READS: dict[str, Function] = {
    "matmul": lambda s, x: s @ x,
    "matmul on the right": lambda s, x: x @ s,
    "view": lambda s, x: s.t() + x,
    "part": lambda s, x: s[0] + x,
    "detach": lambda s, x: s.detach() + x,
    "copy": lambda s, x: cr.tensor(s) + x,
    "where": lambda s, x: cr.where(s > 0, x, 1.0),
    "index": lambda s, x: s[cr.tensor([1, 0])] * x,
    "written": lambda s, x: x.clone().copy_(s),
    "written in a part": _with_first_row,
}


@pytest.mark.parametrize("name", READS)
def test_what_is_read_is_an_input(name: str) -> None:
    """A tensor that the step finds on its own is no constant of the program."""
    state = cr.full((2, 2), 7.0)
    found = trace(lambda x: READS[name](state, x), (cr.ones(2, 2),))
    assert found.captured == [state]
    ones, other = np.ones((2, 2), np.float32), np.array([[1.0, -2.0], [3.0, 4.0]], np.float32)
    want = READS[name](cr.tensor(other), cr.tensor(ones))
    np.testing.assert_array_equal(interpret(found.program, [ones, other])[0], want.numpy())
