"""A table as they come: numbers, words, dates, flags, holes, and a label that hangs on some of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from core import scoring
from core.scoring.tabular import training
from core.scoring.tabular.candidates import boosting


def make(rows: int = 600, *, seed: int = 0, rate: float = -1.0) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """(X, y, time): y depends on visits, source, and visits together with a flag."""
    random = np.random.default_rng(seed)
    visits = random.poisson(3, rows).astype(float)
    minutes = random.gamma(2.0, 10.0, rows)
    source = random.choice(["mail", "search", "friend", "fair"], rows, p=[0.5, 0.3, 0.15, 0.05])
    returning = random.random(rows) < 0.4
    log_odds = rate + 0.5 * (visits - 3) + 0.8 * (source == "friend") + 0.6 * returning * (visits - 3)
    y = (random.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(int)
    visits[random.random(rows) < 0.1] = np.nan
    X = pd.DataFrame(
        {
            "visits": visits,
            "minutes": minutes,
            "source": pd.Series(source).where(random.random(rows) > 0.05),
            "returning": returning,
            "joined": pd.Timestamp("2025-01-01") + pd.to_timedelta(random.integers(0, 400, rows), unit="D"),
            "grade": pd.Categorical(random.choice(["a", "b"], rows)),
            "pages": pd.array(random.integers(0, 9, rows), dtype="Int64"),
            "lead": [f"lead-{at}" for at in range(rows)],
            "empty": np.full(rows, np.nan),
            "constant": 7,
        }
    )
    time = pd.Series(pd.Timestamp("2025-06-01") + pd.to_timedelta(random.permutation(rows) // 3, unit="D"))
    return X, pd.Series(y, name="sold"), time


@pytest.fixture(scope="module", autouse=True)
def small_bags() -> Iterator[None]:
    """The same code with fewer trees: what is tested here does not hang on their number."""
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
        patch.setattr(boosting, "BAG", 2)
        patch.setattr(boosting, "ROUNDS", 30)
        patch.setattr(training, "BLOCKS", (0.6, 0.8))
        patch.setattr(training, "FOLDS", 2)
        yield


@pytest.fixture(scope="session")
def table() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    return make()


@pytest.fixture(scope="module")
def trained(table: tuple[pd.DataFrame, pd.Series, pd.Series]) -> Any:
    """A model of the table, trained forward in time once for all tests of a file that only read it."""
    X, y, time = table
    return scoring.train(X, y, time)
