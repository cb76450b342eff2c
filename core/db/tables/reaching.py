"""Tables of reaching people: addresses, preferences, consent, endpoints, the state of providers, links used once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, BigId


class Address(Base):
    """One way to reach a person: a phone, a browser that asked for push, a chat."""

    __tablename__ = "addresses"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    channel: Mapped[str] = mapped_column(String(32))
    """The channel's `address`: phone, push, chat. SMS and voice share a phone."""
    value: Mapped[str] = mapped_column(Text)
    """A number in E.164, a push service's URL; sealed (core.sealed) where it is a secret."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the value as given: the same address once a person."""
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What else the channel needs, secrets sealed."""
    label: Mapped[str] = mapped_column(String(120))
    """As its owner knows it: "+1 512 ... 42", "Chrome on a phone"."""
    verified_at: Mapped[datetime | None]
    """When its owner proved that it reaches them; nothing but the proof is sent before."""
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("user_id", "channel", "digest"), Index("ix_addresses_digest", "digest"))


class Preference(Base):
    """Whom, how and when, as a person chose (core.delivery.preferences)."""

    __tablename__ = "preferences"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    value: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime]


class Consent(Base):
    """One row of the append-only ledger of who may be sent what; the newest of an address, channel and scope holds."""

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    channel: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(String(254))
    """Lower-case e-mail address, E.164 number, or the digest of anything longer."""
    scope: Mapped[str] = mapped_column(String(16))
    """all or digests."""
    given: Mapped[bool]
    source: Mapped[str] = mapped_column(String(32))
    """reply, one_click, bounce, complaint, person, admin."""
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    """Whose address it was then."""
    actor_id: Mapped[str | None] = mapped_column(String(64))
    proof: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What shows it: the reply's text and provider id, the link, the provider's reason."""

    __table_args__ = (Index("ix_consents_address", "address", "channel", "id"),)


class Endpoint(Base):
    """Another system that is told: a webhook, a CRM, a team's chat."""

    __tablename__ = "endpoints"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    """The channel that carries it: webhook, salesforce, hubspot, chat."""
    name: Mapped[str] = mapped_column(String(120))
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"))
    """Only what concerns this team; null: everything."""
    url: Mapped[str | None] = mapped_column(Text)
    config: Mapped[dict[str, Any]] = mapped_column(default=dict)
    secrets: Mapped[list[Any]] = mapped_column(default=list)
    """[{sealed, hint, from, until}], the newest first; all that are valid now sign."""
    event_types: Mapped[list[str]] = mapped_column(default=list)
    """Empty: all."""
    enabled: Mapped[bool] = mapped_column(default=True)
    cursor: Mapped[int] = mapped_column(BigId, default=0)
    """The last change of the feed that was announced to it (core.delivery.announcing)."""
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ProviderState(Base):
    """How a provider (`email:smtp.example.com`) or a destination (`webhook:<endpoint>`) does: its pace and its pauses."""

    __tablename__ = "provider_states"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    next_at: Mapped[float] = mapped_column(Float, default=0.0)
    """Theoretical arrival time of the next message, in epoch seconds: the whole of a rate limit (GCRA)."""
    failures: Mapped[int] = mapped_column(default=0)
    """In a row."""
    paused_until: Mapped[datetime | None]
    """Nothing is sent before; then one message probes."""
    last_error: Mapped[str | None] = mapped_column(String(300))
    failed_at: Mapped[datetime | None]
    worked_at: Mapped[datetime | None]


class UsedLink(Base):
    """Links in messages that act once."""

    __tablename__ = "used_links"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    """After it the link is refused for its age, and this row can go."""

    __table_args__ = (Index("ix_used_links_expires", "expires_at"),)
