"""What a fit leaves: figures, predictions, files, the page, in words."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.fitting.formula.result import FormulaModel, model_from
from chainrule.fitting.model_file import save_model
from chainrule.fitting.problem import InputError

X = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
LINE = {"x": X, "y": np.array([1.1, 2.9, 5.2, 6.8, 9.1])}


def test_the_text_of_a_fit():
    text = str(cr.fit("y = w*x + b", LINE))
    lines = text.splitlines()
    assert lines[0] == "y = w*x + b   (5 rows)"
    assert lines[2].split() == ["value", "std.", "error", "t", "p", "95", "%", "interval"]
    assert lines[3].split()[:4] == ["w", "1.99", "0.05972", "33.32"]
    assert lines[4].split()[:3] == ["b", "1.04", "0.1463"]
    assert "  residual standard deviation  0.188856 (3 degrees of freedom)" in lines
    assert lines[-1].startswith("Levenberg–Marquardt, ")
    assert lines[-1].endswith("Start: 1 for every parameter.")


def test_fitted_and_residuals_belong_to_the_rows():
    fit = cr.fit("y = w*x + b", LINE)
    np.testing.assert_allclose(LINE["y"] - fit.fitted, fit.residuals, atol=1e-15)
    np.testing.assert_allclose(fit.predict(LINE), fit.fitted, rtol=1e-14)
    assert fit.rss == pytest.approx(np.sum(fit.residuals**2))


def test_a_left_side_may_be_an_expression():
    t = np.linspace(0, 2, 20)
    fit = cr.fit("log(y) = a - k*t", {"t": t, "y": 3 * np.exp(-0.5 * t)})
    assert fit.params == pytest.approx({"a": np.log(3), "k": 0.5})
    assert fit.target == "log(y)"
    np.testing.assert_allclose(fit.predict({"t": [1.0]}), [np.log(3) - 0.5])


def test_prediction_gives_nan_where_a_column_is_missing_a_value():
    fit = cr.fit("y = w*x + b", LINE)
    found = fit.predict({"x": [1.0, np.nan]})
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_prediction_needs_the_columns_of_the_right_side():
    fit = cr.fit("y = w*x + b", LINE)
    with pytest.raises(InputError) as error:
        fit.predict({"z": [1.0]})
    assert str(error.value) == (
        "the formula needs the column 'x', which the data do not have\n  came:     z\n  expected: x"
    )


def test_a_kept_fit_predicts_the_same(tmp_path) -> None:
    fit = cr.fit("y = w*(x - mean(x)) + b", LINE)
    fit.save(tmp_path / "line.safetensors")
    model = cr.load_fit(tmp_path / "line.safetensors")
    assert isinstance(model, FormulaModel)
    assert model.params == fit.params
    np.testing.assert_array_equal(model.predict({"x": [7.0, 8.0]}), fit.predict({"x": [7.0, 8.0]}))


@pytest.mark.parametrize(
    ("facts", "values"),
    [
        ({"formula": "y = w*x", "columns": ["x", "y"], "parameters": ["w"]}, np.array([np.nan])),
        ({"formula": "y = w*x", "columns": ["x", "y"], "parameters": ["w"]}, np.array([1.0, 2.0])),
        ({"formula": "y = w*x", "columns": ["x", "y"], "parameters": ["v"]}, np.array([1.0])),
        ({"formula": "y = w*x", "columns": "xy", "parameters": ["w"]}, np.array([1.0])),
        ({"formula": 3, "columns": ["x", "y"], "parameters": ["w"]}, np.array([1.0])),
        ({"formula": "y = __import__('os')", "columns": ["y"], "parameters": []}, np.array([])),
        ({"columns": ["x", "y"], "parameters": ["w"]}, np.array([1.0])),
        ({"formula": "y = w*9**9**9**9", "columns": ["y"], "parameters": ["w"]}, np.array([1.0])),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused(facts, values, tmp_path) -> None:
    with pytest.raises(InputError):
        model_from({"values": values}, facts)
    with pytest.raises(InputError):
        model_from({}, facts)
    if np.isfinite(values).all():
        save_model(tmp_path / "bad.safetensors", "formula", {"values": values}, facts)
        with pytest.raises(InputError):
            cr.load_fit(tmp_path / "bad.safetensors")


def test_data_may_be_a_file_a_frame_or_a_structured_array(tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "line.csv"
    path.write_text("x;y\n" + "".join(f"{a};{b}\n" for a, b in zip(LINE["x"], LINE["y"])))
    array = np.array(list(zip(LINE["x"], LINE["y"])), dtype=[("x", float), ("y", float)])
    right = cr.fit("y = w*x + b", LINE).params
    for data in (path, str(path), pandas.DataFrame(LINE), array):
        assert cr.fit("y = w*x + b", data).params == right


def test_the_page_has_everything_and_no_address_outside(tmp_path) -> None:
    fit = cr.fit("y = w*x + b", LINE)
    fit.report(tmp_path / "line.html")
    page = (tmp_path / "line.html").read_text(encoding="utf8")
    assert page == fit.report()
    for heading in ("Parameters", "The fit", "Quality", "Residuals and correlations", "Derived gradients"):
        assert f"<h2>{heading}</h2>" in page
    assert page.count("<svg") == 5
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1998", "")
    assert fit._repr_html_().startswith("<iframe")


def test_names_cannot_break_the_page():
    fit = cr.fit("y = w*x + b", {"x": X, "y": LINE["y"], "<script>": X})
    assert "<script" not in fit.report()


def test_the_gradients_are_derived():
    fit = cr.fit("y = w*x + b", LINE)
    assert [str(s) for s in fit.gradients.backward] == [
        "∂L/∂w = 2 · (w · x + b - y) · x",
        "∂L/∂b = 2 · (w · x + b - y)",
    ]
    robust = cr.fit("Y = W*X + b", {"X": X, "Y": LINE["y"]}, loss="huber")
    assert [str(s) for s in robust.gradients.backward] == ["∂L/∂W = X", "∂L/∂b = 1"]


def test_the_plot_shows_data_and_fit():
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    fit = cr.fit("y = w*x + b", LINE)
    ax = fit.plot()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), LINE["y"])
    np.testing.assert_allclose(ax.lines[1].get_ydata()[[0, -1]], fit.fitted[[0, -1]])
    assert ax.get_xlabel() == "x"
    assert fit.png()[:8] == b"\x89PNG\r\n\x1a\n"
    plt.close(ax.figure)


def test_several_columns_are_shown_as_fitted_over_data():
    d = {"u": X, "v": X**2, "y": X + 2 * X**2 + 0.1 * np.cos(9 * X)}
    chart = cr.fit("y = a*u + b*v", d).charts()[0]
    assert chart.x_label == "y in the data"
    assert chart.diagonal
