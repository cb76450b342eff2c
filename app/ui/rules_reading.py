"""What the page of rules reads: the rules and how they do, what may be chosen in one, and its earlier versions."""

from datetime import timedelta

import streamlit as st

from app import runtime
from app.ui import queries
from core.viewer import Viewer
from core.views import rules as views
from core.views.rules import Choices, RuleRow


def rules(viewer: Viewer) -> tuple[RuleRow, ...]:
    """In the order they are tried."""
    names = choices().names
    with queries.reading() as session:
        return views.list_rules(session, viewer, names=names, now=queries.now())


def choices() -> Choices:
    """Types, territories, people, signals and skills; kept for a minute."""
    return _choices(runtime.current().database.url)


@st.cache_data(ttl=timedelta(minutes=1), max_entries=8, show_spinner=False)
def _choices(_database_url: str) -> Choices:
    with queries.reading() as session:
        return views.choices(session)
