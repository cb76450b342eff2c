"""Tiers and the yearly budget."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from core.alerts.priority import Thresholds, in_force, priority_of, raised
from core.db import Database
from core.db.tables import Setting
from core.words import Intent, Priority, Status, TierMode
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


def test_a_threshold_above_what_the_budget_asks_for_stays() -> None:
    assert raised(0.97, used=3.0) == 0.97


@pytest.mark.parametrize(
    "broken",
    [
        {"confidence": "x"},
        {"confidence": 7},
        {"types": 5},
        {"types": {"LIKELY_TO_SELL": "high"}},
        {"tiers": "loud"},
        {"cuts": {"HIGH": None}},
        {"callCost": []},
        {"budgetShare": -1},
        {"budgetSince": "no date"},
        {"budgetSince": "2026-01-01T00:00:00"},
        [],
        ["x"],
    ],
)
def test_what_is_wrong_in_the_setting_is_as_documented_and_the_rest_counts(
    database: Database, now: datetime, broken: Any
) -> None:
    value = {**broken, "earned": {"LIKELY_TO_SELL": 0.5}} if isinstance(broken, dict) else broken
    with database.write() as session:
        session.execute(insert(Setting).values(key="thresholds", value=value, updated_at=now))
    with database.read() as session:
        found = in_force(session, now=now)
    assert found.earned == ({"LIKELY_TO_SELL": 0.5} if isinstance(broken, dict) else {})
    assert replace(found, earned={}, used=0.0) == Thresholds()


def opening(database: Database, now: datetime) -> float:
    with database.read() as session:
        return in_force(session, now=now).opening(Intent.LIKELY_TO_SELL)


def test_a_spent_budget_raises_the_threshold_and_loaded_history_does_not_count(
    database: Database, now: datetime
) -> None:
    assert opening(database, now) == 0.5
    with database.write() as session:
        for _ in range(60):
            factories.alert(session, opened_at=now - timedelta(days=9), now=now)
    assert 0.5 < opening(database, now) < 0.8
    with database.write() as session:
        live = {"budgetSince": (now - timedelta(days=1)).isoformat()}
        session.execute(insert(Setting).values(key="thresholds", value=live, updated_at=now))
    assert opening(database, now) == 0.5
    assert opening(database, now - timedelta(days=2)) > 0.5


def test_a_type_may_have_a_threshold_of_its_own_and_the_budget_raises_that_too() -> None:
    rules = Thresholds(confidence=0.5, types={"DOWNSIZING": 0.6})
    assert (rules.opening("DOWNSIZING"), rules.opening(Intent.LIKELY_TO_SELL)) == (0.6, 0.5)
    assert rules.tier("DOWNSIZING", 0.55, 0.9) is None
    assert rules.tier("DOWNSIZING", 0.55, 0.9, threshold=0.5) is Priority.MEDIUM
    spent = Thresholds(confidence=0.5, types={"DOWNSIZING": 0.6}, used=1.2)
    assert 0.6 < spent.opening("DOWNSIZING") > spent.opening(Intent.LIKELY_TO_SELL) > 0.5


def test_tiers_by_value_put_the_dearer_type_first_and_never_fall_with_more_evidence() -> None:
    worth = {Intent.LIKELY_TO_SELL: 2_500.0, Intent.REFINANCE_OPPORTUNITY: 500.0}
    rules = Thresholds(tiers=TierMode.VALUE, worth=worth)
    assert rules.tier(Intent.LIKELY_TO_SELL, 0.8, 0.1) is Priority.CRITICAL
    assert rules.tier(Intent.REFINANCE_OPPORTUNITY, 0.8, 0.9) is Priority.MEDIUM
    assert rules.tier(Intent.REFINANCE_OPPORTUNITY, 0.55, 0.9) is Priority.LOW
    assert rules.tier(Intent.LIKELY_TO_SELL, 0.49, 0.9) is None
    for alert_type in worth:
        ranks = [tier.rank if (tier := rules.tier(alert_type, step / 50, 0.5)) else 9 for step in range(51)]
        assert ranks == sorted(ranks, reverse=True)


def test_the_worth_of_a_type_is_the_teams_own_from_five_deals_on(database: Database, now: datetime) -> None:
    with database.write() as session:
        row = {"tiers": "value", "earned": {Intent.LIKELY_TO_SELL: 0.02}}
        session.execute(insert(Setting).values(key="thresholds", value=row, updated_at=now))
    with database.read() as session:
        assert in_force(session, now=now).worth[Intent.LIKELY_TO_SELL] == 2_500.0
    with database.write() as session:
        for value in (300_000, 400_000, 500_000, 600_000, 900_000):
            alert_id = factories.alert(session, status=Status.CONVERTED, now=now)
            factories.outcome(session, alert_id, converted=True, value=value, now=now)
    with database.read() as session:
        assert in_force(session, now=now).worth[Intent.LIKELY_TO_SELL] == pytest.approx(10_000 * 10 / 25)
