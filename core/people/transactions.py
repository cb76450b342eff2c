"""What really happened to a home or loan: the truth that scores are measured against."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.db.dialect import upsert
from core.db.tables import Transaction
from core.errors import Conflict

KINDS = ("sale", "purchase", "refinance", "investment")


@dataclass(frozen=True, kw_only=True)
class TransactionRow:
    id: str
    contact_id: str
    kind: str
    occurred_at: datetime
    value: float | None
    """US dollars."""
    source: str
    recorded_at: datetime


_COLUMNS = [getattr(Transaction, name) for name in TransactionRow.__dataclass_fields__]


def record_transaction(
    session: Session,
    transaction_id: str,
    *,
    contact_id: str,
    kind: str,
    occurred_at: datetime,
    value: float | None,
    source: str,
    actor_id: str | None,
    now: datetime,
) -> tuple[TransactionRow, bool]:
    """Keep it once; the row as stored, and whether this call stored it. The contact must exist.

    Raises:
        Conflict: the id is taken by a different transaction.
    """
    given = TransactionRow(
        id=transaction_id,
        contact_id=contact_id,
        kind=kind,
        occurred_at=occurred_at,
        value=value,
        source=source,
        recorded_at=now,
    )
    inserted = session.scalar(
        upsert(session, Transaction)
        .values(**vars(given))
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(Transaction.id)
    )
    if inserted is None:
        row = session.execute(select(*_COLUMNS).where(Transaction.id == transaction_id)).one()
        stored = TransactionRow(**row._mapping)
        said_value = stored.value if value is None else value
        said = (contact_id, kind, occurred_at, said_value)
        if (stored.contact_id, stored.kind, stored.occurred_at, stored.value) != said:
            raise Conflict(f"transaction {transaction_id} was recorded with other values")
        return stored, False
    audit.record(
        session,
        "transaction.recorded",
        subject_type="contact",
        subject_id=contact_id,
        actor_id=actor_id,
        after={"id": transaction_id, "kind": kind, "value": value, "source": source},
        now=now,
    )
    return given, True


def transactions_of(session: Session, contact_id: str) -> Sequence[TransactionRow]:
    """Newest first."""
    rows = session.execute(
        select(*_COLUMNS).where(Transaction.contact_id == contact_id).order_by(Transaction.occurred_at.desc())
    )
    return [TransactionRow(**row._mapping) for row in rows]
