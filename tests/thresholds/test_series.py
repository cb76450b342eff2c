"""Which stored scores would have opened an alert: checked against a day-by-day machine that is too simple to be wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.thresholds.series import Closing, Series, openings


def a_series(pairs: list[list[tuple[float, float]]], closings: dict[int, list[tuple[float, float]]]) -> Series:
    """One pair per list of (day, confidence)."""
    points = [(number, day, sure) for number, pair in enumerate(pairs) for day, sure in sorted(pair)]
    return Series(
        days=84.0,
        share=1.0,
        contacts=len(pairs),
        types=("SELL",),
        pair_contact=np.arange(len(pairs)),
        pair_type=np.zeros(len(pairs), dtype=np.int64),
        mass=np.full(len(pairs), 0.1),
        pair=np.array([number for number, _, _ in points], dtype=np.int64),
        at=np.array([day for _, day, _ in points], dtype=np.float64),
        confidence=np.array([sure for _, _, sure in points], dtype=np.float64),
        closings={
            pair: tuple(Closing(at=at, quiet_days=quiet) for at, quiet in sorted(each))
            for pair, each in closings.items()
        },
    )


def day_by_day(points: list[tuple[float, float]], closings: list[tuple[float, float]], threshold: float) -> list[float]:
    """Opening days of one pair, one hour after the other."""
    happenings = sorted([(day, 1, sure) for day, sure in points] + [(day, 0, quiet) for day, quiet in closings])
    opened, is_open, expires, quiet_until = [], False, 0.0, -1e9
    for day, kind, number in happenings:
        if is_open and day > expires:
            is_open = False
        if kind == 0 and is_open:
            is_open, quiet_until = False, day + number
        if kind == 1 and number >= threshold:
            if is_open:
                expires = day + 30
            elif day >= quiet_until:
                is_open, expires = True, day + 30
                opened.append(day)
    return [day for day in opened if day >= 0]


_days = st.integers(-30, 83).map(float)
_points = st.lists(
    st.tuples(_days, st.sampled_from([0.3, 0.45, 0.55, 0.7, 0.9])), max_size=12, unique_by=lambda one: one[0]
)
_closings = st.lists(
    st.tuples(st.integers(-30, 83).map(lambda day: day + 0.5), st.sampled_from([30.0, 90.0])),
    max_size=3,
    unique_by=lambda one: one[0],
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_points, _closings), min_size=1, max_size=4), st.sampled_from([0.25, 0.5, 0.6, 0.8]))
def test_openings_are_those_of_a_day_by_day_machine(
    pairs: list[tuple[list[tuple[float, float]], list[tuple[float, float]]]], threshold: float
) -> None:
    series = a_series([points for points, _ in pairs], {n: closed for n, (_, closed) in enumerate(pairs) if closed})
    found = openings(series, [threshold])
    for number, (points, closed) in enumerate(pairs):
        mine = [float(series.at[one]) for one in found if series.pair[one] == number]
        assert mine == day_by_day(points, closed, threshold)


@pytest.mark.parametrize(("gap", "alerts"), [(29, 1), (31, 2)])
def test_an_alert_lives_thirty_days_from_its_last_score(gap: int, alerts: int) -> None:
    series = a_series([[(1, 0.6), (1 + gap, 0.6)]], {})
    assert len(openings(series, [0.5])) == alerts


def test_an_alert_open_since_before_the_counted_weeks_is_not_counted_again() -> None:
    assert len(openings(a_series([[(-5, 0.6), (3, 0.6)]], {}), [0.5])) == 0


def test_a_dismissal_keeps_the_type_quiet_only_where_the_alert_would_have_been_open() -> None:
    points = [(1.0, 0.55), (12.0, 0.8)]
    series = a_series([points], {0: [(5.0, 30.0)]})
    assert len(openings(series, [0.5])) == 1
    assert [float(series.at[one]) for one in openings(series, [0.6])] == [12.0]
