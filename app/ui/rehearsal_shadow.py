"""How a policy compared with the real decisions while it was in shadow."""

import pandas as pd
import streamlit as st

from app.ui import queries, words
from app.ui.layout import plain
from core.routing import shadowing
from core.routing.policies import SHADOW, StoredPolicy
from core.viewer import Viewer


def render(viewer: Viewer, chosen: StoredPolicy) -> None:
    """Agreement, who would have had more or fewer, and examples."""
    with queries.reading() as session:
        seen = shadowing.comparison(session, chosen, viewer)
    since = words.exact(chosen.shadowed_at, viewer.timezone)
    if not seen.decisions:
        waits = (
            "No alert was handed out since: look again after the next one."
            if chosen.status == SHADOW
            else "No alert was handed out meanwhile."
        )
        st.markdown(f"In shadow since {since}. {waits}")
        return
    share = words.percent(seen.agreed / seen.decisions)
    st.markdown(
        f"In shadow since {since}: of {words.plural(seen.decisions, 'decision')} it would have made **{seen.agreed:,}** the "
        f"same ({share})."
    )
    moved = [one for one in seen.agents if one.real != one.shadow]
    if moved:
        rows = [
            {
                "Agent": one.name,
                "Got": one.real,
                "Would have got": one.shadow,
                "Change": f"{one.shadow - one.real:+d}",
            }
            for one in moved
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, height=min(38 + 35 * len(rows), 420))
    if seen.examples:
        with st.expander("Where they differ"):
            for one in seen.examples:
                st.markdown(
                    f"- {plain(one.contact)}, {words.plain(words.type_words(one.alert_type)).lower()}: "
                    f"{plain(one.agent or 'nobody')} got it, {plain(one.instead or 'nobody')} would have. {plain(one.why)}"
                )
