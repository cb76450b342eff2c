"""Every table, one module a part of the line."""

from core.db.base import Base
from core.db.tables.acting import (
    Assignment,
    Attempt,
    Decision,
    Delivery,
    EscalationPolicy,
    Notification,
    Policy,
    Rehearsal,
    RoutingHouse,
    Rule,
)
from core.db.tables.behaviour import ContactSession, Event, Rollup, Signal
from core.db.tables.deciding import Alert, AlertOutcome, LatestScore, ModelVersion, Score, Transaction
from core.db.tables.learning import AlertType, DriftCheck, Experiment, Exposure
from core.db.tables.people import Agent, AgentResult, Contact, Holiday, Property, Team, Territory, TimeOff, User
from core.db.tables.running import (
    AuditRow,
    Change,
    IdempotentResponse,
    JobRun,
    SavedFilter,
    Setting,
    SignInSession,
    Version,
)

__all__ = [
    "Agent",
    "AgentResult",
    "Alert",
    "AlertOutcome",
    "AlertType",
    "Assignment",
    "Attempt",
    "AuditRow",
    "Base",
    "Change",
    "Contact",
    "ContactSession",
    "Decision",
    "Delivery",
    "DriftCheck",
    "EscalationPolicy",
    "Event",
    "Experiment",
    "Exposure",
    "Holiday",
    "IdempotentResponse",
    "JobRun",
    "LatestScore",
    "ModelVersion",
    "Notification",
    "Policy",
    "Property",
    "Rehearsal",
    "Rollup",
    "RoutingHouse",
    "Rule",
    "SavedFilter",
    "Score",
    "Setting",
    "SignInSession",
    "Signal",
    "Team",
    "Territory",
    "TimeOff",
    "Transaction",
    "User",
    "Version",
]
