"""Reading what a forecast needs: stored scores, closed alerts, outcomes, transactions, agents."""

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from core.alerts.opening import QUIET_DAYS
from core.alerts.priority import VALID_DAYS, Thresholds
from core.alerts.worth import worths
from core.db.base import UtcDateTime
from core.db.dialect import seconds
from core.db.tables import Agent, Alert, Contact, Score, Transaction, User
from core.thresholds.forecast import Evidence
from core.thresholds.outcomes import worked
from core.thresholds.series import LOWEST, Closing, Floats, Ints, Series
from core.words import TRANSACTION_OF, Intent, Status

WEEKS = 12
"""Looked back at."""
MOST_CONTACTS, MOST_SCORES = 6_000, 120_000
"""Beyond either, a sample of the contacts (by a hash of their ids) stands for all, and the forecast says so."""
_AT_ONCE = 500
_DAY = 86_400.0
_Pairs = dict[tuple[int, str], int]


def evidence(session: Session, thresholds: Thresholds, *, weeks: int = WEEKS, now: datetime) -> Evidence:
    """Everything a forecast is made of, from the last `weeks` weeks and the 30 days before them."""
    start = now - timedelta(weeks=weeks)
    points, numbers, total = _scores(session, start, now=now)
    pairs = points.pairs
    series = _series(points, weeks=weeks, contacts=len(numbers), total=total)
    series = _with_closings(session, series, pairs, numbers, start=start, now=now)
    happened = _happened(session, series, pairs, numbers, start=start, now=now)
    known = worths(session, earned=thresholds.earned, now=now)
    return Evidence(
        series=series,
        worked=worked(session, now=now),
        happened=[peak for _, peak in happened],
        happened_types=[alert_type for alert_type, _ in happened],
        worth={name: known[name].amount if name in known else 0.0 for name in series.types},
        call_cost=thresholds.call_cost,
        agents=_agents(session),
    )


@dataclass(kw_only=True)
class _Points:
    """What was scored, growing contact by contact: one point a score and type, in order of time within a pair."""

    pairs: _Pairs = field(default_factory=dict)
    pair: list[int] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)

    def add(self, contact: int, day: float, results: Mapping[str, Sequence[float]]) -> None:
        for alert_type, one in results.items():
            if not alert_type.startswith("shadow:"):
                self.pair.append(self.pairs.setdefault((contact, alert_type), len(self.pairs)))
                self.at.append(day)
                self.confidence.append(one[1])


def _scores(session: Session, start: datetime, *, now: datetime) -> tuple[_Points, dict[str, int], int]:
    """The points of the contacts looked at, their numbers, and how many contacts there are in all."""
    since = start - timedelta(days=VALID_DAYS)
    ids = list(session.scalars(select(Contact.id).where(Contact.scored_at >= since)))
    ids.sort(key=lambda contact_id: (zlib.crc32(contact_id.encode()), contact_id))
    passed = seconds(session, literal(start, UtcDateTime()), Score.scored_at)
    points, numbers, read = _Points(), dict[str, int](), 0
    for first in range(0, min(len(ids), MOST_CONTACTS), _AT_ONCE):
        if read >= MOST_SCORES:
            break
        chosen = ids[first : min(first + _AT_ONCE, MOST_CONTACTS)]
        numbers.update((contact_id, first + place) for place, contact_id in enumerate(chosen))
        for contact_id, day, results in session.connection().execute(
            select(Score.contact_id, passed / _DAY, Score.results)
            .where(Score.contact_id.in_(chosen), Score.scored_at >= since, Score.scored_at <= now)
            .order_by(Score.contact_id, Score.scored_at, Score.id)
        ):
            points.add(numbers[contact_id], day, results)
            read += 1
    return points, numbers, len(ids)


def _series(points: _Points, *, weeks: int, contacts: int, total: int) -> Series:
    pairs = points.pairs
    pair = np.array(points.pair, dtype=np.int64)
    order = np.argsort(pair, kind="stable")
    pair = pair[order]
    at, sure = np.array(points.at, dtype=np.float64)[order], np.array(points.confidence, dtype=np.float64)[order]
    types = tuple(dict.fromkeys((*map(str, Intent), *sorted({name for _, name in pairs}))))
    place = {name: number for number, name in enumerate(types)}
    kept = sure >= LOWEST
    return Series(
        days=weeks * 7.0,
        share=contacts / total if total else 1.0,
        contacts=contacts,
        types=types,
        pair_contact=np.array([contact for contact, _ in pairs], dtype=np.int64),
        pair_type=np.array([place[name] for _, name in pairs], dtype=np.int64),
        mass=_mass(pair, at, sure, len(pairs)),
        pair=pair[kept],
        at=at[kept],
        confidence=sure[kept],
        closings={},
    )


def _mass(pair: Ints, at: Floats, confidence: Floats, number: int) -> Floats:
    """Per pair: the mean over its counted weeks of the week's last confidence."""
    if not len(pair):
        return np.zeros(number)
    week = np.floor(at / 7)
    is_last = np.ones(len(pair), dtype=bool)
    is_last[:-1] = (pair[1:] != pair[:-1]) | (week[1:] != week[:-1])
    is_last &= at >= 0
    weeks = np.bincount(pair[is_last], minlength=number)
    return np.bincount(pair[is_last], weights=confidence[is_last], minlength=number) / np.maximum(weeks, 1)


def _with_closings(
    session: Session, series: Series, pairs: _Pairs, numbers: Mapping[str, int], *, start: datetime, now: datetime
) -> Series:
    rows = session.execute(
        select(Alert.contact_id, Alert.alert_type, Alert.status, Alert.closed_at)
        .where(
            Alert.status.in_(list(QUIET_DAYS)),
            Alert.closed_at > start - timedelta(days=VALID_DAYS),
            Alert.closed_at <= now,
        )
        .order_by(Alert.closed_at)
    )
    closings: dict[int, list[Closing]] = defaultdict(list)
    for contact_id, alert_type, status, closed_at in rows:
        pair = pairs.get((numbers.get(contact_id, -1), alert_type))
        if pair is not None and closed_at is not None:
            day = (closed_at - start).total_seconds() / _DAY
            closings[pair].append(Closing(at=day, quiet_days=QUIET_DAYS[Status(status)]))
    return Series(**{**vars(series), "closings": {pair: tuple(closed) for pair, closed in closings.items()}})


def _happened(
    session: Session, series: Series, pairs: _Pairs, numbers: Mapping[str, int], *, start: datetime, now: datetime
) -> list[tuple[str, float | None]]:
    """Per transaction of the counted weeks: its alert type, and the highest stored confidence for it before that day."""
    types = {kind: str(intent) for intent, kind in TRANSACTION_OF.items()}
    rows = session.execute(
        select(Transaction.contact_id, Transaction.kind, Transaction.occurred_at).where(
            Transaction.occurred_at >= start, Transaction.occurred_at <= now
        )
    )
    found: list[tuple[str, float | None]] = []
    for contact_id, kind, occurred_at in rows:
        number, alert_type = numbers.get(contact_id), types.get(kind)
        if number is None or alert_type is None:
            continue
        pair = pairs.get((number, alert_type), -1)
        first, last = np.searchsorted(series.pair, [pair, pair + 1])
        before = series.at[first:last] <= (occurred_at - start).total_seconds() / _DAY
        sure = series.confidence[first:last][before]
        found.append((alert_type, float(sure.max()) if len(sure) else None))
    return found


def _agents(session: Session) -> int:
    """Active agents whom automatic routing may give alerts."""
    taking = select(func.count()).select_from(Agent).join(User, User.id == Agent.id)
    return session.scalar(taking.where(User.active, Agent.auto_assign)) or 0
