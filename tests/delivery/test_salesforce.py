"""Salesforce against a server that refuses what the real one refuses: what it holds afterwards, and what every error means."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from core.delivery import DeliveryFailed
from core.delivery.channels import salesforce as channel
from core.delivery.channels.salesforce import Salesforce
from core.delivery.outgoing import Limits
from core.delivery.salesforce_records import LEAD_ID, TASK_ID, check_config, preview
from core.settings import Settings
from tests import hostile
from tests.delivery.crm import LINK, SUMMARY, known, to_salesforce, told
from tests.providers import salesforce
from tests.providers.salesforce import Org, refuse

LOOPBACK = Limits(private=True, total=20.0)


@pytest.fixture
def org() -> Iterator[Org]:
    with salesforce.serving() as server:
        yield server


@pytest.fixture
def sender() -> Salesforce:
    return Salesforce(limits=LOOPBACK, timezone="America/Chicago")


def test_a_new_alert_is_a_lead_and_its_task(org: Org, sender: Salesforce) -> None:
    accepted = sender.send(told(to_salesforce(org)))
    assert org.leads == [
        {
            "Id": "00Q000000000000001",
            "FirstName": "Rosa",
            "LastName": "Diaz",
            "Company": "Homeowner",
            "Email": "rosa@example.com",
            "Phone": "+1 312 555 0142",
            "Street": "12 Elm Street",
            "City": "Oak Park",
            "PostalCode": "60302",
            "LeadSource": "Doorbell",
        }
    ]
    assert org.tasks == [
        {
            "Id": accepted.provider_id,
            "Subject": "Rosa Diaz is likely to sell",
            "Description": SUMMARY,
            "Status": "Not Started",
            "Priority": "High",
            "ActivityDate": "2026-03-02",
            "WhoId": "00Q000000000000001",
        }
    ]
    assert accepted.delivered


def test_told_again_it_is_the_same_lead_and_task(org: Org, sender: Salesforce) -> None:
    first = sender.send(told(to_salesforce(org)))
    org.silent_updates = True
    assert sender.send(told(to_salesforce(org))) == first
    assert (len(org.leads), len(org.tasks), org.sign_ins) == (1, 1, 1)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("ACKNOWLEDGED", "Not Started"),
        ("CONTACTED", "In Progress"),
        ("CONVERTED", "Completed"),
        ("EXPIRED", "Completed"),
    ],
)
def test_an_alert_that_changes_changes_its_task_and_leaves_the_lead_to_people(
    org: Org, sender: Salesforce, status: str, shown: str
) -> None:
    sender.send(told(to_salesforce(org)))
    org.leads[0]["Phone"] = "put right by hand"
    sender.send(told(to_salesforce(org), "alert:updated", alert__status=status))
    assert org.tasks[0]["Status"] == shown
    assert org.tasks[0]["Subject"] == "Rosa Diaz is likely to sell"
    assert org.leads[0]["Phone"] == "put right by hand"


def test_a_change_that_comes_before_the_new_alert_writes_both_and_the_order_does_not_matter(
    org: Org, sender: Salesforce
) -> None:
    sender.send(told(to_salesforce(org), "alert:converted", alert__status="CONVERTED"))
    sender.send(told(to_salesforce(org), alert__status="CONVERTED"))
    assert [(task["Status"], task["WhoId"]) for task in org.tasks] == [("Completed", org.leads[0]["Id"])]


def test_the_task_of_a_lead_that_was_converted_goes_to_the_person_it_became(org: Org, sender: Salesforce) -> None:
    org.rows["Lead"]["rosa"] = [{"Id": "00Q1", "IsConverted": True, "ConvertedContactId": "003000000000000042"}]
    sender.send(told(to_salesforce(org)))
    assert org.tasks[0]["WhoId"] == "003000000000000042"


def test_what_is_unknown_never_empties_a_field(org: Org, sender: Salesforce) -> None:
    sender.send(told(to_salesforce(org)))
    sender.send(told(to_salesforce(org), contact__phone=None, home__city=None, contact__email=None))
    assert (org.leads[0]["Phone"], org.leads[0]["City"]) == ("+1 312 555 0142", "Oak Park")


@pytest.mark.parametrize("key", ["a/b", "../../limits", "rosa.inc", "50% off?x=1#y", "ünïcode", "..", "a b"])
def test_any_id_of_a_contact_is_one_part_of_the_path(org: Org, sender: Salesforce, key: str) -> None:
    sender.send(told(to_salesforce(org), contact__id=key))
    assert list(org.rows["Lead"]) == [key]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", '"; DROP', "Jörg " * 60])
def test_a_hostile_name_stays_text_and_fits(org: Org, sender: Salesforce, name: str) -> None:
    sender.send(told(to_salesforce(org), contact__lastName=name, alert__headline=name))
    assert org.leads[0]["LastName"] == name[:80]
    assert org.tasks[0]["Subject"] == name[:255]


def test_fields_of_ones_own_are_added_replaced_and_dropped(org: Org, sender: Salesforce) -> None:
    own = {
        "lead": {"Company": "=Private", "Home_Value__c": "home.value", "Phone": None, "Status": "=Open"},
        "task": {"Description": "alert.link"},
    }
    sender.send(told(to_salesforce(org, mapping=own, owners={"ana@doorbell.test": "005000000000001AAA"})))
    lead, task = org.leads[0], org.tasks[0]
    assert (lead["Company"], lead["Home_Value__c"], lead["Status"]) == ("Private", 450_000.0, "Open")
    assert "Phone" not in lead
    assert (task["Description"], task["OwnerId"]) == (LINK, "005000000000001AAA")


def test_a_session_that_ended_is_renewed_once(org: Org, sender: Salesforce) -> None:
    sender.send(told(to_salesforce(org)))
    org.tokens.clear()
    sender.send(told(to_salesforce(org)))
    assert org.sign_ins == 2


def test_a_session_that_is_never_taken_is_not_asked_for_for_ever(org: Org, sender: Salesforce) -> None:
    expired = refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")
    org.faults = [("sobjects", expired)] * 9
    failure = fails(sender, org)
    assert failure.retryable
    assert org.sign_ins == 1
    assert fails(sender, org).retryable
    assert (org.sign_ins, len(org.faults)) == (2, 6), "one renewal a message"


def test_many_threads_sign_in_and_send_at_once(org: Org, sender: Salesforce) -> None:
    threads = [
        threading.Thread(target=sender.send, args=(told(to_salesforce(org), alert__id=f"a{number}"),))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(org.tasks) == 4


@pytest.mark.parametrize(
    ("secret", "client_id", "words"),
    [
        ("wrong-secret-123456", salesforce.CLIENT_ID, "invalid client credentials"),
        (salesforce.SECRET, "3MVG9no", "identifier"),
    ],
)
def test_a_sign_in_that_is_refused_waits_for_people_and_tells_no_secret(
    org: Org, sender: Salesforce, secret: str, client_id: str, words: str
) -> None:
    failure = fails(sender, org, secret=secret, clientId=client_id)
    assert (failure.retryable, failure.provider_at_fault) == (True, True)
    assert words in failure.reason
    assert secret not in failure.reason


@pytest.mark.parametrize(
    ("fault", "retryable", "at_fault", "words"),
    [
        (refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), True, True, "TotalRequests"),
        (refuse(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"), True, False, "UNABLE_TO_LOCK_ROW"),
        (refuse(400, "DUPLICATE_VALUE", "duplicate value found: Doorbell"), True, False, "DUPLICATE_VALUE"),
        (refuse(400, "INVALID_FIELD", "No such column 'Foo__c' on sobject of type Lead"), False, True, "Foo__c"),
        (refuse(400, "REQUIRED_FIELD_MISSING", "Required fields are missing", "Branch__c"), False, False, "Branch__c"),
        (refuse(400, "DUPLICATES_DETECTED", "Use one of these records?"), False, False, "duplicate rule"),
        (refuse(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Phone is needed"), False, False, "Phone is needed"),
        (refuse(404, "NOT_FOUND", "Provided external ID field does not exist: X__c"), False, True, "X__c"),
        (refuse(503, "SERVER_UNAVAILABLE", "Server Unavailable"), True, True, "SERVER_UNAVAILABLE"),
        (hostile.answer(500), True, True, "500"),
        (hostile.answer(502, body="<html>Bad Gateway</html>"), True, True, "502"),
        (hostile.answer(429, {"Retry-After": "30"}), True, True, "429"),
        (hostile.answer(300, body=["/a", "/b"]), False, False, "several records"),
        (hostile.answer(400, body=[]), False, False, "400"),
        (hostile.answer(400, body={"x": [1]}), False, False, "400"),
        (hostile.answer(201, body="not json"), True, True, "did not say under which id"),
        (hostile.answer(201, body={"id": 7}), True, True, "did not say under which id"),
        (hostile.redirect("https://login.salesforce.com/"), False, True, "redirects are not followed"),
        (hostile.hang, True, True, "in time"),
        (hostile.slow_headers, True, True, "in time"),
        (hostile.reset, True, True, "broke off"),
        (hostile.garbage, True, True, "broke off"),
    ],
)
def test_what_each_refusal_means(
    org: Org, fault: hostile.Behaviour, retryable: bool, at_fault: bool, words: str
) -> None:
    org.faults = [("sobjects/Lead", fault), ("sobjects/Lead", hostile.answer(200, body={}))]
    limits = replace(LOOPBACK, total=0.3 if fault in (hostile.hang, hostile.slow_headers) else 20.0)
    sender = Salesforce(limits=limits, timezone="UTC")
    failure = fails(sender, org)
    assert words in failure.reason
    assert (failure.retryable, failure.provider_at_fault) == (retryable, at_fault)


def test_a_day_whose_calls_are_used_up_waits_an_hour(org: Org, sender: Salesforce) -> None:
    org.faults = [("sobjects", refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))]
    assert fails(sender, org).retry_after == 3600


@pytest.mark.parametrize(("used", "warned"), [(13_000, set()), (14_000, {"salesforce_calls_nearly_used_up"})])
def test_a_day_whose_calls_are_nearly_used_up_is_logged(
    org: Org, sender: Salesforce, monkeypatch: pytest.MonkeyPatch, used: int, warned: set[str]
) -> None:
    heard = set()
    log = SimpleNamespace(warning=lambda event, **_: heard.add(event))
    monkeypatch.setattr(channel, "_log", log)
    org.used = used
    sender.send(told(to_salesforce(org)))
    assert heard == warned


@pytest.mark.parametrize("body", ["", "[]", '{"access_token": 5}', '{"access_token": "a\\nb", "instance_url": "x"}'])
def test_a_sign_in_that_answers_nonsense_is_tried_again(org: Org, sender: Salesforce, body: str) -> None:
    org.faults = [("oauth2", hostile.answer(body=body))]
    assert fails(sender, org).retryable


def test_a_field_we_need_is_asked_for_in_a_test_and_what_is_left_is_said(org: Org, sender: Salesforce) -> None:
    endpoint = to_salesforce(org)
    said = sender.send(told(endpoint, "endpoint:test"))
    assert said.said == "signed in; 14989 of 15000 calls are left today"
    assert not org.writes, "a test changes nothing"
    del org.external["Task"]
    with pytest.raises(DeliveryFailed, match=f"Task has no field {TASK_ID}"):
        sender.send(told(endpoint, "endpoint:test"))


@pytest.mark.parametrize("kept", ["", "a b", "line\nbreak", "sécret"])
def test_what_cannot_be_a_secret_is_final_and_told_nowhere(org: Org, sender: Salesforce, kept: str) -> None:
    failure = fails(sender, org, secret=kept)
    assert (failure.reason, failure.retryable) == (
        "enter the consumer secret of Salesforce again: what is kept is none",
        False,
    )


def test_a_line_break_that_was_pasted_with_the_secret_does_no_harm(org: Org, sender: Salesforce) -> None:
    sender.send(told(to_salesforce(org, secret=f"{salesforce.SECRET}\r\n")))
    assert len(org.tasks) == 1


def test_the_task_of_an_alert_that_went_to_another_team_is_closed_and_none_is_made(
    org: Org, sender: Salesforce
) -> None:
    lost = replace(told(to_salesforce(org), "alert:assigned"), about={"alert.id": "a1"})
    sender.send(lost)
    assert org.leads == org.tasks == []
    sender.send(told(to_salesforce(org)))
    sender.send(lost)
    assert org.tasks[0]["Status"] == "Deferred"
    org.external["Task"] = "Renamed__c"
    with pytest.raises(DeliveryFailed, match=TASK_ID):
        sender.send(lost)


def test_an_alert_that_is_gone_is_final(org: Org, sender: Salesforce) -> None:
    with pytest.raises(DeliveryFailed) as caught:
        sender.send(replace(told(to_salesforce(org)), about={}))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.my.salesforce.com",
        "https://login.salesforce.com",
        "https://acme.my.salesforce.com.evil.test",
        "https://127.0.0.1",
        "https://acme.my.salesforce.com/services",
        "https://user@acme.my.salesforce.com",
        "https://acme.my.salesforce.com:444",
        "https://[",
        "",
    ],
)
def test_in_production_only_an_organization_s_own_address_is_called(org: Org, url: str) -> None:
    fields = check_config(url, {"clientId": salesforce.CLIENT_ID}, Settings())
    assert list(fields) == ["url"]
    sender = Salesforce(limits=Limits(), timezone="UTC")
    with pytest.raises(DeliveryFailed, match="cannot be used") as caught:
        sender.send(told(replace(to_salesforce(org), url=url)))
    assert not caught.value.retryable


@pytest.mark.parametrize("url", ["https://acme.my.salesforce.com", "https://acme--uat.sandbox.my.salesforce.com/"])
def test_an_organization_s_own_address_is_fine(url: str) -> None:
    assert not check_config(url, {"clientId": salesforce.CLIENT_ID}, Settings())


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"clientId": ""}, "config.clientId"),
        ({"clientID": "x"}, "config.clientID"),
        ({"mapping": {"contact": {}}}, "config.mapping"),
        ({"mapping": {"lead": {"Phone": "contact.shoe"}}}, "config.mapping.lead.Phone"),
        ({"mapping": {"lead": {"LastName": None}}}, "config.mapping.lead.LastName"),
        ({"mapping": {"lead": {LEAD_ID: "contact.id"}}}, f"config.mapping.lead.{LEAD_ID}"),
        ({"mapping": {"lead": {"a-b": "contact.id"}}}, "config.mapping.lead.a-b"),
        ({"mapping": {"task": {"WhoId": "contact.id"}}}, "config.mapping.task.WhoId"),
        ({"owners": {"ana@doorbell.test": "Ana"}}, "config.owners.ana@doorbell.test"),
    ],
)
def test_a_setting_that_is_wrong_is_named(config: dict[str, Any], field: str) -> None:
    whole = {"clientId": salesforce.CLIENT_ID, **config}
    assert list(check_config("https://acme.my.salesforce.com", whole, Settings())) == [field]


def test_the_preview_is_what_is_sent(org: Org, sender: Salesforce) -> None:
    endpoint = to_salesforce(org, mapping={"lead": {"Company": "=Private"}})
    shown = preview(known(), endpoint.config, Settings())
    sender.send(told(endpoint))
    assert shown["Lead"] == {LEAD_ID: "rosa", **{name: value for name, value in org.leads[0].items() if name != "Id"}}
    assert shown["Task"].items() <= {TASK_ID: "a1", **org.tasks[0]}.items()


def fails(sender: Salesforce, org: Org, *, secret: str = salesforce.SECRET, **config: Any) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        sender.send(told(to_salesforce(org, secret=secret, **config)))
    return caught.value
