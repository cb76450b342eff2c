"""What a target learns from, and recalibrating on request: the question the loop asks each night, of one intent."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.learning import examples, loop, targets
from core.learning.examples import Examples
from core.learning.loop import Material, Verdict
from core.learning.targets import Target
from core.scoring import generic

REACH = timedelta(days=3 * 365)
"""Scores older than this teach nothing of today's market."""


def suited(session: Session, target: Target, collected: Examples, *, now: datetime) -> Examples:
    """The examples with the columns that this target may look at."""
    names = generic.discover_in(session, now=now) if target.whatever_is_there else target.generic
    return examples.with_generic(session, collected, names)


def consider(session: Session, intent: str, *, delay_days: int, now: datetime) -> tuple[Material, Verdict]:
    """What the loop would do about the intercepts of what is deployed; raises NotFound for an unknown intent."""
    target = targets.of(session, intent)
    collected = suited(session, target, examples.collect(session, since=now - REACH, until=now), now=now)
    material = loop.study(session, target, collected, delay=timedelta(days=delay_days), now=now)
    return material, loop.judge_calibration(material)
