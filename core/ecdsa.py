"""Public keys of elliptic curve signatures, as providers show them."""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key


def public_key(text: str) -> EllipticCurvePublicKey:
    """The key behind the base64 of its DER form.

    Raises:
        ValueError: it is no such key.
    """
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error) as error:
        raise ValueError("it is no public key in base64") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("it is a key of another kind")
    return key
