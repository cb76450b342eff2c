"""Tables of people and homes: teams, users, agents, contacts, properties, territories."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, Float, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base


class Team(Base):
    __tablename__ = "teams"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    manager_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    default_strategy: Mapped[str] = mapped_column(String(40), default="territory")
    fallbacks: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    """Strategies tried after the default one, in this order; see core.routing.chain."""
    created_at: Mapped[datetime]


class User(Base):
    """Somebody who can sign in. An agent's user and profile share one id."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    """Lower case."""
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("role IN ('agent', 'manager', 'admin')", name="role"),)


class Agent(Base):
    """What routing knows of an agent. `open_alerts` is only ever changed by the atomic statements of core.routing.capacity."""

    __tablename__ = "agents"

    id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"), index=True)
    available: Mapped[bool] = mapped_column(default=True)
    auto_assign: Mapped[bool] = mapped_column(default=True)
    max_concurrent_alerts: Mapped[int] = mapped_column(default=10)
    open_alerts: Mapped[int] = mapped_column(default=0)
    primary_territory: Mapped[str | None] = mapped_column(String(64))
    territories: Mapped[list[str]] = mapped_column(default=list)
    skills: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Skill name to level, 1 (knows it) to 5 (the specialist)."""
    specializations: Mapped[list[str]] = mapped_column(default=list)
    preferred_alert_types: Mapped[list[str]] = mapped_column(default=list)
    schedule: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Weekday ("mon" ... "sun") to a list of ["09:00", "17:30"] spans in the user's zone; empty means always on duty."""
    round_robin_at: Mapped[float] = mapped_column(Float, default=0.0)
    """Virtual time of the fair queue: the next alert goes to the smallest."""
    weight: Mapped[float] = mapped_column(Float, default=1.0, server_default=text("1"))
    """Share of turns: 0.5 gets half as many as 1."""
    max_units: Mapped[float | None] = mapped_column(Float)
    """Capacity by weight (core.load), beside the number of alerts; null is no such limit."""
    open_units: Mapped[float] = mapped_column(Float, default=0.0, server_default=text("0"))
    max_per_day: Mapped[int | None]
    """Alerts given in one day of the agent's own zone; null is no such limit."""
    given_on: Mapped[date | None] = mapped_column(Date)
    given_today: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Alerts given on `given_on`."""
    paused_at: Mapped[datetime | None]
    """Since when nothing new is given, because nobody could be reached."""
    paused_reason: Mapped[str | None] = mapped_column(String(200))
    updated_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("open_alerts >= 0", name="open_alerts"),
        CheckConstraint("max_concurrent_alerts >= 0", name="max_concurrent_alerts"),
    )


class AgentResult(Base):
    """How an agent does with a type of alert beside the others (core.routing.results)."""

    __tablename__ = "agent_results"

    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.id"), primary_key=True)
    alert_type: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Empty for all types together."""
    closed: Mapped[int]
    won: Mapped[int]
    expected: Mapped[float] = mapped_column(Float)
    """What the others would have won of the same alerts."""
    ratio: Mapped[float] = mapped_column(Float)
    low: Mapped[float] = mapped_column(Float)
    high: Mapped[float] = mapped_column(Float)
    updated_at: Mapped[datetime]


class TimeOff(Base):
    __tablename__ = "time_off"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    cover_agent_id: Mapped[str | None] = mapped_column(ForeignKey("agents.id"))
    reason: Mapped[str] = mapped_column(String(200), default="")

    __table_args__ = (CheckConstraint("starts_at < ends_at", name="order"),)


class Holiday(Base):
    """A day off for everybody, or for one team."""

    __tablename__ = "holidays"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    day: Mapped[date] = mapped_column(Date)
    """The whole local day, in the zone of each agent it covers."""
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"))
    """None covers everybody."""

    __table_args__ = (Index("ix_holidays_day", "day"),)


class Territory(Base):
    __tablename__ = "territories"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("territories.id"))
    zips: Mapped[list[str]] = mapped_column(default=list)


class Contact(Base):
    """The homeowner or lead; `id` is the client's own (`userId` on the wire)."""

    __tablename__ = "contacts"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(40))
    territory: Mapped[str | None] = mapped_column(String(64), index=True)
    owner_agent_id: Mapped[str | None] = mapped_column(ForeignKey("agents.id"))
    """The agent this contact has a standing relation with, if any."""
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    first_seen_at: Mapped[datetime]
    last_human_event_at: Mapped[datetime | None] = mapped_column(index=True)
    scored_at: Mapped[datetime | None]
    rescore_at: Mapped[datetime | None]
    """When the line should look again without a new event: a signal was posted, or one may lapse by silence."""
    updated_at: Mapped[datetime]

    __table_args__ = (
        Index(
            "ix_contacts_rescore",
            "rescore_at",
            sqlite_where=text("rescore_at IS NOT NULL"),
            postgresql_where=text("rescore_at IS NOT NULL"),
        ),
    )


class Property(Base):
    __tablename__ = "properties"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    address: Mapped[str | None] = mapped_column(String(300))
    city: Mapped[str | None] = mapped_column(String(120))
    zip: Mapped[str | None] = mapped_column(String(16))
    territory: Mapped[str | None] = mapped_column(String(64))
    estimated_value: Mapped[float | None] = mapped_column(Float)
    """US dollars."""
    mortgage_balance: Mapped[float | None] = mapped_column(Float)
    """US dollars."""
    purchased_on: Mapped[date | None] = mapped_column(Date)
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated_at: Mapped[datetime]
