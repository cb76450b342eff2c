"""Preferences: by which channel one is told what, how soon, and when not; what each channel still needs; what would happen now."""

from app.ui import preferences


def page() -> None:
    preferences.render()


page()
