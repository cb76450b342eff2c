"""Tables of behaviour: events as they came, rollups per contact, kind and day, sessions, and signals."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, Float, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, BigId


class Event(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(128))
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    event_type: Mapped[str] = mapped_column(String(32))
    event_category: Mapped[str] = mapped_column(String(32))
    event_name: Mapped[str | None] = mapped_column(String(128))
    occurred_at: Mapped[datetime]
    """When it happened; a client clock ahead of ours is pulled back to received_at (kept in properties as claimedAt)."""
    received_at: Mapped[datetime]
    session_id: Mapped[str | None] = mapped_column(String(128))
    device: Mapped[str | None] = mapped_column(String(32))
    user_agent: Mapped[str | None] = mapped_column(String(512))
    ip: Mapped[str | None] = mapped_column(String(64))
    page_url: Mapped[str | None] = mapped_column(Text)
    referrer: Mapped[str | None] = mapped_column(Text)
    properties: Mapped[dict[str, Any]] = mapped_column(default=dict)
    is_machine: Mapped[bool] = mapped_column(default=False)
    """Set by the decide stage: a mail scanner or robot, kept but not counted as a human's."""
    p_human: Mapped[float | None] = mapped_column(Float)
    """How likely a person made it, 0-1 (core.traffic); null where nothing speaks against it."""
    processed_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("event_id"),
        Index("ix_events_contact_occurred", "contact_id", "occurred_at"),
        Index(
            "ix_events_unprocessed",
            "id",
            "contact_id",
            sqlite_where=text("processed_at IS NULL"),
            postgresql_where=text("processed_at IS NULL"),
        ),
    )


class Rollup(Base):
    """How often a kind of behaviour (see core.history) was seen on one UTC day."""

    __tablename__ = "rollups"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(48), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    human: Mapped[int] = mapped_column(default=0)
    machine: Mapped[int] = mapped_column(default=0)


class ContactSession(Base):
    """One visit, by the client's sessionId: its length is last minus first event."""

    __tablename__ = "contact_sessions"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    started_at: Mapped[datetime]
    last_at: Mapped[datetime]


class Signal(Base):
    __tablename__ = "signals"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    type: Mapped[str] = mapped_column(String(48))
    subtype: Mapped[str] = mapped_column(String(48), default="")
    """LIFE_EVENT's kind (job_change, address_change, building_permit); empty for the rest."""
    category: Mapped[str] = mapped_column(String(32))
    source: Mapped[str] = mapped_column(String(64), default="events")
    external_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    strength: Mapped[float] = mapped_column(Float)
    confidence: Mapped[float] = mapped_column(Float)
    event_count: Mapped[int] = mapped_column(default=0)
    event_ids: Mapped[list[str]] = mapped_column(default=list)
    """The newest contributing events, at most 50."""
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The numbers a person is shown: count, expected, window days, rate before."""
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    """For a posted signal: until when it counts."""
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_signals_open",
            "contact_id",
            "type",
            "subtype",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )
