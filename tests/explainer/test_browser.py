"""The report in a browser: Debian's chromium, by Playwright; skipped where one of them is missing."""

from __future__ import annotations

import os
import shutil

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.explainer.explanation import explain
from chainrule.nn import functional as F

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = p.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


def net(lang="en", blocks=5):
    cr.manual_seed(0)
    model = nn.Sequential(*[m for _ in range(blocks) for m in (nn.Linear(4, 4), nn.Tanh())])
    x, y = cr.randn(6, 4), cr.tensor([0, 1, 2, 3, 0, 1])
    loss = F.cross_entropy(model(x), y)
    return explain(loss, lang=lang, names={"model": model, "x": x, "y": y})


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return x + self.two(cr.tanh(self.one(x)))


def deep(blocks=12):
    cr.manual_seed(0)
    model = nn.Sequential(*[Two() for _ in range(blocks)])
    x = cr.randn(6, 4)
    loss = model(x).pow(2).mean()
    return explain(loss, names={"model": model, "x": x})


@pytest.fixture
def show(browser, tmp_path):
    """Opens an explanation; at the end nothing may have gone wrong on the page."""
    contexts, errors = [], []

    def opened(e, **options):
        path = tmp_path / f"{len(contexts)}.html"
        e.to_html(path)
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on(
            "request", lambda r: errors.append(r.url) if not r.url.startswith(("file:", "data:")) else None
        )
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors


def state(page):
    """What is highlighted."""
    return page.evaluate("""() => {
        const texts = (s) => [...document.querySelectorAll(s)].map((x) => x.textContent.trim());
        return {
            count: texts(".count")[0], say: texts(".live .say")[0], phase: texts(".phase")[0],
            nodes: [...document.querySelectorAll(".cr-node.on .s, .cr-node.on .p")].map((x) => x.textContent),
            edges: document.querySelectorAll(".cr-fw.on").length,
            back: document.querySelectorAll(".cr-bw.on").length,
            rows: [...document.querySelectorAll(".steps .here")].map((x) => x.id),
            lines: texts(".code .here code"), equations: document.querySelectorAll(".show math").length,
        };
    }""")


def test_buttons_walk_forward_and_then_back(show):
    page = show(net())
    buttons = page.locator(".bar button")
    assert buttons.nth(0).is_disabled() and buttons.nth(1).is_enabled()
    buttons.nth(1).click()
    first = state(page)
    assert first["count"] == "Step 1 of 31" and first["phase"] == "Forward pass"
    assert len(first["nodes"]) == 1 and first["rows"] == ["s1"] and first["edges"] >= 3 and not first["back"]
    assert first["lines"] == ["loss = F.cross_entropy(model(x), y)"] and first["equations"] == 1
    for _ in range(11):
        buttons.nth(1).click()
    back = state(page)
    assert back["phase"] == "Backward pass" and back["rows"] == ["s12"]
    assert back["back"] >= 1 and not back["edges"] and "gradient arrives through L" in back["say"]
    buttons.nth(0).click()
    assert state(page)["rows"] == ["s11"]


def test_arrow_keys_walk_to_both_ends(show):
    page = show(net())
    page.keyboard.press("ArrowLeft")
    assert state(page)["rows"] == []
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    end = state(page)
    assert end["count"] == "Step 31 of 31"
    assert page.locator(".bar button").nth(1).is_disabled()
    page.keyboard.press("ArrowLeft")
    assert state(page)["count"] == "Step 30 of 31"


def test_buttons_are_reached_by_tab_and_pressed_by_space(show):
    page = show(net())
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Next step":
            break
    page.keyboard.press("Space")
    assert state(page)["rows"] == ["s1"]
    assert page.locator("[aria-live=polite]").count() == 1


def test_a_click_on_a_node_or_a_row_goes_there(show):
    page = show(net())
    page.locator('.cr-node:has(.s:text("a"))').nth(1).click()
    assert state(page)["phase"] == "Forward pass" and state(page)["nodes"][0].startswith("a")
    page.locator("#s15").click()
    assert state(page)["rows"] == ["s15"]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("make", [net, lambda lang: deep()], ids=["net", "deep"])
def test_nothing_scrolls_sideways_on_a_phone(show, lang, make):
    page = show(make(lang), viewport={"width": 360, "height": 740})
    for _ in range(14):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    node = page.locator(".graph .cr-node.on").first.bounding_box()
    assert node and node["x"] >= 0 and node["x"] + node["width"] <= 360


RATIO = """(s) => {
    const light = (c) => {
        const [r, g, b] = c.match(/[0-9.]+/g).map(Number).map((v) => v / 255)
            .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (e) => {
        for (; e; e = e.parentElement) {
            const c = getComputedStyle(e).backgroundColor;
            if (c !== "rgba(0, 0, 0, 0)") return c;
        }
    };
    const seen = (e) => e.offsetParent !== null || e.ownerSVGElement;
    return [...document.querySelectorAll(s)].filter(seen).map((e) => {
        const rect = e.ownerSVGElement && e.parentNode.querySelector("rect:not(.back)");
        const style = getComputedStyle(e);
        const a = light(rect ? style.fill : style.color);
        const b = light(rect ? getComputedStyle(rect).fill : ground(e));
        return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 60)];
    });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(show, scheme):
    page = show(net(), color_scheme=scheme)
    for _ in range(14):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    for ratio, kind in page.evaluate(RATIO, "p, h1, h2, h3, code, figcaption, .shape, .count, .cr-node text"):
        assert ratio >= 4.5, (scheme, kind, ratio)


def test_dark_and_light_follow_the_system(show):
    grounds = []
    for scheme in ("light", "dark"):
        page = show(net(), color_scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = (sum(map(int, g[4:-1].split(","))) for g in grounds)
    assert light > 600 and dark < 150


def test_everything_is_readable_without_scripts(show):
    page = show(net(), java_script_enabled=False)
    assert page.locator(".steps > li").count() == 31
    assert page.locator(".graph svg").first.is_visible()
    assert not page.locator(".bar").is_visible() and not page.locator(".now").is_visible()
    assert page.locator(".steps math").first.is_visible()


def test_a_closed_module_opens_while_its_steps_are_walked(show):
    page = show(deep())
    assert page.locator("details.inside[open]").count() == 0
    page.keyboard.press("ArrowRight")
    assert page.locator("details.inside[open]").count() == 1
    assert page.locator("details.inside[open] .cr-node.on").count() == 1
    page.locator(".cr-module").nth(3).click()
    assert page.locator("details.inside[open]").count() == 2


def test_it_prints(show):
    page = show(deep())
    page.emulate_media(media="print")
    assert not page.locator(".bar").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_it_opens_in_a_second(show):
    page = show(deep(40))
    timing = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert timing < 5000  # a second on a quiet machine, which tests are not run on


def test_in_a_notebook_its_styles_stay_inside(browser, tmp_path):
    (tmp_path / "n.html").write_text(f"<!doctype html><body>{net()._repr_html_()}</body>", encoding="utf8")
    page = browser.new_page()
    page.goto((tmp_path / "n.html").as_uri())
    frame = page.frame_locator("iframe")
    frame.locator(".bar button").nth(1).click()
    assert frame.locator(".count").text_content() == "Step 1 of 31"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
    page.close()
