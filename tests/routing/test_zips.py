"""ZIPs, ranges and prefixes find the smallest territory; what two share is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.zips import Atlas, number, span, written

TREE = {"texas": None, "austin": "texas", "downtown": "austin", "east": "austin", "waco": "texas"}
ZIPS = {
    "texas": ["75000-79999"],
    "austin": ["787*"],
    "downtown": ["78701-78703"],
    "east": ["78702", "78721"],
    "waco": ["76701"],
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("78701", (78701, 78701)), ("78701-78799", (78701, 78799)), ("787*", (78700, 78799)), ("0*", (0, 9999))],
)
def test_a_pattern_stands_for_its_zips(pattern: str, expected: tuple[int, int]) -> None:
    assert span(pattern) == expected


@pytest.mark.parametrize("pattern", ["", "7870", "78799-78701", "*", "78701*", "SW1A", "78701-1234", "７８７０１x"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="“"):
        span(pattern)


def test_a_pattern_is_stored_without_blanks() -> None:
    assert written(" 78701 – 78799 ") == "78701-78799"


@pytest.mark.parametrize(
    ("zip_code", "expected"),
    [("78701", "downtown"), ("78702-0042", "east"), ("78721", "east"), ("78799", "austin"), ("76701", "waco")],
)
def test_the_smallest_territory_gets_a_zip(zip_code: str, expected: str) -> None:
    assert Atlas(ZIPS, TREE).at(zip_code) == expected


@pytest.mark.parametrize("zip_code", [None, "", "10001", "SW1A 1AA"])
def test_a_zip_nobody_holds_has_no_territory(zip_code: str | None) -> None:
    assert Atlas(ZIPS, TREE).at(zip_code) is None


def test_an_inner_territory_wins_even_with_more_zips() -> None:
    atlas = Atlas({"city": ["78701"], "quarter": ["78700-78709"]}, {"city": None, "quarter": "city"})
    assert atlas.at("78701") == "quarter"
    assert atlas.overlaps() == []


def test_what_neighbours_share_is_told_with_who_gets_it() -> None:
    (shared,) = Atlas(ZIPS, TREE).overlaps()
    assert (shared.one, shared.other, shared.first, shared.count, shared.winner) == (
        "downtown",
        "east",
        "78702",
        1,
        "east",
    )


def test_a_circle_of_territories_hangs_nothing() -> None:
    assert Atlas({"a": ["78701"], "b": ["787*"]}, {"a": "b", "b": "a"}).at("78701") == "a"


@given(
    spans=st.dictionaries(
        st.sampled_from("abcdef"),
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=3),
    ),
    wanted=st.integers(0, 60),
)
def test_the_index_agrees_with_looking_at_every_territory(spans: dict[str, list[tuple[int, int]]], wanted: int) -> None:
    held = {name: [(min(pair), max(pair)) for pair in pairs] for name, pairs in spans.items()}
    zips = {name: [f"{low:05}-{high:05}" for low, high in pairs] for name, pairs in held.items()}
    holders = {name for name, pairs in held.items() if any(low <= wanted <= high for low, high in pairs)}
    sizes = {name: len({zip_ for low, high in pairs for zip_ in range(low, high + 1)}) for name, pairs in held.items()}
    expected = min(holders, key=lambda name: (sizes[name], name), default=None)
    assert Atlas(zips, {}).at(f"{wanted:05}") == expected
    assert number(f"{wanted:05}") == wanted
