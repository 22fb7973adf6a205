"""record(): names, modules and values of passes that ran far away; depth= folds modules into steps."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.autograd import recent
from chainrule.autograd.tape import clock
from chainrule.explainer import record as recording
from chainrule.explainer.expr import symbols_in, value_of


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 3)
        self.head = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))

    def forward(self, inp):
        h = cr.relu(self.fc1(inp))
        return self.head(h)


def train(steps=3, lr=0.1):
    """Somebody's training loop: nothing of it is left afterwards but the last loss and the model."""
    net = Net()
    optimizer = cr.optim.SGD(net.parameters(), lr=lr)
    data, target = cr.randn(4, 1), cr.randn(4, 1)
    for _ in range(steps):
        feats = cr.cat([data, data * data], 1)
        optimizer.zero_grad()
        out = net(feats)
        loss = ((out - target) ** 2).mean()
        loss.backward()
        gradients = [p.grad.clone() for p in net.parameters()]
        optimizer.step()
    return loss, net, gradients


@pytest.fixture
def trained():
    cr.manual_seed(0)
    with cr.record():
        loss, net, gradients = train()
    return loss, net, gradients


def texts(explanation, kind):
    return [str(s) for s in explanation.steps if s.kind == kind]


def test_a_pass_of_a_loop_has_its_names_and_the_formulas_of_its_data(trained):
    loss, _, _ = trained
    text = texts(cr.explain(loss, names={}), "forward")
    assert text[0].endswith("= data²")
    assert text[1].startswith("feats = [data, ")
    assert text[3].startswith("h = relu(")
    assert text[6].startswith("out = ")


def test_parameters_are_called_as_the_module_was_where_it_ran(trained):
    loss, _, _ = trained
    legend = cr.explain(loss, names={}).derivation.legend
    assert {"net.fc1.weight", "net.head.2.bias"} <= set(legend.values())


def test_without_a_recording_nothing_is_known_of_a_loop():
    loss, net, _ = train(1)
    explanation = cr.explain(loss, names={})
    assert explanation.paths == {}
    assert "net.fc1.weight" not in explanation.derivation.legend.values()
    assert not any("data²" in t for t in texts(explanation, "forward"))
    assert net is not None


def test_the_values_are_those_of_the_pass_not_those_after_the_step(trained):
    loss, net, gradients = trained
    found = {str(s.symbol): s.value for s in cr.explain(loss, wrt=list(net.parameters())).backward}
    for g, value in zip(gradients, list(found.values())[-len(gradients) :]):
        assert any(v.shape == g.shape and np.allclose(v, g.numpy(), rtol=1e-4) for v in found.values())
        assert value is not None


def test_a_weight_that_is_replaced_by_data_is_explained_as_it_was():
    w = cr.tensor(3.0, requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    w.data = w.data - 1
    assert cr.explain(loss).steps[0].value == 3


def test_data_that_is_changed_afterwards_keeps_its_values_but_not_its_formula():
    w = cr.tensor([1.0, 1.0], requires_grad=True)
    with cr.record():
        x = cr.tensor([1.0, 2.0])
        y = x * x
        loss = (w * y).sum()
        x += 1
    values = {str(s): s.value for s in cr.explain(loss).steps}
    assert values["y"].tolist() == [1, 4]


def test_random_draws_are_constants_and_are_not_drawn_again():
    cr.manual_seed(0)
    w = cr.ones(3, requires_grad=True)
    with cr.record():
        noise = cr.randn(3)
        loss = (w * noise).sum()
    state = cr.get_rng_state()
    explanation = cr.explain(loss)
    assert "noise" in texts(explanation, "input")
    assert cr.equal(state, cr.get_rng_state())


def test_each_value_knows_the_module_that_made_it(trained):
    loss, _, _ = trained
    explanation = cr.explain(loss)
    by_name = {explanation.derivation.symbols[v].text: path for v, path in explanation.paths.items()
               if v in explanation.derivation.symbols}  # fmt: skip
    assert by_name["out"] == "net.head.2"
    assert by_name["h"] == "net"
    assert "L" not in by_name


def test_modules_found_in_no_variable_are_called_by_their_class():
    x = cr.ones(1, 2)
    with cr.record():
        loss = [nn.Linear(2, 1)][0](x).sum()
    assert list(cr.explain(loss, names={}).paths.values()) == ["Linear"]


def test_a_module_kept_in_an_object_is_called_by_its_attribute():
    class Trainer:
        def __init__(self):
            self.model = nn.Linear(2, 1)

        def fit(self, batch):
            return self.model(batch).sum()

    with cr.record():
        loss = Trainer().fit(cr.ones(1, 2))
    assert list(cr.explain(loss, names={}).paths.values()) == ["model"]


def test_a_call_that_fails_leaves_the_modules_in_order():
    class Failing(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    linear, failing = nn.Linear(2, 1), Failing()
    with cr.record():
        with pytest.raises(ValueError, match="no"):
            failing(cr.ones(1, 2))
        loss = linear(cr.ones(1, 2)).sum()
    assert list(cr.explain(loss).paths.values()) == ["linear"]


def test_a_pass_of_any_size_is_kept_after_backward(monkeypatch):
    monkeypatch.setattr(recent, "room", 4)
    w = cr.ones(10, requires_grad=True)
    loss = (w * w).exp().sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="has freed it"):
        cr.explain(loss)
    with cr.record():
        loss = (w * w).exp().sum()
        loss.backward()
    np.testing.assert_allclose(cr.explain(loss).backward[-1].value, 2 * np.e * np.ones(10), rtol=1e-6)


def test_everything_is_as_before_when_it_is_over():
    with cr.record(), pytest.raises(KeyError), cr.record():
        raise KeyError
    assert clock.tracer is None
    assert recent.room == recent.ROOM
    assert not nn._hooks.ACTIVE


def test_what_is_over_is_not_kept():
    with cr.record():
        train(2)
    gc.collect()
    kept = recording.kept
    assert not len(kept.names) + len(kept.parameters) + len(kept.formulas) + len(kept.values)


def test_long_chains_of_data_are_bounded(monkeypatch):
    monkeypatch.setattr(recording, "_ROOM", 1000)
    with cr.record():
        x = cr.ones(10)
        for _ in range(500):
            x = x * 0.5
        assert sum(m.nbytes for m in recording.kept.formulas.values()) <= 1000 + 64 * 40
    assert x.sum() >= 0


def test_other_threads_are_not_recorded():
    w = cr.ones(2, requires_grad=True)
    found = []
    with cr.record():
        worker = Thread(target=lambda: found.append((w * (cr.ones(2) * 3)).sum()))
        worker.start()
        worker.join()
    assert not any("3 · " in t for t in texts(cr.explain(found[0]), "forward"))


def test_a_compiled_step_runs_operation_by_operation():
    w = cr.ones(2, requires_grad=True)
    step = cr.compile(lambda x: (w * x).sum())
    x = cr.tensor([1.0, 2.0])
    before = step(x).item()
    with cr.record():
        loss = step(x)
    assert loss.item() == before
    assert len(cr.explain(loss).backward) == 1


def test_an_observer_answers_all_that_is_asked_of_tracers():
    """Except for what only a trace of the running code is asked, behind here()."""
    source = Path(cr.__file__).parent
    asked = {
        n for p in source.rglob("*.py") for n in re.findall(r"clock\.tracer\.(\w+)", p.read_text("utf8"))
    }
    assert asked - {"leaf", "lift"} <= set(dir(recording._Observer))


def test_scalars_and_sequences_are_kept_after_backward():
    w, x = cr.tensor(2.0, requires_grad=True), cr.tensor(3.0)
    loss = (w * x) ** 2
    loss.backward()
    assert cr.explain(loss).backward[-1].value == 36
    lstm = nn.LSTM(2, 3)
    loss = lstm(cr.randn(4, 1, 2))[0].sum()
    loss.backward()
    assert len(cr.explain(loss).backward) > 4


def test_it_cannot_begin_inside_a_trace():
    def step(x):
        with cr.record():
            return x * 2

    with pytest.raises(RuntimeError) as error:
        cr.compile(step)(cr.ones(2))
    assert str(error.value).splitlines() == [
        "record() cannot be used inside a function that is being compiled",
        "  came:     a trace that is running",
        "  expected: code that runs operation by operation",
        "  fix:      put `with record():` around the call of the compiled function",
    ]


# ----- depth=


@pytest.mark.parametrize(
    ("depth", "line"),
    [(0, "out = net(feats; θ⁽¹⁾)"), (1, "out = net.head(h; θ⁽²⁾)"), (2, "a⁽²⁾ = net.head.1(z⁽²⁾)")],
)
def test_modules_are_single_steps_from_a_depth_on(trained, depth, line):
    loss, _, _ = trained
    assert line in texts(cr.explain(loss, names={}, depth=depth), "forward")


@pytest.mark.parametrize("depth", [0, 1, 2, 9])
def test_folded_steps_have_the_values_of_the_pass(trained, depth):
    loss, _, gradients = trained
    explanation = cr.explain(loss, depth=depth)
    values = {s.symbol: s.value for s in explanation.steps}
    arrays = {s.symbol: s.value for s in explanation.steps}
    for step in explanation.steps:
        if step.formula is not None:
            assert set(symbols_in(step.formula)) <= set(arrays)
            again = np.asarray(value_of(step.formula, arrays.__getitem__))
            np.testing.assert_allclose(np.broadcast_to(again, step.shape), values[step.symbol], rtol=1e-4,
                                       atol=1e-6)  # fmt: skip
    numbers = np.sort(np.concatenate([np.ravel(g.numpy()) for g in gradients]))
    leaves = set(explanation.derivation.program.inputs)
    found = [np.ravel(s.value) for s in explanation.backward if s.symbol.var in leaves]
    np.testing.assert_allclose(np.sort(np.concatenate(found)), numbers, rtol=1e-4, atol=1e-6)


def test_the_legend_says_what_the_vector_of_parameters_is(trained):
    loss, _, _ = trained
    assert "all parameters of net.head" in cr.explain(loss, names={}, depth=1).derivation.legend.values()
    assert "net.head 的全部参数" in cr.explain(loss, depth=1, lang="zh").derivation.legend.values()


def test_a_parameter_that_is_asked_for_stays_visible(trained):
    loss, net, gradients = trained
    explanation = cr.explain(loss, wrt=net.fc1.weight, depth=0)
    assert str(explanation.backward[-1]) == "∂L/∂W⁽¹⁾ = (∂net/∂W⁽¹⁾)ᵀ ∂L/∂out"
    np.testing.assert_allclose(explanation.backward[-1].value, gradients[0].numpy(), rtol=1e-4)


def test_modules_with_several_results_and_shared_weights_are_folded():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(cr.tensor([1.0, 2.0]))

        def forward(self, x):
            return x * self.w, (x + self.w).exp()

    pair = Pair()
    with cr.record():
        a, b = pair(cr.tensor([0.5, 0.25]))
        loss = (a * b).sum() + pair(a)[1].sum()
        loss.backward()
    explanation = cr.explain(loss, depth=0)
    np.testing.assert_allclose(explanation.backward[-1].value, pair.w.grad.numpy(), rtol=1e-5)


def test_numbers_inside_of_modules_are_no_operands():
    class Scaled(nn.Linear):
        def forward(self, x):
            return super().forward(x) * 0.25 + 0.5

    first, second = Scaled(2, 2), Scaled(2, 2)
    with cr.record():
        x = cr.randn(3, 2)
        loss = second(first(x)).sum()
    assert texts(cr.explain(loss, depth=0), "forward")[0].endswith("= first(x; θ⁽¹⁾)")


def test_depth_needs_a_recording():
    w = cr.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError) as error:
        cr.explain((w * w).sum(), depth=1)
    assert str(error.value).splitlines() == [
        "depth= cannot be used: no module is known to have taken part in this pass",
        "  came:     a pass without record(), or without modules",
        "  expected: which module made each value",
        "  fix:      run the forward pass inside `with chainrule.record():`",
    ]


def test_depth_is_not_negative(trained):
    with pytest.raises(ValueError, match=r"^depth must be 0 \(modules are single steps\) or more, not -1$"):
        cr.explain(trained[0], depth=-1)


def test_a_module_that_is_one_step_is_written_as_its_call():
    """What it was given stands in the parentheses; its buffers and numbers do not, whoever shares them."""

    class Gate(nn.Module):
        def __init__(self, mask):
            super().__init__()
            self.fc, self.mask = nn.Linear(3, 3), mask

        def forward(self, x, shift):
            return self.fc(x) * self.mask + 0.5 * shift

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            mask = cr.tensor([1.0, 0.0, 1.0])
            self.first, self.second = Gate(mask), Gate(mask)

        def forward(self, x, shift):
            h = self.first(x, shift)
            return self.second(h, shift)

    net, x, shift = Net(), cr.randn(5, 3), cr.ones(3)
    with cr.record():
        loss = net(x, shift).sum()
    e = cr.explain(loss, depth=1)
    assert texts(e, "forward")[0] == "h = net.first(x, shift; θ⁽¹⁾)"
    assert texts(e, "forward")[1].endswith("= net.second(h, shift; θ⁽²⁾)")
    assert texts(e, "input") == ["x", "shift", "θ⁽¹⁾", "θ⁽²⁾"]
    assert texts(cr.explain(loss, depth=0), "forward")[0].endswith("= net(x, shift; θ⁽¹⁾)")
