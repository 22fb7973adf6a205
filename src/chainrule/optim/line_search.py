"""A line search for the strong Wolfe conditions: bracket a good step, then zoom in on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass
class Point:
    """A step length t along the direction, with loss f, gradient g and slope g·d there."""

    t: Any
    f: float
    g: Array
    slope: Any


def cubic_minimum(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through both points' losses and slopes is least, kept within the bounds."""
    low, high = bounds if bounds is not None else (min(a.t, b.t), max(a.t, b.t))
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = np.sqrt(square)
    near, far = (a, b) if a.t <= b.t else (b, a)
    t = far.t - (far.t - near.t) * ((far.slope + d2 - d1) / (far.slope - near.slope + 2 * d2))
    return min(max(t, low), high)


@dataclass
class StrongWolfe:
    """f(t) ≤ f(0) + c₁·t·f'(0) and |f'(t)| ≤ c₂·|f'(0)|, for the loss along the direction d."""

    evaluate: Callable[[Any], tuple[float, Array]]  # t -> loss and gradient there
    d: Array
    start: Point
    max_evaluations: int
    c1: float = 1e-4
    c2: float = 0.9
    tolerance: float = 1e-9

    def search(self, t: Any) -> tuple[Point, int]:
        """The point found from the first guess t, and how often the loss was computed."""
        self.count = 0
        bracket, done = self._bracket(t)
        low, high = (0, 1) if bracket[0].f <= bracket[-1].f else (1, 0)
        if not done:
            low = self._zoom(bracket, low, high)
        return bracket[low], self.count + 1

    def _at(self, t: Any) -> Point:
        f, g = self.evaluate(t)
        return Point(t, f, g, g.dot(self.d))

    def _too_high(self, point: Point) -> bool:
        return bool(point.f > self.start.f + self.c1 * point.t * self.start.slope)

    def _flat(self, point: Point) -> bool:
        return bool(abs(point.slope) <= -self.c2 * self.start.slope)

    def _bracket(self, t: Any) -> tuple[list[Point], bool]:
        """Two points with a good one between them, or one that is good itself."""
        before, point = self.start, self._at(t)
        while self.count < self.max_evaluations:
            if self._too_high(point) or (self.count > 1 and point.f >= before.f):
                return [before, point], False
            if self._flat(point):
                return [point], True
            if point.slope >= 0:
                return [before, point], False
            t = cubic_minimum(before, point, (point.t + 0.01 * (point.t - before.t), point.t * 10))
            before, point = point, self._at(t)
            self.count += 1
        return [self.start, point], False

    def _zoom(self, bracket: list[Point], low: int, high: int) -> int:
        """Narrow the bracket until its lower end is good; which end that is."""
        size = abs(self.d).max()
        stuck = False
        while self.count < self.max_evaluations:
            if abs(bracket[1].t - bracket[0].t) * size < self.tolerance:
                break
            t, stuck = self._trial(bracket, stuck)
            point = self._at(t)
            self.count += 1
            if self._too_high(point) or point.f >= bracket[low].f:
                bracket[high] = point
                low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
                continue
            done = self._flat(point)
            if not done and point.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
            if done:
                break
        return low

    @staticmethod
    def _trial(bracket: list[Point], stuck: bool) -> tuple[Any, bool]:
        """The next step length; a second one close to an end is moved a tenth of the bracket away from it."""
        t = cubic_minimum(bracket[0], bracket[1])
        least, most = min(bracket[0].t, bracket[1].t), max(bracket[0].t, bracket[1].t)
        margin = 0.1 * (most - least)
        if min(most - t, t - least) >= margin:
            return t, False
        if not (stuck or t >= most or t <= least):
            return t, True
        return (most - margin if abs(t - most) < abs(t - least) else least + margin), False
