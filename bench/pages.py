"""Figures in the docs, each between two marks of its own: what is written there is what was measured."""

from pathlib import Path

ROUTING = Path(__file__).parent.parent / "docs" / "routing.md"


def put(name: str, text: str, page: Path) -> None:
    """Put the figures of a bench into the page, which holds both of its marks."""
    begin, end = marks(name)
    before, found, rest = page.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise LookupError(f"{page.name} has no place for the figures of {name}")
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}")


def shown(name: str, page: Path) -> str:
    """What stands there."""
    begin, end = marks(name)
    return page.read_text().partition(begin)[2].partition(end)[0].strip()


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: written by python -m bench {name} -->", f"<!-- end of {name} -->"
