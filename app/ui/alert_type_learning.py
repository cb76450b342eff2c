"""Trained alert types on their page: what they learn, from what, how far that is, and what their newest version is worth."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.ui import alert_type_reading as reading
from app.ui import menu, words
from app.ui.alert_type_draft import Draft
from app.ui.alert_type_reading import Learning
from app.ui.layout import plain
from core.learning.readiness import NEEDED, SHADOW_DAYS
from core.learning.reading import VersionDetail
from core.learning.split import FEWEST
from core.scoring import features, generic
from core.scoring.why import described
from core.viewer import Viewer
from core.words import Role

ANSWERS = {
    "event": "They do something you send as an event",
    "transaction": "A transaction follows",
    "outcome": "Agents find its alerts right",
}
TRANSACTIONS = {
    "any": "Any transaction",
    "sale": "A sale",
    "purchase": "A purchase",
    "refinance": "A refinancing",
    "investment": "An investment",
}
_STATUS = {
    "training": "being trained",
    "validating": "trained, and not used",
    "shadow": "in shadow: it scores beside what serves, and decides nothing",
    "deployed": "in use",
    "retired": "put away",
}
_KNOWN = ("profile_update", "market_report_view", "comparable_view", "value_check")
"""Names the product knows, beside a team's own."""
_OTHER = "Another name …"
_ALL = "Everything known of a contact"


def answer_in_words(definition: Mapping[str, Any]) -> str:
    """Learns who does “listing signed”."""
    label = definition.get("label") or {}
    if label.get("kind") == "event":
        return f"Learns who does “{str(label.get('name', '')).replace('_', ' ')}”"
    if label.get("kind") == "transaction":
        what = {"any": "makes any transaction", "sale": "sells", "purchase": "buys", "refinance": "refinances"}
        return f"Learns who {what.get(label.get('type', 'any'), 'invests')}"
    return "Learns which of its alerts agents find right"


def looks_at(definition: Mapping[str, Any]) -> str:
    chosen = definition.get("features", "all")
    if chosen == "all":
        return "from everything known of a contact"
    return f"from {words.plural(len(chosen), 'chosen feature')}"


def question(draft: Draft, learning: Learning) -> None:
    """What counts as the answer, and what it may look at; what is chosen goes into the draft."""
    st.markdown("**What it learns**")
    label, taught = dict(draft.label or {"kind": "event"}), learning.taught
    left, right = st.columns([2, 3], gap="medium")
    with left:
        kind = st.selectbox(
            "It comes true when",
            list(ANSWERS),
            list(ANSWERS).index(label["kind"]),
            format_func=lambda one: ANSWERS[one],
            key=f"answer-{draft.uid}",
            disabled=taught,
        )
    with right:
        if kind == "event":
            label = {"kind": kind, "name": _event(draft, str(label.get("name", "")), taught=taught)}
        elif kind == "transaction":
            chosen = st.selectbox(
                "Which",
                list(TRANSACTIONS),
                list(TRANSACTIONS).index(label.get("type", "any")),
                format_func=lambda one: TRANSACTIONS[one],
                key=f"transaction-{draft.uid}",
                disabled=taught,
            )
            label = {"kind": kind, "type": chosen}
        else:
            label = {"kind": kind}
    draft.label = label
    if kind == "event":
        st.caption(
            "Such a model is as sure as the plain chance. What few contacts do seldom reaches the 50% from which alerts open: "
            "lower this type's threshold on the Models page then."
        )
    if taught:
        st.caption("A model has learnt this already, so what it learns stays. For another question add another type.")
    _may_look_at(draft)


def _event(draft: Draft, present: str, *, taught: bool) -> str:
    options = [*dict.fromkeys([*([present] if present else []), *reading.own_events(), *_KNOWN]), _OTHER]
    chosen = st.selectbox(
        "Which event",
        options,
        format_func=lambda one: one.replace("_", " "),
        key=f"event-{draft.uid}",
        disabled=taught,
    )
    if chosen != _OTHER:
        return chosen
    return st.text_input(
        "Name of the event, as it is sent", max_chars=64, key=f"event-name-{draft.uid}", placeholder="listing_signed"
    ).strip()


def _may_look_at(draft: Draft) -> None:
    own = [f"{what}:{event}{window}" for event in reading.own_events() for what, window in _OF_AN_EVENT]
    usable = [name for name in features.NAMES if f"feature.{name}" in reading.known_fields()]
    chosen = st.multiselect(
        "What it may look at (none chosen: everything known of a contact, your own events included)",
        [*dict.fromkeys([*(draft.features or ()), *own, *usable, *generic.ALWAYS])],
        draft.features or [],
        format_func=_label,
        key=f"features-{draft.uid}",
        placeholder=_ALL,
    )
    draft.features = list(chosen) or None


_OF_AN_EVENT = (("count", ":30d"), ("count", ":90d"), ("recency", ""))


def _label(name: str) -> str:
    window = name.rpartition("_")[2].removesuffix("d")
    return described(name).label + (f", {window} days" if ":" not in name and window.isdigit() else "")


def standing(viewer: Viewer, learning: Learning, *, ruled: bool, status: str) -> None:
    """How far it is, in a box: what came true, when it begins, and what serves until then."""
    ready, timezone = learning.ready, viewer.timezone
    if ready is None:
        return
    with st.container(border=True):
        deployed = learning.of_status("deployed")
        if deployed is None:
            _so_far(learning)
            _begins(learning, timezone)
            st.markdown(
                f"Then it scores in shadow for at least {SHADOW_DAYS} days, and serves once later scores confirm it. "
                + ("Until then its rule opens alerts." if ruled else "Until then nothing scores it: it stays a draft.")
            )
        elif status != "active":
            st.success("Its model is ready. Activate the type to have it open alerts.")
        serving = [one for one in (deployed, learning.of_status("shadow")) if one is not None]
        newest = learning.newest_measured
        for each in serving or ([newest] if newest else []):
            st.markdown(f"**{plain(each.version.id)}** is {_STATUS[each.version.status]}. {worth(each)}")
        if learning.night:
            st.caption(f"Last night: {plain(learning.night)}")
        if learning.versions:
            st.page_link(
                menu.file("models"),
                label="Its versions on the Models page",
                icon=":material/model_training:",
                query_params={"intent": words.plain(words.type_words(learning.type_id))},
            )


def _so_far(learning: Learning) -> None:
    ready = learning.ready
    assert ready is not None
    found = min(ready.positives, ready.negatives) if ready.negatives is not None else ready.positives
    what = (
        f"{words.plural(ready.positives, 'alert')} found right and {ready.negatives:,} wrong"
        if ready.negatives is not None
        else f"It came true for {words.plural(ready.positives, 'contact')}"
    )
    more = f" ({ready.waiting:,} more are waiting for their time to be over)" if ready.waiting else ""
    text = f"{what}{more}; it takes {NEEDED}" + (" of each" if ready.negatives is not None else "")
    st.progress(min(found / NEEDED, 1.0), text=plain(text))
    st.caption(
        f"{FEWEST} to learn from, and {NEEDED - FEWEST} later ones to choose and to measure by: a model is only believed on "
        "scores that it was not made of."
    )


def _begins(learning: Learning, timezone: str) -> None:
    ready, now = learning.ready, learning.now
    assert ready is not None
    begins = ready.begins(now=now)
    if ready.since is None:
        st.markdown("**It cannot begin yet:** nothing it could learn from has come.")
    elif begins is None:
        few = "too little time has passed" if ready.positives + ready.waiting else "it came true for nobody so far"
        st.markdown(f"**When it begins cannot be said yet:** {few}.")
    elif begins <= now:
        st.markdown("**It begins in the coming night,** or with *Learn now* on the Models page.")
    else:
        why = "at this pace" if ready.missing else "when the first scores are old enough to know how they ended"
        st.markdown(f"**It begins about {words.day(begins.date())}**, {why}.")


def worth(found: VersionDetail) -> str:
    """What a version is worth on scores it was not made of, each figure with its range."""
    told, spans = found.metrics.get("transacts"), (found.metrics.get("intervals") or {}).get("transacts") or {}
    if not told:
        return "It was not measured."

    def ranged(name: str) -> str:
        return f" ({spans[name][0]:.2f}–{spans[name][1]:.2f})" if name in spans else ""

    return (
        f"On {told['rows']:,} later scores, of which {told['positives']:,} came true: AUC **{told['auc']:.2f}**"
        f"{ranged('auc')}, where 0.50 is chance and 1 is perfect order; log-loss **{told['logLoss']:.2f}**"
        f"{ranged('logLoss')}, where {told['baseLogLoss']:.2f} is saying the same of everybody and less is better."
    )


def until_then(viewer: Viewer, draft: Draft) -> None:
    """Whether a rule serves before there is a model."""
    st.markdown("**Until a model serves**")
    if (draft.label or {}).get("kind") == "outcome":
        draft.ruled = True
        st.caption("It learns from its own alerts, so a rule has to open the first ones.")
        return
    options = {True: "A rule opens alerts", False: "Nothing does: it stays a draft"}
    chosen = st.segmented_control(
        "Until a model serves",
        list(options),
        format_func=lambda one: options[one],
        default=draft.ruled,
        required=True,
        wrap=True,
        key=f"ruled-{draft.uid}",
        label_visibility="collapsed",
        disabled=viewer.role is Role.AGENT,
    )
    draft.ruled = draft.ruled if chosen is None else chosen
