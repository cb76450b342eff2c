"""House sales of one year: every row is a sale, so there is nothing to foretell."""

from pathlib import Path

from bench.evaluate.reading import Evaluated, Figures


def _run(_folder: Path, _seeds: int, _quick: bool) -> Figures:
    return {"not a task": {"note": "Every row is a sale and there is no row of a home that was not sold: no label."}}


SET = Evaluated(folder="kc_house", published="none: no label", run=_run)
