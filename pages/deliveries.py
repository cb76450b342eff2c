"""Deliveries: how it goes, every message with what became of it, dead letters, channels, endpoints and the service level."""

import streamlit as st

from app.ui import (
    deliveries_channels,
    deliveries_commands,
    deliveries_dead,
    deliveries_level,
    deliveries_list,
    deliveries_story,
    endpoints,
    identity,
)
from core.words import Role

VIEWS = {
    "messages": ("Messages", deliveries_list.render),
    "dead": ("Dead letters", deliveries_dead.render),
    "channels": ("Channels", deliveries_channels.render),
    "endpoints": ("Endpoints", endpoints.section),
    "level": ("Service level", deliveries_level.render),
}
_OWN = ("messages", "channels")
"""What agents see: their own messages, and whether their channels work."""


def page() -> None:
    viewer = identity.me()
    is_agent = viewer.role is Role.AGENT
    st.title("My messages" if is_agent else "Deliveries", anchor=False)
    views = [name for name in VIEWS if not is_agent or name in _OWN]
    chosen = st.segmented_control(
        "View",
        views,
        format_func=lambda one: VIEWS[one][0],
        default="messages",
        required=True,
        key="view",
        wrap=True,
        label_visibility="collapsed",
        bind="query-params",
    )
    deliveries_commands.told()
    VIEWS[chosen if chosen in views else "messages"][1](viewer)
    deliveries_story.open_wanted(viewer)


page()
