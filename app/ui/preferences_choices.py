"""The choices of the Preferences page: by which channel and how soon, together or one by one, and when not."""

from collections.abc import Mapping
from datetime import time
from typing import Any

import streamlit as st

from app.ui import preferences_draft, queries, words
from core.delivery import preferences
from core.delivery.planning import gathered
from core.delivery.preferences import Digest, Preferences, QuietHours
from core.views import delivery_outlook
from core.views.delivery_outlook import Outlook, Standing
from core.words import Priority

_DIGEST = {Digest.OFF: "One by one", Digest.HOURLY: "Once an hour", Digest.DAILY: "Once a day"}
_IN_DIGEST = {Digest.HOURLY: "Hourly digest", Digest.DAILY: "Daily digest"}
_LANGUAGE = {"en": "English", "es": "Español"}
_QUIET = QuietHours()
_BOX = 152
"""Pixels: five in a line beside the menu, two on a phone."""
_DIGESTED = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)


def form(chosen: Preferences, outlook: Outlook, *, own: bool, prefix: str) -> dict[str, Any]:
    """Draw them; what was chosen, as `preferences.save` takes it.

    Args:
        own: whether who looks chooses for themselves.
        prefix: of the keys, so that one person's choices never stand in another's form.
    """
    channels = {one.channel: one for one in outlook.channels}
    st.subheader("Which way, and how soon", anchor=False)
    changes: dict[str, Any] = {"matrix": _matrix(chosen, channels, own=own, prefix=prefix)}
    st.subheader("Together or one by one", anchor=False)
    changes |= _digests(chosen, prefix=prefix)
    st.subheader("When not", anchor=False)
    return changes | _hours(chosen, outlook.timezone, own=own, prefix=prefix)


def _matrix(
    chosen: Preferences, channels: Mapping[str, Standing], *, own: bool, prefix: str
) -> dict[str, dict[str, int | None]]:
    """One box a priority; the inbox always has everything."""
    found: dict[str, dict[str, int | None]] = {}
    names = [name for name in channels if name != preferences.ALWAYS_ON]
    st.caption(
        "Everything stands in the inbox at once. What comes after some minutes is left out once "
        f"{'you' if own else 'they'} read it or act on it anywhere."
    )
    if idle := words.listed([channels[name].label for name in names if not channels[name].works]):
        st.caption(f"Nothing comes by {idle} yet, whatever is chosen here; what is missing stands below.")
    for priority in Priority:
        row: dict[str, int | None] = {}
        found[priority] = row
        with st.container(border=True, gap="small"):
            st.markdown(f"**{words.PRIORITY[priority]}**")
            boxes = st.container(horizontal=True, gap="small")
            for name in names:
                label = channels[name].label.capitalize()
                digest = _digest_now(chosen, priority, prefix=prefix) if gathered(name) else Digest.OFF
                if digest is not Digest.OFF:
                    row[name] = chosen.after(priority, name)
                    said = _IN_DIGEST[digest]
                    boxes.selectbox(
                        label, [said], key=f"{prefix}in-{digest}-{priority}-{name}", disabled=True, width=_BOX
                    )
                    continue
                after = chosen.after(priority, name)
                now = preferences_draft.OFF if after is None else after
                options = preferences_draft.steps(now)
                step = boxes.selectbox(
                    label,
                    options,
                    index=options.index(now),
                    format_func=preferences_draft.step_words,
                    key=f"{prefix}step-{priority}-{name}",
                    width=_BOX,
                )
                row[name] = None if step == preferences_draft.OFF else step
    return found


def _digest_now(chosen: Preferences, priority: Priority, *, prefix: str) -> Digest:
    """As chosen below on this page, which is drawn after the matrix, else as kept."""
    kept = chosen.digests.get(priority, Digest.OFF)
    return Digest(st.session_state.get(_digest_key(prefix, priority), kept)) if priority in _DIGESTED else Digest.OFF


def _digest_key(prefix: str, priority: Priority) -> str:
    return f"{prefix}digest-{priority}"


def _digests(chosen: Preferences, *, prefix: str) -> dict[str, Any]:
    found: dict[str, str | None] = {}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for priority in _DIGESTED:
            found[priority] = st.selectbox(
                f"{words.PRIORITY[priority]}, by e-mail",
                list(Digest),
                index=list(Digest).index(chosen.digests.get(priority, Digest.OFF)),
                format_func=_DIGEST.__getitem__,
                key=_digest_key(prefix, priority),
                width=200,
            )
        at = st.time_input("The day's mail at", chosen.digest_at, key=f"{prefix}digest-at", step=900, width=160)
    gather = st.number_input(
        "Messages in ten minutes after which the next ones come as one (0: never)",
        min_value=0,
        max_value=1000,
        value=chosen.gather_after,
        key=f"{prefix}gather",
        width=420,
    )
    st.caption("What is critical never waits for a digest.")
    return {"digests": found, "digestAt": f"{at:%H:%M}", "gatherAfter": int(gather)}


def _hours(chosen: Preferences, timezone: str, *, own: bool, prefix: str) -> dict[str, Any]:
    quiet = st.toggle("Quiet hours", chosen.quiet is not None, key=f"{prefix}quiet")
    start, end = (chosen.quiet or _QUIET).start, (chosen.quiet or _QUIET).end
    if quiet:
        with st.container(horizontal=True, gap="small"):
            start = st.time_input("From", start, key=f"{prefix}quiet-from", step=900, width=160)
            end = st.time_input("Until", end, key=f"{prefix}quiet-until", step=900, width=160)
    working = st.toggle(
        f"Only in {'my' if own else 'their'} working hours", chosen.working_hours_only, key=f"{prefix}working"
    )
    critical = st.toggle("What is critical comes all the same", chosen.critical_bypasses, key=f"{prefix}critical")
    language = st.selectbox(
        "Language of messages",
        list(_LANGUAGE),
        index=list(_LANGUAGE).index(chosen.language),
        format_func=_LANGUAGE.__getitem__,
        key=f"{prefix}language",
        width=200,
    )
    draft = preferences_draft.hours(chosen, quiet=(start, end) if quiet else None, working=working, critical=critical)
    if draft is None:
        st.error("Quiet hours that end when they begin would never end.")
    else:
        said = delivery_outlook.quiet_words(draft, timezone, own=own, now=queries.now())
        st.info(words.plain(said), icon=":material/bedtime:")
    return {
        "quietHours": _wire(start, end) if quiet else None,
        "workingHoursOnly": working,
        "criticalBypasses": critical,
        "language": language,
    }


def _wire(start: time, end: time) -> dict[str, str]:
    return {"from": f"{start:%H:%M}", "until": f"{end:%H:%M}"}
