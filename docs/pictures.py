"""The picture at the top of the README, from a real run: `python docs/pictures.py`.

A terminal with `chainrule fit` and what it prints, and beside it the fit and the derived gradients as its
report shows them. Needs playwright, Debian's chromium and Pillow.
"""

from __future__ import annotations

import io
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule.explainer.report.mathml import math
from chainrule.fitting import report
from chainrule.fitting.formula.page import pictures

ROOT = Path(__file__).resolve().parents[1]
IMAGE = ROOT / "docs" / "images" / "fit.png"
FORMULA = "y = w1*x**2 + w2*x + b"
CHROMIUM = "/usr/bin/chromium"
STYLE = """
html{background:#eceef3}
body{margin:0;padding:26px;background:#eceef3;width:1228px;box-sizing:border-box}
main{display:grid;grid-template-columns:690px 1fr;gap:20px;max-width:none;padding:0;margin:0}
.terminal{background:#171b22;color:#dfe5ee;border-radius:12px;padding:14px 20px 18px;
font:13.2px/1.46 "DejaVu Sans Mono",monospace;white-space:pre;overflow:hidden}
.lights{display:block;margin:0 0 10px}
.lights i{display:inline-block;width:11px;height:11px;border-radius:50%;margin-right:7px}
.terminal b{color:#8fd18f;font-weight:400}.terminal em{color:#f0b27a;font-style:normal}
.beside{background:#fff;border-radius:12px;padding:8px 18px 12px;
display:flex;flex-direction:column;justify-content:space-evenly}
.beside figure{margin:0;width:100%}
.beside figcaption,.beside h3{display:none}.beside svg{width:100%;height:auto}
.beside .eq{margin:5px 0;font-size:16px;text-align:center}
"""


def html() -> str:
    """The page that is photographed."""
    command = ["fit", FORMULA, "examples/points.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", *command],
        cwd=ROOT, check=True, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    fit = cr.fit(FORMULA, str(ROOT / "examples" / "points.csv"))
    shown = escape(done.stdout.strip().partition("\n  residuals ")[0], quote=False)
    for name in fit.params:
        shown = shown.replace(f"\n  {name:<2} ", f"\n  <em>{name:<2}</em> ")
    typed = f'<b>$</b> chainrule fit "{escape(FORMULA, quote=False)}" points.csv\n\n'
    lights = "".join(f'<i style="background:{color}"></i>' for color in ("#ff5f57", "#febc2e", "#28c840"))
    chart = report.charts(pictures(fit)[:1])
    gradients = "".join(f'<div class="eq">{math(tex)}</div>' for tex in formulas(fit))
    body = (
        f'<div class="terminal"><span class="lights">{lights}</span>{typed}{shown}</div>'
        f'<div class="beside">{chart}<div>{gradients}</div></div>'
    )
    head = report.page("chainrule fit", []).partition("<main>")[0].replace("</style>", f"{STYLE}</style>")
    return f"{head}<main>{body}</main></body></html>"


def formulas(fit: Any) -> list[str]:
    """The gradients as LaTeX."""
    lines = fit.gradients.latex().splitlines()
    return [line.strip().replace("&", "").removesuffix(r"\\") for line in lines if r"\partial" in line]


def photograph(page: str) -> bytes:
    """A PNG of a page, in as few colours as show no difference."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_context(viewport={"width": 1228, "height": 400}, device_scale_factor=1.5).new_page()
        tab.set_content(page)
        raw = tab.locator("body").screenshot()
        browser.close()
    whole = Image.open(io.BytesIO(raw)).convert("RGB")
    few = whole.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    IMAGE.parent.mkdir(exist_ok=True)
    IMAGE.write_bytes(photograph(html()))
    print(f"{IMAGE.relative_to(ROOT)}: {IMAGE.stat().st_size:,} bytes")
