"""What the page of alert types reads: the types and how they do, what a condition may ask about, and what one would do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from app import runtime
from app.ui import queries
from core import scoring
from core.alert_types import definition, fields
from core.alert_types.fields import Field
from core.alert_types.preview import Preview, preview
from core.alert_types.rules import in_words
from core.errors import Invalid
from core.learning import memory, readiness, reading, targets
from core.learning.readiness import Readiness
from core.learning.reading import VersionDetail
from core.scoring import generic
from core.viewer import Viewer
from core.views import alert_types as views
from core.views.alert_types import AlertTypeRow
from core.words import ModelStatus

LOOKED_AT = 1_000
"""Contacts a live preview looks at: it is worked out while somebody writes."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A draft as it stands: what is wrong with it, or what it would do."""

    wrong: Mapping[str, str]
    """Place in the draft to what is wrong there."""
    warnings: tuple[str, ...] = ()
    found: Preview | None = None


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How far a trained type is, and its versions, the newest first."""

    type_id: str
    now: datetime
    ready: Readiness | None
    """None while what it learns is not said."""
    versions: tuple[VersionDetail, ...] = ()
    night: str = ""
    """What the last night said of it."""

    @property
    def taught(self) -> bool:
        """Whether a model goes on answering the question it learnt."""
        return any(one.version.status != ModelStatus.RETIRED for one in self.versions)

    @property
    def newest_measured(self) -> VersionDetail | None:
        return next((one for one in self.versions if one.metrics.get("transacts")), None)

    def of_status(self, status: str) -> VersionDetail | None:
        return next((one for one in self.versions if one.version.status == status), None)


def learning(definition: Mapping[str, Any], horizon_days: int, type_id: str | None) -> Learning:
    """How far it is. What came true changes slowly, and counting it reads every event: it is kept for ten minutes."""
    label = definition.get("label") or {}
    ready = (
        None
        if label.get("kind") == "event" and not label.get("name")
        else _ready(json.dumps(label), horizon_days, type_id)
    )
    with queries.reading() as session:
        versions = reading.versions(session, intent=type_id, limit=20) if type_id else ()
        return Learning(
            type_id=type_id or "",
            now=queries.now(),
            ready=ready,
            versions=tuple(reading.version(session, one.id) for one in versions),
            night=str(memory.of_intent(session, type_id).get("sentence", "")) if type_id else "",
        )


@st.cache_data(ttl=timedelta(minutes=10), max_entries=64, show_spinner="Counting what came true …")
def _ready(label: str, horizon_days: int, type_id: str | None) -> Readiness:
    target = targets.own(type_id or "", {"label": json.loads(label)}, days=horizon_days)
    delay = timedelta(days=runtime.current().settings.transaction_delay_days)
    with queries.reading() as session:
        return readiness.look(session, target, delay=delay, now=queries.now())


def types(viewer: Viewer) -> tuple[AlertTypeRow, ...]:
    with queries.reading() as session:
        return views.list_alert_types(session, viewer, now=queries.now())


@st.cache_data(ttl=timedelta(minutes=5), max_entries=8, show_spinner=False)
def _own_events(_database_url: str) -> tuple[str, ...]:
    with queries.reading() as session:
        names = generic.discover_in(session, now=queries.now())
    return tuple(name.split(":")[1] for name in names if name.startswith("count:") and name.endswith(":30d"))


def own_events() -> tuple[str, ...]:
    """The team's own event names that enough contacts did, the most common first."""
    return _own_events(runtime.current().database.url)


def known_fields() -> Mapping[str, Field]:
    return fields.known()


def field(name: str) -> Field | None:
    """The field of this name; None where it may not be used."""
    try:
        return fields.field(name)
    except fields.Refused:
        return None


def rule_in_words(row: AlertTypeRow) -> str:
    """When a stored type opens an alert, and how sure it then is; empty without a rule."""
    try:
        read = definition.read(row.definition, kind=row.kind)
    except Invalid:
        return "Its definition can no longer be read: change it."
    when = f"When {in_words(read.rule)}" if read.rule is not None else "For every contact, by its signs"
    if read.belief is not None:
        return f"{when}: {read.belief:.0%} sure to start with."
    if read.points:
        number = len(read.points)
        return f"{when}: the more of {number} {'sign' if number == 1 else 'signs'} fit, the surer."
    return ""


def try_out(viewer: Viewer, raw: Mapping[str, Any], *, type_id: str | None) -> Tried:
    """What the draft would do; the same draft is worked out once a minute at most."""
    try:
        new = definition.validate(raw)
    except Invalid as error:
        return Tried(wrong=error.fields)
    return Tried(wrong={}, warnings=new.warnings, found=_preview(viewer, json.dumps(raw, sort_keys=True), type_id))


@st.cache_data(ttl=timedelta(minutes=1), max_entries=128, show_spinner="Counting whom it would find …")
def _preview(viewer: Viewer, raw: str, type_id: str | None) -> Preview:
    with queries.reading() as session:
        return preview(
            session,
            definition.validate(json.loads(raw)),
            type_id=type_id,
            models=scoring.Models.load(session),
            viewer=viewer,
            most=LOOKED_AT,
            now=queries.now(),
        )
