"""Keeping every score with the features it was made of, also below any threshold, and the newest per contact and intent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.dialect import upsert
from core.db.tables.deciding import LatestScore, Score
from core.scoring.features import FEATURE_SET, NAMES
from core.scoring.model import Scored

Row = tuple[str, Sequence[float], Sequence[Scored]]
"""(contact id, feature vector, what each intent scored)."""
SHADOW = "shadow:"


def store(session: Session, rows: Sequence[Row], *, shadows: Sequence[Sequence[Scored]] = (), now: datetime) -> None:
    """Write the scores of these contacts; of the vectors only the fixed feature set is kept.

    Args:
        shadows: what the models in shadow scored, in the order of `rows`; empty where there are none.
    """
    if not rows:
        return
    width = len(NAMES)
    with np.errstate(over="ignore"):  # what is too large for 32 bits is infinite, as it was when it was scored
        packed = np.array([vector[:width] for _, vector, _ in rows], dtype=np.float64).astype("<f4")
    connection = session.connection()
    connection.execute(
        insert(table_of(Score)),
        [
            {
                "contact_id": contact_id,
                "scored_at": now,
                "feature_set": FEATURE_SET,
                "features": features.tobytes(),
                "results": {
                    **{
                        one.intent: [round(one.probability, 6), round(one.confidence, 6), one.model_version]
                        for one in scored
                    },
                    **{
                        f"{SHADOW}{one.model_version}": [round(one.probability, 6), round(one.confidence, 6)]
                        for one in shadow
                    },
                },
            }
            for (contact_id, _, scored), features, shadow in zip(rows, packed, shadows or [()] * len(rows), strict=True)
        ],
    )
    statement = upsert(session, LatestScore)
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["contact_id", "intent"],
            set_={name: new[name] for name in ("probability", "confidence", "lift", "scored_at")},
        ),
        [
            {
                "contact_id": contact_id,
                "intent": one.intent,
                "probability": one.probability,
                "confidence": one.confidence,
                "lift": one.lift,
                "scored_at": now,
            }
            for contact_id, _, scored in sorted(rows, key=lambda row: row[0])
            for one in scored
        ],
    )


def unpack(features: bytes) -> NDArray[np.float32]:
    """The vector of a stored score."""
    return np.frombuffer(features, dtype="<f4")


def as_json(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """As told over the wire."""
    return [
        {
            "alertType": one.intent,
            "probability": round(one.probability, 4),
            "confidence": round(one.confidence, 4),
            "lift": round(one.lift, 2),
            "interval": {
                "probability": [round(one.probability_low, 4), round(one.probability_high, 4)],
                "confidence": [round(one.confidence_low, 4), round(one.confidence_high, 4)],
            },
            "baseRate": one.base_rate,
            "modelVersion": one.model_version,
        }
        for one in scored
    ]
