"""The stored alert types: add, change, activate, retire; each audited, and seen by every process before its next decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from core import audit, versions
from core.alert_types import definition as definitions
from core.alert_types.definition import LONGEST_ID, NewType, blocking, id_of, read, validate
from core.alert_types.loaded import ACTIVE, DRAFT, RETIRED, VERSIONS
from core.db.base import table_of
from core.db.dialect import upsert, wake
from core.db.tables import AlertType, Contact, ModelVersion
from core.errors import Conflict, Invalid, NotFound
from core.words import ModelStatus

MOST_TYPES = 100
MOST_ACTIVE = 25
_ACTIVE_CONTACT = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredType:
    id: str
    name: str
    description: str
    status: str
    """draft, active or retired."""
    kind: str
    """rule or trained."""
    definition: dict[str, Any]
    horizon_days: int
    version: int
    created_by: str | None
    created_at: datetime
    updated_at: datetime


def list_types(session: Session) -> list[StoredType]:
    """All of them, by name."""
    table = table_of(AlertType)
    return [StoredType(**row._mapping) for row in session.execute(select(table).order_by(table.c.name, table.c.id))]


def get_type(session: Session, type_id: str) -> StoredType:
    """One alert type; raises NotFound."""
    table = table_of(AlertType)
    row = session.execute(select(table).where(table.c.id == type_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such alert type.")
    return StoredType(**row._mapping)


def add(session: Session, raw: object, *, actor_id: str | None, now: datetime) -> tuple[StoredType, NewType]:
    """Store a new draft; what was stored, and what was read of it with its warnings.

    Raises:
        Invalid: naming what is wrong with it.
        Conflict: the name is taken, or there are too many.
    """
    new = validate(raw)
    _in_turn(session)
    present = list_types(session)
    if len(present) >= MOST_TYPES:
        raise Conflict(f"There are {MOST_TYPES} alert types already.")
    _check_name(new.name, present)
    base, taken = id_of(new.name), {one.id for one in present}
    for number in range(1, MOST_TYPES + 2):
        tail = "" if number == 1 else f"_{number}"
        type_id = base[: LONGEST_ID - len(tail)] + tail
        if type_id not in taken and _insert(session, type_id, new, actor_id=actor_id, now=now):
            break
    return _done(session, "alert_type.created", type_id, before=None, actor_id=actor_id, now=now), new


def replace(
    session: Session, type_id: str, raw: object, *, version: int | None, actor_id: str | None, now: datetime
) -> tuple[StoredType, NewType]:
    """Store another text under the same id; an active type scores by it from the next decision on.

    Args:
        version: the version the writer saw; None writes over whatever is there.

    Raises:
        NotFound: there is no such alert type.
        Invalid: naming what is wrong with it.
        Conflict: somebody changed it in between, the name is taken, or an active type could not stay active so.
    """
    _in_turn(session)
    before = get_type(session, type_id)
    new = validate(raw)
    if new.kind != before.kind:
        raise Invalid("The alert type is not valid.", fields={"kind": f"it stays a {before.kind} type; add another"})
    _check_name(new.name, [one for one in list_types(session) if one.id != type_id])
    _check_same_question(session, before, new)
    if before.status == ACTIVE:
        _check_may_score(session, type_id, new.definition)
    seen = before.version if version is None else version
    _write(session, before, seen, _columns(new), now=now)
    if before.status == ACTIVE:
        _look_again(session, now=now)
    return _done(session, "alert_type.changed", type_id, before=before, actor_id=actor_id, now=now), new


def change(
    session: Session,
    type_id: str,
    changes: Mapping[str, Any],
    *,
    version: int | None,
    actor_id: str | None,
    now: datetime,
) -> tuple[StoredType, NewType]:
    """Change the named fields and leave the rest; errors as in `replace`."""
    _in_turn(session)
    present = as_written(get_type(session, type_id))
    return replace(session, type_id, present | dict(changes), version=version, actor_id=actor_id, now=now)


def activate(session: Session, type_id: str, *, actor_id: str | None, now: datetime) -> StoredType:
    """From now on it opens alerts, also for what contacts did before: they are looked at again.

    Raises:
        NotFound: there is no such alert type.
        Conflict: it is active already, cannot score, or too many are active.
    """
    _in_turn(session)
    before = get_type(session, type_id)
    if before.status == ACTIVE:
        raise Conflict("This alert type is active already.")
    _check_may_score(session, type_id, read(before.definition, kind=before.kind))
    if sum(one.status == ACTIVE for one in list_types(session)) >= MOST_ACTIVE:
        raise Conflict(f"{MOST_ACTIVE} alert types are active already; retire one first.")
    _write(session, before, before.version, {"status": ACTIVE}, now=now)
    _look_again(session, now=now)
    return _done(session, "alert_type.activated", type_id, before=before, actor_id=actor_id, now=now)


def retire(session: Session, type_id: str, *, actor_id: str | None, now: datetime) -> StoredType:
    """It opens no more alerts; open ones live on to their outcome.

    Raises:
        NotFound: there is no such alert type.
        Conflict: it is retired already.
    """
    _in_turn(session)
    before = get_type(session, type_id)
    if before.status == RETIRED:
        raise Conflict("This alert type is retired already.")
    _write(session, before, before.version, {"status": RETIRED}, now=now)
    return _done(session, "alert_type.retired", type_id, before=before, actor_id=actor_id, now=now)


def as_written(stored: StoredType) -> dict[str, Any]:
    """The type as people write it."""
    definition = {name: value for name, value in stored.definition.items() if name != "horizonDays"}
    return {
        "name": stored.name,
        "description": stored.description,
        "kind": stored.kind,
        "horizonDays": stored.horizon_days,
        "definition": definition,
    }


def has_model(session: Session, type_id: str) -> bool:
    """Whether a model of this type is deployed."""
    deployed = select(ModelVersion.id).where(
        ModelVersion.intent == type_id, ModelVersion.status == ModelStatus.DEPLOYED
    )
    return session.scalar(deployed.limit(1)) is not None


def _in_turn(session: Session) -> None:
    """Names are unique and active types are few: whoever changes one waits for the other, and every process hears of it."""
    versions.bump(session, VERSIONS)


def _check_may_score(session: Session, type_id: str, definition: definitions.Definition) -> None:
    if not definition.has_rule and not has_model(session, type_id):
        raise Conflict("No model of it is deployed yet, and it has no rule to start with: it stays a draft.")
    if why := blocking(definition):
        raise Conflict(f"It cannot be active: {why}.")


def _check_same_question(session: Session, before: StoredType, new: NewType) -> None:
    """A model goes on answering what it learnt: another question is another type."""
    asked = (before.definition.get("label"), before.horizon_days)
    if before.kind != definitions.TRAINED or asked == (new.stored.get("label"), new.horizon_days):
        return
    taught = (ModelStatus.DEPLOYED, ModelStatus.SHADOW, ModelStatus.VALIDATING, ModelStatus.TRAINING)
    if session.scalar(select(ModelVersion.id).where(ModelVersion.intent == before.id, ModelVersion.status.in_(taught))):
        raise Conflict(
            "A model of it has learnt this answer within these days already; add another type for another question."
        )


def _check_name(name: str, others: list[StoredType]) -> None:
    if any(one.name.casefold() == name.casefold() for one in others):
        raise Conflict(f"There is an alert type called “{name}” already.")


def _insert(session: Session, type_id: str, new: NewType, *, actor_id: str | None, now: datetime) -> bool:
    statement = (
        upsert(session, AlertType)
        .values(
            id=type_id,
            status=DRAFT,
            kind=new.kind,
            version=1,
            created_by=actor_id or None,
            created_at=now,
            updated_at=now,
            **_columns(new),
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(AlertType.id)
    )
    return session.scalar(statement) is not None


def _write(session: Session, before: StoredType, seen: int, values: Mapping[str, Any], *, now: datetime) -> None:
    table = table_of(AlertType)
    done = session.execute(
        update(table)
        .where(table.c.id == before.id, table.c.version == seen)
        .values(version=seen + 1, updated_at=now, **values)
        .returning(table.c.id)
    ).one_or_none()
    if done is None:
        raise Conflict(f"Somebody changed this alert type in between (version {before.version}); look again.")


def _look_again(session: Session, *, now: datetime) -> None:
    """Have the line look at everybody who was active lately or shows a signal, when nothing else waits."""
    session.execute(
        update(Contact)
        .where(or_(Contact.last_human_event_at > now - _ACTIVE_CONTACT, Contact.rescore_at.is_not(None)))
        .values(rescore_at=now)
        .execution_options(synchronize_session=False)
    )
    wake(session, "events")


def _columns(new: NewType) -> dict[str, Any]:
    return {
        "name": new.name,
        "description": new.description,
        "definition": new.stored,
        "horizon_days": new.horizon_days,
    }


def _done(
    session: Session, action: str, type_id: str, *, before: StoredType | None, actor_id: str | None, now: datetime
) -> StoredType:
    after = get_type(session, type_id)
    audit.record(
        session,
        action,
        subject_type="alert_type",
        subject_id=type_id,
        actor_id=actor_id or None,
        before=_audited(before) if before else None,
        after=_audited(after),
        now=now,
    )
    return after


def _audited(stored: StoredType) -> dict[str, Any]:
    return as_written(stored) | {"status": stored.status, "version": stored.version}
