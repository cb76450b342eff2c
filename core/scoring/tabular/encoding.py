"""From a table's columns to numbers and back to their names: what was learnt of each column in training, as plain JSON.

A category becomes the shrunk share of positives among its training rows (for a split of a tree, ordering categories so is
as good as trying every grouping: Fisher 1958); rare categories are one, and a new one counts as a rare one. A date
becomes days since 1970, with its weekday and hour where they vary. Missing stays missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import errors

Floats = NDArray[np.float64]

SHRUNK = 20.0
"""Rows' worth of the base rate in a category's share."""
RAREST = 10
"""Rows a category needs to stand alone."""
MANY = 20
"""Categories from which a training row's code is learnt from other rows, lest the code give its label away."""
FOLDS = 5
MOST_CATEGORIES = 1000
OTHER = "\x00other"
DAY = 86_400.0
FARTHEST = 1e300
"""Numbers beyond are held here: a width between them would be no number."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the matrix."""

    name: str
    source: str
    """The table's column it is made of."""
    kind: str
    """number, category, date, weekday, hour."""
    low: float = 0.0
    high: float = 0.0
    """Numbers are held within what training knew, one width of it to each side."""
    codes: Mapping[str, float] | None = None
    usual: float = 0.0
    """The code of a category never seen, where there were no rare ones."""


@dataclass(frozen=True, kw_only=True)
class Encoder:
    sources: tuple[str, ...]
    """Every column of the training table, in its order; those that were constant or empty add nothing."""
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def place(self) -> tuple[int, ...]:
        """The place among `sources` of each column's source."""
        at = {name: place for place, name in enumerate(self.sources)}
        return tuple(at[column.source] for column in self.columns)

    def matrix(self, X: pd.DataFrame) -> Floats:
        """(n, columns); raises Invalid naming columns that are missing."""
        missing = [name for name in dict.fromkeys(column.source for column in self.columns) if name not in X.columns]
        missing += [name for name in self.sources if name not in X.columns and name not in missing]
        if missing:
            raise errors.Invalid(f"Columns are missing: {', '.join(missing)}", fields=dict.fromkeys(missing, "missing"))
        found = np.empty((len(X), len(self.columns)))
        for at, column in enumerate(self.columns):
            found[:, at] = _encoded(X[column.source], column)
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "sources": list(self.sources),
            "columns": [
                {
                    "name": column.name,
                    "source": column.source,
                    "kind": column.kind,
                    "low": column.low,
                    "high": column.high,
                    "usual": column.usual,
                    **({"codes": dict(column.codes)} if column.codes is not None else {}),
                }
                for column in self.columns
            ],
        }

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "Encoder":
        try:
            columns = tuple(
                Column(
                    name=str(each["name"]),
                    source=str(each["source"]),
                    kind=str(each["kind"]),
                    low=float(each["low"]),
                    high=float(each["high"]),
                    usual=float(each["usual"]),
                    codes={str(key): float(code) for key, code in each["codes"].items()} if "codes" in each else None,
                )
                for each in stored["columns"]
            )
            return cls(sources=tuple(map(str, stored["sources"])), columns=columns)
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            raise errors.Invalid(f"This is no encoder: {wrong!r}") from wrong


def learn(X: pd.DataFrame, y: Floats, *, seed: int) -> tuple[Encoder, Floats]:
    """(the encoder, the training rows' matrix); codes of columns with many categories are cross-fitted in the matrix."""
    columns: list[Column] = []
    values: list[Floats] = []
    taken = set(map(str, X.columns))
    for name in X.columns:
        for column, numbers in _learnt(str(name), X[name], y, seed):
            own = column.name
            while own != column.source and own in taken:
                own += "'"
            taken.add(own)
            columns.append(replace(column, name=own))
            values.append(numbers)
    matrix = np.column_stack(values) if values else np.empty((len(X), 0))
    return Encoder(sources=tuple(map(str, X.columns)), columns=tuple(columns)), matrix


def _learnt(name: str, values: pd.Series, y: Floats, seed: int) -> list[tuple[Column, Floats]]:
    if values.isna().all():
        return []
    if _is_date(values):
        return _dated(name, values)
    if _is_number(values):
        numbers = _numbers(values)
        finite = numbers[np.isfinite(numbers)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
        low, high = (float(np.clip(end, -FARTHEST, FARTHEST)) for end in (low, high))
        width = (high - low) or 1.0
        column = Column(name=name, source=name, kind="number", low=low - width, high=high + width)
        encoded = _encoded(values, column)
        return [(column, encoded)] if _varies(encoded) else []
    words = as_text(values)
    if words.nunique(dropna=False) < 2:
        return []
    return _categories(name, words, y, seed)


def _categories(name: str, words: pd.Series, y: Floats, seed: int) -> list[tuple[Column, Floats]]:
    counts = words.value_counts()
    common = counts.index[counts >= RAREST][:MOST_CATEGORIES]
    joined = words.where(words.isna() | words.isin(common), OTHER)
    codes, usual = _codes(joined, y)
    encoded: Floats = np.array(joined.map(codes), dtype=np.float64)
    if len(codes) > MANY:
        fold = np.random.default_rng(seed).integers(0, FOLDS, len(words))
        for each in range(FOLDS):
            inside = fold == each
            elsewhere, mean = _codes(joined[~inside], y[~inside])
            encoded[inside] = joined[inside].map(elsewhere).fillna(mean).where(joined[inside].notna())
    column = Column(name=name, source=name, kind="category", codes=codes, usual=usual)
    return [(column, encoded)] if _varies(encoded) else []


def _codes(words: pd.Series, y: Floats) -> tuple[dict[str, float], float]:
    usual = float(y.mean())
    told = pd.Series(y, index=words.index).groupby(words).agg(["sum", "count"])
    shares = (told["sum"] + SHRUNK * usual) / (told["count"] + SHRUNK)
    return {str(word): float(share) for word, share in shares.items()}, usual


def _dated(name: str, values: pd.Series) -> list[tuple[Column, Floats]]:
    found = []
    for kind, own in (("date", name), ("weekday", f"{name} (weekday)"), ("hour", f"{name} (hour)")):
        column = Column(name=own, source=name, kind=kind, low=-1e6, high=1e6)
        encoded = _encoded(values, column)
        if _varies(encoded):
            found.append((column, encoded))
    return found


def _encoded(values: pd.Series, column: Column) -> Floats:
    if column.kind == "category":
        words, codes = as_text(values), column.codes or {}
        encoded = words.map(codes).astype(np.float64)
        new = encoded.isna() & words.notna()
        return np.asarray(encoded.mask(new, codes.get(OTHER, column.usual)), dtype=np.float64)
    if column.kind == "number":
        return np.clip(_numbers(values), column.low, column.high)
    when = values if _is_date(values) else _parsed(values)
    if when.dt.tz is not None:
        when = when.dt.tz_convert("UTC").dt.tz_localize(None)
    if column.kind == "date":
        days = (when - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        return np.clip(days.to_numpy(dtype=np.float64), column.low, column.high)
    part = when.dt.day_of_week if column.kind == "weekday" else when.dt.hour
    return np.asarray(part, dtype=np.float64)


def _parsed(values: pd.Series) -> pd.Series:
    """Dates of text; what is neither text nor a date is missing, never a count of nanoseconds."""
    told = values.astype(object).map(lambda value: value if isinstance(value, str | date) else None)
    return pd.Series(pd.to_datetime(told, errors="coerce", utc=True, format="mixed"), index=values.index)


def _is_date(values: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(values.dtype)


def _is_number(values: pd.Series) -> bool:
    kind = values.dtype
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        return True
    _refuse_complex(values)
    if pd.api.types.is_numeric_dtype(kind):
        return True
    if isinstance(kind, pd.CategoricalDtype):
        return False
    words = as_text(values)
    return bool(words.notna().any() and pd.to_numeric(words, errors="coerce").notna().sum() == words.notna().sum())


def _numbers(values: pd.Series) -> Floats:
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        return np.asarray(values.dt.total_seconds().to_numpy(dtype=np.float64) / DAY)
    _refuse_complex(values)
    if not pd.api.types.is_numeric_dtype(values.dtype):
        values = pd.to_numeric(as_text(values).replace({"True": "1", "False": "0"}), errors="coerce")
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _refuse_complex(values: pd.Series) -> None:
    if pd.api.types.is_complex_dtype(values.dtype):
        raise errors.Invalid(f"The column {values.name} holds complex numbers")


def as_text(values: pd.Series) -> pd.Series:
    """Text, stripped; empty is missing, and 3.0 is 3."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        names = {category: _word(category) for category in values.cat.categories}
        return values.astype(object).map(names).astype(object)
    if pd.api.types.infer_dtype(values, skipna=True) == "string":  # each distinct word is read once
        places, distinct = pd.factorize(values)
        told = np.array([*(_word(word) for word in distinct), None], dtype=object)
        return pd.Series(told[places], index=values.index, name=values.name, dtype=object)
    return values.astype(object).map(_word, na_action="ignore").astype(object).where(values.notna().to_numpy(), None)


def _word(value: Any) -> str | None:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    word = str(value).strip()
    return (word if word.isascii() else word.encode("utf-8", "replace").decode()) or None  # half a character is none


def _varies(numbers: Floats) -> bool:
    missing = np.isnan(numbers)
    known = numbers[~missing]
    return bool(len(known) and (missing.any() or known.min() < known.max()))


def sources_of(encoder: Encoder) -> Sequence[str]:
    """The columns that carry something."""
    return tuple(dict.fromkeys(column.source for column in encoder.columns))
