"""The dashboard's script: who are you, the menu, the page. Streamlit runs it from the top for every full run."""

from pathlib import Path

import streamlit as st

from app.ui import identity, layout, parts, sign_in

_PAGES = Path(__file__).resolve().parent.parent / "pages"
_MENU = (
    ("overview", "Overview", ":material/home:"),
    ("feed", "Feed", ":material/notifications_active:"),
    ("assignments", "Assignments", ":material/assignment_ind:"),
    ("analytics", "Analytics", ":material/insights:"),
)
"""File name and address, title, icon. Another page is one line here and one file in pages/. Without sections: Streamlit
puts their headings into the list itself, which a screen reader then reads wrong."""


def main() -> None:
    viewer = identity.find()
    if viewer is None:
        sign_in.page()
        return
    st.set_page_config(page_title="Doorbell", page_icon=parts.ICON, layout="wide")
    layout.brand()
    page = st.navigation(
        [
            st.Page(_PAGES / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "overview")
            for name, title, icon in _MENU
        ]
    )
    layout.menu_foot(viewer)
    page.run()


main()
