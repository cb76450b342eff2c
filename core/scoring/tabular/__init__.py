"""Scoring any table: train, predict, explain and evaluate on a pandas DataFrame as it comes.

model = scoring.train(X, y, time=when)
probabilities = scoring.predict(model, X_new)      # (n,), never 0 or 1
explained = scoring.explain(model, X_new)          # exact contributions, and the calibrator as a step of its own
report = scoring.evaluate(X, y, time=when)         # on later rows, beside plain boosting
"""

from core.scoring.tabular.evaluating import Report, evaluate
from core.scoring.tabular.explaining import Explained, explain
from core.scoring.tabular.fitted import TabularModel, predict
from core.scoring.tabular.training import train

__all__ = ["Explained", "Report", "TabularModel", "evaluate", "explain", "predict", "train"]
