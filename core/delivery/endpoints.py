"""Endpoints: other systems that are told, with their secrets opened for whoever is to sign or sign in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.db.tables.reaching import Endpoint as Row
from core.sealed import unseal
from core.settings import Settings
from core.words import ChangeKind

ESCALATED = "alert:escalated"
"""A policy's step tells it (core.escalation)."""
TEST = "endpoint:test"
EVENT_TYPES: tuple[str, ...] = (
    ChangeKind.ALERT_NEW,
    ChangeKind.ALERT_UPDATED,
    ChangeKind.ALERT_ASSIGNED,
    ChangeKind.ALERT_CONVERTED,
    ESCALATED,
)
"""What an endpoint can be told of."""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """One secret and how long it counts: while one is rotated two do."""

    value: str
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """What a channel needs to know of the system it tells."""

    id: str
    name: str
    url: str
    config: Mapping[str, Any]
    secrets: tuple[Secret, ...]
    """The newest first."""

    def valid(self, now: datetime) -> list[str]:
        """The secrets that count now."""
        return [secret.value for secret in self.secrets if secret.until is None or secret.until > now]


def reveal(row: Row, settings: Settings) -> Endpoint:
    return Endpoint(
        id=row.id,
        name=row.name,
        url=row.url or "",
        config=dict(row.config),
        secrets=tuple(
            Secret(
                value=unseal(settings.signing_key, secret["sealed"]),
                until=datetime.fromisoformat(secret["until"]) if secret.get("until") else None,
            )
            for secret in row.secrets
        ),
    )
