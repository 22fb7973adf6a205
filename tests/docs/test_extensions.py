"""What the documentation generates: markup from docstrings, bars from tables, messages from the code."""

from __future__ import annotations

import doctest
import importlib
import sys
from pathlib import Path

import pytest

from chainrule.ops.record import REGISTRY

ROOT = Path(__file__).parents[2]
EXTENSIONS = ROOT / "docs" / "extensions"


@pytest.fixture(autouse=True)
def extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sphinx", reason="the extensions of the documentation are Sphinx's")
    monkeypatch.setattr(sys, "path", [str(EXTENSIONS), *sys.path])


@pytest.mark.parametrize("name", ["docstrings", "speed", "offline"])
def test_examples(name: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted and not failed


def test_docstrings_keep_markup_that_is_there() -> None:
    from docstrings import restructured

    line = "See :math:`a_1`, ``b_``, `text <https://a.org>`_ and `c`."
    assert restructured([line]) == ["See :math:`a_1`, ``b_``, `text <https://a.org>`_ and ``c``."]
    assert restructured([".. math:: a_b \\cdot |c|"]) == [".. math:: a_b \\cdot |c|"]


def test_examples_stand_apart_from_text() -> None:
    from docstrings import restructured

    assert restructured(["Text.", "", ">>> f(*x)", "2 * 3"]) == ["Text.", "", ">>> f(*x)", "2 * 3"]


def test_the_bars_are_the_ratios_of_the_table() -> None:
    from speed import chart, compiled

    text = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    rows = [row for row in compiled(text) if row.threads == 1]
    assert len(rows) >= 9
    for row in rows:
        assert row.us["chainrule"] > 0 and "jax" in row.us
    row = rows[1]
    svg = chart(text, 1, {row.workload: "a net"})
    for library in ("torch eager", "jax"):
        assert f">{row.us[library] / row.us['chainrule']:.3g}×<" in svg


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
@pytest.mark.parametrize(("library", "name"), [("torch eager", "PyTorch"), ("jax", "JAX")])
def test_the_readme_says_what_was_measured(readme: str, library: str, name: str) -> None:
    from speed import compiled

    rows = compiled((ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8"))
    networks = [row for row in rows if "point by point" not in row.workload]  # three numbers are no network
    ratios = sorted(row.us[library] / row.us["chainrule"] for row in networks)
    least, most = f"{ratios[0]:.2g}", f"{ratios[-1]:.0f}"
    english, chinese = f"{least} to {most} times as fast as {name}", f"{name} 的 {least} 到 {most} 倍"
    text = " ".join((ROOT / readme).read_text(encoding="utf-8").split())
    assert (english if readme == "README.md" else chinese) in text


def test_a_workload_that_is_not_measured_is_named() -> None:
    from speed import chart

    table = "| workload | threads | chainrule |\n|---|---|---|\n| net | 1 | 2.5 |\n"
    text = f"<!-- compiled -->\n{table}<!-- compiled -->"
    with pytest.raises(ValueError, match="has no workload 'other', but net"):
        chart(text, 1, {"other": "x"})


def test_every_refusal_has_its_words() -> None:
    from generated import refusal

    cases = [(op, i) for op in REGISTRY.values() for i in range(len(op.bad))]
    assert len(cases) > 30
    for op, i in cases:
        assert op.bad[i].words in refusal(op, i)


@pytest.mark.parametrize(
    "page",
    [
        '<script defer src="https://cdn.org/mathjax.js">',
        '<link rel="stylesheet" href="//fonts.org/a.css">',
        "<img alt='' src='http://a.org/b.png'>",
        "@font-face { src: url('https://a.org/b.woff2') }",
        '@import "https://a.org/b.css";',
    ],
)
def test_what_would_be_fetched_is_found(page: str) -> None:
    from offline import fetched

    assert len(fetched(page)) == 1


def test_links_are_not_fetched() -> None:
    from offline import fetched

    assert fetched('<a href="https://a.org">a</a><link rel="canonical" href="https://b.org">') == []


def test_the_api_lists_what_packages_offer() -> None:
    from packages import public

    import chainrule as cr

    assert {"Linear", "Module", "CrossEntropyLoss", "LSTM"} <= set(public(cr.nn))
    assert {"backward", "grad", "gradcheck", "Function"} <= set(public(cr.autograd))
    names = public(cr)
    assert {"matmul", "randn", "manual_seed", "where"} <= set(names)
    assert names == sorted(names, key=str.lower)
    assert not {"Tensor", "no_grad", "module_getattr"} & set(names)  # each is documented once, or not public


@pytest.mark.parametrize("package", ["nn", "nn.functional", "nn.init", "special", "linalg", "utils.data"])
def test_no_name_of_a_package_lacks_a_docstring(package: str) -> None:
    module = importlib.import_module(f"chainrule.{package}")
    made = {"relu_"}  # from its function, by a rule
    bare = [name for name in module.__all__ if callable(found := getattr(module, name)) and not found.__doc__]
    assert set(bare) <= made
