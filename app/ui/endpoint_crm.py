"""The part of a system's form that only CRMs have: their sign-in, their fields, whose tasks, and what an alert would look like there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from app import runtime
from app.ui import queries, words
from core.delivery import crm_mapping, endpoint_preview, hubspot_records, salesforce_records
from core.errors import DoorbellError
from core.viewer import Viewer
from core.views.feed import Filters

_NOTHING = "nothing"
"""What is written for a field that takes none."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """What the form of one CRM says."""

    address: str
    """What its address is; empty where it needs none."""
    placeholder: str = ""
    key: str
    """What its secret is called there."""
    help: str
    parts: Mapping[str, tuple[str, Mapping[str, str]]]
    """Part of the mapping to what people call it, and the fields it has by default."""
    owner: str
    """As an id of a person there looks."""


FORMS = {
    "salesforce": Form(
        address="Your organization's address (My Domain)",
        placeholder="https://yourcompany.my.salesforce.com",
        key="Consumer secret",
        help="An external client app with the client credentials flow, and two fields: "
        f"`{salesforce_records.LEAD_ID}` on leads and `{salesforce_records.TASK_ID}` on activities, both external ids.",
        parts={"lead": ("Lead", salesforce_records.LEAD), "task": ("Task", salesforce_records.TASK)},
        owner="005...",
    ),
    "hubspot": Form(
        address="",
        key="Service key",
        help="A service key that may read and write contacts, and three properties with unique values: "
        f"`{hubspot_records.CONTACT_ID}` on contacts, `{hubspot_records.TASK_ID}` on tasks, `{hubspot_records.NOTE_ID}` on notes.",
        parts={"contact": ("Contact", hubspot_records.CONTACT), "task": ("Task", hubspot_records.TASK)},
        owner="64492917",
    ),
}


def sign_in(channel: str, stored: Mapping[str, Any], *, key: str) -> dict[str, Any]:
    """What is needed there, and the inputs that stand before the secret; the config with what was entered."""
    config = dict(stored)
    st.markdown(f"Needed there: {FORMS[channel].help}")
    if channel == "salesforce":
        config["clientId"] = st.text_input(
            "Consumer key", str(stored.get("clientId", "")), max_chars=255, key=f"{key}-client", autocomplete="off"
        ).strip()
    return config


def fields(channel: str, stored: Mapping[str, Any], *, key: str) -> dict[str, Any]:
    """The inputs of what is written there, and whose tasks they are; the config with what was entered.

    Raises:
        ValueError: a line cannot be read, in words.
    """
    form, config = FORMS[channel], dict(stored)
    if channel == "hubspot":
        config["notes"] = st.checkbox(
            "A note on the timeline for each new alert and each win",
            bool(stored.get("notes", True)),
            key=f"{key}-notes",
        )
    with st.expander("Fields, and whose tasks"):
        own = stored.get("mapping", {})
        texts = {
            part: st.text_area(
                f"Fields of your own: {called.lower()}",
                _lines(own.get(part, {})),
                placeholder="\n".join(f"{field}: {source}" for field, source in list(defaults.items())[:3]),
                help="One a line: the field's API name, a colon, and what it takes: a fact, a fixed text after =, or "
                f"{_NOTHING}.",
                key=f"{key}-{part}",
            )
            for part, (called, defaults) in form.parts.items()
        }
        owners = st.text_area(
            "Whose tasks they are",
            _lines(stored.get("owners", {})),
            placeholder=f"ana@yourcompany.com: {form.owner}",
            help="One a line: an agent's e-mail address, a colon, and the id of the person there.",
            key=f"{key}-owners",
        )
        st.markdown("Without fields of your own these are written:")
        st.table(_defaults(form))
        st.markdown("Facts there are:")
        st.table(
            pd.DataFrame({"Fact": crm_mapping.SOURCES.keys(), "What it is": crm_mapping.SOURCES.values()}).set_index(
                "Fact"
            )
        )
    mapped = {part: _read(text, called=form.parts[part][0]) for part, text in texts.items()}
    config["mapping"] = {part: own for part, own in mapped.items() if own}
    config["owners"] = {email: owner for email, owner in _read(owners, called="Whose tasks").items() if owner}
    return {name: value for name, value in config.items() if value not in ({}, "")}


def preview(viewer: Viewer, channel: str, config: Mapping[str, Any], *, key: str) -> None:
    """The newest alert as it would be written, on request."""
    if not st.button("Show with the newest alert", key=f"{key}-preview"):
        return
    newest = queries.feed(viewer, Filters(), sort="newest", cursor=None, limit=1).page.items
    if not newest:
        st.info("There is no alert yet to show it with.")
        return
    try:
        with queries.reading() as session:
            shown = endpoint_preview.preview(
                session, channel, config, newest[0].id, settings=runtime.current().settings
            )
    except DoorbellError as error:
        for place, why in (error.fields or {"": error.detail}).items():
            st.error(f"{place_words(place)}: {words.plain(why)}" if place else words.plain(why))
        return
    rows = [
        {"Field": words.plain(f"{record} · {field}"), "Value": words.plain(str(value))}
        for record, values in shown.items()
        for field, value in values.items()
    ]
    st.table(pd.DataFrame(rows).set_index("Field"))


def place_words(place: str) -> str:
    """Where something is wrong, as the form calls it: "config.mapping.lead.Phone" is "Lead, field Phone"."""
    match place.split(".", 3):
        case ["config", "clientId"]:
            return "Consumer key"
        case ["config", "mapping", part, field]:
            return f"{part.capitalize()}, field {words.plain(field)}"
        case ["config", "owners", *rest]:
            return f"Whose tasks, {words.plain('.'.join(rest))}" if rest else "Whose tasks"
    return "Settings"


def _defaults(form: Form) -> pd.DataFrame:
    rows = [
        {"Field": words.plain(f"{called} · {field}"), "Takes": source}
        for called, defaults in form.parts.values()
        for field, source in defaults.items()
    ]
    return pd.DataFrame(rows).set_index("Field")


def _lines(own: Mapping[str, str | None]) -> str:
    return "\n".join(f"{field}: {source or _NOTHING}" for field, source in own.items())


def _read(text: str, *, called: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        field, colon, source = line.partition(":")
        if not colon or not field.strip():
            raise ValueError(f"{called}, line {number}: write a name, a colon, and what it takes")
        source = source.strip()
        found[field.strip()] = None if source in ("", _NOTHING) else source
    return found
