"""`make evaluate`: every set that is here and the generator, beside plain boosting, the published figures and the bars."""

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from bench.evaluate import page, picture
from bench.evaluate.measuring import ECE
from bench.evaluate.reading import Evaluated

SETS = ("online_shoppers", "xeducation", "bank_marketing", "bpi2012", "hillstrom", "olist_funnel", "kc_house")
GENERATOR = "generator"
SHARED = Path("../shared/data")
RESULTS = Path(__file__).parent.parent / "evaluation.json"
QUICK = RESULTS.with_name("evaluation-quick.json")
"""Figures of small samples never take the place of real ones."""
PAGE = Path(__file__).parent.parent.parent / "docs" / "evaluation.md"
_WIDTH = 190
"""Characters, where the table does not go to a terminal."""
_SHOWN = ("auc", "pr_auc", "brier", "ece", "log_loss", "precision_at_10")


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    names = arguments.only or (*SETS, GENERATOR)
    written = arguments.to or (QUICK if arguments.quick else RESULTS)
    found = json.loads(written.read_text()) if written.exists() else {"sets": {}}
    failed = False
    found["machine"] = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.system()}
    found["ece"] = ECE
    found["quick"] = arguments.quick
    for name in names:
        started = time.perf_counter()
        # One thread each: fit times compare, and a busy machine does not slow boosting down tenfold (it spins).
        with threadpool_limits(limits=1):
            if name == GENERATOR:
                found["generator"] = _generator(console, quick=arguments.quick)
            else:
                try:
                    new = _set(name, arguments.data, arguments.seeds, console, quick=arguments.quick)
                except Exception as error:  # one set that cannot be read must not cost the figures of the others
                    console.print(f"{name} could not be evaluated: {type(error).__name__}: {error}", markup=False)
                    failed, new = True, {"missing": f"{type(error).__name__} while it was read", "variants": {}}
                if "missing" in new and (found["sets"].get(name) or {}).get("variants"):
                    console.print(f"The figures that {written.name} has of {name} stay.", markup=False)
                else:
                    found["sets"][name] = new
        written.write_text(
            json.dumps(found, indent=2) + "\n"
        )  # after each, so that a run cut short leaves what it found
        console.print(f"{name}: {time.perf_counter() - started:.0f} s")
    for shown in (_figures(found), _bars(found)):
        console.print(shown)
    if written == RESULTS and not arguments.quick:
        page.write(found, PAGE)
        for name, _, figures in page.variants(found):
            if "reliability" in figures:
                picture.reliability(name, figures["reliability"], PAGE.parent / "images" / page.picture_of(name))
    console.print(f"Written to {written}. ECE: {ECE}.")
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED, help="the folder of public sets")
    parser.add_argument("--only", action="append", choices=(*SETS, GENERATOR), help="this set alone; may be repeated")
    parser.add_argument("--quick", action="store_true", help="small samples: whether it runs, not how good it is")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--to",
        type=Path,
        help="where to write the JSON (default: bench/evaluation.json, and docs/evaluation.md; with --quick bench/evaluation-quick.json)",
    )
    return parser


def _set(name: str, data: Path, seeds: int, console: Console, *, quick: bool) -> dict[str, Any]:
    chosen: Evaluated = importlib.import_module(f"bench.evaluate.{name}").SET
    folder = data / chosen.folder
    if not folder.is_dir():
        console.print(f"[yellow]{name} is left out: there is no {folder}[/yellow]")
        return {"missing": f"no folder {chosen.folder}", "variants": {}}
    with console.status(f"{name} ..."):
        return {"published": chosen.published, "variants": chosen.run(folder, seeds, quick)}


def _generator(console: Console, *, quick: bool) -> dict[str, Any]:
    try:
        bars = importlib.import_module("bench.generator_bars")
    except ModuleNotFoundError:
        console.print("[yellow]The generator's bars are left out: there is no bench/generator_bars.py[/yellow]")
        return {"missing": "no bench/generator_bars.py"}
    found: dict[str, Any] = bars.run(console, quick=quick)
    return found


def _figures(found: Mapping[str, Any]) -> Table:
    table = Table(title="The library, and plain boosting in the same run (mean ± spread over the seeds)")
    for column in (
        "set",
        "rows",
        "base",
        "AUC",
        "PR-AUC",
        "Brier",
        "ECE",
        "log-loss",
        "prec. at 10%",
        "fit s",
        "rows/s",
    ):
        table.add_column(column, overflow="fold")
    table.add_column("published", overflow="fold")
    for name, one, figures in page.variants(found):
        if "ours" not in figures:
            continue
        cells = [_both(figures, key) for key in _SHOWN]
        fit = f"{figures['fit_seconds']:.1f}\n{figures['plain_fit_seconds']:.1f}"
        table.add_row(
            name,
            f"{figures['test_rows']:,}",
            f"{figures['base_rate']:.1%}",
            *cells,
            fit,
            f"{figures['rows_per_second']:,.0f}",
            one["published"],
        )
    return table


def _both(figures: Mapping[str, Any], key: str) -> str:
    ours, plain = figures["ours"][key], figures["plain_boosting"][key]
    return f"{ours['mean']:.3f}±{ours['spread']:.3f}\n{plain['mean']:.3f} plain"


def _bars(found: Mapping[str, Any]) -> Table:
    table = Table("set", "bar", "value", "met", title="Bars")
    for name, bar in page.bars(found):
        met = "[green]met[/green]" if bar["met"] else "[red]missed[/red]"
        table.add_row(name, bar["bar"], page.shown(bar["value"]), met)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
