"""Sellers who asked to join a marketplace, and whether they joined within 90 days; only leads old enough to know."""

from pathlib import Path

import numpy as np
import pandas as pd

from bench.evaluate import bars
from bench.evaluate.measuring import measured
from bench.evaluate.reading import Evaluated, Figures, csv, forward

HORIZON_DAYS = 90


def _run(folder: Path, seeds: int, quick: bool) -> Figures:
    leads = csv(folder / "olist_marketing_qualified_leads_dataset.csv.gz", parse_dates=["first_contact_date"])
    deals = csv(folder / "olist_closed_deals_dataset.csv.gz", parse_dates=["won_date"])
    leads = leads.merge(deals[["mql_id", "won_date"]], on="mql_id", how="left")
    seen_until = deals["won_date"].max()
    mature = leads["first_contact_date"] + pd.Timedelta(days=HORIZON_DAYS) <= seen_until
    leads = leads[mature].sort_values("first_contact_date", kind="stable", ignore_index=True)
    if quick:
        leads = leads.iloc[::5].reset_index(drop=True)
    taken = (leads["won_date"] - leads["first_contact_date"]).dt.days
    y = (taken <= HORIZON_DAYS).to_numpy(dtype=np.int64)
    day = leads["first_contact_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    origin = day[int(0.8 * len(day))]
    X = pd.DataFrame(
        {
            "origin": leads["origin"],
            "landing_page": leads["landing_page_id"],
            "weekday": leads["first_contact_date"].dt.day_of_week,
        }
    )
    figures = measured(
        lambda _seed: [forward(X, y, day, origin=origin, known=day + HORIZON_DAYS < origin)],
        seeds=seeds,
        split="forward by date of the first contact, the last 20% foretold; origin, landing page and weekday alone",
        label_delay=f"{HORIZON_DAYS} days: leads whose 90 days were open at the origin are censored, won or not",
    )
    figures["bars"] = bars.beside_plain(figures)
    return {"forward": figures}


SET = Evaluated(folder="olist_funnel", published="none with dates; 8.65% join within 90 days", run=_run)
