"""The form of one system that is told: where it is, what it hears of, and what is wrong beside its field."""

import json
from typing import Any

import streamlit as st

from app.ui import endpoint_chat, endpoint_commands, endpoint_crm, layout, queries, words
from core.db.tables.reaching import Endpoint
from core.delivery import CHANNELS, endpoint_book
from core.delivery.endpoints import ESCALATED, EVENT_TYPES
from core.delivery.pacing import ENDPOINT_PACE
from core.errors import Invalid
from core.viewer import Viewer
from core.views import agents
from core.words import ChangeKind, Role

_DRAFT, SECRET, SAID = "endpoint-draft", "endpoint-secret", "endpoint-said"
EVENTS = {
    ChangeKind.ALERT_NEW: "New alerts",
    ChangeKind.ALERT_UPDATED: "What is done with alerts",
    ChangeKind.ALERT_ASSIGNED: "Who owns them",
    ChangeKind.ALERT_CONVERTED: "Wins",
    ESCALATED: "Steps of a policy that name it",
}
_EVERY = ""
"""Stands for every team; None would be a box where nothing was chosen."""
_PART = {
    "name": "Name",
    "url": "Address",
    "config": "Settings",
    "teamId": "Team",
    "eventTypes": "Hears of",
    "secret": "Secret",
    "channel": "Kind",
}


def begin(one: Endpoint | None) -> None:
    """Open the form: on an endpoint, or on nothing."""
    serial = st.session_state.get("endpoint-serial", 0) + 1
    st.session_state["endpoint-serial"] = serial
    st.session_state[_DRAFT] = {
        "id": one.id if one else None,
        "version": one.version if one else None,
        "raw": endpoint_book.plain(one) if one else {"channel": "webhook", "config": {}, "eventTypes": []},
        "serial": serial,
        "wrong": {},
    }


def is_open() -> bool:
    return _DRAFT in st.session_state


def kind_words(channel: str) -> str:
    label = CHANNELS[channel].label if channel in CHANNELS else channel
    return label[:1].upper() + label[1:]


def teams_of(viewer: Viewer) -> dict[str, str]:
    """Team id to name, as this viewer may choose."""
    with queries.reading() as session:
        found = agents.list_teams(session, viewer)
    return {one.id: one.name for one in found if viewer.role is Role.ADMIN or one.id in viewer.team_ids}


def _closed() -> None:
    st.session_state.pop(_DRAFT, None)


@st.dialog("System", width="large", on_dismiss=_closed)
def dialog(viewer: Viewer) -> None:
    """Nothing is stored before Save."""
    draft: dict[str, Any] = st.session_state[_DRAFT]
    raw, key = draft["raw"], f"endpoint-{draft['serial']}"
    channel = raw["channel"]
    if draft["id"] is None:
        kinds = endpoint_book.kinds()
        channel = st.selectbox("Kind", kinds, kinds.index(channel), format_func=kind_words, key=f"{key}-kind")
    made_here = CHANNELS[channel].endpoint is not None and CHANNELS[channel].endpoint.new_secret is not None  # type: ignore[union-attr]
    crm, is_chat = endpoint_crm.FORMS.get(channel), channel == endpoint_chat.CHANNEL
    name = st.text_input("Name", raw.get("name", ""), max_chars=120, key=f"{key}-name")
    url = raw.get("url", "")
    if not is_chat and (crm is None or crm.address):
        url = st.text_input(
            crm.address if crm else "Address",
            url,
            max_chars=2000,
            placeholder=crm.placeholder if crm else "https://hooks.example.com/doorbell",
            key=f"{key}-url",
        )
    config = dict(raw["config"])
    pace = config.pop("perSecond", ENDPOINT_PACE)
    secret, settings, unread = None, json.dumps(config, indent=2) if config else "", ""
    chat: endpoint_chat.Chat | None = None
    if is_chat:
        chat = endpoint_chat.inputs(config, stored=draft["id"] is not None, key=f"{key}-chat")
        settings = json.dumps({"service": chat.service})
    elif not made_here:
        if crm is not None:
            config = endpoint_crm.sign_in(channel, config, key=f"{key}-{channel}")
        else:
            settings = st.text_area("Settings (JSON)", settings, key=f"{key}-config", height=180)
        secret = st.text_input(
            crm.key if crm else "Secret",
            type="password",
            key=f"{key}-secret",
            autocomplete="off",
            help="Kept sealed and never shown again." + ("" if draft["id"] is None else " Empty: it stays as it is."),
        )
    if crm is not None:
        try:
            config = endpoint_crm.fields(channel, config, key=f"{key}-{channel}")
            settings = json.dumps(config)
        except ValueError as error:
            unread = str(error)
    types = st.multiselect(
        "Hears of",
        EVENT_TYPES,
        default=[one for one in raw["eventTypes"] if one in EVENTS],
        format_func=EVENTS.__getitem__,
        placeholder="Everything",
        key=f"{key}-types",
    )
    left, right = st.columns(2)
    team = _team(viewer, raw, left, key)
    per_second = right.number_input(
        "Messages a second at most", 0.1, endpoint_book.FASTEST, float(pace), format="%g", key=f"{key}-pace"
    )
    if crm is not None and not unread:
        endpoint_crm.preview(viewer, channel, config, key=key)
    if unread:
        st.error(layout.plain(unread))
    elif st.button("Save", type="primary", key=f"{key}-save"):
        written = {"channel": channel, "name": name, "url": url, "teamId": team, "eventTypes": list(types)}
        try:
            secret = chat.address() if chat else secret
        except Invalid as error:
            draft["wrong"] = error.fields
        else:
            _save(viewer, draft, {**written, "enabled": raw.get("enabled", True), "secret": secret or None}, settings, per_second)  # fmt: skip
    for place, why in draft["wrong"].items():
        named = (
            endpoint_crm.place_words(place)
            if crm and place.startswith("config.")
            else (chat.called(place) if chat else "") or _PART.get(place.split(".")[0], place)
        )
        st.error(f"{named}: {layout.plain(why)}")


def _team(viewer: Viewer, raw: dict[str, Any], column: Any, key: str) -> str | None:
    teams = teams_of(viewer)
    ids = [*([_EVERY] if viewer.role is Role.ADMIN else []), *teams]
    stored = raw.get("teamId") or _EVERY
    chosen: str | None = column.selectbox(
        "Alerts of",
        ids,
        index=ids.index(stored) if stored in ids else 0,
        format_func=lambda one: teams.get(one, "Every team"),
        key=f"{key}-team",
    )
    return chosen or None


def _save(viewer: Viewer, draft: dict[str, Any], written: dict[str, Any], settings: str, per_second: float) -> None:
    try:
        config = json.loads(settings) if settings.strip() else {}
    except ValueError as error:
        draft["wrong"] = {"config": f"this is not JSON: {error}"}
        return
    if isinstance(config, dict):
        config["perSecond"] = per_second
    done = endpoint_commands.save(
        viewer, written | {"config": config}, endpoint_id=draft["id"], version=draft["version"]
    )
    if done.ok:
        if done.secret:
            st.session_state[SECRET] = (written["name"], done.secret)
        st.session_state[SAID] = done.text
        _closed()
        st.rerun()
    draft["wrong"] = dict(done.wrong) or {"endpoint": done.text}


def hears_of(one: Endpoint, teams: dict[str, str]) -> str:
    """As in "new alerts and wins · every team"."""
    named = [EVENTS.get(kind, kind) for kind in one.event_types]
    types = words.listed([kind[:1].lower() + kind[1:] for kind in named]) or "everything"
    return f"{types} · {teams.get(one.team_id, one.team_id) if one.team_id else 'every team'}"
