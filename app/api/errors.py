"""Every refusal as application/problem+json (RFC 9457); what went wrong inside is logged and never sent."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from core import log
from core.errors import DoorbellError, TooMany, Unauthorized

_log = log.get(__name__)
_IN_REQUEST = {"body", "query", "path", "header", "form"}

PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def problem(
    status: int,
    title: str,
    detail: str = "",
    *,
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem document; `fields` names each wrong field and why."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if detail:
        body["detail"] = detail
    if fields:
        body["fields"] = dict(fields)
    # What we were sent may be named in it, and half a character of that is written as JSON writes it: \ud800.
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(text, status, media_type="application/problem+json", headers=dict(headers) if headers else None)


def of(error: DoorbellError) -> Response:
    """The problem document of one of our own refusals."""
    headers = {}
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(error.status, error.title, error.detail, fields=error.fields, headers=headers)


def install(api: FastAPI) -> None:
    """Answer every error of this application as a problem document."""
    api.add_exception_handler(DoorbellError, _ours)
    api.add_exception_handler(RequestValidationError, _malformed)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(DataError, _unstorable)
    api.add_exception_handler(UnicodeEncodeError, _unstorable)
    api.add_exception_handler(ClientDisconnect, _gone)
    api.add_exception_handler(Exception, _unexpected)


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DoorbellError)
    return of(error)


async def _malformed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = {_field(one["loc"]): str(one["msg"]).removeprefix("Value error, ") for one in error.errors()}
    names = ", ".join(sorted(fields))
    return problem(422, "The input is not valid", f"look at: {names}", fields=fields)


def _field(location: tuple[int | str, ...]) -> str:
    parts = location[1:] if location and location[0] in _IN_REQUEST and len(location) > 1 else location
    return ".".join(str(part) for part in parts) or "body"


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != title else ""
    return problem(error.status_code, title, detail, headers=error.headers)


async def _unstorable(_request: Request, _error: Exception) -> Response:
    """PostgreSQL refuses some text anywhere, such as a NUL in an id of the path; half a character is refused on the way to either."""
    return problem(422, "The input is not valid", "it holds a character or number that cannot be stored")


async def _gone(_request: Request, _error: Exception) -> Response:
    """The caller left in the middle of the body: nobody reads this answer, and nothing was stored."""
    return problem(400, "The request was not complete")


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request_failed", path=request.url.path, method=request.method, exc_info=error)
    return problem(500, "Something went wrong", "it was logged; please try again")
