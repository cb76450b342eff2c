"""Tables of acting: rules, decisions, assignments, the outbox and its attempts, and the inbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, BigId


class Rule(Base):
    __tablename__ = "rules"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text, default="")
    priority: Mapped[int]
    """Tried from the largest to the smallest."""
    enabled: Mapped[bool] = mapped_column(default=True)
    conditions: Mapped[list[Any]]
    """[{field, operator, value}], all must hold."""
    actions: Mapped[list[Any]]
    """[{type, params}], tried in order."""
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime]


class Decision(Base):
    """One routing result with why, and why not the others."""

    __tablename__ = "decisions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), index=True)
    decided_at: Mapped[datetime]
    trigger: Mapped[str] = mapped_column(String(32))
    """opened, escalated, reassigned, released, manual, declined, stale, returned, away, rebalanced, rebalance_undone."""
    agent_id: Mapped[str | None] = mapped_column(ForeignKey("agents.id"))
    strategy: Mapped[str] = mapped_column(String(40))
    rule_id: Mapped[str | None] = mapped_column(String(64))
    overflow: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(Text)
    """One plain sentence for the agent."""
    trace: Mapped[dict[str, Any]]
    """{rules: [...], excluded: {reason: count}, candidates: [best ten], seed, versions}."""
    house_id: Mapped[str | None] = mapped_column(String(64))
    """The house it was decided in (`routing_houses`); null where a person decided."""
    inputs: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What else it rested on (core.routing.ledger)."""
    shadow: Mapped[dict[str, Any] | None]
    """What the policy in shadow would have done: {policyId, agentId, strategy, rule, overflow, reason}."""

    __table_args__ = (
        Index(
            "ix_decisions_shadowed",
            "decided_at",
            sqlite_where=text("shadow IS NOT NULL"),
            postgresql_where=text("shadow IS NOT NULL"),
        ),
    )


class RoutingHouse(Base):
    """Agents, teams, territories, rules and strategies as they were, kept for as long as a decision rests on them."""

    __tablename__ = "routing_houses"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the content before compression."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """core.routing.snapshot."""
    created_at: Mapped[datetime]


class Policy(Base):
    """Another way of handing out alerts, kept to be tried: rules, strategies, what alerts weigh, and changes of agents."""

    __tablename__ = "policies"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    note: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(16))
    """draft, shadow, live or retired."""
    content: Mapped[dict[str, Any]]
    """core.routing.policy_content."""
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    shadowed_at: Mapped[datetime | None]
    """Since when it is, or was last, in shadow."""
    switched_at: Mapped[datetime | None]
    undo: Mapped[dict[str, Any] | None]
    """{before, after, replaced}: what the switch changed, as it was and as it became; null once taken back."""

    __table_args__ = (
        Index(
            "uq_policies_shadow",
            "status",
            unique=True,
            sqlite_where=text("status IN ('shadow', 'live')"),
            postgresql_where=text("status IN ('shadow', 'live')"),
        ),
    )


class Rebalance(Base):
    """A plan of moves that even out the work: made by one person, approved by somebody who may, taken back within minutes."""

    __tablename__ = "rebalances"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    asked_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    request: Mapped[dict[str, Any]]
    """core.routing.rebalancing.reading.Options."""
    plan: Mapped[dict[str, Any]]
    """core.routing.rebalancing.planning.Plan."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the moves and how the alerts were held."""
    state: Mapped[str] = mapped_column(String(16))
    """planned, applied or undone."""
    applied_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    applied_at: Mapped[datetime | None]
    done: Mapped[list[Any]] = mapped_column(default=list)
    """What was really moved, and how each alert stood then: what an undo looks at."""
    undone_at: Mapped[datetime | None]


class Rehearsal(Base):
    """One comparison that somebody asked for, how far it is, and what came of it."""

    __tablename__ = "rehearsals"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    asked_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime]
    request: Mapped[dict[str, Any]]
    """{days, alerts, content, policyId, seeds}."""
    state: Mapped[str] = mapped_column(String(16))
    """waiting, running, done or failed."""
    worker: Mapped[str | None] = mapped_column(String(64))
    """Who works on it."""
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any] | None]

    __table_args__ = (Index("ix_rehearsals_asked", "asked_at"),)


class Assignment(Base):
    __tablename__ = "assignments"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), index=True)
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.id"), index=True)
    decision_id: Mapped[str | None] = mapped_column(ForeignKey("decisions.id"))
    reason: Mapped[str] = mapped_column(Text)
    assigned_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    assigned_at: Mapped[datetime]
    units: Mapped[float] = mapped_column(Float, default=1.0, server_default=text("1"))
    """What it takes of the agent's capacity until it ends (core.load)."""
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        Index(
            "uq_assignments_open",
            "alert_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_assignments_declined",
            "agent_id",
            "ended_at",
            sqlite_where=text("ended_reason = 'declined'"),
            postgresql_where=text("ended_reason = 'declined'"),
        ),
    )


class EscalationPolicy(Base):
    """What happens when nobody acts in time (core.escalation.policy)."""

    __tablename__ = "escalation_policies"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text, default="")
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"))
    """Null: every team's."""
    priorities: Mapped[list[str]]
    """Empty: all; so too the types."""
    alert_types: Mapped[list[str]]
    steps: Mapped[list[Any]]
    """[{after, do, params}], each so long after the one before."""
    repeat: Mapped[int] = mapped_column(default=0)
    ack_timeout: Mapped[dict[str, Any] | None]
    on_call: Mapped[list[str]]
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime]


class Delivery(Base):
    """One message to one person (or one endpoint) by one channel; the outbox row and its ledger entry are the same row."""

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    alert_id: Mapped[str | None] = mapped_column(ForeignKey("alerts.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    """Who is told; null where an endpoint is."""
    endpoint_id: Mapped[str | None] = mapped_column(String(32))
    address_id: Mapped[str | None] = mapped_column(String(32))
    """Which of the person's addresses; null for the account's own e-mail address and for the inbox."""
    channel: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(32))
    """core.delivery.notices.Kind, or `digest`; for an endpoint the type of the event."""
    priority: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(300))
    """Why it was suppressed, deferred or given up."""
    idempotency_key: Mapped[str] = mapped_column(String(128))
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    due_at: Mapped[datetime]
    wanted_at: Mapped[datetime | None]
    """When it was to go out, which retries and leases leave alone: what the service level is measured from. Null: at once."""
    bundle: Mapped[str | None] = mapped_column(String(120))
    """What is due under the same bundle goes out as one message (core.delivery.bundling)."""
    merged_into: Mapped[str | None] = mapped_column(String(32))
    """The delivery that tells this one's news too."""
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(default=0)
    provider: Mapped[str | None] = mapped_column(String(80))
    """Who took it, where a channel has several."""
    provider_id: Mapped[str | None] = mapped_column(String(200))
    provider_at: Mapped[datetime | None]
    """The provider's own time of the newest word that counted: an older one comes too late."""
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    clicked_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        Index(
            "ix_deliveries_waiting",
            "channel",
            "due_at",
            sqlite_where=text("state IN ('queued', 'leased')"),
            postgresql_where=text("state IN ('queued', 'leased')"),
        ),
        Index(
            "ix_deliveries_bundle",
            "bundle",
            sqlite_where=text("state = 'queued' AND bundle IS NOT NULL"),
            postgresql_where=text("state = 'queued' AND bundle IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_provider_id",
            "provider_id",
            sqlite_where=text("provider_id IS NOT NULL"),
            postgresql_where=text("provider_id IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_endpoint",
            "endpoint_id",
            "created_at",
            sqlite_where=text("endpoint_id IS NOT NULL"),
            postgresql_where=text("endpoint_id IS NOT NULL"),
        ),
        Index("ix_deliveries_created", "created_at", "id"),
        Index(
            "ix_deliveries_dead",
            "created_at",
            sqlite_where=text("state = 'dead'"),
            postgresql_where=text("state = 'dead'"),
        ),
        Index("ix_deliveries_user", "user_id", "created_at"),
    )


class Attempt(Base):
    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), index=True)
    number: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(32))
    """started, sent, retry, failed or lost (the process died in between)."""
    detail: Mapped[str | None] = mapped_column(Text)


class DeliveryEvent(Base):
    """What happened to a message beside the tries: deferred, throttled, merged, suppressed, replayed, a provider's word."""

    __tablename__ = "delivery_events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), index=True)
    at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(32))
    """core.delivery.ledger.What."""
    rule: Mapped[str] = mapped_column(String(64))
    """The named rule that did it."""
    detail: Mapped[str | None] = mapped_column(Text)


class Notification(Base):
    """The in-app inbox."""

    __tablename__ = "notifications"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    delivery_id: Mapped[str | None] = mapped_column(ForeignKey("deliveries.id"), unique=True)
    alert_id: Mapped[str | None] = mapped_column(ForeignKey("alerts.id"))
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    """Hidden until then, and unread again after it."""

    __table_args__ = (Index("ix_notifications_user", "user_id", "created_at"),)
