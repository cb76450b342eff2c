"""Rules: who gets which alert, written down in the order it is tried; managers read, admins change."""

import streamlit as st

from app.ui import escalation_desk, identity, rehearsal_tab, rules_list, strategies
from core.words import Role

VIEWS = {
    "rules": ("Rules", rules_list.render),
    "strategies": ("Strategies", strategies.render),
    "escalation": ("When nobody answers", escalation_desk.render),
    "try": ("Try before use", rehearsal_tab.render),
}
"""Address -> what the tab is called, and what shows it. Another tab is one line here."""


def page() -> None:
    viewer = identity.me()
    st.title("Rules", anchor=False)
    if viewer.role is Role.AGENT:
        st.info("Managers and admins keep the rules of who gets which alert. Yours are on the Feed.")
        return
    chosen = "rules"
    if len(VIEWS) > 1:
        chosen = st.segmented_control(
            "View",
            list(VIEWS),
            format_func=lambda one: VIEWS[one][0],
            default="rules",
            required=True,
            key="view",
            wrap=True,
            label_visibility="collapsed",
            bind="query-params",
        )
    VIEWS[chosen or "rules"][1](viewer)


page()
