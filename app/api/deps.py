"""What an endpoint may ask for: who calls, the database, the present instant, and the camelCase base of bodies."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from starlette.requests import HTTPConnection

from app.runtime import Runtime
from app.security import callers
from core.db import Database
from core.errors import Forbidden, Unauthorized
from core.viewer import Viewer
from core.words import Role

_bearer = OAuth2PasswordBearer(
    tokenUrl="/api/v1/auth/token", refreshUrl="/api/v1/auth/refresh", auto_error=False, scheme_name="token"
)


class Camel(BaseModel):
    """camelCase on the wire, snake_case accepted; an unknown field is refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


async def runtime(connection: HTTPConnection) -> Runtime:
    """The runtime that `app.state.runtime` holds."""
    found: Runtime = connection.app.state.runtime
    return found


async def database(runtime: Annotated[Runtime, Depends(runtime)]) -> Database:
    return runtime.database


async def now(runtime: Annotated[Runtime, Depends(runtime)]) -> datetime:
    return runtime.clock.now()


async def signed_in(
    runtime: Annotated[Runtime, Depends(runtime)], token: Annotated[str | None, Depends(_bearer)]
) -> callers.SignedIn:
    """Who the bearer token belongs to, and its session.

    Raises:
        Unauthorized: no token, or it is forged, expired or revoked.
    """
    if not token:
        raise Unauthorized("send a token: Authorization: Bearer <token>")
    return await callers.by_token(runtime, token)


async def caller(found: Annotated[callers.SignedIn, Depends(signed_in)]) -> Viewer:
    return found.viewer


async def manager(viewer: Annotated[Viewer, Depends(caller)]) -> Viewer:
    if viewer.role not in (Role.MANAGER, Role.ADMIN):
        raise Forbidden("this takes a manager or an admin")
    return viewer


async def admin(viewer: Annotated[Viewer, Depends(caller)]) -> Viewer:
    if viewer.role != Role.ADMIN:
        raise Forbidden("this takes an admin")
    return viewer


RuntimeOf = Annotated[Runtime, Depends(runtime)]
Db = Annotated[Database, Depends(database)]
Now = Annotated[datetime, Depends(now)]
SignedIn = Annotated[callers.SignedIn, Depends(signed_in)]
Caller = Annotated[Viewer, Depends(caller)]
Manager = Annotated[Viewer, Depends(manager)]
Admin = Annotated[Viewer, Depends(admin)]
