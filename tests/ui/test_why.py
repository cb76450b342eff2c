"""Why an alert is where it is, in words: evidence, machines, and the steps from the sum to the number."""

from dataclasses import replace
from typing import Any

import pytest

from app.ui import why, words
from core.views.recount import Recount

CLEAN = Recount(
    window_days=90, events=61, machine=0, doubtful=0, confidence=0.83, without_doubtful=0.83, with_machines=0.83
)


@pytest.mark.parametrize(
    ("of", "text"),
    [
        ({"rows": 140, "positives": 98, "source": "outcomes"}, "of 140 earlier cases with a score like this, 98 came true (the true share is likely 62–77%)."),
        ({"rows": 8, "positives": 8, "source": "outcomes"}, "of 8 earlier cases with a score like this, 8 came true (the true share is likely above 68%)."),
        ({"rows": 40, "positives": 0, "source": "outcomes"}, "of 40 earlier cases with a score like this, 0 came true (the true share is likely below 8.8%)."),
        ({"rows": 0, "positives": 0, "source": "outcomes"}, "no earlier case had a score like this."),
        ({"rows": None, "positives": None, "source": "documented prior"}, "none of your own yet. Until outcomes come in, the number rests on what Doorbell comes with."),
        ({}, ""),
    ],
)  # fmt: skip
def test_the_evidence_is_a_sentence_and_never_certain(of: dict[str, Any], text: str) -> None:
    assert why.evidence(of) == text


def test_machines_are_told_with_what_they_would_have_done() -> None:
    assert why.machines(CLEAN, shown=0.83) == "none of the 61 events of the last 90 days looks machine-made."
    found = replace(CLEAN, machine=12, doubtful=1, without_doubtful=0.79, with_machines=0.91)
    assert why.machines(found, shown=0.83) == (
        "12 of the 61 events of the last 90 days look machine-made and do not count, 1 more is in doubt and counts. "
        "Confidence as it is: 83%; without those in doubt: 79%; had machines counted: 91%."
    )
    assert "The alert says 60%" in why.machines(found, shown=0.6)
    bare = replace(found, confidence=None, without_doubtful=None, with_machines=None)
    assert "Confidence" not in why.machines(bare, shown=0.83)


def test_the_calibrator_is_a_step_of_its_own() -> None:
    explanation = {
        "base": -12.0,
        "logOdds": -0.61,
        "calibrator": {
            "confidence": {"kind": "platt", "before": 0.352, "after": 0.83},
            "probability": {"kind": "none", "before": 0.352, "after": 0.352},
        },
    }
    assert [row["Then"] for row in why.steps(explanation, "Sells in 180 days", documented=False)] == [
        "under 0.1%",
        "35%",
        "83%",
        "35%",
    ]
    prior = why.steps(explanation, "Sells in 180 days", documented=True)
    assert prior[2]["Step"].endswith("by the curve Doorbell comes with, until your outcomes say otherwise")
    assert prior[3]["Step"].startswith("Sells in 180 days: as it is")


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"feature": "value_checks_30d", "value": 9.0}, "9 times"),
        ({"feature": "loan_to_value", "value": 0.5}, "50%"),
        ({"feature": "estimated_equity", "value": 785_000.0}, "$785,000"),
        ({"feature": "years_owned", "value": None}, "unknown"),
        ({"feature": "outcomes", "value": None}, "unknown"),
        ({"feature": "a and b", "features": ["searches_30d", "years_owned"], "values": [5.0, None]}, "5 times and unknown"),
    ],
)  # fmt: skip
def test_values_have_their_units(row: dict[str, Any], text: str) -> None:
    assert why.here(row) == text


def test_a_signal_is_told_from_the_count_it_is_made_of_and_small_reasons_are_one_line() -> None:
    rows = [
        why.told(
            {"feature": "market_reports_90d", "label": "Market reports viewed", "value": 5.0, "contribution": 1.0}
        ),
        why.told(
            {
                "feature": "signal_market_report_views",
                "label": "Market reports viewed",
                "value": 0.8,
                "contribution": -0.7,
            }
        ),
        why.told({"feature": "searches_30d", "label": "Searches", "value": 1.0, "contribution": 0.03}),
        why.told({"feature": "years_owned", "label": "Years owned", "value": 4.0, "contribution": 0.04}),
    ]
    assert [(row["What"], row["Odds"]) for row in why.table(rows)] == [
        ("Market reports viewed", "×\u00a02.7"),
        ("Signal: market reports viewed", "÷\u00a02.0"),
        ("2 smaller reasons together", "×\u00a01.1"),
    ]


@pytest.mark.parametrize(("log_odds", "text"), [(-9.0, "under 0.1%"), (9.0, "over 99%"), (0.0, "50%")])
def test_nothing_is_impossible_or_certain(log_odds: float, text: str) -> None:
    assert words.chance_of(log_odds) == text
