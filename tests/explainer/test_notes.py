"""What an explanation points out: each note on a run that has it, and its absence on one that has not."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.explainer.pointwise import has_flat_part, saturates
from chainrule.ops.record import REGISTRY
from chainrule.program.ir import Equation, Var
from chainrule.types import float64


def notes(loss, kind=None, **options):
    return [n for n in cr.explain(loss, **options).notes if kind in (None, n.kind)]


def leaf(*values):
    return cr.tensor(values if len(values) != 1 else values[0], requires_grad=True)


@pytest.fixture(autouse=True)
def _seeded():
    cr.manual_seed(0)


# ----- sums over uses


def test_a_weight_that_is_used_twice():
    w, x = leaf(1.0, 2.0), cr.tensor([3.0, 4.0])
    h = w * x
    y = (h * h).exp()
    found = notes((y * w).sum(), "sum")
    assert [n.text_en for n in found] == [
        "w is used 2 times: its gradient is the sum over these uses, through L and h.",
        "h is read by several steps: what these send back is added up.",
    ][: len(found)]
    assert found[0].evidence == {"of": "w", "uses": ["L", "h"], "count": 2}
    assert found[0].text_zh == "w 被使用了 2 次：它的梯度是各次使用之和，经由 L、h。"


def test_a_value_that_two_heads_read():
    w = leaf(1.0, 2.0)
    h = w.exp()
    texts = [n.text_en for n in notes((h.sin() + h.cos()).sum(), "sum")]
    assert texts == ["h is read by several steps: what these send back is added up."]


def test_weights_used_once_are_not_mentioned():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    assert not notes(model(cr.randn(4, 2)).sum(), "sum")


# ----- accumulation


def run(model, x):
    loss = model(x).pow(2).sum()
    loss.backward()
    return loss


def test_a_gradient_that_nothing_zeroed():
    w = leaf(3.0)
    (w * w).backward()
    loss = w * w * w
    loss.backward()
    (note,) = notes(loss, "accumulation")
    assert note.text_en == (
        "Gradients have accumulated: w.grad is 33, this pass's ∂L/∂w is 27; the rest is of earlier "
        "passes, because nothing zeroed it."
    )
    assert (note.evidence["grad"]["w"], note.evidence["own"]["w"]) == (33, 27)


def test_a_gradient_that_is_there_before_backward():
    w = leaf(3.0)
    (w * w).backward()
    (note,) = notes(w * w * w, "accumulation")
    assert note.text_en == (
        "w.grad is not empty: it holds 6. backward() adds this pass's gradient to it unless it is "
        "zeroed first."
    )


def test_several_gradients_are_one_note():
    model = nn.Linear(2, 2)
    run(model, cr.randn(3, 2))
    (note,) = notes(run(model, cr.randn(3, 2)), "accumulation")
    assert note.text_en.endswith(" The same holds for b⁽¹⁾.")


@pytest.mark.parametrize("set_to_none", [True, False])
def test_gradients_that_are_zeroed_do_not_accumulate(set_to_none):
    model = nn.Linear(2, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad(set_to_none=set_to_none)
        loss = model(cr.randn(3, 2)).sum()
        assert not notes(loss, "accumulation")
        loss.backward()
        assert not notes(loss, "accumulation")
        optimizer.step()
        assert not notes(loss, "accumulation")


def test_clipped_gradients_have_not_accumulated():
    model = nn.Linear(2, 1)
    loss = run(model, cr.randn(3, 2))
    nn.utils.clip_grad_norm_(model.parameters(), 1e-2)
    assert not notes(loss, "accumulation")


def test_a_graph_that_is_retained_has_not_accumulated():
    w = leaf(3.0)
    loss = w * w
    loss.backward(retain_graph=True)
    assert not notes(loss, "accumulation")


# ----- activations


def test_units_that_are_dead_for_all_samples():
    x = cr.tensor([[1.0, -1.0, 2.0], [1.0, -2.0, -3.0]])
    w = leaf([1.0, 1.0, 1.0])
    h = cr.relu(x * w)
    (note,) = notes(h.sum(), "dead")
    assert note.evidence == {"units": [1], "total": 3, "of": "h"}
    assert note.text_en == (
        "1 of the 3 units of h lets nothing through for any sample of this batch: unit 1. No gradient "
        "reaches the weights behind it."
    )
    assert [s.symbol.text for s in note.steps] == ["h"]


def test_channels_that_are_dead():
    x = cr.ones(2, 2, 3, 3)
    w = leaf([1.0, -1.0]).reshape(1, 2, 1, 1)
    (note,) = notes(cr.relu(x * w).sum(), "dead")
    assert note.evidence["units"] == [1]


@pytest.mark.parametrize(
    "network",
    [
        lambda x: cr.relu(x),
        lambda x: cr.tanh(x),
        lambda x: nn.functional.leaky_relu(-x.abs()),
        lambda x: cr.sign(x) * x,
        lambda x: cr.relu(-x[:1].abs()),  # one sample: an ordinary mask
    ],
)
def test_units_that_live(network):
    w = leaf([1.0, 1.0])
    assert not notes(network(cr.tensor([[1.0, -1.0], [-1.0, 2.0]]) * w).sum(), "dead")


@pytest.mark.parametrize("f", [cr.sigmoid, cr.tanh, nn.functional.softsign])
def test_a_saturated_activation(f):
    w = leaf([1.0, 1.0])
    h = f(cr.tensor([[30.0, -40.0], [0.1, 50.0]]) * w)
    (note,) = notes(h.sum(), "saturated")
    assert note.evidence == {"share": 0.75, "of": "h"}
    assert note.text_en == (
        "h is saturated: at 75% of its entries the derivative is below 0.01, so next to no "
        "gradient gets through."
    )


@pytest.mark.parametrize("f", [cr.sigmoid, cr.tanh, nn.functional.softsign])
def test_an_activation_in_its_middle(f):
    w = leaf([1.0, 1.0])
    assert not notes(f(cr.tensor([[1.0, -1.0], [0.1, 50.0]]) * w).sum(), "saturated")


@pytest.mark.parametrize("f", [cr.exp, cr.log, cr.reciprocal, nn.functional.gelu, cr.sin, cr.sqrt, cr.relu])
def test_what_has_small_derivatives_without_being_an_s(f):
    w = leaf([1.0, 1.0])
    assert not notes(f(cr.tensor([[500.0, 600.0], [700.0, 800.0]]) * w / 8).sum(), "saturated")


def test_which_records_saturate_and_which_have_a_flat_part():
    def unary(op):
        return op.d is not None and op.nargs == 1 and not op.attrs

    x = Var((2,), float64)
    equations = {name: Equation(op, (x,), [x]) for name, op in REGISTRY.items() if unary(op)}
    s_shaped = {name for name, e in equations.items() if saturates(e)}
    flat = {name for name, e in equations.items() if has_flat_part(e)}
    assert {"sigmoid", "tanh", "erf", "atan"} <= s_shaped
    assert not s_shaped & {"exp", "log", "sin", "reciprocal", "relu", "sqrt", "abs", "log_sigmoid", "silu"}
    assert "relu" in flat
    assert not flat & {"sigmoid", "abs", "sign", "exp", "floor", "square"}


# ----- kinks


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: cr.relu(x), "a = 0: 0"),
        (lambda x: cr.abs(x), "a = 0: 0"),
        (lambda x: cr.maximum(x, cr.zeros(3)), "at a tie each gets half"),
        (lambda x: cr.sqrt(x * x), "a = 0: inf"),
    ],
)
def test_kinks_of_elementwise_operations(f, words):
    x = leaf(0.0, 1.0, 2.0)
    y = f(x)
    found = notes(y.sum(), "kink")
    assert found[-1].evidence == {"count": 1, "total": 3, "rule": words, "of": "y"}
    assert found[-1].text_en == (
        f"y has a kink here, at 1 of 3 entries: there is no single derivative, and a "
        f"convention was used ({words})."
    )


@pytest.mark.parametrize(
    "f",
    [
        lambda x: cr.amax(x, 0),
        lambda x: cr.max(x, 0).values,
        lambda x: cr.linalg.vector_norm(x * 0),
        lambda x: nn.functional.l1_loss(x, x.detach()),
    ],
)
def test_kinks_of_structured_operations(f):
    x = leaf(2.0, 1.0, 2.0)
    assert notes(f(x).sum(), "kink")


@pytest.mark.parametrize(
    "f",
    [
        lambda x: cr.relu(x),
        lambda x: cr.abs(x),
        lambda x: cr.maximum(x, cr.zeros(3)),
        lambda x: cr.amax(x, 0),
        lambda x: cr.max(x, 0).values,
        lambda x: cr.linalg.vector_norm(x),
        lambda x: nn.functional.elu(x * 0),
        lambda x: nn.functional.l1_loss(x, cr.zeros(3)),
        lambda x: cr.var(x),
        lambda x: x / (x + 1),
        lambda x: cr.clamp(x, 0.0, 5.0),
    ],
)
def test_smooth_points_are_not_called_kinks(f):
    x = leaf(1.0, 2.0, 3.0)
    assert not notes(f(x).sum(), "kink")


# ----- sizes of gradients


def deep(activation, scale):
    layers = [nn.Linear(8, 8) for _ in range(8)]
    for layer in layers:
        with cr.no_grad():
            layer.weight *= scale
    x = cr.randn(4, 8)
    modules = [m for layer in layers for m in (layer, activation())]
    model = nn.Sequential(*modules, nn.Linear(8, 1))
    loss = model(x).pow(2).mean()
    return cr.explain(loss, names={"model": model})


def test_gradients_that_vanish():
    (note,) = [n for n in deep(nn.Sigmoid, 1.0).notes if n.kind == "vanishing"]
    assert note.evidence["last"] > 1000 * note.evidence["first"]
    assert note.text_en.startswith("The gradients vanish on their way back through the layers: ‖∂L/∂z⁽⁹⁾‖ = ")


def test_gradients_that_explode():
    (note,) = [n for n in deep(nn.Identity, 30.0).notes if n.kind == "exploding"]
    assert note.evidence["first"] > 1000 * note.evidence["last"]


def test_gradients_of_one_size():
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    found = {n.kind for n in notes(model(cr.randn(4, 8)).pow(2).mean())}
    assert not found & {"vanishing", "exploding"}


# ----- values that have changed


def test_a_weight_that_was_updated_since():
    w = leaf(1.0, 2.0)
    optimizer = cr.optim.SGD([w], lr=0.1)
    loss = (w * w).sum()
    loss.backward()
    optimizer.step()
    (note,) = notes(loss, "changed")
    assert note.text_en.startswith("w changed after the pass")
    with cr.record():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        optimizer.step()
    assert not notes(loss, "changed")


def test_a_weight_that_was_updated_behind_the_tapes_back():
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    loss.backward()
    w.data -= 0.5
    (note,) = notes(loss, "changed")
    assert note.text_en.startswith(
        "Values have changed since the pass: it gave L = 5, the present values give 2.5. "
    )
    assert not notes(loss, "accumulation")
    with cr.record():
        w.grad = None
        loss = (w * w).sum()
        loss.backward()
        w.data -= 0.5
    assert not notes(loss)


# ----- where they are shown


@pytest.mark.parametrize(("lang", "heading"), [("en", "Worth noticing"), ("zh", "值得注意")])
def test_notes_are_printed_in_both_languages(lang, heading):
    w = leaf(0.0, 1.0)
    explanation = cr.explain(cr.relu(w).sum(), lang=lang)
    (note,) = explanation.notes
    assert f"{heading}\n  • {note.text(lang)}\n" in str(explanation)
    assert f"### {heading}\n\n- {note.text(lang)}\n" in explanation.markdown()


def test_a_pass_with_nothing_to_notice_has_no_such_heading():
    w = leaf(1.0, 2.0)
    assert "Worth noticing" not in str(cr.explain((w * 3).sum()))


def test_notes_of_a_folded_pass_name_what_is_inside():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    with cr.record():
        loss = model(cr.randn(4, 2)).sum()
    (note,) = notes(loss, "collapse", depth=0)
    assert "model.0.weight and model.1.weight" in note.text_en


def test_many_things_are_counted():
    x = -cr.ones(2, 9)
    w = leaf([1.0] * 9)
    (note,) = notes(cr.relu(x * w).sum(), "dead")
    assert "units 0, 1, 2, 3 and 5 more." in note.text_en
    assert "编号（从 0 起）0、1、2、3 等 9 个。" in note.text_zh
