"""Models: how the scores are made and whether they keep their word, what they cost in attention, and whether they are fair."""

import streamlit as st

from app.ui import fair_housing, identity, models_drift, models_versions, thresholds

VIEWS = {
    "versions": ("Scores", models_versions.render),
    "thresholds": ("Thresholds", thresholds.render),
    "drift": ("Drift", models_drift.render),
    "fair": ("Fair housing", fair_housing.render),
}


def page() -> None:
    viewer = identity.me()
    st.title("Models", anchor=False)
    chosen = st.segmented_control(
        "View",
        list(VIEWS),
        format_func=lambda one: VIEWS[one][0],
        default="versions",
        required=True,
        key="view",
        wrap=True,
        label_visibility="collapsed",
        bind="query-params",
    )
    VIEWS[chosen or "versions"][1](viewer)


page()
