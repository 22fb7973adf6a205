"""Estimators among scikit-learn's tools: pipelines, searches, copies, threads."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule.compiler.step import Compiled
from chainrule.sklearn import MLPClassifier, MLPRegressor, steps

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_digits(return_X_y=True)
X = X[:300] / 16
Y = Y[:300]


def small(**parameters: Any) -> MLPClassifier:
    return MLPClassifier(**{"hidden_layer_sizes": (15,), "random_state": 0, "max_iter": 5, **parameters})


def equal(a: Any, b: Any) -> bool:
    return all(
        (p == q).all() for p, q in zip([*a.coefs_, *a.intercepts_], [*b.coefs_, *b.intercepts_], strict=True)
    )


def test_pipeline_and_cross_validation() -> None:
    model = make_pipeline(StandardScaler(), small(max_iter=60, learning_rate_init=0.01))
    assert cross_val_score(model, X, Y, cv=3).mean() > 0.85


def test_grid_search_in_two_processes() -> None:
    model = make_pipeline(StandardScaler(), small(max_iter=20))
    grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__learning_rate_init": [1e-5, 0.01]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X, Y)
    assert search.best_params_["mlpclassifier__learning_rate_init"] == 0.01
    alone = GridSearchCV(model, grid, cv=2, n_jobs=1).fit(X, Y)
    for name in ("mean_test_score", "std_test_score"):
        assert (search.cv_results_[name] == alone.cv_results_[name]).all()


def test_fits_of_one_shape_compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[Any] = []
    original = Compiled._traced
    monkeypatch.setattr(Compiled, "_traced", lambda self, *a: traced.append(self) or original(self, *a))
    small(hidden_layer_sizes=(13,)).fit(X[:240], Y[:240])
    assert len(traced) == 2  # full batches of 200, and one for the last 40
    for alpha, rate, beta, rows in [(1.0, 0.1, 0.5, 240), (0.0, 0.2, 0.8, 237), (0.1, 1e-3, 0.9, 240)]:
        model = small(hidden_layer_sizes=(13,), alpha=alpha, learning_rate_init=rate, beta_1=beta, tol=rate)
        model.fit(X[:rows], Y[:rows])
    assert len(traced) == 2
    for rows in (240, 200, 211):
        small(hidden_layer_sizes=(13,), solver="lbfgs", alpha=rows).fit(X[:rows], Y[:rows])
    assert len(traced) == 4  # 240 rows are padded to 256, 200 and 211 to 224


def test_steps_at_rest_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_IDLE", 2)
    for size in (1, 2, 3):
        small(hidden_layer_sizes=(size,), max_iter=1).fit(X[:8], Y[:8])
    assert [step.network.units[1] for _, step in steps._idle.values()] == [2, 3]


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.3}, {"solver": "lbfgs"}], ids=str)
def test_fits_are_equal_bit_for_bit(parameters: dict[str, Any]) -> None:
    steps._idle.clear()
    first = small(hidden_layer_sizes=(11,), **parameters).fit(X, Y)
    assert equal(first, small(hidden_layer_sizes=(11,), **parameters).fit(X, Y))
    assert equal(first, clone(first).fit(X, Y))


def test_copies(tmp_path: Path) -> None:
    model = small(activation=["leaky_relu"]).fit(X, Y)
    joblib.dump(model, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        assert equal(model, copy) and (copy.predict(X) == model.predict(X)).all()
        assert equal(copy.partial_fit(X, Y), clone(model).fit(X, Y).partial_fit(X, Y))
    assert not hasattr(clone(model), "coefs_")


def test_threads_do_not_disturb_each_other() -> None:
    jobs = [{"alpha": a, "hidden_layer_sizes": (s,), "solver": k} for a in (0, 1.0) for s, k in
            ((7, "adam"), (8, "sgd"), (9, "lbfgs"))]  # fmt: skip
    alone = [small(**job).fit(X, Y) for job in jobs]
    steps._idle.clear()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: small(**job).fit(X, Y), jobs))
    assert all(equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_rows(kind: Any) -> None:
    dense, sparse = small().fit(X, Y), small().fit(kind(X), Y)
    assert equal(dense, sparse)
    assert (sparse.predict_proba(kind(X)) == dense.predict_proba(X)).all()
    early = small(early_stopping=True).fit(kind(X), Y)
    assert early.validation_scores_ == small(early_stopping=True).fit(X, Y).validation_scores_


def test_many_rows_are_predicted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small().fit(X, Y)
    whole = model.predict_proba(X)
    monkeypatch.setattr(steps, "_ROWS", 64)
    np.testing.assert_allclose(model.predict_proba(X), whole, rtol=1e-12)


def test_settings_of_the_process_do_not_matter() -> None:
    model = small().fit(X, Y)
    before = cr.get_default_dtype()
    try:
        cr.set_default_dtype(cr.float64)
        with cr.no_grad():
            assert equal(model, small().fit(X, Y))
        with cr.inference_mode():
            assert equal(model, small().fit(X, Y))
    finally:
        cr.set_default_dtype(before)


def test_feature_names(recwarn: pytest.WarningsRecorder) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    model = small().fit(table, Y)
    assert list(model.feature_names_in_) == list(table.columns) and model.n_features_in_ == 64
    model.predict(table)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table.rename(columns={"pixel 3": "pixel x"}))


def test_an_interrupt_keeps_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    epochs: list[int] = []
    original = steps.Step.epoch

    def epoch(self: Any, *arguments: Any) -> float:
        epochs.append(1)
        if len(epochs) == 4:
            raise KeyboardInterrupt
        return original(self, *arguments)

    monkeypatch.setattr(steps.Step, "epoch", epoch)
    with pytest.warns(UserWarning, match="interrupted by user: the parameters are those so far"):
        stopped = small(max_iter=9).fit(X, Y)
    monkeypatch.undo()
    assert stopped.n_iter_ == 3 and equal(stopped, small(max_iter=3).fit(X, Y))


def test_a_regressor_of_one_and_of_several_targets() -> None:
    one = MLPRegressor(random_state=0, max_iter=3).fit(X, X[:, 20])
    assert one.predict(X).shape == (300,)
    assert MLPRegressor(random_state=0, max_iter=3).fit(X, X[:, 20:22]).predict(X).shape == (300, 2)
