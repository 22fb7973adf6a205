"""Every optimizer beside PyTorch's: 50 steps in float32 and float64, saved states both ways, texts."""

import io
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim as ours

torch = pytest.importorskip("torch", reason="compares with PyTorch")
theirs = torch.optim

SHAPES = [(4, 3), (5,), (), (2, 3, 2)]
STEPS = 50

CONFIGS = {
    "SGD": [
        {"lr": 0.01},
        {"lr": 0.01, "momentum": 0.9},
        {"lr": 0.01, "momentum": 0.9, "nesterov": True},
        {"lr": 0.01, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "maximize": True},
    ],
    "Adam": [
        {},
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4},
        {"weight_decay": 0.1},
        {"amsgrad": True, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.3, 0.4)},
    ],
    "AdamW": [{}, {"lr": 0.02, "weight_decay": 0.3, "amsgrad": True}],
    "Adamax": [{}, {"lr": 0.01, "weight_decay": 0.1, "maximize": True}],
    "NAdam": [
        {},
        {"weight_decay": 0.1, "momentum_decay": 0.01},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "RAdam": [
        {},
        {"weight_decay": 0.1, "lr": 0.01},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"betas": (0.9, 0.6)},
    ],
    "RMSprop": [
        {},
        {"momentum": 0.9, "weight_decay": 0.1},
        {"centered": True, "alpha": 0.9},
        {"centered": True, "momentum": 0.5, "maximize": True},
    ],
    "Rprop": [{}, {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.05, 0.2)}, {"maximize": True}],
    "Adagrad": [{}, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}],
    "Adadelta": [{}, {"lr": 0.1, "rho": 0.95, "weight_decay": 0.1, "maximize": True}],
    "ASGD": [{}, {"lr": 0.1, "t0": 10, "lambd": 0.01, "weight_decay": 0.1}],
    "Adafactor": [{}, {"lr": 0.1, "weight_decay": 0.1, "d": 2.0, "eps": (1e-6, 1e-2), "maximize": True}],
}
CASES = [
    pytest.param(name, kw, id=f"{name}-{i}")
    for name, configs in CONFIGS.items()
    for i, kw in enumerate(configs)
]
DTYPES = [pytest.param(np.float32, 1e-6, id="float32"), pytest.param(np.float64, 1e-10, id="float64")]


def parameters(dtype, shapes=SHAPES, seed=0):
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=s).astype(dtype) for s in shapes]
    return (
        [cr.tensor(v, requires_grad=True) for v in values],
        [torch.tensor(v, requires_grad=True) for v in values],
    )


def gradients(dtype, steps, shapes=SHAPES, seed=1):
    rng = np.random.default_rng(seed)
    return [[rng.normal(size=s).astype(dtype) for s in shapes] for _ in range(steps)]


def set_gradients(mine, peers, values, present=None):
    for i, (p, q, g) in enumerate(zip(mine, peers, values)):
        there = present is None or i in present
        p.grad = cr.tensor(g) if there else None
        q.grad = torch.tensor(g) if there else None


def as_torch(value):
    """A state dict with its tensors as PyTorch's."""
    if isinstance(value, cr.Tensor):
        return torch.from_numpy(np.array(value.detach().numpy()))
    if isinstance(value, dict):
        return {k: as_torch(v) for k, v in value.items()}
    return [as_torch(v) for v in value] if isinstance(value, list) else value


def as_ours(value):
    if isinstance(value, torch.Tensor):
        return cr.tensor(value.detach().numpy())
    if isinstance(value, dict):
        return {k: as_ours(v) for k, v in value.items()}
    return [as_ours(v) for v in value] if isinstance(value, list) else value


def agree(mine, peers, rtol):
    for p, q in zip(mine, peers, strict=True):
        want = q.detach().numpy()
        assert p.dtype == getattr(cr, str(q.dtype).removeprefix("torch."))
        # one unit in the last place of a value about 1 may remain where a parameter passes through zero
        np.testing.assert_allclose(p.detach().numpy(), want, rtol=rtol, atol=rtol)


def same_state(mine, peer, rtol):
    """State dicts agree: keys in order, shapes, dtypes, values, settings."""
    assert mine["param_groups"] == peer["param_groups"]
    assert list(mine["state"]) == list(peer["state"])
    for number, want in peer["state"].items():
        got = mine["state"][number]
        assert list(got) == list(want)
        for key, value in want.items():
            assert str(got[key].dtype) == str(value.dtype)
            np.testing.assert_allclose(got[key].numpy(), value.numpy(), rtol=4 * rtol, atol=rtol)


@pytest.mark.parametrize(("dtype", "rtol"), DTYPES)
@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_trajectories_and_states(name, kwargs, dtype, rtol):
    mine, peers = parameters(dtype)
    a, b = getattr(ours, name)(mine, **kwargs), getattr(theirs, name)(peers, **kwargs)
    for values in gradients(dtype, STEPS):
        set_gradients(mine, peers, values)
        a.step()
        b.step()
        agree(mine, peers, rtol)
    same_state(a.state_dict(), b.state_dict(), rtol)
    assert repr(a) == repr(b)


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_gradients_that_come_and_go(name, kwargs):
    mine, peers = parameters(np.float64)
    a, b = getattr(ours, name)(mine, **kwargs), getattr(theirs, name)(peers, **kwargs)
    for t, values in enumerate(gradients(np.float64, 20)):
        set_gradients(mine, peers, values, present={t % 4, (t + 1) % 3})
        a.step()
        b.step()
        agree(mine, peers, 1e-10)


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_a_state_saved_by_either_is_resumed_by_the_other(name, kwargs):
    mine, peers = parameters(np.float32)
    a, b = getattr(ours, name)(mine, **kwargs), getattr(theirs, name)(peers, **kwargs)
    before, after = gradients(np.float32, 10)[:5], gradients(np.float32, 10)[5:]
    for values in before:
        set_gradients(mine, peers, values)
        a.step()
        b.step()
    file = io.BytesIO()
    torch.save(b.state_dict(), file)
    file.seek(0)
    from_peer = as_ours(torch.load(file, weights_only=True))
    for_peer = as_torch(a.state_dict())
    a, b = getattr(ours, name)(mine, **kwargs), getattr(theirs, name)(peers, **kwargs)
    a.load_state_dict(from_peer)
    b.load_state_dict(for_peer)
    for values in after:
        set_gradients(mine, peers, values)
        a.step()
        b.step()
        agree(mine, peers, 2e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Rprop", "ASGD", "RAdam"])
def test_complex_parameters(name):
    rng = np.random.default_rng(2)

    def draw(shape):
        return rng.normal(size=shape) + 1j * rng.normal(size=shape)

    values = [draw((3, 2)), draw((4,))]
    mine = [cr.tensor(v, requires_grad=True) for v in values]
    peers = [torch.tensor(v, requires_grad=True) for v in values]
    kwargs = {"lr": 0.05} | ({"momentum": 0.9} if name == "SGD" else {})
    a, b = getattr(ours, name)(mine, **kwargs), getattr(theirs, name)(peers, **kwargs)
    for _ in range(10):
        set_gradients(mine, peers, [draw((3, 2)), draw((4,))])
        a.step()
        b.step()
        agree(mine, peers, 1e-10)


def rosenbrock(x, y):
    return ((1 - x) ** 2 + 100 * (y[0] - x**2) ** 2).sum() + (y[1] - 0.5) ** 2


def bowl(x, y):
    return (x - 1) ** 2 + (x - 1) ** 4 + 3 * (y[0] + x) ** 2 + (y[1] - 0.5) ** 2


@pytest.mark.parametrize(
    ("dtype", "function", "rtol"),  # in float32 a long valley would magnify the last digit
    [
        pytest.param(np.float32, bowl, 2e-6, id="float32"),
        pytest.param(np.float64, rosenbrock, 1e-6, id="float64"),
    ],
)
@pytest.mark.parametrize(
    "kwargs",
    [
        {"lr": 0.01, "max_iter": 5}, {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "history_size": 2},
        {"lr": 0.3, "line_search_fn": "strong_wolfe", "max_iter": 4, "max_eval": 7},
    ],
    ids=str,
)  # fmt: skip
def test_lbfgs(kwargs, dtype, function, rtol):
    mine, peers = parameters(dtype, [(), (2,)])
    a, b = ours.LBFGS(mine, **kwargs), theirs.LBFGS(peers, **kwargs)

    def run(optimizer, params):
        def closure():
            optimizer.zero_grad()
            loss = function(*params)
            loss.backward()
            return loss

        return optimizer.step(closure).item()

    for _ in range(6):
        assert run(a, mine) == pytest.approx(run(b, peers), rel=rtol, abs=1e-9)
        agree(mine, peers, rtol)
    state, peer = a.state_dict()["state"][0], b.state_dict()["state"][0]
    assert state["func_evals"] == peer["func_evals"] and state["n_iter"] == peer["n_iter"]
    assert set(state) == set(peer)


@pytest.mark.parametrize(
    "kwargs", [{}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.0}]
)
def test_muon(kwargs):
    shapes = [(6, 4), (4, 6)]
    mine, peers = parameters(np.float32, shapes)
    a, b = ours.Muon(mine, lr=0.01, **kwargs), theirs.Muon(peers, lr=0.01, **kwargs)
    for values in gradients(np.float32, 10, shapes):
        set_gradients(mine, peers, values)
        a.step()
        b.step()
    for p, q in zip(mine, peers):  # both iterate with 8 significant bits, but do not round at the same places
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), atol=0.01 * 10 * 2**-6)
    same = a.state_dict()["state"][0]["momentum_buffer"].numpy()
    np.testing.assert_allclose(
        same, b.state_dict()["state"][0]["momentum_buffer"].numpy(), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad", "RMSprop"])
def test_a_learning_rate_in_a_tensor(name):
    mine, peers = parameters(np.float64)
    a = getattr(ours, name)(mine, lr=cr.tensor(0.01))
    b = getattr(theirs, name)(peers, lr=torch.tensor(0.01))
    for t, values in enumerate(gradients(np.float64, 10)):
        set_gradients(mine, peers, values)
        a.step()
        b.step()
        if t == 5:
            a.param_groups[0]["lr"].fill_(0.1)
            b.param_groups[0]["lr"].fill_(0.1)
        agree(mine, peers, 1e-6)


REFUSED = [
    lambda m, o, p: o.SGD([], lr=0.1),
    lambda m, o, p: o.SGD(p, lr=0.1),
    lambda m, o, p: o.SGD([p], lr=-1),
    lambda m, o, p: o.SGD([p], lr=m.tensor([0.1, 0.2])),
    lambda m, o, p: o.SGD([p], lr=0.1, momentum=-1.0),
    lambda m, o, p: o.SGD([p], lr=0.1, nesterov=True),
    lambda m, o, p: o.SGD([p], fused=True, foreach=True),
    lambda m, o, p: o.Adam([p], betas=(1.0, 0.9)),
    lambda m, o, p: o.Adam([p], eps=-1.0),
    lambda m, o, p: o.Adam([p], betas=(0.9, m.tensor(0.9))),
    lambda m, o, p: o.Adam([p], lr=m.tensor(0.1), foreach=True),
    lambda m, o, p: o.Adam([p], fused=True, differentiable=True),
    lambda m, o, p: o.NAdam([p], momentum_decay=-0.1),
    lambda m, o, p: o.Rprop([p], etas=(1.5, 1.2)),
    lambda m, o, p: o.Adagrad([p], initial_accumulator_value=-1),
    lambda m, o, p: o.Adagrad([p], lr_decay=-1),
    lambda m, o, p: o.Adadelta([p], rho=1.1),
    lambda m, o, p: o.RMSprop([p], alpha=-1),
    lambda m, o, p: o.Adafactor([p], beta2_decay=1.0),
    lambda m, o, p: o.Adafactor([p], d=0.5),
    lambda m, o, p: o.Adafactor([p], eps=(None, -1.0)),
    lambda m, o, p: o.Muon([p]),
    lambda m, o, p: o.Muon([p], adjust_lr_fn="none"),
    lambda m, o, p: o.LBFGS([{"params": [p]}, {"params": [m.zeros(1)]}]),
    lambda m, o, p: o.LBFGS([p], lr=-0.5),
    lambda m, o, p: o.SGD([p * 2], lr=0.1),
    lambda m, o, p: o.SGD([p, 3], lr=0.1),
    lambda m, o, p: o.SGD({p}, lr=0.1) and o.SGD([{"params": {p}}]),
    lambda m, o, p: o.SGD([{"params": p}, {"params": p}], lr=0.1),
    lambda m, o, p: o.SGD([("a", p), m.zeros(1)], lr=0.1),
    lambda m, o, p: o.SGD([("a", p)], lr=0.1).add_param_group({"params": m.zeros(1)}),
    lambda m, o, p: o.SGD([p], lr=0.1).add_param_group([p]),
    lambda m, o, p: o.SGD([p], lr=0.1).load_state_dict(o.SGD([m.zeros(1), p]).state_dict()),
    lambda m, o, p: o.SGD([p], lr=0.1).load_state_dict({"state": {}, "param_groups": []}),
    lambda m, o, p: o.Optimizer([p], {"lr": sys.modules[o.__name__ + ".optimizer"].required}),
]


@pytest.mark.parametrize("build", REFUSED, ids=range(len(REFUSED)))
def test_errors_read_the_same(build):
    def refusal(m, o):
        with pytest.raises((ValueError, TypeError, RuntimeError)) as caught:
            build(m, o, m.ones(3, requires_grad=True))
        return type(caught.value), str(caught.value)

    assert refusal(cr, ours) == refusal(torch, theirs)


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Rprop"]
)
def test_the_gradient_through_a_step(name):
    def outcome(m, o):
        w = m.tensor([0.5, -1.5], dtype=m.float64, requires_grad=True)
        p = w.clone()
        kwargs = {"momentum": 0.9} if name == "RMSprop" else {}
        optimizer = getattr(o, name)([p], lr=0.1, differentiable=True, **kwargs)
        for _ in range(1 if name == "Adamax" else 2):  # PyTorch cannot differentiate Adamax twice
            p.grad = (w * w * w).detach() if name == "Rprop" else w * w * w
            optimizer.step()
        (p * p).sum().backward()
        return w.grad.tolist()

    assert outcome(cr, ours) == pytest.approx(outcome(torch, theirs), rel=2e-5)  # its t is in float32
