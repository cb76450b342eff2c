"""ROUTE: the right agent for an alert. `route` is the whole of it; `choosing.choose` is its pure middle; read that next.

rules (conditions, actions) -> the team's strategy (strategies/, one file each) -> overflow, or the pool with the reason
"""

from core.routing.claims import claim
from core.routing.declining import decline
from core.routing.dispatch import Routed, route
from core.routing.moves import Moved, bulk_reassign, drain_pool, handle_stale, reassign
from core.routing.reading import available_agents, decision, simulate, workload
from core.routing.state import State

__all__ = [
    "Moved",
    "Routed",
    "State",
    "available_agents",
    "bulk_reassign",
    "claim",
    "decision",
    "decline",
    "drain_pool",
    "handle_stale",
    "reassign",
    "route",
    "simulate",
    "workload",
]
