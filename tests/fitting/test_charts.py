"""Charts: as SVG that is well formed and small, and on matplotlib axes with the same numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from chainrule.fitting.charts import SHOWN, Bars, Chart, Heat, figure, limits, png
from chainrule.fitting.report import charts, fragment, page, paragraph, remarks, table
from chainrule.fitting.svg import short, ticks

X = np.linspace(1, 4, 7)
PICTURES = [
    Chart("Line", "x", "y").line(X, X**2, "a & b").points(X, X**2 + 1, "points", 1),
    Chart("Band", "x", "y", zero=True).band(X, X - 1, X + 1, "band"),
    Chart("Log", "x", "y", log_x=True, log_y=True).line(10.0**X, 10.0**-X),
    Chart("Steps", "x", "y").histogram(np.sin(np.arange(100))),
    Chart("Diagonal", "x", "y", diagonal=True).points(X, X**1.2),
    Chart("Nothing", "x", "y"),
    Chart("Flat", "x", "y").line([1, 2], [3, 3]),
    Chart("Gaps", "x", "y").line([1, 2, 3, 4], [1, np.nan, np.inf, 2]),
    Bars("Bars", ["one", "<two>"], [0.5, -0.1], "label", [0.1, 0.05]),
    Heat("Heat", ["r1", "r2"], ["c1", "c2", "c3"], [[1, 2, 3], [-4, 0, np.nan]], "x", "y"),
]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.title)
def test_the_svg_is_well_formed_and_has_its_text(picture) -> None:
    text = picture.svg()
    root = ET.fromstring(text)
    assert root.attrib["role"] == "img"
    assert root[0].text == picture.title
    assert "nan" not in re.sub(r">[^<]*<", "><", text)
    assert "inf" not in re.sub(r">[^<]*<", "><", text)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.title)
def test_the_places_are_inside_the_picture(picture) -> None:
    root = ET.fromstring(picture.svg())
    wide, high = (float(v) for v in root.attrib["viewBox"].split()[2:])
    for e in root.iter("{http://www.w3.org/2000/svg}text"):
        assert -1 <= float(e.attrib["x"]) <= wide + 1
        assert -1 <= float(e.attrib["y"]) <= high + 1
    for e in root.iter("{http://www.w3.org/2000/svg}path"):
        for a, b in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", e.attrib["d"]):
            assert -1 <= float(a) <= wide + 1
            assert -1 <= float(b) <= high + 1


def test_a_line_goes_through_its_points():
    root = ET.fromstring(Chart("L", "x", "y").line([0, 1, 2], [0, 1, 2]).svg())
    (line,) = [e for e in root if e.attrib.get("class") == "line k0"]
    places = np.array([[float(v) for v in p.split()] for p in line.attrib["d"][1:].split("L")])
    steps = np.diff(places, axis=0)
    np.testing.assert_allclose(steps[0], steps[1], atol=0.2)
    assert steps[0][0] > 0 > steps[0][1]  # to the right, and up


def test_very_many_points_are_thinned_and_it_is_said():
    chart = Chart("Many", "x", "y").points(np.arange(100_000), np.arange(100_000))
    assert len(chart.layers[0].x) == SHOWN
    assert chart.note == "2,000 of 100,000 points"
    assert "2,000 of 100,000 points" in charts([chart])
    assert len(chart.svg()) < 60_000


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3, 7, [-2, 0, 2, 4, 6]),
        (1e-7, 3e-7, [1e-7, 1.5e-7, 2e-7, 2.5e-7, 3e-7]),
        (1e6, 1.00002e6, [1e6, 1e6 + 5, 1e6 + 10, 1e6 + 15, 1e6 + 20]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, found: list[float]) -> None:
    np.testing.assert_allclose(ticks(low, high), found, rtol=1e-12)


def test_numbers_of_axes_are_short():
    assert [short(v) for v in (0.1, 1e-9, 12345.0, 0.0, -2.5e12)] == ["0.1", "1e-9", "12345", "0", "-2.5e12"]


def test_limits_are_never_equal():
    assert limits([np.array([3.0, 3.0])]) == (2.7, 3.3)
    assert limits([np.array([0.0])]) == (-1.0, 1.0)
    assert limits([]) == (0.0, 1.0)


def test_matplotlib_draws_the_same_numbers():
    pytest.importorskip("matplotlib")
    found = figure(PICTURES)
    axes = found.axes
    assert [ax.get_title() for ax in axes[: len(PICTURES)]] == [p.title for p in PICTURES]
    np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), X**2)
    assert not figure(PICTURES[:3]).axes[3].axison  # no empty frame
    assert axes[2].get_xscale() == axes[2].get_yscale() == "log"
    assert [p.get_width() for p in axes[8].patches] == [0.5, -0.1]
    assert png(PICTURES[:1])[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_page_escapes_text_and_leaves_out_empty_sections():
    html = page("a < b", [("One & two", paragraph("<b>")), ("Empty", "")], facts="f > g")
    assert "<title>a &lt; b</title>" in html
    assert "<h2>One &amp; two</h2>" in html
    assert "<p>&lt;b&gt;</p>" in html
    assert "Empty" not in html
    assert '<p class="facts">f &gt; g</p>' in html
    assert '<html lang="zh-Hans">' in page("t", [], "zh")
    for outside in ("http:", "https:", "<script", "@import", "url("):
        assert outside not in html


def test_tables_and_lists_escape_their_cells():
    html = table(["", "<h>"], [["<r>", 1.5]])
    ET.fromstring(html)
    assert "&lt;h&gt;" in html
    assert "<td>&lt;r&gt;</td><td>1.5</td>" in html
    assert remarks([]) == ""
    assert remarks(["a < b"]) == '<ul class="remarks"><li>a &lt; b</li></ul>'


def test_the_frame_for_notebooks_holds_the_page():
    found = fragment(page("it's", []), "it's")
    assert found.count("'") == 2  # around srcdoc only
    assert "sandbox" in found


def test_what_rounds_to_zero_has_no_sign():
    heat = Heat("", ["a", "b"], ["a", "b"], np.array([[1.0, -0.001], [-0.001, 1.0]]), format="{:.2f}")
    assert ">0.00<" in heat.svg() and "-0.00" not in heat.svg()
    assert [t.get_text() for t in heat.draw().texts] == ["1.00", "0.00", "0.00", "1.00"]
