"""Averaged models: averages by hand, buffers, batch normalisation statistics, errors."""

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.optim.swa_utils import (
    SWALR,
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)


def filled(value):
    """A linear model of four equal weights and a batch normalisation without an effect."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2))
    with cr.no_grad():
        model[0].weight.fill_(value)
    return model


def averaged_over(values, **kwargs):
    model = filled(values[0])
    averaged = AveragedModel(model, **kwargs)
    for value in values:
        with cr.no_grad():
            model[0].weight.fill_(value)
        averaged.update_parameters(model)
    return averaged


def weights(averaged):
    return set(averaged.module[0].weight.detach().flatten().tolist())


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"avg_fn": get_swa_avg_fn()}, {"multi_avg_fn": get_swa_multi_avg_fn()}],
    ids=lambda kwargs: next(iter(kwargs), "default"),
)
def test_equal_weights_give_the_mean(kwargs):
    averaged = averaged_over([1.0, 2.0, 6.0, 7.0], **kwargs)
    assert weights(averaged) == {4.0}
    assert averaged.n_averaged.item() == 4


@pytest.mark.parametrize(
    "kwargs",
    [{"avg_fn": get_ema_avg_fn(0.75)}, {"multi_avg_fn": get_ema_multi_avg_fn(0.75)}],
    ids=lambda kwargs: next(iter(kwargs), "default"),
)
def test_exponential_weights(kwargs):
    assert weights(averaged_over([1.0, 2.0, 6.0], **kwargs)) == {0.75 * (0.75 + 0.25 * 2) + 0.25 * 6}


def test_the_average_is_a_copy_and_runs_like_the_model():
    model = filled(2.0).eval()
    averaged = AveragedModel(model).eval()
    averaged.update_parameters(model)
    x = cr.ones(3, 2)
    assert cr.equal(averaged(x), model(x))
    with cr.no_grad():
        model[0].weight.fill_(0.0)
    assert weights(averaged) == {2.0}


def test_buffers_are_copied_or_averaged():
    for use_buffers, expected in ((False, 8.0), (True, 5.0)):
        model = filled(1.0)
        averaged = AveragedModel(model, use_buffers=use_buffers)
        for value in (2.0, 8.0):
            model[1].running_mean.fill_(value)
            averaged.update_parameters(model)
        assert averaged.module[1].running_mean.tolist() == [expected] * 2


def test_integer_buffers_are_averaged_in_lists_of_their_own():
    for average in (get_swa_multi_avg_fn(), get_ema_multi_avg_fn(0.5)):
        model = filled(1.0)
        averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
        for value in (2, 8):
            model[1].num_batches_tracked.fill_(value)
            averaged.update_parameters(model)
        assert averaged.module[1].num_batches_tracked.item() == 5


def test_a_saved_average_comes_back():
    first = averaged_over([1.0, 3.0])
    second = AveragedModel(filled(0.0))
    second.load_state_dict(first.state_dict())
    assert weights(second) == {2.0}
    assert second.n_averaged.item() == 2
    assert "module.0.weight" in first.state_dict()


def test_update_bn_averages_over_all_batches():
    model = nn.Sequential(nn.BatchNorm1d(1, momentum=0.3)).eval()
    model[0].running_mean.fill_(100.0)
    update_bn([cr.tensor([[1.0], [3.0]]), (cr.tensor([[5.0], [9.0]]), "target")], model)
    assert model[0].running_mean.tolist() == [4.5]
    assert model[0].running_var.tolist() == [5.0]
    assert (model[0].momentum, model.training) == (0.3, False)


def test_update_bn_does_not_run_a_model_without_statistics():
    update_bn(iter(lambda: pytest.fail("a batch was drawn"), None), nn.Linear(1, 1))


def test_swalr_ends_at_its_rate():
    optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    rates = []
    for _ in range(4):
        rates += scheduler.get_last_lr()
        optimizer.step()
        scheduler.step()
    assert rates == [1.0, 0.75, 0.5, 0.5]


def test_errors_say_what_came():
    for make in (get_ema_avg_fn, get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match="Invalid decay value 1.5 provided"):
            make(1.5)
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        AveragedModel(filled(1.0), avg_fn=get_swa_avg_fn(), multi_avg_fn=get_swa_multi_avg_fn())


def test_another_model_is_refused():
    averaged = AveragedModel(filled(1.0))
    with pytest.raises(ValueError, match="has 3 tensors to average, but the given model has 2"):
        averaged.update_parameters(nn.Linear(2, 2))
