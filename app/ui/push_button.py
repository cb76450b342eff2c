"""The switch for notifications in this very browser while Doorbell is closed, with a test."""

import streamlit as st

from app import runtime
from app.ui import parts
from core.delivery import addresses, subscriptions, vapid
from core.viewer import Viewer

_switch = parts.component("push_button")


def section(viewer: Viewer, *, key: str = "push_button") -> bool:
    """Show it; True on the run that follows a change, for whoever lists the addresses on the same page."""
    current = runtime.current()
    with current.database.read() as session:
        known = [
            address.digest
            for address in addresses.listed(session, viewer.user_id)
            if address.channel == subscriptions.KIND and address.disabled_at is None
        ]
    settings = current.settings
    offered = vapid.public_key(settings.vapid_key) if settings.browsers_trust_us else ""
    result = _switch(key=key, data={"known": known, "key": offered}, on_changed_change=_nothing)
    if not offered:
        st.caption("An administrator can make it work: it takes an https:// address (DOORBELL_PUBLIC_URL).")
    return bool(result.changed)


def _nothing() -> None:
    """The change runs the page again: that is all that is wanted."""
