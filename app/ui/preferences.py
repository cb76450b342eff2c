"""How one is told: what would happen now, the matrix of priorities and channels, digests, hours, and what channels need."""

from collections.abc import Mapping
from datetime import time
from typing import Any

import streamlit as st

from app import runtime
from app.ui import chats, deliveries_channels, identity, phones, preferences_draft, push_button, queries, words
from app.ui.commands import Done, say
from core.delivery import preferences
from core.delivery.preferences import Digest, Preferences, QuietHours
from core.errors import DoorbellError
from core.viewer import Viewer
from core.views import delivery_outlook
from core.views.delivery_outlook import Outlook, Standing
from core.words import Priority

_TOLD = "preferences-told"
_DIGEST = {Digest.OFF: "One by one", Digest.HOURLY: "Once an hour", Digest.DAILY: "Once a day"}
_LANGUAGE = {"en": "English", "es": "Español"}
_QUIET = QuietHours()


def render() -> None:
    """The whole page."""
    viewer = identity.me()
    st.title("Preferences", anchor=False)
    done = st.session_state.pop(_TOLD, None)
    if done is not None:
        (st.success if done.ok else st.error)(done.text)
    ready = deliveries_channels.set_up(runtime.current().database.url)
    with queries.reading() as session:
        chosen = preferences.load(session, [viewer.user_id])[viewer.user_id]
        outlook = delivery_outlook.outlook(session, viewer.user_id, set_up=ready, now=queries.now())
    _now(outlook)
    channels = {one.channel: one for one in outlook.channels}
    st.subheader("Which way, and how soon", anchor=False)
    changes: dict[str, Any] = {"matrix": _matrix(chosen, channels)}
    st.subheader("Together or one by one", anchor=False)
    changes |= _digests(chosen)
    st.subheader("When not", anchor=False)
    changes |= _hours(chosen, outlook.timezone)
    st.button("Save", type="primary", key="preferences-save", on_click=_save, args=(viewer, chosen.version, changes))
    st.subheader("What your channels need", anchor=False)
    for one in outlook.channels:
        _standing(one)
    phones.section(viewer)
    chats.section(viewer)
    push_button.section(viewer)


def _now(outlook: Outlook) -> None:
    with st.container(border=True, gap="small"):
        st.markdown("**What would happen now**")
        for one in outlook.told:
            st.markdown(words.plain(one.text))
        st.markdown(words.plain(outlook.quiet))
        st.caption(f"Times are in {outlook.timezone.replace('_', ' ')}.")


def _matrix(chosen: Preferences, channels: Mapping[str, Standing]) -> dict[str, dict[str, int | None]]:
    """One box a priority; the inbox always has everything."""
    found: dict[str, dict[str, int | None]] = {}
    st.caption(
        "Everything stands in the inbox at once. A later step is left out once you read it or act on it anywhere."
    )
    names = [name for name in channels if name != preferences.ALWAYS_ON]
    for priority in Priority:
        row: dict[str, int | None] = {}
        found[priority] = row
        with st.container(border=True, horizontal=True, vertical_alignment="bottom", gap="small"):
            st.markdown(f"**{words.PRIORITY[priority]}**")
            for name in names:
                now = chosen.after(priority, name)
                options = preferences_draft.steps(now)
                row[name] = st.selectbox(
                    channels[name].label.capitalize() + ("" if channels[name].works else " (does not work yet)"),
                    options,
                    index=options.index(now),
                    format_func=preferences_draft.step_words,
                    key=f"step-{priority}-{name}",
                    width=200,
                )
    return found


def _digests(chosen: Preferences) -> dict[str, Any]:
    found: dict[str, str | None] = {}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for priority in (Priority.HIGH, Priority.MEDIUM, Priority.LOW):
            found[priority] = st.selectbox(
                f"{words.PRIORITY[priority]}, by e-mail",
                list(Digest),
                index=list(Digest).index(chosen.digests.get(priority, Digest.OFF)),
                format_func=_DIGEST.__getitem__,
                key=f"digest-{priority}",
                width=200,
            )
        at = st.time_input("The day's mail at", chosen.digest_at, key="digest-at", step=900, width=160)
    gather = st.number_input(
        "Messages in ten minutes after which the next ones come as one (0: never)",
        min_value=0,
        max_value=1000,
        value=chosen.gather_after,
        key="gather",
    )
    st.caption("What is critical never waits for a digest.")
    return {"digests": found, "digestAt": f"{at:%H:%M}", "gatherAfter": int(gather)}


def _hours(chosen: Preferences, timezone: str) -> dict[str, Any]:
    quiet = st.toggle("Quiet hours", chosen.quiet is not None, key="quiet")
    start, end = (chosen.quiet or _QUIET).start, (chosen.quiet or _QUIET).end
    if quiet:
        with st.container(horizontal=True, gap="small"):
            start = st.time_input("From", start, key="quiet-from", step=900, width=160)
            end = st.time_input("Until", end, key="quiet-until", step=900, width=160)
    working = st.toggle("Only in my working hours", chosen.working_hours_only, key="working")
    critical = st.toggle("What is critical comes all the same", chosen.critical_bypasses, key="critical")
    language = st.selectbox(
        "Language of messages",
        list(_LANGUAGE),
        index=list(_LANGUAGE).index(chosen.language),
        format_func=_LANGUAGE.__getitem__,
        key="language",
        width=200,
    )
    draft = preferences_draft.hours(chosen, quiet=(start, end) if quiet else None, working=working, critical=critical)
    if draft is None:
        st.error("Quiet hours that end when they begin would never end.")
    else:
        st.info(
            words.plain(delivery_outlook.quiet_words(draft, timezone, now=queries.now())), icon=":material/bedtime:"
        )
    return {
        "quietHours": _wire(start, end) if quiet else None,
        "workingHoursOnly": working,
        "criticalBypasses": critical,
        "language": language,
    }


def _wire(start: time, end: time) -> dict[str, str]:
    return {"from": f"{start:%H:%M}", "until": f"{end:%H:%M}"}


def _standing(one: Standing) -> None:
    icon = ":material/check_circle:" if one.works else ":material/error:"
    label = one.label[:1].upper() + one.label[1:]
    st.markdown(f"{icon} **{words.plain(label)}** · {words.plain(one.text)}.")
    if one.next_step:
        st.text(one.next_step)  # Markdown would make a link of name:password@host


def _save(viewer: Viewer, version: int, changes: Mapping[str, Any]) -> None:
    try:
        with runtime.current().database.write() as session:
            preferences.save(
                session, viewer.user_id, changes, actor_id=viewer.user_id, version=version, now=queries.now()
            )
        done = Done(ok=True, text="Saved. What would happen now stands here:")
    except DoorbellError as error:
        done = Done(ok=False, text=say(error))
    st.session_state[_TOLD] = done
