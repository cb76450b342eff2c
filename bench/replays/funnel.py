"""Sellers who joined a marketplace (Olist): who developed the lead and who closed it, known for those who joined alone."""

from pathlib import Path
from typing import Any

import pandas as pd

from bench.evaluate.reading import csv
from bench.replays.logs import Job, Log, Source, Work

BEFORE = 0.6


def read(folder: Path) -> Log:
    """A case is a lead that joined: its development rep is put at its first contact, its sales rep at the day it was won."""
    leads = csv(folder / "olist_marketing_qualified_leads_dataset.csv.gz", parse_dates=["first_contact_date"])
    deals = csv(folder / "olist_closed_deals_dataset.csv.gz", parse_dates=["won_date"])
    both = leads.merge(deals, on="mql_id").sort_values(["first_contact_date", "mql_id"], kind="stable")
    both = both[both["won_date"] >= both["first_contact_date"]]
    jobs = [_job(row) for row in both.itertuples(index=False)]
    return Log(
        zone="America/Sao_Paulo",
        jobs=jobs,
        touched=False,
        origin=jobs[int(BEFORE * len(jobs))].opened,
        until=jobs[-1].opened,
    )


def _job(row: Any) -> Job:
    # the day alone is known of a first contact; noon stands for it, in Brazil's hours
    opened = (row.first_contact_date + pd.Timedelta(hours=15)).tz_localize("UTC").timestamp()
    won = max(row.won_date.tz_localize("America/Sao_Paulo").timestamp(), opened)
    return Job(
        id=row.mql_id,
        kind="join",
        opened=opened,
        ended=won,
        works=(Work(at=opened, who=row.sdr_id), Work(at=won, who=row.sr_id)),
    )


SOURCE = Source(folder="olist_funnel", read=read)
