"""Tiers and the yearly budget."""

import pytest

from core.alerts.priority import priority_of, raised
from core.words import Priority


@pytest.mark.parametrize(
    ("confidence", "strength", "expected"),
    [
        (0.8, 0.7, Priority.CRITICAL),
        (0.8, 0.69, Priority.HIGH),
        (0.79, 0.99, Priority.HIGH),
        (0.7, 0.6, Priority.HIGH),
        (0.7, 0.59, Priority.MEDIUM),
        (0.5, 0.0, Priority.MEDIUM),
        (0.499, 1.0, None),
    ],
)
def test_the_first_tier_that_fits(confidence: float, strength: float, expected: Priority | None) -> None:
    assert priority_of(confidence, strength) is expected


def test_low_exists_only_where_a_team_lowered_its_threshold() -> None:
    assert priority_of(0.45, 0.9, threshold=0.4) is Priority.LOW
    assert priority_of(0.45, 0.9) is None


def test_more_evidence_never_lowers_a_priority() -> None:
    grid = [step / 20 for step in range(21)]
    rank = {None: 9, **{tier: tier.rank for tier in Priority}}
    for strength in grid:
        ranks = [rank[priority_of(confidence, strength)] for confidence in grid]
        assert ranks == sorted(ranks, reverse=True)
    for confidence in grid:
        ranks = [rank[priority_of(confidence, strength)] for strength in grid]
        assert ranks == sorted(ranks, reverse=True)


def test_the_budget_raises_the_threshold_only_when_it_nears_and_never_lowers_it() -> None:
    assert raised(0.5, used=0.0) == raised(0.5, used=0.9) == 0.5
    assert 0.5 < raised(0.5, used=0.95) < raised(0.5, used=1.0) < raised(0.5, used=1.5)
    assert raised(0.5, used=5.0) == raised(0.5, used=1.75)
    assert raised(0.4, used=0.5) == 0.4
    assert raised(0.9, used=2.0) >= 0.9
