"""What the estimators have and scikit-learn's have not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor
from chainrule.sklearn.network import ACTIVATIONS, Network, forward

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
F = cr.nn.functional
X, Y = load_digits(return_X_y=True)
X = X[:400] / 16
Y = Y[:400]
TARGETS = np.c_[X[:, 20] + X[:, 21], 2 * X[:, 36]]


def leaky(z: Any) -> Any:
    return F.leaky_relu(z)


def smoothed(z: Any, y: Any) -> Any:
    return F.cross_entropy(z, y, reduction="none", label_smoothing=0.1)


def by_hand(model: Any, optimizer: Any, epochs: int, target: Any, loss: Any) -> list[Any]:
    """Parameters after so many steps on all rows, by chainrule's eager engine."""
    start = type(model)(
        **{**model.get_params(), "solver": "sgd", "learning_rate_init": 1e-300, "max_iter": 1}
    )
    start.fit(X, target)
    weights, biases = (
        [cr.from_numpy(a.copy()).requires_grad_() for a in arrays]
        for arrays in (start.coefs_, start.intercepts_)
    )
    steps = optimizer(weights, biases)
    x = cr.from_numpy(X)
    for _ in range(epochs):
        h = x
        for i, (w, b) in enumerate(zip(weights, biases)):
            h = h @ w + b
            h = h.relu() if i < len(weights) - 1 else h
        for s in steps:
            s.zero_grad()
        loss(h).backward()
        for s in steps:
            s.step()
    return [p.detach().numpy() for p in (*weights, *biases)]


def test_adamw_is_chainrules() -> None:
    """epsilon is next to nothing: scikit-learn's Adam adds it elsewhere than PyTorch's."""
    model = MLPRegressor(
        hidden_layer_sizes=(9,), solver="adamw", alpha=0.1, learning_rate_init=0.01, epsilon=1e-300,
        batch_size=400, max_iter=7, random_state=0, shuffle=False,
    ).fit(X, TARGETS)  # fmt: skip
    wanted = by_hand(
        model,
        lambda w, b: [
            cr.optim.AdamW(w, lr=0.01, weight_decay=0.1, eps=1e-300),
            cr.optim.AdamW(b, lr=0.01, weight_decay=0, eps=1e-300),
        ],
        7,
        TARGETS,
        lambda z: 0.5 * ((z - cr.from_numpy(TARGETS)) ** 2).sum(1).mean(),
    )
    for p, q in zip([*model.coefs_, *model.intercepts_], wanted, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-12)
    assert model.loss_ == model.loss_curve_[-1] and len(model.loss_curve_) == 7


def test_rmsprop_is_chainrules() -> None:
    model = MLPClassifier(
        hidden_layer_sizes=(9,), solver="rmsprop", alpha=0, learning_rate_init=0.01, beta_2=0.9,
        batch_size=400, max_iter=7, random_state=0, shuffle=False,
    ).fit(X, Y)  # fmt: skip
    wanted = by_hand(
        model,
        lambda w, b: [cr.optim.RMSprop([*w, *b], lr=0.01, alpha=0.9)],
        7,
        Y,
        lambda z: F.cross_entropy(z, cr.from_numpy(Y)),
    )
    for p, q in zip([*model.coefs_, *model.intercepts_], wanted, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_trains_and_predicts(name: str) -> None:
    model = MLPRegressor(
        hidden_layer_sizes=(12,), activation=name, solver="lbfgs", random_state=0, max_iter=30
    )
    assert model.fit(X, TARGETS).score(X, TARGETS) > 0.9


def test_an_activation_for_each_layer() -> None:
    many = MLPClassifier((8, 6), ["tanh", "leaky_relu"], random_state=0, max_iter=3).fit(X, Y)
    again = MLPClassifier((8, 6), ["tanh", leaky], random_state=0, max_iter=3).fit(X, Y)
    np.testing.assert_allclose(many.predict_proba(X), again.predict_proba(X), atol=1e-12)
    h = np.tanh(X @ many.coefs_[0] + many.intercepts_[0]) @ many.coefs_[1] + many.intercepts_[1]
    z = np.where(h > 0, h, 0.01 * h) @ many.coefs_[2] + many.intercepts_[2]
    np.testing.assert_allclose(many.predict_log_proba(X)[:, 1:] - many.predict_log_proba(X)[:, :1],
                               z[:, 1:] - z[:, :1], atol=1e-10)  # fmt: skip


def test_dropout_leaves_out_a_share_of_the_hidden_values_and_keeps_their_mean() -> None:
    network = Network((1, 10_000, 1), ("identity",), (0.25,), "squared_error", "float64")
    generator = cr.Generator()
    generator.manual_seed(0)
    seen: list[Any] = []
    network = network._replace(activations=(lambda h: seen.append(h) or h,))
    weights = [cr.ones(1, 10_000, dtype=cr.float64), cr.ones(10_000, 1, dtype=cr.float64)]
    biases = [cr.zeros(10_000, dtype=cr.float64), cr.zeros(1, dtype=cr.float64)]
    x = cr.ones(1, 1, dtype=cr.float64)
    assert forward(network, x, weights, biases).item() == 10_000
    assert forward(network, x, weights, biases, generator).item() == pytest.approx(10_000, rel=0.03)


def test_dropout_is_drawn_from_random_state_and_not_used_in_predictions() -> None:
    cr.manual_seed(1)
    before = cr.get_rng_state()
    fits = [
        MLPClassifier((30,), dropout=rate, random_state=seed, max_iter=5).fit(X, Y)
        for rate, seed in [(0.4, 0), ([0.4], 0), (0.4, 1), (0.0, 0)]
    ]
    assert (fits[0].coefs_[0] == fits[1].coefs_[0]).all()
    assert (fits[0].coefs_[0] != fits[2].coefs_[0]).any()
    assert fits[0].loss_ > fits[3].loss_  # it learns with less
    assert (fits[0].predict_proba(X) == fits[0].predict_proba(X)).all()
    assert (cr.get_rng_state() == before).all()  # the global generator is the user's


def test_class_weight_multiplies_sample_weight() -> None:
    weights = np.random.RandomState(0).rand(len(Y))
    heavy = {c: 5.0 if c == 3 else 1.0 for c in range(10)}
    a = MLPClassifier((10,), class_weight=heavy, random_state=0, max_iter=4).fit(X, Y, weights)
    b = MLPClassifier((10,), random_state=0, max_iter=4).fit(X, Y, weights * np.where(Y == 3, 5.0, 1.0))
    assert (a.coefs_[0] == b.coefs_[0]).all()


def test_balanced_classes_find_the_rare_one() -> None:
    x, y = make_classification(1000, 5, weights=[0.97], flip_y=0, class_sep=0.5, random_state=0)
    found = [
        (MLPClassifier((10,), class_weight=how, random_state=0, max_iter=100).fit(x, y).predict(x) == 1)[
            y == 1
        ].mean()
        for how in (None, "balanced")
    ]
    assert found[1] > found[0] + 0.2


def test_a_loss_of_ones_own() -> None:
    a = MLPClassifier((10,), loss=smoothed, random_state=0, max_iter=60, learning_rate_init=0.01).fit(X, Y)
    assert a.score(X, Y) > 0.95
    assert a.predict_proba(X).max() < 0.99  # what smoothing is for
    assert a.loss_ > 0.3

    def same(z: Any, y: Any) -> Any:
        return 0.5 * (z - y) ** 2

    b = MLPRegressor(same, (10,), random_state=0, max_iter=5).fit(X, TARGETS)
    c = MLPRegressor("squared_error", (10,), random_state=0, max_iter=5).fit(X, TARGETS)
    np.testing.assert_allclose(b.coefs_[0], c.coefs_[0], atol=1e-13)


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_robust_losses_shrug_off_outliers(loss: str) -> None:
    x = np.linspace(-1, 1, 400).reshape(-1, 1)
    y = 2 * x[:, 0]
    wild = y.copy()
    wild[::10] += 50
    settings: dict[str, Any] = {
        "hidden_layer_sizes": (), "random_state": 0, "max_iter": 400, "learning_rate_init": 0.02, "tol": 0,
    }  # fmt: skip
    assert MLPRegressor(loss, **settings).fit(x, wild).score(x, y) > 0.9
    assert MLPRegressor(**settings).fit(x, wild).score(x, y) < 0


def test_one_class_is_certain() -> None:
    model = MLPClassifier((3,), max_iter=2).fit(X, ["a"] * len(X))
    assert set(model.predict(X)) == {"a"}
    assert (model.predict_proba(X) == np.ones((len(X), 1))).all()


def test_log_probabilities_of_what_is_next_to_impossible() -> None:
    model = MLPClassifier((5,), solver="lbfgs", alpha=0, random_state=0, max_iter=200).fit(X, Y)
    far = model.predict_log_proba(1e4 * X)
    assert np.isfinite(far).all() and far.min() < -1e3


def test_history_has_a_row_for_each_epoch() -> None:
    model = MLPClassifier(
        (5,), solver="sgd", learning_rate="invscaling", early_stopping=True, max_iter=4, random_state=0,
        warm_start=True,
    ).fit(X, Y)  # fmt: skip
    history = model.history_
    assert history.names == ["epoch", "loss", "lr", "time", "val_score"]
    assert list(history["epoch"]) == [1, 2, 3, 4]
    assert list(history["loss"]) == model.loss_curve_
    assert list(history["val_score"]) == model.validation_scores_
    assert list(history["lr"]) == [0.001, *(0.001 / (360 * n + 1) ** 0.5 for n in (1, 2, 3))]
    assert (np.diff(history["time"]) > 0).all()
    model.fit(X, Y)
    assert list(history["epoch"]) == list(range(1, 9)) and (np.diff(history["time"]) > 0).all()
    by_lbfgs = MLPRegressor(solver="lbfgs", max_iter=3, random_state=0).fit(X, TARGETS)
    assert list(by_lbfgs.history_["loss"]) == by_lbfgs.loss_curve_
    assert by_lbfgs.loss_curve_[-1] == by_lbfgs.loss_
