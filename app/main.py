"""The dashboard's script: who are you, the menu, the page. Streamlit runs it from the top for every full run."""

import streamlit as st

from app.ui import identity, layout, menu, parts, sign_in


def main() -> None:
    viewer = identity.find()
    if viewer is None:
        sign_in.page()
        return
    st.set_page_config(page_title="Doorbell", page_icon=parts.ICON, layout="wide")
    layout.brand()
    page = st.navigation(
        [
            st.Page(menu.file(name), title=title, icon=icon, url_path=name, default=name == "overview")
            for name, title, icon in menu.of(viewer.role)
        ]
    )
    layout.menu_foot(viewer)
    page.run()


main()
