"""Splits: every row once, each class with its share, the same from the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.fitting.table.split import split


@pytest.mark.parametrize("classes", [None, [5, 50, 145]])
def test_every_row_is_in_one_part(classes: list[int] | None) -> None:
    codes = None if classes is None else np.repeat(np.arange(3), classes)
    parts = split(200, 0.2, 0.15, 7, codes)
    assert sorted(np.concatenate(parts)) == list(range(200))
    assert (len(parts.validation), len(parts.test)) == (30, 40)
    again = split(200, 0.2, 0.15, 7, codes)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again))
    assert not np.array_equal(parts.train, split(200, 0.2, 0.15, 8, codes).train)


def test_classes_have_their_share_in_each_part() -> None:
    codes = np.repeat(np.arange(3), [20, 100, 280])
    for part, share in zip(split(400, 0.2, 0.15, 0, codes), (0.65, 0.15, 0.2)):
        counts = np.bincount(codes[part], minlength=3)
        np.testing.assert_allclose(counts, np.array([20, 100, 280]) * share, atol=1)


def test_a_class_of_one_row_is_learned_from() -> None:
    codes = np.append(np.zeros(30, int), 1)
    assert 30 in split(31, 0.2, 0.15, 0, codes).train


def test_many_small_classes_still_fill_the_parts() -> None:
    parts = split(200, 0.2, 0.15, 0, np.repeat(np.arange(100), 2))
    assert len(parts.test) + len(parts.validation) == pytest.approx(70, abs=2)
