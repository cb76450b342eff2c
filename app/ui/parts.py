"""The browser's side of each component: its markup, style and script, read from the files in components/."""

from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent / "components"
ICON = str(FOLDER / "bell.svg")
"""The bell in the browser's tab."""


def component(name: str, *, isolated: bool = True) -> Any:
    """Register the component made of components/NAME.html, .css and .js; call the result to show it."""
    return st.components.v2.component(
        f"doorbell_{name}",
        html=(FOLDER / f"{name}.html").read_text(),
        css=(FOLDER / f"{name}.css").read_text(),
        js=(FOLDER / f"{name}.js").read_text(),
        isolate_styles=isolated,
    )
