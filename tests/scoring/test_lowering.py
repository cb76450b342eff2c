"""What would lower a score is behaviour or time, computed with the model itself, and never what somebody owns."""

from datetime import UTC, datetime, timedelta

import pytest

from core import history, signals
from core.history import Fact, History, Home
from core.scoring import Models, features
from core.scoring.lowering import Lowering, scored, what_lowers
from core.scoring.model import Compiled
from core.signals import OpenSignal
from tests.history.behaviour import times, value_checks

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
SELL = Models.of_prior().model("LIKELY_TO_SELL")
HOME = Home(400_000, 100_000, (NOW - timedelta(days=3_000)).date())


def _of(past: History, posted: list[OpenSignal] | None = None) -> tuple[Lowering, ...]:
    return what_lowers(SELL, past, posted or [])


def _now(past: History) -> float:
    return scored(Compiled([SELL], features.NAMES), past, []).confidence


def test_one_behaviour_less_is_exactly_what_the_model_says_without_it() -> None:
    comparables = times(4, "PROPERTY_VIEW", "comparable_view", now=NOW)
    checks = value_checks(9, now=NOW)
    past = history.of("c", checks + comparables, homes=[HOME], first_seen_at=NOW, now=NOW)
    first, second = _of(past)
    # A new contact has no usual of its own: the average one checks about once and looks at one comparable home.
    assert first.text == "1 check of the home's value in 30 days, like the average contact"
    assert second.text == "1 look at a comparable home in 30 days, like the average contact"
    assert (first.now, first.then) == (9, 1)
    without = history.of("c", checks[:1] + comparables, homes=[HOME], first_seen_at=NOW, now=NOW)
    assert first.confidence == pytest.approx(_now(without))
    assert first.confidence < second.confidence < _now(past)


def test_a_contacts_own_usual_is_what_it_goes_back_to() -> None:
    before = [each for month in range(2, 6) for each in value_checks(3, now=NOW, days_ago=month * 30)]
    past = history.of(
        "c", value_checks(10, now=NOW) + before, first_seen_at=NOW - timedelta(days=175), now=NOW
    )  # fmt: skip
    assert _of(past)[0].text == "2 checks of the home's value in 30 days, as usual"
    rarely = history.of("c", value_checks(10, now=NOW), first_seen_at=NOW - timedelta(days=175), now=NOW)
    assert _of(rarely)[0].text == "no check of the home's value in 30 days"


def test_a_fact_runs_out_and_takes_its_signal_along() -> None:
    at = NOW - timedelta(days=5)
    fact = Fact("LIFE_EVENT", "address_change", 0.9, 0.9, at)
    posted = OpenSignal("s", "c", "LIFE_EVENT", "address_change", "LIFE_EVENTS", 0.9, 0.9, 1, {}, at, at)
    past = history.of("c", value_checks(8, now=NOW), facts=[fact], first_seen_at=NOW, now=NOW)
    told = {each.text: each for each in _of(past, [posted])}
    without = history.of("c", value_checks(8, now=NOW), first_seen_at=NOW, now=NOW)
    assert told["the address change no longer counts, after 90 days"].confidence == pytest.approx(_now(without))


def test_nothing_is_said_of_what_somebody_owns_or_of_what_changes_nothing() -> None:
    past = history.of("c", times(3, "SEARCH", now=NOW), homes=[HOME], first_seen_at=NOW, now=NOW)
    assert _of(past) == ()
    assert _of(history.of("c", [], homes=[HOME], first_seen_at=NOW, now=NOW)) == ()


def test_all_that_follows_moves_along() -> None:
    """The spike's signal, the counts of signals and their sum are features too."""
    past = history.of("c", value_checks(9, now=NOW), first_seen_at=NOW, now=NOW)
    assert [each.type for each in signals.detect(past, now=NOW)] == ["FREQUENT_VALUE_CHECKS"]
    only_count = list(
        features.vector(past, [signals.as_open("c", each) for each in signals.detect(past, now=NOW)], now=NOW)
    )
    only_count[features.index("value_checks_30d")] = 1.0
    (half,) = Compiled([SELL], features.NAMES).one(only_count)
    assert _of(past)[0].confidence < half.confidence
