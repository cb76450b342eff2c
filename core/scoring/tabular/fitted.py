"""A trained model of a table: plain numbers, saved as JSON under a SHA-256, never unpickled."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import errors
from core.scoring.tabular.calibrating import Calibrator
from core.scoring.tabular.encoding import Encoder
from core.scoring.tabular.reading import frame
from core.scoring.tabular.tables import Sum

Floats = NDArray[np.float64]

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class TabularModel:
    """What `train` gives. `parameters` is all there is to it: the form of core/scoring/model.py, and the encoder."""

    parameters: Mapping[str, Any]

    def save(self, path: Path | str) -> None:
        """Write the parameters as JSON, with their SHA-256."""
        body = _body(self.parameters)
        Path(path).write_text(json.dumps({"sha256": _digest(body), "parameters": json.loads(body)}))

    @classmethod
    def load(cls, path: Path | str) -> "TabularModel":
        """Raises Invalid where the file is no model, or was changed since it was saved."""
        try:
            stored = json.loads(Path(path).read_text())
            parameters, sha256 = stored["parameters"], stored["sha256"]
            digest = _digest(_body(parameters))
        except (ValueError, KeyError, TypeError, RecursionError) as wrong:
            raise errors.Invalid(f"{path} is no saved model: {wrong!r}") from wrong
        if digest != sha256:
            raise errors.Invalid(f"{path} is not what was saved: its digest differs")
        if not isinstance(parameters, dict) or parameters.get("format") != FORMAT:
            raise errors.Invalid(f"{path} is of another format")
        model = cls(parameters=parameters)
        _ = model.sum, model.calibrator
        return model

    @property
    def kind(self) -> str:
        """logistic, additive, pairwise, boosting or blend."""
        return str(self.parameters["kind"])

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of the training table."""
        return self.encoder.sources

    @cached_property
    def encoder(self) -> Encoder:
        return Encoder.parse(self.parameters["encoder"])

    @cached_property
    def sum(self) -> Sum:
        """Base, terms, pairs and trees, ready for a matrix."""
        try:
            return Sum.parse(dict(self.parameters), self.encoder.names)
        except (KeyError, TypeError, ValueError) as wrong:
            raise errors.Invalid(f"These parameters are no model: {wrong!r}") from wrong

    @cached_property
    def calibrator(self) -> Calibrator:
        return Calibrator.parse(self.parameters.get("probability", {}))

    def log_odds(self, X: Any) -> Floats:
        """(n,) before the calibrator; raises Invalid naming columns that are missing."""
        return self.sum.log_odds(self.encoder.matrix(frame(X)))


def predict(model: TabularModel, X: Any) -> Floats:
    """Probabilities (n,), never 0 or 1; columns may be in any order, further ones are ignored.

    Raises Invalid naming columns that are missing.
    """
    return model.calibrator(model.log_odds(X))


def _body(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
