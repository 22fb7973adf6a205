"""The computation graph: layered, bounded, with modules as boxes and gradients against the arrows."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.explainer.drawing import svg_of, svg_of_scope, width_of
from chainrule.explainer.explanation import explain
from chainrule.explainer.graph import Graph
from chainrule.explainer.layout import DUMMIES, Box, Link, _pieces, layout
from chainrule.nn import functional as F

SVG = "{http://www.w3.org/2000/svg}"


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 8), nn.Linear(8, width)

    def forward(self, x):
        return x + self.down(F.relu(self.up(self.norm(x))))


class Stack(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.embed, self.head = nn.Linear(3, 4), nn.Linear(4, 2)
        self.blocks = nn.ModuleList([Block(4) for _ in range(depth)])

    def forward(self, x):
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def stack(depth=3):
    cr.manual_seed(0)
    model = Stack(depth)
    x, target = cr.randn(5, 3), cr.tensor([0, 1, 0, 1, 1])
    loss = F.cross_entropy(model(x), target)
    return explain(loss, names={"model": model, "x": x, "target": target})


def graph(depth=3):
    return Graph(stack(depth).derivation)


def scope_names(g):
    return [s.name for s in g.root.inner()]


def test_every_step_is_a_node_and_every_operand_an_edge():
    g = graph()
    e = g.derivation
    assert len(g.nodes) == len(e.forward)
    assert [n.gradient is not None for n in g.nodes.values()].count(True) == len(e.backward)
    reads = {(g.nodes[u].label, g.nodes[v].label) for v, us in g.reads.items() for u in us}
    chips = {(c.label, n.label) for n in g.nodes.values() for c in n.chips}
    assert ("x", e.forward[-1].symbol.text) not in reads
    assert len(chips) == 2 * 2 + 6 * 3


def test_modules_are_inferred_from_the_parameters_that_steps_read():
    names = scope_names(graph())
    assert names[:3] == ["model", "model.embed", "model.blocks"]
    blocks = [n for n in names if n.startswith("model.blocks.") and n.count(".") == 2]
    assert blocks == ["model.blocks.0", "model.blocks.1", "model.blocks.2"]
    assert "model.blocks.1.up" in names and names[-1] == "model.head"


def test_a_step_between_two_modules_belongs_to_what_holds_both():
    g = graph()
    relu = next(v for v, n in g.nodes.items() if n.formula.startswith("relu"))
    assert g.scope[relu].name == "model.blocks.0"


def test_recorded_modules_come_first():
    e = stack(2)
    first = next(s for s in e.derivation.forward if s.kind == "forward")
    g = Graph(e.derivation, {first.symbol.var: "elsewhere.inner"})
    assert g.scope[first.symbol.var].name == "elsewhere.inner"


def test_a_module_that_is_called_twice_makes_two_boxes_and_no_cycle():
    layer, other = nn.Linear(3, 3), nn.Linear(3, 3)
    x = cr.ones(2, 3)
    loss = layer(other(layer(x))).sum()
    g = Graph(explain(loss, names={"layer": layer, "other": other}).derivation)
    assert scope_names(g) == ["", "layer", "other", "layer"]
    ET.fromstring(svg_of(g, depth=0))


@pytest.mark.parametrize("depth", [0, 1, 2, None])
def test_the_svg_is_xml_and_shows_every_node_or_the_module_it_is_in(depth):
    g = graph()
    root = ET.fromstring(svg_of(g, depth=depth))
    shown = {
        n for x in root.iter(SVG + "g") if "cr-node" in x.get("class", "") for n in x.get("data-v").split()
    }
    assert shown == {str(n.number) for n in g.nodes.values()}
    assert root.find(SVG + "title").text == "Computation graph of L"
    assert "x" in root.find(SVG + "desc").text
    edges = {b for x in root.iter(SVG + "path") for b in x.get("data-b").split()}
    assert edges <= shown


def test_gradients_go_against_the_arrows():
    g = graph()
    root = ET.fromstring(svg_of(g, depth=9))
    kinds = [x.get("class") for x in root.iter(SVG + "path")]
    assert 0 < kinds.count("cr-bw") < kinds.count("cr-fw")
    numbers = {(g.nodes[r].number, g.nodes[s].number) for r, s in g.arrives}
    for path in root.iter(SVG + "path"):
        if path.get("class") == "cr-bw":
            sent = {(int(b), int(a)) for a in path.get("data-a").split() for b in path.get("data-b").split()}
            assert sent & numbers


def test_nodes_do_not_overlap():
    boxes = [Box(30 + i % 7, 10, 12) for i in range(300)]
    random.seed(1)
    links = [
        Link(boxes[random.randrange(max(0, i - 20), i)], boxes[i]) for i in range(1, 300) for _ in (0, 1)
    ]
    layout(boxes, links)
    columns = {}
    for b in boxes:
        columns.setdefault(b.layer, []).append(b)
    for column in columns.values():
        for a, b in pairwise(sorted(column, key=lambda b: b.y)):
            assert a.y + a.below <= b.y - b.above
    assert all(k.source.x + k.source.width < k.target.x for k in links)


def large(kind):
    """5,000 boxes."""
    n = 5000
    random.seed(0)
    boxes = [Box(50, 10, 10) for _ in range(n)]
    if kind == "skips":
        pairs = [(i, i + 1) for i in range(n - 1)] + [(i, n - 1) for i in range(n - 2)]
    elif kind == "wide":
        pairs = [(random.randrange(i), i) for i in range(1, n) for _ in range(3)]
    else:
        pairs = [(i, i + 1) for i in range(n - 1)]
    return boxes, [Link(boxes[a], boxes[b]) for a, b in pairs]


@pytest.mark.parametrize("kind", ["chain", "skips", "wide"])
def test_no_layout_hangs(kind):
    boxes, links = large(kind)
    layout(boxes, links)
    assert all(k.source.layer < k.target.layer for k in links)


def test_dummies_are_bounded():
    boxes, links = large("skips")
    for i, b in enumerate(boxes):
        b.layer = i
    columns = [[b] for b in boxes]
    _pieces(links, columns)
    assert sum(map(len, columns)) - len(boxes) <= DUMMIES


def test_many_steps_are_drawn_in_time():
    x, turn = cr.ones(2, 2, requires_grad=True), cr.ones(2, 2)
    for _ in range(400):
        x = x @ turn
    g = Graph(explain(x.sum(), names={}).derivation)
    assert len(g.nodes) > 400
    ET.fromstring(svg_of(g))


def test_modules_close_when_there_are_many_steps():
    g = graph(20)
    assert g.visible(g.fitting(40)) <= 40 < g.visible(g.depth)
    root = ET.fromstring(svg_of(g))
    closed = [x for x in root.iter(SVG + "g") if "cr-module" in x.get("class", "")]
    assert len(closed) == 20
    inside = next(s for s in g.root.inner() if s.name == "model.blocks.3")
    ports = ET.fromstring(svg_of_scope(g, inside, "en"))
    assert [x.get("class") for x in ports.iter(SVG + "g")].count("cr-port") == 2


def test_words_are_in_the_language_asked_for():
    assert "计算图" in svg_of(graph(1), lang="zh")


def test_chinese_letters_are_wider():
    assert width_of("梯度", 10) > width_of("ab", 10) > width_of("ij", 10)


def test_gradients_are_drawn_through_values_whose_own_is_not_shown():
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    g = Graph(cr.derive(model, loss=nn.MSELoss()).derivation)
    hidden = next(v for v, n in g.nodes.items() if n.formula.startswith("tanh"))
    assert g.nodes[hidden].gradient is None
    assert len([1 for s, r in g.arrives if hidden in (s, r)]) == 2
    x = next(v for v, n in g.nodes.items() if n.label == "x")
    assert g.scope[x] is g.root
