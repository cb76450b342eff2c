"""Experiments: first how long until one can tell, then those there are, then a new one."""

import pandas as pd
import streamlit as st

from app.ui import experiment_desk, experiment_detail, experiment_form, identity
from app.ui import experiment_words as speak
from app.ui.experiment_desk import Reach
from core.experiments.definition import Experiment, Kind
from core.viewer import Viewer
from core.words import Role


def page() -> None:
    viewer = identity.me()
    st.title("Experiments", anchor=False)
    if viewer.role is Role.AGENT:
        st.info("Managers and admins plan and read experiments here.")
        return
    reach = experiment_desk.reach(viewer)
    _how_long(reach)
    every = experiment_desk.every()
    _list(viewer, every)
    if viewer.role is Role.ADMIN:
        with st.expander("Plan a new experiment", expanded=not every and reach.own.weeks > 0, icon=":material/add:"):
            _form(viewer, reach)
    elif not every:
        st.info("No experiment yet. An admin plans the first one.")


@st.fragment
def _form(viewer: Viewer, reach: Reach) -> None:
    experiment_form.show(viewer, reach)


def _how_long(reach: Reach) -> None:
    year, week = reach.own.alerts_a_year, reach.own.contacts
    if not reach.own.weeks:
        st.info(
            "There was no alert yet, so no experiment could tell anything. Come back when alerts have come for a few weeks; "
            "the Overview says how to ring the first one."
        )
        return
    st.markdown(
        f"This team sees about **{year.per_week:,.0f} alerts a year** ({year.low:,.0f}–{year.high:,.0f}), from "
        f"{week.per_week:.1f} different contacts a week. That decides how small a difference can be found, and when:"
    )
    st.table(pd.DataFrame([_row(one) for one in reach.prospects]).set_index("To find"))
    st.caption(
        "Found 80% of the time if it is there, wrongly seen 5% of the time. The range is what the rate of alerts leaves open. "
        "The times count every alert type and include the follow-up."
    )


def _row(one: experiment_desk.Prospect) -> dict[str, str]:
    what = "right alerts, two halves" if one.kind is Kind.THRESHOLD else "transactions, a tenth held out"
    return {
        "To find": f"{speak.difference(one.metric, one.effect)} of {what}",
        "Today": speak.number(one.metric, one.baseline),
        "Contacts": f"{one.contacts:,}",
        "It takes": speak.weeks_and_range(one.weeks),
    }


def _list(viewer: Viewer, every: list[Experiment]) -> None:
    if not every:
        return
    ids = [one.id for one in every]
    by_id = {one.id: one for one in every}
    wanted = st.session_state.pop("open-experiment", st.session_state.get("experiment"))
    st.session_state["experiment"] = wanted if wanted in by_id else ids[0]
    chosen = st.selectbox(
        "Experiment",
        ids,
        format_func=lambda one: (
            f"{speak.STATE[by_id[one].status]}: {by_id[one].name} ({speak.SHORT_KIND[by_id[one].kind]})"
        ),
        key="experiment",
    )
    found = experiment_desk.one(chosen)
    if found is None:
        st.info("This experiment is not here any more. Load the page again.")
        return
    with st.container(border=True):
        experiment_detail.show(viewer, *found)


page()
