"""Access tokens: short-lived JWTs (HS256) that name a user and a session, signed with the server's key."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from core.errors import Unauthorized

_ISSUER = "doorbell"
_ALGORITHMS = ["HS256"]  # named, or a token could choose "none" for itself


@dataclass(frozen=True, kw_only=True)
class Claims:
    user_id: str
    session_id: str
    expires_at: datetime


def issue(user_id: str, session_id: str, *, role: str, key: str, minutes: int, now: datetime) -> str:
    """A token; `role` is for the client's menus only, the server reads the role from the database."""
    claims = {
        "iss": _ISSUER,
        "sub": user_id,
        "sid": session_id,
        "role": role,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=minutes)).timestamp()),
    }
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key))


def read(token: str, *, key: str, now: datetime) -> Claims:
    """What the token says.

    Raises:
        Unauthorized: malformed, signed with another key or algorithm, or expired.
    """
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        iss={"essential": True, "value": _ISSUER},
        sub={"essential": True},
        sid={"essential": True},
        exp={"essential": True},
    )
    try:
        claims = jwt.decode(token, OctKey.import_key(key), algorithms=_ALGORITHMS).claims
        rules.validate(claims)
        return Claims(
            user_id=str(claims["sub"]),
            session_id=str(claims["sid"]),
            expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
        )
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Unauthorized("the token is wrong or has expired") from error
