"""Labels are what could be known at the time, and the fast way gives what a patient reader would."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.learning import examples, labels
from core.learning.examples import DAY, Examples
from core.learning.labels import Facts, Happenings, Labels
from core.scoring import features

NOW = datetime(2026, 3, 2, tzinfo=UTC)
HORIZON = timedelta(days=90)
NONE = Happenings.of([], [])


def day(number: float) -> int:
    """The instant so many days before NOW, in milliseconds."""
    return examples.milliseconds(NOW) - int(number * DAY)


@dataclass(frozen=True, kw_only=True)
class Past:
    """What happened to contact 0, by how many days ago."""

    scored: float = 200
    homes: float = 1
    answers: tuple[float, ...] = ()
    sales: tuple[float, ...] = ()
    bought: tuple[float, ...] = ()
    confirmed: tuple[float, ...] = ()
    refuted: tuple[float, ...] = ()
    reported: tuple[float, float] | None = (800, 0)
    extra: dict[str, float] = field(default_factory=dict)


def rows(scored: list[tuple[int, float, float]]) -> Examples:
    """(contact, days ago, homes)"""
    matrix = np.zeros((len(scored), len(features.NAMES)))
    matrix[:, features.index("property_count")] = [homes for _, _, homes in scored]
    return Examples(
        contact_ids=tuple(str(number) for number in range(5)),
        contact=np.array([who for who, _, _ in scored], dtype=np.int64),
        at=np.array([day(ago) for _, ago, _ in scored], dtype=np.int64),
        matrix=matrix,
    )


def labelled(past: Past, *, by_outcome: bool = False) -> Labels:
    def of(ago: tuple[float, ...]) -> Happenings:
        return Happenings.of([0] * len(ago), [day(each) for each in ago])

    facts = Facts(
        answers=of(past.answers),
        sales=of(past.sales),
        bought=of(past.bought),
        confirmed=of(past.confirmed),
        refuted=of(past.refuted),
        reported=(day(past.reported[0]), day(past.reported[1])) if past.reported else None,
    )
    one = rows([(0, past.scored, past.homes)])
    return labels.label(one, facts, horizon=HORIZON, by_outcome=by_outcome, now=NOW)


UNKNOWN = float("nan")
CASES = {
    "nothing happened within the horizon": (Past(), 0.0, UNKNOWN),
    "it happened": (Past(answers=(150,)), 1.0, 1.0),
    "it happened a day after the horizon": (Past(answers=(109,)), 0.0, UNKNOWN),
    "it had happened before the score": (Past(answers=(201,)), 0.0, UNKNOWN),
    "the window is open": (Past(scored=80), UNKNOWN, UNKNOWN),
    "it happened, but the window is open": (Past(scored=80, answers=(70,)), UNKNOWN, UNKNOWN),
    "reports may still come in": (Past(scored=100), UNKNOWN, UNKNOWN),
    "reports are in": (Past(scored=105), 0.0, UNKNOWN),
    "an agent found it right": (Past(confirmed=(190,)), 0.0, 1.0),
    "an agent found it wrong": (Past(refuted=(190,)), 0.0, 0.0),
    "an agent found it wrong, and it happened": (Past(refuted=(190,), answers=(150,)), 1.0, 1.0),
    "the alert opened with this score": (Past(confirmed=(200,)), 0.0, 1.0),
    "the alert was older than the score": (Past(confirmed=(201,)), 0.0, UNKNOWN),
    "the only home was sold": (Past(sales=(150,)), 0.0, UNKNOWN),
    "one of two homes was sold": (Past(sales=(150,), homes=2), UNKNOWN, UNKNOWN),
    "sold, nobody knows of which homes": (Past(sales=(150,), homes=UNKNOWN), UNKNOWN, UNKNOWN),
    "it happened before the home was sold": (Past(sales=(150,), answers=(160,)), 1.0, 1.0),
    "it happened after the home was sold": (Past(sales=(160,), answers=(150,)), UNKNOWN, UNKNOWN),
    "sold before the score": (Past(sales=(210,)), UNKNOWN, UNKNOWN),
    "sold before the score, another home bought since": (Past(sales=(210,), bought=(205,)), 0.0, UNKNOWN),
    "sold long before the score": (Past(sales=(600,)), 0.0, UNKNOWN),
    "nobody reports transactions": (Past(reported=None), UNKNOWN, UNKNOWN),
    "nobody reports transactions, an agent found it wrong": (Past(reported=None, refuted=(190,)), UNKNOWN, 0.0),
    "scored before the first report": (Past(reported=(190, 0)), UNKNOWN, UNKNOWN),
    "reports ended before the window": (Past(reported=(800, 120)), UNKNOWN, UNKNOWN),
}


@pytest.mark.parametrize(("past", "transacts", "right"), CASES.values(), ids=CASES)
def test_what_is_known_of_a_score(past: Past, transacts: float, right: float) -> None:
    found = labelled(past)
    np.testing.assert_equal((found.transacts[0], found.right[0]), (transacts, right))


def test_only_the_score_that_an_agent_answered_says_how_often_alerts_are_right() -> None:
    assert np.isnan(labelled(Past(answers=(150,))).confirmed[0])
    assert labelled(Past(answers=(150,), refuted=(200,))).confirmed[0] == 1
    assert labelled(Past(refuted=(200,))).confirmed[0] == 0
    assert np.isnan(labelled(Past(refuted=(190,))).confirmed[0])  # an alert of a later score


def test_agents_alone_answer_for_a_type_of_the_teams_own() -> None:
    past = Past(confirmed=(190,), reported=None)
    assert labelled(past, by_outcome=True).transacts[0] == 1
    assert np.isnan(labelled(Past(reported=None), by_outcome=True).transacts[0])


def test_open_windows_and_unknown_endings_are_counted_apart() -> None:
    assert (labelled(Past(scored=80)).censored, labelled(Past(scored=80)).unknown) == (1, 0)
    assert (labelled(Past(sales=(210,))).censored, labelled(Past(sales=(210,))).unknown) == (0, 1)


def patient(who: int, ago: float, homes: float, facts: dict[str, list[tuple[int, float]]]) -> tuple[float, float]:
    """The same, one row at a time and in days: what the definition says."""

    def mine(name: str) -> list[float]:
        return [at for contact, at in facts[name] if contact == who]

    end = ago - 90
    if end - 14 < 0:
        return UNKNOWN, UNKNOWN
    coming = [at for at in mine("answers") if at < ago and at >= end]
    first = max(coming, default=None)
    happened = 1.0 if first is not None else 0.0
    ended = max((at for at in mine("sales") if at < ago and at >= end), default=None)
    if ended is not None and (first is None or ended > first):
        happened = UNKNOWN if first is not None or homes != 1 else 0.0
    sold = min((at for at in mine("sales") if at >= ago), default=None)
    if sold is not None and sold - ago < 365 and not homes >= 2:
        again = [at for at in mine("bought") if ago <= at < sold]
        happened = happened if again else UNKNOWN
    said = UNKNOWN
    if any(end <= at <= ago for at in mine("refuted")):
        said = 0.0
    if any(end <= at <= ago for at in mine("confirmed")):
        said = 1.0
    return happened, 1.0 if happened == 1 else said


_when = st.tuples(st.integers(0, 3), st.integers(0, 1600).map(lambda each: each / 4))
_happened = st.lists(_when, max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.integers(0, 1600).map(lambda each: each / 4 + 0.1),
            st.sampled_from([0.0, 1.0, 2.0, UNKNOWN]),
        ),
        min_size=1,
        max_size=30,
    ),
    st.fixed_dictionaries(dict.fromkeys(("answers", "sales", "bought", "confirmed", "refuted"), _happened)),
)
def test_the_fast_labels_are_those_of_a_patient_reader(
    scored: list[tuple[int, float, float]], facts: dict[str, list[tuple[int, float]]]
) -> None:
    table = Facts(
        **{
            name: Happenings.of([who for who, _ in each], [day(ago) for _, ago in each]) for name, each in facts.items()
        },
        reported=(0, examples.milliseconds(NOW)),
    )
    found = labels.label(rows(scored), table, horizon=HORIZON, now=NOW)
    expected = [patient(who, ago, homes, facts) for who, ago, homes in scored]
    np.testing.assert_equal(found.transacts, [each[0] for each in expected])
    np.testing.assert_equal(found.right, [each[1] for each in expected])
