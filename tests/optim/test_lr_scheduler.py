"""Learning rate schedules on a stand-in optimizer: sequences by hand, saved states, warnings, errors."""

import copy
import gc
import json
import pickle
import weakref

import pytest

from chainrule.optim import Optimizer
from chainrule.optim import lr_scheduler as lrs


class StandIn(Optimizer):
    """An optimizer with param groups and nothing to update."""

    def __init__(self, *lrs, **others):
        self.param_groups = [dict(params=[], lr=lr, **others) for lr in lrs or (1.0,)]
        self.defaults = {"lr": 1e-3, **others}
        self.state = {}

    def step(self, closure=None):
        """The step's own words."""
        return None if closure is None else closure()


class Scalar:
    """The part of a 0-dim tensor that a scheduler needs."""

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value

    def clone(self):
        return Scalar(self.value)

    def fill_(self, value):
        self.value = value
        return self

    def __mul__(self, factor):
        return Scalar(self.value * factor)


class Power:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, x):
        return self.rate**x


def run(scheduler, steps, key="lr"):
    """The values of the first group before each step."""
    values = []
    for _ in range(steps):
        values.append(scheduler.optimizer.param_groups[0][key])
        scheduler.optimizer.step()
        scheduler.step()
    return values


GOLDEN = {
    "lambda": (lambda o: lrs.LambdaLR(o, lambda t: 0.5**t), [1, 0.5, 0.25, 0.125]),
    "multiplicative": (lambda o: lrs.MultiplicativeLR(o, lambda t: 2 / (t + 1)), [1, 1, 2 / 3, 1 / 3]),
    "step": (lambda o: lrs.StepLR(o, 2, 0.5), [1, 1, 0.5, 0.5, 0.25]),
    "multistep": (lambda o: lrs.MultiStepLR(o, [1, 3, 3], 0.5), [1, 0.5, 0.5, 0.125, 0.125]),
    "constant": (lambda o: lrs.ConstantLR(o, 0.25, 2), [0.25, 0.25, 1, 1]),
    "linear": (lambda o: lrs.LinearLR(o, 0.5, 1.0, 4), [0.5, 0.625, 0.75, 0.875, 1, 1]),
    "exponential": (lambda o: lrs.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125]),
    "polynomial": (lambda o: lrs.PolynomialLR(o, 4, 2.0), [1, 0.5625, 0.25, 0.0625, 0, 0]),
    "cosine": (lambda o: lrs.CosineAnnealingLR(o, 2, 0.5), [1, 0.75, 0.5, 0.75, 1, 0.75]),
    "restarts": (
        lambda o: lrs.CosineAnnealingWarmRestarts(o, 2, 2),
        [1, 0.5, 1, 0.8535533905932737, 0.5, 0.14644660940672627, 1],
    ),
    "cyclic": (lambda o: lrs.CyclicLR(o, 1.0, 3.0, 2), [1, 2, 3, 2, 1, 2]),
    "cyclic-halved": (lambda o: lrs.CyclicLR(o, 1, 3, 1, mode="triangular2"), [1, 3, 1, 2, 1, 1.5]),
    "cyclic-exp": (lambda o: lrs.CyclicLR(o, 1, 3, 1, mode="exp_range", gamma=0.5), [1, 2, 1, 1.25]),
    "cyclic-own": (
        lambda o: lrs.CyclicLR(o, 1, 3, 1, scale_fn=lambda t: t, scale_mode="iterations"),
        [1, 3, 1, 7, 1, 11],
    ),
    "onecycle": (
        lambda o: lrs.OneCycleLR(o, 1.0, 6, pct_start=0.5, div_factor=2.0, final_div_factor=2.0),
        [0.5, 0.75, 1.0, 0.8125, 0.4375, 0.25],
    ),
    "onecycle-three": (
        lambda o: lrs.OneCycleLR(
            o, 1.0, 6, pct_start=0.5, div_factor=2, three_phase=True, anneal_strategy="linear"
        ),
        [0.5, 0.75, 1.0, 0.75, 0.5, 0.5 / 1e4],
    ),
    "onecycle-short-rise": (
        lambda o: lrs.OneCycleLR(o, 1.0, 10, pct_start=0.1, anneal_strategy="linear", final_div_factor=1),
        [1.0, 1 - 0.96 / 9, 1 - 2 * 0.96 / 9],
    ),
    "sequential": (
        lambda o: lrs.SequentialLR(o, [lrs.ConstantLR(o, 0.5, 9), lrs.ExponentialLR(o, 0.5)], [2]),
        [0.5, 0.5, 1, 0.5, 0.25],
    ),
    "chained": (
        lambda o: lrs.ChainedScheduler([lrs.ConstantLR(o, 0.5, 2), lrs.ExponentialLR(o, 0.5)]),
        [0.5, 0.25, 0.25, 0.125],
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_sequences_by_hand(name):
    build, expected = GOLDEN[name]
    scheduler = build(StandIn(1.0, momentum=0.9))
    assert run(scheduler, len(expected)) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_saved_state_goes_on_where_it_stopped(name):
    build, expected = GOLDEN[name]
    first = build(StandIn(1.0, momentum=0.9))
    run(first, 2)
    saved = pickle.loads(pickle.dumps(first.state_dict()))
    groups = copy.deepcopy(first.optimizer.param_groups)
    untouched = copy.deepcopy(saved)
    second = build(StandIn(1.0, momentum=0.9))
    second.load_state_dict(saved)
    second.optimizer.param_groups = groups
    assert saved.keys() == untouched.keys()
    assert second.get_last_lr() == first.get_last_lr()
    assert run(second, len(expected) - 2) == pytest.approx(expected[2:], rel=1e-12, abs=1e-15)


def test_every_group_has_its_own_rate():
    optimizer = StandIn(1.0, 0.5)
    scheduler = lrs.LambdaLR(optimizer, [lambda t: 1.0, lambda t: 0.5**t])
    assert scheduler.base_lrs == [1.0, 0.5]
    run(scheduler, 2)
    assert scheduler.get_last_lr() == [1.0, 0.125]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [1.0, 0.5]


def test_schedulers_on_one_optimizer_multiply():
    optimizer = StandIn(1.0)
    one, two = lrs.ExponentialLR(optimizer, 0.5), lrs.StepLR(optimizer, 1, 0.25)
    optimizer.step()
    one.step()
    two.step()
    assert optimizer.param_groups[0]["lr"] == 0.125
    assert (one.get_last_lr(), two.get_last_lr()) == ([0.5], [0.125])


def test_momentum_moves_against_the_rate():
    scheduler = lrs.CyclicLR(StandIn(momentum=0.0), 0.1, 0.2, 2, base_momentum=0.5, max_momentum=0.75)
    assert run(scheduler, 5, "momentum") == [0.75, 0.625, 0.5, 0.625, 0.75]
    scheduler = lrs.OneCycleLR(
        StandIn(momentum=0.0), 1.0, 6, pct_start=0.5, base_momentum=0.5, max_momentum=0.75
    )
    assert run(scheduler, 4, "momentum") == pytest.approx([0.75, 0.625, 0.5, 0.5625])


def test_momentum_of_adam_is_the_first_beta():
    scheduler = lrs.CyclicLR(StandIn(betas=(0.9, 0.99)), 0.1, 0.2, 1, base_momentum=0.5, max_momentum=0.75)
    assert run(scheduler, 3, "betas") == [(0.75, 0.99), (0.5, 0.99), (0.75, 0.99)]


def test_momentum_is_left_alone_when_not_cycled():
    scheduler = lrs.OneCycleLR(StandIn(momentum=0.3), 1.0, 6, cycle_momentum=False)
    assert run(scheduler, 4, "momentum") == [0.3] * 4


def test_a_tensor_rate_keeps_its_identity():
    rate = Scalar(1.0)
    scheduler = lrs.ExponentialLR(StandIn(rate), 0.5)
    assert run(scheduler, 3)[0] is rate
    assert rate.value == 0.125
    assert scheduler.get_last_lr()[0] is not rate
    assert scheduler.base_lrs[0].value == 1.0


def test_plateau_waits_reduces_and_cools_down():
    optimizer = StandIn(1.0)
    scheduler = lrs.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=2, min_lr=0.3)
    rates = []
    for metric in [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 3.0]:
        scheduler.step(metric)
        rates += scheduler.get_last_lr()
    assert rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3]
    assert (scheduler.best, scheduler.num_bad_epochs, scheduler.last_epoch) == (3.0, 0, 9)


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "good", "bad"),
    [
        ("min", "rel", 8.9, 9.1),
        ("min", "abs", 9.8, 9.95),
        ("max", "rel", 11.1, 10.9),
        ("max", "abs", 10.2, 10.05),
    ],
)
def test_plateau_threshold(mode, threshold_mode, good, bad):
    for metric, count in ((good, 0), (bad, 1)):
        scheduler = lrs.ReduceLROnPlateau(StandIn(), mode, threshold=0.1, threshold_mode=threshold_mode)
        scheduler.step(10.0)
        scheduler.step(metric)
        assert scheduler.num_bad_epochs == count


def test_plateau_state_is_json_and_comes_back():
    scheduler = lrs.ReduceLROnPlateau(StandIn(), "max", patience=0)
    for metric in (1.0, 0.5):
        scheduler.step(metric)
    state = json.loads(json.dumps(scheduler.state_dict()))
    other = lrs.ReduceLROnPlateau(StandIn(), "min")
    other.load_state_dict(state)
    assert (other.mode, other.best, other.patience, other.last_epoch) == ("max", 1.0, 0, 2)
    assert other.mode_worse == float("-inf")


def test_plateau_warns_of_a_given_epoch():
    scheduler = lrs.ReduceLROnPlateau(StandIn())
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(1.0, epoch=7)
    assert scheduler.last_epoch == 7


def test_plateau_takes_a_new_group_with_a_common_minimum():
    optimizer = StandIn(1.0)
    scheduler = lrs.ReduceLROnPlateau(optimizer, patience=0, min_lr=0.2)
    optimizer.param_groups.append({"params": [], "lr": 3.0})
    for _ in range(2):
        scheduler.step(1.0)
    assert scheduler.get_last_lr() == pytest.approx([0.2, 0.3])


def test_callable_objects_are_saved_and_functions_are_not():
    for kind in (lrs.LambdaLR, lrs.MultiplicativeLR):
        scheduler = kind(StandIn(1.0, 1.0), [Power(0.5), lambda t: 1.0])
        state = scheduler.state_dict()
        assert state["lr_lambdas"] == [{"rate": 0.5}, None]
        other = kind(StandIn(1.0, 1.0), [Power(0.1), lambda t: 1.0])
        other.load_state_dict(state)
        assert other.lr_lambdas[0].rate == 0.5
        assert "lr_lambdas" in state
    cyclic = lrs.CyclicLR(StandIn(), 0.1, 0.2, scale_fn=Power(0.5), cycle_momentum=False)
    state = cyclic.state_dict()
    assert state["_scale_fn_custom"] == {"rate": 0.5}
    other = lrs.CyclicLR(StandIn(), 0.1, 0.2, scale_fn=Power(0.1), cycle_momentum=False)
    other.load_state_dict(state)
    assert other.scale_fn(1) == 0.5


def test_state_of_members_is_nested():
    optimizer = StandIn()
    members = [lrs.ConstantLR(optimizer), lrs.StepLR(optimizer, 3)]
    chained = lrs.ChainedScheduler(members)
    state = chained.state_dict()
    assert [member["last_epoch"] for member in state["_schedulers"]] == [0, 0]
    with pytest.raises(ValueError, match="The state holds 2 schedulers, but this ChainedScheduler has 1"):
        lrs.ChainedScheduler(members[:1]).load_state_dict(state)


def test_lambdas_of_another_number_of_groups_are_refused():
    state = lrs.LambdaLR(StandIn(1.0, 1.0), lambda t: 1.0).state_dict()
    with pytest.raises(ValueError, match="The state holds 2 lr_lambdas, but this LambdaLR has 1"):
        lrs.LambdaLR(StandIn(), lambda t: 1.0).load_state_dict(state)


def test_stepping_the_scheduler_first_warns_once():
    scheduler = lrs.StepLR(StandIn(), 3)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    scheduler.step()


def test_a_replaced_step_warns():
    optimizer = StandIn()
    scheduler = lrs.StepLR(optimizer, 3)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        scheduler.step()


def test_a_step_that_is_a_plain_function_is_counted():
    optimizer = StandIn()
    optimizer.step = lambda: "stepped"
    scheduler = lrs.StepLR(optimizer, 3)
    assert optimizer.step() == "stepped"
    scheduler.step()
    assert scheduler.last_epoch == 1


def test_counting_steps_keeps_arguments_words_and_lifetime():
    optimizer = StandIn()
    lrs.StepLR(optimizer, 3)
    lrs.StepLR(optimizer, 3)
    assert optimizer.step(lambda: 7) == 7
    assert optimizer.step.__doc__ == "The step's own words."
    step, alive = optimizer.step, weakref.ref(optimizer)
    gc.disable()
    try:
        del optimizer
        assert alive() is None
    finally:
        gc.enable()
    with pytest.raises(ReferenceError, match="Keep a reference to the optimizer"):
        step()


def test_get_lr_outside_step_warns():
    schedulers = (build(StandIn(momentum=0.9)) for build, _ in GOLDEN.values())
    for scheduler in schedulers:
        if not isinstance(scheduler, (lrs.SequentialLR, lrs.ChainedScheduler)):
            with pytest.warns(UserWarning, match="get_last_lr"):
                scheduler.get_lr()


def test_a_given_epoch_warns_and_jumps():
    scheduler = lrs.StepLR(StandIn(), 3, 0.5)
    scheduler.optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(7)
    assert (scheduler.last_epoch, scheduler.get_last_lr()) == (7, [0.25])


def test_an_epoch_without_a_closed_form_asks_get_lr():
    scheduler = lrs.LambdaLR(StandIn(), lambda t: 1 / (1 + t))
    scheduler.optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(3)
    assert scheduler.get_last_lr() == [0.25]


def test_a_subclass_needs_only_get_lr():
    class Reciprocal(lrs._LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    assert run(Reciprocal(StandIn(6.0)), 3) == [6.0, 3.0, 2.0]
    with pytest.raises(NotImplementedError, match="LRScheduler does not define get_lr"):
        lrs.LRScheduler(StandIn())
