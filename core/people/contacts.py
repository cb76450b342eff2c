"""Enriching a contact: what a CRM knows of the person and their homes, merged into what behaviour has shown."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import audit, fairness, loose_json
from core.db.dialect import upsert, wake
from core.db.tables import Agent, Contact, Property
from core.errors import Conflict, Invalid
from core.people import placing

CONTACT_FIELDS = ("name", "email", "phone", "territory", "owner_agent_id", "attributes")
HOME_FIELDS = (
    "address",
    "city",
    "zip",
    "territory",
    "estimated_value",
    "mortgage_balance",
    "purchased_on",
    "attributes",
)
_OF_HOMES = ("age",)  # a roof may have one


def upsert_contact(
    session: Session, contact_id: str, changes: Mapping[str, Any], *, actor_id: str | None, now: datetime
) -> bool:
    """Set the fields that `changes` names and leave the rest; whether the contact is new.

    Args:
        changes: of CONTACT_FIELDS; and `properties`, a list of mappings of `id` and HOME_FIELDS, each merged by its id.

    Raises:
        Invalid: a protected class, or an owner who is no agent.
        Conflict: a property that belongs to another contact.
    """
    homes: Sequence[Mapping[str, Any]] = changes.get("properties") or ()
    _check(session, changes, homes)
    inserted = session.scalar(
        upsert(session, Contact)
        .values(id=contact_id, attributes={}, first_seen_at=now, updated_at=now)
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(Contact.id)
    )
    row = _locked(session, contact_id)
    zips = _territories_by_zip(session, homes)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for home in homes:
        _upsert_home(session, contact_id, home, zips, before, after, now=now)
    moved = bool(after)
    wanted = {name: changes[name] for name in CONTACT_FIELDS if name in changes}
    if "territory" not in wanted and row["territory"] is None and (found := _territory_of(homes, zips)):
        wanted["territory"] = found
    if "attributes" in wanted:
        wanted["attributes"] = wanted["attributes"] or {}
    changed = {name: value for name, value in wanted.items() if row[name] != value}
    before |= {name: row[name] for name in changed}
    after |= changed
    if not after and inserted is None:
        return False
    values = {**changed, "updated_at": now}
    if moved:  # what a home is worth is a feature
        values["rescore_at"] = now
        wake(session, "events")
    session.execute(update(Contact).where(Contact.id == contact_id).values(values))
    audit.record(
        session,
        "contact.created" if inserted else "contact.changed",
        subject_type="contact",
        subject_id=contact_id,
        actor_id=actor_id,
        before=None if inserted else before,
        after=after,
        now=now,
    )
    return inserted is not None


def _check(session: Session, changes: Mapping[str, Any], homes: Sequence[Mapping[str, Any]]) -> None:
    attributes = changes.get("attributes") or {}
    loose_json.check(attributes, name="attributes")
    fields = _protected(attributes, "attributes")
    for index, home in enumerate(homes):
        place = f"properties.{index}.attributes"
        extra = home.get("attributes") or {}
        loose_json.check(extra, name=place)
        fields |= _protected(extra, place, allowed=_OF_HOMES)
    ids = [home["id"] for home in homes]
    if len(set(ids)) < len(ids):
        fields["properties"] = "names one property twice"
    owner = changes.get("owner_agent_id")
    if owner is not None and session.get(Agent, owner) is None:
        fields["ownerAgentId"] = "is no agent"
    if fields:
        raise Invalid("; ".join(f"{name}: {why}" for name, why in list(fields.items())[:5]), fields=fields)


def _protected(value: object, place: str, allowed: Sequence[str] = ()) -> dict[str, str]:
    """Protected classes are refused where they come in: what is not stored cannot slip into a score."""
    found: dict[str, str] = {}
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found |= _protected(inner, f"{place}.{index}", allowed)
    elif isinstance(value, dict):
        for key, inner in value.items():
            named = fairness.protected_detail(key)
            if named is not None and named not in allowed:
                found[f"{place}.{key}"[:200]] = f"speaks of {named}, which fair housing law protects: it is not kept"
            found |= _protected(inner, f"{place}.{key}", allowed)
    return found


def _locked(session: Session, contact_id: str) -> dict[str, Any]:
    columns = [getattr(Contact, name) for name in CONTACT_FIELDS]
    row = session.execute(select(*columns).where(Contact.id == contact_id).with_for_update(key_share=True)).one()
    return dict(zip(CONTACT_FIELDS, row, strict=True))


def _upsert_home(
    session: Session,
    contact_id: str,
    home: Mapping[str, Any],
    zips: Mapping[str, str],
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    now: datetime,
) -> None:
    home_id = home["id"]
    session.execute(
        upsert(session, Property)
        .values(id=home_id, contact_id=contact_id, attributes={}, updated_at=now)
        .on_conflict_do_nothing(index_elements=["id"])
    )
    columns = [getattr(Property, name) for name in HOME_FIELDS]
    row = session.execute(
        select(Property.contact_id, *columns).where(Property.id == home_id).with_for_update(key_share=True)
    ).one()
    if row.contact_id != contact_id:
        raise Conflict(f"property {home_id} belongs to another contact")
    present = dict(zip(HOME_FIELDS, row[1:], strict=True))
    wanted = {name: home[name] for name in HOME_FIELDS if name in home}
    if "attributes" in wanted:
        wanted["attributes"] = wanted["attributes"] or {}
    if not wanted.get("territory") and present["territory"] is None and (found := zips.get(home.get("zip") or "")):
        wanted["territory"] = found
    changed = {name: value for name, value in wanted.items() if present[name] != value}
    if not changed:
        return
    session.execute(update(Property).where(Property.id == home_id).values(**changed, updated_at=now))
    before[f"property {home_id}"] = {name: _plain(present[name]) for name in changed}
    after[f"property {home_id}"] = {name: _plain(value) for name, value in changed.items()}


def _territories_by_zip(session: Session, homes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """ZIP to the smallest territory that holds it, for the homes that come with a ZIP."""
    zips = {home["zip"] for home in homes if home.get("zip")}
    if not zips:
        return {}
    atlas = placing.atlas(session)
    return {zip_: found for zip_ in zips if (found := atlas.at(zip_))}


def _territory_of(homes: Sequence[Mapping[str, Any]], zips: Mapping[str, str]) -> str | None:
    for home in homes:
        if found := home.get("territory") or zips.get(home.get("zip") or ""):
            return found
    return None


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
