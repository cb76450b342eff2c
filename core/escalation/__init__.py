"""ESCALATE: what happens when nobody acts in time; `policy` says what, `clocks` when, `running` does it.

The clock starts when the owner was first reached while on duty, stops only by the owner's own action (core.alerts sets
`escalate_at` to null), and each reassignment starts it again.
"""

from core.escalation.policy import DEFAULTS, Policy
from core.escalation.ringing import ring, ring_declined, ring_together
from core.escalation.running import (
    declined,
    due,
    escalate,
    in_pool,
    may_be_forgotten,
    on_call,
    overdue,
    rearm,
    start,
    waiting_to_start,
    watchdog_notices,
)
from core.escalation.telling import Standing, standing

__all__ = [
    "DEFAULTS",
    "Policy",
    "Standing",
    "declined",
    "due",
    "escalate",
    "in_pool",
    "may_be_forgotten",
    "on_call",
    "overdue",
    "rearm",
    "ring",
    "ring_declined",
    "ring_together",
    "standing",
    "start",
    "waiting_to_start",
    "watchdog_notices",
]
