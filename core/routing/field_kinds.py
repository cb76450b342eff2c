"""What the fields of a rule are, for those who write and read rules: how people call them, their kind, and what may stand there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.routing import fields

Kind = Literal[
    "type",
    "priority",
    "status",
    "territory",
    "agent",
    "signal",
    "weekday",
    "month",
    "number",
    "money",
    "share",
    "count",
    "years",
    "clock",
    "date",
    "yes_no",
    "text",
]
NUMBERS = frozenset({"number", "money", "share", "count", "years"})
TIMES = frozenset({"clock", "date"})
CHOICES = frozenset({"type", "priority", "status", "territory", "agent", "signal", "weekday", "month"})
OPEN_CHOICES = frozenset({"territory", "agent", "signal"})
"""Choices that may also be a template, or one that is not there yet."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    kind: Kind
    listed: bool = False
    """Its value is a list: it contains, it does not equal."""


FREE = {"contact.attributes.": "Contact's attribute", "metadata.": "Alert's detail"}
"""Namespaces where anything may be named."""

FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("alert.type", "Type", "type"),
        Field("alert.priority", "Priority", "priority"),
        Field("alert.territory", "Territory", "territory"),
        Field("alert.confidence", "Confidence", "share"),
        Field("alert.probability", "Probability", "share"),
        Field("alert.lift", "Times the usual rate", "number"),
        Field("alert.signalStrength", "Strength of all signals", "share"),
        Field("alert.signalCount", "Number of signals", "count"),
        Field("signals", "Open signals", "signal", listed=True),
        Field("alert.propertyValue", "Home value when the alert opened", "money"),
        Field("alert.status", "Status", "status"),
        Field("alert.assignedAgentId", "Present owner", "agent"),
        Field("metadata.previousAgentId", "Agent who has or had the contact", "agent"),
        Field("property.estimatedValue", "Home value", "money"),
        Field("property.mortgageBalance", "Mortgage balance", "money"),
        Field("property.equity", "Equity", "money"),
        Field("property.yearsOwned", "Years owned", "years"),
        Field("property.count", "Number of homes", "count"),
        Field("property.zip", "ZIP code", "text"),
        Field("property.city", "City", "text"),
        Field("property.territory", "Home's territory", "territory"),
        Field("contact.territory", "Contact's territory", "territory"),
        Field("contact.ownerAgentId", "Contact's own agent", "agent"),
        Field("contact.firstSeenAt", "First seen", "date"),
        Field("time.clock", "Time of day", "clock"),
        Field("time.weekday", "Weekday", "weekday"),
        Field("time.isWeekend", "Weekend", "yes_no"),
        Field("time.hour", "Hour", "count"),
        Field("time.minute", "Minute", "count"),
        Field("time.month", "Month", "month"),
        Field("time.date", "Date", "date"),
        Field("alert.modelVersion", "Model version", "text"),
        Field("alert.id", "Alert's id", "text"),
        Field("contact.id", "Contact's id", "text"),
        Field("property.id", "Home's id", "text"),
    )
}
"""In the order people look for them."""


def field(name: str) -> Field:
    """The field of this name, however it is written; one that does not exist is text under its own name."""
    try:
        path = ".".join(fields.canonical(name))
    except ValueError:
        path = name
    if known := FIELDS.get(path):
        return known
    for start, label in FREE.items():
        if path.startswith(start):
            return Field(path, f"{label} “{path.removeprefix(start)}”", "text")
    return Field(path, path or "a field", "text")
