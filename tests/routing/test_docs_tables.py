"""The tables of docs/routing.md name every strategy there is, under the heads that the benches write."""

import re
from pathlib import Path

import pytest

from bench import pages, routing_replays, strategies
from core.routing.strategies import LEAVE, STRATEGIES


def test_the_table_of_a_year_has_every_strategy_and_figure() -> None:
    head, _, *rows = pages.shown("strategies", pages.ROUTING).splitlines()
    assert head == f"| chain | {' | '.join(label for label, _, _ in strategies.COLUMNS)} |"
    chains = [tuple(re.findall(r"`(\w+)`", row.split("|")[1])) for row in rows]
    assert chains == list(strategies.CHAINS)
    assert {one for chain in chains for one in chain} == {*STRATEGIES, LEAVE} - {"stale_escalation"}
    assert all(row.count("|") == head.count("|") for row in rows)


def test_the_table_of_replayed_logs_has_every_set_chain_and_figure() -> None:
    head, _, *rows = pages.shown("routing_replays", pages.ROUTING).splitlines()
    assert head == f"| set | | {' | '.join(label for label, _, _ in routing_replays.COLUMNS)} |"
    for name in routing_replays.SETS:
        first, *others = [row.split("|")[2] for row in rows if row.startswith(f"| {name} |")]
        assert first.startswith(" as it was")
        assert [tuple(re.findall(r"`(\w+)`", one)) for one in others] == list(routing_replays.CHAINS)


def test_the_table_of_strategies_has_every_strategy() -> None:
    section = pages.ROUTING.read_text().partition("## Strategies\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == set(STRATEGIES)


def test_figures_go_between_their_own_marks_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = pages.marks("strategies")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    pages.put("strategies", "new\n", page)
    assert page.read_text() == f"before\n{begin}\nnew\n{end}\nafter\n"
    with pytest.raises(LookupError, match="no place"):
        pages.put("another", "new", page)
