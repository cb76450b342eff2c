"""How messages look by each channel and in each language, with a made-up contact, before the first one comes."""

import streamlit as st

from app import runtime
from app.ui import words
from core.delivery import previewing
from core.delivery.preferences import LANGUAGES
from core.delivery.registry import CHANNELS
from core.viewer import Viewer
from core.words import Role

_LANGUAGE = {"en": "English", "es": "Español"}


def section(viewer: Viewer, *, language: str = "en") -> None:
    """A choice of message, channel and language, and what it would look like. Nothing is sent.

    Args:
        language: what the viewer's own messages are in.
    """
    names = [name for name in previewing.TEMPLATES if name != "notice" or viewer.role is Role.ADMIN]
    which, by, tongue = st.columns(3)
    name = which.selectbox(
        "Message", names, format_func=lambda name: previewing.TEMPLATES[name].label, key="preview-name"
    )
    channel = by.selectbox(
        "Sent by",
        previewing.channels(),
        index=previewing.channels().index("email"),
        format_func=lambda channel: CHANNELS[channel].label.capitalize(),
        key="preview-channel",
    )
    chosen = tongue.selectbox(
        "Language",
        LANGUAGES,
        index=LANGUAGES.index(language) if language in LANGUAGES else 0,
        format_func=lambda language: _LANGUAGE[language],
        key="preview-language",
    )
    now = runtime.current().clock.now()
    parts = previewing.preview(name, channel=channel, language=chosen, now=now)
    st.caption("Nobody in it exists, and its buttons lead nowhere.")
    if title := parts.get("subject") or parts.get("title"):
        st.markdown(f"**{words.plain(title)}**")
    if html := parts.get("html"):
        st.iframe(html, height=620)
        with st.expander("The same as plain text"):
            st.code(parts["text"], language=None, wrap_lines=True)
    elif text := parts.get("text"):
        st.code(text, language=None, wrap_lines=True)
