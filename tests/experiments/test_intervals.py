"""Differences with intervals: as published, and holding the truth as often as they say."""

import numpy as np
import pytest

from core.errors import Invalid
from core.experiments.intervals import bootstrap, newcombe, wilson


@pytest.mark.parametrize(
    ("a", "total_a", "b", "total_b", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_a_difference_of_shares_is_the_published_one(
    a: int, total_a: int, b: int, total_b: int, low: float, high: float
) -> None:
    """Newcombe 1998, table II, method 10."""
    found = newcombe(a, total_a, b, total_b)
    assert found.difference == pytest.approx(a / total_a - b / total_b)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_a_difference_of_rare_shares_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    alerted, withheld = random.binomial(300, 0.06, 2000), random.binomial(60, 0.025, 2000)
    held = [newcombe(int(a), 300, int(b), 60) for a, b in zip(alerted, withheld, strict=True)]
    assert np.mean([one.low <= 0.035 <= one.high for one in held]) >= 0.94


def test_shares_of_nothing_have_no_difference() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(Invalid):
        newcombe(0, 0, 1, 2)
    with pytest.raises(Invalid):
        newcombe(3, 2, 1, 2)


def test_a_difference_of_skewed_means_holds_the_truth_and_repeats() -> None:
    random = np.random.default_rng(7)
    held = 0
    for trial in range(200):
        a, b = random.lognormal(1.0, 0.8, 80), random.lognormal(0.5, 0.8, 80)
        found = bootstrap(a, b, seed=trial, draws=400)
        held += found.low <= (np.exp(1.0) - np.exp(0.5)) * np.exp(0.32) <= found.high
    assert held >= 184
    assert bootstrap(a, b, seed=1, draws=400) == bootstrap(a, b, seed=1, draws=400)
    assert bootstrap([3.0, 3.0], [1.0, 1.0], seed=1) == (2.0, 2.0, 2.0)
