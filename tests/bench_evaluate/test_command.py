"""The evaluation runs on small samples, says what is missing, and writes figures that can be read again."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.evaluate import bank_marketing, page, picture, xeducation
from bench.evaluate.__main__ import SETS, SHARED, main
from bench.evaluate.hillstrom import qini, uplift
from bench.evaluate.measuring import Fold, measured

BARE = "the shared data is not here: ../shared/data"


def test_missing_sets_are_said_and_the_rest_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--data", str(tmp_path), "--to", str(tmp_path / "found.json"), "--quick"]
    assert main([*wanted, "--only", "online_shoppers", "--only", "bpi2012"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "online_shoppers is left out" in said
    assert "bpi2012 is left out" in said
    assert "missing" in json.loads((tmp_path / "found.json").read_text())["sets"]["bpi2012"]


def test_a_broken_or_missing_set_costs_no_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to, known = tmp_path / "found.json", {"published": {}, "variants": {"it": {}}}
    to.write_text(json.dumps({"sets": {"xeducation": known, "hillstrom": known, "bpi2012": known}}))
    folder = tmp_path / "xeducation_leads"
    folder.mkdir()
    (folder / "Leads.csv.gz").write_bytes(b"no archive")
    wanted = ["--quick", "--data", str(tmp_path), "--to", str(to)]
    assert main([*wanted, "--only", "xeducation", "--only", "hillstrom"]) == 1
    assert "xeducation could not be evaluated: BadGzipFile" in capsys.readouterr().out
    assert json.loads(to.read_text())["sets"] == {"xeducation": known, "hillstrom": known, "bpi2012": known}


def test_a_set_gives_every_figure_beside_plain_boosting(tmp_path: Path) -> None:
    if not (SHARED / "olist_funnel").is_dir():
        pytest.skip(BARE)
    to = tmp_path / "found.json"
    assert main(["--quick", "--seeds", "1", "--only", "olist_funnel", "--only", "kc_house", "--to", str(to)]) == 0
    found = json.loads(to.read_text())
    figures = found["sets"]["olist_funnel"]["variants"]["forward"]
    for name in ("auc", "pr_auc", "brier", "ece", "log_loss", "precision_at_10"):
        assert 0 <= figures["ours"][name]["mean"] <= 1.5
        assert math.isfinite(figures["plain_boosting"][name]["mean"])
    assert "censored" in figures["label_delay"]
    assert "10 bins" in found["ece"]
    assert "no label" in found["sets"]["kc_house"]["variants"]["not a task"]["note"]


def test_every_set_says_where_it_lies_and_what_was_published() -> None:
    for name in SETS:
        module = __import__(f"bench.evaluate.{name}", fromlist=["SET"])
        assert module.SET.folder
        assert module.SET.published


def test_what_is_not_known_before_the_contact_is_left_out() -> None:
    if not (SHARED / "xeducation_leads").is_dir():
        pytest.skip(BARE)
    header = pd.read_csv(SHARED / "xeducation_leads" / "Leads.csv.gz", nrows=1)
    left = xeducation.known_before(header).columns
    assert not {"Converted", "Lead Number", "Prospect ID"} & set(left)
    assert not [name for name in left if name.startswith(("Tags", "Lead Q", "Lead P", "Asym", "Last"))]
    assert "Total Time Spent on Website" in left


def test_days_of_calls_go_on_over_the_turn_of_a_year() -> None:
    found = bank_marketing.days(pd.DataFrame({"month": ["may", "dec", "jan", "dec", "mar"], "day": [5, 31, 1, 30, 2]}))
    assert np.diff(found).tolist() == [240, 1, 363, 62 + 30 - 30]


def test_uplift_and_qini_reward_the_right_order() -> None:
    mailed = np.tile([True, False], 500)
    visited = np.where(np.arange(1_000) < 300, mailed, np.arange(1_000) % 4 < 2).astype(np.int64)
    assert uplift(mailed, visited, 0.3) == 1.0
    assert uplift(mailed, visited, 1.0) == pytest.approx(0.3)
    assert qini(mailed, visited) > 0 > qini(mailed[::-1].copy(), visited[::-1].copy())


def test_the_reliability_picture_shows_every_bin(tmp_path: Path) -> None:
    bins = [
        {"predicted": each, "observed": each, "observed_low": 0.0, "observed_high": 0.9, "rows": 9}
        for each in (0.1, 0.5)
    ]
    picture.reliability("a & b", bins, tmp_path / "picture.svg")
    drawn = (tmp_path / "picture.svg").read_text()
    assert drawn.count("<circle") == 2
    assert "a &amp; b" in drawn


def test_the_page_holds_what_was_measured(tmp_path: Path) -> None:
    figure = {"mean": 0.91, "spread": 0.01}
    measures = ("auc", "pr_auc", "brier", "ece", "log_loss", "precision_at_10")
    figures = {
        "test_rows": 1_200,
        "base_rate_train": 0.1,
        "base_rate": 0.2,
        "ours": dict.fromkeys(measures, figure),
        "plain_boosting": {key: {"mean": 0.77} for key in measures},
        "chosen": {"blend": 5},
        "fit_seconds": 2.0,
        "rows_per_second": 10_000.0,
        "bars": [{"bar": "AUC ≥ 0.95", "value": 0.91, "met": False}],
        "reliability": [],
    }
    found = {
        "sets": {"shop": {"published": "nothing", "variants": {"by time": figures}}},
        "generator": {"intents": {"SELL": {"closed": {"value": 0.83, "low": 0.8, "holds": True}}}},
    }
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page.BEGIN}\nstale\n{page.END}\nafter\n")
    page.write(found, path)
    page.write(found, path)
    written = path.read_text()
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "stale" not in written
    assert written.count("**0.910** ± 0.010 (0.770)") == len(measures)
    assert "| shop, by time | AUC ≥ 0.95 | 0.9100 | **missed** |" in written
    assert "| generator | intents SELL closed | 0.8300 | met |" in written
    assert "images/reliability-shop-by-time.svg" in written


def test_folds_are_measured_together_for_every_seed() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=400)})
    y = (X["x"].to_numpy() + rng.normal(size=400) > 0).astype(np.int64)
    folds = [Fold(X=X[:200], y=y[:200], time=np.arange(200), X_test=X[200:300], y_test=y[200:300])]
    figures = measured(lambda _seed: folds, seeds=2, split="forward", label_delay="none")
    assert figures["test_rows"] == 100
    assert figures["ours"]["auc"]["mean"] > 0.75
    assert figures["ours"]["auc"]["spread"] < 0.05
    assert figures["intervals"]["auc"][0] < figures["ours"]["auc"]["mean"] < figures["intervals"]["auc"][1]
