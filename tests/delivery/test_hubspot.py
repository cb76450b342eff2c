"""HubSpot against a server that refuses what the real one refuses: what it holds afterwards, and what every error means."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from core.delivery import DeliveryFailed
from core.delivery.channels import hubspot as channel
from core.delivery.channels.hubspot import HubSpot
from core.delivery.hubspot_records import CONTACT_ID, NOTE_ID, TASK_ID, check_config, preview
from core.delivery.outgoing import Limits
from core.settings import Settings
from tests import hostile
from tests.delivery.crm import known, to_hubspot, told
from tests.providers import hubspot
from tests.providers.hubspot import Account, refuse

LOOPBACK = Limits(private=True, total=20.0)


@pytest.fixture
def account() -> Iterator[Account]:
    with hubspot.serving() as server:
        yield server


@pytest.fixture
def sender() -> HubSpot:
    return HubSpot(limits=LOOPBACK)


def test_a_new_alert_is_a_contact_a_task_and_a_note(account: Account, sender: HubSpot) -> None:
    accepted = sender.send(told(to_hubspot(account)))
    assert account.contacts == [
        {
            CONTACT_ID: "rosa",
            "firstname": "Rosa",
            "lastname": "Diaz",
            "email": "rosa@example.com",
            "phone": "+1 312 555 0142",
            "address": "12 Elm Street",
            "city": "Oak Park",
            "zip": "60302",
        }
    ]
    (task,) = account.tasks
    body = (
        "Rosa Diaz is likely to sell (HIGH)<br>Confidence 82%, chance 14%<br>"
        "Open in Doorbell: http://127.0.0.1:8501/feed?alert=a1"
    )
    assert task == {
        TASK_ID: "a1",
        "hs_task_subject": "Rosa Diaz is likely to sell",
        "hs_task_body": body,
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": "HIGH",
        "hs_task_type": "CALL",
        "hs_timestamp": "1772478000000",
    }
    assert account.notes[0]["hs_note_body"] == f"Doorbell: New alert<br>{body}"
    assert account.associations == {("tasks", "102", "contacts", "101", 204), ("notes", "103", "contacts", "101", 202)}
    assert (accepted.provider_id, accepted.delivered) == ("102", True)


def test_told_again_it_is_the_same_contact_task_and_note(account: Account, sender: HubSpot) -> None:
    first = sender.send(told(to_hubspot(account)))
    assert sender.send(told(to_hubspot(account))) == first
    assert [len(rows) for rows in account.rows.values()] == [1, 1, 1]
    assert len(account.associations) == 2


@pytest.mark.parametrize(
    ("event", "status", "shown", "notes"),
    [
        ("alert:updated", "CONTACTED", "NOT_STARTED", 1),
        ("alert:updated", "DISMISSED", "COMPLETED", 1),
        ("alert:converted", "CONVERTED", "COMPLETED", 2),
    ],
)
def test_an_alert_that_changes_changes_its_task_and_leaves_the_contact_to_people(
    account: Account, sender: HubSpot, event: str, status: str, shown: str, notes: int
) -> None:
    sender.send(told(to_hubspot(account, notes=True)))
    account.rows["contacts"]["101"]["lastname"] = "put right by hand"
    sender.send(told(to_hubspot(account), event, alert__status=status, contact__lastName="put right by hand"))
    assert account.tasks[0]["hs_task_status"] == shown
    assert account.contacts[0]["lastname"] == "put right by hand"
    assert len(account.notes) == notes


def test_a_conversion_leaves_what_people_put_right_in_the_contact(account: Account, sender: HubSpot) -> None:
    sender.send(told(to_hubspot(account)))
    account.rows["contacts"]["101"]["phone"] = "put right by hand"
    sender.send(told(to_hubspot(account), "alert:converted", alert__status="CONVERTED"))
    assert account.contacts[0]["phone"] == "put right by hand"
    assert len({other for kind, _, _, other, _ in account.associations if kind == "notes"}) == 1


def test_a_change_that_comes_before_the_new_alert_writes_all_and_the_order_does_not_matter(
    account: Account, sender: HubSpot
) -> None:
    sender.send(told(to_hubspot(account), "alert:updated", alert__status="DISMISSED"))
    sender.send(told(to_hubspot(account), alert__status="DISMISSED"))
    assert [task["hs_task_status"] for task in account.tasks] == ["COMPLETED"]
    assert ("tasks", "102", "contacts", "101", 204) in account.associations


@pytest.mark.parametrize("several", [False, True])
def test_a_contact_that_somebody_made_before_becomes_ours(account: Account, sender: HubSpot, several: bool) -> None:
    theirs = account.add("contacts", email="rosa@example.com", firstname="R.")
    if several:
        error = {"status": "error", "category": "CONFLICT", "message": "Contact already exists"}
        body = {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [error]}
        account.faults = [("contacts/batch", hostile.answer(207, body=body))]
    sender.send(told(to_hubspot(account)))
    assert account.rows["contacts"] == {
        theirs: {
            CONTACT_ID: "rosa",
            "email": "rosa@example.com",
            "firstname": "Rosa",
            "lastname": "Diaz",
            "phone": "+1 312 555 0142",
            "address": "12 Elm Street",
            "city": "Oak Park",
            "zip": "60302",
        }
    }


def test_two_of_our_contacts_with_one_address_share_the_contact_and_keep_whose_it_was(
    account: Account, sender: HubSpot
) -> None:
    sender.send(told(to_hubspot(account)))
    sender.send(told(to_hubspot(account), contact__id="luis", alert__id="a2", contact__firstName="Luis"))
    assert [contact[CONTACT_ID] for contact in account.contacts] == ["rosa"]
    assert len(account.tasks) == 2


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "<img src=x onerror=y>", "=1+1", "A & B"])
def test_a_hostile_name_stays_text_in_what_is_shown_as_html(account: Account, sender: HubSpot, name: str) -> None:
    sender.send(told(to_hubspot(account), contact__lastName=name, alert__headline=name, alert__summary=name))
    assert account.contacts[0]["lastname"] == account.tasks[0]["hs_task_subject"] == name
    for shown in (
        account.tasks[0]["hs_task_body"],
        account.notes[0]["hs_note_body"].removeprefix("Doorbell: New alert<br>"),
    ):
        assert "<" not in shown
        assert as_shown(shown) == name


@pytest.mark.parametrize("key", ["a/b", "../x", "50% off?x=1#y", "ünïcode", "a b"])
def test_any_id_is_one_part_of_the_path(account: Account, sender: HubSpot, key: str) -> None:
    for event in ("alert:new", "alert:updated"):
        sender.send(told(to_hubspot(account), event, contact__id=key, alert__id=key))
    assert [task[TASK_ID] for task in account.tasks] == [key]


def test_fields_of_ones_own_and_owners(account: Account, sender: HubSpot) -> None:
    own = {"contact": {"city": "alert.territory", "phone": None}, "task": {"hs_task_body": "=See Doorbell <here>"}}
    sender.send(told(to_hubspot(account, mapping=own, notes=False, owners={"ana@doorbell.test": "64492917"})))
    assert (account.contacts[0]["city"], "phone" in account.contacts[0]) == ("oak-park", False)
    assert account.tasks[0]["hs_task_body"] == "See Doorbell &lt;here&gt;"
    assert account.tasks[0]["hubspot_owner_id"] == "64492917"
    assert not account.notes


TOO_MANY = {"policyName": "TEN_SECONDLY_ROLLING"}


@pytest.mark.parametrize(
    ("fault", "retryable", "at_fault", "after", "words"),
    [
        (
            refuse(429, "RATE_LIMITS", "You have reached your limit", {"Retry-After": "7"}, **TOO_MANY),
            True,
            True,
            7,
            "limit",
        ),
        (
            refuse(429, "RATE_LIMITS", "limit", {"X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}, **TOO_MANY),
            True,
            True,
            10,
            "limit",
        ),
        (refuse(429, "RATE_LIMITS", "daily limit", policyName="DAILY"), True, True, 3600, "daily"),
        (refuse(429, "RATE_LIMITS", "secondly"), True, True, None, "secondly"),
        (refuse(403, "MISSING_SCOPES", "requires crm.objects.contacts.write"), True, True, None, "lacks a scope"),
        (refuse(423, "LOCKED", "locked"), True, False, 2, "locked"),
        (refuse(477, "MIGRATING", "x", {"Retry-After": "86400"}), True, True, 86400, "moving"),
        (refuse(400, "VALIDATION_ERROR", 'Property "x" does not exist'), False, True, None, '"x"'),
        (refuse(400, "VALIDATION_ERROR", "Email address is invalid"), False, False, None, "Email"),
        (refuse(409, "CONFLICT", "Contact already exists"), True, False, None, "already exists"),
        (hostile.answer(500), True, True, None, "500"),
        (hostile.answer(502, body="<html>"), True, True, None, "502"),
        (hostile.answer(503, {"Retry-After": "5"}), True, True, 5, "503"),
        (hostile.answer(200, body="not json"), True, True, None, "did not say"),
        (hostile.answer(200, body=b"\xff\xfe"), True, True, None, "did not say"),
        (hostile.answer(200, body={"results": [{"id": "../x"}]}), True, True, None, "did not say"),
        (hostile.answer(200, body={"results": "x", "errors": {}}), True, True, None, "did not say"),
        (
            hostile.answer(207, body={"errors": [{"category": "VALIDATION_ERROR", "message": "no"}]}),
            False,
            False,
            None,
            "no",
        ),
        (hostile.redirect("https://api.hubapi.com/"), False, True, None, "redirects are not followed"),
        (hostile.hang, True, True, None, "in time"),
        (hostile.slow_headers, True, True, None, "in time"),
        (hostile.reset, True, True, None, "broke off"),
    ],
)
def test_what_each_refusal_means(
    account: Account, fault: hostile.Behaviour, retryable: bool, at_fault: bool, after: float | None, words: str
) -> None:
    account.faults = [("contacts/batch", fault)]
    limits = replace(LOOPBACK, total=0.3 if fault in (hostile.hang, hostile.slow_headers) else 20.0)
    failure = fails(HubSpot(limits=limits), to_hubspot(account))
    assert words in failure.reason
    assert (failure.retryable, failure.provider_at_fault, failure.retry_after) == (retryable, at_fault, after)
    assert failure.answered == (not retryable and not at_fault)


@pytest.mark.parametrize("part", ["contacts/batch", "tasks/batch", "associations", "notes/batch"])
def test_a_try_that_breaks_anywhere_is_made_whole_by_the_next(account: Account, sender: HubSpot, part: str) -> None:
    account.faults = [(part, hostile.reset)]
    assert fails(sender, to_hubspot(account)).retryable
    sender.send(told(to_hubspot(account)))
    assert [len(rows) for rows in account.rows.values()] == [1, 1, 1]
    assert len(account.associations) == 2


def test_a_key_that_is_refused_waits_for_people_and_is_not_told(account: Account, sender: HubSpot) -> None:
    account.faults = [("", refuse(401, "INVALID_AUTHENTICATION", f"no such key {hubspot.TOKEN}"))]
    failure = fails(sender, to_hubspot(account))
    assert (failure.retryable, failure.provider_at_fault) == (True, True)
    assert hubspot.TOKEN not in failure.reason
    assert "refused our key" in fails(sender, to_hubspot(account, token="pat-wrong")).reason


@pytest.mark.parametrize("kept", ["pat na1", "pat\nx: y", "päßt"])
def test_what_cannot_be_a_key_is_final_and_told_nowhere(account: Account, sender: HubSpot, kept: str) -> None:
    failure = fails(sender, to_hubspot(account, token=kept))
    assert not failure.retryable
    assert kept not in failure.reason


def test_a_test_asks_for_the_account_and_the_properties_and_changes_nothing(account: Account, sender: HubSpot) -> None:
    said = sender.send(told(to_hubspot(account), "endpoint:test"))
    assert said.said == "signed in to account 123456 (STANDARD)"
    assert {request.method for request in account.server.requests} == {"GET"}
    account.unique["notes"].clear()
    assert sender.send(told(to_hubspot(account, notes=False), "endpoint:test")).said
    account.unique["tasks"].clear()
    with pytest.raises(DeliveryFailed, match=f"tasks have no property {TASK_ID} that requires unique values"):
        sender.send(told(to_hubspot(account), "endpoint:test"))


def test_the_task_of_an_alert_that_went_to_another_team_is_closed_and_none_is_made(
    account: Account, sender: HubSpot
) -> None:
    lost = replace(told(to_hubspot(account), "alert:assigned"), about={"alert.id": "a1"})
    sender.send(lost)
    assert not any(account.rows.values())
    sender.send(told(to_hubspot(account)))
    sender.send(lost)
    assert account.tasks[0]["hs_task_status"] == "COMPLETED"


def test_in_production_only_hubspot_itself_is_called(account: Account) -> None:
    assert list(check_config(account.url, {}, Settings())) == ["url"]
    assert channel.home(to_hubspot(account), private=False) == "https://api.hubapi.com"
    for url in ("", "https://api.hubapi.com"):
        assert not check_config(url, {}, Settings())


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"mapping": {"lead": {}}}, "config.mapping"),
        ({"mapping": {"contact": {CONTACT_ID: "contact.id"}}}, f"config.mapping.contact.{CONTACT_ID}"),
        ({"mapping": {"task": {"hs_task_subject": None}}}, "config.mapping.task.hs_task_subject"),
        ({"mapping": {"contact": []}}, "config.mapping.contact"),
        ({"owners": {"ana@doorbell.test": "Ana"}}, "config.owners.ana@doorbell.test"),
        ({"owners": []}, "config.owners"),
        ({"notes": "yes"}, "config.notes"),
    ],
)
def test_a_setting_that_is_wrong_is_named(config: dict[str, Any], field: str) -> None:
    assert list(check_config("", config, Settings())) == [field]


def test_the_preview_is_what_is_sent(account: Account, sender: HubSpot) -> None:
    shown = preview(known(), {}, Settings())
    sender.send(told(to_hubspot(account)))
    assert (shown["contacts"], shown["tasks"]) == (account.contacts[0], account.tasks[0])
    assert (shown["notes"][NOTE_ID], shown["notes"]["hs_note_body"]) == (
        account.notes[0][NOTE_ID],
        account.notes[0]["hs_note_body"],
    )


def as_shown(shown: str) -> str:
    """As a browser would show it."""
    for mark, text in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&")):
        shown = shown.replace(mark, text)
    return shown


def fails(sender: HubSpot, endpoint: Any) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        sender.send(told(endpoint))
    return caught.value
