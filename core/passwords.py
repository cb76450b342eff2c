"""How passwords are stored (Argon2id) and checked, in the same time whether or not the account exists."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import Invalid

SHORTEST = 10
LONGEST = 256
_hasher = PasswordHasher()  # argon2-cffi's defaults are RFC 9106's low-memory profile: 64 MiB, 3 passes


def hash_password(password: str) -> str:
    """The hash to store.

    Raises:
        Invalid: shorter than 10 or longer than 256 characters.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(
            f"the password must have {SHORTEST} to {LONGEST} characters",
            fields={"password": f"{SHORTEST} to {LONGEST} characters"},
        )
    return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether the password is the one stored; with nothing stored the same work is done, and the answer is no."""
    if len(password) > LONGEST:
        return False
    nobody = _nobody()
    try:
        _hasher.verify(stored or nobody, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    """The hash an unknown account is checked against, so that a stopwatch cannot tell who exists."""
    return _hasher.hash("nobody has this password")
