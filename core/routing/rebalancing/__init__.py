"""REBALANCE: the fewest moves of untouched alerts that bring people under their limits, shown, approved and taken back.

reading (who holds what, what may move) -> solving (the fewest moves) -> planning (in words) -> book (kept, done, undone)
"""

from core.routing.rebalancing.book import Kept, Result, apply, contacts, current, get, keep, undo
from core.routing.rebalancing.planning import Load, Plan, PlannedMove, plan
from core.routing.rebalancing.reading import Options, Standing, standing

__all__ = [
    "Kept",
    "Load",
    "Options",
    "Plan",
    "PlannedMove",
    "Result",
    "Standing",
    "apply",
    "contacts",
    "current",
    "get",
    "keep",
    "plan",
    "standing",
    "undo",
]
