"""The live trickle: a few visits a minute while the demo runs, and now and then somebody who is about to move."""

from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import events
from core.db.tables import Contact, JobRun, LatestScore
from core.demo.homeowners import UNSCORED
from core.generator import wording
from core.generator.behaviour import FLAVOURS, IDLE_FLAVOUR, KINDS

_VISITS_A_MINUTE = 2.0
_FIRST_STORY = timedelta(seconds=40)
_BETWEEN_STORIES = (150.0, 420.0)
"""Seconds between two homeowners who show enough at once to be worth an alert."""
_STORIES = (
    [1] * 9 + [2] * 8 + [10] * 3 + [4] * 2 + [5] * 2 + [6],  # sells
    [8] * 9 + [9] * 13 + [3] * 6 + [2] * 4 + [4] * 2 + [7],  # buys
    [3] * 8 + [5] * 8 + [6] * 4 + [1] * 2 + [4] * 2 + [7],  # refinances
    [9] * 9 + [8] * 5 + [3] * 5 + [2] * 5 + [10] * 5 + [6] * 3,  # invests
)
"""Kinds of clicks (core.generator.behaviour.KINDS) of somebody who has made up their mind, by intent."""
_LONGEST_GAP = timedelta(minutes=2)
_DEVICES = ("desktop", "mobile")


def trickle(session: Session, now: datetime, seed_state: dict[str, Any]) -> dict[str, Any]:
    """Record what came in since the last call (call it every few seconds); returns the state for the next call.

    Args:
        seed_state: {} at first; afterwards what the last call returned. The same state and times give the same events.
    """
    state = {"seed": 7, "count": 0, "at": None, "story_at": (now + _FIRST_STORY).isoformat()} | seed_state
    last = datetime.fromisoformat(state["at"]) if state["at"] else now - timedelta(seconds=5)
    minutes = min(now - last, _LONGEST_GAP).total_seconds() / 60
    rng = np.random.default_rng((state["seed"], state["count"], crc32(now.isoformat().encode())))
    raw: list[dict[str, Any]] = []
    for _ in range(int(rng.poisson(_VISITS_A_MINUTE * minutes))):
        raw += _visit(session, rng, now=now)
    if now >= datetime.fromisoformat(state["story_at"]):
        raw += _story(session, rng, now=now)
        state["story_at"] = (now + timedelta(seconds=float(rng.uniform(*_BETWEEN_STORIES)))).isoformat()
    events.record(session, [events.parse(each, now=now) for each in raw], now=now)
    return {**state, "count": state["count"] + 1, "at": now.isoformat()}


def _visit(session: Session, rng: np.random.Generator, *, now: datetime) -> list[dict[str, Any]]:
    """An everyday visit of a contact whose history is loaded."""
    contact_id = _somebody(session, rng, warm=False)
    kinds = rng.choice([0, 0, 0, 1, 5, 8, 9], int(rng.integers(1, 4)))
    return _clicks(contact_id, kinds.tolist(), IDLE_FLAVOUR, rng, now=now) if contact_id else []


def _story(session: Session, rng: np.random.Generator, *, now: datetime) -> list[dict[str, Any]]:
    """Somebody sits down for an hour: the clicks of a person who has made up their mind."""
    contact_id = _somebody(session, rng, warm=True)
    if contact_id is None:
        return []
    flavour = int(rng.choice(4, p=(0.5, 0.25, 0.15, 0.1)))
    return _clicks(contact_id, rng.permutation(_STORIES[flavour]).tolist(), flavour, rng, now=now)


def _somebody(session: Session, rng: np.random.Generator, *, warm: bool) -> str | None:
    """A demo contact who has been scored; a warm one for preference, since stories seldom come from nowhere."""
    if warm:
        best = (
            select(LatestScore.contact_id)
            .where(LatestScore.confidence < 0.5, LatestScore.contact_id != UNSCORED)
            .order_by(LatestScore.confidence.desc())
            .limit(60)
        )
        found = list(session.scalars(best))
        if found:
            return found[int(rng.integers(len(found)))]
    start = f"c-{int(rng.integers(1, _contacts(session) + 1)):05d}"
    return session.scalar(
        select(Contact.id)
        .where(Contact.id >= start, Contact.id.like("c-%"), Contact.scored_at.is_not(None))
        .order_by(Contact.id)
        .limit(1)
    )


def _contacts(session: Session) -> int:
    return session.scalar(select(JobRun.total).where(JobRun.name == "demo")) or 1


def _clicks(
    contact_id: str, kinds: list[int], flavour: int, rng: np.random.Generator, *, now: datetime
) -> list[dict[str, Any]]:
    """The visit ends now; its clicks lie a minute or so apart before that."""
    visit = f"live-{contact_id}-{now:%Y%m%d%H%M%S}-{int(rng.integers(1_000_000)):06d}"
    device = _DEVICES[int(rng.integers(2))]
    gaps = rng.uniform(20, 110, len(kinds))[::-1].cumsum()[::-1]
    return [
        {
            "eventId": f"{visit}-{number}",
            "userId": contact_id,
            "occurredAt": now - timedelta(seconds=float(gap)),
            **wording.body(
                kind=int(kind),
                detail=flavour,
                device=device,
                machine=False,
                variant=int(rng.integers(1 << 20)),
                visit=visit,
            ),
        }
        for number, (kind, gap) in enumerate(zip(kinds, gaps, strict=True))
    ]


assert KINDS[1] == "value_check"
assert FLAVOURS[0] == "sell"
