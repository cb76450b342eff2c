"""The Models page reads its charts for you: where a number kept its word, and which version did better."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.ui import charts, models_versions, queries, thresholds
from core.learning.reading import TrainingProgress


def _bin(said: float, low: float, high: float) -> Mapping[str, Any]:
    return {"predicted": said, "observedLow": low, "observedHigh": high}


def test_a_curve_is_told_in_words() -> None:
    good = [_bin(0.02, 0.01, 0.03), _bin(0.4, 0.3, 0.5)]
    assert models_versions.verdict(good) == "It keeps its word: every number said lies in the range of what came true."
    bad = [_bin(0.02, 0.01, 0.03), _bin(0.25, 0.1, 0.23), _bin(0.41, 0.14, 0.29), _bin(0.6, 0.7, 0.8)]
    assert models_versions.verdict(bad) == (
        "It says too high at 25% and 41%: fewer came true; too low at 60%: more came true. Elsewhere it keeps its word."
    )


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ((-0.02, -0.03, -0.01), "It does better than the one in use"),
        ((0.02, 0.01, 0.03), "It does worse than the one in use"),
        ((0.0025, -0.0012, 0.0072), "No difference from the one in use that chance would not explain"),
    ],
)
def test_a_comparison_says_who_did_better(difference: tuple[float, float, float], said: str) -> None:
    look = {"days": 14, "rows": 10_084, "positives": 130, "difference": difference}
    assert models_versions.looked(look).startswith(f"**{said}**, after 14 days in shadow, on 10,084 scores")


@pytest.mark.parametrize(
    ("asked", "began", "ended", "busy"),
    [(None, None, None, False), (5, 2, None, True), (5, 2, 1, False), (5, None, 9, True), (300, 290, None, False)],
)
def test_learning_is_watched_from_the_asking_to_its_end(
    asked: int | None, began: int | None, ended: int | None, busy: bool, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "now", lambda: now)
    asked_at, began_at, ended_at = (
        None if one is None else now - timedelta(seconds=one) for one in (asked, began, ended)
    )
    progress = TrainingProgress(
        running=False,
        done=0,
        total=0,
        message="",
        error=None,
        asked_at=asked_at,
        began_at=began_at,
        ended_at=ended_at,
        sentence=None,
        nights=(),
    )
    assert models_versions.is_busy(progress) is busy


def test_the_bars_of_reasons_are_marked_in_odds() -> None:
    rows = [{"label": "Value checks", "contribution": 2.4}, {"label": "Calculators used", "contribution": -0.8}]
    axis = charts.contributions(rows).layout.xaxis
    assert list(axis.ticktext) == ["÷2", "×1", "×2", "×10"]
    assert "odds" in axis.title.text


def test_thresholds_that_bring_equally_much_are_drawn_once() -> None:
    points: list[Any] = [
        SimpleNamespace(a_week=SimpleNamespace(value=value), right=place)
        for place, value in enumerate([3.0] * 6 + [2.0] * 10)
    ]
    assert [point.a_week.value for point in thresholds.distinct(points)] == [3.0, 2.0]
