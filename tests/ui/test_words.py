"""What the screens say: no codes, no raw numbers, the viewer's own clock."""

from datetime import UTC, datetime, timedelta

import pytest

from app.ui import words
from core.words import DismissReason, Intent, PoolReason, Priority, Role, Status

NOW = datetime(2026, 3, 4, 20, 30, tzinfo=UTC)  # Wednesday 14:30 in Chicago
CHICAGO = "America/Chicago"


@pytest.mark.parametrize(
    ("share", "text"), [(0.784, "78%"), (0.004, "0.4%"), (0.0, "0%"), (1.0, "100%"), (0.099, "9.9%"), (None, "–")]
)
def test_a_share_reads_as_percent(share: float | None, text: str) -> None:
    assert words.percent(share) == text


@pytest.mark.parametrize(("times", "text"), [(8.0, "8× the usual"), (14.4, "14× the usual"), (2.34, "2.3× the usual")])
def test_lift_reads_as_times_the_usual(times: float, text: str) -> None:
    assert words.lift(times) == text


@pytest.mark.parametrize(("value", "text"), [(450_000, "$450,000"), (1_250_000, "$1.25M"), (None, "–")])
def test_money_has_its_unit(value: float | None, text: str) -> None:
    assert words.money(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(40, "40 s"), (720, "12 min"), (12_000, "3 h 20 min"), (345_600, "4 days"), (-5, "0 s")]
)
def test_a_span_reads_as_a_person_says_it(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


def test_times_are_in_the_viewers_zone() -> None:
    assert words.exact(NOW, CHICAGO) == "Wed 4 Mar 2026, 14:30 CST"
    assert words.short(NOW, CHICAGO, now=NOW) == "14:30"
    assert words.short(NOW - timedelta(days=1), CHICAGO, now=NOW) == "Tue 3 Mar, 14:30"


@pytest.mark.parametrize(
    ("choice", "until"),
    [
        ("hour", datetime(2026, 3, 4, 21, 30, tzinfo=UTC)),
        ("tomorrow", datetime(2026, 3, 5, 15, 0, tzinfo=UTC)),
        # The clocks go forward on Sunday the 8th: nine in the morning is an hour earlier in UTC.
        ("week", datetime(2026, 3, 9, 14, 0, tzinfo=UTC)),
    ],
)
def test_snoozing_means_the_viewers_morning(choice: str, until: datetime) -> None:
    assert words.snooze_until(choice, CHICAGO, now=NOW) == until


def test_every_word_of_the_domain_has_a_screen_word() -> None:
    assert set(words.PRIORITY) == set(Priority)
    assert set(words.STATUS) == set(Status)
    assert set(words.ROLE) == set(Role)
    assert set(words.DISMISS) == set(DismissReason)
    for intent in Intent:
        assert "_" not in words.type_words(intent)
        assert words.transaction_of(intent) in words.TRANSACTIONS
        assert "days" in words.chance(intent)


def test_a_contribution_reads_as_a_factor_on_the_odds() -> None:
    assert words.odds(0.875) == "odds × 2.4"
    assert words.odds(-0.262) == "odds ÷ 1.3"


def test_every_reason_for_having_no_owner_has_words_of_its_own() -> None:
    said = [words.pool_reason(reason) for reason in PoolReason]
    assert len(set(said)) == len(PoolReason)
    assert not any("_" in one for one in said)
