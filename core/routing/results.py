"""How well each agent does with each type of alert, beside what others would have won of the very same alerts.

Wins are compared with the wins to be expected from the alerts' own confidence, so that whoever gets the easy ones does
not look good for it. The ratio is shrunk by empirical Bayes (gamma-Poisson as in Clayton and Kaldor, 1987): to the
agent's ratio over the other types, which is shrunk to 1, each by as much as the spread between agents says.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from core import versions
from core.db.base import table_of
from core.db.tables import AgentResult, Alert
from core.routing.state import VERSION
from core.words import DismissReason, Status

WINDOW = timedelta(days=365)
ALL = ""
"""Stands for all types together."""
STRONGEST, WEAKEST = 200.0, 2.0
"""Bounds of the prior's weight, in expected wins: with few agents the spread between them is hardly known."""
NOBODYS = (DismissReason.DUPLICATE, DismissReason.WRONG_PERSON, DismissReason.UNREACHABLE)
"""Reasons of dismissal that say nothing about the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """One alert that came to its end with this agent."""

    agent_id: str
    alert_type: str
    confidence: float
    won: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    closed: int
    won: int
    expected: float
    ratio: float
    low: float
    high: float
    """An interval of 90%."""


def measure(closed: Iterable[Closed]) -> dict[tuple[str, str], Measured]:
    """(agent id, alert type, or "" for all) -> how they do beside the others."""
    rows = list(closed)
    rates = _rates(rows)
    counts: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for one in rows:
        for kind in (one.alert_type, ALL):
            count = counts[one.agent_id, kind]
            count[0] += 1
            count[1] += one.won
            count[2] += rates[one.alert_type] * one.confidence
    overall = {agent_id: count for (agent_id, kind), count in counts.items() if kind == ALL}
    strength = _strength((won, expected) for _, won, expected in overall.values())
    found = {}
    for kind in {kind for _, kind in counts}:
        those = {agent_id: count for (agent_id, one), count in counts.items() if one == kind}
        priors = {one: _prior(overall[one], count, strength, alone=kind == ALL) for one, count in those.items()}
        spread = _strength((won, priors[one][0] * expected) for one, (_, won, expected) in those.items())
        for agent_id, (number, won, expected) in those.items():
            prior, known = priors[agent_id]
            found[agent_id, kind] = _measured(number, won, expected, weight=min(spread, known), prior=prior)
    return found


def refresh(session: Session, *, now: datetime) -> int:
    """Measure again over the last year; how many rows changed. Routing reads them again only if some did."""
    measured = measure(_closed(session, now=now))
    table = table_of(AgentResult)
    before = {
        (row.agent_id, row.alert_type): (row.closed, row.won, row.expected, row.ratio)
        for row in session.execute(select(table))
    }
    after = {key: (one.closed, one.won, one.expected, one.ratio) for key, one in measured.items()}
    changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    if not changed:
        return 0
    session.execute(delete(table))
    if measured:
        session.execute(insert(table), [_row(key, one, now=now) for key, one in sorted(measured.items())])
    versions.bump_at_commit(session, VERSION)
    return len(changed)


def _closed(session: Session, *, now: datetime) -> list[Closed]:
    rows = session.execute(
        select(Alert.assigned_agent_id, Alert.alert_type, Alert.confidence, Alert.status).where(
            Alert.closed_at > now - WINDOW,
            Alert.assigned_agent_id.is_not(None),
            or_(Alert.close_reason.is_(None), Alert.close_reason.not_in(NOBODYS)),
        )
    )
    return [
        Closed(agent_id=agent_id, alert_type=kind, confidence=confidence, won=status == Status.CONVERTED)
        for agent_id, kind, confidence, status in rows
        if agent_id is not None
    ]


def _row(key: tuple[str, str], one: Measured, *, now: datetime) -> dict[str, object]:
    return {
        "agent_id": key[0],
        "alert_type": key[1],
        "closed": one.closed,
        "won": one.won,
        "expected": one.expected,
        "ratio": one.ratio,
        "low": one.low,
        "high": one.high,
        "updated_at": now,
    }


def _rates(rows: Iterable[Closed]) -> Mapping[str, float]:
    """Wins for each unit of confidence, by type."""
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in rows:
        sums[one.alert_type][0] += one.won
        sums[one.alert_type][1] += one.confidence
    return {kind: won / confidence if confidence else 0.0 for kind, (won, confidence) in sums.items()}


def _prior(overall: list[float], own: list[float], strength: float, *, alone: bool) -> tuple[float, float]:
    """(what the agent's other types say of them, shrunk to 1; how much that weighs, in expected wins)."""
    won, expected = (0.0, 0.0) if alone else (overall[1] - own[1], overall[2] - own[2])
    return (won + strength) / (expected + strength), expected + strength


def _strength(pairs: Iterable[tuple[float, float]]) -> float:
    """The prior's weight by moments: how much more agents differ than chance alone would make them."""
    known = [(won, expected) for won, expected in pairs if expected > 0]
    squares = sum(expected**2 for _, expected in known)
    if squares == 0.0:
        return STRONGEST
    spread = sum((won - expected) ** 2 - expected for won, expected in known) / squares
    return min(STRONGEST, max(WEAKEST, 1 / spread)) if spread > 0 else STRONGEST


def _measured(number: float, won: float, expected: float, *, weight: float, prior: float) -> Measured:
    from scipy.special import gammaincinv  # noqa: PLC0415  slow to import, and only the hourly job measures

    shape, rate = won + weight * prior, expected + weight
    low, high = (gammaincinv(shape, share) / rate for share in (0.05, 0.95))
    return Measured(
        closed=int(number),
        won=int(won),
        expected=expected,
        ratio=shape / rate,
        low=float(low),
        high=float(high),
    )
