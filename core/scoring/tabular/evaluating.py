"""How good would a model of this table be: trained on the earlier rows, measured on the later, beside plain boosting."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Report:
    name: str

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError


def evaluate(X: Any, y: Any, time: Any = None, *, test_share: float = 0.2, seeds: int = 5, name: str = "") -> Report:
    raise NotImplementedError
