"""Addresses of people: what is stored of them, opened for whoever is to send there."""

from collections.abc import Mapping
from typing import Any

from core.db.tables.reaching import Address
from core.sealed import unseal
from core.settings import Settings

_SEALED = "sealed:"


def reveal(address: Address, settings: Settings) -> str:
    """The address as its channel takes it."""
    return str(_open(address.value, settings))


def reveal_detail(address: Address, settings: Settings) -> Mapping[str, Any]:
    return {name: _open(value, settings) for name, value in address.detail.items()}


def _open(value: Any, settings: Settings) -> Any:
    if isinstance(value, str) and value.startswith(_SEALED):
        return unseal(settings.signing_key, value.removeprefix(_SEALED))
    return value
