"""A trained network with all that it needs to predict: from files of any size, or from data in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..model_file import save_model
from ..problem import problem
from .columns import Array, Table, nearest
from .metrics import classification, regression
from .network import build, outputs_of, proba_of
from .options import ACTIVATIONS
from .read import read_chunks
from .schema import Schema, schema_from, target_values
from .sources import Source, source_of

KIND = "table"
_MOST_WEIGHTS = 1 << 28


class TableModel:
    """A network for the rows of a table, as `fit_table` trains it and `load_fit` reads it back.

    model   the network, a Sequential, on inputs that `schema` makes of the columns
    schema  the columns with their means, scales and categories, and the target
    facts   how it was trained: options, metrics, the name of the data
    """

    def __init__(
        self, model: Any, schema: Schema, network: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> None:
        self.model, self.schema = model, schema
        self.network, self.facts = dict(network), dict(facts)

    @property
    def classes(self) -> Array:
        """The classes in the order of `predict_proba`; none for a regression."""
        return self.schema.target.labels

    def predict(self, data: Any) -> Array:
        """The target of every row, (rows,): numbers in its unit, or classes.

        `data` is whatever `fit_table` takes; further columns do not matter.
        Raises InputError for a column that is missing or has texts for numbers.
        """
        return self.decided(self._all_outputs(data))

    def predict_proba(self, data: Any) -> Array:
        """The probability of each class in `classes`, (rows, classes); InputError for a regression."""
        self.needs_classes()
        return proba_of(self._all_outputs(data), self.schema.target.task)

    def score(self, data: Any) -> dict[str, float]:
        """How good the predictions are on data that has the target: see `metrics`.

        Raises InputError where the target is missing or of a class that training did not have.
        """
        source = source_of(data)
        goal = self.schema.target
        self.needs(source, goal.name)
        known = {**self.schema.known, goal.name: goal.classes or "number"}
        truth, outputs = [], []
        for table in read_chunks(source, known):
            truth.append(target_values(table, goal))
            outputs.append(self.outputs(table))
        return self.figures(np.concatenate(truth), np.concatenate(outputs))

    def figures(self, truth: Array, outputs: Array) -> dict[str, float]:
        """The metrics of the network's outputs."""
        goal = self.schema.target
        if goal.task == "regression":
            return regression(truth, goal.mean + goal.scale * outputs[:, 0].astype(np.float64))
        return classification(truth, proba_of(outputs, goal.task))

    def decided(self, outputs: Array) -> Array:
        """Predictions from the network's outputs."""
        goal = self.schema.target
        if goal.task == "regression":
            return goal.mean + goal.scale * outputs[:, 0].astype(np.float64)
        return goal.labels[proba_of(outputs, goal.task).argmax(1)]

    def outputs(self, table: Table) -> Array:
        """The network's outputs for the rows of a table, (rows, outputs)."""
        return outputs_of(self.model, self.schema.encode(table))

    def _all_outputs(self, data: Any) -> Array:
        source = source_of(data)
        self.needs(source)
        return np.concatenate([self.outputs(t) for t in read_chunks(source, self.schema.known)])

    def save(self, path: Any) -> None:
        """Write the model file, from which `load_fit` and `chainrule predict` predict."""
        arrays = {name: p.detach()._array() for name, p in self.model.named_parameters()}
        described = {
            "features": [f.facts() for f in self.schema.features],
            "target": self.schema.target.facts(),
            "network": self.network,
            "training": self.facts,
        }
        save_model(path, KIND, arrays, described)

    def needs(self, source: Source, *more: str) -> None:
        """InputError if a column that the model needs is missing."""
        missing = [n for n in (*self.schema.known, *more) if n not in source.names]
        if not missing:
            return
        others = [n for n in source.names if n not in self.schema.known]
        alike = nearest(missing[0], others) if len(missing) == 1 else []
        shown = ", ".join(map(repr, missing[:10])) + (
            f" and {len(missing) - 10} more" if missing[10:] else ""
        )
        raise problem(
            f"{source.source} lacks {'columns' if missing[1:] else 'a column'} that the model needs: {shown}",
            came=", ".join(map(repr, source.names[:12])) + (" …" if source.names[12:] else ""),
            expected=", ".join(map(repr, list(self.schema.known)[:12]))
            + (" …" if self.schema.features[12:] else ""),
            fix=f"rename {alike[0]!r} to {missing[0]!r}, if that is it" if alike else "",
            file=source.source,
            column=missing[0],
        )

    def needs_classes(self) -> None:
        """InputError for a model that predicts a number."""
        goal = self.schema.target
        if goal.task == "regression":
            raise problem(
                "there are no probabilities: the model predicts a number",
                came=f"the target {goal.name!r}",
                fix="use predict, without probabilities",
            )


def model_from(
    arrays: Mapping[str, Array], facts: Mapping[str, Any], name: str = "the model file"
) -> TableModel:
    """The model of a model file's content; InputError for anything that is not a whole one."""
    if not isinstance(facts, dict) or set(facts) != {"features", "target", "network", "training"}:
        raise problem(f"{name} does not describe a model of a table", file=name)
    schema = schema_from(facts, name)
    network = _network(facts["network"], schema, name)
    if not isinstance(facts["training"], dict):
        raise problem(f"{name} does not say how the model was trained", file=name)
    shapes = _shapes(schema, network)
    given = {key: a.shape for key, a in arrays.items()}
    if given != shapes or not all(a.dtype == np.float32 and np.isfinite(a).all() for a in arrays.values()):
        raise problem(
            f"{name}: the weights do not fit the network",
            came=", ".join(f"{k} {list(s)}" for k, s in list(given.items())[:4]),
            expected=", ".join(f"{k} {list(s)}" for k, s in list(shapes.items())[:4]) + ", finite float32",
            file=name,
        )
    model = build(
        schema.width, schema.target.outputs, network["hidden"], network["activation"], network["dropout"]
    )
    for key, p in model.named_parameters():
        p._array()[...] = arrays[key]
    model.eval()
    return TableModel(model, schema, network, facts["training"])


def _network(facts: Any, schema: Schema, name: str) -> dict[str, Any]:
    keys = {"hidden", "activation", "dropout"}
    whole = isinstance(facts, dict) and set(facts) == keys and isinstance(facts["hidden"], list)
    if whole:
        hidden, dropout = facts["hidden"], facts["dropout"]
        widths = [schema.width, *hidden, schema.target.outputs]
        whole = (
            all(type(w) is int and w > 0 for w in widths)
            and sum(a * b for a, b in zip(widths, widths[1:])) <= _MOST_WEIGHTS
            and facts["activation"] in list(ACTIVATIONS)
            and isinstance(dropout, (int, float))
            and 0 <= dropout < 1
        )
    if not whole:
        raise problem(f"{name} describes no network", came=repr(facts)[:80], file=name)
    return dict(facts)


def _shapes(schema: Schema, network: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The parameters by name, before anything is allocated for them."""
    widths = [schema.width, *network["hidden"], schema.target.outputs]
    apart = 3 if network["dropout"] else 2
    found: dict[str, tuple[int, ...]] = {}
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        found[f"{apart * i}.weight"], found[f"{apart * i}.bias"] = (b, a), (b,)
    return found
