"""Rehearsals that somebody asked for: checked, queued, worked on outside the web process, and read with how far they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.tables import Rehearsal
from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from core.people import placing
from core.routing import policies, policy_content, state
from core.routing.rehearsal import files, reading, words
from core.routing.rehearsal.comparing import MOST_SEEDS, Real, rehearse
from core.routing.rehearsal.people import People
from core.routing.rehearsal.replaying import Past
from core.routing.state import House
from core.viewer import Viewer
from core.words import Role

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
MOST_WAITING = 5
MOST_DAYS = 365
KEPT = 100
"""Finished ones; older are deleted."""
SEEDS = 5
LONGEST = timedelta(hours=1)
"""After this one that runs counts as broken off: the largest take minutes, and those asked before them too."""
BROKE_OFF = "It broke off before it was done; nothing was changed by it. Ask again."
_FIELDS = ("days", "alerts", "policy", "policy_id", "seeds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    id: str
    asked_by: str | None
    asked_at: datetime
    state: str
    done: int
    """Alerts handed out, over both sides and all seeds."""
    total: int
    ahead: int
    """How many are waiting or running before it."""
    finished_at: datetime | None
    error: str | None
    policy_id: str | None
    days: int | None
    result: dict[str, Any] | None
    """{alerts, days, seeds, whole, agents, teams, notes, sentences}; agents and teams are those this viewer may compare."""


@dataclass(frozen=True, kw_only=True)
class Material:
    alerts: Sequence[Past]
    before: House
    after: House
    people: People
    real: Real | None
    seeds: int


def ask(session: Session, raw: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> Asked:
    """Queue one; work is done by `jobs`.

    Args:
        raw: {days | alerts, policy | policy_id, seeds?}; without a policy the house as it is, beside itself.

    Raises:
        Invalid: naming each wrong field, and of a file each wrong row.
        NotFound: there is no such policy.
        Conflict: too many wait already, or one of this person's does.
    """
    request = _checked(session, raw)
    table = table_of(Rehearsal).c
    waiting = session.execute(select(table.asked_by).where(table.state.in_((WAITING, RUNNING)))).scalars().all()
    if viewer.user_id and viewer.user_id in waiting:
        raise Conflict("Your last comparison is not done yet; wait for it, or stop it first.")
    if len(waiting) >= MOST_WAITING:
        raise Conflict(f"{len(waiting)} comparisons wait already; try again in a minute.")
    _forget(session)
    rehearsal_id = new_id()
    session.execute(
        insert(Rehearsal).values(
            id=rehearsal_id,
            asked_by=viewer.user_id or None,
            asked_at=now,
            request=request,
            state=WAITING,
            done=0,
            total=0,
        )
    )
    return get(session, rehearsal_id, viewer=viewer)


def get(session: Session, rehearsal_id: str, *, viewer: Viewer) -> Asked:
    """How far it is, and what came of it.

    Raises:
        NotFound: there is none of this id, or not for this viewer.
    """
    row = session.execute(select(table_of(Rehearsal)).where(Rehearsal.id == rehearsal_id)).one_or_none()
    if row is None or (viewer.role is not Role.ADMIN and row.asked_by != viewer.user_id):
        raise NotFound("There is no such comparison.")
    ahead = session.scalar(
        select(func.count()).where(Rehearsal.state.in_((WAITING, RUNNING)), Rehearsal.asked_at < row.asked_at)
    )
    return Asked(
        id=row.id,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        state=row.state,
        done=row.done,
        total=row.total,
        ahead=ahead or 0 if row.state == WAITING else 0,
        finished_at=row.finished_at,
        error=row.error,
        policy_id=row.request.get("policy_id"),
        days=row.request.get("days"),
        result=_shown(row.result, viewer),
    )


def newest(session: Session, *, viewer: Viewer, policy_id: str | None = None) -> Asked | None:
    """This person's last one, of this policy where one is named."""
    table = table_of(Rehearsal)
    rows = session.execute(
        select(table.c.id, table.c.request)
        .where(table.c.asked_by == viewer.user_id if viewer.user_id else table.c.asked_by.is_(None))
        .order_by(table.c.asked_at.desc(), table.c.id.desc())
        .limit(KEPT)
    )
    found = next((row.id for row in rows if policy_id is None or row.request.get("policy_id") == policy_id), None)
    return get(session, found, viewer=viewer) if found else None


def stop(session: Session, rehearsal_id: str, *, viewer: Viewer, now: datetime) -> Asked:
    """End it before it is done. Raises NotFound."""
    get(session, rehearsal_id, viewer=viewer)
    table = table_of(Rehearsal)
    session.execute(
        update(table)
        .where(table.c.id == rehearsal_id, table.c.state.in_((WAITING, RUNNING)))
        .values(state=FAILED, error="It was stopped.", finished_at=now)
    )
    return get(session, rehearsal_id, viewer=viewer)


def claim(session: Session, worker: str, *, is_dead: Callable[[str], bool], now: datetime) -> str | None:
    """The one to work on next, now this worker's; None where nothing waits. What the dead had begun has failed."""
    table = table_of(Rehearsal)
    give_up(session, is_dead=is_dead, now=now)
    if session.scalar(select(table.c.id).where(table.c.state == RUNNING).limit(1)) is not None:
        return None
    found = session.scalar(
        select(table.c.id)
        .where(table.c.state == WAITING)
        .order_by(table.c.asked_at, table.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if found is not None:
        session.execute(update(table).where(table.c.id == found).values(state=RUNNING, worker=worker))
    return found


def give_up(session: Session, *, is_dead: Callable[[str], bool], now: datetime) -> int:
    """Say of what the dead had begun that it broke off; how many. Of a worker on another machine nobody here knows: after `LONGEST`."""
    table = table_of(Rehearsal)
    rows = session.execute(select(table.c.id, table.c.worker, table.c.asked_at).where(table.c.state == RUNNING)).all()
    gone = [row.id for row in rows if is_dead(row.worker or "") or row.asked_at <= now - LONGEST]
    for rehearsal_id in gone:
        finish(session, rehearsal_id, error=BROKE_OFF, now=now)
    return len(gone)


def tell(session: Session, rehearsal_id: str, *, done: int, total: int) -> bool:
    """How far it is; False where somebody stopped it."""
    table = table_of(Rehearsal)
    row = session.execute(
        update(table)
        .where(table.c.id == rehearsal_id, table.c.state == RUNNING)
        .values(done=done, total=total)
        .returning(table.c.id)
    )
    return row.one_or_none() is not None


def finish(
    session: Session,
    rehearsal_id: str,
    *,
    result: Mapping[str, Any] | None = None,
    error: str | None = None,
    now: datetime,
) -> None:
    """It is over, with a result or with what went wrong; nothing where it was stopped."""
    table = table_of(Rehearsal)
    session.execute(
        update(table)
        .where(table.c.id == rehearsal_id, table.c.state == RUNNING)
        .values(
            state=DONE if error is None else FAILED,
            done=table.c.total if error is None else table.c.done,
            result=dict(result) if result is not None else None,
            error=error,
            finished_at=now,
        )
    )


def prepare(session: Session, rehearsal_id: str, *, now: datetime) -> Material:
    """All that the comparison rests on, read at once.

    Raises:
        DoorbellError: the request no longer fits the house, or there is nothing to replay.
    """
    request = session.scalars(select(Rehearsal.request).where(Rehearsal.id == rehearsal_id)).one()
    house = state.read(session)
    content = request.get("content")
    after = policy_content.as_house(house, content) if content is not None else house
    people = reading.people(session, house=house, now=now)
    if request.get("alerts") is not None:
        alerts = files.read(request["alerts"], house=house, atlas=placing.atlas(session))
        return Material(alerts=alerts, before=house, after=after, people=people, real=None, seeds=request["seeds"])
    found = reading.stream(session, days=request["days"], house=house, also=after, now=now)
    if not any(one.counted for one in found.alerts):
        raise Conflict(f"No alert opened in the last {request['days']} days: there is nothing to replay.")
    if found.capped:
        said = f"Only the newest {reading.MOST_ALERTS:,} alerts were replayed."
        people = replace(people, notes=(said, *people.notes))
    return Material(
        alerts=found.alerts,
        before=house,
        after=after,
        people=people,
        real=reading.real(session, found.alerts, house=house),
        seeds=request["seeds"],
    )


def work(material: Material, *, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The comparison as it is kept, with its sentences. Pure, and takes seconds."""
    found = asdict(
        rehearse(
            material.alerts,
            before=material.before,
            after=material.after,
            people=material.people,
            seeds=material.seeds,
            real=material.real,
            progress=progress,
        )
    )
    return found | {"sentences": words.sentences(found)}


def _checked(session: Session, raw: Mapping[str, Any]) -> dict[str, Any]:
    wrong: dict[str, str] = {}
    days, alerts, policy, policy_id = raw.get("days"), raw.get("alerts"), raw.get("policy"), raw.get("policy_id")
    seeds = raw.get("seeds") or SEEDS
    if (days is None) == (alerts is None):
        wrong["days"] = "give either days or alerts"
    elif days is not None and (isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MOST_DAYS):
        wrong["days"] = f"a whole number, 1 to {MOST_DAYS}"
    if policy is not None and policy_id is not None:
        wrong["policyId"] = "give either policy or policyId"
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= MOST_SEEDS:
        wrong["seeds"] = f"a whole number, 1 to {MOST_SEEDS}"
    rows: list[Any] | None = None
    if alerts is not None:
        try:
            rows = list(files.rows_of(alerts))
            files.read(rows, house=state.read(session))
        except Invalid as error:
            wrong |= error.fields
    content: dict[str, Any] | None = None
    try:
        if policy is not None:
            content = policy_content.check(session, policy)
        elif policy_id is not None:
            content = policy_content.check(session, policies.get(session, policy_id).content)
    except Invalid as error:
        wrong |= {f"policy.{name}": why for name, why in error.fields.items()}
    if wrong:
        raise Invalid("This cannot be tried.", fields=wrong)
    return {"days": days, "alerts": rows, "content": content, "policy_id": policy_id, "seeds": seeds}


def _forget(session: Session) -> None:
    table = table_of(Rehearsal)
    kept = select(table.c.id).order_by(table.c.asked_at.desc()).limit(KEPT)
    session.execute(delete(table).where(table.c.id.not_in(kept), table.c.state.in_((DONE, FAILED))))


def _shown(result: Mapping[str, Any] | None, viewer: Viewer) -> dict[str, Any] | None:
    """Whole figures are everybody's; of people and teams an admin sees all, a manager their own."""
    if result is None:
        return None
    if viewer.role is Role.ADMIN:
        return dict(result)
    mine = {part: [row for row in result[part] if row["team_id"] in viewer.team_ids] for part in ("agents", "teams")}
    shown = dict(result) | mine
    return shown | {"sentences": words.sentences(shown)}
