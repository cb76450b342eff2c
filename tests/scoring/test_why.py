"""Explanations say what a person would: what was done, how often, in what time, and what is usual."""

import json
from datetime import UTC, datetime, timedelta
from math import exp
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import history, scoring, signals
from core.history import History
from core.scoring import Explanation, Models, features
from core.scoring.model import Compiled, parse
from core.scoring.why import described, of_model
from tests.history.behaviour import times, value_checks
from tests.scoring import random_models

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


EVERY_FORM = pytest.mark.parametrize(
    "form", [{"pairs": 0, "trees": 0}, {"trees": 0}, {"pairs": 0}, {}], ids=["terms", "pairs", "trees", "all"]
)


@EVERY_FORM
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_base_and_contributions_are_the_log_odds_of_any_form(form: dict[str, Any], seed: int) -> None:
    model = random_models.model(seed, **form)
    compiled = Compiled([model], features.NAMES)
    for row in random_models.vectors(seed, 6).tolist():
        explained = of_model(model, features.NAMES, row, history=History("contact-1", NOW))
        (one,) = compiled.one(row)
        total = explained.base + sum(each["contribution"] for each in explained.contributions)
        assert total == pytest.approx(one.log_odds, abs=1e-6)
        assert explained.confidence == pytest.approx(one.confidence, abs=1e-6)
        step = explained.calibrator["confidence"]
        assert step["kind"] in ("platt", "isotonic")
        assert step["before"] == pytest.approx(1 / (1 + exp(-one.log_odds)), abs=1e-6)
        assert step["after"] == pytest.approx(one.confidence, abs=1e-6)
        json.dumps(explained.stored(), allow_nan=False)


def test_what_two_features_add_together_is_a_line_of_its_own_in_words() -> None:
    table = [[0.0] * 3, [0.0, 0.9, 0.0], [0.0] * 3]
    parameters = random_models.parameters(1, terms=0, pairs=0, trees=0)
    parameters["pairs"] = [
        {"features": ["value_checks_30d", "comparable_views_30d"], "edges": [[3.0], [2.0]], "values": table}
    ]
    model = parse(parameters, id="x", intent="x", kind="x")
    happened = value_checks(5, now=NOW) + times(2, "PROPERTY_VIEW", "comparable_view", now=NOW)
    past = history.of("contact-1", happened, first_seen_at=NOW, now=NOW)
    explained = of_model(model, features.NAMES, features.vector(past, [], now=NOW), history=past)
    (line,) = explained.contributions
    assert line["label"] == "Value checks and comparable homes viewed"
    assert (line["values"], line["contribution"]) == ([5.0, 2.0], 0.9)
    (factor,) = explained.top_factors
    assert (
        factor["text"]
        == "both checked the home's value 5 times in 2 days and looked at comparable homes twice in 2 days"
    )


def test_what_is_told_alone_is_not_told_again_in_a_pair() -> None:
    parameters = random_models.parameters(1, terms=0, pairs=0, trees=0)
    parameters["terms"] = {
        "value_checks_30d": {
            "edges": [3.0],
            "values": [0.0, 2.0],
            "variances": [0.0, 0.0],
            "missing": 0.0,
            "missing_variance": 0.0,
        }
    }
    parameters["pairs"] = [
        {"features": ["value_checks_30d", "calculator_uses_30d"], "edges": [[3.0], [2.0]], "values": [[-0.5] * 3] * 3}
    ]
    past = history.of("contact-1", value_checks(5, now=NOW), first_seen_at=NOW, now=NOW)
    explained = of_model(
        parse(parameters, id="x", intent="x", kind="x"),
        features.NAMES,
        features.vector(past, [], now=NOW),
        history=past,
    )
    assert len(explained.contributions) == 2
    assert explained.text == "Checked the home's value 5 times in 2 days."


def test_a_signal_is_told_without_a_bare_number() -> None:
    signal = described("signal_market_report_views")
    past = History("contact-1", NOW)
    assert scoring.phrase(signal, 0.9, past) == "shows the signal “market reports viewed”, 90% strong"
    assert scoring.phrase(signal, 0.0, past) == "does not show the signal “market reports viewed”"


@pytest.mark.parametrize(
    ("log_odds", "near"), [(-9.0, (900, 3)), (-1.0, (60, 12)), (3.0, (20, 15))]
)  # fmt: skip
def test_the_evidence_is_that_of_the_range_the_score_is_in(log_odds: float, near: tuple[int, int]) -> None:
    parameters = random_models.parameters(1, terms=0, pairs=0, trees=0) | {"base": log_odds}
    assert of_model(
        parse(parameters, id="x", intent="x", kind="x"),
        features.NAMES,
        [0.0] * len(features.NAMES),
        history=History("c", NOW),
    ).evidence == {"rows": None, "positives": None, "source": "documented prior"}
    parameters["evidence"] = {"edges": [-2.0, 0.0], "rows": [900, 60, 20], "positives": [3, 12, 15]}
    model = parse(parameters, id="x", intent="x", kind="x")
    explained = of_model(model, features.NAMES, [0.0] * len(features.NAMES), history=History("c", NOW))
    assert explained.evidence == {"rows": near[0], "positives": near[1], "source": "outcomes"}


@pytest.mark.parametrize("name", [
    "count:brochure_order:30d", "share:brochure_order:30d", "recency:brochure_order", "events:7d", "days_active:30d",
    "hour_mean:90d", "gap_mean:90d", "gap_last", "sessions:7d", "minutes:30d", "first_seen_days", "count:{0}:7d",
])  # fmt: skip
def test_features_made_of_a_teams_own_events_can_be_said(name: str) -> None:
    feature = described(name)
    assert feature.label
    for value in (None, 0.0, 3.0):
        scoring.phrase(feature, value, History("contact-1", NOW))
    assert scoring.phrase(feature, 3.0, History("contact-1", NOW))
