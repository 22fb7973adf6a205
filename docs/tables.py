"""The tables in examples/, made up: `python docs/tables.py` writes them again.

points.csv   50 noisy points of the parabola y = 2x² - x - 1
houses.csv   400 houses with a price; numbers, categories, some cells empty
new.csv      5 houses without one
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
DISTRICTS = {"centre": 1.5, "north": 1.0, "south": 1.15, "harbour": 1.3}  # how dear they are
GREEN = {"centre": -2.0, "north": 1.5, "south": 1.0, "harbour": -1.0}  # and how many gardens they have


def points() -> str:
    """x and y, noise of standard deviation 0.5."""
    random = np.random.default_rng(0)
    x = np.linspace(-3, 3, 50)
    y = 2 * x**2 - x - 1 + random.normal(0, 0.5, x.size)
    return "x,y\n" + "".join(f"{a:.3f},{b:.3f}\n" for a, b in zip(x, y))


def houses(rows: int, seed: int, priced: bool) -> str:
    """Area in m², rooms, the year of building, a district, a garden or none; prices in thousands."""
    random = np.random.default_rng(seed)
    lines = ["area,rooms,built,district,garden" + (",price" if priced else "")]
    for _ in range(rows):
        area = random.gamma(9, 12) + 25
        rooms = max(1, round(area / 28 + random.normal(0, 0.8)))
        built = int(random.integers(1900, 2024))
        district = str(random.choice(list(DISTRICTS)))
        green = GREEN[district] + (area - 130) / 20
        garden = bool(random.random() < 1 / (1 + np.exp(-2 * green)))
        charm = 0.12 * ((built - 1965) / 60) ** 2  # the old and the new ones are dear
        price = area * DISTRICTS[district] * (2.4 + charm * 6) + 12 * rooms + 35 * garden
        price *= random.lognormal(0, 0.06)
        cells = [f"{area:.0f}", f"{rooms}", f"{built}", district, "yes" if garden else "no"]
        if priced and random.random() < 0.06:
            cells[int(random.choice([2, 3]))] = ""
        lines.append(",".join([*cells, f"{price:.1f}"] if priced else cells))
    return "\n".join(lines) + "\n"


TABLES = {
    "points.csv": points(),
    "houses.csv": houses(400, 1, priced=True),
    "new.csv": houses(5, 2, priced=False),
}

if __name__ == "__main__":
    for name, text in TABLES.items():
        (EXAMPLES / name).write_text(text, encoding="utf-8")
