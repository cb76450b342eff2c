"""Ids: time-ordered UUIDs (RFC 9562 version 7) as 32 hex digits, and random secrets."""

import hashlib
import os
import secrets
import time


def new_id() -> str:
    """32 hex digits, sortable by creation within a millisecond."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"


def new_secret() -> str:
    """A URL-safe secret with 256 bits of entropy."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """How a random (not human-chosen) secret is stored: SHA-256, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()
