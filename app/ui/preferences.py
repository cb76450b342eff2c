"""How one is told: what would happen now, the choices, what channels need, how messages look; those who lead also see others' and the house's."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import runtime
from app.ui import (
    deliveries_channels,
    identity,
    message_preview,
    preferences_choices,
    preferences_house,
    preferences_needs,
    queries,
    told_names,
    words,
)
from app.ui.commands import Done, say
from core.delivery import preferences
from core.errors import DoorbellError, NotFound
from core.viewer import Viewer
from core.views import delivery_outlook, told_people
from core.views.delivery_outlook import Outlook
from core.words import Role

OTHERS = "Another person’s"
_WHOSE = {"mine": "Mine", "others": OTHERS, "house": "The house’s"}


def render() -> None:
    """The whole page."""
    viewer = identity.me()
    st.title("Preferences", anchor=False)
    whose = "mine" if viewer.role is Role.AGENT else _whose()
    done = st.session_state.pop(preferences_house.TOLD, None)
    if done is not None:
        (st.success if done.ok else st.error)(done.text)
        st.toast("Saved." if done.ok else done.text)  # the button stands far below
    if whose == "house":
        preferences_house.render(viewer)
    elif whose == "others":
        _other(viewer)
    else:
        _of(viewer, viewer.user_id, name=None)


def _whose() -> str:
    chosen: str | None = st.segmented_control(
        "Whose",
        list(_WHOSE),
        format_func=_WHOSE.__getitem__,
        default="mine",
        required=True,
        key="whose",
        wrap=True,
        label_visibility="collapsed",
        bind="query-params",
    )
    return chosen or "mine"


def others(viewer: Viewer) -> dict[str, str]:
    """Whose preferences the viewer looks after beside their own: as they stand in the page's address, to their id."""
    with queries.reading() as session:
        found = told_people.list_people(session, viewer)
    return told_names.labelled([one for one in found if one.id != viewer.user_id])


def _other(viewer: Viewer) -> None:
    ids = others(viewer)
    if not ids:
        st.info("There is nobody yet whose preferences you look after.")
        return
    name = st.selectbox("Whose", list(ids), key="person", width=420, bind="query-params")
    st.caption("What you change here is written down as changed by you.")
    _of(viewer, ids[name], name=name)


def _of(viewer: Viewer, user_id: str, *, name: str | None) -> None:
    """The preferences of one person.

    Args:
        name: None where they are the viewer's own.
    """
    ready = deliveries_channels.set_up(runtime.current().database.url)
    with queries.reading() as session:
        chosen = preferences.load(session, [user_id])[user_id]
        outlook = delivery_outlook.outlook(session, user_id, set_up=ready, reader=viewer.user_id, now=queries.now())
    _now(outlook)
    prefix = f"{user_id}-" if name else ""
    changes = preferences_choices.form(chosen, outlook, own=name is None, prefix=prefix)
    _save_button(viewer, user_id, chosen.version, changes, name=name, prefix=prefix)
    preferences_needs.section(viewer, outlook, name=name)
    with st.expander("How messages look", on_change="rerun", key=f"{prefix}looks") as opened:
        if opened.open:
            message_preview.section(viewer, language=chosen.language)


def _now(outlook: Outlook) -> None:
    with st.container(border=True, gap="small"):
        st.markdown("**What would happen now**")
        for one in outlook.told:
            st.markdown(words.plain(one.text))
        st.markdown(words.plain(outlook.quiet))
        st.caption(f"Times are in {outlook.timezone.replace('_', ' ')}.")


def _save_button(
    viewer: Viewer, user_id: str, version: int, changes: Mapping[str, Any], *, name: str | None, prefix: str
) -> None:
    """Saves what stands on the page in this very run: a callback would save what stood there in the one before."""
    key = f"{prefix}version-seen"
    seen: int = st.session_state.setdefault(key, version)
    if not st.button("Save" if name is None else f"Save for {name}", type="primary", key=f"{prefix}preferences-save"):
        st.session_state[key] = version
        return
    st.session_state[preferences_house.TOLD] = _save(viewer, user_id, seen, changes)
    st.rerun()


def _save(viewer: Viewer, user_id: str, version: int, changes: Mapping[str, Any]) -> Done:
    try:
        with runtime.current().database.write() as session:
            told_people.get_person(session, viewer, user_id)
            preferences.save(session, user_id, changes, actor_id=viewer.user_id, version=version, now=queries.now())
    except NotFound:
        return Done(ok=False, text="You do not look after this person’s preferences any more.")
    except DoorbellError as error:
        return Done(ok=False, text=say(error))
    return Done(ok=True, text="Saved. What would happen now stands here:")
