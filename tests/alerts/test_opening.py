"""When a score opens an alert, refreshes the one that is open, or stays quiet."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import alerts
from core.alerts import Candidate, Opening
from core.db import Database
from core.db.tables import Alert
from core.scoring import Explanation, Scored
from core.viewer import SYSTEM
from core.words import Intent, Priority, Status
from tests import factories


def a_candidate(confidence: float, *, strength: float = 0.65, contact_id: str = "rosa") -> Candidate:
    scored = Scored(
        intent=Intent.LIKELY_TO_SELL,
        probability=confidence / 3,
        probability_low=confidence / 6,
        probability_high=confidence / 2,
        confidence=confidence,
        confidence_low=confidence - 0.1,
        confidence_high=confidence + 0.1,
        lift=confidence * 10,
        base_rate=0.025,
        log_odds=-1.0,
        model_version="test-1",
    )
    explanation = Explanation(
        base=-3.0,
        contributions=[{"feature": "value_checks", "label": "Value checks", "value": 9.0, "contribution": 2.0}],
        top_factors=[],
        text="Checked the value 9 times.",
        log_odds=-1.0,
        probability=confidence / 3,
        confidence=confidence,
    )
    return Candidate(
        contact_id=contact_id, scored=scored, signal_strength=strength, signal_count=2, explain=lambda: explanation
    )


@pytest.fixture(autouse=True)
def rosa(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.contact(session, "rosa", territory="oak-park", now=now)
        factories.home(session, "rosa", value=450_000, now=now)


def decide(database: Database, confidence: float, *, strength: float = 0.65, now: datetime) -> Opening:
    with database.write() as session:
        return alerts.open_or_refresh(session, [a_candidate(confidence, strength=strength)], now=now)


def the_alert(session: Session) -> Alert:
    return session.scalars(select(Alert).order_by(Alert.opened_at.desc(), Alert.id.desc())).first() or pytest.fail(
        "none"
    )


def test_a_score_over_the_threshold_opens_one_alert_with_its_place_and_numbers(
    database: Database, now: datetime
) -> None:
    opening = decide(database, 0.75, now=now)
    with database.read() as session:
        alert = the_alert(session)
        assert opening == Opening(opened=(alert.id,))
        assert (alert.priority, alert.status, alert.territory) == (Priority.HIGH, Status.NEW, "oak-park")
        assert (alert.property_value, alert.confidence) == (450_000, 0.75)
        assert alert.valid_until == now + timedelta(days=30)
        assert alert.unassigned_reason == "not_routed_yet"


def test_a_score_under_the_threshold_opens_nothing(database: Database, now: datetime) -> None:
    assert decide(database, 0.499, now=now) == Opening()


def test_a_second_score_refreshes_the_open_alert(database: Database, now: datetime) -> None:
    (alert_id,) = decide(database, 0.60, now=now).opened
    later = now + timedelta(days=3)
    assert decide(database, 0.65, now=later) == Opening(changed=(alert_id,))
    with database.read() as session:
        alert = the_alert(session)
        assert (alert.confidence, alert.scored_at, alert.valid_until) == (0.65, later, later + timedelta(days=30))


def test_a_higher_tier_is_told_and_a_lower_one_never_taken(database: Database, now: datetime) -> None:
    (alert_id,) = decide(database, 0.60, now=now).opened
    assert decide(database, 0.85, strength=0.9, now=now).raised == (alert_id,)
    decide(database, 0.55, now=now)
    with database.read() as session:
        assert the_alert(session).priority == Priority.CRITICAL


def test_a_move_too_small_to_see_redraws_no_screen(database: Database, now: datetime) -> None:
    decide(database, 0.600, now=now)
    assert decide(database, 0.605, now=now) == Opening()


def test_a_faded_score_updates_the_numbers_but_not_the_validity(database: Database, now: datetime) -> None:
    decide(database, 0.60, now=now)
    decide(database, 0.20, now=now + timedelta(days=9))
    with database.read() as session:
        alert = the_alert(session)
        assert (alert.confidence, alert.valid_until) == (0.20, now + timedelta(days=30))


def test_an_older_score_that_comes_late_changes_nothing(database: Database, now: datetime) -> None:
    decide(database, 0.60, now=now)
    assert decide(database, 0.90, now=now - timedelta(days=1)) == Opening()
    with database.read() as session:
        assert the_alert(session).confidence == 0.60


def close(database: Database, status: Status, now: datetime) -> None:
    with database.write() as session:
        alerts.bulk(session, [the_alert(session).id], status, viewer=SYSTEM, reason="no_interest", now=now)


def test_a_dismissed_type_stays_quiet_for_thirty_days(database: Database, now: datetime) -> None:
    decide(database, 0.60, now=now)
    close(database, Status.DISMISSED, now)
    assert decide(database, 0.65, now=now + timedelta(days=29, hours=23)) == Opening()
    assert decide(database, 0.65, now=now + timedelta(days=30)).opened


def test_a_higher_tier_breaks_the_quiet_of_a_dismissal(database: Database, now: datetime) -> None:
    decide(database, 0.60, now=now)
    close(database, Status.DISMISSED, now)
    assert decide(database, 0.72, now=now + timedelta(days=1)).opened


def test_a_won_lead_is_not_rung_again(database: Database, now: datetime) -> None:
    decide(database, 0.60, now=now)
    close(database, Status.CONVERTED, now)
    assert decide(database, 0.95, strength=0.9, now=now + timedelta(days=89)) == Opening()
    assert decide(database, 0.95, strength=0.9, now=now + timedelta(days=90)).opened


def test_the_database_itself_refuses_a_second_open_alert(database: Database, now: datetime) -> None:
    """Two processes may decide at once: the partial unique index is what holds, and the loser opens nothing."""
    decide(database, 0.60, now=now)
    with database.write() as session:
        from core.alerts.opening import _open  # noqa: PLC0415

        assert _open(session, [(a_candidate(0.8), Priority.HIGH)], now=now) == ()
