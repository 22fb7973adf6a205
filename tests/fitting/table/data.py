"""Tables for the tests."""

from __future__ import annotations

from typing import Any

import numpy as np


def houses(rows: int = 400) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    area = rng.uniform(30, 200, rows)
    town = rng.choice(["Bonn", "Kiel", "Ulm"], rows)
    price = 3000 * area + 50_000 * (town == "Kiel") + rng.normal(0, 5000, rows)
    area[::17] = np.nan
    return {"area": area, "town": town.tolist(), "id": np.arange(rows), "price": price}
