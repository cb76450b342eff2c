"""A table as it comes, made checkable: rows and columns, labels of 0 and 1 or unknown, and the order in time."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import errors

Floats = NDArray[np.float64]

YES = frozenset({"1", "1.0", "yes", "y", "true", "t", "positive", "pos"})
NO = frozenset({"0", "0.0", "no", "n", "false", "f", "negative", "neg"})
ISO = re.compile(r"^\d{4}([-/.]?[WQ]?\d{1,2})?")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Labelled rows, oldest first where time is known."""

    X: pd.DataFrame
    y: Floats
    """(n,) of 0 and 1."""
    time: Floats | None
    """(n,) of growing numbers; equal where the time is equal."""
    unlabelled: int
    """Rows left out because their label is not known (censored)."""
    untimed: int
    """Rows left out because their time is not known."""

    def part(self, rows: Any) -> "Table":
        """The rows of a slice or of places, in their order."""
        return Table(
            X=self.X.iloc[rows],
            y=self.y[rows],
            time=None if self.time is None else self.time[rows],
            unlabelled=0,
            untimed=0,
        )


def table(X: Any, y: Any, time: Any = None) -> Table:
    """Raises Invalid where the parts do not fit each other, or labels are not of two kinds."""
    rows, truth = frame(X), labels(y)
    if len(rows) != len(truth):
        raise errors.Invalid(f"X has {len(rows)} rows and y has {len(truth)}: they must be as many")
    if not len(rows):
        raise errors.Invalid("The table has no rows")
    if rows.shape[1] == 0:
        raise errors.Invalid("The table has no columns")
    when = None if time is None else times(time)
    if when is not None and len(when) != len(truth):
        raise errors.Invalid(f"X has {len(rows)} rows and time has {len(when)}: they must be as many")
    labelled = ~np.isnan(truth)
    timed = np.ones(len(truth), dtype=bool) if when is None else ~np.isnan(when)
    kept = np.flatnonzero(labelled & timed)
    if not len(kept):
        raise errors.Invalid("No row has a label" + ("" if when is None else " and a time"))
    if when is not None:
        kept = kept[np.argsort(when[kept], kind="stable")]
    return Table(
        X=rows.iloc[kept].reset_index(drop=True),
        y=truth[kept],
        time=None if when is None else when[kept],
        unlabelled=int((~labelled).sum()),
        untimed=int((labelled & ~timed).sum()),
    )


def frame(X: Any) -> pd.DataFrame:
    """A DataFrame with text as column names; arrays get x0, x1, ...; raises Invalid for names that stand twice."""
    if isinstance(X, pd.DataFrame):
        found = X.copy(deep=False)
        found.columns = pd.Index(
            [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in X.columns], dtype=object
        )
    elif isinstance(X, pd.Series):
        found = X.to_frame(name=str(X.name if X.name is not None else "x0"))
    else:
        try:
            values = np.asarray(X)
        except ValueError:  # rows of unequal length
            values = np.empty(0)
        if values.ndim != 2:
            raise errors.Invalid("X must be a DataFrame or a matrix of rows and columns")
        found = pd.DataFrame(values, columns=pd.Index([f"x{at}" for at in range(values.shape[1])], dtype=object))
    twice = sorted(set(found.columns[found.columns.duplicated()]))
    if twice:
        raise errors.Invalid(f"Column names stand twice: {', '.join(twice)}")
    return found


def labels(y: Any) -> Floats:
    """(n,) of 0, 1 and NaN (not known): from numbers, bools, or words like yes and no."""
    values = pd.Series(np.asarray(y).ravel() if not isinstance(y, pd.Series) else y.to_numpy()).reset_index(drop=True)
    known = values.dropna()
    if pd.api.types.is_complex_dtype(values.dtype):
        raise errors.Invalid(f"Labels must be 0 and 1 (or yes and no): found {_few(known)}")
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        words = known.astype(str).str.strip().str.lower()
        numbers = np.full(len(values), np.nan)
        numbers[known.index] = words.map(lambda word: 1.0 if word in YES else 0.0 if word in NO else _number(word))
        numbers[known.index[(words == "") | (words == "nan")]] = np.nan
        if np.isinf(numbers).any():
            raise errors.Invalid(f"Labels must be 0 and 1 (or yes and no): found {_few(known)}")
    told = np.unique(numbers[~np.isnan(numbers)])
    if set(told) <= {-1.0, 1.0} and -1.0 in told:
        numbers = np.where(numbers == -1.0, 0.0, numbers)
    elif not set(told) <= {0.0, 1.0}:
        raise errors.Invalid(f"Labels must be 0 and 1 (or yes and no): found {_few(known)}")
    found: Floats = numbers.astype(np.float64)
    return found


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        return float("inf")
    return number


def _few(known: pd.Series) -> str:
    distinct = list(dict.fromkeys(known.astype(str)))
    return ", ".join(distinct[:4]) + (" ..." if len(distinct) > 4 else "")


def times(time: Any) -> Floats:
    """(n,) of numbers in the order of time, NaN where it is not known: from numbers, dates, or text that starts with a year."""
    try:
        values = pd.Series(time.to_numpy() if isinstance(time, pd.Index) else time).reset_index(drop=True)
    except ValueError as wrong:  # a table, or a matrix
        raise errors.Invalid("time must be one column") from wrong
    if pd.api.types.is_complex_dtype(values.dtype):
        raise errors.Invalid("Times must be numbers, dates, or text: found complex numbers")
    if isinstance(values.dtype, pd.CategoricalDtype):
        if values.cat.ordered:
            return np.where(values.cat.codes < 0, np.nan, values.cat.codes).astype(np.float64)
        values = values.astype(object)
    if isinstance(values.dtype, pd.PeriodDtype):
        values = pd.Series(pd.PeriodIndex(values).to_timestamp())
    if pd.api.types.is_numeric_dtype(values.dtype):
        found = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(found), found, np.nan).astype(np.float64)
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        return _ordered(values)
    try:
        numbers = pd.to_numeric(values, errors="coerce")
    except OverflowError as wrong:
        raise errors.Invalid("Times hold a number too great to be one") from wrong
    if numbers.notna().sum() == values.notna().sum():
        return np.asarray(numbers, dtype=np.float64)
    dates = pd.Series(pd.to_datetime(values, errors="coerce", utc=True, format="mixed"))
    if dates.notna().sum() == values.notna().sum() and (dates.dropna().dt.year > 1).all():
        return _ordered(dates)
    words = values.dropna().astype(str)
    if words.str.match(ISO).all() and words.str.len().nunique() == 1:
        codes = values.map({word: code for code, word in enumerate(sorted(set(words)))})
        return np.asarray(codes, dtype=np.float64)
    raise errors.Invalid("Times must be numbers, dates, or text that starts with the year, like 2026-03-02")


def _ordered(values: pd.Series) -> Floats:
    """Ranks, because nanoseconds do not fit a float."""
    codes = np.asarray(pd.factorize(values, sort=True)[0], dtype=np.float64)
    codes[codes < 0] = np.nan
    return codes
