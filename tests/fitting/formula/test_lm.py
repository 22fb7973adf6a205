"""The search: bounds, points without a value, an end and its reason, going on from a state."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.fitting.formula.lm import (
    Linear,
    State,
    Tolerances,
    bounded,
    free_at,
    minimise,
    polished,
    within,
)

FREE = np.full(2, np.inf)


class Residuals:
    """Residuals and their Jacobian as functions."""

    def __init__(self, r, jacobian):
        self.r, self.jacobian, self.asked = r, jacobian, []

    def loss(self, p):
        self.asked.append(p.copy())
        with np.errstate(all="ignore"):
            return float(self.r(p) @ self.r(p))

    def linear(self, p):
        with np.errstate(all="ignore"):
            q, R = np.linalg.qr(self.jacobian(p))
            r = self.r(p)
        return Linear(float(r @ r), float(r @ r), R, q.T @ r)

    def curvature(self, p):
        return np.zeros((len(p), len(p)))


def rosenbrock() -> Residuals:
    return Residuals(
        lambda p: np.array([10 * (p[1] - p[0] ** 2), 1 - p[0]]),
        lambda p: np.array([[-20 * p[0], 10.0], [-1.0, 0.0]]),
    )


def test_rosenbrock_is_solved_to_the_last_digit():
    found = minimise(rosenbrock(), np.array([-1.2, 1.0]), -FREE, FREE)
    np.testing.assert_allclose(found.p, [1, 1], rtol=1e-14)
    assert found.steps < 40
    assert found.reason


def test_bounds_hold_and_the_constrained_minimum_is_found():
    problem = rosenbrock()
    lower, upper = np.array([-2.0, -2.0]), np.array([0.5, 2.0])
    found = minimise(problem, np.array([-1.2, 1.0]), lower, upper)
    np.testing.assert_allclose(found.p, [0.5, 0.25], rtol=1e-9)
    assert all((lower <= p).all() and (p <= upper).all() for p in problem.asked)


def test_a_start_outside_the_bounds_begins_at_them():
    problem = rosenbrock()
    found = minimise(problem, np.array([5.0, 5.0]), -np.ones(2), np.full(2, 0.5))
    assert (found.p <= 0.5).all()


def test_steps_into_points_without_a_value_are_taken_back():
    problem = Residuals(
        lambda p: np.array([np.log(p[0]) - 1.0, p[1]]),
        lambda p: np.array([[1 / p[0], 0.0], [0.0, 1.0]]),
    )
    found = minimise(problem, np.array([50.0, 1.0]), -FREE, FREE)
    np.testing.assert_allclose(found.p, [np.e, 0], rtol=1e-12, atol=1e-12)
    assert any(p[0] <= 0 for p in problem.asked)


def test_columns_that_cannot_be_told_apart_give_the_shortest_step():
    problem = Residuals(
        lambda p: np.array([p[0] + p[1] - 2, 0.0]), lambda p: np.array([[1.0, 1.0], [0.0, 0.0]])
    )
    found = minimise(problem, np.zeros(2), -FREE, FREE)
    np.testing.assert_allclose(found.p, [1, 1], rtol=1e-12)


def test_the_number_of_steps_is_limited():
    found = minimise(rosenbrock(), np.array([-1.2, 1.0]), -FREE, FREE, Tolerances(steps=3))
    assert (found.steps, found.reason) == (3, "")


def test_a_search_goes_on_from_a_state_as_if_it_had_not_stopped():
    states: list[State] = []
    whole = minimise(rosenbrock(), np.array([-1.2, 1.0]), -FREE, FREE, each=lambda s, _: states.append(s))
    again = minimise(rosenbrock(), states[4], -FREE, FREE)
    assert whole.steps == again.steps
    np.testing.assert_array_equal(whole.p, again.p)


@pytest.mark.parametrize("radius", [1e-3, 0.1, 1.0, 100.0])
def test_the_step_is_the_best_one_within_the_radius(radius: float) -> None:
    rng = np.random.default_rng(0)
    R, q, scale = np.triu(rng.normal(size=(4, 4))), rng.normal(size=4), np.array([1.0, 5.0, 0.2, 2.0])
    step = within(R, q, scale, radius)
    long = np.linalg.norm(scale * step)
    assert long <= 1.11 * radius
    value = np.linalg.norm(R @ step + q)
    for _ in range(300):  # no other step of this length is better
        other = step + 0.05 * long * rng.normal(size=4) / scale
        other *= min(1.0, long / np.linalg.norm(scale * other))
        assert np.linalg.norm(R @ other + q) >= value - 1e-12


def test_polishing_finds_the_digits_that_the_loss_hides():
    x = np.linspace(0, 1, 20)
    y = np.exp(-2.0 * x) + 0.1 * np.cos(9 * x)
    problem = Residuals(
        lambda p: p[0] * np.exp(-p[1] * x) - y,
        lambda p: np.column_stack([np.exp(-p[1] * x), -p[0] * x * np.exp(-p[1] * x)]),
    )
    problem.curvature = lambda p: np.array(  # type: ignore[method-assign]
        [
            [0.0, -problem.r(p) @ (x * np.exp(-p[1] * x))],
            [-problem.r(p) @ (x * np.exp(-p[1] * x)), problem.r(p) @ (p[0] * x**2 * np.exp(-p[1] * x))],
        ]
    )
    rough = minimise(problem, np.ones(2), -FREE, FREE, Tolerances(1e-8, 1e-5, 1e-8))
    fine = polished(problem, rough, -FREE, FREE)
    assert np.abs(problem.linear(rough.p).gradient).max() > 1e-8
    assert np.abs(problem.linear(fine.p).gradient).max() < 1e-14


def test_a_step_that_meets_a_bound_lets_the_others_go_on():
    here = Linear(1.0, 1.0, np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([-4.0, -1.0]))
    p, lower, upper = np.zeros(2), np.full(2, -9.0), np.array([1.0, 9.0])
    step = bounded(here, np.ones(2), np.inf, p, lower, upper, np.array([True, True]))
    np.testing.assert_allclose(step, [1.0, 2.0])  # (1 + b - 4)² + (b - 1)² is least at b = 2


def test_only_what_descent_pushes_out_is_held_at_its_bound():
    p, lower, upper = np.array([0.0, 0.0, 1.0, 1.0, 0.5]), np.zeros(5), np.ones(5)
    gradient = np.array([2.0, -2.0, -2.0, 2.0, 2.0])
    assert free_at(p, gradient, lower, upper).tolist() == [False, True, False, True, True]
