"""Plain boosting to compare with: scikit-learn's HistGradientBoostingClassifier as it comes, categories told as such."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from core.scoring.tabular import encoding
from core.scoring.tabular.encoding import Encoder

Floats = NDArray[np.float64]

MOST_CATEGORIES = 250
"""scikit-learn takes up to 255 categories a column; rarer ones are missing."""


def plain(X: pd.DataFrame, y: Floats, new: pd.DataFrame, *, seed: int) -> Floats:
    """Probabilities of the rows of `new`, (n,), by the defaults of the library; not calibrated further."""
    encoder, _ = encoding.learn(X, y, seed=seed)
    if not encoder.columns or y.min() == y.max():
        return np.full(len(new), float(y.mean()))
    before, after, categories = _numbered(encoder, X, new)
    with threadpool_limits(1):
        model = HistGradientBoostingClassifier(random_state=seed, categorical_features=categories).fit(before, y)
        found: Floats = model.predict_proba(after)[:, 1]
    return found


def _numbered(encoder: Encoder, X: pd.DataFrame, new: pd.DataFrame) -> tuple[Floats, Floats, list[int]]:
    before, after = encoder.matrix(X), encoder.matrix(new)
    categories = []
    for at, column in enumerate(encoder.columns):
        if column.kind == "category":
            categories.append(at)
            words = encoding.as_text(X[column.source])
            kept = {word: code for code, word in enumerate(words.value_counts().index[:MOST_CATEGORIES])}
            before[:, at] = words.map(kept).to_numpy(dtype=np.float64)
            after[:, at] = encoding.as_text(new[column.source]).map(kept).to_numpy(dtype=np.float64)
    varied = [at for at in range(before.shape[1]) if not np.isnan(before[:, at]).all()]
    return before[:, varied], after[:, varied], [varied.index(at) for at in categories if at in varied]
