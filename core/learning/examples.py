"""Examples: the stored scores with their features as they stood, whether or not they alerted, thinned by contact and week.

A contact who is here every day is scored every day, and all those rows share one ending. Kept as they are, they would
count one sale many times and let the busiest contacts drown the rest; so the first score of a contact and week stands for
that week. The first and not the highest: which one is taken must not depend on what came later. The score that opened an
alert is kept too, because the agent's answer is about that score and no other.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import history
from core.db.base import table_of
from core.db.tables import Alert, Score
from core.scoring import features, generic, unpack

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DAY = 86_400_000
"""Times are whole milliseconds since 1970 (UTC)."""
WEEK = 7 * DAY
MOST = 100_000
"""Examples at most; beyond that, whole contacts are left out, chosen by a hash of their id."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SOME = 5_000
_MOST_COUNTED = 20_000
_LARGEST = 1e30


@dataclass(frozen=True, kw_only=True)
class Examples:
    """One row a contact and week, and those that opened an alert, by time."""

    contact_ids: tuple[str, ...]
    contact: Ints
    """(n,) index into contact_ids."""
    at: Ints
    """(n,) milliseconds."""
    matrix: Floats
    """(n, names); NaN is missing."""
    names: tuple[str, ...] = tuple(features.NAMES)
    """The columns: the stored feature set, and behind it what `with_generic` added."""

    def __len__(self) -> int:
        return len(self.at)

    def where(self, chosen: NDArray[np.bool_]) -> "Examples":
        """Some of the rows; contacts keep their numbers."""
        return Examples(
            contact_ids=self.contact_ids,
            contact=self.contact[chosen],
            at=self.at[chosen],
            matrix=self.matrix[chosen],
            names=self.names,
        )


def collect(session: Session, *, since: datetime | None = None, until: datetime, most: int = MOST) -> Examples:
    """The examples scored in [since, until]."""
    scores = table_of(Score)
    # Ids, contacts and times alone first: they come from the index, features only of the rows that are kept.
    wanted = select(scores.c.id, scores.c.contact_id, scores.c.scored_at).where(
        scores.c.feature_set == features.FEATURE_SET, scores.c.scored_at <= until
    )
    if since is not None:
        wanted = wanted.where(scores.c.scored_at >= since)
    rows = session.execute(wanted.order_by(scores.c.contact_id, scores.c.scored_at, scores.c.id)).all()
    if not rows:
        return Examples(
            contact_ids=(),
            contact=np.empty(0, dtype=np.int64),
            at=np.empty(0, dtype=np.int64),
            matrix=np.empty((0, len(features.NAMES))),
        )
    names, contact = np.unique([row.contact_id for row in rows], return_inverse=True)
    at = np.array([milliseconds(row.scored_at) for row in rows], dtype=np.int64)
    kept = thin(contact, at, opened=_openings(session, names.tolist(), contact, at))
    kept = kept[_sampled(names.tolist(), contact[kept], most)]
    kept = kept[np.argsort(at[kept], kind="stable")]
    matrix = _matrix(session, [rows[row].id for row in kept.tolist()])
    return Examples(contact_ids=tuple(names.tolist()), contact=contact[kept], at=at[kept], matrix=matrix)


def newest(session: Session, *, since: datetime, until: datetime, most: int = MOST) -> Examples:
    """One row a contact: the score stored last of those scored in [since, until]. Rows of one contact are no
    independent sample, so this is what distributions are compared on."""
    scores = table_of(Score)
    last = (
        select(func.max(scores.c.id).label("id"))
        .where(scores.c.feature_set == features.FEATURE_SET, scores.c.scored_at >= since, scores.c.scored_at <= until)
        .group_by(scores.c.contact_id)
        .subquery()
    )
    rows = session.execute(
        select(scores.c.id, scores.c.contact_id, scores.c.scored_at)
        .join(last, last.c.id == scores.c.id)
        .order_by(scores.c.contact_id)
    ).all()
    names = [row.contact_id for row in rows]
    kept = np.flatnonzero(_sampled(names, np.arange(len(rows)), most))
    return Examples(
        contact_ids=tuple(names),
        contact=kept,
        at=np.array([milliseconds(rows[row].scored_at) for row in kept.tolist()], dtype=np.int64),
        matrix=_matrix(session, [rows[row].id for row in kept.tolist()]),
    )


def milliseconds(at: datetime) -> int:
    return round((at - _EPOCH).total_seconds() * 1000)


def thin(contact: Ints, at: Ints, *, opened: NDArray[np.bool_]) -> Ints:
    """The rows that are the first of their contact and week, or opened an alert; rows come by contact and time."""
    week = at // WEEK
    first = np.ones(len(at), dtype=bool)
    first[1:] = (contact[1:] != contact[:-1]) | (week[1:] != week[:-1])
    return np.flatnonzero(first | opened)


def _openings(session: Session, names: Sequence[str], contact: Ints, at: Ints) -> NDArray[np.bool_]:
    """Whether an alert of any type was opened by this very score: in the same transaction, at the same instant."""
    number = {name: index for index, name in enumerate(names)}
    opened = {
        (number[row.contact_id], milliseconds(row.opened_at))
        for row in session.execute(select(Alert.contact_id, Alert.opened_at))
        if row.contact_id in number
    }
    return np.array([pair in opened for pair in zip(contact.tolist(), at.tolist(), strict=True)], dtype=bool)


def _sampled(names: Sequence[str], contact: Ints, most: int) -> NDArray[np.bool_]:
    """Whole contacts, always the same ones, so that about `most` rows stay."""
    if len(contact) <= most:
        return np.ones(len(contact), dtype=bool)
    lot = np.array([zlib.crc32(name.encode()) for name in names]) / 2**32
    chosen: NDArray[np.bool_] = lot[contact] < most / len(contact)
    return chosen


def _matrix(session: Session, ids: Sequence[int]) -> Floats:
    scores = table_of(Score)
    matrix = np.empty((len(ids), len(features.NAMES)))
    place = {id_: row for row, id_ in enumerate(ids)}
    for first in range(0, len(ids), _SOME):
        some = session.execute(
            select(scores.c.id, scores.c.features).where(scores.c.id.in_(ids[first : first + _SOME]))
        )
        for id_, packed in some:
            matrix[place[id_]] = unpack(packed)
    # What was too large for 32 bits was stored as infinite.
    return np.nan_to_num(matrix, nan=np.nan, posinf=_LARGEST, neginf=-_LARGEST)


def with_generic(session: Session, found: Examples, names: Sequence[str]) -> Examples:
    """The same rows with generic features of the contacts' events beside the stored ones, as they stood at each score.

    These are not stored with a score: they are counted again from what occurred until then. At most 20,000 rows, whole
    contacts, because each instant is read for itself.
    """
    if not names or not len(found):
        return found
    some = found.where(_sampled(found.contact_ids, found.contact, _MOST_COUNTED))
    columns = np.full((len(some), len(names)), np.nan)
    for at in np.unique(some.at):
        rows = np.flatnonzero(some.at == at)
        now = _EPOCH + timedelta(milliseconds=int(at))
        histories = history.load(session, [some.contact_ids[who] for who in some.contact[rows]], now=now)
        columns[rows] = generic.matrix([histories[some.contact_ids[who]] for who in some.contact[rows]], names, now=now)
    return replace(some, matrix=np.hstack([some.matrix, columns]), names=(*some.names, *names))
