"""Secrets kept in the database, sealed with the installation's key: a copy of the database alone opens nothing."""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken

from core.errors import Conflict


def seal(signing_key: str, secret: str) -> str:
    """The secret as it may be stored. Sealed twice it looks different each time."""
    return _box(signing_key).encrypt(secret.encode()).decode()


def unseal(signing_key: str, sealed: str) -> str:
    """The secret again.

    Raises:
        Conflict: it was sealed with another key.
    """
    try:
        return _box(signing_key).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Conflict("This secret was stored under another DOORBELL_SECRET_KEY; enter it again.") from error


@lru_cache(maxsize=4)
def _box(signing_key: str) -> Fernet:
    # A key of its own, so that a token signed with the signing key can never be taken for a sealed secret.
    derived = hashlib.blake2b(signing_key.encode()[:4096], digest_size=32, person=b"doorbell-sealed").digest()
    return Fernet(base64.urlsafe_b64encode(derived))
