"""How good a model of this table would be: learnt on the earlier rows, measured on the later, beside plain boosting."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import errors
from core.scoring import metrics
from core.scoring.metrics import Interval
from core.scoring.tabular import calibrating, doubts, reading, training
from core.scoring.tabular.calibrating import RAW, Calibrator
from core.scoring.tabular.doubts import Warned
from core.scoring.tabular.fitted import TabularModel, predict
from core.scoring.tabular.plain import plain
from core.scoring.tabular.reading import Table
from core.scoring.tabular.training import Plan

Floats = NDArray[np.float64]

FIGURES = (
    "auc",
    "pr_auc",
    "brier",
    "ece",
    "ece_mass",
    "log_loss",
    "precision_at_10",
    "calibration_slope",
    "calibration_intercept",
)
WITH_INTERVALS = ("auc", "pr_auc", "brier", "log_loss", "ece", "precision_at_10")
REFITS = 6
"""Times the model is learnt anew while rolling forward; in between only its level follows the newest labels."""
FOLLOWING = (400, 100, 200, 800, 1600)
"""Rows, scored before their label was known, after which one counts half in the level and slope of a window; the first until
labelled windows tell which did best."""
JUDGED = 3000
"""Newest rows on which the curves of every half-life, and the raw log-odds, are compared by what they said at the time."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Means over the seeds; `spread` are standard deviations over them, `intervals` 95% of resampled test rows."""

    name: str
    split: str
    rows: int
    features: int
    train_rows: int
    test_rows: int
    base_rate: float
    """Share of positives in training."""
    test_base_rate: float
    seeds: int
    kinds: tuple[str, ...]
    """The kind chosen, a seed."""
    calibrators: tuple[str, ...]
    metrics: Mapping[str, float]
    spread: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    plain: Mapping[str, float]
    """The same of plain boosting (scikit-learn's defaults) on the same rows."""
    gain: Mapping[str, tuple[float, float, float]]
    """AUC, PR-AUC and log-loss: ours less plain boosting's, and its 95% interval on paired resamples."""
    fit_seconds: float
    plain_fit_seconds: float
    """With scoring the test rows."""
    rows_per_second: float
    reliability: tuple[Mapping[str, float], ...]
    """The first seed's curve on the test rows, ten bins of equal mass."""
    warnings: tuple[Warned, ...]
    without_suspects: Mapping[str, float] | None
    """AUC and PR-AUC of plain boosting without the columns suspected of a leak; None where none is."""

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: a figure that is not defined is null."""
        plain_dict: dict[str, Any] = _jsonable(asdict(self))
        return plain_dict

    def __str__(self) -> str:
        lines = [f"{self.name or 'Table'}: {self.rows} rows, {self.features} columns. {self.split}"]
        lines.append(
            f"  learnt on {self.train_rows} ({self.base_rate:.1%} positive), measured on {self.test_rows}"
            f" ({self.test_base_rate:.1%}); {', '.join(sorted(set(self.kinds)))};"
            f" calibrator {', '.join(sorted(set(self.calibrators)))}; {self.seeds} seeds"
        )
        lines.append(f"  {'':22}{'ours':>9}{'95% interval':>20}{'plain boosting':>16}")
        for name in FIGURES:
            low, high = self.intervals.get(name, (float("nan"), float("nan")))
            between = f"{low:.4f} - {high:.4f}" if low == low else ""
            lines.append(f"  {name:22}{self.metrics[name]:>9.4f}{between:>20}{self.plain[name]:>16.4f}")
        lines.append(
            f"  fit {self.fit_seconds:.1f} s (plain {self.plain_fit_seconds:.1f} s), {self.rows_per_second:,.0f} rows a second"
        )
        lines += [f"  ! {each.text}" for each in self.warnings]
        if self.without_suspects:
            figures = ", ".join(f"{name} {value:.4f}" for name, value in self.without_suspects.items())
            lines.append(f"  without the suspected columns plain boosting has {figures}")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class _Run:
    y: Floats
    ours: Floats
    plain: Floats
    kind: str
    calibrator: str
    fit_seconds: float
    plain_seconds: float
    rows_per_second: float


def evaluate(
    X: Any,
    y: Any,
    time: Any = None,
    *,
    test_share: float = 0.2,
    seeds: int = 5,
    name: str = "",
    windows: int = 0,
    delay: int = 0,
) -> Report:
    """A report on how a model of this table does on rows it has not seen, beside plain boosting on the same rows.

    X, y, time: as `train` takes them. With `time` the last `test_share` of the rows is the test (rows of one time stay
    together) and every seed sees the same split; without it every seed draws its own stratified random split, and the
    report says so. `windows` > 0 rolls forward through the test instead: each window is scored by what was known
    `delay` rows before it began; the model is learnt anew six times, and level and slope follow the newest
    labelled rows, each scored before its label was known, as fast as has done best so far; plain boosting is learnt anew as often. Raises Invalid where there is nothing to learn or measure.
    """
    whole = all(isinstance(each, int | np.integer) for each in (seeds, windows, delay))
    if not whole or not 0 < test_share < 1 or seeds < 1 or windows < 0 or delay < 0:
        raise errors.Invalid("test_share lies between 0 and 1, seeds is at least 1, windows and delay are not negative")
    table = reading.table(X, y, time)
    if table.y.min() == table.y.max():
        raise errors.Invalid("All labels are the same: there is nothing to learn or to measure")
    splits = _splits(table, test_share, seeds)
    if windows and table.time is None:
        raise errors.Invalid("Rolling forward needs the time of the rows")
    runs: list[_Run] = []
    plan, planned = None, 0.0
    plans: dict[int, Plan] = {}
    for seed, (earlier, later) in enumerate(splits):
        train, test = table.part(earlier), table.part(later)
        if not windows and (plan is None or table.time is None):
            started = perf_counter()
            plan = training.make_plan(train, seed=seed)
            planned = perf_counter() - started
        runs.append(
            _rolled(table, earlier, plans, seed=seed, windows=windows, delay=delay)
            if windows or plan is None
            else _once(train, test, plan, seed=seed, planned=planned)
        )
    earlier, later = splits[0]
    return _report(table, table.part(earlier), table.part(later), runs, name, _said(table, splits, windows, delay))


def _splits(table: Table, test_share: float, seeds: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    rows = np.arange(len(table.y))
    if table.time is not None:
        cut = training.boundary(table.time, 1 - test_share)
        if cut is None:
            raise errors.Invalid("All rows have the same time: without later rows there is nothing to measure by")
        if table.y[:cut].min() == table.y[:cut].max() or table.y[cut:].min() == table.y[cut:].max():
            raise errors.Invalid("The earlier or the later rows have a single label: choose another test_share")
        return [(rows[:cut], rows[cut:])] * seeds
    return [_drawn(table.y, test_share, seed) for seed in range(seeds)]


def _drawn(y: Floats, test_share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    chosen = []
    for label in (0.0, 1.0):
        own = random.permutation(np.flatnonzero(y == label))
        if len(own) < 2:
            raise errors.Invalid("Each label must stand at least twice to be in training and test")
        chosen.append(own[: int(np.clip(round(test_share * len(own)), 1, len(own) - 1))])
    later = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(y)), later), later


def _once(train: Table, test: Table, plan: Plan, *, seed: int, planned: float) -> _Run:
    started = perf_counter()
    model = training.train_table(train, seed=seed, plan=plan)
    fitted = perf_counter()
    ours = predict(model, test.X)
    scored = perf_counter()
    boosted = plain(train.X, train.y, test.X, seed=seed)
    return _Run(
        y=test.y,
        ours=ours,
        plain=boosted,
        kind=model.kind,
        calibrator=model.calibrator.kind,
        fit_seconds=planned + fitted - started,
        plain_seconds=perf_counter() - scored,
        rows_per_second=len(test.y) / max(scored - fitted, 1e-9),
    )


def _rolled(
    table: Table, earlier: NDArray[np.int64], plans: dict[int, Plan], *, seed: int, windows: int, delay: int
) -> _Run:
    """`plans` are shared by the seeds: the first makes them. Window after window: learnt anew now and then, the level following the newest labels in between."""
    starts = window_starts(table, len(earlier), windows)
    ends = [*starts[1:], len(table.y)]
    again = {round(each) for each in np.linspace(0, len(starts), REFITS + 1)[:-1]}
    ours: list[Floats] = []
    raw: list[Floats] = []
    told: list[Floats] = []
    boosted: list[Floats] = []
    spent = spent_by_plain = scoring = 0.0
    model: TabularModel | None = None
    calibrator = RAW
    held_log_odds, held_y = np.empty(0), np.empty(0)
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        labelled = max(start - delay, 1)
        began = perf_counter()
        if model is None or at in again:
            known = table.part(slice(0, labelled))
            if at not in plans:
                plans[at] = training.make_plan(known, seed=seed)
            if model is None:
                held_log_odds, held_y = plans[at].held_log_odds, plans[at].held_y
            model = training.train_table(known, seed=seed, plan=plans[at])
            fitted = perf_counter()
            member, first = plain(known.X, known.y, table.part(slice(start, len(table.y))).X, seed=seed), start
            spent += fitted - began
            spent_by_plain += perf_counter() - fitted
        began = perf_counter()
        log_odds = model.log_odds(table.part(slice(start, end)).X)
        scored = labelled - starts[0]
        curves = _followed(
            np.concatenate([held_log_odds, *raw])[: len(held_y) + max(scored, 0)],
            np.concatenate([held_y, table.y[starts[0] : max(labelled, starts[0])]]),
        )
        if scored > 0:
            said = np.concatenate(told, axis=1)[:, :scored][:, -JUDGED:]
            calibrator = curves[_best(said, table.y[starts[0] : labelled][-JUDGED:])]
        else:
            calibrator = curves[0]
        ours.append(calibrator(log_odds))
        told.append(np.array([curve(log_odds) for curve in curves]))
        raw.append(log_odds)
        scoring += perf_counter() - began
        boosted.append(member[start - first : end - first])
    if model is None:
        raise errors.Invalid("There is no window to roll through")
    return _Run(
        y=table.y[starts[0] :],
        ours=np.concatenate(ours),
        plain=np.concatenate(boosted),
        kind=model.kind,
        calibrator=calibrator.kind,
        fit_seconds=spent,
        plain_seconds=spent_by_plain,
        rows_per_second=(len(table.y) - starts[0]) / max(scoring, 1e-9),
    )


def _followed(log_odds: Floats, y: Floats) -> list[Calibrator]:
    """Level and slope by the newest labelled rows, one curve a half-life of FOLLOWING, and the raw one."""
    ages = np.arange(len(y) - 1, -1, -1)
    return [*(calibrating.fit("platt", log_odds, y, weight=0.5 ** (ages / rows)) for rows in FOLLOWING), RAW]


def _best(told: Floats, y: Floats) -> int:
    """Which row of `told` (curves, labelled rows), probabilities said before the label was known, had the least log-loss."""
    return int(np.argmin([metrics.log_loss(y, each) for each in told]))


def window_starts(table: Table, first: int, windows: int) -> list[int]:
    """Rows at which windows begin, from `first` on; rows of one time stay together."""
    if table.time is None:
        raise errors.Invalid("Rolling forward needs the time of the rows")
    begins = np.append(first, np.flatnonzero(np.diff(table.time) > 0) + 1)
    wanted = np.linspace(first, len(table.y), windows + 1)[:-1]
    begins = np.unique(begins[begins >= first])
    return sorted({int(begins[np.argmin(np.abs(begins - each))]) for each in wanted})


def _said(table: Table, splits: Sequence[Any], windows: int, delay: int) -> str:
    if windows:
        return (
            f"Rolled forward in time through {windows} windows, labels known {delay} rows later; "
            f"learnt anew {min(REFITS, windows)} times, level and slope follow the newest labelled rows."
        )
    if table.time is not None:
        return "Forward in time: the test rows are later than all training rows."
    return (
        f"{len(splits)} stratified RANDOM splits, because no time was given: if the table drifts, the truth is worse."
    )


def _report(table: Table, train: Table, test: Table, runs: Sequence[_Run], name: str, split: str) -> Report:
    figures = [_figures(run.y, run.ours) for run in runs]
    plains = [_figures(run.y, run.plain) for run in runs]
    intervals = [metrics.bootstrap(run.y, run.ours, WITH_INTERVALS, seed=at) for at, run in enumerate(runs[:2])]
    first = runs[0]
    warned = [
        *doubts.of_leaks(train, test),
        *doubts.of_labels(train, test, unlabelled=table.unlabelled, untimed=table.untimed),
        *doubts.of_columns(train),
        *doubts.of_drift(train, test),
    ]
    suspects = [each.column for each in warned if each.kind == "leak"]
    return Report(
        name=name,
        split=split,
        rows=len(table.y),
        features=table.X.shape[1],
        train_rows=len(train.y),
        test_rows=len(test.y),
        base_rate=float(train.y.mean()),
        test_base_rate=float(test.y.mean()),
        seeds=len(runs),
        kinds=tuple(run.kind for run in runs),
        calibrators=tuple(run.calibrator for run in runs),
        metrics=_over(figures, np.mean),
        spread=_over(figures, np.std),
        intervals={
            key: (
                float(np.mean([one[key].low for one in intervals])),
                float(np.mean([one[key].high for one in intervals])),
            )
            for key in WITH_INTERVALS
        },
        plain=_over(plains, np.mean),
        gain={
            key: _tuple(metrics.bootstrap_difference(first.y, first.ours, first.plain, key, seed=0, resamples=200))
            for key in ("auc", "pr_auc", "log_loss")
        },
        fit_seconds=float(np.mean([run.fit_seconds for run in runs])),
        plain_fit_seconds=float(np.mean([run.plain_seconds for run in runs])),
        rows_per_second=float(np.median([run.rows_per_second for run in runs])),
        reliability=tuple(asdict(each) for each in metrics.reliability(first.y, first.ours)),
        warnings=tuple(warned),
        without_suspects=doubts.figures_without(train, test, suspects) if suspects else None,
    )


def _tuple(interval: Interval) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high


def _figures(y: Floats, p: Floats) -> dict[str, float]:
    weights = np.ones((1, len(y)))
    found = {name: float(metrics.MEASURES[name](y, p, weights)[0]) for name in FIGURES if name in metrics.MEASURES}
    line = metrics.calibration(y, p)
    return {**found, "calibration_slope": line.slope, "calibration_intercept": line.intercept}


def _over(figures: Sequence[Mapping[str, float]], how: Any) -> dict[str, float]:
    return {name: float(how([each[name] for each in figures])) for name in FIGURES}


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
