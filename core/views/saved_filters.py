"""A person's own filters, saved by name for one page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core import audit
from core.db.dialect import upsert
from core.db.tables import SavedFilter
from core.errors import Invalid, NotFound
from core.ids import new_id
from core.viewer import Viewer
from core.views.page import well_formed

MAX_SAVED = 50
_MAX_NAME = 60


@dataclass(frozen=True, kw_only=True)
class SavedFilterRow:
    id: str
    name: str
    filters: dict[str, Any]
    created_at: datetime


def list_saved(session: Session, viewer: Viewer, page: str) -> tuple[SavedFilterRow, ...]:
    """This viewer's filters for this page, by name."""
    rows = session.execute(
        select(SavedFilter.id, SavedFilter.name, SavedFilter.filters, SavedFilter.created_at)
        .where(SavedFilter.user_id == viewer.user_id, SavedFilter.page == page)
        .order_by(func.lower(SavedFilter.name), SavedFilter.id)
    )
    return tuple(SavedFilterRow(**row._mapping) for row in rows)


def save(
    session: Session, viewer: Viewer, page: str, name: str, filters: Mapping[str, Any], *, now: datetime
) -> SavedFilterRow:
    """Save under this name, over what was there.

    Raises:
        Invalid: no name, too long a name, or too many filters.
    """
    name = " ".join(name.split())
    if not name or len(name) > _MAX_NAME or not well_formed(name):
        raise Invalid("Give the filter a name.", fields={"name": f"1 to {_MAX_NAME} characters"})
    known = {row.name for row in list_saved(session, viewer, page)}
    if name not in known and len(known) >= MAX_SAVED:
        raise Invalid(f"There are {MAX_SAVED} saved filters; delete one first.", fields={"name": "too many"})
    statement = upsert(session, SavedFilter).values(
        id=new_id(), user_id=viewer.user_id, page=page, name=name, filters=dict(filters), created_at=now
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id", "page", "name"], set_={"filters": statement.excluded.filters}
        )
    )
    saved = next(row for row in list_saved(session, viewer, page) if row.name == name)
    _audit(session, viewer, saved.id, "saved", {"page": page, "name": name, "filters": dict(filters)}, now=now)
    return saved


def delete_saved(session: Session, viewer: Viewer, filter_id: str, *, now: datetime) -> None:
    """Forget it.

    Raises:
        NotFound: no such filter, or somebody else's.
    """
    mine = (SavedFilter.id == filter_id, SavedFilter.user_id == viewer.user_id)
    gone = session.execute(delete(SavedFilter).where(*mine).returning(SavedFilter.id)).first()
    if gone is None:
        raise NotFound("There is no such saved filter.")
    _audit(session, viewer, filter_id, "deleted", None, now=now)


def _audit(
    session: Session, viewer: Viewer, filter_id: str, what: str, after: Mapping[str, Any] | None, *, now: datetime
) -> None:
    audit.record(
        session,
        f"filter.{what}",
        subject_type="saved_filter",
        subject_id=filter_id,
        actor_id=viewer.user_id,
        after=after,
        now=now,
    )
