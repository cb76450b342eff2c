"""What is learnt: for each intent the question, how long it stays open, and what answers it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import AlertType
from core.errors import NotFound
from core.people import KINDS
from core.scoring import features
from core.words import HORIZON_DAYS, TRANSACTION_OF, Intent

_OF_A_HOME = ("sale", "refinance")
"""Nobody sells or refinances a home they no longer have."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One intent's question: does the answer come within the horizon of the score?"""

    intent: str
    horizon: timedelta
    answer: str
    """transaction, event or outcome: what answers it."""
    subjects: tuple[str, ...] = ()
    """The transaction's kinds or the event's name."""
    features: tuple[str, ...] = tuple(features.NAMES)
    """Of the stored feature set."""
    generic: tuple[str, ...] = ()
    """Features of the team's own event names (core.scoring.generic) that it may look at too."""
    whatever_is_there: bool = False
    """It may look at every generic feature worth having."""

    @property
    def needs_a_home(self) -> bool:
        """Whether a sale ends it: a contact whose home is sold is no longer at risk."""
        return self.answer == "transaction" and set(self.subjects) <= set(_OF_A_HOME)


def of(session: Session, intent: str) -> Target:
    """The target of an intent or of a trained alert type; raises NotFound for any other."""
    if intent in set(Intent):
        return _built_in(Intent(intent))
    row = session.get(AlertType, intent)
    if row is None or row.kind != "trained":
        raise NotFound(f"There is no intent or trained alert type called {intent}.")
    return own(row.id, row.definition, days=row.horizon_days)


def every(session: Session) -> tuple[Target, ...]:
    """The four intents, then the team's own trained alert types by id."""
    rows = session.scalars(
        select(AlertType).where(AlertType.kind == "trained", AlertType.status != "retired").order_by(AlertType.id)
    )
    return (
        *(_built_in(intent) for intent in Intent),
        *(own(row.id, row.definition, days=row.horizon_days) for row in rows),
    )


def _built_in(intent: Intent) -> Target:
    return Target(
        intent=intent.value,
        horizon=timedelta(days=HORIZON_DAYS[intent]),
        answer="transaction",
        subjects=(TRANSACTION_OF[intent],),
    )


def own(type_id: str, definition: Mapping[str, Any], *, days: int) -> Target:
    """The target of a trained alert type as it is written."""
    label = definition.get("label") or {}
    kind, kinds = str(label.get("kind")), label.get("type", "any")
    subjects: dict[str, tuple[str, ...]] = {
        "event": (label.get("name", ""),),
        "transaction": KINDS if kinds == "any" else (kinds,),
    }
    wanted = definition.get("features", "all")
    chosen = tuple(name for name in wanted if name in features.INDEX) if isinstance(wanted, list) else ()
    others = tuple(name for name in wanted if name not in features.INDEX) if isinstance(wanted, list) else ()
    return Target(
        intent=type_id,
        horizon=timedelta(days=days),
        answer=kind if kind in subjects else "outcome",
        subjects=subjects.get(kind, ()),
        features=chosen if isinstance(wanted, list) else tuple(features.NAMES),
        generic=others,
        whatever_is_there=not isinstance(wanted, list),
    )
