"""The switch for notifications in this very browser while Doorbell is closed, with a test."""

from app import runtime
from app.ui import parts
from core.delivery import addresses, subscriptions, vapid
from core.viewer import Viewer

_switch = parts.component("push_button")


def section(viewer: Viewer, *, key: str = "push_button") -> bool:
    """Show it, where browsers take it at all; True on the run that follows a change, for whoever lists the addresses on the same page."""
    current = runtime.current()
    settings = current.settings
    if not settings.browsers_trust_us:
        return False
    with current.database.read() as session:
        known = [
            address.digest
            for address in addresses.listed(session, viewer.user_id)
            if address.channel == subscriptions.KIND and address.disabled_at is None
        ]
    offered = vapid.public_key(settings.vapid_key)
    result = _switch(key=key, data={"known": known, "key": offered}, on_changed_change=_nothing)
    return bool(result.changed)


def _nothing() -> None:
    """The change runs the page again: that is all that is wanted."""
