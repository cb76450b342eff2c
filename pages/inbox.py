"""Inbox: everything one was told in the app; read, put away or snoozed, one by one or many at once."""

from app.ui import inbox


def page() -> None:
    inbox.render()


page()
