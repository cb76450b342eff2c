"""What the page of rules reads: the rules and how they do, what may be chosen in one, and its earlier versions."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
import streamlit as st

from app import runtime
from app.ui import queries
from core.errors import NotFound
from core.routing import State, rule_book, rule_files, rule_history, rule_preview
from core.routing import rules as rules_of
from core.routing.rule_book import StoredRule
from core.routing.rule_history import Entry
from core.routing.rule_preview import Preview
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
def _choices(database_url: str) -> Choices:
    with queries.reading() as session:
        return views.choices(session)


def stored(rule_id: str) -> StoredRule | None:
    """A rule as it is now; None when it is gone."""
    with queries.reading() as session:
        try:
            return rule_book.get_rule(session, rule_id)
        except NotFound:
            return None


def neighbours(rule_id: str | None, priority: int) -> tuple[str | None, str | None]:
    """The names of the enabled rules a rule of this priority is tried after and before."""
    with queries.reading() as session:
        others = [rule for rule in rule_book.list_rules(session) if rule.enabled and rule.id != rule_id]
    ahead = [
        rule.name
        for rule in others
        if rule.priority > priority or (rule.priority == priority and (rule_id is None or rule.id < rule_id))
    ]
    behind = [rule.name for rule in others][len(ahead) :]
    return (ahead[-1] if ahead else None), (behind[0] if behind else None)


def history(rule_id: str) -> list[Entry]:
    """Every change of a rule, the newest first; empty when there never was one."""
    with queries.reading() as session:
        try:
            return rule_history.of_rule(session, rule_id)
        except NotFound:
            return []


def deleted() -> list[Entry]:
    with queries.reading() as session:
        return rule_history.deleted(session)


def export(form: str, *, agents: bool) -> bytes:
    """All rules as a file."""
    with queries.reading() as session:
        found = rule_files.export(session, agents=agents)
    if form == "json":
        return orjson.dumps(found, option=orjson.OPT_INDENT_2)
    return rule_files.as_yaml(found).encode()


def wrong_parts(raw: Mapping[str, Any]) -> dict[str, str]:
    return rules_of.wrong_parts(raw)


def preview(viewer: Viewer, raw: Mapping[str, Any], *, rule_id: str | None) -> Preview:
    """What a valid draft would do; the same draft is worked out once a minute at most.

    Raises:
        Invalid: the draft does not read.
    """
    return _preview(viewer, orjson.dumps(raw).decode(), rule_id, runtime.current().database.url)


@st.cache_data(ttl=timedelta(minutes=1), max_entries=128, show_spinner="Trying it on the last 30 days …")
def _preview(viewer: Viewer, raw: str, rule_id: str | None, database_url: str) -> Preview:
    with queries.reading() as session:
        return rule_preview.preview(
            session,
            orjson.loads(raw),
            rule_id=rule_id,
            state=_state(database_url),
            names=choices().names,
            viewer=viewer,
            now=queries.now(),
        )


@st.cache_resource(max_entries=2, show_spinner=False)
def _state(database_url: str) -> State:
    with queries.reading() as session:
        return State.load(session)
