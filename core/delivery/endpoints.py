"""Endpoints: other systems that are told, with their secrets opened for whoever is to sign or sign in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.db.tables.reaching import Endpoint as Row
from core.sealed import unseal
from core.settings import Settings


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
