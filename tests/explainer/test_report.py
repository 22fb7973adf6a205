"""The HTML report: one file, complete without scripts, in both languages."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.explainer.explanation import explain
from chainrule.explainer.report.heat import MOST, cells_of, picture, png, spread
from chainrule.explainer.report.mathml import _converted, math
from chainrule.explainer.words import LANGUAGES
from chainrule.nn import functional as F

VOID = {"meta", "input", "img", "br"}


class Reader(HTMLParser):
    """All elements; raises if one is not closed where it should be."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def having(self, tag, **attributes):
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in attributes.items())]


def net(lang="en", layers=5, **options):
    cr.manual_seed(0)
    model = nn.Sequential(*[m for _ in range(layers) for m in (nn.Linear(4, 4), nn.Tanh())])
    x, y = cr.randn(6, 4), cr.tensor([0, 1, 2, 3, 0, 1])
    loss = F.cross_entropy(model(x), y)
    return explain(loss, lang=lang, names={"model": model, "x": x, "y": y}, **options)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_step_has_an_equation_a_node_and_a_value(lang):
    e = net(lang)
    text = e.to_html()
    page = Reader(text)
    walked = [s for s in e.steps if s.kind != "input"]
    rows = [a for a in page.having("li") if a.get("id", "").startswith("s")]
    assert [a["id"] for a in rows] == [f"s{i}" for i in range(1, len(walked) + 1)]
    nodes = {n for t, a in page.elements if t == "g" and "data-v" in a for n in a["data-v"].split()}
    assert {a["data-v"] for a in rows} <= nodes
    assert len(page.having("math")) >= len(e.steps)
    assert len(page.having("img")) == len([s for s in e.steps if s.shape])
    assert all(a["alt"] for a in page.having("img"))
    lines = {a["id"] for a in page.having("li") if a.get("id", "").startswith("l")}
    assert {a["data-l"] for a in rows} == lines != set()


def test_it_is_in_the_language_asked_for():
    assert '<html lang="en">' in net().to_html()
    chinese = net("zh").to_html()
    assert '<html lang="zh-Hans">' in chinese
    words = "".join(Reader(chinese).text)
    assert all(w in words for w in ("计算图", "反向传播", "源代码", "由 x"))
    assert "Forward pass" not in words and "computed from" not in words


def test_nothing_is_loaded_from_outside():
    text = net().to_html().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text)
    for tag, a in Reader(text).elements:
        assert tag != "link"
        assert a.get("src", "data:").startswith("data:")
        assert a.get("href", "#").startswith("#")


def test_graphs_in_it_are_xml():
    found = re.findall(r"<svg .*?</svg>", net().to_html(), re.S)
    assert found
    for svg in found:
        ET.fromstring(svg)


def test_identifiers_are_used_once():
    ids = [a["id"] for _, a in Reader(net().to_html()).elements if "id" in a]
    assert len(ids) == len(set(ids))


def test_a_file_is_written(tmp_path):
    e = net(layers=1)
    assert e.to_html(tmp_path / "a.html") is None
    assert (tmp_path / "a.html").read_text(encoding="utf8") == e.to_html()


def test_without_values_there_are_no_pictures():
    assert "<img" not in net(values=False).to_html()


def test_one_sample_can_be_followed():
    assert "6×4 values" in net().to_html()
    page = net(sample=0).to_html()
    assert 'alt="4 values' in page


def test_sums_are_written_in_the_notation_asked_for():
    page = net(layers=1, notation="sum").to_html()
    assert page.count("∑") > net(layers=1).to_html().count("∑")


def test_what_is_worth_noticing_leads_to_its_steps():
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    e = explain(model(cr.randn(4, 3)).sum(), names={"model": model})
    page = Reader(e.to_html())
    assert e.notes and e.notes[0].text("en") in "".join(page.text)
    ids = {a["id"] for _, a in page.elements if "id" in a}
    links = [a["href"][1:] for a in page.having("a")]
    assert links and set(links) <= ids


def test_names_and_source_are_escaped():
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum() if 1 < 2 else w.sum()  # <script>
    page = explain(loss, names={"<b>": w}).to_html()
    assert "&lt;script&gt;" in page and page.count("<script>") == 1
    Reader(page)


def test_a_notebook_gets_a_frame_of_its_own():
    e = net(layers=1)
    frame = e._repr_html_()
    page = Reader(frame)
    (a,) = page.having("iframe")
    assert a["srcdoc"] == e.to_html()
    assert a["sandbox"] == "allow-scripts allow-modals" and a["title"]


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), nn.Linear(width, 3 * width)
        self.project, self.after = nn.Linear(width, width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        q, k, v = self.attention(self.norm(x)).chunk(3, -1)
        x = x + self.project(F.scaled_dot_product_attention(q, k, v))
        return x + self.down(F.gelu(self.up(self.after(x))))


def test_twelve_blocks_stay_below_two_megabytes():
    cr.manual_seed(0)
    model = nn.Sequential(nn.Embedding(50, 16), *[Block(16) for _ in range(12)], nn.Linear(16, 50))
    ids = cr.randint(0, 50, (2, 8))
    loss = F.cross_entropy(model(ids).flatten(0, 1), ids.flatten())
    text = explain(loss, names={"model": model, "ids": ids}).to_html()
    assert len(text.encode()) < 2_000_000
    page = Reader(text)
    closed = {a["data-m"] for a in page.having("g") if "data-m" in a}
    assert len(closed) == 12
    assert {a["data-m"] for a in page.having("details") if "data-m" in a} == closed


def test_formulas_of_one_form_are_converted_once():
    _converted.cache_clear()
    assert "<mn>12</mn>" in math("z_{12} + a^{(3)}")
    assert "<mn>7</mn>" in math("z_{7} + a^{(41)}") and "<mn>(41)</mn>" in math("z_{7} + a^{(41)}")
    assert _converted.cache_info().misses == 1


def test_what_cannot_be_converted_is_text():
    assert math(r"\frac{1}{") == '<span class="formula">1/</span>'


def test_names_are_one_identifier():
    assert '<mi class="word">hidden</mi>' in math(r"\mathit{hidden}_{2}")
    assert "<mi>relu</mi>" in math(r"\operatorname{relu}(x)")


def decoded(data):
    """Indices of a picture's pixels."""
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    at = data.index(b"IDAT")
    rows = zlib.decompress(data[at + 4 : at + 4 + int.from_bytes(data[at - 4 : at], "big")])
    return np.frombuffer(rows, np.uint8).reshape(height, width + 1)[:, 1:]


def test_colours_are_centred_at_zero():
    index = decoded(png(np.array([[-2.0, 0.0, 1.0], [np.nan, np.inf, 1e-9]])))
    assert index.tolist() == [[0, 15, 23], [31, 31, 16]]


def test_large_arrays_are_sampled():
    cells, sampled = cells_of(np.zeros((3, 40, 1000)))
    assert cells.shape == (MOST, MOST) and sampled
    assert "some of them shown" in picture(np.ones((3, 40, 1000)), "en")


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([1.0, -2.5]), "−2.5 … 1"),
        (np.full(3, 2.0), "2"),
        (np.array([np.nan, 1.0, 3.0]), "1 … 3"),
        (np.array([np.nan]), "nan"),
        (np.array([3, 1]), "1 … 3"),
        (np.array([True, False]), "False … True"),
        (np.array([3 + 4j, 0]), "0 … 5"),
    ],
)
def test_ranges(array, text):
    assert spread(array) == text


@pytest.mark.parametrize(
    "array", [np.zeros((0, 3)), np.array(1.5), np.array([True, False]), np.array([1j, 2])]
)
def test_any_array_has_a_picture(array):
    Reader(picture(array, "en"))


def test_a_picture_is_png():
    data = re.search(r"base64,([^\"]+)", picture(np.arange(6.0).reshape(2, 3), "zh"))[1]
    assert base64.b64decode(data).startswith(b"\x89PNG\r\n\x1a\n")


def test_a_number_is_never_taken_for_a_place_that_is_filled_in():
    assert "<mn>700001</mn>" in math("x_{3} + 700001") and "<mn>700007</mn>" in math("700007")
