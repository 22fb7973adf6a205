"""fit_table(): what it learns, what it decides and says, and which tables it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fitting.table.data import houses

import chainrule as cr
from chainrule.fitting.problem import InputError
from chainrule.fitting.table.fit import TableFit, fit_table

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def regression() -> TableFit:
    return fit_table(houses(), "price", hidden=(16,), epochs=60)


@pytest.fixture(scope="module")
def classes() -> TableFit:
    x = np.random.default_rng(2).normal(size=(300, 2))
    kind = np.where(x[:, 0] > 0.5, "big", np.where(x[:, 1] > 0, "mid", "low"))
    return fit_table({"u": x[:, 0], "v": x[:, 1], "kind": kind}, "kind", hidden=(16,), epochs=60)


def test_a_regression_is_learned_and_measured(regression: TableFit) -> None:
    assert regression.schema.target.task == "regression"
    assert regression.metrics["r2"] > 0.8 and abs(regression.baseline["r2"]) < 0.1
    assert list(regression.importance)[0] == "area"
    assert regression.remarks == ["column 'id' is left out: it numbers the rows"]
    predicted = regression.predict({"area": [100.0, 100.0, None], "town": ["Bonn", "Kiel", "Rome"]})
    assert predicted[0] == pytest.approx(300_000, rel=0.05)
    assert 35_000 < predicted[1] - predicted[0] < 65_000
    assert np.isfinite(predicted).all()


def test_the_history_holds_the_best_epoch(regression: TableFit) -> None:
    row = regression.history.best("val_loss")
    assert row["epoch"] == regression.best_epoch
    assert {"loss", "lr", "val_loss", "val_r2", "time"} <= set(regression.history.names)


def test_metrics_are_of_rows_that_the_same_seed_holds_out(regression: TableFit) -> None:
    from chainrule.fitting.table.split import split

    data = houses()
    test = split(400, 0.2, 0.15, 0).test
    held_out = {name: np.asarray(values)[test] for name, values in data.items()}
    assert regression.score(held_out) == pytest.approx(regression.metrics)


def test_classes_are_learned_and_measured(classes: TableFit) -> None:
    assert classes.classes.tolist() == ["big", "low", "mid"]
    assert classes.metrics["accuracy"] > 0.85 > classes.baseline["accuracy"]
    data = {"u": [2.0, -1.0, -1.0], "v": [0.0, -2.0, 2.0]}
    assert classes.predict(data).tolist() == ["big", "low", "mid"]
    proba = classes.predict_proba(data)
    assert proba.shape == (3, 3) and np.allclose(proba.sum(1), 1)
    assert classes.confusion().sum() == classes.rows["test"]


def test_two_classes_of_numbers_come_back_as_numbers() -> None:
    x = np.linspace(-1, 1, 120)
    found = fit_table({"x": x, "y": np.where(x > 0, 7, 3)}, "y", hidden=(8,), epochs=40)
    assert found.schema.target.task == "binary"
    assert found.predict({"x": [-1.0, 1.0]}).tolist() == [3, 7]
    assert found.metrics["roc_auc"] > 0.9


def test_the_same_seed_gives_the_same_network(regression: TableFit) -> None:
    state = cr.get_rng_state()
    again = fit_table(houses(), "price", hidden=(16,), epochs=60)
    assert np.array_equal(cr.get_rng_state().numpy(), state.numpy()), "the caller's generator was used"
    for a, b in zip(regression.model.parameters(), again.model.parameters()):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_a_linear_model_finds_the_coefficients() -> None:
    x = RNG.normal(size=(300, 2))
    y = 2 * x[:, 0] - 3 * x[:, 1] + 1
    found = fit_table({"a": x[:, 0], "b": x[:, 1], "y": y}, "y", hidden=(), epochs=150, lr=0.01)
    assert found.metrics["r2"] > 0.999
    assert found.predict({"a": [1.0], "b": [0.0]})[0] == pytest.approx(3, abs=0.05)


def test_as_text_and_as_page(regression: TableFit, classes: TableFit) -> None:
    text = str(regression)
    assert "target      price (a number)" in text
    assert "On the 80 rows held out, against predicting the mean:" in text
    page = regression.report() or ""
    assert page.startswith("<!doctype html>") and "Predicting price" in page and page.count("<svg") == 5
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "Confusion" in (classes.report() or "") and "<iframe" in classes._repr_html_()


def test_names_from_the_data_are_escaped_in_the_page() -> None:
    x = RNG.normal(size=60)
    found = fit_table({"<script>": x, "<b>": 2 * x + RNG.normal(size=60)}, "<b>", hidden=(), epochs=1, lr=0.1)
    page = found.report() or ""
    assert "<script>" not in page and "<b>" not in page


# ----- what is decided and left out


def test_columns_that_tell_nothing_are_left_out_with_a_remark() -> None:
    n = 60
    x = RNG.normal(size=n)
    data = {
        "x": x, "same": np.ones(n), "again": x, "leak": 2 * x, "name": [f"n{i}" for i in range(n)],
        "empty": np.full(n, np.nan), "number": np.arange(1, n + 1), "y": 2 * x,
    }  # fmt: skip
    found = fit_table(data, "y", hidden=(), epochs=1, lr=0.1)
    assert found.remarks == [
        "column 'same' is left out: the same value in every row",
        "column 'again' is left out: the same as 'x'",
        "column 'leak' is left out: the same as 'y'",
        "column 'name' is left out: nearly every row has a text of its own",
        "column 'empty' is left out: no values",
        "column 'number' is left out: it numbers the rows",
    ]
    assert list(found.schema.known) == ["x"]


def test_rare_texts_are_one_level_and_unknown_ones_too() -> None:
    n = 100
    town = ["a"] * 50 + ["b"] * 46 + ["c", "d", "e", "f"]
    found = fit_table({"town": town, "y": RNG.normal(size=n)}, "y", hidden=(), epochs=1, lr=0.1)
    assert found.schema.features[0].levels == ("a", "b") and found.schema.features[0].other
    unknown = found.predict({"town": ["c", "never seen"]})
    assert unknown[0] == unknown[1]


def test_whole_numbers_of_few_values_are_classes_with_a_remark() -> None:
    data = {"x": RNG.normal(size=90), "y": np.arange(90) % 3}
    found = fit_table(data, "y", hidden=(), epochs=1, lr=0.1)
    assert found.schema.target.task == "multiclass"
    assert found.remarks == ["'y' has 3 different whole numbers: classes (--task regression for a number)"]
    assert fit_table(data, "y", task="regression", hidden=(), epochs=1, lr=0.1).remarks == []


# ----- what is refused

X = RNG.normal(size=40)
REFUSED: dict[str, tuple[dict[str, Any], str, dict[str, Any], str]] = {
    "unknown target": (
        {"price": X, "area": X},
        "prise",
        {},
        "data has no column 'prise'\n"
        "  came:     target 'prise'\n"
        "  expected: one of 'price', 'area'\n"
        "  fix:      did you mean 'price'?",
    ),
    "missing target": (
        {"x": X, "y": np.where(X > 1, np.nan, X)},
        "y",
        {},
        f"data, row {int(np.argmax(X > 1))}, column 'y': the target is missing\n"
        f"  came:     no value here and in {(X > 1).sum() - 1} more rows\n"
        "  expected: a value of the target in every row\n"
        "  fix:      remove the rows without a target, or fill it in",
    ),
    "infinite target": (
        {"x": X, "y": np.where(np.arange(40) == 7, np.inf, X)},
        "y",
        {},
        "data, row 7, column 'y': an infinite number\n"
        "  came:     inf\n"
        "  expected: finite numbers; an empty field where the value is missing",
    ),
    "infinite column": (
        {"x": np.where(np.arange(40) == 7, -np.inf, X), "y": X},
        "y",
        {},
        "data, row 7, column 'x': an infinite number\n"
        "  came:     -inf\n"
        "  expected: finite numbers; an empty field where the value is missing",
    ),
    "one class": (
        {"x": X, "y": ["a"] * 40},
        "y",
        {},
        "data: the target 'y' is the same in every row\n"
        "  came:     'a'\n"
        "  expected: two classes or more, or numbers that differ\n"
        "  fix:      give rows with other values too, or choose another target",
    ),
    "too many classes": (
        {"x": X, "y": [f"c{i}" for i in range(40)]},
        "y",
        {},
        "data: the target 'y' has too many different values for classes\n"
        "  came:     40 classes in 40 rows\n"
        "  expected: at most 1000, and two rows for each\n"
        "  fix:      choose another target, or for numbers the task regression",
    ),
    "few rows": (
        {"x": X[:9], "y": X[:9]},
        "y",
        {},
        "data has too few rows to learn from\n  came:     9 rows\n  expected: 10 or more",
    ),
    "nothing left": (
        {"x": np.ones(40), "y": X},
        "y",
        {},
        "data has no column to learn 'y' from\n"
        "  came:     'x': the same value in every row\n"
        "  expected: columns that differ from row to row",
    ),
    "texts for a regression": (
        {"x": X, "y": ["a", "b"] * 20},
        "y",
        {"task": "regression"},
        "data, row 0, column 'y': a column of texts where numbers are needed\n"
        "  came:     'a'\n"
        "  expected: a number in every row\n"
        "  fix:      leave the column out, or write its values as numbers",
    ),
    "target dropped": (
        {"x": X, "y": X},
        "y",
        {"drop": ["y"]},
        "the target cannot be left out\n  came:     drop 'y'\n  fix:      take it off the list",
    ),
    "activation": (
        {"x": X, "y": -X},
        "y",
        {"activation": "rellu"},
        "activation: there is no 'rellu'\n"
        "  came:     'rellu'\n"
        "  expected: relu, leaky_relu, elu, selu, gelu, silu, tanh, sigmoid, softplus\n"
        "  fix:      did you mean relu?",
    ),
    "sizes": (
        {"x": X, "y": -X},
        "y",
        {"test_size": 0.5, "validation_size": 0.5},
        "too few rows are left to learn from\n"
        "  came:     test_size 0.5, validation_size 0.5\n"
        "  expected: together at most 0.9",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_cannot_be_learned_is_refused(mistake: str) -> None:
    data, target, options, words = REFUSED[mistake]
    with pytest.raises(InputError) as caught:
        fit_table(data, target, **options)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("lr", -1.0, "lr: no learning rate\n  came:     -1.0"),
        ("lr", float("nan"), "lr: no learning rate"),
        ("epochs", 0, "epochs: no such number\n  came:     0\n  expected: a whole number from 1 on"),
        ("batch_size", 2.5, "batch_size: no such number"),
        ("dropout", 1.0, "dropout: no probability"),
        ("weight_decay", -1, "weight_decay: no such number"),
        ("hidden", (64, 0), "hidden: no widths of layers\n  came:     64,0"),
        ("hidden", (10**9,), "hidden: no widths of layers"),
        ("patience", 0, "patience: no such number"),
        ("seed", -1, "seed: no such number"),
        ("test_size", 1.0, "test_size: no part of the rows"),
        ("task", "cluster", "task: there is no 'cluster'"),
        ("optimizer", "adem", "optimizer: there is no 'adem'"),
    ],
)
def test_options_that_make_no_sense(option: str, value: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        fit_table({"x": X, "y": -X}, "y", **{option: value})
    assert str(caught.value).startswith(words)


def test_an_option_that_there_is_not() -> None:
    with pytest.raises(TypeError, match=r"fit_table\(\) has no option 'epoch'; did you mean 'epochs'\?"):
        fit_table({"x": X, "y": -X}, "y", epoch=3)


def test_numbers_too_large_to_average() -> None:
    huge = np.where(np.arange(40) % 2, 1.5e308, -1.0)
    with pytest.raises(InputError) as caught:
        fit_table({"x": huge, "y": X}, "y", epochs=1)
    assert str(caught.value) == (
        "data: the numbers of column 'x' are too large to average\n"
        "  came:     numbers up to 1.5e+308\n"
        "  expected: numbers whose squares can be summed\n"
        "  fix:      give them in a larger unit, or leave the column out"
    )
