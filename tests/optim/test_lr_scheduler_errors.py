"""What the learning rate schedulers refuse, and in which words."""

import pytest

from chainrule.optim import Optimizer
from chainrule.optim import lr_scheduler as lrs


class StandIn(Optimizer):
    """An optimizer without momentum and with nothing to update."""

    def __init__(self):
        self.param_groups = [{"params": [], "lr": 1.0}]
        self.defaults = {"lr": 1e-3}
        self.state = {}

    def step(self, closure=None):
        return None


def run(scheduler, steps):
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()


def test_a_group_added_later_is_refused_in_words():
    optimizer = StandIn()
    scheduler = lrs.LambdaLR(optimizer, lambda t: 1.0)
    optimizer.param_groups.append({"params": [], "lr": 1.0})
    optimizer.step()
    with pytest.raises(ValueError, match="has 2 param groups, but LambdaLR holds values for 1"):
        scheduler.step()


ERRORS = [
    (lambda o: lrs.StepLR(3, 3), TypeError, "int is not an Optimizer"),
    (lambda o: lrs.LambdaLR([], abs), TypeError, "list is not an Optimizer"),
    (lambda o: lrs.StepLR(o, 3, last_epoch=2), KeyError, "param 'initial_lr' is not specified"),
    (lambda o: lrs.LambdaLR(o, [abs, abs]), ValueError, "Expected 1 lr_lambdas, but got 2"),
    (lambda o: lrs.LambdaLR(o, 0.1), TypeError, "lr_lambda should be a function, but got float"),
    (lambda o: lrs.ConstantLR(o, -0.1), ValueError, "between 0 and 1, but got -0.1"),
    (lambda o: run(lrs.ConstantLR(o, 0.0, 1), 1), ZeroDivisionError, "cannot restore the learning rate"),
    (lambda o: lrs.LinearLR(o, 0.0), ValueError, "greater than 0 and less or equal to 1, but got 0.0"),
    (lambda o: lrs.LinearLR(o, 1.0, 1.5), ValueError, "Ending multiplicative factor .* but got 1.5"),
    (lambda o: lrs.CosineAnnealingWarmRestarts(o, 2.5), ValueError, "positive integer T_0, but got 2.5"),
    (lambda o: lrs.CosineAnnealingWarmRestarts(o, 2, 0), ValueError, "T_mult >= 1, but got 0"),
    (lambda o: lrs.CosineAnnealingWarmRestarts(o, 2, eta_min=None), ValueError, "eta_min, but got None"),
    (lambda o: lrs.CosineAnnealingWarmRestarts(o, 2).step(-1), ValueError, "non-negative epoch, but got -1"),
    (lambda o: lrs.SequentialLR(o, [], []), ValueError, "at least one scheduler, but got no"),
    (lambda o: lrs.SequentialLR(o, [None], []), TypeError, "SequentialLR at index 0 .* but got NoneType"),
    (lambda o: lrs.SequentialLR(o, [lrs.StepLR(o, 1)], [2]), ValueError, "one more than the number"),
    (lambda o: lrs.SequentialLR(o, [lrs.StepLR(StandIn(), 1)], []), ValueError, "the same optimizer"),
    (lambda o: lrs.SequentialLR(o, [lrs.ReduceLROnPlateau(o)], []), ValueError, "does not support"),
    (lambda o: lrs.ChainedScheduler([]), ValueError, "at least one scheduler to be chained"),
    (lambda o: lrs.ChainedScheduler([None]), TypeError, "ChainedScheduler at index 0"),
    (lambda o: lrs.ReduceLROnPlateau(3), TypeError, "int is not an Optimizer"),
    (lambda o: lrs.ReduceLROnPlateau(o, factor=2.0), ValueError, "Factor should be < 1.0, but got 2.0"),
    (lambda o: lrs.ReduceLROnPlateau(o, mode="up"), ValueError, "mode up is unknown! Expected 'min'"),
    (lambda o: lrs.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold mode x is unknown"),
    (lambda o: lrs.ReduceLROnPlateau(o, min_lr=[1, 2]), ValueError, "expected 1 min_lrs, got 2"),
    (lambda o: lrs.CyclicLR(o, 0.1, [1, 2]), ValueError, "max_lr has 2 values, param_groups has 1"),
    (lambda o: lrs.CyclicLR(o, 0.1, 0.2, mode="saw"), ValueError, "mode is invalid .* got mode 'saw'"),
    (lambda o: lrs.CyclicLR(o, 0.1, 0.2), ValueError, "or beta1 .* Pass cycle_momentum=False"),
    (lambda o: lrs.OneCycleLR(o, 0.1), ValueError, r"either total_steps OR \(epochs AND steps_per_epoch\)"),
    (lambda o: lrs.OneCycleLR(o, 0.1, 1.5), ValueError, "positive integer total_steps, but got 1.5"),
    (lambda o: lrs.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=1), ValueError, "integer epochs, but got 0"),
    (lambda o: lrs.OneCycleLR(o, 0.1, epochs=1, steps_per_epoch=0), ValueError, "steps_per_epoch, but got 0"),
    (lambda o: lrs.OneCycleLR(o, 0.1, 9, pct_start=1), ValueError, "Expected float between 0 and 1"),
    (lambda o: lrs.OneCycleLR(o, 0.1, 9, anneal_strategy="x"), ValueError, "or 'linear', instead got x"),
    (lambda o: lrs.OneCycleLR(o, 0.1, 9), ValueError, "must support momentum or beta1"),
    (
        lambda o: run(lrs.OneCycleLR(o, 0.1, 3, cycle_momentum=False), 4),
        ValueError,
        "Tried to step 4 times. The specified number of total steps is 3",
    ),
]


@pytest.mark.parametrize(("action", "error", "words"), ERRORS, ids=range(len(ERRORS)))
def test_errors_say_what_came(action, error, words):
    with pytest.raises(error, match=words):
        action(StandIn())


def test_plateau_with_listed_minima_refuses_a_new_group():
    optimizer = StandIn()
    scheduler = lrs.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1])
    optimizer.param_groups.append({"params": [], "lr": 1.0})
    scheduler.step(1.0)
    with pytest.raises(RuntimeError, match=r"The number of param groups in the `optimizer` \(2\)"):
        scheduler.step(1.0)
