"""The features of thousands of contacts at once are those of each alone, to the last bit."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core import history
from core.history import KINDS, Day, History
from core.scoring import features

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
TODAY = history.today(NOW)
COUNTED = ("document_access", "document_share", "email_sent", "email_open", "email_click", "value_check", "search")


@st.composite
def _histories(draw: st.DrawFn) -> History:
    days = st.integers(TODAY - 120, TODAY + 2)
    counts = st.lists(st.builds(Day, days, st.integers(0, 9), st.integers(0, 3)), max_size=4)
    devices = st.sampled_from(["desktop", "mobile", "tablet", "other", "unknown"])
    visits = st.tuples(days, st.integers(0, 23), devices, st.integers(1, 4))
    sessions = st.tuples(st.integers(0, 30 * 86_400_000_000), st.integers(0, 5 * 3_600_000_000))
    return History(
        "contact",
        NOW,
        days=draw(st.dictionaries(st.sampled_from(COUNTED), counts.map(sorted))),
        visits=draw(st.lists(visits, max_size=8)),
        sessions=[
            (NOW - timedelta(microseconds=ago), NOW - timedelta(microseconds=ago - length))
            for ago, length in draw(st.lists(sessions, max_size=4))
        ],
    )


@settings(max_examples=120, deadline=None)
@given(st.lists(_histories(), max_size=6))
def test_thousands_at_once_are_exactly_the_single_ones(of: list[History]) -> None:
    named = {f"contact-{number}": each for number, each in enumerate(of)}
    alone = [features.vector(each, (), now=NOW) for each in of]
    together = features.vectors(named, {}, now=NOW)
    np.testing.assert_array_equal(together, np.array(alone, dtype=float).reshape(len(of), len(features.FEATURES)))


def test_the_kinds_that_are_drawn_are_counted_ones() -> None:
    assert set(COUNTED) <= set(KINDS)
