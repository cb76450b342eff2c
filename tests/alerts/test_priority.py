"""Tiers and the yearly budget."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from core.alerts.priority import opening_threshold, priority_of, raised
from core.db import Database
from core.db.tables import Setting
from core.words import Priority
from tests import factories


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


def test_a_spent_budget_raises_the_threshold_and_loaded_history_does_not_count(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        assert opening_threshold(session, now=now) == 0.5
        for _ in range(60):
            factories.alert(session, opened_at=now - timedelta(days=9), now=now)
        assert 0.5 < opening_threshold(session, now=now) < 0.8
        live = {"budgetSince": (now - timedelta(days=1)).isoformat()}
        session.execute(insert(Setting).values(key="thresholds", value=live, updated_at=now))
        assert opening_threshold(session, now=now) == 0.5
        assert opening_threshold(session, now=now - timedelta(days=2)) > 0.5
