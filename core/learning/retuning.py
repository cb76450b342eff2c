"""Recalibrating on request: the same question the loop asks each night, of one intent."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.learning import examples, loop, targets
from core.learning.loop import Material, Verdict

REACH = timedelta(days=3 * 365)
"""Scores older than this teach nothing of today's market."""


def consider(session: Session, intent: str, *, delay_days: int, now: datetime) -> tuple[Material, Verdict]:
    """What the loop would do about the intercepts of what is deployed; raises NotFound for an unknown intent."""
    target = targets.of(session, intent)
    collected = examples.collect(session, since=now - REACH, until=now)
    material = loop.study(session, target, collected, delay=timedelta(days=delay_days), now=now)
    return material, loop.judge_calibration(material, seed=int(now.timestamp()) // 86_400)
