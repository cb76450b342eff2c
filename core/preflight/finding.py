"""What is found: how bad, what, when, whom it concerns, and where to put it right."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode

from core.preflight.spans import Span
from core.routing.directory import Agent
from core.routing.roster import switched_off

_SHOWN = 4


class Severity(StrEnum):
    SERIOUS = "serious"
    """Alerts will wait although somebody is usually there, or nobody will hear of them."""
    ATTENTION = "attention"
    """Worth a decision."""
    NOTE = "note"
    """Good to know."""


RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A page of the dashboard, and what it opens with."""

    page: str
    """File name of the page."""
    query: tuple[tuple[str, str], ...]
    """A view goes by what its tab is called, as in the address."""
    label: str

    def path(self) -> str:
        return f"/{self.page}?{urlencode(self.query)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    id: str
    """The same for the same thing on another day."""
    kind: str
    severity: Severity
    text: str
    """One plain sentence of what is wrong."""
    todo: str
    """One plain sentence of what to do next."""
    link: Link | None = None
    spans: tuple[Span, ...] = ()
    """When, in UTC; empty where it is so all the time."""
    night: tuple[Span, ...] = ()
    """The same outside the hours of day, told apart."""
    agent_ids: tuple[str, ...] = ()
    team_ids: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    causes: frozenset[str] = field(default_factory=frozenset)
    """What it comes from; a new one makes it news again (core.preflight.telling)."""
    weight: float = 0.0
    """Among findings as bad, the largest comes first."""


def people(*, label: str = "Their profile", agent_id: str = "") -> Link:
    chosen = (("agent", agent_id),) if agent_id else ()
    return Link(page="agents", query=(("view", "People"), *chosen), label=label)


def tab(page: str, view: str, label: str) -> Link:
    return Link(page=page, query=(("view", view),), label=label)


def listed(names: Iterable[str], *, shown: int = _SHOWN) -> str:
    """`Ann`, `Ann and Bob`, `Ann, Bob, Cal, Dee and 3 more`."""
    parts = list(names)
    if len(parts) > shown + 1:
        parts = [*parts[:shown], f"{len(parts) - shown} more"]
    return "".join(parts) if len(parts) < 2 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def why_away(agents: Iterable[Agent], spans: Iterable[Span]) -> frozenset[str]:
    """What keeps these people from being there: each time off and switch by name, however the window cuts it."""
    during = list(spans)
    found = set()
    for agent in agents:
        if (switched := switched_off(agent)) is not None:
            found.add(f"{agent.id} {switched}")
        for starts, ends, cover in agent.time_off:
            if any(begins < ends and starts < stops for begins, stops in during):
                found.add(f"{agent.id} off {starts.isoformat()} {ends.isoformat()} {cover or ''}")
    return frozenset(found)
