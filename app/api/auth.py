"""Tokens for programs: OAuth 2 password form in, JWT and refresh token out (RFC 6749, RFC 7009)."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel

from app.api.deps import Caller, RuntimeOf, SignedIn
from app.runtime import Runtime
from app.security import accounts, sessions, tokens
from core import viewer
from core.errors import Unauthorized

router = APIRouter(prefix="/auth", tags=["sign-in"])


class Token(BaseModel):
    """As RFC 6749 spells it: the one place with snake_case on the wire."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105  the word of the RFC, no secret
    expires_in: int
    """Seconds."""
    refresh_token: str


class Me(BaseModel):
    id: str
    name: str
    email: str
    role: str


@router.post("/token", summary="Sign in, or refresh with grant_type=refresh_token")
def token(
    request: Request,
    response: Response,
    runtime: RuntimeOf,
    username: Annotated[str, Form(max_length=254)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    grant_type: Annotated[str, Form(pattern="^(password|refresh_token)$")] = "password",
    refresh_token: Annotated[str, Form(max_length=200)] = "",
) -> Token:
    response.headers["Cache-Control"] = "no-store"
    if grant_type == "refresh_token":
        return _refreshed(runtime, refresh_token)
    address = request.client.host if request.client else ""
    limits = request.app.state.limits
    account = accounts.check(runtime, limits, email=username, password=password, address=address)
    now = runtime.clock.now()
    with runtime.database.write() as session:
        sid, refresh = sessions.open_token(session, account.id, user_agent=request.headers.get("user-agent"), now=now)
    return _token(runtime, account.id, sid, account.role, refresh)


@router.post("/refresh", summary="The next access token, and the next refresh token")
def refresh(response: Response, runtime: RuntimeOf, refresh_token: Annotated[str, Form(max_length=200)]) -> Token:
    response.headers["Cache-Control"] = "no-store"
    return _refreshed(runtime, refresh_token)


@router.post("/revoke", status_code=204, summary="Sign out: this token's session ends, also on open sockets")
def revoke(signed_in: SignedIn, runtime: RuntimeOf) -> None:
    with runtime.database.write() as session:
        sessions.revoke(session, signed_in.session_id, now=runtime.clock.now())
    runtime.recent.forget(signed_in.session_id)


@router.get("/me", summary="Who this token belongs to")
async def me(caller: Caller) -> Me:
    return Me(id=caller.user_id, name=caller.name, email=caller.email, role=caller.role.value)


def _refreshed(runtime: Runtime, refresh_token: str) -> Token:
    now = runtime.clock.now()
    with runtime.database.write() as session:
        rotated = sessions.rotate(session, refresh_token, now=now)
        person = viewer.load(session, rotated[0].user_id) if rotated else None
    if rotated is None or person is None:
        runtime.recent.forget(refresh_token.partition(".")[0])
        raise Unauthorized("the refresh token is wrong, used or expired; sign in again")
    found, fresh = rotated
    return _token(runtime, found.user_id, found.id, person.role, fresh)


def _token(runtime: Runtime, user_id: str, sid: str, role: Any, refresh: str) -> Token:
    settings = runtime.settings
    access = tokens.issue(
        user_id,
        sid,
        role=str(role),
        key=settings.signing_key,
        minutes=settings.token_minutes,
        now=runtime.clock.now(),
    )
    return Token(access_token=access, expires_in=settings.token_minutes * 60, refresh_token=refresh)
