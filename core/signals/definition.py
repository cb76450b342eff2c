"""What a signal is: one frozen constant a file in `catalog`, deciding from a contact's history whether it fires."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.history import History
from core.words import SignalCategory


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A pattern that fits: how strong, and what its evidence is made of."""

    strength: float
    """0 to 1."""
    count: int
    """Human events that make the pattern."""
    exposure: float
    """In what the count was made: days, or mails sent."""
    earlier: int
    """The same behaviour before, by the same contact."""
    earlier_exposure: float
    machine: int = 0
    """Events of the same kind that a machine made."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """More numbers a person is shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prior:
    """How often such behaviour happens in the population: a Gamma distribution over contacts' own rates."""

    rate: float
    """Mean per unit of exposure (per day, or per mail)."""
    shape: float = 1.0
    """Smaller means contacts differ more; 1 is an exponential spread of rates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalDefinition:
    """One kind of signal found in events."""

    type: str
    category: SignalCategory
    label: str
    window_days: int
    kinds: tuple[str, ...]
    """The rollup kinds whose events contribute."""
    prior: Prior
    find: Callable[[History, int], Match | None]
    """(history, ordinal of today) to the match, or None."""


def per_month(count: float, *, shape: float = 1.0) -> Prior:
    """The prior of a behaviour the average contact shows `count` times in 30 days."""
    return Prior(rate=count / 30, shape=shape)


def at_least(threshold: int, *, of: tuple[str, ...], days: int, full: int) -> Callable[[History, int], Match | None]:
    """Fires at `threshold` human events within `days`; `full` of them are strength 1."""

    def find(history: History, today: int) -> Match | None:
        count = sum(history.human(kind, today, days=days) for kind in of)
        if count < threshold:
            return None
        return counted(history, today, of=of, days=days, count=count, strength=count / full)

    return find


def counted(history: History, today: int, *, of: tuple[str, ...], days: int, count: int, strength: float) -> Match:
    """A match on a count over days, with the contact's own earlier days to judge it by."""
    before = max(0, history.known_days(today) - days)
    return Match(
        strength=min(1.0, strength),
        count=count,
        exposure=days,
        earlier=sum(history.human(kind, today, days=before, skip=days) for kind in of) if before else 0,
        earlier_exposure=before,
        machine=sum(history.machine(kind, today, days=days) for kind in of),
    )
