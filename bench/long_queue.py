"""A hundred thousand mails at a provider's rate limit, to the last one: the pace held, memory flat, each mail once.

Takes a quarter of an hour and more, so only `python -m bench long_queue` runs it.
"""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.delivery import QUEUED, Post, environment, fill, fresh, posting, prepared, settle
from bench.nursery import nursery
from core.db import Database

PER_SECOND = 100.0
"""As a provider allows it: Amazon SES starts at 14, SendGrid's smaller plans allow about 100."""
_LOOK = 1.0


def run(scratch: Path, postgres_url: str) -> dict[str, Any]:
    """Both databases at the same time, each with one jobs process."""
    urls = {"sqlite": f"sqlite:///{scratch}/queue.db", "postgresql": fresh(postgres_url, "bench_long_queue")}
    databases = {name: prepared(url) for name, url in urls.items()}  # in turn: migrations know of one at a time
    folders = {name: scratch / name for name in urls}
    for folder in folders.values():
        folder.mkdir()
    with ThreadPoolExecutor(len(urls)) as pool:
        found = {name: pool.submit(drain, folders[name], database) for name, database in databases.items()}
        return {name: one.result() for name, one in found.items()}


def drain(folder: Path, database: Database, *, per_second: float = PER_SECOND, queued: int = QUEUED) -> dict[str, Any]:
    """Until the last message is sent. Raises AssertionError where a mail is missing or the pace was passed."""
    fill(database, queued)
    memory: list[float] = []
    with posting(Post()) as post, nursery(folder, environment(folder, database, post, pace=per_second)) as house:
        pid, begun, used = house.start(), time.monotonic(), 0.0
        while len(post.came) < queued:
            time.sleep(_LOOK)
            memory.append(house.memory(pid))
            assert time.monotonic() < begun + 5 * queued / per_second, f"only {len(post.came)} are out"
        took, used = time.monotonic() - begun, house.processor(pid)
        assert settle(database)
    database.dispose()
    in_a_second = Counter(int(at) for times in post.came.values() for at in times)
    mails, tenth = sum(in_a_second.values()), max(1, len(memory) // 10)
    assert mails == queued, f"{mails} mails came of {queued} messages"
    return {
        "queued": queued,
        "allowed_per_s": per_second,
        "per_s": queued / took,
        "most_in_one_second": max(in_a_second.values()),
        "processor_ms_each": used / queued * 1000,
        "megabytes_first_tenth": sum(memory[:tenth]) / tenth,
        "megabytes_last_tenth": sum(memory[-tenth:]) / tenth,
        "megabytes_most": max(memory),
        "twice": post.twice(),
        "seconds": took,
        "load_of_the_machine": os.getloadavg()[0],
    }
