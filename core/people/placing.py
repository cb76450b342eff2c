"""Where contacts and homes lie: those without a territory get the smallest one that holds their ZIP."""

from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from core.db.tables import Contact, Property, Territory
from core.zips import Atlas


def atlas(session: Session) -> Atlas:
    """The ZIPs of all territories, as they are now."""
    rows = session.execute(select(Territory.id, Territory.zips, Territory.parent_id)).all()
    return Atlas({row.id: row.zips or () for row in rows}, {row.id: row.parent_id for row in rows})


def place_all(session: Session, *, now: datetime) -> tuple[int, int]:
    """Homes without a territory get that of their ZIP, contacts without one that of their dearest home; how many of each.

    What has a territory keeps it: somebody may have said so.
    """
    known = atlas(session)
    zips = session.scalars(
        select(Property.zip).where(Property.territory.is_(None), Property.zip.is_not(None)).distinct()
    )
    by_territory: dict[str, list[str]] = {}
    for zip_code in zips:
        if zip_code and (found := known.at(zip_code)):
            by_territory.setdefault(found, []).append(zip_code)
    homes = 0
    for territory, some in sorted(by_territory.items()):
        homes += session.execute(
            update(Property)
            .where(Property.territory.is_(None), Property.zip.in_(some))
            .values(territory=territory, updated_at=now)
            .execution_options(synchronize_session=False)
        ).rowcount  # type: ignore[attr-defined]
    return homes, _place_contacts(session, now=now)


def _place_contacts(session: Session, *, now: datetime) -> int:
    theirs = (Property.contact_id == Contact.id) & Property.territory.is_not(None)
    dearest = (
        select(Property.territory)
        .where(theirs)
        .order_by(Property.estimated_value.desc().nulls_last(), Property.id)
        .limit(1)
        .scalar_subquery()
    )
    done = session.execute(
        update(Contact)
        .where(Contact.territory.is_(None), exists().where(theirs))
        .values(territory=dearest, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
