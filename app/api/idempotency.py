"""`Idempotency-Key` on every POST: the same key and body again gets the first answer, and does nothing again."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import errors
from app.runtime import Runtime
from app.security import callers
from app.security.protect import bearer
from core.db.dialect import upsert
from core.db.tables import IdempotentResponse
from core.errors import Conflict, DoorbellError, Invalid, Unauthorized
from core.sealed import seal, unseal

_SEALED = b"sealed:"
"""How an answer is kept that nobody may store (`Cache-Control: no-store`): it holds a secret. No JSON begins like this."""
_RUNNING = 0
"""The status of a request that has not answered yet."""
_ABANDONED = timedelta(minutes=1)
"""After this a request without an answer counts as died with its process, and may be tried again."""


class Idempotency:
    """ASGI middleware around the API. Keys belong to a user, are kept for a day, and an answer of 500 or more is not kept."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app, self._runtime = app, runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get("idempotency-key") if scope["type"] == "http" else None
        token = bearer(scope) if key is not None else None
        if scope["type"] != "http" or scope["method"] != "POST" or key is None or token is None:
            await self._app(scope, receive, send)
            return
        try:
            if not 0 < len(key) <= 128:
                raise Invalid("Idempotency-Key must have 1 to 128 characters", fields={"Idempotency-Key": "1 to 128"})
            caller = (await callers.by_token(self._runtime, token)).viewer.user_id
            body = await _read(receive)
            request_hash = _hash(scope, body)
            kept = await run_in_threadpool(self._begin, caller, key, request_hash)
        except Unauthorized:
            await self._app(scope, receive, send)  # the endpoint says so in its own words
            return
        except DoorbellError as error:
            await errors.of(error)(scope, receive, send)
            return
        except HTTPException as error:  # a body over the limit
            await errors.problem(error.status_code, error.detail)(scope, receive, send)
            return
        if kept is not None:
            await kept(scope, receive, send)
            return
        await self._run(caller, key, scope, body, receive, send)

    async def _run(self, caller: str, key: str, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Run it, keep the answer, and only then let it go out."""
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        try:
            await self._app(scope, _replayed(body, receive), hold)
        finally:
            status = held[0]["status"] if held else 500
            answer = b"".join(message.get("body", b"") for message in held[1:])
            if held and Headers(raw=held[0]["headers"]).get("cache-control") == "no-store":
                answer = _SEALED + seal(self._runtime.settings.signing_key, answer.decode()).encode()
            await run_in_threadpool(self._finish, caller, key, status, answer)
            for message in held:
                await send(message)

    def _begin(self, caller: str, key: str, request_hash: str) -> Response | None:
        """Take the key (None), or the answer it had.

        Raises:
            Invalid: the key was used for another request.
            Conflict: the first request is still running.
        """
        now = self._runtime.clock.now()
        with self._runtime.database.write() as session:
            if _take(session, caller, key, request_hash, now):
                return None
            kept = session.execute(
                select(IdempotentResponse)
                .where(IdempotentResponse.caller == caller, IdempotentResponse.key == key)
                .with_for_update()
            ).scalar_one()
            if kept.request_hash != request_hash:
                raise Invalid("this Idempotency-Key was used for another request")
            if kept.status != _RUNNING:
                return _answer(kept.status, self._opened(kept.body))
            if now - kept.created_at < _ABANDONED:
                raise Conflict("a request with this Idempotency-Key is still running")
            kept.created_at = now
            return None

    def _opened(self, body: bytes) -> bytes:
        if not body.startswith(_SEALED):
            return body
        return unseal(self._runtime.settings.signing_key, body.removeprefix(_SEALED).decode()).encode()

    def _finish(self, caller: str, key: str, status: int, answer: bytes) -> None:
        row = (IdempotentResponse.caller == caller, IdempotentResponse.key == key)
        with self._runtime.database.write() as session:
            if status >= 500 or status == 429:
                session.execute(delete(IdempotentResponse).where(*row))
            else:
                session.execute(update(IdempotentResponse).where(*row).values(status=status, body=answer))


def _take(session: Session, caller: str, key: str, request_hash: str, now: datetime) -> bool:
    row = {
        "caller": caller,
        "key": key,
        "request_hash": request_hash,
        "status": _RUNNING,
        "body": b"",
        "created_at": now,
    }
    taken = session.execute(
        upsert(session, IdempotentResponse).values(row).on_conflict_do_nothing().returning(IdempotentResponse.key)
    )
    return taken.scalar_one_or_none() is not None


def _answer(status: int, body: bytes) -> Response:
    kind = "application/problem+json" if status >= 400 else "application/json"
    return Response(body, status, media_type=kind if body else None, headers={"Idempotent-Replayed": "true"})


def _hash(scope: Scope, body: bytes) -> str:
    digest = hashlib.sha256(f"{scope['path']}?{scope['query_string'].decode('latin-1')}\n".encode())
    digest.update(body)
    return digest.hexdigest()


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving
