"""Intervals say how little a few cases tell."""

import random

import pytest

from core.views.intervals import quantile, share


def test_a_share_of_nothing_is_unknown() -> None:
    assert share(0, 0).rate is None
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # Newcombe 1998, table I, method 3 (score without continuity correction)
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_the_published_one(hits: int, total: int, low: float, high: float) -> None:
    found = share(hits, total)

    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_a_quantile_of_nothing_is_unknown() -> None:
    assert quantile([], 0.5) is None


def test_few_values_give_their_whole_range() -> None:
    found = quantile([1.0, 2.0, 9.0], 0.5)

    assert found is not None
    assert (found.value, found.low, found.high) == (2.0, 1.0, 9.0)


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_the_interval_holds_the_true_quantile_19_times_in_20(q: float) -> None:
    dice = random.Random(5)
    held = 0
    for _ in range(1000):
        found = quantile(sorted(dice.random() for _ in range(80)), q)
        assert found is not None
        held += found.low <= q <= found.high

    assert 0.93 <= held / 1000 <= 0.99
