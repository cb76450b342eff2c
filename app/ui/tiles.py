"""A row of numbers with their units; a number that stands for a list leads to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from app.ui import menu, parts

_tiles = parts.component("tiles")


@dataclass(frozen=True, kw_only=True)
class Tile:
    label: str
    value: str
    note: str
    """The unit, or what to compare with."""
    tone: str = ""
    """bad, warn or nothing."""
    feed: Mapping[str, str] | None = field(default=None)
    """The Feed's filters that show what is counted."""


def show(tiles: Sequence[Tile], *, key: str) -> None:
    """Draw them; a click on one that leads to the Feed opens it."""
    made = [_data(tile) for tile in tiles]
    result = _tiles(key=key, data={"tiles": made}, on_go_change=_nothing)
    for tile, shown in zip(tiles, made, strict=True):
        if result.go and result.go == shown["href"] and tile.feed is not None:
            st.switch_page(menu.file("feed"), query_params=dict(tile.feed))


def _data(tile: Tile) -> dict[str, Any]:
    href = "/feed" + (f"?{urlencode(tile.feed)}" if tile.feed else "") if tile.feed is not None else None
    return {"label": tile.label, "value": tile.value, "note": tile.note, "tone": tile.tone, "href": href}


def _nothing() -> None:
    """The click runs the fragment; `show` then leads to the Feed."""
