"""The first page: what is open, what waits, what was won this week, and how loaded the agents are."""

from dataclasses import dataclass

from core.views.intervals import Quantile


@dataclass(frozen=True, kw_only=True)
class AgentLoad:
    agent_id: str
    name: str
    team_name: str | None
    load: int
    capacity: int
    available: bool


@dataclass(frozen=True, kw_only=True)
class Overview:
    open_by_priority: dict[str, int]
    """Every priority, the most urgent first; snoozed ones are not counted."""
    open_total: int
    unacknowledged: int
    """Open and NEW."""
    mine: int
    """Open and owned by the viewer."""
    unassigned: int
    snoozed: int
    overdue: int
    """Not acknowledged in their priority's time."""
    opened_today: int
    converted_this_week: int
    """Since Monday 0:00 in the viewer's zone."""
    converted_last_week: int
    """The whole week before."""
    value_this_week: float
    """US dollars, of the conversions that named one."""
    response: Quantile | None
    """Median seconds from opening to acknowledging, over the last 7 days; None when nothing was."""
    agents: tuple[AgentLoad, ...]
    """The fullest first."""
