"""The inbox: delivered in the transaction that decided, so there is nothing between deciding and being told."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from core import changes, ids
from core.changes import Audience
from core.db.tables.acting import Notification
from core.delivery.channel import Channel, Inbox
from core.words import ChangeKind, Priority


def write(session: Session, items: Sequence[Inbox], now: datetime) -> None:
    """Put each item into its user's inbox and on their live screens."""
    rows = [
        {
            "id": ids.new_id(),
            "user_id": item.user_id,
            "delivery_id": item.delivery_id,
            "alert_id": item.alert_id,
            "title": item.title[:200],
            "body": item.body,
            "created_at": now,
        }
        for item in items
    ]
    session.execute(insert(Notification), rows)
    for item, row in zip(items, rows, strict=True):
        changes.tell(
            session,
            ChangeKind.NOTIFICATION_NEW,
            subject_id=row["id"],  # type: ignore[arg-type]
            audience=Audience(users=(item.user_id,)),
            payload={
                "id": row["id"],
                "alertId": item.alert_id,
                "kind": item.kind,
                "priority": item.priority,
                "title": row["title"],
                "body": item.body,
                "createdAt": now.isoformat().replace("+00:00", "Z"),
            },
            now=now,
        )


CHANNEL = Channel(
    name="in_app",
    label="the inbox",
    setup="",
    priorities=frozenset(Priority),
    write=write,
    preview=lambda message: {
        "title": message.title,
        "text": "; ".join(message.story.factors) if message.story else message.text,
    },
)
