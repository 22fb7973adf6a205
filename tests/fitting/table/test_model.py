"""Model files of tables: what comes back, and what a file may not say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.fitting.model_file import load_model, pack, save_model
from chainrule.fitting.problem import InputError
from chainrule.fitting.table.fit import fit_table
from chainrule.fitting.table.model import TableModel

DATA: dict[str, Any] = {
    "x": np.linspace(-1, 1, 60),
    "kind": ["a", "b", "c"] * 20,
    "day": [f"2026-01-{1 + i % 28:02}" for i in range(60)],
    "gap": [None if i % 7 == 0 else float(i % 5) for i in range(60)],
    "y": np.where(np.arange(60) % 4 == 0, "no", "yes"),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("model") / "m.safetensors"
    fit_table(DATA, "y", hidden=(5,), epochs=3, lr=0.01, dropout=0.1).save(found)
    return found


def test_the_model_of_a_file_predicts_what_the_fit_did(path: Path) -> None:
    fit = fit_table(DATA, "y", hidden=(5,), epochs=3, lr=0.01, dropout=0.1)
    model = cr.load_fit(path)
    assert isinstance(model, TableModel) and model.schema == fit.schema
    np.testing.assert_array_equal(model.predict_proba(DATA), fit.predict_proba(DATA))
    assert model.predict(DATA).tolist() == fit.predict(DATA).tolist()
    assert model.facts["metrics"]["accuracy"] == fit.metrics["accuracy"]
    assert model.score(DATA)["accuracy"] == pytest.approx(np.mean(model.predict(DATA) == DATA["y"]))


def test_a_missing_column_is_named(path: Path) -> None:
    with pytest.raises(InputError) as caught:
        cr.load_fit(path).predict({"x": [1.0], "kinds": ["a"], "day": ["2026-01-01"], "gap": [1.0]})
    assert str(caught.value) == (
        "data lacks a column that the model needs: 'kind'\n"
        "  came:     'x', 'kinds', 'day', 'gap'\n"
        "  expected: 'x', 'kind', 'day', 'gap'\n"
        "  fix:      rename 'kinds' to 'kind', if that is it"
    )


def test_a_text_for_a_number_is_an_error_with_its_row(path: Path) -> None:
    data = {**DATA, "x": ["1"] * 59 + ["one"]}
    with pytest.raises(InputError, match="data, row 59, column 'x': 'one' is not a number"):
        cr.load_fit(path).predict(data)


def test_probabilities_of_a_regression_are_refused() -> None:
    x = np.linspace(0, 1, 40)
    fit = fit_table({"x": x, "y": np.sqrt(x)}, "y", hidden=(), epochs=1, lr=0.1)
    with pytest.raises(InputError) as caught:
        fit.predict_proba({"x": x})
    assert str(caught.value) == (
        "there are no probabilities: the model predicts a number\n"
        "  came:     the target 'y'\n"
        "  fix:      use predict, without probabilities"
    )


def test_a_class_that_training_did_not_have_cannot_be_scored(path: Path) -> None:
    data = {**DATA, "y": ["yes"] * 59 + ["maybe"]}
    with pytest.raises(InputError, match="data, row 59, column 'y': no target that the model knows"):
        cr.load_fit(path).score(data)


Change = Callable[[dict[str, Any], dict[str, Any]], Any]
HOSTILE: dict[str, Change] = {
    "no features": lambda f, a: f.update(features=[]),
    "features are text": lambda f, a: f.update(features="x"),
    "another field": lambda f, a: f["features"][0].update(more=1),
    "a field less": lambda f, a: f["features"][0].pop("mean"),
    "kind": lambda f, a: f["features"][0].update(kind="code"),
    "scale 0": lambda f, a: f["features"][0].update(scale=0),
    "scale is text": lambda f, a: f["features"][0].update(scale="1"),
    "mean not finite": lambda f, a: f["features"][0].update(mean=1e999),
    "name twice": lambda f, a: f["features"].append(f["features"][0]),
    "level twice": lambda f, a: f["features"][1].update(levels=["a", "a", "b"]),
    "levels are numbers": lambda f, a: f["features"][1].update(levels=[1, 2, 3]),
    "target is a feature": lambda f, a: f["target"].update(name="x"),
    "task": lambda f, a: f["target"].update(task="cluster"),
    "three classes in two": lambda f, a: f["target"].update(classes=["a", "b", "c"]),
    "classes are no numbers": lambda f, a: f["target"].update(numbers=True),
    "activation": lambda f, a: f["network"].update(activation="__import__"),
    "huge": lambda f, a: f["network"].update(hidden=[10**9, 10**9]),
    "negative": lambda f, a: f["network"].update(hidden=[-5]),
    "hidden is text": lambda f, a: f["network"].update(hidden="5"),
    "dropout": lambda f, a: f["network"].update(dropout=2),
    "training is text": lambda f, a: f.update(training="x"),
    "no network": lambda f, a: f.pop("network"),
    "weights of another shape": lambda f, a: a.update({"0.weight": np.zeros((5, 99), np.float32)}),
    "weights missing": lambda f, a: a.pop("0.bias"),
    "weights more": lambda f, a: a.update(more=np.zeros(3, np.float32)),
    "weights of another type": lambda f, a: a.update({"0.bias": np.zeros(5)}),
}


@pytest.mark.parametrize("change", HOSTILE)
def test_files_that_do_not_describe_a_model_are_refused(change: str, path: Path, tmp_path: Path) -> None:
    kind, arrays, facts = load_model(path, ["table"])
    facts = json.loads(json.dumps(facts))
    HOSTILE[change](facts, arrays)
    try:
        save_model(tmp_path / "h.safetensors", kind, arrays, facts)
    except (InputError, ValueError):
        return  # what cannot even be written
    with pytest.raises(InputError):
        cr.load_fit(tmp_path / "h.safetensors")


def test_a_thousand_changed_descriptions_load_or_are_refused(path: Path, tmp_path: Path) -> None:
    """Values in the description replaced at random: a model that predicts, or an InputError."""
    _, arrays, facts = load_model(path, ["table"])
    text = json.dumps(facts)
    rng = np.random.default_rng(0)
    values: list[Any] = [None, 0, -1, 1e308, "x", [], {}, True, ["a", "b"], 2**70]
    refused = 0
    for _ in range(1000):
        changed = json.loads(text)
        node: Any = changed
        while isinstance(node, (dict, list)) and node:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = keys[rng.integers(len(keys))]
            inner = node[key]
            if not isinstance(inner, (dict, list)) or not inner or rng.random() < 0.2:
                node[key] = values[rng.integers(len(values))]
                break
            node = inner
        (tmp_path / "f.safetensors").write_bytes(pack("table", arrays, changed, finite=True))
        try:
            cr.load_fit(tmp_path / "f.safetensors")
        except InputError:
            refused += 1
    assert 300 < refused < 1000
