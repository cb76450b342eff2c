"""Whoever sends is killed at every step of sending; afterwards each message came, and twice only after a crash."""

from pathlib import Path

import pytest

from bench.delivery import drill


@pytest.mark.long
@pytest.mark.timeout(600)
def test_no_message_is_lost_and_none_comes_twice_but_after_a_crash(database_url: str, tmp_path: Path) -> None:
    after = drill(tmp_path, database_url, kills=6)
    assert after.broken == ()
    assert after.mails > 0
    assert sum(after.hit.values()) > 0
