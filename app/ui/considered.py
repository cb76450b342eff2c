"""Everybody a decision considered, worked out again on request: who came where, and for each why not them."""

import pandas as pd
import streamlit as st

from app.ui import layout, queries, words
from core.errors import NotFound
from core.routing import ledger
from core.routing.ledger import Considered, Recomputed
from core.viewer import Viewer

_RULES = {
    "assigned": "decided",
    "notified": "told somebody, and went on",
    "nobody_free": "fits, but found nobody free",
    "no_match": "does not fit",
    "not_reached": "was not reached any more",
}


def render(viewer: Viewer, alert_id: str, decision_id: str) -> None:
    """A switch, and behind it the whole list; nothing is worked out before it is asked for."""
    if not st.toggle("Show everybody who was considered", key=f"considered-{decision_id}"):
        return
    try:
        with queries.reading() as session:
            found = ledger.recompute(session, viewer, alert_id, decision_id=decision_id)
    except NotFound:
        st.caption("A person gave it, or it is from before such lists were kept: there is no list to show.")
        return
    if not found.agrees:
        st.warning("Worked out again it comes out differently: this is a fault of the product, please report it.")
    _people(found)
    _rules(found)


def _people(found: Recomputed) -> None:
    st.dataframe(
        pd.DataFrame([_row(one) for one in found.everybody]),
        hide_index=True,
        width="stretch",
        column_config={"Why": st.column_config.TextColumn(width="large")},
    )
    if found.others:
        parts = [f"{words.plural(number, 'agent')} {words.excluded(code)}" for code, number in found.others.items()]
        st.caption(f"Of other teams: {layout.plain('; '.join(parts))}.")


def _row(one: Considered) -> dict[str, str]:
    return {
        "Place": f"{one.place}." if one.place else "–",
        "Agent": one.name,
        "Open": _open(one),
        "Why": words.sentence(one.text) if one.outcome == "excluded" else one.text,
    }


def _open(one: Considered) -> str:
    return "" if one.open_alerts is None else f"{one.open_alerts} of {one.capacity}"


def _rules(found: Recomputed) -> None:
    if not found.rules:
        return
    with st.expander(f"The {words.plural(len(found.rules), 'rule')} at that time"):
        st.table(
            pd.DataFrame(
                [
                    {
                        "Rule": rule.get("name", ""),
                        "": _RULES.get(str(rule["outcome"]), "") + (f": {rule['why']}" if rule.get("why") else ""),
                    }
                    for rule in found.rules
                ]
            ).set_index("Rule")
        )
