"""Explanations say what a person would: what was done, how often, in what time, and what is usual."""

from datetime import UTC, datetime, timedelta

from core import history, scoring, signals
from core.history import History
from core.scoring import Explanation, Models, features
from tests.history.behaviour import times, value_checks

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
MODELS = Models.of_prior()


def _explained(past: History, intent: str = "LIKELY_TO_SELL") -> Explanation:
    found = [signals.as_open("contact-1", each) for each in signals.detect(past, now=NOW)]
    return scoring.why(MODELS, intent, features.vector(past, found, now=NOW), history=past)


def test_a_burst_is_told_with_its_span_and_what_is_usual() -> None:
    lately = value_checks(1, now=NOW, days_ago=11) + value_checks(8, now=NOW, days_ago=2)
    before = [each for month in range(2, 6) for each in value_checks(2, now=NOW, days_ago=month * 30)]
    past = history.of("contact-1", lately + before, first_seen_at=NOW - timedelta(days=175), now=NOW)
    first = _explained(past).top_factors[0]
    assert first["text"] == "checked the home's value 9 times in 12 days, usually less than once"
    assert first["contribution"] > 0


def test_nothing_is_called_usual_for_a_new_contact() -> None:
    past = history.of("contact-1", value_checks(6, now=NOW, days_ago=0), first_seen_at=NOW, now=NOW)
    assert _explained(past).top_factors[0]["text"] == "checked the home's value 6 times today"


def test_one_topic_is_told_once() -> None:
    past = history.of("contact-1", value_checks(12, now=NOW), first_seen_at=NOW, now=NOW)
    told = [each["feature"] for each in _explained(past).top_factors]
    assert "value_checks_30d" in told
    assert "signal_frequent_value_checks" not in told


def test_what_speaks_against_is_told_too() -> None:
    home = history.Home(400_000, 396_000, (NOW - timedelta(days=300)).date())
    past = history.of("contact-1", value_checks(6, now=NOW), homes=[home], first_seen_at=NOW, now=NOW)
    explained = _explained(past)
    against = [each for each in explained.top_factors if each["contribution"] < 0]
    assert {each["text"] for each in against} == {
        "has owned the home for 0.8 years",
        "owes 99% of the home's value",
    }
    assert "Against it: " in explained.text


def test_a_contact_of_whom_nothing_is_known_gets_a_sentence_all_the_same() -> None:
    explained = _explained(History("contact-1", NOW))
    assert explained.text
    assert explained.top_factors == [] or all(each["text"] for each in explained.top_factors)


def test_every_phrase_can_be_said_of_every_value() -> None:
    happened = [
        each
        for event_type, name in (("DOCUMENT_ACCESS", None), ("BUTTON_CLICK", "value_check"), ("SEARCH", None))
        for each in times(4, event_type, name, now=NOW)
    ]
    for past in (History("contact-1", NOW), history.of("contact-1", happened, first_seen_at=NOW, now=NOW)):
        for feature in features.FEATURES:
            for value in (None, 0.0, 1.0, 2.0, 17.5, 250_000.0):
                words = scoring.phrase(feature, value, past)
                assert "{" not in words
                assert "nan" not in words.split()
