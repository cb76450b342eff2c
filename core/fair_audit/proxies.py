"""How well each feature tells the area: a feature that does could bring back what refusing the area keeps out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.tables import Score
from core.fair_audit.reading import UNKNOWN
from core.scoring import features
from core.scoring.storing import unpack

WARNING = 0.05
"""A share of the area's uncertainty from which a feature is called a possible proxy. A judgement: ZIP code itself is 1."""
MOST_CONTACTS = 2_000
_BINS, _SHUFFLES = 8, 19


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy:
    feature: str
    label: str
    tells: float
    """Share of the uncertainty about the area that knowing the feature removes, 0 to 1, less what chance alone would."""
    is_warning: bool
    """At least 5%, and more than in any of 19 shufflings of the areas (p = .05)."""


def proxies(
    values: NDArray[np.float64],
    areas: Sequence[str],
    names: Sequence[str],
    *,
    labels: Sequence[str] = (),
    seed: int = 0,
) -> list[Proxy]:
    """The uncertainty coefficient U(area | feature) (Theil 1970) on up to eight bins, corrected by shuffling; strongest first.

    Args:
        values: (contacts, features); NaN is missing, which is a bin of its own.
        areas: of each contact.
    """
    codes = np.unique(np.asarray(areas), return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(codes) for _ in range(_SHUFFLES)]
    found = []
    for column, name in enumerate(names):
        bins = _binned(values[:, column])
        chance = [_explained(other, bins) for other in shuffled]
        seen = _explained(codes, bins)
        tells = max(seen - float(np.mean(chance)), 0.0)
        found.append(
            Proxy(
                feature=name,
                label=labels[column] if labels else name,
                tells=tells,
                is_warning=tells >= WARNING and seen > max(chance),
            )
        )
    return sorted(found, key=lambda one: (-one.tells, one.feature))


def _binned(column: NDArray[np.float64]) -> NDArray[np.int64]:
    known = ~np.isnan(column)
    edges = np.unique(np.quantile(column[known], np.linspace(0, 1, _BINS + 1)[1:-1])) if known.any() else np.zeros(0)
    bins = np.searchsorted(edges, column, side="left")
    return np.where(known, bins, len(edges) + 1).astype(np.int64)


def _explained(codes: NDArray[np.int64], bins: NDArray[np.int64]) -> float:
    """Mutual information over the entropy of the codes; 0 where there is only one code."""
    table = np.bincount(codes * (bins.max(initial=0) + 1) + bins, minlength=1).astype(np.float64)
    joint = table[table > 0] / len(codes)
    entropy = _entropy(np.bincount(codes) / len(codes))
    if entropy <= 0:
        return 0.0
    return (entropy + _entropy(np.bincount(bins) / len(bins)) - _entropy(joint)) / entropy


def _entropy(shares: NDArray[np.float64]) -> float:
    known = shares[shares > 0]
    return float(-(known * np.log(known)).sum())


def of_scores(session: Session, areas: dict[str, str], *, since: datetime) -> list[Proxy]:
    """The same for what models saw of these contacts (contact to area): the latest score of up to 2,000 of them."""
    known = sorted(contact_id for contact_id, area in areas.items() if area != UNKNOWN)
    rng = np.random.default_rng(0)
    chosen = known if len(known) <= MOST_CONTACTS else sorted(rng.choice(known, MOST_CONTACTS, replace=False).tolist())
    rows: list[tuple[str, NDArray[np.float32]]] = []
    for first in range(0, len(chosen), 500):
        newest = (
            select(func.max(Score.id))
            .where(Score.contact_id.in_(chosen[first : first + 500]), Score.scored_at >= since)
            .where(Score.feature_set == features.FEATURE_SET)
            .group_by(Score.contact_id)
        )
        stored = session.connection().execute(select(Score.contact_id, Score.features).where(Score.id.in_(newest)))
        rows += [(contact_id, unpack(packed)) for contact_id, packed in stored]
    width = len(features.FEATURES)
    rows = [(contact_id, row) for contact_id, row in rows if len(row) == width]
    if len({areas[contact_id] for contact_id, _ in rows}) < 2:
        return []
    matrix = np.array([row for _, row in rows], dtype=np.float64)
    return proxies(
        matrix,
        [areas[contact_id] for contact_id, _ in rows],
        features.NAMES,
        labels=[feature.label for feature in features.FEATURES],
    )
