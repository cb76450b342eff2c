"""The fair housing audit over HTTP: as JSON to read, as CSV or a page to download (which leaves an audit row)."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from app.api.deps import Db, Manager, Now
from core import fair_audit
from core.db import Database
from core.errors import Invalid
from core.fair_audit import Audit, By
from core.viewer import Viewer

router = APIRouter(prefix="", tags=["fair housing"])
DAYS = 90
"""Looked back at where nothing is said."""
EARLIEST = 2000
"""The year before which nobody has alerts; far before it, dates run out."""

Since = Annotated[datetime | None, Query(description="90 days before `until` where not said")]
Until = Annotated[datetime | None, Query(description="now where not said")]


# Plain functions: they count for a while where there are many contacts, and run beside the event loop.
@router.get("/fair-housing", summary="Alert rates, scores and response times by area, with intervals")
def read(viewer: Manager, db: Db, now: Now, since: Since = None, until: Until = None, by: By = "territory") -> Response:
    with db.read() as session:
        found = _audit(session, viewer, since, until, by, now=now)
    return Response(
        orjson.dumps({**_wire(asdict(found)), "sentence": fair_audit.sentence(found), "limits": fair_audit.LIMITS}),
        media_type="application/json",
    )


@router.get("/fair-housing.csv", summary="The same as a table to download")
def table(
    viewer: Manager, db: Db, now: Now, since: Since = None, until: Until = None, by: By = "territory"
) -> Response:
    found = _downloaded(db, viewer, since, until, by, kind="csv", now=now)
    return _file(fair_audit.to_csv(found), "text/csv; charset=utf-8", "csv", now)


@router.get("/fair-housing.html", summary="The same as a report to download")
def report(
    viewer: Manager, db: Db, now: Now, since: Since = None, until: Until = None, by: By = "territory"
) -> Response:
    found = _downloaded(db, viewer, since, until, by, kind="html", now=now)
    page = fair_audit.to_html(found, timezone=viewer.timezone, prepared_for=viewer.name)
    return _file(page, "text/html; charset=utf-8", "html", now)


def _audit(
    session: Session, viewer: Viewer, since: datetime | None, until: datetime | None, by: By, *, now: datetime
) -> Audit:
    for name, at in (("since", since), ("until", until)):
        if at is not None and at.tzinfo is None:
            raise Invalid("A time needs its zone.", fields={name: "a time with its zone"})
        if at is not None and at.year < EARLIEST:
            raise Invalid("That is too long ago.", fields={name: f"a time of the year {EARLIEST} or later"})
    end = min(until or now, now)
    return fair_audit.audit(session, viewer, since=since or end - timedelta(days=DAYS), until=end, by=by, now=now)


def _downloaded(
    db: Database, viewer: Viewer, since: datetime | None, until: datetime | None, by: By, *, kind: str, now: datetime
) -> Audit:
    with db.read() as session:
        found = _audit(session, viewer, since, until, by, now=now)
    with db.write() as session:
        fair_audit.record_download(session, found, viewer=viewer, kind=kind, now=now)
    return found


def _file(text: str, media_type: str, ending: str, now: datetime) -> Response:
    name = f'attachment; filename="fair-housing-{now:%Y-%m-%d}.{ending}"'
    return Response(text, media_type=media_type, headers={"content-disposition": name, "cache-control": "no-store"})


def _wire(value: Any) -> Any:
    """camelCase keys, infinite ratios as null."""
    if isinstance(value, dict):
        return {_camel(key): _wire(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_wire(each) for each in value]
    return None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
