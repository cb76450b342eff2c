"""Who we are to push services (VAPID, RFC 8292): the public key that browsers subscribe under, and a signed word with every push."""

import time
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from py_vapid import Vapid02

_VALID = 12 * 3600
"""Seconds; RFC 8292 allows 24 hours, and clocks differ."""


def public_key(private_key: str) -> str:
    """The key as `applicationServerKey` takes it: an uncompressed P-256 point in base64url."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from py_vapid.utils import b64urlencode  # noqa: PLC0415

    point = _signer(private_key).public_key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return str(b64urlencode(point))


def authorization(private_key: str, *, endpoint: str, contact: str) -> str:
    """The Authorization header of a push.

    Args:
        endpoint: the subscription's URL; the signature counts for its push service alone.
        contact: the e-mail address at which the push service may complain.
    """
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time.time()) + _VALID,
        "sub": f"mailto:{contact}",
    }
    return str(_signer(private_key).sign(claims)["Authorization"])


@lru_cache(maxsize=4)
def _signer(private_key: str) -> "Vapid02":
    from py_vapid import Vapid02  # noqa: PLC0415  only whoever pushes needs it

    return Vapid02.from_raw(private_key.encode())
