"""The part of a system's form that a team's chat has: its service, and that service's own words for the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import runtime
from app.ui import chat_fields
from core.db.tables.reaching import Endpoint
from core.delivery import chat_addresses
from core.delivery.chatting import SERVICES

CHANNEL = "team_chat"


@dataclass(frozen=True, kw_only=True)
class Chat:
    """What was entered."""

    service: str
    entered: Mapping[str, str]
    kept: bool
    """Whether nothing entered leaves the address that is stored."""

    def address(self) -> str | None:
        """As it is kept; None where the stored one stays.

        Raises:
            Invalid: naming each part that is missing.
        """
        if self.kept and chat_fields.is_empty(self.service, self.entered):
            return None
        return chat_addresses.compose(self.service, self.entered)

    def called(self, place: str) -> str:
        """Where something is wrong, as the form calls it; empty for what every system has."""
        labels = {part.name: part.label for part in chat_addresses.PARTS[self.service]}
        return next(iter(labels.values())) if place == "secret" else labels.get(place, "")


def inputs(config: Mapping[str, Any], *, stored: bool, key: str) -> Chat:
    """Draw them.

    Args:
        config: of the endpoint.
        stored: whether it has an address already.
    """
    before = str(config.get("service", ""))
    service = chat_fields.service(runtime.current().settings.chats or SERVICES, stored=before, key=key)
    kept = stored and service == (before or service)
    hint = "Kept sealed and never shown again." + (" Empty: it stays as it is." if kept else "")
    return Chat(service=service, entered=chat_fields.parts(service, key=key, help=hint), kept=kept)


def service_of(one: Endpoint) -> str:
    """Which chat a team's is; empty of anything else."""
    service = SERVICES.get(str(one.config.get("service", ""))) if one.channel == CHANNEL else None
    return service.label if service else ""
