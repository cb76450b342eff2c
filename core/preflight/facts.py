"""What the check rests on, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from core.delivery.planning import Way
from core.escalation.policy import Policy
from core.routing.state import House
from core.words import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    name: str
    role: str
    active: bool
    ways: Sequence[Way] = ()
    """Their addresses that a message could go to."""

    @property
    def is_admin(self) -> bool:
        return self.active and self.role == Role.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDay:
    day: date
    name: str
    team_id: str | None
    """None: everybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Alerts of one team's people; under None those that nobody owns."""

    open: int = 0
    opened: tuple[int, ...] = ()
    """By day, the oldest first; all flows have as many days."""
    closed: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Facts:
    house: House
    people: Mapping[str, Person]
    """By user id."""
    places: frozenset[str] = frozenset()
    """The smallest territories: what is around them only says where else to look."""
    policies: Sequence[Policy] = ()
    """The house's own; the defaults are known."""
    alert_types: Mapping[str, str] = field(default_factory=dict)
    """Those that open alerts: id -> what people call it."""
    holidays: Sequence[NamedDay] = ()
    flows: Mapping[str | None, Flow] = field(default_factory=dict)
    systems: frozenset[str] = frozenset()
    """Endpoints that are switched on."""
    channels: frozenset[str] = frozenset()
    """To the outside, set up."""
