"""Who gets which variant: a hash of the experiment's salt and the contact's id, so the same contact always gets the same."""

from collections.abc import Sequence
from hashlib import blake2b

from core.experiments.definition import Variant


def position(salt: str, contact_id: str) -> float:
    """A contact's place in [0, 1): uniform over contacts, independent between salts, the same in every process.

    BLAKE2b with the salt as its key (RFC 7693), the first 53 bits as a float.
    """
    digest = blake2b(contact_id.encode(), key=salt.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def assign(variants: Sequence[Variant], salt: str, contact_id: str) -> Variant:
    """The variant of a contact; its share is the propensity."""
    place, below = position(salt, contact_id), 0.0
    for variant in variants[:-1]:
        below += variant.share
        if place < below:
            return variant
    return variants[-1]
