"""Loan applications replayed as events through the real line; on day 7 the undecided ones are scored, and time tells."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.evaluate import bars, line
from bench.evaluate.measuring import Fold, measured
from bench.evaluate.reading import Evaluated, Figures
from core import replay
from core.db import Database
from core.db.migrate import upgrade
from core.scoring import generic

MAPPING = Path(__file__).with_name("bpi2012.toml")
SNAPSHOT = timedelta(days=7)
DECIDED_SHARE = 0.9
"""Of the cases before the origin, those are trained on that are so old that this share of their age group is decided:
quick decisions are other decisions, and the young cases that are decided already are all quick."""
ACCEPTED = frozenset({"A_APPROVED", "A_REGISTERED", "A_ACTIVATED"})
REFUSED = frozenset({"A_DECLINED", "A_CANCELLED"})
_AFTER_THE_DATA = datetime(2012, 4, 1, tzinfo=UTC)
_QUICK_SHARE = 20


@dataclass(frozen=True, kw_only=True)
class Case:
    started_at: datetime
    decided_at: datetime | None
    """None: still open when the data ends, which is censored and not negative."""
    accepted: bool


def cases(happened: Sequence[Mapping[str, Any]]) -> dict[str, Case]:
    """Contact to its case; events oldest first. The first final event decides."""
    found: dict[str, Case] = {}
    for event in happened:
        at, activity = datetime.fromisoformat(event["occurredAt"]), event["properties"]["activity"]
        case = found.setdefault(event["userId"], Case(started_at=at, decided_at=None, accepted=False))
        if case.decided_at is None and activity in ACCEPTED | REFUSED:
            found[event["userId"]] = Case(started_at=case.started_at, decided_at=at, accepted=activity in ACCEPTED)
    return found


def undecided(known: Mapping[str, Case]) -> dict[str, Case]:
    """Those with no final event by their day 7, in order of their start."""
    waiting = {
        contact: case
        for contact, case in known.items()
        if case.decided_at is None or case.decided_at > case.started_at + SNAPSHOT
    }
    return dict(sorted(waiting.items(), key=lambda item: item[1].started_at))


def _run(folder: Path, seeds: int, quick: bool) -> Figures:
    stream = replay.read(folder / "events.csv.gz", replay.load(MAPPING), now=_AFTER_THE_DATA)
    if quick:
        some = set(sorted({event["userId"] for event in stream.events})[::_QUICK_SHARE])
        stream = replace(stream, events=[event for event in stream.events if event["userId"] in some])
    waiting = undecided(cases(stream.events))
    with tempfile.TemporaryDirectory(prefix="doorbell-evaluate-") as scratch:
        database = Database(f"sqlite:///{Path(scratch) / 'line.db'}")
        upgrade(database)
        started = time.perf_counter()
        decided = line.through(database, stream)
        seconds = time.perf_counter() - started
        histories = line.looked_back(
            database, {contact: case.started_at + SNAPSHOT for contact, case in waiting.items()}
        )
        database.dispose()
    train, test, days = split(list(waiting.values()))
    names = generic.discover([histories[row] for row in train])
    X = line.table(histories, names)
    X = X.loc[:, _telling(X.iloc[train])]
    y = np.array([case.accepted for case in waiting.values()], dtype=np.int64)
    began = np.array([case.started_at.timestamp() for case in waiting.values()])
    fold = Fold(X=X.iloc[train], y=y[train], time=began[train], X_test=X.iloc[test], y_test=y[test])
    figures = measured(
        lambda _seed: [fold],
        seeds=seeds,
        split=(
            "replayed as events through record and decide; snapshot 7 days after the start, only applications undecided "
            "then; forward by start, the last 20% foretold"
        ),
        label_delay=(
            f"trained on applications decided before the origin that began {days} days before it or earlier "
            f"({DECIDED_SHARE:.0%} of that age are decided); {sum(case.decided_at is None for case in waiting.values())} "
            "still open at the end are censored"
        ),
    )
    figures["replay"] = {"events": decided, "seconds": seconds, "events_per_second": decided / seconds}
    figures["snapshots"] = {"contacts": len(waiting), "generic_features": len(names), "columns": X.shape[1]}
    figures["bars"] = [
        bars.at_least("AUC", bars.mean(figures, "auc"), 0.72),
        bars.at_most("ECE", bars.mean(figures, "ece"), 0.04),
        *bars.beside_plain(figures),
    ]
    return {"day 7": figures}


def split(of: Sequence[Case]) -> tuple[list[int], list[int], int]:
    """Rows to train on, rows to foretell, and how many days old a training case has to be at the origin."""
    origin = of[int(0.8 * len(of))].started_at
    days = maturity(of, origin)
    train = [
        row
        for row, case in enumerate(of)
        if case.decided_at is not None and case.decided_at < origin and case.started_at + timedelta(days=days) <= origin
    ]
    test = [row for row, case in enumerate(of) if case.started_at >= origin and case.decided_at is not None]
    return train, test, days


def maturity(of: Sequence[Case], origin: datetime) -> int:
    """The age by which DECIDED_SHARE of the cases were decided, counting only those that could have reached it before
    the origin: nothing after the origin is looked at."""
    for days in range(SNAPSHOT.days, 91):
        age = timedelta(days=days)
        old = [case for case in of if case.started_at + age <= origin]
        decided = sum(case.decided_at is not None and case.decided_at <= case.started_at + age for case in old)
        if old and decided >= DECIDED_SHARE * len(old):
            return days
    return 90


def _telling(X: pd.DataFrame) -> list[str]:
    """Columns that say something of their own in the training rows: neither constant nor a copy of an earlier one."""
    varied = X.loc[:, X.nunique(dropna=False) > 1]
    return list(varied.columns[~varied.T.duplicated()])


SET = Evaluated(folder="bpi2012_loans", published="none at day 7", run=_run)
