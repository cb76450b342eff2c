"""Load the demo: the house and all contacts at once, then their history, cohort by cohort, behind a progress bar.

A cohort is some hundreds of contacts with their whole history, played apart (`scratch`) and brought in (`merging`) a
hundred contacts a transaction, so that nobody who writes waits long. The first cohort is small and holds those with
something going on right now: the feed has something to show within seconds. A killed load plays its cohort again, and
contacts that were brought in before the kill are left as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import changes, scoring
from core.changes import Audience
from core.db import Database
from core.db.dialect import upsert
from core.db.tables import JobRun, Setting, User
from core.demo import brokerage, homeowners, merging, playing
from core.demo.scratch import furnish, scratch
from core.errors import Invalid
from core.generator import World, generate
from core.generator.hazards import MARKET
from core.settings import Settings
from core.words import ChangeKind

JOB = "demo"
_KEY = "demo"
_SCRATCH = "demo_scratch"
_FRESH_DAYS = 25.0
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class Size:
    contacts: int
    days: int
    first: int
    """Contacts in the first cohort."""
    cohort: int
    """Contacts in each of the others."""


SIZES = {
    "small": Size(contacts=400, days=120, first=150, cohort=250),
    "full": Size(contacts=5_000, days=400, first=100, cohort=1_225),
}
_AT_ONCE = 100
_STEP = 0.01
"""How far the progress bar moves at a time."""


def load(
    database: Database,
    settings: Settings,
    now: datetime,
    progress: Progress = lambda done, total, message: None,
    *,
    stop: Callable[[], bool] = lambda: False,
    size: Size | None = None,
) -> bool:
    """Bring the demo to completion from wherever it is; returns whether it is complete.

    Args:
        settings: `demo` names the size; nothing happens when it is off.
        progress: told (contacts done, contacts in all, a sentence) after each cohort; the same is in job_runs "demo".
        stop: asked between simulated days; when it says yes the cohort at hand is dropped, to be played at the next start.
        size: instead of the one that `settings.demo` names; for tests.
    """
    wanted = size or SIZES.get(settings.demo)
    if wanted is None:
        return True
    state = _begin(database, settings, wanted, now=now)
    total = int(state["contacts"])
    done = int(state["loaded"])
    if done >= total:
        return True
    world = _world(state)
    with database.write() as session:
        homeowners.seed(session, world, now=now)
    members = order(world)
    folder = settings.data_dir / _SCRATCH
    while done < total:
        chosen = members[done : done + int(state["cohort" if done else "first"])]
        try:
            _cohort(database, world, chosen, state, folder=folder, stop=stop, progress=progress, now=now)
        except playing.Stopped:
            return False
        done += len(chosen)
    return True


def order(world: World) -> list[int]:
    """Contact numbers in loading order: those in the market of late first, the others as they come."""
    days = world.day(world.end)
    busy = (world.paths.state >= MARKET) & (world.paths.until > days - _FRESH_DAYS) & (world.paths.at < days)
    first = np.unique(world.paths.contact[busy])
    rest = np.setdiff1d(np.arange(len(world.contacts)), first)
    return [*first.tolist(), *rest.tolist()]


def _begin(database: Database, settings: Settings, size: Size, *, now: datetime) -> dict[str, Any]:
    """The stored state, made with the house at the first start."""
    with database.write() as session:
        stored = session.scalar(select(Setting.value).where(Setting.key == _KEY))
        if stored is not None:
            return dict(stored)
        if session.scalar(select(User.id).limit(1)) is not None:
            raise Invalid("This database already has people in it; the demo needs an empty one.")
        state: dict[str, Any] = {
            "seed": settings.demo_seed,
            "end": now.astimezone(UTC).isoformat(),
            "contacts": size.contacts,
            "days": size.days,
            "first": size.first,
            "cohort": size.cohort,
            "loaded": 0,
        }
        brokerage.seed(session, password=settings.demo_password.get_secret_value(), now=now)
        scoring.install(session, now=now)
        homeowners.seed_unscored(session, now=now)
        _keep(session, state, now=now)
        _report(session, 0, size.contacts, started_at=now)
        return state


def _world(state: dict[str, Any]) -> World:
    return generate(
        int(state["seed"]), int(state["contacts"]), int(state["days"]), datetime.fromisoformat(str(state["end"]))
    )


def _cohort(
    database: Database,
    world: World,
    members: Sequence[int],
    state: dict[str, Any],
    *,
    folder: Path,
    stop: Callable[[], bool],
    progress: Progress,
    now: datetime,
) -> None:
    done, total = int(state["loaded"]), int(state["contacts"])
    ids = [world.contacts[member].id for member in members]
    with scratch(folder) as aside:
        with database.read() as live, aside.write() as session:
            furnish(live, session, ids)
        with aside.write() as session:
            playing.play(
                session, world, members, cohort=done, stop=stop, played=_ticking(database, state, len(members))
            )
        with aside.read() as played:
            for start in range(0, len(ids), _AT_ONCE):
                page = ids[start : start + _AT_ONCE]
                with database.write() as live:
                    merging.merge(played, live, page, now=now)
                    if start + len(page) == len(ids):
                        merging.take_turns(played, live)
                        state["loaded"] = done + len(ids)
                        _keep(live, state, now=now)
                        _report(live, done + len(ids), total, finished_at=now)
                    changes.tell(
                        live,
                        ChangeKind.STATS_UPDATED,
                        subject_id=JOB,
                        audience=Audience(pool=True),
                        payload={},
                        now=now,
                    )
            progress(done + len(ids), total, _message(done + len(ids), total))


def _keep(session: Session, state: dict[str, Any], *, now: datetime) -> None:
    statement = upsert(session, Setting).values(key=_KEY, value=state, updated_at=now)
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": state, "updated_at": now}))


def _ticking(database: Database, state: dict[str, Any], members: int) -> Callable[[float], None]:
    """Moves the progress bar while a cohort is played: a cohort half played counts as half its contacts."""
    done, total = int(state["loaded"]), int(state["contacts"])
    shown = [done]

    def played(share: float) -> None:
        reached = done + int(share * members)
        if reached - shown[0] >= total * _STEP:
            shown[0] = reached
            with database.write() as session:
                _report(session, reached, total)

    return played


def _report(
    session: Session,
    done: int,
    total: int,
    *,
    started_at: datetime | None = None,
    finished_at: datetime | None = None,
) -> None:
    row: dict[str, Any] = {"done": done, "total": total, "message": _message(done, total), "error": None}
    if started_at is not None:
        row["started_at"] = started_at
    row["finished_at"] = finished_at if done >= total else None
    statement = upsert(session, JobRun).values(name=JOB, **row)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


def _message(done: int, total: int) -> str:
    if done >= total:
        return f"The demo's history is complete: {total:,} contacts."
    return f"Loading the demo's history: {done:,} of {total:,} contacts"
