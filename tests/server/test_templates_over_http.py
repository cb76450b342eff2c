"""Previews over HTTP: for admins, and clear about what there is not."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from core.clock import FakeClock
from core.db import Database
from tests import webs
from tests.webs import Running


@pytest.fixture
def web(database: Database, clock: FakeClock, now: datetime) -> Iterator[Running]:
    webs.people(database, now)
    with webs.serving_web(database, clock) as running:
        yield running


def test_an_admin_lists_and_sees_messages_and_nobody_else_does(web: Running) -> None:
    def ask(who: str, path: str) -> webs.httpx2.Response:
        token = {"Authorization": f"Bearer {web.token(f'{who}@doorbell.test')}"}
        return webs.request("GET", f"{web.url}/api/v1/templates{path}", headers=token)

    listed = ask("ada", "").json()["items"]
    assert [one["name"] for one in listed] == ["alert", "escalated", "digest", "notice"]
    assert {"email", "sms", "push", "voice", "in_app"} <= set(listed[0]["channels"])
    assert listed[0]["languages"] == ["en", "es"]
    shown = ask("ada", "/alert/preview?channel=email&language=es").json()
    assert shown["subject"] == "Alta: Rosa Diaz probablemente venda"
    assert shown["html"].startswith("<!doctype html>")
    assert shown["text"].startswith("ALTA: ")
    assert ask("ann", "").status_code == 403
    assert ask("mia", "/alert/preview").status_code == 403
    assert ask("ada", "/none/preview").status_code == 404
    wrong = ask("ada", "/alert/preview?channel=pigeon&language=tlh")
    assert wrong.status_code == 422
    assert set(wrong.json()["fields"]) == {"channel", "language"}
