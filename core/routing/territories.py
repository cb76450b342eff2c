"""Territories: neighbourhoods in cities in regions, with their ZIPs; written by admins, used by routing, never by scores."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.orm import Session

from core import audit, versions, zips
from core.db.base import table_of
from core.db.tables import Agent, Alert, Contact, Territory
from core.errors import Conflict, Invalid, NotFound
from core.people import placing
from core.routing.state import VERSION

MOST_ZIPS = 2_000
_MOST = 5_000
_LONGEST_NAME = 120
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTerritory:
    id: str
    name: str
    parent_id: str | None
    """The one around it."""
    zips: list[str]
    """"78701", "78701-78799" or "787*"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What came of a change: contacts and open alerts that had no territory and have one now."""

    territory: StoredTerritory
    contacts: int = 0
    alerts: int = 0


def list_territories(session: Session) -> list[StoredTerritory]:
    """All of them, by name."""
    table = table_of(Territory)
    rows = session.execute(select(table).order_by(table.c.name, table.c.id))
    return [StoredTerritory(**row._mapping) for row in rows]


def get(session: Session, territory_id: str) -> StoredTerritory:
    """Raises NotFound."""
    table = table_of(Territory)
    row = session.execute(select(table).where(table.c.id == territory_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such territory.")
    return StoredTerritory(**row._mapping)


def add(session: Session, raw: Mapping[str, Any], *, actor_id: str | None, now: datetime) -> Placed:
    """Store a new one; its id is made of its name where none is given.

    Raises:
        Invalid: naming each wrong field.
        Conflict: the id is taken.
    """
    known = {one.id: one for one in list_territories(session)}
    name = str(raw.get("name") or "")
    wanted = {"id": raw.get("id") or _slug(name), "name": name, "parent_id": None, "zips": [], **raw}
    wanted["id"] = wanted["id"] or _slug(name)
    made = _checked(wanted, known, fresh=True)
    if made.id in known:
        raise Conflict(f"There is a territory “{made.id}” already.")
    if len(known) >= _MOST:
        raise Conflict(f"There are {_MOST} territories already.")
    session.execute(insert(table_of(Territory)).values(**asdict(made)))
    return _done(session, "territory.create", None, made, actor_id=actor_id, now=now)


def change(
    session: Session, territory_id: str, changes: Mapping[str, Any], *, actor_id: str | None, now: datetime
) -> Placed:
    """Change the named fields (name, parent_id, zips) and leave the rest.

    Raises:
        NotFound: there is no such territory.
        Invalid: naming each wrong field, such as a parent that lies inside it.
    """
    before = get(session, territory_id)
    known = {one.id: one for one in list_territories(session)}
    made = _checked(asdict(before) | dict(changes), known, fresh=False)
    if made == before:
        return Placed(territory=before)
    table = table_of(Territory)
    values = {"name": made.name, "parent_id": made.parent_id, "zips": made.zips}
    session.execute(update(table).where(table.c.id == territory_id).values(**values))
    return _done(session, "territory.change", before, made, actor_id=actor_id, now=now)


def remove(session: Session, territory_id: str, *, actor_id: str | None, now: datetime) -> None:
    """Delete one that holds no other and that nobody covers; contacts and alerts keep its id.

    Raises:
        NotFound: there is no such territory.
        Conflict: naming what is still in it or who covers it.
    """
    before = get(session, territory_id)
    inside = [one.name for one in list_territories(session) if one.parent_id == territory_id]
    if inside:
        raise Conflict(f"{_some(inside)} lies in it: give that another place first.")
    if agents := covered_by(session, territory_id):
        raise Conflict(f"{agents} of your agents cover it: take it from their profiles first.")
    session.execute(delete(table_of(Territory)).where(table_of(Territory).c.id == territory_id))
    versions.bump_at_commit(session, VERSION)
    audit.record(
        session,
        "territory.delete",
        subject_type="territory",
        subject_id=territory_id,
        actor_id=actor_id,
        before=asdict(before),
        now=now,
    )


def covered_by(session: Session, territory_id: str) -> int:
    """How many agents have it among theirs."""
    return coverage(session).get(territory_id, 0)


def coverage(session: Session) -> dict[str, int]:
    """Territory -> how many agents cover exactly this one."""
    found: dict[str, int] = {}
    for primary, others in session.execute(select(Agent.primary_territory, Agent.territories)):
        for place in {primary, *(others or ())} - {None}:
            found[place] = found.get(place, 0) + 1
    return found


def shared(session: Session) -> list[tuple[str, str, str]]:
    """(one, other, a sentence) for every two territories that hold the same ZIPs though neither lies inside the other."""
    names = {one.id: one.name for one in list_territories(session)}
    found = []
    for pair in placing.atlas(session).overlaps():
        single = pair.count == 1
        which = f"{pair.first} is" if single else f"{pair.count} ZIPs from {pair.first} to {pair.last} are"
        both = " and in ".join(sorted((names[pair.one], names[pair.other])))
        text = f"{which} in {both}; {names[pair.winner]} gets {'it' if single else 'them'}."
        found.append((pair.one, pair.other, text))
    return found


def overlaps(session: Session) -> dict[str, list[str]]:
    """Territory -> what it shares, as `shared` says it."""
    found: dict[str, list[str]] = {}
    for one, other, text in shared(session):
        found.setdefault(one, []).append(text)
        found.setdefault(other, []).append(text)
    return found


def _done(
    session: Session,
    action: str,
    before: StoredTerritory | None,
    after: StoredTerritory,
    *,
    actor_id: str | None,
    now: datetime,
) -> Placed:
    homes, contacts = placing.place_all(session, now=now)
    alerts = _place_alerts(session, now=now)
    versions.bump_at_commit(session, VERSION)
    audit.record(
        session,
        action,
        subject_type="territory",
        subject_id=after.id,
        actor_id=actor_id,
        before=asdict(before) if before else None,
        after=asdict(after) | {"placed": {"homes": homes, "contacts": contacts, "alerts": alerts}},
        now=now,
    )
    return Placed(territory=after, contacts=contacts, alerts=alerts)


def _place_alerts(session: Session, *, now: datetime) -> int:
    theirs = (Contact.id == Alert.contact_id) & Contact.territory.is_not(None)
    unplaced = (Alert.territory.is_(None), Alert.closed_at.is_(None), exists().where(theirs))
    session.execute(select(Alert.id).where(*unplaced).order_by(Alert.id).with_for_update())  # the order of everybody
    done = session.execute(
        update(Alert)
        .where(*unplaced)
        .values(territory=select(Contact.territory).where(theirs).scalar_subquery(), updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def _checked(raw: Mapping[str, Any], known: Mapping[str, StoredTerritory], *, fresh: bool) -> StoredTerritory:
    wrong = {name: "there is no such field" for name in raw if name not in ("id", "name", "parent_id", "zips")}
    id_, name, parent = raw["id"], raw["name"], raw["parent_id"] or None
    if fresh and (not isinstance(id_, str) or not _ID.fullmatch(id_)):
        wrong["id"] = "lower-case letters, digits, - and _, at most 64"
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= _LONGEST_NAME or "\x00" in name:
        wrong["name"] = f"1 to {_LONGEST_NAME} characters"
    if parent is not None and parent not in known:
        wrong["parent_id"] = "there is no such territory"
    elif parent is not None and id_ in _chain(parent, known):
        wrong["parent_id"] = "it would lie inside itself"
    patterns = _patterns(raw["zips"], wrong)
    if wrong:
        raise Invalid("The territory is not valid.", fields=wrong)
    return StoredTerritory(id=id_, name=name.strip(), parent_id=parent, zips=patterns)


def _patterns(given: object, wrong: dict[str, str]) -> list[str]:
    if not isinstance(given, list | tuple) or len(given) > MOST_ZIPS:
        wrong["zips"] = f"a list of at most {MOST_ZIPS} ZIPs, ranges and prefixes"
        return []
    found = []
    for pattern in given:
        try:
            found.append(zips.written(str(pattern)))
        except ValueError as error:
            wrong.setdefault("zips", str(error))
    return list(dict.fromkeys(found))


def _chain(territory_id: str, known: Mapping[str, StoredTerritory]) -> list[str]:
    chain: list[str] = []
    at: str | None = territory_id
    while at is not None and at in known and at not in chain:
        chain.append(at)
        at = known[at].parent_id
    return chain


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64]


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} (and {len(names) - 1} more)"
