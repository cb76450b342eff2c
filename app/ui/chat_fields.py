"""The inputs of a chat's address: which service, and what that service calls the parts of it."""

from collections.abc import Collection, Mapping

import streamlit as st

from core.delivery import chat_addresses
from core.delivery.chatting import SERVICES


def service(allowed: Collection[str], *, stored: str = "", key: str) -> str:
    """Which of the services that the house allows."""
    names = [name for name in SERVICES if name in allowed]
    chosen: str = st.selectbox(
        "Chat",
        names,
        index=names.index(stored) if stored in names else 0,
        format_func=lambda name: SERVICES[name].label,
        key=f"{key}-service",
        width=260,
    )
    return chosen


def parts(service: str, *, key: str, help: str | None = None) -> Mapping[str, str]:
    """What was entered, by part of the address."""
    return {
        part.name: st.text_input(
            part.label,
            part.default,
            type="password" if part.is_secret else "default",
            placeholder=part.placeholder,
            autocomplete="off",
            max_chars=2000,
            help=help if part.is_secret else None,
            key=f"{key}-{service}-{part.name}",
        )
        for part in chat_addresses.PARTS[service]
    }


def is_empty(service: str, entered: Mapping[str, str]) -> bool:
    """Whether nothing was entered beside what stood there."""
    return all(entered[part.name].strip() in ("", part.default) for part in chat_addresses.PARTS[service])
