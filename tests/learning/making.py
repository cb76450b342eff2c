"""A team's past for tests of learning, written as columns: scores with their features, and what came of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.tables import Contact, Score, Transaction
from core.scoring import features


def contacts(session: Session, names: Sequence[str], *, now: datetime) -> None:
    session.connection().execute(
        insert(table_of(Contact)),
        [{"id": name, "attributes": {}, "first_seen_at": now, "updated_at": now} for name in names],
    )


def vectors(rows: int, values: Mapping[str, NDArray[np.float64] | float]) -> NDArray[np.float32]:
    """Feature vectors of contacts who own one home and did nothing but what is said."""
    made = np.zeros((rows, len(features.NAMES)), dtype="<f4")
    for name, column in {"property_count": 1.0, "days_since_visit": 1.0, **values}.items():
        made[:, features.index(name)] = column
    return made


def scores(session: Session, contact_ids: Sequence[str], at: Sequence[datetime], matrix: NDArray[np.float32]) -> None:
    """Stored scores, as the line leaves them."""
    session.connection().execute(
        insert(table_of(Score)),
        [
            {
                "contact_id": contact_id,
                "scored_at": when,
                "feature_set": features.FEATURE_SET,
                "features": row.tobytes(),
                "results": {},
            }
            for contact_id, when, row in zip(contact_ids, at, matrix, strict=True)
        ],
    )


def transactions(
    session: Session,
    contact_ids: Sequence[str],
    at: Sequence[datetime],
    *,
    kind: str = "sale",
    late: timedelta = timedelta(days=3),
) -> None:
    """What really happened, reported `late` after it."""
    if not len(contact_ids):
        return
    session.connection().execute(
        insert(table_of(Transaction)),
        [
            {
                "id": f"{kind}-{contact_id}-{when:%Y%m%d%H%M%S%f}",
                "contact_id": contact_id,
                "kind": kind,
                "occurred_at": when,
                "value": None,
                "source": "test",
                "recorded_at": when + late,
            }
            for contact_id, when in zip(contact_ids, at, strict=True)
        ],
    )
