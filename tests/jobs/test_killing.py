"""Both processes are killed at random moments under 2,000 events; afterwards every promise holds."""

from pathlib import Path

import pytest

from bench.killing import drill


@pytest.mark.long
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_by_kills(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    after = drill(folder, database_url, kills=3)
    assert after.broken == ()
    assert after.mails > 0
