"""`python -m app replay`: post a recorded stream of events over HTTP, in time order, and say what the line made of it."""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.replay_report import by_api, by_database, show
from app.replay_server import Served, serve
from app.wire_client import Client, Refused
from core import replay
from core.clock import SystemClock
from core.errors import DoorbellError
from core.replay import Stream

DATA = Path("../shared/data/bpi2012_loans/events.csv.gz")
MAPPING = Path(replay.__file__).parent / "bpi2012_loans.toml"
_CONTACT_CALLS = 4
_PATIENCE = 900.0
"""Seconds to wait for the line to have decided everything."""


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    console = Console()
    try:
        return _run(arguments, console)
    except (DoorbellError, Refused) as error:
        console.print(f"[red]{getattr(error, 'detail', None) or error}[/red]", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app replay", description=__doc__)
    parser.add_argument("--mapping", type=Path, default=MAPPING, help="TOML or JSON; see docs/replay.md")
    parser.add_argument("--data", type=Path, default=DATA, help="CSV or JSON lines, plain or .gz")
    parser.add_argument("--url", help="a running Doorbell; without it one is started on a free port, with its own data")
    parser.add_argument("--token", help="a manager's or admin's access token, for --url")
    parser.add_argument("--email", help="or sign in with --email and --password")
    parser.add_argument("--password")
    parser.add_argument("--data-dir", type=Path, help="keep the started server's data here (default: thrown away)")
    parser.add_argument("--serve", action="store_true", help="afterwards leave the started server running, to look at")
    parser.add_argument("--limit", type=int, help="only the newest so many events")
    parser.add_argument("--batch", type=int, default=2_000, choices=range(1, 5_001), metavar="1-5000")
    parser.add_argument(
        "--shift-to-now",
        action=argparse.BooleanOptionalAction,
        help="let the newest event happen now (default: as the mapping says)",
    )
    parser.add_argument("--squeeze-to-days", type=float, help="squeeze the whole span into so many days")
    return parser


def _run(arguments: argparse.Namespace, console: Console) -> int:
    if not arguments.data.exists():
        console.print(
            f"[red]The data is missing: {arguments.data}[/red]\n"
            "Give your own with --data FILE --mapping FILE (docs/replay.md), or put the BPI 2012 loans there.",
            soft_wrap=True,
        )
        return 1
    mapping = replay.load(arguments.mapping)
    times = mapping.time.model_dump()
    times |= {} if arguments.shift_to_now is None else {"shift_to_now": arguments.shift_to_now}
    times |= {} if arguments.squeeze_to_days is None else {"squeeze_to_days": arguments.squeeze_to_days}
    mapping = mapping.model_copy(update={"time": type(mapping.time)(**times)})
    with console.status(f"Reading {arguments.data.name} ..."):
        stream = replay.read(arguments.data, mapping, now=SystemClock().now(), limit=arguments.limit)
    console.print(
        f"{len(stream.events):,} events, {len({event['userId'] for event in stream.events}):,} contacts, "
        f"{len(stream.handlers)} handlers"
    )
    for why, rows in stream.refused.items():
        console.print(f"[yellow]{rows:,} rows left out: {why}[/yellow]")
    with ExitStack() as stack:
        served: Served | None = None
        if arguments.url:
            client = Client(arguments.url, token=arguments.token)
            if arguments.email:
                client.sign_in(arguments.email, arguments.password or "")
        else:
            folder = arguments.data_dir or Path(tempfile.mkdtemp(prefix="doorbell-replay-"))
            if arguments.data_dir is None:
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
            served = serve(folder, mapping, stream.handlers, password=secrets.token_urlsafe(12))
            stack.callback(served.stop)
            console.print(f"Started Doorbell at {served.url}")
            client = served.client()
        stack.callback(client.close)
        started = time.perf_counter()
        accepted, duplicates, wrong = _post(client, stream, batch=arguments.batch, console=console)
        recorded = time.perf_counter() - started
        _wait(client, console)
        seconds = time.perf_counter() - started
        console.print(
            f"{accepted:,} events accepted, {duplicates:,} known before, {wrong:,} refused; recorded in {recorded:.1f} s, "
            f"all decided after {seconds:.1f} s"
        )
        show(by_database(served.database_url) if served else by_api(client), console)
        if served and arguments.serve:
            console.print(
                f"Look at {served.url} as {served.email} with the password {served.password}; Ctrl-C ends it."
            )
            served.wait()
    return 0


def _post(client: Client, stream: Stream, *, batch: int, console: Console) -> tuple[int, int, int]:
    """Contacts with their homes first, then the events, oldest first."""
    accepted = duplicates = wrong = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        if stream.values:
            bar = progress.add_task("Contacts", total=len(stream.values))
            with ThreadPoolExecutor(_CONTACT_CALLS) as pool:
                for _ in pool.map(lambda item: _contact(client, *item), stream.values.items()):
                    progress.advance(bar)
        bar = progress.add_task("Events", total=len(stream.events))
        for start in range(0, len(stream.events), batch):
            some = stream.events[start : start + batch]
            answer = client.call("POST", "/api/v1/events", some)
            accepted += answer["accepted"]
            duplicates += answer["duplicates"]
            wrong += len(answer["errors"])
            progress.advance(bar, len(some))
    return accepted, duplicates, wrong


def _contact(client: Client, contact_id: str, value: float) -> None:
    home = {"id": f"{contact_id}-home", "estimatedValue": round(value, 2)}
    client.call("PUT", f"/api/v1/contacts/{contact_id}", {"properties": [home]})


def _wait(client: Client, console: Console) -> None:
    """Until no event waits to be decided."""
    until = time.monotonic() + _PATIENCE
    with console.status("Deciding ...") as status:
        while (waiting := client.metric("doorbell_events_waiting")) and time.monotonic() < until:
            status.update(f"Deciding ... {waiting:,.0f} events wait")
            time.sleep(0.5)
    if waiting:
        console.print(f"[yellow]{waiting:,.0f} events still wait[/yellow]")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
