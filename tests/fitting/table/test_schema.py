"""How columns become inputs: exactly which numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.fitting.table import schema as module
from chainrule.fitting.table.options import Options
from chainrule.fitting.table.prepare import prepare
from chainrule.fitting.table.read import read_chunks, read_table
from chainrule.fitting.table.schema import Feature, Schema, Target, schema_from
from chainrule.fitting.table.sources import source_of

SCHEMA = Schema(
    (
        Feature("x", "number", fill=2.0, mean=1.0, scale=0.5, indicator=True),
        Feature("c", "category", levels=("a", "b"), missing=True, other=True),
        Feature("d", "category", levels=("no", "yes")),
        Feature("t", "date", fill=0.0, mean=18262.0, scale=2.0),
    ),
    Target("y", "regression"),
)
DATA: dict[str, Any] = {
    "x": [1.5, None, 0.0, 1.0],
    "c": ["b", "", "rare", "a"],
    "d": ["yes", "no", "", "never"],
    "t": ["2020-01-01", "2020-01-05", "2020-01-01", ""],
}
ENCODED = [
    #  x  missing  a  b  missing  other  no yes  t
    [1.0, 0, 0, 1, 0, 0, 0, 1, 0],
    [2.0, 1, 0, 0, 1, 0, 1, 0, 2],
    [-2.0, 0, 0, 0, 0, 1, 0, 0, 0],
    [0.0, 0, 1, 0, 0, 0, 0, 0, -9131],
]


@pytest.mark.parametrize("piece", [1, 1 << 18])
def test_the_inputs_of_each_row(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE", piece)
    for table in (read_table(DATA), next(read_chunks(source_of(DATA), SCHEMA.known))):
        found = SCHEMA.encode(table)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, ENCODED)
        np.testing.assert_array_equal(SCHEMA.encode(table, np.array([2, 0])), [ENCODED[2], ENCODED[0]])
    assert SCHEMA.slices() == {"x": slice(0, 2), "c": slice(2, 6), "d": slice(6, 8), "t": slice(8, 9)}


def test_what_is_learned_comes_from_the_rows_for_training_alone() -> None:
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(3, 2, 200), "y": rng.normal(-1, 5, 200)}
    found = prepare(read_table(data), "y", Options())
    train = found.rows.train
    [x] = found.schema.features
    assert (x.mean, x.scale) == (
        pytest.approx(data["x"][train].mean()),
        pytest.approx(data["x"][train].std()),
    )
    assert x.fill == pytest.approx(np.median(data["x"][train]))
    assert found.schema.target.mean == pytest.approx(data["y"][train].mean())


def test_there_and_back() -> None:
    facts = {"features": [f.facts() for f in SCHEMA.features], "target": SCHEMA.target.facts()}
    assert schema_from(facts, "m") == SCHEMA


def test_classes_are_numbers_where_they_were() -> None:
    assert Target("y", "binary", classes=("3", "7"), numbers=True).labels.tolist() == [3, 7]
    assert Target("y", "binary", classes=("0.5", "7"), numbers=True).labels.tolist() == [0.5, 7.0]
    assert Target("y", "binary", classes=("3", "7")).labels.tolist() == ["3", "7"]
