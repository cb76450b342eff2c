"""What a version's features and scores looked like where it was made: the ground that drift is measured from.

Kept as quantiles and the share missing, in a `settings` row of the version. A version that was trained here has that of the
scores it was trained on. A shipped one never saw this team: its ground is the team's own first month of scores, taken when
the histories behind them are full (the longest window of a feature is 90 days), once 500 contacts are in it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.dialect import upsert
from core.db.tables import ModelVersion, Score, Setting
from core.learning import applying, examples
from core.learning.examples import Examples, Floats
from core.scoring import features

FEWEST = 500
"""Contacts behind a reference, and behind what is compared with it."""
FILLING, FIRST_MONTH = timedelta(days=90), timedelta(days=30)
SCORES = ("probability", "confidence")
_POINTS = 200


def of(session: Session, version: ModelVersion, *, now: datetime) -> tuple[dict[str, Any] | None, bool]:
    """The version's reference, and whether it was made just now and is to be kept; None while there is too little."""
    stored: dict[str, Any] | None = session.scalar(select(Setting.value).where(Setting.key == _key(version.id)))
    if stored is not None:
        return stored, False
    found = _ground(session, version, now=now)
    if found is None or len(found) < FEWEST:
        return None, False
    return summary(version, found), True


def keep(session: Session, version_id: str, made: Mapping[str, Any], *, now: datetime) -> None:
    """Whoever is first wins: the ground does not move any more."""
    statement = upsert(session, Setting).values(key=_key(version_id), value=dict(made), updated_at=now)
    session.execute(statement.on_conflict_do_nothing(index_elements=["key"]))


def summary(version: ModelVersion, found: Examples) -> dict[str, Any]:
    """{rows, from, until, features: {name: {points, missing}}, scores: {name: ...}}; points are 200 quantiles at most."""
    numbers = applying.numbers(version.parameters, found.matrix, intent=version.intent)
    return {
        "rows": len(found),
        "from": int(found.at.min()),
        "until": int(found.at.max()),
        "features": {name: _points(found.matrix[:, features.index(name)]) for name in used(version.parameters)},
        "scores": {name: _points(getattr(numbers, name)) for name in SCORES},
    }


def sample(stored: Mapping[str, Any]) -> Floats:
    """A sample like the one that was summarised: its quantiles, and as many missing as there were in proportion."""
    points, missing = stored["points"], stored["missing"]
    if not points:
        return np.full(_POINTS, np.nan)
    absent = round(len(points) * missing / (1 - missing))
    return np.concatenate([np.array(points, dtype=np.float64), np.full(absent, np.nan)])


def used(parameters: Mapping[str, Any]) -> list[str]:
    """The features a model looks at, by name."""
    names: set[str] = set(parameters.get("terms", {})) | set((parameters.get("trees") or {}).get("features", ()))
    names |= {name for pair in parameters.get("pairs") or () for name in pair["features"]}
    return sorted(names)


def _ground(session: Session, version: ModelVersion, *, now: datetime) -> Examples | None:
    spans = version.trained_on.get("spans") or {}
    if "train" in spans:
        since, until = (datetime.fromisoformat(each) for each in spans["train"])
        return examples.newest(session, since=since, until=until)
    first = session.scalar(select(func.min(Score.scored_at)).where(Score.feature_set == features.FEATURE_SET))
    if first is None or first + FILLING + FIRST_MONTH > now:
        return None
    since = first + FILLING
    return examples.newest(session, since=since, until=since + FIRST_MONTH)


def rounded(column: Floats) -> Floats:
    """To six digits: what many contacts share (a score of nothing seen) must be one value here and there, to the last bit."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (5 - np.floor(np.log10(np.abs(column))))
        found: Floats = np.where((column == 0) | np.isnan(column), column, np.round(column * scale) / scale)
    return found


def _points(column: Floats) -> dict[str, Any]:
    known = column[~np.isnan(column)]
    if not len(known):
        return {"points": [], "missing": 1.0}
    wanted = (np.arange(min(_POINTS, len(known))) + 0.5) / min(_POINTS, len(known))
    points = np.quantile(rounded(known), wanted, method="inverted_cdf").tolist()
    return {"points": points, "missing": round(1 - len(known) / len(column), 4)}


def _key(version_id: str) -> str:
    return f"ref:{version_id}"[:64]
