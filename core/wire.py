"""The shape of things on the wire, shared by REST, Socket.IO and webhooks: camelCase, ISO 8601 in UTC."""

from datetime import UTC, datetime
from typing import Any

from core.db.tables import Alert, Contact


def to_iso(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


OF_ALERT = (
    "id",
    "contact_id",
    "alert_type",
    "confidence",
    "probability",
    "lift",
    "confidence_low",
    "confidence_high",
    "probability_low",
    "probability_high",
    "priority",
    "status",
    "territory",
    "assigned_agent_id",
    "unassigned_reason",
    "opened_at",
    "scored_at",
    "valid_until",
    "snoozed_until",
    "claimed_until",
    "model_version",
    "signal_count",
    "top_factors",
)
"""The columns of an alert that go over the wire."""
OF_CONTACT = ("name", "email")


def alert(row: Alert, contact: Contact | None) -> dict[str, Any]:
    """One alert as clients receive it; `changeId` is added by the feed's reader."""
    return {
        "id": row.id,
        "userId": row.contact_id,
        "user": {
            "id": row.contact_id,
            "name": contact.name if contact else None,
            "email": contact.email if contact else None,
        },
        "alertType": row.alert_type,
        "confidence": round(row.confidence, 4),
        "probability": round(row.probability, 4),
        "lift": round(row.lift, 2),
        "interval": [round(row.confidence_low, 4), round(row.confidence_high, 4)],
        "probabilityInterval": [round(row.probability_low, 4), round(row.probability_high, 4)],
        "priority": row.priority,
        "status": row.status,
        "territory": row.territory,
        "assignedAgentId": row.assigned_agent_id,
        "unassignedReason": row.unassigned_reason,
        "openedAt": to_iso(row.opened_at),
        "scoredAt": to_iso(row.scored_at),
        "validUntil": to_iso(row.valid_until),
        "snoozedUntil": to_iso(row.snoozed_until),
        "claimedUntil": to_iso(row.claimed_until),
        "modelVersion": row.model_version,
        "signalCount": row.signal_count,
        "topFactors": row.top_factors,
    }
