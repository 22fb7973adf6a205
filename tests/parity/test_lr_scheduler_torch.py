"""Every scheduler, driven beside PyTorch's with the same configuration: equal to the last digit."""

import copy
import inspect
import math
import warnings

import pytest

from chainrule.optim import Optimizer
from chainrule.optim import lr_scheduler as ours
from chainrule.optim.lr_scheduler.swalr import SWALR

torch = pytest.importorskip("torch", reason="compares with PyTorch")
theirs = torch.optim.lr_scheduler

STEPS = 60

# Both step the members of a chain that opens a sequence before the optimizer has stepped.
early_chain = pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")


class StandIn(Optimizer):
    """An optimizer with param groups and nothing to update."""

    def __init__(self, groups, defaults):
        self.param_groups = groups
        self.defaults = defaults
        self.state = {}

    def step(self, closure=None):
        return None


def sgd(lrs=(0.1, 0.03), tensor=False):
    def groups():
        return [
            {"params": [torch.zeros(2, requires_grad=True)], "lr": torch.tensor(lr) if tensor else lr}
            for lr in lrs
        ]

    peer = torch.optim.SGD(groups(), momentum=0.9)
    own = [dict(group, momentum=0.9) for group in groups()]
    return StandIn(own, {"lr": 1e-3, "momentum": 0.9}), peer


def adam(lrs=(0.1, 0.03)):
    def groups():
        return [{"params": [torch.zeros(2, requires_grad=True)], "lr": lr} for lr in lrs]

    peer = torch.optim.AdamW(groups())
    own = [dict(group, betas=(0.9, 0.999)) for group in groups()]
    return StandIn(own, {"lr": 1e-3, "betas": (0.9, 0.999)}), peer


class Decay:
    """A callable object, whose attributes a state dict keeps."""

    def __init__(self, rate=0.9):
        self.rate = rate

    def __call__(self, x):
        return self.rate**x


def chained(m, o):
    return m.ChainedScheduler([m.ConstantLR(o, 0.1, 20), m.ExponentialLR(o, 0.9), m.StepLR(o, 7)], o)


def sequential(m, o):
    members = [m.LinearLR(o, 0.2, total_iters=8), m.CosineAnnealingLR(o, 20), m.ExponentialLR(o, 0.9)]
    return m.SequentialLR(o, members, milestones=[8, 30])


def sequential_of_chain(m, o):
    return m.SequentialLR(o, [chained(m, o), m.PolynomialLR(o, 30, 2.0)], milestones=[11])


def chain_of_sequential(m, o):
    return m.ChainedScheduler([sequential(m, o), m.MultiplicativeLR(o, lambda epoch: 0.99)])


def swalr(m, o, **kwargs):
    kind = SWALR if m is ours else torch.optim.swa_utils.SWALR
    return kind(o, [0.05, 0.01], **kwargs)


SCHEDULES = {
    "lambda": lambda m, o: m.LambdaLR(o, lambda epoch: 0.95**epoch),
    "lambda-list": lambda m, o: m.LambdaLR(o, [lambda epoch: epoch // 30, Decay()]),
    "multiplicative": lambda m, o: m.MultiplicativeLR(o, lambda epoch: 1 - 1 / (epoch + 3)),
    "multiplicative-list": lambda m, o: m.MultiplicativeLR(o, (lambda epoch: 0.97, Decay(0.99))),
    "step": lambda m, o: m.StepLR(o, 7),
    "step-gamma": lambda m, o: m.StepLR(o, step_size=10, gamma=0.9),
    "multistep": lambda m, o: m.MultiStepLR(o, [5, 11, 11, 40], gamma=0.3),
    "constant": lambda m, o: m.ConstantLR(o),
    "constant-factor": lambda m, o: m.ConstantLR(o, factor=0.4, total_iters=14),
    "constant-zero-open": lambda m, o: m.ConstantLR(o, factor=0.0, total_iters=100),
    "linear": lambda m, o: m.LinearLR(o),
    "linear-down": lambda m, o: m.LinearLR(o, start_factor=0.9, end_factor=0.05, total_iters=33),
    "linear-to-zero": lambda m, o: m.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=33),
    "exponential": lambda m, o: m.ExponentialLR(o, 0.93),
    "polynomial": lambda m, o: m.PolynomialLR(o),
    "polynomial-power": lambda m, o: m.PolynomialLR(o, total_iters=45, power=0.9),
    "cosine": lambda m, o: m.CosineAnnealingLR(o, 13),
    "cosine-min": lambda m, o: m.CosineAnnealingLR(o, T_max=50, eta_min=1e-3),
    "cosine-one": lambda m, o: m.CosineAnnealingLR(o, T_max=1),
    "warm-restarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 7),
    "warm-restarts-mult": lambda m, o: m.CosineAnnealingWarmRestarts(o, 5, 2, eta_min=1e-4),
    "cyclic": lambda m, o: m.CyclicLR(o, 0.01, 0.2, step_size_up=6),
    "cyclic-lists": lambda m, o: m.CyclicLR(o, [0.01, 0.02], [0.2, 0.3], 5, 9, base_momentum=[0.7, 0.6]),
    "cyclic-triangular2": lambda m, o: m.CyclicLR(o, 0.01, 0.2, 4, 3, mode="triangular2"),
    "cyclic-exp": lambda m, o: m.CyclicLR(o, 0.01, 0.2, 8, mode="exp_range", gamma=0.97),
    "cyclic-scale-cycle": lambda m, o: m.CyclicLR(o, 0.01, 0.2, 4, scale_fn=lambda x: 1 / x),
    "cyclic-scale-steps": lambda m, o: m.CyclicLR(
        o, 0.01, 0.2, 4, scale_fn=Decay(), scale_mode="iterations", cycle_momentum=False
    ),
    "onecycle": lambda m, o: m.OneCycleLR(o, 0.5, total_steps=STEPS),
    "onecycle-epochs": lambda m, o: m.OneCycleLR(o, [0.5, 0.1], epochs=7, steps_per_epoch=9, pct_start=0.45),
    "onecycle-three": lambda m, o: m.OneCycleLR(
        o, 0.5, 61, three_phase=True, anneal_strategy="linear", div_factor=10, final_div_factor=100
    ),
    "onecycle-lr-only": lambda m, o: m.OneCycleLR(o, 0.5, 80, cycle_momentum=False, pct_start=0.0),
    "sequential": sequential,
    "sequential-of-chain": sequential_of_chain,
    "chained": chained,
    "chain-of-sequential": chain_of_sequential,
    "swalr": swalr,
    "swalr-linear": lambda m, o: swalr(m, o, anneal_epochs=27, anneal_strategy="linear"),
    "swalr-at-once": lambda m, o: swalr(m, o, anneal_epochs=0),
    "plateau": lambda m, o: m.ReduceLROnPlateau(o),
    "plateau-max": lambda m, o: m.ReduceLROnPlateau(o, "max", 0.5, 2, cooldown=3, min_lr=[1e-3, 1e-4]),
    "plateau-abs": lambda m, o: m.ReduceLROnPlateau(o, "min", 0.7, 0, 0.01, "abs", eps=1e-3),
    "plateau-max-abs": lambda m, o: m.ReduceLROnPlateau(o, "max", 0.7, 1, 0.2, "abs", min_lr=0.01),
}
TENSOR_SAFE = sorted(name for name in SCHEDULES if not name.startswith(("plateau", "sequential", "chain")))


def advance(scheduler, t):
    scheduler.optimizer.step()
    if type(scheduler).__name__ == "ReduceLROnPlateau":
        scheduler.step(1.0 + math.cos(t / 3) / (t + 1))
    else:
        scheduler.step()


def readings(scheduler):
    keys = ("lr", "initial_lr", "momentum", "betas", "max_lr", "min_lr", "max_momentum", "base_momentum")
    groups = [
        {key: group[key] for key in keys if group.get(key) is not None}
        for group in scheduler.optimizer.param_groups
    ]
    return groups, scheduler.get_last_lr(), getattr(scheduler, "last_epoch", None)


def plain_state(scheduler):
    state = scheduler.state_dict()
    if "_schedulers" in state:
        state = dict(state, _schedulers=[plain_state(member) for member in scheduler._schedulers])
    return state


@early_chain
@pytest.mark.parametrize("optimizers", [sgd, adam])
@pytest.mark.parametrize("name", SCHEDULES)
def test_sixty_steps_are_equal(name, optimizers):
    own, peer = optimizers()
    a, b = SCHEDULES[name](ours, own), SCHEDULES[name](theirs, peer)
    for t in range(STEPS):
        assert readings(a) == readings(b), f"before step {t}"
        advance(a, t)
        advance(b, t)
    assert readings(a) == readings(b)
    assert plain_state(a) == plain_state(b)


@early_chain
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("source", ["ours", "theirs"])
def test_a_state_dict_moves_between_the_two(name, source):
    """A run saved by either library goes on in the other as it would have gone on by itself."""
    own, peer = sgd()
    a, b = SCHEDULES[name](ours, own), SCHEDULES[name](theirs, peer)
    for t in range(23):
        advance(a, t)
        advance(b, t)
    saved = copy.deepcopy((b if source == "ours" else a).state_dict())
    own2, peer2 = sgd()
    resumed = SCHEDULES[name](ours, own2) if source == "ours" else SCHEDULES[name](theirs, peer2)
    reference = a if source == "ours" else b
    resumed.load_state_dict(saved)
    for group, old in zip(resumed.optimizer.param_groups, reference.optimizer.param_groups):
        group.update({key: value for key, value in old.items() if key != "params"})
    for t in range(23, 45):
        advance(resumed, t)
        advance(reference, t)
        assert readings(resumed) == readings(reference), f"step {t}"


@pytest.mark.parametrize("name", TENSOR_SAFE)
def test_a_tensor_learning_rate_is_filled_in_place(name):
    own, peer = sgd(tensor=True)
    held = [group["lr"] for group in own.param_groups]
    a, b = SCHEDULES[name](ours, own), SCHEDULES[name](theirs, peer)
    for t in range(20):
        advance(a, t)
        advance(b, t)
        assert [float(x["lr"]) for x in own.param_groups] == [float(x["lr"]) for x in peer.param_groups], t
    assert all(group["lr"] is lr for group, lr in zip(own.param_groups, held))
    assert all(last is not lr for last, lr in zip(a.get_last_lr(), held))


CLOSED_FORM = [
    name
    for name in SCHEDULES
    if name.startswith(("step", "multistep", "constant", "linear", "exp", "poly", "cosine", "lambda"))
]


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_a_given_epoch_uses_the_closed_form(name):
    own, peer = sgd()
    a, b = SCHEDULES[name](ours, own), SCHEDULES[name](theirs, peer)
    for epoch in (3, 11, 4, 40, 0, 55):
        for scheduler in (a, b):
            scheduler.optimizer.step()
            with pytest.warns(UserWarning, match="epoch parameter"):
                scheduler.step(epoch)
        assert readings(a) == readings(b), f"epoch {epoch}"


@pytest.mark.parametrize("t_mult", [1, 2, 3])
def test_warm_restarts_jump_to_fractions_of_an_epoch(t_mult):
    own, peer = sgd()
    a = ours.CosineAnnealingWarmRestarts(own, 4, t_mult)
    b = theirs.CosineAnnealingWarmRestarts(peer, 4, t_mult)
    for epoch in (0.25, 1.5, 3.99, 4, 4.01, 12, 13.7, 30, 2, None, 51.5, None):
        a.step(epoch)
        b.step(epoch)
        assert readings(a) == readings(b), f"epoch {epoch}"
        assert (a.T_cur, a.T_i) == (b.T_cur, b.T_i)


RESUMED = {
    "step": lambda m, o: m.StepLR(o, 5, last_epoch=8),
    "multistep": lambda m, o: m.MultiStepLR(o, [3, 9], last_epoch=8),
    "constant": lambda m, o: m.ConstantLR(o, 0.5, 9, last_epoch=8),
    "linear": lambda m, o: m.LinearLR(o, 0.5, total_iters=20, last_epoch=8),
    "exponential": lambda m, o: m.ExponentialLR(o, 0.9, last_epoch=8),
    "polynomial": lambda m, o: m.PolynomialLR(o, 20, last_epoch=8),
    "multiplicative": lambda m, o: m.MultiplicativeLR(o, Decay(), last_epoch=8),
    "cosine": lambda m, o: m.CosineAnnealingLR(o, 12, last_epoch=8),
    "warm-restarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 12, last_epoch=8),
    "cyclic": lambda m, o: m.CyclicLR(o, 0.01, 0.2, 5, last_epoch=8),
    "onecycle": lambda m, o: m.OneCycleLR(o, 0.5, 60, last_epoch=8),
}


@pytest.mark.parametrize("name", RESUMED)
def test_last_epoch_resumes_a_schedule(name):
    own, peer = sgd()
    bounds = {"initial_lr": 0.07, "max_lr": 0.5, "min_lr": 1e-4, "max_momentum": 0.95, "base_momentum": 0.85}
    for group in (*own.param_groups, *peer.param_groups):
        group.update(bounds)
    a, b = RESUMED[name](ours, own), RESUMED[name](theirs, peer)
    for t in range(20):
        assert readings(a) == readings(b), f"step {t}"
        advance(a, t)
        advance(b, t)


def over(m, o):
    scheduler = m.OneCycleLR(o, 0.5, total_steps=3)
    for _ in range(4):
        o.step()
        scheduler.step()


def strange_group(m, o):
    scheduler = m.ReduceLROnPlateau(o, patience=0, min_lr=[0.0, 0.0])
    o.param_groups.append(dict(o.param_groups[0]))
    for _ in range(3):
        scheduler.step(1.0)


def constant_zero(m, o):
    scheduler = m.ConstantLR(o, factor=0.0, total_iters=1)
    o.step()
    scheduler.step()


BAD = {
    "factor": lambda m, o: m.ConstantLR(o, factor=1.5),
    "constant-zero": constant_zero,
    "start-factor": lambda m, o: m.LinearLR(o, start_factor=0.0),
    "end-factor": lambda m, o: m.LinearLR(o, end_factor=2.0),
    "lambda-count": lambda m, o: m.LambdaLR(o, [lambda e: 1.0]),
    "lambda-type": lambda m, o: m.MultiplicativeLR(o, [0.1, 0.1]),
    "no-initial-lr": lambda m, o: m.StepLR(o, 3, last_epoch=4),
    "not-an-optimizer": lambda m, o: m.StepLR(3, 3),
    "cyclic-not-an-optimizer": lambda m, o: m.CyclicLR("x", 0.1, 0.2),
    "onecycle-not-an-optimizer": lambda m, o: m.OneCycleLR(None, 0.1, 10),
    "plateau-not-an-optimizer": lambda m, o: m.ReduceLROnPlateau([0.1]),
    "sequential-empty": lambda m, o: m.SequentialLR(o, [], []),
    "sequential-milestones": lambda m, o: m.SequentialLR(o, [m.StepLR(o, 3)], [3]),
    "sequential-member": lambda m, o: m.SequentialLR(o, [3], []),
    "sequential-plateau": lambda m, o: m.SequentialLR(o, [m.ReduceLROnPlateau(o)], []),
    "chained-empty": lambda m, o: m.ChainedScheduler([]),
    "chained-member": lambda m, o: m.ChainedScheduler([3], o),
    "chained-plateau": lambda m, o: m.ChainedScheduler([m.ReduceLROnPlateau(o)]),
    "plateau-factor": lambda m, o: m.ReduceLROnPlateau(o, factor=1.0),
    "plateau-mode": lambda m, o: m.ReduceLROnPlateau(o, mode="least"),
    "plateau-threshold": lambda m, o: m.ReduceLROnPlateau(o, threshold_mode="least"),
    "plateau-min-lr": lambda m, o: m.ReduceLROnPlateau(o, min_lr=[0.1]),
    "plateau-new-group": strange_group,
    "cyclic-mode": lambda m, o: m.CyclicLR(o, 0.1, 0.2, mode="square"),
    "cyclic-base-lr": lambda m, o: m.CyclicLR(o, [0.1], 0.2),
    "cyclic-max-lr": lambda m, o: m.CyclicLR(o, 0.1, [0.2, 0.3, 0.4]),
    "restarts-t0": lambda m, o: m.CosineAnnealingWarmRestarts(o, 0),
    "restarts-t-mult": lambda m, o: m.CosineAnnealingWarmRestarts(o, 3, 1.5),
    "restarts-eta": lambda m, o: m.CosineAnnealingWarmRestarts(o, 3, eta_min="0"),
    "restarts-epoch": lambda m, o: m.CosineAnnealingWarmRestarts(o, 3).step(-1),
    "onecycle-no-total": lambda m, o: m.OneCycleLR(o, 0.1),
    "onecycle-total": lambda m, o: m.OneCycleLR(o, 0.1, total_steps=0),
    "onecycle-epochs": lambda m, o: m.OneCycleLR(o, 0.1, epochs=-1, steps_per_epoch=3),
    "onecycle-steps": lambda m, o: m.OneCycleLR(o, 0.1, epochs=1, steps_per_epoch=1.5),
    "onecycle-pct": lambda m, o: m.OneCycleLR(o, 0.1, 10, pct_start=1.5),
    "onecycle-anneal": lambda m, o: m.OneCycleLR(o, 0.1, 10, anneal_strategy="exp"),
    "onecycle-over": over,
    "swalr-strategy": lambda m, o: swalr(m, o, anneal_strategy="exp"),
    "swalr-epochs": lambda m, o: swalr(m, o, anneal_epochs=-1),
    "base": lambda m, o: m.LRScheduler(o),
}
OWN_WORDS = {"constant-zero", "base"}  # PyTorch says "float division by zero", and nothing at all


@pytest.mark.parametrize("name", BAD)
def test_errors_have_the_type_and_the_words(name):
    own, peer = sgd()
    with pytest.raises(Exception) as expected:
        BAD[name](theirs, peer)
    with pytest.raises(expected.type) as raised:
        BAD[name](ours, own)
    assert raised.type is expected.type
    if name not in OWN_WORDS:
        first = str(expected.value.args[0]).split("\n")[0].rstrip(".").lower()
        assert first in str(raised.value.args[0]).lower()


def test_momentum_to_cycle_is_required():
    own = StandIn([{"params": [], "lr": 0.1}], {"lr": 0.1})
    peer = torch.optim.Adagrad([torch.zeros(1)], lr=0.1)
    for name, args in (("CyclicLR", (0.1, 0.2)), ("OneCycleLR", (0.1, 10))):
        for module, optimizer in ((ours, own), (theirs, peer)):
            with pytest.raises(ValueError, match="must support momentum or beta1"):
                getattr(module, name)(optimizer, *args)


def test_a_member_of_another_optimizer_is_refused():
    for module, index in ((ours, 0), (theirs, 1)):
        first, second = sgd()[index], sgd()[index]
        member = module.StepLR(second, 3)
        with pytest.raises(ValueError, match="belong to the same optimizer"):
            module.SequentialLR(first, [member], [])
        with pytest.raises(ValueError, match="belong to the same optimizer"):
            module.ChainedScheduler([member], first)


def test_warnings_come_in_the_same_places():
    def record(module, optimizer):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            early = module.StepLR(optimizer, 3)
            early.step()
            early.step()
            early.get_lr()
            module.StepLR(optimizer, 3).step(2)
        return [(w.category, str(w.message)[:30]) for w in caught]

    own, peer = sgd()
    assert record(ours, own) == record(theirs, peer)


def test_names_signatures_and_bases_match():
    assert set(theirs.__all__) == set(ours.__all__)
    for name in theirs.__all__:
        a, b = getattr(ours, name), getattr(theirs, name)
        for method in ("__init__", "step"):
            mine = inspect.signature(getattr(a, method)).parameters
            peers = inspect.signature(getattr(b, method)).parameters
            assert [(p.name, p.default, p.kind) for p in mine.values()] == [
                (p.name, p.default, p.kind) for p in peers.values()
            ], f"{name}.{method}"
        assert issubclass(a, ours.LRScheduler)
    assert ours._LRScheduler.__name__ == "_LRScheduler"
