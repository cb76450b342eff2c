"""What really happened, from a file: good rows are kept once, bad ones are named by line, and nothing in a cell is trusted."""

import csv
from datetime import datetime

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from core.db import Database
from core.db.tables import AuditRow, Transaction
from core.errors import Invalid
from core.people import transaction_csv
from tests import factories

PATH = "/contacts/transactions/import"


@pytest.fixture
def rosa(database: Database, people: None, now: datetime) -> None:
    with database.write() as session:
        factories.contact(session, "rosa", now=now)
        factories.contact(session, "far", owner_agent_id="southerner", now=now)


def send(client: TestClient, text: str | bytes) -> dict[str, object]:
    raw = text if isinstance(text, bytes) else text.encode()
    answer = client.post(PATH, content=raw, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def stored(database: Database) -> list[tuple[str, float | None, str]]:
    with database.read() as session:
        rows = session.scalars(select(Transaction).order_by(Transaction.occurred_at))
        return [(row.kind, row.value, row.source) for row in rows]


def test_good_rows_are_kept_and_audited_and_bad_ones_named(manager: TestClient, database: Database, rosa: None) -> None:
    told = send(
        manager,
        "contactId,kind,occurredAt,value,source\n"
        'rosa,sale,2025-05-01,"$512,000",county\n'
        "nobody,sale,2025-05-01,,\n"
        "rosa,divorce,2025-05-01,,\n"
        "far,sale,2025-05-01,,\n"
        "rosa,Refinance,2025-06-01T17:00:00-05:00,,mls\n",
    )
    assert (told["accepted"], told["duplicates"], told["refused"]) == (2, 0, 3)
    assert told["errors"] == [
        {"line": 3, "field": "contactId", "reason": "there is no such contact"},
        {"line": 4, "field": "kind", "reason": "one of sale, purchase, refinance, investment"},
        {"line": 5, "field": "contactId", "reason": "there is no such contact"},
    ]
    assert stored(database) == [("sale", 512000.0, "county"), ("refinance", None, "mls")]
    with database.read() as session:
        audited = select(func.count()).select_from(AuditRow).where(AuditRow.action == "transaction.recorded")
        assert session.scalar(audited) == 2


def test_the_same_file_twice_is_one_file(manager: TestClient, database: Database, rosa: None) -> None:
    text = "userId;kind;occurredAt;id\nrosa;sale;2025-05-01;\nrosa;sale;2025-06-01;mls-1\n"
    assert send(manager, text)["accepted"] == 2
    assert send(manager, text) == {"accepted": 0, "duplicates": 2, "refused": 0, "errors": []}
    told = send(manager, "userId,kind,occurredAt,id\nrosa,purchase,2025-06-01,mls-1\n")
    assert told["errors"] == [{"line": 2, "field": "id", "reason": "transaction mls-1 was recorded with other values"}]
    assert len(stored(database)) == 2


def test_a_second_deal_of_a_day_that_brought_another_sum_is_not_dropped_in_silence(
    manager: TestClient, database: Database, rosa: None
) -> None:
    head = "contactId,kind,occurredAt,value\n"
    told = send(manager, f"{head}rosa,investment,2025-05-01,300000\nrosa,investment,2025-05-01,450000\n")
    assert (told["accepted"], told["duplicates"], told["refused"]) == (1, 0, 1)
    assert "with other values" in str(told["errors"])
    assert send(manager, f"{head}rosa,investment,2025-05-01,\n")["duplicates"] == 1


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("rosa,sale,tomorrow,,", "occurredAt"),
        ("rosa,sale,2027-01-01,,", "occurredAt"),
        ("rosa,sale,1066-10-14,,", "occurredAt"),
        ("rosa,sale,0001-01-01T00:00:00+14:00,,", "occurredAt"),
        ("rosa,sale,2025-05-01T17:00:00,,", "occurredAt"),
        ("rosa,sale,2025-05-01,-5,", "value"),
        ("rosa,sale,2025-05-01,nan,", "value"),
        ("rosa,sale,2025-05-01,1e99,", "value"),
        ("rosa,sale,2025-05-01,=1+1,", "value"),
        ('rosa,sale,2025-05-01,"450000,50",', "value"),
        ("rosa,sale,2025-05-01,1_000,", "value"),
        ("rosa,sale,2025-05-01,$450,000,county", "row"),
        ('rosa,sale,2025-05-01,,"=HYPERLINK(""http://evil"")"', "source"),
        ("rosa,sale,2025-05-01,,@SUM(A1)", "source"),
        (f"{'r' * 200},sale,2025-05-01,,", "contactId"),
        (f"rosa,sale,2025-05-01,,{'s' * 65}", "source"),
        (",sale,2025-05-01,,", "contactId"),
        ("rosa", "kind"),
    ],
)
def test_a_hostile_or_broken_cell_is_refused_alone(row: str, field: str, now: datetime) -> None:
    text = f"contactId,kind,occurredAt,value,source\n{row}\nrosa,sale,2025-05-02,,\n"
    kept, wrong = transaction_csv.read(text.encode(), now=now)
    assert len(kept) == 1
    assert [(each.line, each.field) for each in wrong] == [(2, field)]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00c",
        b"contactId,kind\nrosa,sale\n",
        b"contactId,kind,occurredAt\nro\x00sa,sale,2025-05-01\n",
        b'contactId,kind,occurredAt\n"' + b"x" * 200_000 + b'",sale,2025-05-01\n',
        b"contactId,kind,occurredAt\n" + b"rosa,sale,2025-05-01\n" * 20_001,
    ],
    ids=["empty", "not text", "no column", "nul", "one huge cell", "too many rows"],
)
def test_what_is_no_such_file_is_refused_whole(raw: bytes, now: datetime) -> None:
    csv.field_size_limit(1 << 24)  # as a replay in the same process leaves it
    with pytest.raises(Invalid):
        transaction_csv.read(raw, now=now)


def test_a_spreadsheet_sends_it_as_a_form(manager: TestClient, database: Database, rosa: None) -> None:
    raw = "\ufeffContact ID,Kind,Occurred At\r\nrosa,SALE,2025-05-01\r\n\r\n".encode()
    answer = manager.post(PATH, files={"file": ("sold.csv", raw, "text/csv")})
    assert answer.json()["accepted"] == 1
    assert manager.post(PATH, content=b"", headers={"Content-Type": "text/csv"}).status_code == 422
    assert manager.post(PATH, files={"other": ("sold.csv", raw, "text/csv")}).status_code == 422


def test_agents_import_nothing(agent: TestClient) -> None:
    answer = agent.post(PATH, content=b"contactId,kind,occurredAt\n", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 403
