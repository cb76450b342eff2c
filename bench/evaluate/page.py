"""The figures in docs/evaluation.md, between its two marks: what is written there is what was measured."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: written by make evaluate -->", "<!-- end of figures -->"
_COLUMNS = (
    ("AUC", "auc"),
    ("PR-AUC", "pr_auc"),
    ("Brier", "brier"),
    ("ECE", "ece"),
    ("log-loss", "log_loss"),
    ("precision at 10%", "precision_at_10"),
)


def variants(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """(name, the set, its figures) of everything measured."""
    for name, one in found["sets"].items():
        for variant, figures in one["variants"].items():
            yield f"{name}, {variant}", one, figures


def picture_of(name: str) -> str:
    """The file of a variant's reliability curve."""
    return f"reliability-{name.replace(', ', '-').replace(' ', '-')}.svg"


def write(found: Mapping[str, Any], page: Path) -> None:
    """Put the figures into the page, which holds both marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(
        f"{before}{BEGIN}\n{_figures(found)}\n{_lifts(found)}\n{_bars(found)}\n{_pictures(found)}{END}{after}"
    )


def _figures(found: Mapping[str, Any]) -> str:
    rows = [
        "| set | rows foretold | base rate | "
        + " | ".join(label for label, _ in _COLUMNS)
        + " | chosen | fit | published |",
        "|---" * (len(_COLUMNS) + 6) + "|",
    ]
    for name, one, figures in variants(found):
        if "ours" not in figures:
            continue
        cells = [_both(figures, key) for _, key in _COLUMNS]
        chosen = max(figures["chosen"], key=figures["chosen"].get)
        base = f"{figures['base_rate_train']:.1%} → {figures['base_rate']:.1%}"
        fit = f"{figures['fit_seconds']:.0f} s, {figures['rows_per_second']:,.0f} rows/s"
        rows.append(
            f"| {name} | {figures['test_rows']:,} | {base} | {' | '.join(cells)} | {chosen} | {fit} | {one['published']} |"
        )
    return "\n".join(rows) + "\n"


def _both(figures: Mapping[str, Any], key: str) -> str:
    ours, plain = figures["ours"][key], figures["plain_boosting"][key]
    return f"**{ours['mean']:.3f}** ± {ours['spread']:.3f} ({plain['mean']:.3f})"


def _lifts(found: Mapping[str, Any]) -> str:
    rows = [
        "| mailing | lift in visits, 95% interval | published | uplift of the best 30% | of all | difference |",
        "|---" * 6 + "|",
    ]
    for name, _, figures in variants(found):
        if "lift" in figures:
            lift, above = figures["lift"], figures["first_half"]["top_above_average"]
            rows.append(
                f"| {name} | {lift['difference']:.1%} ({lift['low']:.1%} to {lift['high']:.1%}) | {lift['published']:.1%} | "
                f"{figures['top_30_percent_uplift']['mean']:.1%} | {figures['average_uplift']['mean']:.1%} | "
                f"{figures['top_above_average']['mean']:+.1%} ± {figures['top_above_average']['spread']:.1%} over the seeds; "
                f"first half {above['value']:+.1%} ({above['low']:+.1%} to {above['high']:+.1%}) |"
            )
    return "\n".join(rows) + "\n"


def _bars(found: Mapping[str, Any]) -> str:
    rows = ["| set | bar | value | |", "|---|---|---|---|"]
    for name, bar in bars(found):
        rows.append(f"| {name} | {bar['bar']} | {shown(bar['value'])} | {'met' if bar['met'] else '**missed**'} |")
    return "\n".join(rows) + "\n"


def bars(found: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every bar of every set, and those of the generator."""
    rows = [(name, bar) for name, _, figures in variants(found) for bar in figures.get("bars", ())]
    return rows + [("generator", bar) for bar in _held(found.get("generator", {}))]


def _held(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Whatever in the generator's figures says whether it holds, named by the way to it."""
    if "holds" in tree:
        yield {"bar": " ".join(path), "value": _value(tree), "met": tree["holds"]}
    for name, below in tree.items():
        if isinstance(below, Mapping):
            yield from _held(below, (*path, name))


def _value(tree: Mapping[str, Any]) -> Any:
    """`value` where it is told, else the first figure."""
    first: Any = tree.get("value", next(iter(tree.values())))
    return _value(first) if isinstance(first, Mapping) else first


def shown(value: Any) -> str:
    """A bar's figure: four decimals, or what it is."""
    if isinstance(value, float):
        return f"{value:.4f}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _pictures(found: Mapping[str, Any]) -> str:
    return "".join(
        f"![Promised against what happened: {name}](images/{picture_of(name)})\n"
        for name, _, figures in variants(found)
        if "reliability" in figures
    )
