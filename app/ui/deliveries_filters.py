"""The filters of the tab Messages, in the address: states, channels, to whom, since when; and about one alert."""

from datetime import timedelta

import streamlit as st

from app.ui import deliveries_words, queries, told_names
from core.delivery import endpoint_book
from core.delivery.registry import CHANNELS
from core.viewer import Viewer
from core.views import told_people
from core.views.deliveries import Filters
from core.words import DeliveryState, Role

_SINCE = {"Today": 1, "7 days": 7, "30 days": 30, "Everything": None}
_EVERYBODY = "Everybody"
TO, _ABOUT = "to", "about"


def bar(viewer: Viewer) -> Filters:
    """Draw them; what they say now."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        states: list[str] = st.multiselect(
            "State",
            list(DeliveryState),
            format_func=deliveries_words.state,
            key="state",
            placeholder="Any",
            width=210,
            bind="query-params",
        )
        channels: list[str] = st.multiselect(
            "Channel",
            list(CHANNELS),
            format_func=deliveries_words.channel,
            key="channel",
            placeholder="Any",
            width=210,
            bind="query-params",
        )
        user_id, endpoint_id = (None, None) if viewer.role is Role.AGENT else _to(viewer)
        since = st.selectbox("Since", list(_SINCE), index=1, key="since", width=150, bind="query-params")
    alert_id = st.query_params.get(_ABOUT)
    if alert_id:
        st.button("About one alert: show all again", icon=":material/close:", key="about-all", on_click=_about_all)
    days = None if alert_id else _SINCE[since]
    return Filters(
        states=tuple(states),
        channels=tuple(channels),
        user_id=user_id,
        endpoint_id=endpoint_id,
        alert_id=alert_id,
        since=queries.now() - timedelta(days=days) if days else None,
    )


def _to(viewer: Viewer) -> tuple[str | None, str | None]:
    """The person or the system that is looked for."""
    with queries.reading() as session:
        people = told_people.list_people(session, viewer)
        systems = endpoint_book.listed(session, viewer)
    found: dict[str, tuple[str | None, str | None]] = {_EVERYBODY: (None, None)}
    found |= {label: (user_id, None) for label, user_id in told_names.labelled(people).items()}
    for one in systems:
        found[system_label(one.name, one.id, taken=found)] = (None, one.id)
    chosen = st.selectbox("To", list(found), key=TO, width=240, bind="query-params")
    return found.get(chosen, (None, None))


def system_label(name: str, endpoint_id: str, *, taken: object = ()) -> str:
    """A system among people; two of one name are told apart."""
    label = f"System: {name}"
    return f"{label} ({endpoint_id[-4:]})" if label in taken else label  # type: ignore[operator]


def show_about(alert_id: str) -> None:
    """Narrow the list to what was said of one alert."""
    st.query_params[_ABOUT] = alert_id


def _about_all() -> None:
    st.query_params.pop(_ABOUT, None)
