"""An alert as lists show it: one frozen row, and the columns it is read from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import aliased

from core.db.tables import Alert, Contact, User
from core.words import Intent

AgentUser = aliased(User, name="agent_user")
_OWN_COLUMNS = (
    Alert.id,
    Alert.contact_id,
    Alert.alert_type,
    Alert.status,
    Alert.priority,
    Alert.confidence,
    Alert.confidence_low,
    Alert.confidence_high,
    Alert.probability,
    Alert.probability_low,
    Alert.probability_high,
    Alert.lift,
    Alert.territory,
    Alert.unassigned_reason,
    Alert.opened_at,
    Alert.scored_at,
    Alert.valid_until,
    Alert.snoozed_until,
    Alert.claimed_until,
    Alert.acknowledged_at,
    Alert.contacted_at,
    Alert.closed_at,
    Alert.close_reason,
    Alert.escalate_at,
    Alert.signal_count,
    Alert.signal_strength,
    Alert.model_version,
    Alert.top_factors,
    Alert.property_value,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertCard:
    id: str
    contact_id: str
    contact_name: str | None
    contact_email: str | None
    contact_phone: str | None
    alert_type: str
    status: str
    priority: str
    confidence: float
    confidence_low: float
    confidence_high: float
    probability: float
    probability_low: float
    probability_high: float
    lift: float
    territory: str | None
    agent_id: str | None
    agent_name: str | None
    unassigned_reason: str | None
    opened_at: datetime
    scored_at: datetime
    valid_until: datetime
    snoozed_until: datetime | None
    claimed_until: datetime | None
    acknowledged_at: datetime | None
    contacted_at: datetime | None
    closed_at: datetime | None
    close_reason: str | None
    escalate_at: datetime | None
    signal_count: int
    signal_strength: float
    model_version: str
    top_factors: tuple[dict[str, Any], ...]
    """{feature, label, value, contribution, text}, the strongest first."""
    property_value: float | None
    """US dollars."""
    undo_until: datetime | None
    """Until when the last action can be taken back by this viewer; None when it cannot."""

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def who(self) -> str:
        """What to call the contact: the name where there is one."""
        return self.contact_name or self.contact_email or self.contact_id


def columns() -> Select[Any]:
    """The select every list of cards starts from."""
    return (
        select(
            *_OWN_COLUMNS,
            Alert.assigned_agent_id.label("agent_id"),
            Alert.undo.label("undo"),
            Contact.name.label("contact_name"),
            Contact.email.label("contact_email"),
            Contact.phone.label("contact_phone"),
            AgentUser.name.label("agent_name"),
        )
        .join(Contact, Contact.id == Alert.contact_id)
        .outerjoin(AgentUser, AgentUser.id == Alert.assigned_agent_id)
    )


def card(row: Row[Any], *, viewer_id: str, may_undo_others: bool, now: datetime) -> AlertCard:
    """The card of one row of `columns()`, with or without the explanation beside it."""
    values = dict(row._mapping)
    memory = values.pop("undo")
    values.pop("explanation", None)
    values["top_factors"] = tuple(values["top_factors"])
    values["undo_until"] = _undo_until(memory, viewer_id=viewer_id, may_undo_others=may_undo_others, now=now)
    return AlertCard(**values)


def _undo_until(
    memory: dict[str, Any] | None, *, viewer_id: str, may_undo_others: bool, now: datetime
) -> datetime | None:
    if not memory or not (may_undo_others or memory["by"] == viewer_id):
        return None
    until = datetime.fromisoformat(memory["until"])
    return until if until > now else None


_WORDS = {
    Intent.LIKELY_TO_SELL: "Likely to sell",
    Intent.LIKELY_TO_BUY: "Likely to buy",
    Intent.REFINANCE_OPPORTUNITY: "Refinance opportunity",
    Intent.INVESTMENT_INTEREST: "Investment interest",
}


def type_words(alert_type: str) -> str:
    """The words a person reads for an alert type; a team's own type is spelled out from its id."""
    known = _WORDS.get(Intent(alert_type)) if alert_type in set(Intent) else None
    return known or alert_type.replace("_", " ").capitalize()
