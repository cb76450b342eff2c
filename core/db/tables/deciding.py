"""Tables of deciding: model versions, scores, alerts, outcomes and what really happened."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, BigId, Parameters


class ModelVersion(Base):
    __tablename__ = "model_versions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    intent: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(32))
    """prior, logistic, additive ..."""
    parameters: Mapped[dict[str, Any]] = mapped_column(Parameters)
    """Plain numbers (core.scoring.model); nothing is ever unpickled."""
    sha256: Mapped[str] = mapped_column(String(64))
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    trained_on: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    deployed_at: Mapped[datetime | None]
    shadowed_at: Mapped[datetime | None]
    """Since when it scores beside the deployed one."""
    retired_at: Mapped[datetime | None]
    previous_id: Mapped[str | None] = mapped_column(String(64))
    """The version it took the place of: where a rollback goes."""
    note: Mapped[str | None] = mapped_column(Text)
    """Why it was made, promoted or retired, in a sentence."""

    __table_args__ = (
        Index(
            "uq_model_versions_deployed",
            "intent",
            unique=True,
            sqlite_where=text("status = 'deployed'"),
            postgresql_where=text("status = 'deployed'"),
        ),
    )


class Score(Base):
    """One scoring of one contact: the features as they stood and every intent's numbers, kept whether or not it alerted."""

    __tablename__ = "scores"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    scored_at: Mapped[datetime]
    feature_set: Mapped[int]
    features: Mapped[bytes] = mapped_column(LargeBinary)
    """float32, little-endian, in the order of that feature set; NaN is missing."""
    results: Mapped[dict[str, Any]]
    """intent -> [probability, confidence, model version]; for models in shadow "shadow:<version>" -> [probability, confidence]."""

    __table_args__ = (Index("ix_scores_contact_at", "contact_id", "scored_at"),)


class LatestScore(Base):
    """The newest score per contact and intent, for lists such as "Warmest this week"."""

    __tablename__ = "latest_scores"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    intent: Mapped[str] = mapped_column(String(64), primary_key=True)
    probability: Mapped[float] = mapped_column(Float)
    confidence: Mapped[float] = mapped_column(Float)
    lift: Mapped[float] = mapped_column(Float)
    scored_at: Mapped[datetime]

    __table_args__ = (Index("ix_latest_scores_at_lift", "scored_at", "lift"),)


class Alert(Base):
    __tablename__ = "alerts"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    alert_type: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    priority: Mapped[str] = mapped_column(String(16))
    confidence: Mapped[float] = mapped_column(Float)
    confidence_low: Mapped[float] = mapped_column(Float)
    confidence_high: Mapped[float] = mapped_column(Float)
    probability: Mapped[float] = mapped_column(Float)
    probability_low: Mapped[float] = mapped_column(Float)
    probability_high: Mapped[float] = mapped_column(Float)
    lift: Mapped[float] = mapped_column(Float)
    signal_strength: Mapped[float] = mapped_column(Float)
    """S = 1 - product over open signals of (1 - strength * confidence)."""
    signal_count: Mapped[int]
    model_version: Mapped[str] = mapped_column(String(64))
    explanation: Mapped[dict[str, Any]]
    """{base, contributions: [{feature, label, value, contribution}], calibrated, text}; base + contributions = log-odds."""
    top_factors: Mapped[list[Any]]
    territory: Mapped[str | None] = mapped_column(String(64))
    property_value: Mapped[float | None] = mapped_column(Float)
    assigned_agent_id: Mapped[str | None] = mapped_column(ForeignKey("agents.id"))
    unassigned_reason: Mapped[str | None] = mapped_column(String(200))
    opened_at: Mapped[datetime]
    scored_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    snoozed_until: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    contacted_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    close_reason: Mapped[str | None] = mapped_column(String(64))
    undo: Mapped[dict[str, Any] | None]
    """What the last action changed, while it can still be undone: {until, by, before: {...}}."""
    claimed_until: Mapped[datetime | None]
    """Until when who claimed it from the pool must act on it; null once they have, and where nobody claimed it."""
    notified_at: Mapped[datetime | None]
    """When the present owner was first reached while on duty: the escalation clock runs from here."""
    escalate_at: Mapped[datetime | None]
    """When the next escalation step is due; null while nobody is owed anything."""
    escalation_step: Mapped[int] = mapped_column(default=0)
    details: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    """Free values that rules may read as ${metadata.name}."""
    updated_at: Mapped[datetime]

    __table_args__ = (
        Index(
            "uq_alerts_open",
            "contact_id",
            "alert_type",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        CheckConstraint(
            "(closed_at IS NULL) = (status IN ('NEW', 'ACKNOWLEDGED', 'IN_PROGRESS', 'CONTACTED'))", name="closed"
        ),
        CheckConstraint(
            "closed_at IS NOT NULL OR assigned_agent_id IS NOT NULL OR unassigned_reason IS NOT NULL", name="owner"
        ),
        Index(
            "ix_alerts_claimed",
            "claimed_until",
            sqlite_where=text("claimed_until IS NOT NULL"),
            postgresql_where=text("claimed_until IS NOT NULL"),
        ),
        # The lists of screens, measured at 100,000 alerts: the first two hold what an open list filters by.
        Index(
            "ix_alerts_open_list",
            "priority",
            "opened_at",
            "id",
            "assigned_agent_id",
            "snoozed_until",
            "status",
            "alert_type",
            "confidence",
            "territory",
            "escalate_at",
            "contact_id",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index(
            "ix_alerts_open_of_agent",
            "assigned_agent_id",
            "priority",
            "opened_at",
            "id",
            "snoozed_until",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_alerts_urgent", "priority", "opened_at", "id", "assigned_agent_id", "snoozed_until"),
        Index("ix_alerts_sure", "confidence", "id", "assigned_agent_id"),
        Index(
            "ix_alerts_closed",
            "status",
            "closed_at",
            sqlite_where=text("closed_at IS NOT NULL"),
            postgresql_where=text("closed_at IS NOT NULL"),
        ),
        Index("ix_alerts_opened", "opened_at", "id"),
        Index("ix_alerts_agent_opened", "assigned_agent_id", "opened_at", "id"),
        Index("ix_alerts_status_opened", "status", "opened_at", "id"),
        Index(
            "ix_alerts_escalate",
            "escalate_at",
            sqlite_where=text("escalate_at IS NOT NULL"),
            postgresql_where=text("escalate_at IS NOT NULL"),
        ),
        Index(
            "ix_alerts_valid_until",
            "valid_until",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )


class AlertOutcome(Base):
    __tablename__ = "outcomes"

    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16))
    converted: Mapped[bool] = mapped_column(default=False)
    value: Mapped[float | None] = mapped_column(Float)
    """US dollars."""
    transaction_type: Mapped[str | None] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(String(64))
    notes: Mapped[str | None] = mapped_column(Text)
    contact_methods: Mapped[list[str]] = mapped_column(default=list)
    recorded_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    recorded_at: Mapped[datetime]


class Transaction(Base):
    """What really happened to a contact's home or loan, from the county, the MLS or a CSV."""

    __tablename__ = "transactions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    """sale, purchase, refinance or investment."""
    occurred_at: Mapped[datetime]
    value: Mapped[float | None] = mapped_column(Float)
    source: Mapped[str] = mapped_column(String(64), default="api")
    recorded_at: Mapped[datetime]
