"""Tables of learning: experiments and what they withheld or varied, alert types of a team's own, and drift."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import Base, BigId


class Experiment(Base):
    __tablename__ = "experiments"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    hypothesis: Mapped[str] = mapped_column(Text, default="")
    kind: Mapped[str] = mapped_column(String(16))
    """model, threshold, routing or holdout."""
    status: Mapped[str] = mapped_column(String(16))
    """draft, running or stopped."""
    salt: Mapped[str] = mapped_column(String(32))
    """What a contact's id is hashed with: another experiment splits the same contacts another way."""
    alert_types: Mapped[list[str]]
    """Empty: every type."""
    variants: Mapped[list[Any]]
    """[{key, name, share, config}], the first is the control; shares add up to 1."""
    metric: Mapped[str] = mapped_column(String(32))
    plan: Mapped[dict[str, Any]]
    """{baseline, effect, power, alpha, perVariant, method, looks}: written down before the start."""
    conclusion: Mapped[dict[str, Any] | None]
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]


class Exposure(Base):
    """One contact that met an experiment: which variant it got, and how likely that was."""

    __tablename__ = "exposures"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    experiment_id: Mapped[str] = mapped_column(ForeignKey("experiments.id"))
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    alert_type: Mapped[str] = mapped_column(String(64))
    variant: Mapped[str] = mapped_column(String(32))
    propensity: Mapped[float] = mapped_column(Float)
    """The probability with which this contact got this variant."""
    at: Mapped[datetime]
    confidence: Mapped[float] = mapped_column(Float)
    probability: Mapped[float] = mapped_column(Float)
    alert_id: Mapped[str | None] = mapped_column(ForeignKey("alerts.id"))
    """Null where no alert was opened: withheld, or below this variant's threshold."""
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        UniqueConstraint("experiment_id", "contact_id", "alert_type"),
        Index("ix_exposures_contact", "contact_id"),
    )


class AlertType(Base):
    """An alert type of a team's own, beside the four: scored by a rule, or by a model trained on outcomes."""

    __tablename__ = "alert_types"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """As it stands in alerts.alert_type: upper case, digits and underscores."""
    name: Mapped[str] = mapped_column(String(80))
    description: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(16))
    """draft, active or retired."""
    kind: Mapped[str] = mapped_column(String(16))
    """rule or trained."""
    definition: Mapped[dict[str, Any]]
    """See core.alert_types."""
    horizon_days: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DriftCheck(Base):
    """One number watched for drift: a feature's or the scores' distribution, or observed against expected."""

    __tablename__ = "drift_checks"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    checked_at: Mapped[datetime]
    intent: Mapped[str] = mapped_column(String(64))
    model_version: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    """feature, score or outcome."""
    subject: Mapped[str] = mapped_column(String(64))
    """A feature's name, "probability" or "confidence", or a tier."""
    statistic: Mapped[str] = mapped_column(String(16))
    """psi, ks or ratio."""
    value: Mapped[float] = mapped_column(Float)
    limit: Mapped[float] = mapped_column(Float)
    alarmed: Mapped[bool]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (Index("ix_drift_checks_intent_at", "intent", "checked_at"),)
