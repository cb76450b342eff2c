"""What a threshold would bring: against brute force on simulated scores whose truth is known."""

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from core.thresholds.forecast import Evidence, curve, for_alerts_a_week, for_target, forecast
from core.thresholds.outcomes import Worked, dismissals, lesson
from core.thresholds.series import LOWEST, Series

RNG = np.random.default_rng(5)


def a_world(number: int = 3_000, *, seed: int = 5) -> tuple[Evidence, "np.ndarray", "np.ndarray"]:
    """One score a contact on a random day, calibrated: who turns out right is drawn from the confidence. Also both arrays."""
    rng = np.random.default_rng(seed)
    sure = rng.beta(0.6, 3.0, number)
    day = rng.uniform(0, 84, number)
    right = rng.random(number) < sure
    kept = sure >= LOWEST
    series = Series(
        days=84.0,
        share=1.0,
        contacts=number,
        types=("SELL",),
        pair_contact=np.arange(number),
        pair_type=np.zeros(number, dtype=np.int64),
        mass=sure,
        pair=np.flatnonzero(kept),
        at=day[kept],
        confidence=sure[kept],
        closings={},
    )
    evidence = Evidence(
        series=series, worked=(), happened=(), happened_types=(), worth={"SELL": 2_000.0}, call_cost=40.0, agents=10
    )
    return evidence, sure, right


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_the_forecast_is_what_counting_by_hand_gives(threshold: float) -> None:
    evidence, sure, right = a_world()
    point = forecast(evidence, threshold, {})
    chosen = sure >= threshold
    assert point.count == chosen.sum()
    assert point.a_week.value == pytest.approx(chosen.sum() / 12)
    assert point.per_agent is not None
    assert point.per_agent.value == pytest.approx(chosen.sum() / 120)
    assert point.right is not None
    assert point.right.value == pytest.approx(sure[chosen].mean())
    assert point.right.low <= right[chosen].mean() <= point.right.high
    assert point.found is not None
    assert point.found.value == pytest.approx(sure[chosen].sum() / sure.sum())
    assert point.found.low <= right[chosen].sum() / right.sum() <= point.found.high
    by_hand = (sure[chosen] * 2_000 - 40).sum() / 84 * 365 / 12
    assert point.value_a_month.value == pytest.approx(by_hand)
    assert point.value_a_month.low < by_hand < point.value_a_month.high


def test_the_ranges_hold_the_truth_about_as_often_as_they_say() -> None:
    held = {"right": 0, "found": 0}
    for seed in range(60):
        evidence, sure, right = a_world(600, seed=seed)
        chosen = sure >= 0.5
        point = forecast(evidence, 0.5, {})
        assert point.right is not None
        assert point.found is not None
        held["right"] += point.right.low <= right[chosen].mean() <= point.right.high
        held["found"] += point.found.low <= right[chosen].sum() / right.sum() <= point.found.high
    assert held["right"] >= 54
    assert held["found"] >= 54


def test_a_higher_threshold_brings_fewer_alerts_that_are_right_more_often_and_find_fewer() -> None:
    points = [point for point in curve(a_world()[0], {}) if point.right and point.found]
    for lower, higher in pairwise(points):
        assert higher.a_week.value <= lower.a_week.value
        assert higher.found is not None
        assert lower.found is not None
        assert higher.found.value <= lower.found.value + 1e-12


def test_outcomes_pull_the_right_share_towards_what_was_seen() -> None:
    evidence, _, _ = a_world()
    wrong = [
        Worked(
            alert_type="SELL",
            priority="HIGH",
            opened=0.55,
            peak=0.6,
            is_right=False,
            reason="no_interest",
            closed_at=None,
        )
    ] * 100
    taught = Evidence(**{**vars(evidence), "worked": wrong})
    before, after = forecast(evidence, 0.5, {}).right, forecast(taught, 0.5, {}).right
    assert before is not None
    assert after is not None
    assert after.value < before.value - 0.1
    high_before, high_after = forecast(evidence, 0.8, {}).right, forecast(taught, 0.8, {}).right
    assert high_before == high_after  # nobody was ever wrong up there


def test_the_slider_finds_the_threshold_that_brings_what_is_wanted() -> None:
    points = curve(a_world()[0], {})
    for wanted in (2.0, 9.0, 20.0):
        nearest = min(abs(point.a_week.value - wanted) for point in points)
        assert abs(for_alerts_a_week(points, wanted).a_week.value - wanted) == nearest
    assert for_alerts_a_week(points, 1e9).threshold == points[0].threshold


def test_the_origin_preset_keeps_both_promises_where_it_can() -> None:
    points = curve(a_world()[0], {})
    found = for_target(points, at_most=12.0, right=0.7)
    assert found.a_week.value <= 12
    assert found.right is not None
    assert found.right.value >= 0.7
    lower = [point for point in points if point.threshold < found.threshold]
    assert all(point.a_week.value > 12 or (point.right and point.right.value < 0.7) for point in lower)


def test_a_type_with_its_own_threshold_keeps_it() -> None:
    points = curve(a_world()[0], {"SELL": 0.6})
    assert len({point.count for point in points}) == 1
    assert points[0].types[0].threshold == 0.6


def test_nothing_scored_is_nothing_promised() -> None:
    empty = np.zeros(0)
    none = Series(
        days=84.0, share=1.0, contacts=0, types=("SELL",), pair_contact=np.zeros(0, int), pair_type=np.zeros(0, int),
        mass=empty, pair=np.zeros(0, int), at=empty, confidence=empty, closings={},
    )  # fmt: skip
    point = forecast(Evidence(series=none, worked=(), happened=(), worth={}, call_cost=40.0, agents=0), 0.5, {})
    assert (point.right, point.found, point.per_agent) == (None, None, None)
    assert point.a_week.high > 0


def test_dismissals_tell_what_a_higher_threshold_would_have_spared(now: datetime) -> None:
    def one(peak: float, *, right: bool, days: int = 5, reason: str | None = "no_interest") -> Worked:
        return Worked(
            alert_type="SELL", priority="HIGH" if peak > 0.7 else "MEDIUM", opened=peak, peak=peak, is_right=right,
            reason=None if right else reason, closed_at=now - timedelta(days=days),
        )  # fmt: skip

    seen = (
        [one(0.55, right=False)] * 7
        + [one(0.57, right=True)]
        + [one(0.75, right=False)] * 5
        + [one(0.72, right=True)] * 17
    )
    seen += [one(0.51, right=False, days=91)] * 50
    together, *groups = dismissals(seen, now=now)
    assert (together.dismissed, together.total) == (12, 30)
    assert {(group.priority, group.dismissed, group.total) for group in groups} == {("MEDIUM", 7, 8), ("HIGH", 5, 22)}
    found = lesson(seen, now=now)
    assert found is not None
    assert (found.threshold, found.spared, found.lost) == (0.56, 7, 0)
    assert lesson([one(0.55, right=False)] * 2, now=now) is None
