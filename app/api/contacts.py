"""Contacts: enriched by a CRM, read by whom they concern, and what really happened to their homes."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime, Field, StringConstraints, field_validator
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request

from app.api.deps import Caller, Camel, Db, Manager, Now
from core import people
from core.db import Database
from core.errors import DoorbellError, Invalid, NotFound
from core.people import ContactDetail, ContactRow, HomeRow, TransactionRow, transaction_csv
from core.viewer import Viewer
from core.views.page import checked_limit, cursor_of, key_of

router = APIRouter(prefix="/contacts", tags=["people"])

_NO_NUL = r"^[^\x00]*$"
_EARLIEST = date(1600, 1, 1)
_CHUNK = 500
"""Imported rows a transaction."""
_MOST_ERRORS = 200


Text16 = Annotated[str, StringConstraints(max_length=16, pattern=_NO_NUL)]
Text40 = Annotated[str, StringConstraints(max_length=40, pattern=_NO_NUL)]
Text64 = Annotated[str, StringConstraints(max_length=64, pattern=_NO_NUL)]
Text120 = Annotated[str, StringConstraints(max_length=120, pattern=_NO_NUL)]
Text200 = Annotated[str, StringConstraints(max_length=200, pattern=_NO_NUL)]
Text300 = Annotated[str, StringConstraints(max_length=300, pattern=_NO_NUL)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
ContactId = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]
Dollars = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class HomeIn(Camel):
    """A property; what is not named is left as it is."""

    id: Id
    address: Text300 | None = None
    city: Text120 | None = None
    zip: Text16 | None = None
    territory: Text64 | None = None
    estimated_value: Dollars | None = None
    mortgage_balance: Dollars | None = None
    purchased_on: date | None = None
    attributes: dict[str, Any] | None = None

    @field_validator("purchased_on")
    @classmethod
    def _plausible(cls, value: date | None) -> date | None:
        if value is not None and value < _EARLIEST:
            raise ValueError("is too long ago")
        return value


class ContactIn(Camel):
    """What a CRM knows; what is not named is left as it is, null clears it."""

    name: Text200 | None = None
    email: Email | None = None
    phone: Text40 | None = None
    territory: Text64 | None = None
    owner_agent_id: Text64 | None = None
    attributes: dict[str, Any] | None = None
    properties: list[HomeIn] | None = Field(default=None, max_length=50)


class HomeOut(Camel):
    id: str
    address: str | None
    city: str | None
    zip: str | None
    territory: str | None
    estimated_value: float | None
    mortgage_balance: float | None
    purchased_on: date | None
    attributes: dict[str, Any]
    updated_at: datetime


class ContactSummary(Camel):
    id: str
    name: str | None
    email: str | None
    phone: str | None
    territory: str | None
    owner_agent_id: str | None
    attributes: dict[str, Any]
    first_seen_at: datetime
    last_human_event_at: datetime | None
    scored_at: datetime | None
    updated_at: datetime


class ContactOut(ContactSummary):
    properties: list[HomeOut]


class ContactPage(Camel):
    items: list[ContactSummary]
    next_cursor: str | None


class TransactionIn(Camel):
    id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
    kind: Literal["sale", "purchase", "refinance", "investment"]
    occurred_at: AwareDatetime
    value: Dollars | None = None
    source: Text64 = "api"


class RefusedRow(Camel):
    line: int
    field: str
    reason: str


class ImportOut(Camel):
    accepted: int
    duplicates: int
    refused: int
    errors: list[RefusedRow]
    """The first 200 of those refused."""


class TransactionOut(Camel):
    id: str
    user_id: str
    kind: str
    occurred_at: datetime
    value: float | None
    source: str
    recorded_at: datetime


@router.get("", summary="Contacts, by id")
def list_contacts(
    db: Db,
    viewer: Caller,
    text: Annotated[str, Query(max_length=200, pattern=_NO_NUL)] = "",
    territory: Annotated[str | None, Query(max_length=64, pattern=_NO_NUL)] = None,
    owner_agent_id: Annotated[str | None, Query(alias="ownerAgentId", max_length=64, pattern=_NO_NUL)] = None,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ContactPage:
    """Agents see contacts they own or have an alert of; managers their teams' and nobody's; admins all."""
    after = key_of(cursor, "contacts", [str])[0] if cursor else ""
    with db.read() as session:
        rows, more = people.list_contacts(
            session,
            viewer,
            text=text,
            territory=territory,
            owner_agent_id=owner_agent_id,
            after=after,
            limit=checked_limit(limit),
        )
    following = cursor_of("contacts", rows[-1].id) if more else None
    return ContactPage(items=[_summary(row) for row in rows], next_cursor=following)


@router.get("/{contact_id}", summary="One contact and their properties")
def get_contact(contact_id: ContactId, db: Db, viewer: Caller) -> ContactOut:
    with db.read() as session:
        return _detail(people.get_contact(session, viewer, contact_id))


@router.put("/{contact_id}", summary="Create or enrich a contact")
def put_contact(
    contact_id: ContactId, body: ContactIn, response: Response, db: Db, viewer: Manager, now: Now
) -> ContactOut:
    """Fields that are not named stay as they are; properties are merged by their id. Protected classes (race, religion,
    sex, familial or marital status, national origin, disability, age) are refused, wherever they stand in `attributes`.
    """
    changes = body.model_dump(exclude_unset=True)
    with db.write() as session:
        people.check_reach(session, viewer, contact_id)
        created = people.upsert_contact(session, contact_id, changes, actor_id=viewer.user_id or None, now=now)
        detail = people.get_contact(session, viewer, contact_id)
    response.status_code = 201 if created else 200
    return _detail(detail)


async def import_transactions(request: Request, db: Db, viewer: Manager, now: Now) -> ImportOut:
    """A CSV file (the body, or the part `file` of a form) of up to 20,000 rows: contactId, kind, occurredAt, and where known
    value, id, source. Good rows are kept and the others named by line; the same row again is a duplicate."""
    raw = await _uploaded(request)
    return await run_in_threadpool(_import, db, raw, viewer, now)


router.post(
    "/transactions/import",
    summary="Record what really happened, from a CSV file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                },
            },
        }
    },
)(import_transactions)


async def _uploaded(request: Request) -> bytes:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Invalid("file: send the CSV file as the part called file", fields={"file": "is missing"})
        return await file.read()


def _import(db: Database, raw: bytes, viewer: Viewer, now: datetime) -> ImportOut:
    """In chunks, so that the write lock is never held for long; a file sent again goes on where the last one ended."""
    rows, wrong = people.transaction_csv.read(raw, now=now)
    refused = [RefusedRow(line=each.line, field=each.field, reason=each.reason) for each in wrong]
    accepted = duplicates = 0
    for first in range(0, len(rows), _CHUNK):
        chunk = rows[first : first + _CHUNK]
        with db.write() as session:
            within = people.within_reach(session, viewer, {row.contact_id for row in chunk})
            for row in chunk:
                try:
                    if row.contact_id not in within:
                        raise NotFound("there is no such contact")
                    stored = _keep(session, row, viewer=viewer, now=now)
                except DoorbellError as error:
                    field = "contactId" if isinstance(error, NotFound) else "id"
                    refused.append(RefusedRow(line=row.line, field=field, reason=error.detail))
                    continue
                accepted, duplicates = accepted + stored, duplicates + (not stored)
    refused.sort(key=lambda each: each.line)
    return ImportOut(accepted=accepted, duplicates=duplicates, refused=len(refused), errors=refused[:_MOST_ERRORS])


def _keep(session: Session, row: transaction_csv.Row, *, viewer: Viewer, now: datetime) -> bool:
    _, stored = people.record_transaction(
        session,
        row.id,
        contact_id=row.contact_id,
        kind=row.kind,
        occurred_at=row.occurred_at,
        value=row.value,
        source=row.source,
        actor_id=viewer.user_id or None,
        now=now,
    )
    return stored


@router.post("/{contact_id}/transactions", status_code=201, summary="Record what really happened")
def post_transaction(
    contact_id: ContactId, body: TransactionIn, response: Response, db: Db, viewer: Manager, now: Now
) -> TransactionOut:
    """A sale, purchase, refinance or investment. The same `id` again changes nothing and answers 200."""
    if body.occurred_at > now:
        raise Invalid("occurredAt: lies in the future", fields={"occurredAt": "lies in the future"})
    if body.occurred_at.year < _EARLIEST.year:
        raise Invalid("occurredAt: is too long ago", fields={"occurredAt": "is too long ago"})
    with db.write() as session:
        people.get_contact(session, viewer, contact_id)
        row, stored = people.record_transaction(
            session,
            body.id,
            contact_id=contact_id,
            kind=body.kind,
            occurred_at=body.occurred_at,
            value=body.value,
            source=body.source,
            actor_id=viewer.user_id or None,
            now=now,
        )
    if not stored:
        response.status_code = 200
    return _transaction(row)


def _summary(row: ContactRow) -> ContactSummary:
    return ContactSummary(**vars(row))


def _detail(found: ContactDetail) -> ContactOut:
    return ContactOut(**vars(found.contact), properties=[_home(home) for home in found.homes])


def _home(row: HomeRow) -> HomeOut:
    return HomeOut(**vars(row))


def _transaction(row: TransactionRow) -> TransactionOut:
    values = dict(vars(row))
    values["user_id"] = values.pop("contact_id")
    return TransactionOut(**values)
