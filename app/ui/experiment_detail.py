"""One experiment on the page: what was written down, who is in it, and what it may say by now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import charts, experiment_charts, experiment_desk, layout, words
from app.ui import experiment_words as speak
from core.experiments import lifecycle
from core.experiments.definition import Experiment, Kind, Metric, State
from core.experiments.planning import Weeks
from core.viewer import Viewer
from core.words import Role

_COLOUR = {State.DRAFT: "gray", State.RUNNING: "green", State.STOPPED: "blue"}


def badge(state: State) -> None:
    st.badge(speak.STATE[state], color=_COLOUR[state])  # type: ignore[arg-type]


def show(viewer: Viewer, experiment: Experiment, standing: Mapping[str, Any] | None) -> None:
    """Everything about one experiment."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(layout.plain(experiment.name), anchor=False, width="content")
        badge(experiment.status)
    types = ", ".join(words.type_words(one) for one in experiment.alert_types) or "every alert type"
    st.markdown(f"{speak.KIND[experiment.kind]} · {layout.plain(types)} · {_when(viewer, experiment)}")
    if experiment.hypothesis:
        st.markdown(f"Expected: {layout.plain(experiment.hypothesis)}")
    if standing is None:
        _variants(experiment)
        plan(experiment.metric, experiment.plan, {one.key: one.name for one in experiment.variants})
        _draft_actions(viewer, experiment)
        return
    _standing(experiment, standing)
    with st.expander("What was written down before the start"):
        _variants(experiment)
        plan(experiment.metric, experiment.plan, {one.key: one.name for one in experiment.variants}, now=False)
    if experiment.status is State.RUNNING:
        _stop(viewer, experiment)
    elif reason := (experiment.conclusion or {}).get("reason"):
        st.markdown(f"Why it was stopped: {layout.plain(reason)}")
    _next(viewer, experiment, standing)


def plan(metric: Metric, found: Mapping[str, Any], names: Mapping[str, str], *, now: bool = True) -> None:
    """The plan as it is stored: how many, how long, and what can be told sooner."""
    expected = found["expected"]
    guess = " (a guess: too few alerts of your own are closed)" if found.get("guessed") else ""
    st.markdown(
        f"**{found['total']:,} contacts** to find a difference of {layout.plain(speak.difference(metric, found['effect']))} "
        f"from {layout.plain(speak.number(metric, found['baseline']))}{guess}, found {words.percent(found['power'])} of the time if it is "
        f"there, wrongly seen at most {words.percent(found['alpha'])} of the time."
    )
    if now:
        if expected["weeks"] is None:
            st.warning(
                "At this rate of alerts it never can tell: no contact comes. Wait for alerts, or lower the threshold."
            )
        else:
            weeks = Weeks(expected=expected["weeks"], low=expected["weeksLow"], high=expected["weeksHigh"])
            st.markdown(
                f"It can tell after about **{speak.weeks_and_range(weeks)}**, with "
                f"{expected['perWeek']:.1f} contacts a week; each is followed up for {found['followUpDays']} days."
            )
        _reachable(metric, found)
    rows = [
        {
            "After": f"{one['months']} months",
            "Smallest difference it can find": layout.plain(speak.difference(metric, one["effect"]))
            if one["effect"] is not None
            else "none: too few are followed up by then",
        }
        for one in found["smallest"]
    ]
    if any(one["effect"] is not None for one in found["smallest"]):
        st.table(pd.DataFrame(rows).set_index("After"))
    else:
        st.markdown("After 3, 6 and 12 months it can find no difference at all: too few are followed up by then.")
    st.caption(
        "Contacts needed: "
        + ", ".join(f"{layout.plain(names.get(key, key))} {size:,}" for key, size in found["sizes"].items())
    )


def _reachable(metric: Metric, found: Mapping[str, Any]) -> None:
    """What the weeks of entering leave of the plan."""
    there = found["reachable"]
    if not 0 < there["contacts"] < found["total"]:
        return
    finds = (
        f"can then find {layout.plain(speak.difference(metric, there['effect']))} or more"
        if there["effect"] is not None
        else "can then hardly find anything"
    )
    st.warning(
        f"New contacts enter for {found['weeks']} weeks at most, which is about {there['contacts']:,} of them. It is read "
        f"with those, and {finds}. Look for a larger difference, or let them enter for longer (under More)."
    )


def _when(viewer: Viewer, experiment: Experiment) -> str:
    if experiment.started_at is None:
        return f"drafted {words.exact(experiment.created_at, viewer.timezone)}"
    started = words.exact(experiment.started_at, viewer.timezone)
    if experiment.stopped_at is not None:
        return f"{started} to {words.exact(experiment.stopped_at, viewer.timezone)}"
    return f"since {started}; new contacts enter until {words.exact(experiment.ends_at, viewer.timezone)} at most"


def _variants(experiment: Experiment) -> None:
    for one in experiment.variants:
        st.markdown(
            f"- **{layout.plain(one.name)}**: {words.percent(one.share)} of contacts, "
            f"{layout.plain(speak.config(one.config))}"
        )
    st.markdown(f"Judged by: **{speak.METRIC[experiment.metric]}**.")


def _standing(experiment: Experiment, standing: Mapping[str, Any]) -> None:
    contacts, looks = standing["contacts"], standing["looks"]
    st.markdown(f"**{speak.STANDING[standing['state']]}.** {standing['method']}")
    counted = min(contacts["counted"], contacts["planned"])
    of_looks = f" · look {looks['reached']} of {looks['planned']}" if looks["planned"] > 1 else ""
    text = f"{counted:,} of {contacts['planned']:,} planned contacts followed up{of_looks}"
    st.progress(counted / max(contacts["planned"], 1), text=text)
    if warning := standing["split"]["warning"]:
        st.error(warning)
    _counts(experiment, standing)
    if standing["results"]:
        _results(experiment, standing)
    elif experiment.status is State.STOPPED:
        st.info("It was stopped before a difference could be told: too few contacts had been followed up.")
    else:
        st.info(
            "No difference is shown yet: looking early and stopping at a lucky moment is how experiments lie. "
            "The counts above are all there is to see until the planned look."
        )
    for limit in standing["limits"]:
        st.caption(limit)


def _counts(experiment: Experiment, standing: Mapping[str, Any]) -> None:
    rows = [
        {
            "Variant": layout.plain(one["name"]),
            "Share": words.percent(one["share"]),
            "In it": one["entered"],
            "Had an alert": one["alerted"],
            "Followed up": one["counted"],
            "Waiting": one["waiting"],
            **({"No label": one["uncounted"]} if experiment.metric is Metric.RIGHT_SHARE else {}),
        }
        for one in standing["variants"]
    ]
    st.table(pd.DataFrame(rows).set_index("Variant"))
    p = standing["split"]["p"]
    if p is not None and not standing["split"]["warning"]:
        st.caption("Contacts entered the variants in the planned shares, as far as can be told.")


def _results(experiment: Experiment, standing: Mapping[str, Any]) -> None:
    metric = experiment.metric
    names = {one.key: one.name for one in experiment.variants}
    for result in standing["results"]:
        st.markdown(f"{speak.METRIC[metric]}: {layout.plain(speak.said(metric, result, names))}")
    is_holdout = experiment.kind is Kind.HOLDOUT
    shown = [("All alerts" if is_holdout else names[one["variant"]], one) for one in standing["results"]]
    tiers = [(experiment_charts.tier(one["tier"]), one) for one in standing["tiers"]]
    left, right = st.columns(2, gap="large")
    with left:
        figure = experiment_charts.differences(metric, [*shown, *tiers])
        st.plotly_chart(figure, key=f"differences-{experiment.id}", config=charts.CONFIG)
    with right:
        rows = [
            {
                "Compared": layout.plain(name),
                "Difference": layout.plain(speak.between(metric, one)),
                "It": _side(metric, one["this"]),
                layout.plain(names[one["against"]]): _side(metric, one["other"]),
            }
            for name, one in [*shown, *tiers]
        ]
        of = {"It": layout.plain(names[experiment.variants[0].key])} if is_holdout else {}
        st.table(pd.DataFrame(rows).rename(columns=of).set_index("Compared"))
    if tiers:
        st.caption("Tiers are told for interest: each alone has fewer contacts than planned, and no more certainty.")


def _side(metric: Metric, side: Mapping[str, Any]) -> str:
    """36% of 118, or $1,200 over 118."""
    word = "of" if metric.is_share else "over"
    return layout.plain(f"{speak.number(metric, side['number'])} {word} {side['total']:,}")


def _next(viewer: Viewer, experiment: Experiment, standing: Mapping[str, Any]) -> None:
    """What to do at the planned end."""
    if standing["state"] != "final":
        return
    if experiment.status is State.RUNNING:
        st.success("The planned end is reached. Next step: stop it, so that everybody is treated the same way again.")
        return
    if adopted := (experiment.conclusion or {}).get("adopted"):
        variant, when = experiment.variant(adopted["variant"]), datetime.fromisoformat(adopted["at"])
        name = layout.plain(variant.name) if variant else "A variant"
        st.success(f"“{name}” was adopted on {words.exact(when, viewer.timezone)}.", icon=":material/check:")
        return
    for key in lifecycle.winners(experiment):
        variant = experiment.variant(key)
        if variant is None or viewer.role is not Role.ADMIN:
            continue
        if experiment.kind is Kind.ROUTING and experiment.alert_types:
            st.info(layout.plain(speak.adopting(experiment, variant)))
            continue
        with st.popover(f"Adopt “{layout.plain(variant.name)}” …", icon=":material/check:", width="content"):
            st.write(layout.plain(speak.adopting(experiment, variant)))
            if st.button("Adopt it now", key=f"adopt-{experiment.id}-{key}", type="primary"):
                _tell(experiment_desk.adopt(viewer, experiment.id, key), "Adopted")


def _draft_actions(viewer: Viewer, experiment: Experiment) -> None:
    if viewer.role is not Role.ADMIN:
        st.caption("An admin starts it.")
        return
    with st.container(horizontal=True):
        with st.popover("Start …", icon=":material/play_arrow:", width="content"):
            st.write("From the start on, nothing of it can be changed: not the variants, not the size, not the method.")
            if st.button("Start it now", key=f"start-{experiment.id}", type="primary"):
                _tell(experiment_desk.start(viewer, experiment.id), "Started")
        with st.popover("Delete …", icon=":material/delete:", width="content"):
            st.write("The draft is gone for good.")
            if st.button("Delete the draft", key=f"delete-{experiment.id}"):
                _tell(experiment_desk.remove(viewer, experiment.id), "Deleted")


def _stop(viewer: Viewer, experiment: Experiment) -> None:
    if viewer.role is not Role.ADMIN:
        return
    with st.popover("Stop …", icon=":material/stop:", width="content"):
        st.write(
            "It cannot go on after this. What is known now is kept as its conclusion; everybody is alerted as before."
        )
        reason = st.text_area("Why (kept with the conclusion)", key=f"why-{experiment.id}", max_chars=1000)
        if st.button("Stop it now", key=f"stop-{experiment.id}", type="primary"):
            _tell(experiment_desk.stop(viewer, experiment.id, reason), "Stopped")


def _tell(done: Any, text: str) -> None:
    if done.ok:
        st.toast(text)
        st.rerun()
    st.error(done.text)
