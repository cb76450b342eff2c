"""Agents whom nobody reaches are paused and told so, with their manager; who does anything again is back."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import delivery, log
from core.clock import Clock
from core.db import Database
from core.db.tables import Agent, Team, User
from core.delivery import Kind, Notice
from core.delivery.saying import Saying, saying
from core.learning import telling
from core.routing import pausing
from core.words import Priority, Role

_log = log.get(__name__)


def pause_once(database: Database, clock: Clock) -> str:
    """One pass; what was done, in words."""
    now = clock.now()
    with database.read() as session:
        back = pausing.back(session)
        at = pausing.limits(session)
        decided = pausing.decide(pausing.read(session, at, now=now), at)
    if not (back or decided.pause or decided.tell):
        return ""
    with database.write() as session:
        returned = [agent_id for agent_id in back if pausing.resume(session, agent_id, viewer=None, now=now)]
        paused = [who for who, why in sorted(decided.pause.items()) if pausing.pause(session, who, str(why), now=now)]
        for agent_id in paused:
            _log.warning("agent_paused", agent_id=agent_id)
            _tell(session, agent_id, decided.pause[agent_id], now=now)
        for number, one in enumerate(decided.tell):
            telling.admins(
                session, Saying(one.words, one.numbers), occasion=f"unreachable-{number}-{now:%Y%m%d}", now=now
            )
    parts = [f"{len(paused)} paused"] if paused else []
    return ", ".join([*parts, *([f"{len(returned)} back"] if returned else [])])


def _tell(session: Session, agent_id: str, why: pausing.Sentence, *, now: datetime) -> None:
    name = session.scalar(select(User.name).where(User.id == agent_id))
    because = Saying(why.words, why.numbers)
    own = saying(
        "You get no new alerts for now. {why} Do anything here, or say “I am here” on your profile, and it goes on.",
        why=because,
    )
    theirs = saying(
        "{name} gets no new alerts for now. {why} What they had not looked at goes on to others.",
        name=name,
        why=because,
    )
    occasion = f"paused-{now:%Y%m%dT%H%M%S}"
    people = [(agent_id, own), *((user_id, theirs) for user_id in _who_answers(session, agent_id))]
    delivery.enqueue(
        session,
        [
            Notice(
                alert_id=None,
                user_id=user_id,
                kind=Kind.ADMIN_NOTICE,
                priority=Priority.HIGH,
                occasion=f"{occasion}-{agent_id}"[:60],
                text=text,
            )
            for user_id, text in people
        ],
        now=now,
    )


def _who_answers(session: Session, agent_id: str) -> Sequence[str]:
    """The team's manager, else the admins."""
    manager = session.scalar(
        select(User.id)
        .join(Team, Team.manager_id == User.id)
        .join(Agent, Agent.team_id == Team.id)
        .where(Agent.id == agent_id, User.active)
    )
    if manager:
        return [manager]
    return session.scalars(select(User.id).where(User.role == Role.ADMIN, User.active).order_by(User.id)).all()
