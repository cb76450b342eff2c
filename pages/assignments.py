"""Assignments: who has what since when, overdue first; managers move one or many, agents claim from the pool."""

import streamlit as st

from app.ui import board, board_moves, detail, handover, identity, rebalancing

board.render()
rebalancing.section(identity.me())
if not board_moves.open_wanted():
    kind, alert_id = st.session_state.pop("feed-open", None) or ("", "")
    if kind == "details":
        detail.dialog(alert_id)
    elif kind == "assign":
        handover.dialog([alert_id])
